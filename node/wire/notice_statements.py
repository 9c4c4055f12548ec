"""Status notices and what was taken of them, written and strictly read."""

from collections.abc import Callable
from typing import Any, Final

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID, TIME_MAX_US, by_value, exactly, member, number, pattern, text
from node.model.holder_bodies import WATCH_SIZE_BYTES
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.statement import COMMITMENT_SIZE_BYTES, Body, Outcome
from node.wire._pb import node_pb2 as pb
from node.wire.holder_statements import REGISTER_ID_LENGTH_MAX

_OUTCOMES: Final = by_value(Outcome)


def _write_notice(message: Any, body: StatusNotice) -> None:  # noqa: ANN401 - as in codec
    notice = message.status_notice
    notice.audience, notice.watch, notice.register_id = body.audience, body.watch, body.register_id
    notice.outcome, notice.expires_at_us = body.outcome, body.expires_at


def _read_notice(message: pb.Statement) -> StatusNotice:
    notice, name = message.status_notice, "status_notice"
    return StatusNotice(
        pattern(notice.audience, f"{name}.audience", NODE_ID, "a node id, like XA"),
        exactly(notice.watch, f"{name}.watch", WATCH_SIZE_BYTES),
        text(notice.register_id, f"{name}.register_id", REGISTER_ID_LENGTH_MAX),
        _outcome(notice.outcome, f"{name}.outcome"),
        number(notice.expires_at_us, f"{name}.expires_at_us", 1, TIME_MAX_US),
    )


def _write_taken(message: Any, body: NoticeTaken) -> None:  # noqa: ANN401 - as in codec
    taken = message.notice_taken
    taken.notice, taken.watch, taken.register_id = body.notice, body.watch, body.register_id
    taken.outcome = body.outcome


def _read_taken(message: pb.Statement) -> NoticeTaken:
    taken, name = message.notice_taken, "notice_taken"
    return NoticeTaken(
        exactly(taken.notice, f"{name}.notice", COMMITMENT_SIZE_BYTES),
        exactly(taken.watch, f"{name}.watch", WATCH_SIZE_BYTES),
        text(taken.register_id, f"{name}.register_id", REGISTER_ID_LENGTH_MAX),
        _outcome(taken.outcome, f"{name}.outcome"),
    )


def _outcome(value: int, name: str) -> Outcome:
    outcome = member(_OUTCOMES, value, name)
    if outcome in {Outcome.NOT_CONFIRMED, Outcome.REFUSED}:
        raise Refusal(Code.MALFORMED, f"{name}: {outcome.name} is never told")
    return outcome


WRITERS: Final[dict[type[Body], Callable[[pb.Statement, Any], None]]] = {
    StatusNotice: _write_notice,
    NoticeTaken: _write_taken,
}
READERS: Final[dict[str, Callable[[pb.Statement], Body]]] = {
    "status_notice": _read_notice,
    "notice_taken": _read_taken,
}
