"""Where a node's database is, and whether its tables are those of this program.

`REVISION` names the newest migration in `migrations/versions`; a database says in `alembic_version`
which one it has. A new database is made whole; an old one is brought up by `upgrade`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, select

from node.errors import Code, Refusal
from node.store import schema
from node.store.database import Database, insert_rows
from node.store.vault import Vault

REVISION: Final = "0001"
MOVED: Final = "moved"
ARRIVING: Final = "arriving"
_NOT_HERE: Final = {
    MOVED: "was moved: the settings must name the one that it was moved to",
    ARRIVING: "is arriving from another: finish 'symbolon database move'",
}
_ON_A_SERVER: Final = "://"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def require_room(data: Path, named: str) -> None:
    """Require that there is nothing yet where a new database is to be.

    Raises:
        Refusal: CONFLICT where there is something.
    """
    if _ON_A_SERVER not in named:
        if (data / named).exists():
            raise Refusal(Code.CONFLICT, f"there is a journal in {data / named} already")
        return
    database = Database(named)
    try:
        if database.read_now(_tables):
            raise Refusal(Code.CONFLICT, "there are tables in the database already; name another")
    finally:
        database.close()


def make_database(
    data: Path, named: str, fill: Callable[[Connection], None], vault: Vault | None = None
) -> None:
    """Make a database with all tables and what `fill` writes, or nothing.

    A file is readable by its owner only. With a vault, its keys are made too.
    """
    if _ON_A_SERVER not in named:
        (data / named).touch(0o600, exist_ok=False)
    database = Database(_url(data, named))

    def make(connection: Connection) -> None:
        make_tables(connection)
        if vault is not None:
            vault.make(connection)
        fill(connection)

    try:
        database.write_now(make)
    finally:
        database.close()


def open_database(data: Path, named: str, vault: Vault) -> Database:
    """Open a node's database; makes its keys where it has none yet.

    Raises:
        Refusal: UNKNOWN where there is none, CONFLICT where its tables are not those of this
            program, STALE where it cannot be reached or its master key is not there.
    """
    database = existing_database(data, named, vault)
    try:
        database.read_now(_require_current)
        if not database.read_now(vault.open):
            database.write_now(vault.prepare)
    except BaseException:
        database.close()
        raise
    return database


def upgrade(data: Path, named: str) -> tuple[str, str]:
    """Bring a database up to this program's tables, all steps or none; returns before and after.

    Raises:
        Refusal: UNKNOWN where there is none, CONFLICT where it is of a newer program.
    """
    # Here, not above: it takes longer to import than a node to open.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS))
    database = existing_database(data, named)

    def work(connection: Connection) -> tuple[str, str]:
        before = revision(connection)
        configuration.attributes["connection"] = connection
        try:
            command.upgrade(configuration, "head")
        except CommandError:
            raise Refusal(
                Code.CONFLICT,
                f"the database is at revision {before}, which this program does not know: it was "
                "written by a newer one",
            ) from None
        return before, revision(connection)

    try:
        return database.write_now(work)
    finally:
        database.close()


def make_tables(connection: Connection) -> None:
    """Make all tables, as the newest migration leaves them."""
    schema.metadata.create_all(connection)
    insert_rows(connection, schema.alembic_version, [(REVISION,)])


def revision(connection: Connection) -> str:
    """Return which migration a database has; empty for one that knows of none.

    Raises:
        Refusal: UNKNOWN where there is no journal in it.
    """
    tables = _tables(connection)
    if schema.head.name not in tables:
        raise Refusal(Code.UNKNOWN, "there is no journal in the database; run 'symbolon init'")
    if schema.alembic_version.name not in tables:
        return ""
    found: str = connection.execute(select(schema.alembic_version.c.version_num)).scalar_one()
    return found


def _require_current(connection: Connection) -> None:
    found = revision(connection)
    if found in _NOT_HERE:
        raise Refusal(Code.CONFLICT, f"the database {_NOT_HERE[found]}")
    if found != REVISION:
        raise Refusal(
            Code.CONFLICT,
            f"the database is at revision {found or 'none'}, this program at {REVISION}: stop the "
            "node, back its database up and run 'symbolon database upgrade'",
        )


def existing_database(data: Path, named: str, vault: Vault | None = None) -> Database:
    """Open a database whatever its tables are: to look at it, upgrade or move it.

    Raises:
        Refusal: UNKNOWN where there is none.
    """
    if _ON_A_SERVER not in named and not (data / named).exists():
        raise Refusal(Code.UNKNOWN, f"there is no journal in {data / named}; run 'symbolon init'")
    return Database(_url(data, named), vault)


def _url(data: Path, named: str) -> str:
    return named if _ON_A_SERVER in named else f"sqlite:///{data / named}"


def _tables(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()
