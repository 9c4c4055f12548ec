import asyncio
from datetime import date

import pytest

from node.errors import Code, Refusal
from node.flows.registry import Registry
from node.flows.share import USES_MAX, VALID_DAYS_MAX, Sharing
from node.model.credential import Field
from node.model.share_code import make, parse
from node.model.statement import ConsentEnd, ConsentEnded, ConsentGiven, Purpose
from node.wire.codec import decode_statement
from tests.world import (
    DAY_US,
    START,
    FakeClock,
    FixedTrust,
    MemoryLedger,
    sample_credential,
    seeded_randomness,
)

_NUMBER = "XA-2019-000001"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ledger(clock: FakeClock) -> MemoryLedger:
    ledger = MemoryLedger("XA", clock)
    await Registry(ledger, FixedTrust(), "XA", clock).issue(sample_credential())
    return ledger


@pytest.fixture
def sharing(ledger: MemoryLedger, clock: FakeClock) -> Sharing:
    return Sharing(ledger, FixedTrust(), "XA", clock, seeded_randomness())


def _last(ledger: MemoryLedger) -> object:
    return decode_statement(ledger.entries[-1].draft.statement).body


async def test_a_share_code_stands_in_the_journal_by_its_digest(
    sharing: Sharing, ledger: MemoryLedger
) -> None:
    code = await sharing.create(
        _NUMBER,
        Purpose.EMPLOYMENT,
        [Field.TITLE, Field.HOLDER_NAME, Field.TITLE],
        uses=3,
        valid_days=10,
        requester="XB-REG-7",
    )
    assert parse(str(code)) == code
    assert code.node == "XA"
    given = ConsentGiven(
        code_digest=code.digest,
        holder_proof=code.holder_proof(date(1991, 3, 14)),
        credential=_NUMBER,
        purpose=Purpose.EMPLOYMENT,
        fields=(Field.HOLDER_NAME, Field.TITLE),
        uses=3,
        expires_at=START + 10 * DAY_US,
        requester="XB-REG-7",
    )
    assert _last(ledger) == given
    (consent,) = await sharing.list(_NUMBER)
    assert (consent.given, consent.ended, consent.uses_spent) == (given, False, 0)
    assert code.symbols.encode() not in ledger.entries[-1].draft.statement


async def test_a_share_code_is_for_one_use_and_ninety_days_by_default(sharing: Sharing) -> None:
    await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE])
    (consent,) = await sharing.list(_NUMBER)
    assert consent.given.uses == 1
    assert consent.given.expires_at == START + 90 * DAY_US
    assert consent.given.requester == ""


async def test_no_two_share_codes_are_alike(sharing: Sharing) -> None:
    codes = [await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE]) for _ in range(20)]
    assert len(set(codes)) == 20
    listed = [consent.given.code_digest for consent in await sharing.list(_NUMBER)]
    assert listed == [code.digest for code in codes]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fields": []}, "fields"),
        ({"uses": 0}, "uses"),
        ({"uses": USES_MAX + 1}, "uses"),
        ({"valid_days": 0}, "valid_days"),
        ({"valid_days": VALID_DAYS_MAX + 1}, "valid_days"),
        ({"requester": "x" * 65}, "requester"),
        ({"requester": "a\nb"}, "requester"),
    ],
)
async def test_refuses_a_consent_out_of_bounds(
    sharing: Sharing, ledger: MemoryLedger, changes: dict[str, object], field: str
) -> None:
    wanted: dict[str, object] = {"fields": [Field.TITLE], **changes}
    with pytest.raises(Refusal, match=f"^malformed: {field}: "):
        await sharing.create(_NUMBER, Purpose.EMPLOYMENT, **wanted)  # type: ignore[arg-type]
    assert len(ledger.entries) == 1


async def test_accepts_a_consent_at_its_bounds(sharing: Sharing) -> None:
    for uses, days in ((1, 1), (USES_MAX, VALID_DAYS_MAX)):
        await sharing.create(
            _NUMBER, Purpose.LICENSING, Field, uses=uses, valid_days=days, requester="x" * 64
        )
    assert len(await sharing.list(_NUMBER)) == 2


async def test_an_unknown_credential_has_no_share_codes(
    sharing: Sharing, ledger: MemoryLedger
) -> None:
    attempts = (
        sharing.create("XA-7", Purpose.EMPLOYMENT, [Field.TITLE]),
        sharing.list("XA-7"),
        sharing.revoke_listed("XA-7", "0" * 8),
    )
    for attempt in attempts:
        with pytest.raises(Refusal) as refusal:
            await attempt
        assert refusal.value.code is Code.UNKNOWN
        assert "XA-7" not in refusal.value.reason
    assert len(ledger.entries) == 1


