"""What is said about erasing: the four bodies, written and strictly read."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from node.errors import Code, Refusal
from node.model.bounds import INDEX_MAX, NODE_ID, TIME_MAX_US, exactly, number, pattern, text
from node.model.statement import (
    BODY_FIRST,
    BODY_LAST,
    COMMITMENT_SIZE_BYTES,
    ERASED_AT_ONCE_MAX,
    EXCHANGES_AT_ONCE_MAX,
    Body,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    KeptExchange,
    KeptFor,
    SharedExchange,
)
from node.wire._pb import node_pb2 as pb

RULE_LENGTH_MAX: Final = 300
AUTHORITY_LENGTH_MAX: Final = 200
_KEPT_FOR: Final = {member.value: member for member in KeptFor}


def _write_erasure(message: pb.Statement, body: Erasure) -> None:
    message.erasure.entries.extend(body.entries)
    message.erasure.kind = body.kind
    message.erasure.rule = body.rule
    message.erasure.authority = body.authority


def _read_erasure(message: pb.Statement) -> Erasure:
    erasure = message.erasure
    entries = tuple(erasure.entries)
    if not 0 < len(entries) <= ERASED_AT_ONCE_MAX:
        raise Refusal(Code.MALFORMED, f"erasure.entries: must be 1 to {ERASED_AT_ONCE_MAX}")
    _ascending(entries, "erasure.entries")
    number(entries[-1], "erasure.entries", 0, INDEX_MAX)
    return Erasure(
        entries,
        number(erasure.kind, "erasure.kind", BODY_FIRST, BODY_LAST),
        text(erasure.rule, "erasure.rule", RULE_LENGTH_MAX),
        text(erasure.authority, "erasure.authority", AUTHORITY_LENGTH_MAX),
    )


def _write_request(message: pb.Statement, body: ErasureRequest) -> None:
    request = message.erasure_request
    request.audience, request.rule = body.audience, body.rule
    request.answer_by_us = body.answer_by or 0
    for shared in body.exchanges:
        request.exchanges.add(
            query_index=shared.query_index,
            query=shared.query,
            answer_index=shared.answer_index,
            answer=shared.answer,
        )


def _read_request(message: pb.Statement) -> ErasureRequest:
    request, name = message.erasure_request, "erasure_request"
    if not 0 < len(request.exchanges) <= EXCHANGES_AT_ONCE_MAX:
        raise Refusal(Code.MALFORMED, f"{name}.exchanges: must be 1 to {EXCHANGES_AT_ONCE_MAX}")
    _ascending(tuple(one.query_index for one in request.exchanges), f"{name}.exchanges")
    return ErasureRequest(
        pattern(request.audience, f"{name}.audience", NODE_ID, "a node id, like XA"),
        tuple(
            SharedExchange(
                number(one.query_index, f"{name}.query_index", 0, INDEX_MAX),
                _commitment(one.query, f"{name}.query"),
                number(one.answer_index, f"{name}.answer_index", 0, INDEX_MAX),
                _commitment(one.answer, f"{name}.answer"),
            )
            for one in request.exchanges
        ),
        text(request.rule, f"{name}.rule", RULE_LENGTH_MAX),
        number(request.answer_by_us, f"{name}.answer_by_us", 1, TIME_MAX_US)
        if request.answer_by_us
        else None,
    )


def _write_acknowledged(message: pb.Statement, body: ErasureAcknowledged) -> None:
    acknowledged = message.erasure_acknowledged
    acknowledged.request = body.request
    acknowledged.erased.extend(body.erased)
    for kept in body.kept:
        acknowledged.kept.add(query=kept.query, reason=kept.reason)


def _read_acknowledged(message: pb.Statement) -> ErasureAcknowledged:
    acknowledged, name = message.erasure_acknowledged, "erasure_acknowledged"
    if not 0 < len(acknowledged.erased) + len(acknowledged.kept) <= EXCHANGES_AT_ONCE_MAX:
        raise Refusal(Code.MALFORMED, f"{name}: must be of 1 to {EXCHANGES_AT_ONCE_MAX} exchanges")
    kept = []
    for one in acknowledged.kept:
        reason = _KEPT_FOR.get(one.reason)
        if reason is None:
            raise Refusal(Code.MALFORMED, f"{name}.kept.reason: {one.reason} is not known")
        kept.append(KeptExchange(_commitment(one.query, f"{name}.kept.query"), reason))
    return ErasureAcknowledged(
        _commitment(acknowledged.request, f"{name}.request"),
        tuple(_commitment(one, f"{name}.erased") for one in acknowledged.erased),
        tuple(kept),
    )


def _write_concluded(message: pb.Statement, body: ErasureConcluded) -> None:
    message.erasure_concluded.request = body.request
    message.erasure_concluded.acknowledgement = body.acknowledgement


def _read_concluded(message: pb.Statement) -> ErasureConcluded:
    concluded, name = message.erasure_concluded, "erasure_concluded"
    return ErasureConcluded(
        _commitment(concluded.request, f"{name}.request"),
        _commitment(concluded.acknowledgement, f"{name}.acknowledgement"),
    )


def _commitment(value: bytes, name: str) -> bytes:
    return exactly(value, name, COMMITMENT_SIZE_BYTES)


def _ascending(values: tuple[int, ...], name: str) -> None:
    if any(one >= next_ for one, next_ in pairwise(values)):
        raise Refusal(Code.MALFORMED, f"{name}: must be ascending, without repetition")


WRITERS: Final[dict[type[Body], Callable[[pb.Statement, Any], None]]] = {
    Erasure: _write_erasure,
    ErasureRequest: _write_request,
    ErasureAcknowledged: _write_acknowledged,
    ErasureConcluded: _write_concluded,
}
READERS: Final[dict[str, Callable[[pb.Statement], Body]]] = {
    "erasure": _read_erasure,
    "erasure_request": _read_request,
    "erasure_acknowledged": _read_acknowledged,
    "erasure_concluded": _read_concluded,
}
