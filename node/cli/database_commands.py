"""`database`: brought up to a newer program, and moved between SQLite and PostgreSQL."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.context import Json, add, add_group, caller, replace_file, settings_of
from node.cli.output import give, progress

if TYPE_CHECKING:
    from rich.console import Console

_NAMED = re.compile(r"(?m)^database\s*=.*$")


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
    _name(caller(context).data / FILE_NAME, target)
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


def _name(path: Path, target: str) -> None:
    """Name another database in the settings, and leave every other line as it is."""
    line = f"database = {json.dumps(target)}"
    text = path.read_text("utf-8")
    named, found = _NAMED.subn(lambda _: line, text, count=1)
    if not found:
        head, section, rest = text.partition("[store]\n")
        named = f"{head}[store]\n{line}\n{rest}" if section else f"{text}\n[store]\n{line}\n"
    replace_file(path, lambda fresh: fresh.write_text(named, "utf-8"))
