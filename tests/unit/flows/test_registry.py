import asyncio
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date

import pytest

from node.errors import Code, Refusal
from node.flows.ports import Draft
from node.flows.registry import ImportReport, Registry, Rejection
from node.model.credential import Credential, Status, Unit
from node.model.statement import CredentialRegistered, RevocationGround, StatusChanged
from node.wire.codec import decode_statement
from node.wire.rows import Fault
from node.wire.sheets import Row, read_csv, read_json
from tests.world import (
    START,
    FakeClock,
    FixedTrust,
    MemoryLedger,
    entered_credential,
    sample_credential,
    sample_values,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(clock: FakeClock) -> MemoryLedger:
    return MemoryLedger("XA", clock)


@pytest.fixture
def registry(ledger: MemoryLedger, clock: FakeClock) -> Registry:
    return Registry(ledger, FixedTrust(), "XA", clock)


def _rows(*values: dict[str, object]) -> list[Row]:
    return [Row(number, one) for number, one in enumerate(values, start=1)]


async def _refused(registry: Registry, number: str, status: Status, ground: str = "x") -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await registry.change_status(number, status, ground)
    return refusal.value


# --- import --------------------------------------------------------------------------------


async def test_journals_one_statement_for_each_accepted_row(
    registry: Registry, ledger: MemoryLedger, clock: FakeClock
) -> None:
    rows = _rows(sample_values("XA-1"), sample_values("XA-2"))
    report = await registry.import_credentials(rows, keep_good=False)
    assert report == ImportReport(accepted=2, unchanged=0, rejected=(), written=True)
    assert await ledger.credential("XA-2") == entered_credential("XA-2")
    for entry, number in zip(ledger.entries, ("XA-1", "XA-2"), strict=True):
        statement = decode_statement(entry.draft.statement)
        assert statement.speaker == "XA"
        assert statement.said_at == clock.now
        assert statement.trust == FixedTrust().view().reference
        assert statement.body == CredentialRegistered(entered_credential(number))


async def test_one_wrong_row_holds_all_others_back(
    registry: Registry, ledger: MemoryLedger
) -> None:
    rows = _rows(sample_values("XA-1"), sample_values("XA-2", isco08="welder"))
    report = await registry.import_credentials(rows, keep_good=False)
    rejection = Rejection(2, "isco08", "must be 1 to 4 digits (ISCO-08), like 7212")
    assert report == ImportReport(accepted=1, unchanged=0, rejected=(rejection,), written=False)
    assert ledger.entries == []
    assert await ledger.credential("XA-1") is None


async def test_keeps_the_good_rows_where_that_is_wanted(
    registry: Registry, ledger: MemoryLedger
) -> None:
    rows = _rows(sample_values("XA-1", status="?", title=""), sample_values("XA-2"))
    report = await registry.import_credentials(rows, keep_good=True)
    assert (report.accepted, report.rejected_rows, report.written) == (1, 1, True)
    assert {(rejection.row, rejection.field) for rejection in report.rejected} == {
        (1, "status"),
        (1, "title"),
    }
    assert await ledger.known_numbers(["XA-1", "XA-2"]) == {"XA-2"}


async def test_rejects_a_row_that_could_not_be_read(registry: Registry) -> None:
    row = Row(7, sample_values(), (Fault("row", "has 16 columns, the header has 15"),))
    report = await registry.import_credentials([row], keep_good=True)
    assert report.rejected == (Rejection(7, "row", "has 16 columns, the header has 15"),)


async def test_rejects_a_number_of_another_node(registry: Registry) -> None:
    rows = _rows(sample_values("XB-1"), sample_values("XA1-1"), sample_values("XA-1"))
    report = await registry.import_credentials(rows, keep_good=False)
    assert report.rejected == (
        Rejection(1, "number", "must begin with XA-"),
        Rejection(2, "number", "must begin with XA-"),
    )


async def test_rejects_a_number_that_stands_in_the_file_before(registry: Registry) -> None:
    rows = _rows(sample_values("XA-1"), sample_values("XA-2"), sample_values("XA-1"))
    report = await registry.import_credentials(rows, keep_good=False)
    assert report.rejected == (Rejection(3, "number", "stands in row 1 already"),)


async def test_finds_a_doubled_number_far_down_the_file(registry: Registry) -> None:
    numbers = [f"XA-{place}" for place in range(5_000)]
    rows = _rows(*(sample_values(number) for number in (*numbers, "XA-0", "XA-4999")))
    report = await registry.import_credentials(rows, keep_good=False)
    assert report.accepted == 5_000
    assert [rejection.row for rejection in report.rejected] == [5_001, 5_002]


async def test_the_same_file_again_changes_nothing(
    registry: Registry, ledger: MemoryLedger
) -> None:
    rows = _rows(sample_values("XA-1"), sample_values("XA-2"))
    await registry.import_credentials(rows, keep_good=False)
    report = await registry.import_credentials(rows, keep_good=False)
    assert report == ImportReport(accepted=0, unchanged=2, rejected=(), written=True)
    assert len(ledger.entries) == 2


async def test_rejects_another_record_under_a_number_in_use(
    registry: Registry, ledger: MemoryLedger
) -> None:
    await registry.issue(sample_credential("XA-1"))
    await registry.issue(sample_credential("XA-2"))
    await registry.change_status("XA-2", Status.REVOKED, "forged")
    rows = _rows(sample_values("XA-1", title="Baker", language="en"), sample_values("XA-2"))
    report = await registry.import_credentials(rows, keep_good=True)
    assert report.rejected == (
        Rejection(1, "number", "is in the registry already, with another title, language"),
        Rejection(2, "number", "is in the registry already, with another status"),
    )
    assert len(ledger.entries) == 3


async def test_reports_rejections_in_the_order_of_the_file(registry: Registry) -> None:
    await registry.issue(sample_credential("XA-1"))
    rows = _rows(
        sample_values("XA-9", level_eqf="9"),
        sample_values("XA-1", title="Baker"),
        sample_values("XA-8", level_eqf="0"),
    )
    report = await registry.import_credentials(rows, keep_good=False)
    assert [rejection.row for rejection in report.rejected] == [1, 2, 3]


async def test_a_file_that_breaks_off_leaves_nothing_behind(
    registry: Registry, ledger: MemoryLedger
) -> None:
    good = json.dumps(sample_values("XA-1")).encode()
    with pytest.raises(Refusal, match="line 3"):
        await registry.import_credentials(read_json(io.BytesIO(good + b"\n\n{")), keep_good=True)
    assert ledger.entries == []


async def test_a_disk_that_refuses_to_write_leaves_nothing_behind(
    registry: Registry, ledger: MemoryLedger
) -> None:
    ledger.refusing = Refusal(Code.STALE, "the disk is full")
    with pytest.raises(Refusal, match="the disk is full"):
        await registry.import_credentials(_rows(sample_values()), keep_good=False)
    assert ledger.entries == []
    ledger.refusing = None
    report = await registry.import_credentials(_rows(sample_values()), keep_good=False)
    assert report.accepted == 1


async def test_tells_progress_of_checking_and_of_writing(registry: Registry) -> None:
    told: list[tuple[str, int]] = []
    rows = _rows(*(sample_values(f"XA-{place}") for place in range(4_500)))
    await registry.import_credentials(
        rows, keep_good=False, progress=lambda stage, count: told.append((stage, count))
    )
    assert told == [
        ("checked", 2_000),
        ("checked", 4_000),
        ("checked", 4_500),
        ("written", 4_500),
    ]


async def test_writes_an_import_under_one_checkpoint(
    registry: Registry, ledger: MemoryLedger
) -> None:
    rows = _rows(*(sample_values(f"XA-{place}") for place in range(300)))
    await registry.import_credentials(rows, keep_good=False)
    assert {ledger.seal(index).checkpoint for index in range(300)} == {ledger.checkpoint}
    assert await ledger.check() == 300


async def test_imports_a_sheet_as_it_is_read(registry: Registry) -> None:
    values = sample_values()
    content = ",".join(values) + "\n" + ",".join(map(str, values.values())) + "\n"
    report = await registry.import_credentials(
        read_csv(io.BytesIO(content.encode())), keep_good=False
    )
    assert report.accepted == 1


async def test_an_import_and_an_issue_at_once_never_share_a_number(
    registry: Registry, ledger: MemoryLedger
) -> None:
    def rows() -> Iterator[Row]:
        yield from _rows(*(sample_values(f"XA-{place}") for place in range(2_500)))

    async def issue() -> Code | None:
        try:
            await registry.issue(sample_credential("XA-2400"))
        except Refusal as refusal:
            return refusal.code
        return None

    report, refused = await asyncio.gather(
        registry.import_credentials(rows(), keep_good=True), issue()
    )
    assert report.accepted == 2_500
    assert refused is Code.CONFLICT
    assert len(ledger.entries) == 2_500


# --- issue ---------------------------------------------------------------------------------


async def test_issues_a_credential_under_a_seal(registry: Registry, ledger: MemoryLedger) -> None:
    recorded = await registry.issue(sample_credential())
    assert recorded.index == 0
    assert await ledger.credential("XA-2019-000001") == entered_credential()
    assert decode_statement(ledger.entries[0].draft.statement).said_at == START


async def test_refuses_to_issue_under_a_number_in_use(registry: Registry) -> None:
    await registry.issue(sample_credential())
    with pytest.raises(Refusal) as refusal:
        await registry.issue(sample_credential())
    assert refusal.value.code is Code.CONFLICT
    assert "XA-2019" not in refusal.value.reason


@pytest.mark.parametrize(
    "credential",
    [
        sample_credential("XB-1"),
        sample_credential(title=""),
        sample_credential(level_eqf=9),
        sample_credential(awarded_on=date(1991, 3, 14)),
        sample_credential(units=(Unit("U" * 64, "é" * 300),) * 150),
    ],
)
async def test_refuses_to_issue_what_is_out_of_bounds(
    registry: Registry, ledger: MemoryLedger, credential: Credential
) -> None:
    with pytest.raises(Refusal) as refusal:
        await registry.issue(credential)
    assert refusal.value.code is Code.MALFORMED
    assert ledger.entries == []


# --- status --------------------------------------------------------------------------------

_LEGAL = {
    (Status.ACTIVE, Status.SUSPENDED),
    (Status.ACTIVE, Status.REVOKED),
    (Status.SUSPENDED, Status.ACTIVE),
    (Status.SUSPENDED, Status.REVOKED),
}


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
async def test_a_status_changes_only_where_that_is_legal(
    registry: Registry, ledger: MemoryLedger, before: Status, after: Status
) -> None:
    number = "XA-2019-000001"
    await registry.issue(sample_credential(status=before))
    if (before, after) in _LEGAL:
        await registry.change_status(number, after, "decision 12/2026")
        cause = RevocationGround.OTHER if after is Status.REVOKED else None
        changed = StatusChanged(number, after, "decision 12/2026", cause=cause)
        assert decode_statement(ledger.entries[-1].draft.statement).body == changed
        assert await ledger.credential(number) == entered_credential(status=after)
    else:
        refusal = await _refused(registry, number, after)
        assert refusal.code is Code.CONFLICT
        assert await ledger.credential(number) == entered_credential(status=before)
        assert len(ledger.entries) == 1


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (Status.REVOKED, Status.REVOKED, "status: is revoked already"),
        (Status.REVOKED, Status.ACTIVE, "status: is revoked, which is final"),
        (Status.SUPERSEDED, Status.SUSPENDED, "status: is superseded, which is final"),
        (Status.ACTIVE, Status.ACTIVE, "status: is active already"),
        (
            Status.ACTIVE,
            Status.SUPERSEDED,
            "status: name the credential that takes its place",
        ),
    ],
)
async def test_tells_why_a_status_cannot_change(
    registry: Registry, before: Status, after: Status, reason: str
) -> None:
    await registry.issue(sample_credential(status=before))
    assert (await _refused(registry, "XA-2019-000001", after)).reason == reason


