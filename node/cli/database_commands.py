"""`database`: brought up to a newer program, moved to another, and its master key rotated."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, add, add_group, caller, replace_file, settings_of
from node.cli.output import give, progress

if TYPE_CHECKING:
    from rich.console import Console

_FILE = "file"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    own = "symbolon --data xa database"
    database = add_group(app, "database", "The database under a node.", f"{own} upgrade")
    add(database, "upgrade", upgrade_database, f"{own} upgrade")
    add(
        database,
        "move",
        move,
        f"{own} move 'postgresql://node@db.example/xa?passfile=/etc/symbolon/pgpass'",
        f"{own} move node-2.db",
    )
    add(
        database,
        "rotate-key",
        rotate_key,
        f"{own} rotate-key",
        f"{own} rotate-key --master 'pkcs11:token=store;object=master"
        "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=store.pin'",
    )


def upgrade_database(context: typer.Context, as_json: Json = False) -> None:
    """Bring the database up to this program: all steps, or none.

    Stop the node and back the database up first. A program refuses to open a database of another
    revision, so nothing is ever written the wrong way.
    """
    from node.store.opening import upgrade

    data, settings = settings_of(context)
    before, after = upgrade(data, settings.store.database)

    def show(console: "Console") -> None:
        said = f"at {after} already" if before == after else f"from {before or 'none'} to {after}"
        console.print(f"[bold green]✓[/] The database is {said}")

    give(as_json, {"before": before, "after": after}, show)


def move(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="postgresql://user@host/database?passfile=FILE, or a file in the data directory.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Move the database of a stopped node to an empty one, and prove that all of it arrived.

    Every row is read back and compared; then the settings name the new database, and the old one
    is marked so that no node opens it again: a journal that is continued twice is a fork. Stopped
    half-way, the same command goes on.
    """
    from node.settings import FILE_NAME
    from node.store.moving import move_database

    data, settings = settings_of(context)
    with progress(as_json) as told:
        arrived = move_database(
            data, settings.store.database, target, lambda rows: told("Rows copied", rows)
        )
    _name(caller(context).data / FILE_NAME, "database", target)
    content = {"from": settings.store.database, "rows": arrived.rows, "digest": arrived.digest}

    def show(console: "Console") -> None:
        rows = sum(arrived.rows.values())
        console.print(
            f"[bold green]✓[/] {rows:,} rows in {len(arrived.rows)} tables arrived, each compared"
        )
        console.print(
            f"{FILE_NAME} names the new database; {settings.store.database} is no longer a node's: "
            "remove it once the new one is backed up",
            markup=False,
        )

    give(as_json, content, show)


def rotate_key(
    context: typer.Context,
    master: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="pkcs11:token=NAME;object=KEY?module-path=LIBRARY&pin-source=FILE, or 'file'.",
            show_default="as the settings say",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Encrypt the keys of the database with a new master key, and destroy the old one.

    The node may serve meanwhile. Every data key is wrapped anew, some at a time; what is
    encrypted with them stays as it is. Stopped half-way, the same command goes on. Back the new
    key file up: without it nothing that the database holds of people can be read again.
    """
    from contextlib import closing

    from node.assembly import vault_for
    from node.settings import FILE_NAME
    from node.store.opening import open_database
    from node.store.rotation import rotate_master

    data, settings = settings_of(context)
    vault = vault_for(data, settings)
    token = settings.store.master if master is None else master.removeprefix(_FILE)
    with (
        closing(open_database(data, settings.store.database, vault)) as database,
        progress(as_json) as told,
    ):
        rotated = rotate_master(database, vault, token, lambda keys: told("Keys wrapped", keys))
    if token != settings.store.master:
        _name(caller(context).data / FILE_NAME, "master", token)
    content = {
        "master": rotated.master,
        "file": rotated.file,
        "keys": rotated.keys,
        "destroyed": rotated.destroyed,
    }

    def show(console: "Console") -> None:
        gone = ", ".join(rotated.destroyed)
        console.print(f"[bold green]✓[/] {rotated.keys:,} keys wrapped anew; {gone} destroyed")
        console.print(f"Back up {settings.store.keys}/{rotated.file} now", markup=False)

    give(as_json, content, show)


def _name(path: Path, knob: str, value: str) -> None:
    """Change a knob of the store in the settings, and leave every other line as it is."""
    line = f"{knob} = {json.dumps(value)}"
    text = path.read_text("utf-8")
    named, found = re.subn(rf"(?m)^{knob}\s*=.*$", lambda _: line, text, count=1)
    if not found:
        head, section, rest = text.partition("[store]\n")
        named = f"{head}[store]\n{line}\n{rest}" if section else f"{text}\n[store]\n{line}\n"
    replace_file(path, lambda fresh: fresh.write_text(named, "utf-8"))