# --- the end -------------------------------------------------------------------------------


async def test_a_holder_revokes_a_share_code_once(sharing: Sharing, ledger: MemoryLedger) -> None:
    code = await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE])
    await sharing.revoke(code)
    assert _last(ledger) == ConsentEnded(code.digest, ConsentEnd.REVOKED)
    (consent,) = await sharing.list(_NUMBER)
    assert consent.ended
    with pytest.raises(Refusal) as refusal:
        await sharing.revoke(code)
    assert refusal.value.code is Code.CONFLICT
    assert len(ledger.entries) == 3


async def test_a_share_code_that_was_never_made_is_unknown(sharing: Sharing) -> None:
    with pytest.raises(Refusal) as refusal:
        await sharing.revoke(make("XA", b"0123456789"))
    assert refusal.value.code is Code.UNKNOWN


@pytest.mark.parametrize("digits", [8, 9, 64])
async def test_a_share_code_is_revoked_by_how_its_digest_begins(
    sharing: Sharing, ledger: MemoryLedger, digits: int
) -> None:
    await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE])
    code = await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE])
    await sharing.revoke_listed(_NUMBER, f" {code.digest.hex()[:digits].upper()} ")
    assert _last(ledger) == ConsentEnded(code.digest, ConsentEnd.REVOKED)
    with pytest.raises(Refusal) as refusal:
        await sharing.revoke_listed(_NUMBER, code.digest.hex())
    assert refusal.value.code is Code.CONFLICT


@pytest.mark.parametrize("prefix", ["", "1234567", "x" * 8, "1" * 65, "XA-7K3M-9QXT"])
async def test_refuses_what_no_digest_begins_with(sharing: Sharing, prefix: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await sharing.revoke_listed(_NUMBER, prefix)
    assert refusal.value.code is Code.MALFORMED


async def test_the_digest_of_another_credential_is_unknown(
    sharing: Sharing, ledger: MemoryLedger, clock: FakeClock
) -> None:
    await Registry(ledger, FixedTrust(), "XA", clock).issue(sample_credential("XA-2"))
    code = await sharing.create("XA-2", Purpose.EMPLOYMENT, [Field.TITLE])
    with pytest.raises(Refusal) as refusal:
        await sharing.revoke_listed(_NUMBER, code.digest.hex())
    assert refusal.value.code is Code.UNKNOWN
    (consent,) = await sharing.list("XA-2")
    assert not consent.ended


async def test_two_revocations_at_once_end_a_code_once(
    sharing: Sharing, ledger: MemoryLedger
) -> None:
    code = await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE])
    results = await asyncio.gather(
        sharing.revoke(code), sharing.revoke(code), return_exceptions=True
    )
    assert sum(isinstance(result, Refusal) for result in results) == 1
    assert len(ledger.entries) == 3


async def test_states_the_end_of_every_lapsed_code_once(
    sharing: Sharing, ledger: MemoryLedger, clock: FakeClock
) -> None:
    short = [
        await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE], valid_days=1)
        for _ in range(3)
    ]
    long = await sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE], valid_days=2)
    await sharing.revoke(short[1])
    clock.now = START + DAY_US - 1
    assert await sharing.end_lapsed() == 0
    clock.now = START + DAY_US
    assert await sharing.end_lapsed() == 2
    ends = [decode_statement(entry.draft.statement).body for entry in ledger.entries[-2:]]
    assert ends == [ConsentEnded(code.digest, ConsentEnd.EXPIRED) for code in (short[0], short[2])]
    assert await sharing.end_lapsed() == 0
    ended = {c.given.code_digest: c.ended for c in await sharing.list(_NUMBER)}
    assert not ended[long.digest]
    assert sum(ended.values()) == 3


async def test_ends_any_number_of_lapsed_codes_in_batches(
    sharing: Sharing, ledger: MemoryLedger, clock: FakeClock
) -> None:
    await asyncio.gather(
        *(sharing.create(_NUMBER, Purpose.EMPLOYMENT, [Field.TITLE]) for _ in range(1_000))
    )
    clock.advance(90 * 24 * 60 * 60)
    notes = len({ledger.seal(index).checkpoint for index in range(len(ledger.entries))})
    assert await sharing.end_lapsed() == 1_000
    after = {ledger.seal(index).checkpoint for index in range(len(ledger.entries))}
    assert len(after) == notes + 2
