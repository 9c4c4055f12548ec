"""What is encrypted in the database: all about people; and it opens in its own place only."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import MetaData, create_engine, select

from node.errors import Code, Refusal
from node.flows.erase import Erasing
from node.model.statement import CredentialAmended, CredentialRegistered
from node.store.database import Database
from node.store.vault import Vault
from tests.erasing import EMPLOYER, HOLDER, OFFICER, RULE, Pair, credential, files_with, paired
from tests.federation import FixedTrust, origin
from tests.ledgers import TRUST, Deciding, DiskShelf, SqlShelf, Xb, asked, draft, given, registry
from tests.postgres import Postgres
from tests.vaults import sample_vault
from tests.world import FakeClock, sample_credential

NUMBER, OTHER = "XA-2019-000001", "XA-2019-000002"
KEYS = "SELECT id FROM holder_key WHERE id > 0 AND made_for IS NULL AND wrapped IS NOT NULL"


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[DiskShelf]:
    """A ledger with two credentials of one holder."""
    shelf = DiskShelf(tmp_path / "node.db")
    await shelf.open()
    await shelf.ledger.append(
        [draft(CredentialRegistered(credential(number))) for number in (NUMBER, OTHER)]
    )
    yield shelf
    await shelf.close()


def sql(shelf: DiskShelf, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(shelf.path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def erasing(shelf: SqlShelf) -> Erasing:
    return Erasing(shelf.sql.erasures, FixedTrust(TRUST), "XA", FakeClock())


# --- what lies on the disk -----------------------------------------------------------------


async def test_no_file_of_either_node_holds_a_word_about_a_person(tmp_path: Path) -> None:
    async with paired(tmp_path) as pair:
        await pair.register(credential(NUMBER), credential(OTHER, "Somebody Else"))
        await pair.ask(await pair.code(NUMBER))
        said = {node: _said(pair, node) for node in ("XA", "XB")}
        born = credential(NUMBER).birth_date.isoformat().encode()
        words = [HOLDER.encode(), b"Somebody Else", born, EMPLOYER.requester.legal_name.encode()]
        for node, home in pair.homes.items():
            assert len(said[node]) >= 4
            assert (home.data / "node.db-wal").stat().st_size
            assert files_with(home.data, [*words, *said[node]]) == {}


def _said(pair: Pair, node: str) -> list[bytes]:
    """Return all statements about people that a node keeps, and their salts."""
    rows = pair.homes[node].rows(
        "SELECT salt, statement FROM entry WHERE kind BETWEEN 10 AND 15 "
        "UNION ALL SELECT salt, statement FROM counterpart"
    )
    return [bytes(part) for row in rows for part in row]


async def test_no_row_on_a_server_holds_a_word_about_a_person(postgres: Postgres) -> None:
    url = postgres.make_database()
    shelf = SqlShelf(url)
    await shelf.open()
    try:
        await shelf.ledger.append([*registry(), asked()])
        await shelf.ledger.answer(Xb().questions(), Deciding())
    finally:
        await shelf.close()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        rows = [
            value if isinstance(value, bytes) else str(value).encode()
            for table in tables.sorted_tables
            for row in connection.execute(select(table))
            for value in row
        ]
    engine.dispose()
    person = sample_credential()
    for word in (person.holder_name.encode(), person.birth_date.isoformat().encode()):
        assert [row for row in rows if word in row] == []


# --- what is in its place only -------------------------------------------------------------

_SWAPPED = {
    "two statements": (
        "UPDATE entry SET statement = CASE position "
        "WHEN 0 THEN (SELECT statement FROM entry WHERE position = 1) "
        "ELSE (SELECT statement FROM entry WHERE position = 0) END WHERE position < 2"
    ),
    "two people": (
        "UPDATE credential SET personal = (SELECT personal FROM credential AS other "
        "WHERE other.number <> credential.number)"
    ),
    "a key under another's number": (
        "UPDATE holder_key SET wrapped = (SELECT wrapped FROM holder_key WHERE id = 0) WHERE id = 1"
    ),
    "a bit": (
        "UPDATE credential SET personal = "
        "CAST(substr(personal, 1, 20) || x'00' || substr(personal, 22) AS BLOB)"
    ),
}


@pytest.mark.parametrize("swapped", _SWAPPED)
async def test_a_row_in_anothers_place_does_not_open(shelf: DiskShelf, swapped: str) -> None:
    await shelf.close()
    sql(shelf, _SWAPPED[swapped])
    shelf.vault = sample_vault()
    await shelf.open()
    with pytest.raises(Refusal, match="does not open") as refusal:
        await _look_at_everything(shelf)
    assert refusal.value.code is Code.DEFECT
    assert HOLDER not in refusal.value.reason


async def _look_at_everything(shelf: DiskShelf) -> None:
    for number in (NUMBER, OTHER):
        await shelf.ledger.history(number)
        await shelf.ledger.credential(number)


async def test_another_nodes_database_does_not_open_with_the_same_master_key(
    shelf: DiskShelf,
) -> None:
    foreign = Vault(origin("XB"), sample_vault().masters)
    with (
        closing(Database(f"sqlite:///{shelf.path}", foreign)) as database,
        pytest.raises(Refusal, match="another database's"),
    ):
        database.read_now(foreign.open)


# --- keys ----------------------------------------------------------------------------------


async def test_a_holder_has_one_key_and_it_goes_with_the_last_credential(shelf: DiskShelf) -> None:
    assert sql(shelf, KEYS) == [(1,)]
    ((wrapped,),) = sql(shelf, "SELECT wrapped FROM holder_key WHERE id = 1")
    await erasing(shelf).erase_record([NUMBER], RULE, OFFICER)
    assert sql(shelf, KEYS) == [(1,)]
    kept = await shelf.ledger.credential(OTHER)
    assert kept is not None
    assert kept.holder_name == HOLDER
    await erasing(shelf).erase_record([OTHER], RULE, OFFICER)
    assert sql(shelf, KEYS) == []
    assert files_with(shelf.path.parent, [wrapped]) == {}
    assert await shelf.ledger.check() == 4


async def test_a_holder_who_comes_back_has_another_key(shelf: DiskShelf) -> None:
    await erasing(shelf).erase_record([NUMBER, OTHER], RULE, OFFICER)
    await shelf.ledger.append([draft(CredentialRegistered(credential("XA-2026-000009")))])
    ((key,),) = sql(shelf, KEYS)
    assert key > 1
    assert await shelf.ledger.check() == 4


async def test_a_name_put_right_moves_the_credential_and_loses_nothing(shelf: DiskShelf) -> None:
    await shelf.ledger.append(
        [draft(CredentialAmended(credential(OTHER, "Rightly Spelt"), "A typing error"))]
    )
    erasures = shelf.sql.erasures
    assert await erasures.numbers_of_holder(NUMBER) == [NUMBER]
    assert await erasures.numbers_of_holder(OTHER) == [OTHER]
    await erasing(shelf).erase_record([NUMBER], RULE, OFFICER)
    assert len(await shelf.ledger.history(OTHER)) == 2
    await erasing(shelf).erase_record([OTHER], RULE, OFFICER)
    assert sql(shelf, KEYS) == []
    assert await shelf.ledger.check() == 5


async def test_a_holder_is_found_by_name_and_birth_date_and_by_neither_alone(
    shelf: DiskShelf,
) -> None:
    namesake = replace(credential("XA-2020-000003"), birth_date=date(1970, 1, 1))
    spelt = credential("XA-2020-000004", HOLDER.upper())
    await shelf.ledger.append([draft(CredentialRegistered(one)) for one in (namesake, spelt)])
    numbers = await shelf.sql.erasures.numbers_of_holder(NUMBER)
    assert numbers == [NUMBER, OTHER, "XA-2020-000004"]


async def test_what_has_no_holder_here_has_one_key_a_day_and_kind(shelf: DiskShelf) -> None:
    await shelf.ledger.append([asked(number) for number in range(3)])
    await shelf.ledger.append([asked(3)])
    assert len(sql(shelf, "SELECT * FROM holder_key WHERE made_for IS NOT NULL")) == 1
    await shelf.reopen()
    assert len(await shelf.ledger.open_questions()) == 4


async def test_more_holders_than_there_is_room_for_in_memory(tmp_path: Path) -> None:
    shelf = DiskShelf(tmp_path / "node.db")
    shelf.vault = Vault(origin("XA"), sample_vault().masters, cached=2)
    await shelf.open()
    try:
        people = [credential(f"XA-2020-{n:06}", f"Person {n}") for n in range(20)]
        await shelf.ledger.append([draft(CredentialRegistered(one)) for one in people])
        for one in people:
            assert await shelf.ledger.credential(one.number) == one
    finally:
        await shelf.close()


async def test_keys_of_a_transaction_that_failed_are_used_for_nothing(shelf: DiskShelf) -> None:
    person = credential("XA-2021-000001", "Somebody Else")
    twice = [draft(CredentialRegistered(person)), draft(CredentialRegistered(person))]
    with pytest.raises(Refusal):
        await shelf.ledger.append(twice)
    other = credential("XA-2021-000002", "A Third")
    await shelf.ledger.append([draft(CredentialRegistered(other)), draft(given(credential=NUMBER))])
    shelf.vault = sample_vault()
    await shelf.reopen()
    assert await shelf.ledger.credential("XA-2021-000002") == other
    assert await shelf.ledger.check() == 4
