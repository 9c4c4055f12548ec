"""What is said on a holder's behalf beside share codes, written and strictly read."""

from collections.abc import Callable
from typing import Any, Final

from node.model.bounds import (
    INDEX_MAX,
    NODE_ID,
    TIME_MAX_US,
    by_value,
    exactly,
    member,
    number,
    pattern,
    text,
)
from node.model.credential import NUMBER_LENGTH_MAX
from node.model.holder_bodies import (
    WATCH_SIZE_BYTES,
    Complaint,
    ContestRaised,
    RecordExported,
    Watcher,
    WatchGiven,
)
from node.model.statement import COMMITMENT_SIZE_BYTES, Body, ConsentEnd, WatchEnded
from node.wire._pb import node_pb2 as pb

LEGAL_NAME_LENGTH_MAX: Final = 200
REGISTER_ID_LENGTH_MAX: Final = 64
COMPLAINT_LENGTH_MAX: Final = 2_000
_CONSENT_ENDS: Final = by_value(ConsentEnd)
_COMPLAINTS: Final = by_value(Complaint)


def _write_watch(message: pb.Statement, body: WatchGiven) -> None:
    given, watcher = message.consent_event.watch_given, body.watcher
    given.watch, given.credential = body.watch, body.credential
    given.watcher.node = watcher.node
    given.watcher.legal_name = watcher.legal_name
    given.watcher.register_id = watcher.register_id
    given.expires_at_us = body.expires_at


def read_watch(given: pb.WatchGiven) -> WatchGiven:
    """Read a standing consent strictly.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    name = "watch_given"
    return WatchGiven(
        exactly(given.watch, f"{name}.watch", WATCH_SIZE_BYTES),
        text(given.credential, f"{name}.credential", NUMBER_LENGTH_MAX),
        checked_watcher(
            Watcher(given.watcher.node, given.watcher.legal_name, given.watcher.register_id)
        ),
        number(given.expires_at_us, f"{name}.expires_at_us", 1, TIME_MAX_US),
    )


def checked_watcher(watcher: Watcher) -> Watcher:
    """Return who may follow, within bounds.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    pattern(watcher.node, "watcher.node", NODE_ID, "a node id, like XB")
    text(watcher.legal_name, "watcher.legal_name", LEGAL_NAME_LENGTH_MAX)
    text(watcher.register_id, "watcher.register_id", REGISTER_ID_LENGTH_MAX)
    return watcher


def _write_watch_ended(message: Any, body: WatchEnded) -> None:  # noqa: ANN401 - as in codec
    message.consent_event.watch_ended.watch = body.watch
    message.consent_event.watch_ended.cause = body.cause


def read_watch_ended(ended: pb.WatchEnded) -> WatchEnded:
    """Read the end of a standing consent strictly.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    return WatchEnded(
        exactly(ended.watch, "watch_ended.watch", WATCH_SIZE_BYTES),
        member(_CONSENT_ENDS, ended.cause, "watch_ended.cause"),
    )


def _write_contest(message: Any, body: ContestRaised) -> None:  # noqa: ANN401 - as in codec
    contest = message.contest_raised
    contest.credential, contest.complaint = body.credential, body.complaint
    contest.text = body.text
    if body.entry is not None:
        contest.entry = body.entry


def _read_contest(message: pb.Statement) -> ContestRaised:
    contest, name = message.contest_raised, "contest_raised"
    entry = number(contest.entry, f"{name}.entry", 0, INDEX_MAX)
    return ContestRaised(
        text(contest.credential, f"{name}.credential", NUMBER_LENGTH_MAX),
        entry if contest.HasField("entry") else None,
        member(_COMPLAINTS, contest.complaint, f"{name}.complaint"),
        text(contest.text, f"{name}.text", COMPLAINT_LENGTH_MAX),
    )


def _write_exported(message: pb.Statement, body: RecordExported) -> None:
    message.record_exported.digest = body.digest


def _read_exported(message: pb.Statement) -> RecordExported:
    digest = message.record_exported.digest
    return RecordExported(exactly(digest, "record_exported.digest", COMMITMENT_SIZE_BYTES))


WRITERS: Final[dict[type[Body], Callable[[pb.Statement, Any], None]]] = {
    WatchGiven: _write_watch,
    WatchEnded: _write_watch_ended,
    ContestRaised: _write_contest,
    RecordExported: _write_exported,
}
READERS: Final[dict[str, Callable[[pb.Statement], Body]]] = {
    "contest_raised": _read_contest,
    "record_exported": _read_exported,
}
