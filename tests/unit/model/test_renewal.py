"""A node's description while its keys are renewed."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from node.model.renewal import Handover, with_next_certificate, with_next_journal_keys
from node.model.trust_files import CertificateEntry, JournalEntry, JournalKeyEntry, NodeFile

_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_DAY = timedelta(days=1)
_HANDOVER = Handover(_NOW + 3 * _DAY, _NOW + 10 * _DAY)
_AT_ONCE = Handover(_NOW, _NOW)


def _described() -> NodeFile:
    return NodeFile(
        node="XA",
        country="XA",
        authority="Office of XA",
        endpoint="xa.example:7471",
        journal=JournalEntry(
            "xa.example/journal",
            (
                JournalKeyEntry("old", _NOW - _DAY, "proof"),
                JournalKeyEntry("new", _NOW, "proof"),
            ),
        ),
        tls=(
            CertificateEntry("old", _NOW - _DAY, "proof"),
            CertificateEntry("new", _NOW, "proof"),
        ),
    )


def test_old_and_new_certificate_count_side_by_side() -> None:
    old, new = with_next_certificate(_described(), "new", _HANDOVER).tls
    assert (old.valid_from, old.valid_until) == (_NOW - _DAY, _HANDOVER.until)
    assert (new.valid_from, new.valid_until) == (_HANDOVER.since, None)


@pytest.mark.parametrize("days", [-2, 5, 30])
def test_an_end_that_was_told_before_is_never_put_off(days: int) -> None:
    described = _described()
    told = replace(described.tls[0], valid_until=_NOW + days * _DAY)
    old, _ = with_next_certificate(
        replace(described, tls=(told, described.tls[1])), "new", _HANDOVER
    ).tls
    assert told.valid_until is not None
    assert old.valid_until == min(told.valid_until, _HANDOVER.until)


@pytest.mark.parametrize(
    ("since", "until", "stays"),
    [(-9, -2, False), (5, None, False), (-9, 1, True), (-9, None, True)],
)
def test_a_deleted_certificate_leaves_the_list_unless_it_still_counts(
    since: int, until: int | None, stays: bool
) -> None:
    described = _described()
    gone = CertificateEntry(
        "gone", _NOW + since * _DAY, "proof", None if until is None else _NOW + until * _DAY
    )
    changed = replace(described, tls=(gone, *described.tls))
    found = with_next_certificate(changed, "new", _AT_ONCE, ["gone"]).tls
    assert ("gone" in {entry.certificate for entry in found}) == stays


def test_old_journal_keys_are_retired_with_their_reason_and_stay_listed() -> None:
    old, new = with_next_journal_keys(
        _described(), ["new"], _HANDOVER, "yearly renewal"
    ).journal.keys
    assert (old.verifier, old.valid_until, old.retired_because) == (
        "old",
        _HANDOVER.until,
        "yearly renewal",
    )
    assert (new.valid_from, new.valid_until, new.retired_because) == (_HANDOVER.since, None, None)


def test_the_first_reason_for_retiring_a_key_stands() -> None:
    once = with_next_journal_keys(_described(), ["new"], _HANDOVER, "yearly renewal")
    again = with_next_journal_keys(once, [], _AT_ONCE, "stolen").journal.keys
    assert [key.retired_because for key in again] == ["yearly renewal", "stolen"]
    assert again[0].valid_until == _AT_ONCE.until


def test_a_journal_key_that_never_counted_is_left_out_and_one_that_did_is_not() -> None:
    described = _described()
    waiting = JournalKeyEntry("waiting", _NOW + 3 * _DAY, "proof")
    journal = replace(described.journal, keys=(*described.journal.keys, waiting))
    found = with_next_journal_keys(
        replace(described, journal=journal), ["new"], _AT_ONCE, "stolen", ["waiting", "old"]
    ).journal.keys
    assert [key.verifier for key in found] == ["old", "new"]
