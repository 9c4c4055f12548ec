"""What is said about cases, written and strictly read."""

import re
from collections.abc import Callable
from typing import Any, Final

from node.errors import Code, Refusal
from node.model.bounds import INDEX_MAX, NODE_ID, by_value, exactly, member, number, pattern, text
from node.model.case_bodies import (
    CASE_SIZE_BYTES,
    NUMBER_MAX,
    PART_SIZE_MAX_BYTES,
    PARTS_MAX,
    TERMS_SIZE_MAX_BYTES,
    Author,
    CaseConcluded,
    CaseKind,
    CaseOpening,
    CasePart,
    CaseReceived,
    CaseStep,
    Ruling,
    StepKind,
    Subject,
    SubjectKind,
)
from node.model.statement import COMMITMENT_SIZE_BYTES, Body
from node.wire._pb import node_pb2 as pb

GROUND_LENGTH_MAX: Final = 300
REASON_LENGTH_MAX: Final = 300
_WORD: Final = re.compile(r"[a-z][a-z_]{0,39}")
_ROUTE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_RECIPIENT: Final = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_STEPS: Final = by_value(StepKind)
_AUTHORS: Final = by_value(Author)
_RULINGS: Final = by_value(Ruling)
_KINDS: Final = by_value(CaseKind)
_SUBJECTS: Final = by_value(SubjectKind)
_WITH_GROUND: Final = frozenset({StepKind.DECIDED, StepKind.EXTENDED, StepKind.ERASED})
_WITH_RULING: Final = frozenset({StepKind.DECIDED, StepKind.LAPSED})


def _write_step(message: pb.Statement, body: CaseStep) -> None:
    step: Any = message.case_step  # the generated enumerations are not ours
    step.case_id, step.audience, step.ground = body.case, body.audience, body.ground
    step.kind, step.author, step.number = body.kind, body.author, body.number
    for part in body.parts:
        step.parts.add(digest=part.digest, size_bytes=part.size_bytes, word=part.word)
    if body.ruling is not None:
        step.ruling = body.ruling
    step.wanted.extend(body.wanted)
    if body.opening is not None:
        _write_opening(step.opening, body.opening)


def _write_opening(message: Any, opening: CaseOpening) -> None:  # noqa: ANN401 - as above
    message.kind, message.decider, message.route = opening.kind, opening.decider, opening.route
    message.subject_kind = opening.subject.kind
    message.subject = opening.subject.commitment
    message.subject_position = opening.subject.position
    message.agreement.id, message.agreement.version = opening.agreement, opening.version
    message.terms, message.recipient = opening.terms, opening.recipient


def _read_step(message: pb.Statement) -> CaseStep:
    return checked_step(_step(message.case_step))


def _step(step: pb.CaseStep) -> CaseStep:
    name = "case_step"
    return CaseStep(
        _case(step.case_id, name),
        pattern(step.audience, f"{name}.audience", NODE_ID, "a node id, like XA"),
        member(_STEPS, step.kind, f"{name}.kind"),
        member(_AUTHORS, step.author, f"{name}.author"),
        number(step.number, f"{name}.number", 0, NUMBER_MAX),
        tuple(CasePart(one.digest, one.size_bytes, one.word) for one in step.parts),
        member(_RULINGS, step.ruling, f"{name}.ruling") if step.ruling else None,
        step.ground,
        tuple(step.wanted),
        _read_opening(step.opening) if step.HasField("opening") else None,
    )


