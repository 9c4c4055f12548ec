"""Cases as JSON has them, for the HTTP door and for the command line."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from node.edge.bodies import require_each_name_once
from node.errors import Code, Refusal
from node.flows.case_ports import HeldStep
from node.flows.casework import CaseView, NewCase, NewStep
from node.model.case_bodies import CaseKind, StepKind
from node.model.credential import NUMBER_LENGTH_MAX

CASE_PATTERN: Final = "[0-9a-f]{32}"
DIGEST_PATTERN: Final = "[0-9a-f]{64}"
_Name = Annotated[str, Meta(max_length=64)]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_US: Final = 253_402_300_799_999_999
KindName = Literal["contest", "appeal", "recognition"]


class VerificationSubject(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="what", tag="verification"
):
    """An answered verification of this API key."""

    id: Annotated[str, Meta(min_length=1, max_length=48)]


class CredentialSubject(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="what", tag="credential"
):
    """A credential of another country's registry."""

    number: Annotated[str, Meta(min_length=1, max_length=NUMBER_LENGTH_MAX)]
    node: Annotated[
        str, Meta(pattern="^[A-Z]{2}[0-9]{0,2}$", description="That country's node, like XB")
    ]


class CaseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What opens a case."""

    kind: KindName
    text: Annotated[str, Meta(min_length=1, max_length=10_000, description="Why, in words.")]
    about: VerificationSubject | CredentialSubject
    here: Annotated[bool, Meta(description="The authority of this node decides.")] = False
    route: _Name = ""
    agreement: _Name = ""


class StepRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody who opened a case may do by themselves."""

    step: Literal["appeal", "withdraw"]
    text: Annotated[str, Meta(max_length=10_000)] = ""


class StepBody(Struct, frozen=True):
    """One step of a timeline; `number` is null where it has no place (yet)."""

    number: int | None
    at: datetime
    node: str
    author: str
    step: str
    ruling: str | None
    ground: str
    wanted: tuple[str, ...]
    documents: tuple[str, ...]
    note: str


class LimitBody(Struct, frozen=True):
    """A time limit; `on` is its last day, null where the calendar does not reach that far."""

    clock: str
    on: date | None
    clause: str
    passed: bool


class DocumentBody(Struct, frozen=True):
    """A text or document of a case; `here` says whether it can be read."""

    digest: str
    kind: str
    size_bytes: int
    here: bool


class CaseBody(Struct, frozen=True):
    """A case and where it stands today."""

    id: str
    kind: str
    node: str
    decider: str
    agreement: str
    version: int
    route: str
    phase: str
    ruling: str | None
    by_silence: bool
    may_be_appealed_for_silence: bool
    closed: bool
    limits: tuple[LimitBody, ...]
    timeline: tuple[StepBody, ...]
    documents: tuple[DocumentBody, ...]


class CasesBody(Struct, frozen=True):
    """All cases of an API key, oldest first."""

    cases: tuple[CaseBody, ...]


def case_body(view: CaseView) -> CaseBody:
    """Return a case as JSON has it."""
    held, now, opening = view.held, view.standing, view.progress.opening
    return CaseBody(
        id=held.case.hex(),
        kind=opening.kind.name.lower(),
        node=held.peer,
        decider=opening.decider,
        agreement=opening.agreement,
        version=opening.version,
        route=opening.route,
        phase=now.phase.value,
        ruling=None if now.ruling is None else now.ruling.name.lower(),
        by_silence=now.by_silence,
        may_be_appealed_for_silence=now.silent,
        closed=now.closed,
        limits=tuple(LimitBody(one.clock, one.on, one.clause, one.passed) for one in now.limits),
        timeline=tuple(map(_step, held.steps)),
        documents=tuple(
            DocumentBody(one.part.digest.hex(), one.part.word, one.part.size_bytes, one.here)
            for one in held.parts
        ),
    )


def _step(step: HeldStep) -> StepBody:
    said = step.taken.step
    return StepBody(
        number=step.number or None,
        at=_EPOCH + timedelta(microseconds=min(step.taken.said_at, _LATEST_US)),
        node=step.taken.speaker,
        author=said.author.name.lower(),
        step=said.kind.name.lower(),
        ruling=None if said.ruling is None else said.ruling.name.lower(),
        ground=said.ground,
        wanted=said.wanted,
        documents=tuple(part.digest.hex() for part in said.parts),
        note=step.told or ("" if step.settled else "not received yet"),
    )


_Request = TypeVar("_Request", bound=Struct)


def _read(content: bytes, kind: type[_Request]) -> _Request:
    """Read a body strictly; what was found where it is wrong is not repeated."""
    try:
        request = msgspec.json.decode(content, type=kind)
        require_each_name_once(content)
    except msgspec.ValidationError as error:
        _, at, path = str(error).rpartition(" - at ")
        where = path.strip("`") if at else "the body"
        raise Refusal(Code.MALFORMED, f"{where}: is not as described") from None
    except (ValueError, RecursionError):  # of either reader, and of UTF-8
        raise Refusal(Code.MALFORMED, "the body is not JSON in UTF-8") from None
    return request


def read_case(content: bytes) -> NewCase:
    """Read what opens a case strictly.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    asked = _read(content, CaseRequest)
    about = asked.about
    return NewCase(
        kind=CaseKind[asked.kind.upper()],
        text=asked.text,
        verification="" if isinstance(about, CredentialSubject) else about.id,
        credential=about.number if isinstance(about, CredentialSubject) else "",
        peer=about.node if isinstance(about, CredentialSubject) else "",
        here=asked.here,
        route=asked.route,
        agreement=asked.agreement,
    )


def read_step(content: bytes) -> NewStep:
    """Read a step strictly.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    asked = _read(content, StepRequest)
    kind = StepKind.APPEALED if asked.step == "appeal" else StepKind.WITHDRAWN
    return NewStep(kind, text=asked.text)
