"""Renewing a node's keys: its description with the next one, and how long the old one counts.

Both are listed side by side for a while, so that nobody has to hold the newest trust list to
believe the node. A journal or witness key that has ended stays listed, with the reason: what it
signed still verifies. A TLS certificate that has ended is of no use to anybody, and goes.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from node.model.trust_files import CertificateEntry, JournalKeyEntry, NodeFile

_Entry = TypeVar("_Entry", CertificateEntry, JournalKeyEntry)


class Handover(Struct, frozen=True):
    """From when the next key counts, and until when the one before it does."""

    since: datetime
    until: datetime


def with_next_certificate(
    described: NodeFile, fresh: str, handover: Handover, gone: Collection[str] = ()
) -> NodeFile:
    """Return a description in which a certificate (as it is listed) follows the others.

    `gone` are those that the node has no more; one that has not ended yet stays all the same.
    """
    entries = (
        _handed_over(entry, handover, is_fresh=entry.certificate == fresh)
        for entry in described.tls
        if entry.certificate not in gone or _counts_at(entry, handover.since)
    )
    return replace(described, tls=tuple(entries))


def with_next_journal_keys(
    described: NodeFile,
    fresh: Collection[str],
    handover: Handover,
    reason: str,
    gone: Collection[str] = (),
) -> NodeFile:
    """Return a description in which journal keys (as they are listed) follow the others.

    The others are retired, with the reason. `gone` are those that the node has no more; of these
    only one that never counted is left out.
    """
    keys = _followed(described.journal.keys, fresh, handover, reason, gone)
    return replace(described, journal=replace(described.journal, keys=keys))


def with_next_witness_keys(
    described: NodeFile,
    fresh: Collection[str],
    handover: Handover,
    reason: str,
    gone: Collection[str] = (),
) -> NodeFile:
    """Return a description in which witness keys follow the others, as journal keys do."""
    return replace(described, witness=_followed(described.witness, fresh, handover, reason, gone))


def _followed(
    entries: Iterable[JournalKeyEntry],
    fresh: Collection[str],
    handover: Handover,
    reason: str,
    gone: Collection[str],
) -> tuple[JournalKeyEntry, ...]:
    found: list[JournalKeyEntry] = []
    for entry in entries:
        if entry.verifier in gone and entry.valid_from > handover.since:
            continue
        if entry.verifier not in fresh and entry.retired_because is None:
            entry = replace(entry, retired_because=reason)  # noqa: PLW2901 - the same entry
        found.append(_handed_over(entry, handover, is_fresh=entry.verifier in fresh))
    return tuple(found)


def _counts_at(entry: CertificateEntry, at: datetime) -> bool:
    return entry.valid_from <= at and (entry.valid_until is None or at < entry.valid_until)


def _handed_over(entry: _Entry, handover: Handover, *, is_fresh: bool) -> _Entry:
    if is_fresh:
        return replace(entry, valid_from=handover.since, valid_until=None)
    if entry.valid_until is not None and entry.valid_until <= handover.until:
        return entry
    return replace(entry, valid_until=handover.until)