def checked_step(step: CaseStep) -> CaseStep:
    """Return a step that has what its kind has, and nothing else, all of it within bounds.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    if len(step.parts) > PARTS_MAX:
        raise Refusal(Code.MALFORMED, f"parts: more than {PARTS_MAX}")
    for part in step.parts:
        exactly(part.digest, "parts.digest", COMMITMENT_SIZE_BYTES)
        number(part.size_bytes, "parts.size_bytes", 1, PART_SIZE_MAX_BYTES)
        pattern(part.word, "parts.word", _WORD, "a word, like experience")
    if len({part.digest for part in step.parts}) != len(step.parts):
        raise Refusal(Code.MALFORMED, "parts: one of them stands there twice")
    for word in step.wanted:
        pattern(word, "wanted", _WORD, "a kind of document, like experience")
    if len(step.wanted) > PARTS_MAX or len(set(step.wanted)) != len(step.wanted):
        raise Refusal(Code.MALFORMED, f"wanted: at most {PARTS_MAX}, each once")
    needs = (
        ("opening", step.opening is not None, step.kind is StepKind.OPENED),
        ("ruling", step.ruling is not None, step.kind in _WITH_RULING),
        ("ground", bool(step.ground), step.kind in _WITH_GROUND),
        ("wanted", bool(step.wanted), step.kind is StepKind.DOCUMENTS_ASKED),
    )
    for name, there, wanted in needs:
        if there != wanted:
            what = "is missing" if wanted else f"has no place in {step.kind.name}"
            raise Refusal(Code.MALFORMED, f"{name}: {what}")
    if step.kind is StepKind.DOCUMENTS_SUPPLIED and not step.parts:
        raise Refusal(Code.MALFORMED, "parts: nothing is supplied")
    text(step.ground, "ground", GROUND_LENGTH_MAX, empty=True)
    return step


def _read_opening(message: pb.CaseOpening) -> CaseOpening:
    name = "case_step.opening"
    if len(message.terms) > TERMS_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"{name}.terms: over {TERMS_SIZE_MAX_BYTES} bytes")
    if message.route:
        pattern(message.route, f"{name}.route", _ROUTE, "the id of a route")
    return CaseOpening(
        member(_KINDS, message.kind, f"{name}.kind"),
        Subject(
            member(_SUBJECTS, message.subject_kind, f"{name}.subject_kind"),
            exactly(message.subject, f"{name}.subject", COMMITMENT_SIZE_BYTES),
            number(message.subject_position, f"{name}.subject_position", 0, INDEX_MAX),
        ),
        pattern(message.decider, f"{name}.decider", NODE_ID, "a node id, like XA"),
        text(message.agreement.id, f"{name}.agreement.id", 64),
        number(message.agreement.version, f"{name}.agreement.version", 1, 2**31),
        message.route,
        message.terms,
        _recipient(message.recipient, f"{name}.recipient"),
    )


def _write_received(message: pb.Statement, body: CaseReceived) -> None:
    received = message.case_received
    received.case_id, received.step, received.number = body.case, body.step, body.number
    received.recipient, received.reason = body.recipient, body.reason


def _read_received(message: pb.Statement) -> CaseReceived:
    received, name = message.case_received, "case_received"
    if bool(received.number) == bool(received.reason):
        raise Refusal(Code.MALFORMED, f"{name}.reason: is there where a step is not taken")
    return CaseReceived(
        _case(received.case_id, name),
        exactly(received.step, f"{name}.step", COMMITMENT_SIZE_BYTES),
        number(received.number, f"{name}.number", 0, NUMBER_MAX),
        _recipient(received.recipient, f"{name}.recipient"),
        text(received.reason, f"{name}.reason", REASON_LENGTH_MAX, empty=True),
    )


def _write_concluded(message: pb.Statement, body: CaseConcluded) -> None:
    concluded = message.case_concluded
    concluded.case_id, concluded.step, concluded.receipt = body.case, body.step, body.receipt
    concluded.number = body.number


def _read_concluded(message: pb.Statement) -> CaseConcluded:
    concluded, name = message.case_concluded, "case_concluded"
    return CaseConcluded(
        _case(concluded.case_id, name),
        exactly(concluded.step, f"{name}.step", COMMITMENT_SIZE_BYTES),
        exactly(concluded.receipt, f"{name}.receipt", COMMITMENT_SIZE_BYTES),
        number(concluded.number, f"{name}.number", 0, NUMBER_MAX),
    )


def _case(value: bytes, name: str) -> bytes:
    return exactly(value, f"{name}.case_id", CASE_SIZE_BYTES)


def _recipient(value: str, name: str) -> str:
    return pattern(value, name, _RECIPIENT, "an age recipient")


WRITERS: Final[dict[type[Body], Callable[[pb.Statement, Any], None]]] = {
    CaseStep: _write_step,
    CaseReceived: _write_received,
    CaseConcluded: _write_concluded,
}
READERS: Final[dict[str, Callable[[pb.Statement], Body]]] = {
    "case_step": _read_step,
    "case_received": _read_received,
    "case_concluded": _read_concluded,
}
