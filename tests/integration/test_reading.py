"""Finding entries of a journal, on a database with a question of every fate."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.look import Looking
from node.flows.ports import Draft
from node.model.credential import Status
from node.model.search import KINDS, Search
from node.model.share_code import make
from node.model.statement import (
    AccessFilter,
    AccessKind,
    AuditAccess,
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    Erasure,
    NoAnswer,
    Outcome,
    Query,
    StatusChanged,
)
from node.store.reading import JournalReader
from node.wire.codec import decode_statement
from tests.federation import DAY_US, SECOND_US, START
from tests.ledgers import CODE, Deciding, DiskShelf, Xb, draft, given, registry
from tests.nodes import query_to
from tests.world import FakeClock, FixedTrust, sample_credential

NUMBER = sample_credential().number
OTHER = make("XA", bytes(range(10, 20)))
MINUTE_US = 60 * SECOND_US


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[DiskShelf]:
    """XA's journal: two credentials, answers for XB, questions to XB and XC.

    0 registered, 1 code given (NUMBER); 2, 3 the same of another; 4, 5 answers to XB; 6 question
    to XB, 7 question to XC; 8 no answer of XC; 9 code ended; 10 status changed; later 11.
    """
    made = DiskShelf(tmp_path / "node.db")
    await made.open()
    ledger = made.ledger
    await ledger.append(registry(uses=5))
    other = sample_credential("XA-OTHER-1")
    await ledger.append(
        [draft(CredentialRegistered(other)), draft(given(OTHER, credential=other.number))]
    )
    xb = Xb()
    (known,) = xb.questions()
    (unknown,) = xb.questions()
    selector = replace(unknown.query.selector, holder_proof=bytes(32))
    wrong = replace(unknown, query=replace(unknown.query, selector=selector))
    await ledger.answer([known, wrong], Deciding())
    queries: list[Draft] = []
    for number, peer in enumerate(("XB", "XC")):
        query = query_to(peer, "XA", START, nonce=number.to_bytes(16, "big"))
        queries.append(draft(query, key_id="key-1"))
    _, silent = await ledger.append(queries)
    no_answer = NoAnswer(silent.commitment, Code.PEER_SILENT)
    await ledger.append([draft(no_answer, START + 10 * MINUTE_US, settles=silent.index)])
    later = START + 20 * MINUTE_US
    await ledger.append([draft(ConsentEnded(CODE.digest, ConsentEnd.REVOKED), later)])
    await ledger.append([draft(StatusChanged(NUMBER, Status.REVOKED, "a test"), later)])
    try:
        yield made
    finally:
        await made.close()


def found(shelf: DiskShelf, **wanted: object) -> list[int]:
    reader = JournalReader(shelf._database)
    return [entry.index for entry in reader.find(replace(Search(), **wanted))]


async def test_finds_all_that_is_about_one_credential(shelf: DiskShelf) -> None:
    assert found(shelf, credential=NUMBER) == [0, 1, 4, 5, 9, 10]
    assert found(shelf, credential="XA-OTHER-1") == [2, 3]
    assert found(shelf, credential="XA-NOBODY-1") == []


async def test_finds_by_the_node_on_the_other_side(shelf: DiskShelf) -> None:
    assert found(shelf, peer="XB") == [4, 5, 6]
    assert found(shelf, peer="XC") == [7, 8], "whose silence was journalled too"
    assert found(shelf, peer="XD") == []


async def test_finds_by_kind_and_outcome(shelf: DiskShelf) -> None:
    assert found(shelf, outcome=Outcome.CONFIRMED) == [4]
    assert found(shelf, outcome=Outcome.NOT_CONFIRMED) == [5]
    assert found(shelf, kind=Query) == [6, 7]
    assert found(shelf, kind=ConsentGiven, credential=NUMBER) == [1]
    assert found(shelf, kind=Query, outcome=Outcome.CONFIRMED) == []
    assert found(shelf) == list(range(11))


@pytest.mark.parametrize("name", KINDS)
async def test_every_kind_can_be_looked_for(name: str, shelf: DiskShelf) -> None:
    kind = KINDS[name]
    for index in found(shelf, kind=kind):
        (entry,) = await JournalReader(shelf._database).entries(index, 1)
        assert entry.statement is not None
        assert type(entry.statement.body) is kind


async def test_finds_by_time_to_the_microsecond(shelf: DiskShelf) -> None:
    assert found(shelf, since=START + 10 * MINUTE_US) == [8, 9, 10]
    assert found(shelf, since=START + 10 * MINUTE_US + 1) == [9, 10]
    assert found(shelf, until=START + 10 * MINUTE_US) == list(range(8))
    assert found(shelf, since=START + 10 * MINUTE_US, until=START + 20 * MINUTE_US) == [8]
    assert found(shelf, since=START + 30 * MINUTE_US) == []


async def test_finds_what_was_said_while_a_clock_stepped_back(shelf: DiskShelf) -> None:
    later = START + 30 * MINUTE_US
    for number, at in enumerate((later, later - 40 * SECOND_US, later + 1)):
        query = query_to("XB", "XA", at, nonce=(9 + number).to_bytes(16, "big"))
        await shelf.ledger.append([draft(query, at, key_id="key-1")])
    assert found(shelf, since=later) == [11, 13]
    assert found(shelf, since=START + 21 * MINUTE_US, until=later) == [12]


async def test_reads_a_range_without_the_rest(shelf: DiskShelf) -> None:
    reader = JournalReader(shelf._database)
    assert await reader.size() == 11
    entries = await reader.entries(5, 3)
    assert [(one.index, one.peer) for one in entries] == [(5, "XB"), (6, "XB"), (7, "XC")]
    assert await reader.entries(11, 3) == []


# --- who looks -----------------------------------------------------------------------------


async def test_whoever_looks_is_journalled_without_a_number(shelf: DiskShelf) -> None:
    looking = Looking(shelf.ledger, FixedTrust(), "XA", FakeClock())
    search = Search(credential=NUMBER, peer="XB", outcome=Outcome.CONFIRMED)
    index = await looking.begin(AccessKind.FOUND, "role auditor", "Complaint 12", search.told(11))
    (entry,) = await JournalReader(shelf._database).entries(index, 1)
    assert entry.statement is not None
    assert entry.statement.body == AuditAccess(
        AccessKind.FOUND,
        "role auditor",
        "Complaint 12",
        AccessFilter(True, "XB", None, None, 11, Outcome.CONFIRMED),
    )
    (row,) = [one for one in shelf.sql.records() if getattr(one, "index", None) == index]
    assert NUMBER.encode() not in row.statement  # type: ignore[union-attr]
    assert decode_statement(row.statement) == entry.statement  # type: ignore[union-attr]
    assert found(shelf, kind=AuditAccess) == [index]


@pytest.mark.parametrize(("reader", "ground"), [("", "why"), ("who", ""), ("a\nb", "why")])
async def test_nobody_looks_without_saying_who_and_what_for(
    reader: str, ground: str, shelf: DiskShelf
) -> None:
    looking = Looking(shelf.ledger, FixedTrust(), "XA", FakeClock())
    with pytest.raises(Refusal) as refused:
        await looking.begin(AccessKind.SHOWN, reader, ground)
    assert refused.value.code is Code.MALFORMED
    assert await JournalReader(shelf._database).size() == 11


def test_a_conclusion_tells_its_outcome_to_whoever_looks_for_it() -> None:
    search = Search(outcome=Outcome.REVOKED)
    assert search.kinds == {KINDS["answer"], Conclusion}


async def test_a_time_is_found_among_erased_entries_too(tmp_path: Path) -> None:
    shelf = DiskShelf(tmp_path / "node.db")
    await shelf.open()
    numbers = [f"XA-2020-{n:06}" for n in range(20)]
    for n, number in enumerate(numbers):
        body = CredentialRegistered(sample_credential(number))
        await shelf.ledger.append([draft(body, START + n * DAY_US)])
    await shelf.ledger.append(
        [draft(Erasure(tuple(range(3, 17)), 14, "Art. 17", "registrar"), START + 20 * DAY_US)]
    )
    for day in range(20):
        expected = [n for n in range(20) if n >= day and not 3 <= n < 17] + [20]
        assert found(shelf, since=START + day * DAY_US) == expected
    (entry,) = await JournalReader(shelf._database).entries(5, 1)
    assert (entry.statement, entry.kind) == (None, 14)
    assert entry.erased is not None
    assert (entry.erased.rule, entry.erased.erased_at) == ("Art. 17", START + 20 * DAY_US)
    await shelf.close()