async def test_refuses_to_change_what_is_not_in_the_registry(registry: Registry) -> None:
    refusal = await _refused(registry, "XA-2019-000001", Status.REVOKED)
    assert refusal.code is Code.UNKNOWN
    assert "XA-2019" not in refusal.reason


@pytest.mark.parametrize("ground", ["", "   ", "x" * 501, "a\x00b", "a\nb"])
async def test_refuses_a_ground_that_cannot_be_stated(
    registry: Registry, ledger: MemoryLedger, ground: str
) -> None:
    await registry.issue(sample_credential())
    refusal = await _refused(registry, "XA-2019-000001", Status.REVOKED, ground)
    assert refusal.code is Code.MALFORMED
    assert len(ledger.entries) == 1


async def test_two_revocations_at_once_are_stated_once(
    registry: Registry, ledger: MemoryLedger
) -> None:
    await registry.issue(sample_credential())
    results = await asyncio.gather(
        *(registry.change_status("XA-2019-000001", Status.REVOKED, "x") for _ in range(2)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Refusal) for result in results) == 1
    assert len(ledger.entries) == 2


async def test_a_draft_that_fails_undoes_the_whole_import(ledger: MemoryLedger) -> None:
    def drafts() -> Iterable[Draft]:
        raise Refusal(Code.MALFORMED, "no draft")

    with pytest.raises(Refusal, match="no draft"):
        await ledger.append_many(drafts())
    assert ledger.entries == []
