"""Erasing a record: gone is gone, here and at the peer, and everything else still proves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.flows.erase import ErasedRecord
from node.model.statement import (
    BODY_NUMBERS,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
)
from node.wire.codec import decode_statement
from tests.erasing import EMPLOYER, HOLDER, OFFICER, RULE, Pair, credential, files_with, paired

NUMBER, OTHER = "XA-2019-000001", "XA-2019-000002"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(tmp_path) as running:
        await running.register(credential(NUMBER), credential(OTHER, "Somebody Else"))
        yield running


async def erase(pair: Pair, number: str = NUMBER, *, whole_holder: bool = False) -> ErasedRecord:
    erasing = pair.running["XA"].opened.erasure.erasing
    numbers = await erasing.numbers(number, whole_holder=whole_holder)
    return await erasing.erase_record(numbers, RULE, OFFICER)


async def traces(pair: Pair, node: str) -> list[bytes]:
    """Return everything that must not be anywhere once the holder's exchanges are erased."""
    rows = pair.homes[node].rows(
        "SELECT salt, statement FROM entry WHERE kind BETWEEN 10 AND 15 AND statement IS NOT NULL "
        "UNION ALL SELECT salt, statement FROM counterpart WHERE statement IS NOT NULL"
    )
    return [bytes(part) for row in rows for part in row]


async def test_an_erased_record_is_nowhere_in_any_file(pair: Pair) -> None:
    data = pair.homes["XA"].data
    code = await pair.code(NUMBER)
    await pair.ask(code)
    kept = [part for part in await traces(pair, "XA") if b"Somebody Else" in part]
    gone = [
        part
        for part in await traces(pair, "XA")
        if part not in kept and len(part) != 32  # salts below, by what they belong to
    ]
    held = pair.homes["XA"].rows(
        "SELECT e.salt, c.salt FROM entry e LEFT JOIN counterpart c USING (position) "
        "WHERE e.kind IN (11, 14, 15) AND instr(e.statement, 'Somebody Else') = 0"
    )
    gone += [bytes(salt) for row in held for salt in row if salt is not None]
    born = credential(NUMBER).birth_date.isoformat().encode()
    gone += [HOLDER.encode(), NUMBER.encode(), code.digest]
    assert files_with(data, gone)

    erased = await erase(pair)

    assert erased.wiped
    assert erased.statements == {11: 1, 14: 1, 15: 1}
    assert erased.requested == {"XB": 1}
    assert files_with(data, gone) == {}
    assert files_with(data, [born]).keys() <= {"node.db", "node.db-wal"}  # somebody else's too
    assert await pair.running["XA"].opened.ledger.check()
    assert await pair.running["XA"].opened.ledger.credential(NUMBER) is None
    assert await pair.running["XA"].opened.ledger.credential(OTHER) is not None


async def test_a_holder_may_have_several_credentials(pair: Pair) -> None:
    await pair.register(credential("XA-2020-000003"))
    erased = await erase(pair, whole_holder=True)
    assert erased.credentials == 2
    ledger = pair.running["XA"].opened.ledger
    assert await ledger.known_numbers([NUMBER, OTHER, "XA-2020-000003"]) == {OTHER}
    assert files_with(pair.homes["XA"].data, [HOLDER.encode(), b"XA-2020-000003"]) == {}


async def test_the_peer_erases_its_copies_and_its_acknowledgement_is_kept(pair: Pair) -> None:
    code = await pair.code(NUMBER)
    asked = await pair.ask(code)
    gone = [HOLDER.encode(), NUMBER.encode(), code.digest]
    assert any(code.digest in one for one in await traces(pair, "XB"))
    await erase(pair)
    assert await pair.send_erasures() == 1

    assert files_with(pair.homes["XB"].data, gone) == {}
    said = [decode_statement(one).body for _, _, one in pair.statements("XB") if one is not None]
    erasures = [body for body in said if isinstance(body, Erasure)]
    assert [(body.kind, body.rule, body.authority) for body in erasures] == [
        (10, f"request of XA: {RULE}", "XA"),
        (13, f"request of XA: {RULE}", "XA"),
    ]
    (acknowledged,) = [body for body in said if isinstance(body, ErasureAcknowledged)]
    assert (len(acknowledged.erased), acknowledged.kept) == (1, ())
    at_xa = [decode_statement(one).body for _, _, one in pair.statements("XA") if one is not None]
    (request,) = [body for body in at_xa if isinstance(body, ErasureRequest)]
    (concluded,) = [body for body in at_xa if isinstance(body, ErasureConcluded)]
    assert concluded.request == acknowledged.request
    assert [one.query for one in request.exchanges] == list(acknowledged.erased)
    assert pair.homes["XA"].rows(
        "SELECT count(*) FROM counterpart WHERE statement IS NOT NULL"
    ) == [(1,)]
    for node in ("XA", "XB"):
        assert await pair.running[node].opened.ledger.check()
    with pytest.raises(Refusal, match="erased") as refusal:
        await pair.running["XB"].opened.ledger.verification(asked.id, EMPLOYER.key_id)
    assert refusal.value.code is Code.ERASED
    with pytest.raises(Refusal) as refusal:
        await pair.running["XB"].opened.ledger.exchanged(asked.id, EMPLOYER.key_id)
    assert refusal.value.code is Code.ERASED
    assert await pair.send_erasures() == 0


async def test_kinds_of_a_journal_say_what_is_left(pair: Pair) -> None:
    await pair.ask(await pair.code(NUMBER))
    await erase(pair)
    await pair.send_erasures()
    numbers = {BODY_NUMBERS[body] for body in (Erasure, ErasureRequest, ErasureConcluded)}
    assert numbers <= set(pair.kinds("XA"))
    assert pair.kinds("XA").count(14) == 1  # the other holder's
    assert 11 not in pair.kinds("XA")
    assert set(pair.kinds("XB")) & {10, 11, 13} == set()
