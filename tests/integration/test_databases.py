"""The database under a node: PostgreSQL in place of a file, migrations, and moving between them."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text, update

from node.errors import Code, Refusal
from node.store import migrations, moving, schema
from node.store.database import Database
from node.store.master_keys import MasterKeys
from node.store.opening import REVISION, existing_database, open_database, revision, upgrade
from node.store.vault import Vault
from tests.integration.command_line import (
    BIRTH_DATE,
    COLUMNS,
    Finished,
    call,
    done,
    found_nodes,
    rows,
    run,
    serving,
)
from tests.postgres import Postgres

_EMPLOYER = ("--name", "Harbour Steel", "--register-id", "4711", "--sector", "C25")


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.make_database()


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """XA on a file, with three credentials and a share code; tests take a copy."""
    place = tmp_path_factory.mktemp("founded")
    found_nodes(place, "XA", "XB")
    _fill(place, "XA")
    return place


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place")) / "XA"


def _fill(place: Path, node: str) -> str:
    """Import three credentials; returns a share code of the first."""
    (place / "three.csv").write_text(f"{COLUMNS}\n{rows(node, 1, 3)}")
    done("--data", place / node, "registry", "import", place / "three.csv")
    create = ("share", "create", f"{node}-2020-000001", "--purpose", "employment", "--uses", "9")
    code: str = done("--data", place / node, *create)["share_code"]
    return code


def _ask(place: Path, url: str, code: str) -> Finished:
    question = json.dumps({"share_code": code, "birth_date": BIRTH_DATE})
    door = ("--node-url", url, "--key-file", place / "employer.key")
    return run("ask", *door, "--request", "-", "--json", stdin=question)


def _refusal_of(data: Path, named: str) -> Refusal:
    with pytest.raises(Refusal) as refused:
        open_database(data, named, _vault(data))
    return refused.value


# --- PostgreSQL ----------------------------------------------------------------------------


def test_two_nodes_on_postgresql_exchange_and_can_be_audited(
    postgres: Postgres, tmp_path: Path
) -> None:
    urls = {node: postgres.make_database() for node in ("XA", "XB")}
    root = found_nodes(tmp_path, "XA", "XB", databases=urls)
    code = _fill(tmp_path, "XB")
    done("--data", tmp_path / "XA", "key", "create", *_EMPLOYER, "--out", tmp_path / "employer.key")
    with serving(tmp_path / "XB"), serving(tmp_path / "XA") as ready:
        asked = _ask(tmp_path, f"http://127.0.0.1:{ready['http_port']}", code)
    assert (asked.status, asked.content.get("outcome")) == (0, "confirmed"), asked
    journals = []
    for node in urls:
        assert not (tmp_path / node / "node.db").exists()
        assert done("--data", tmp_path / node, "journal", "verify")["verdict"] == "PASS"
        journal = tmp_path / f"{node}.symbolon-journal"
        done("--data", tmp_path / node, "journal", "export-all", journal, "--for", "Audit 2026")
        journals.append(journal)
    assert done("audit", "replay", *journals, "--root", root)["verdict"] == "PASS"


def test_a_database_with_tables_in_it_takes_no_new_node(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.make_database()
    found_nodes(tmp_path, "XA", databases={"XA": url})
    again = call(
        *("--data", tmp_path / "again", "init", "--node", "XA", "--authority", "Again"),
        *("--root", tmp_path / "root.json", "--database", url, "--json"),
    )
    assert (again.status, again.content["code"]) == (3, "conflict")
    assert "there are tables in the database already" in again.content["reason"]


def test_a_password_in_the_settings_is_refused_and_not_repeated(tmp_path: Path) -> None:
    refusal = _refusal_of(tmp_path, "postgresql://node:hunter2@db.example/xa")
    assert refusal.code is Code.MALFORMED
    assert "passfile=FILE" in refusal.reason
    assert "hunter2" not in refusal.reason


@pytest.mark.parametrize("url", ["mysql://db.example/xa", "://"])
def test_other_databases_are_refused(url: str, tmp_path: Path) -> None:
    assert _refusal_of(tmp_path, url).code is Code.MALFORMED


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    refusal = _refusal_of(tmp_path, f"postgresql://node@/xa?host={tmp_path}")
    assert refusal.code is Code.STALE
    assert "bring its server back" in refusal.reason


def test_one_writer_at_a_time_on_a_server(postgres: Postgres) -> None:
    url = postgres.make_database()
    with closing(Database(url)) as one, closing(Database(url)) as other:
        one.write_now(lambda connection: connection.execute(text("CREATE TABLE n (v int)")))
        one.write_now(lambda connection: connection.execute(text("INSERT INTO n VALUES (0)")))

        def bump(connection: Connection) -> None:
            held = connection.execute(text("SELECT v FROM n")).scalar_one()
            connection.execute(text("UPDATE n SET v = :v"), {"v": held + 1})

        def many(database: Database) -> None:
            for _ in range(50):
                database.write_now(bump)

        with ThreadPoolExecutor(2) as writers:
            list(writers.map(many, (one, other)))
        found = one.read_now(
            lambda connection: connection.execute(text("SELECT v FROM n")).scalar()
        )
    assert found == 100


# --- migrations ----------------------------------------------------------------------------


def test_the_migrations_end_in_the_tables_of_the_schema(empty: str) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine(empty.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
        assert revision(connection) == REVISION
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_a_new_database_is_at_the_newest_revision_and_upgrading_it_does_nothing(data: Path) -> None:
    upgraded = done("--data", data, "database", "upgrade")
    assert upgraded == {"before": REVISION, "after": REVISION}


def test_a_database_of_another_revision_is_not_opened(data: Path) -> None:
    _mark(data, "0000")
    said = call("--data", data, "journal", "verify", "--json")
    assert (said.status, said.content["code"]) == (3, "conflict")
    assert "symbolon database upgrade" in said.content["reason"]


def test_a_database_of_a_newer_program_is_left_alone(data: Path) -> None:
    _mark(data, "9999")
    with pytest.raises(Refusal, match="written by a newer one"):
        upgrade(data, "node.db")
    with closing(existing_database(data, "node.db")) as database:
        assert database.read_now(revision) == "9999"


def _vault(data: Path) -> Vault:
    return Vault("xa.symbolon/journal", MasterKeys(data / "keys"))


def _mark(data: Path, mark: str) -> None:
    with closing(existing_database(data, "node.db")) as database:
        database.write_now(
            lambda connection: connection.execute(
                update(schema.alembic_version).values(version_num=mark)
            )
        )


# --- moving --------------------------------------------------------------------------------


def test_a_node_moves_to_postgresql_and_back_and_loses_nothing(
    data: Path, postgres: Postgres
) -> None:
    url = postgres.make_database()
    before = done("--data", data, "journal", "verify")
    there = done("--data", data, "database", "move", url)
    assert there["rows"]["credential"] == 3
    assert done("--data", data, "journal", "verify") == before
    done("--data", data, "registry", "suspend", "XA-2020-000002", "--ground", "Under review")
    back = done("--data", data, "database", "move", "back.db")
    assert back["from"] == url
    assert back["rows"]["entry"] == there["rows"]["entry"] + 1
    shown = done("--data", data, "registry", "show", "XA-2020-000002")
    assert shown["status"] == "suspended"
    assert done("--data", data, "journal", "verify")["verdict"] == "PASS"


def test_the_old_database_opens_no_more_once_it_is_moved(data: Path) -> None:
    done("--data", data, "database", "move", "new.db")
    refusal = _refusal_of(data, "node.db")
    assert refusal.code is Code.CONFLICT
    assert "moved" in refusal.reason


def test_nothing_moves_where_something_is(data: Path) -> None:
    (data / "full.db").write_bytes(b"something")
    said = call("--data", data, "database", "move", "full.db", "--json")
    assert (said.status, said.content["code"]) == (3, "conflict")
    assert (data / "full.db").read_bytes() == b"something"
    assert done("--data", data, "journal", "verify")["verdict"] == "PASS"


def test_a_move_that_was_killed_before_its_end_is_finished_by_the_same_command(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(moving, "_finish", killed)
        with pytest.raises(KeyboardInterrupt):
            moving.move_database(data, "node.db", "new.db", lambda _: None)
    assert "arriving" in _refusal_of(data, "new.db").reason
    done("--data", data, "database", "move", "new.db")
    assert done("--data", data, "journal", "verify")["verdict"] == "PASS"


def test_a_row_that_does_not_arrive_stops_the_move(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = moving._copy

    def lossy(source: Connection, fresh: Connection, told: Callable[[int], None]) -> None:
        copied(source, fresh, told)
        fresh.execute(text("DELETE FROM credential WHERE number = 'XA-2020-000003'"))

    monkeypatch.setattr(moving, "_copy", lossy)
    with pytest.raises(Refusal) as refused:
        moving.move_database(data, "node.db", "new.db", lambda _: None)
    assert refused.value.code is Code.DEFECT
    with closing(open_database(data, "node.db", _vault(data))) as database:
        assert database.read_now(revision) == REVISION
