"""The JSON bodies of the HTTP API: strict on the way in, plain words on the way out.

The same Structs check what comes in, write what goes out and describe both in OpenAPI.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal, cast, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from node.errors import Code, Refusal
from node.flows import ports
from node.flows.ask import Inquiry
from node.model import share_code
from node.model.credential import LISTED, Field
from node.model.statement import Disclosure, Outcome, Purpose, Rule

VERIFICATIONS_PATH: Final = "/v1/verifications"
ID_PATTERN: Final = "[0-9a-f]{48}"
"""A verification's id is its query's commitment in hexadecimal digits."""
SHARE_CODE_LENGTH_MAX: Final = 64
SHARE_CODE_EXAMPLE: Final = str(share_code.make("XB", bytes(range(share_code.RANDOM_SIZE_BYTES))))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_US: Final = 253_402_300_799_999_999  # the last microsecond that a datetime can hold
_ENUM_COMPLAINT: Final = "Invalid enum value"

PurposeName = Literal["employment", "licensing", "enrolment"]
FieldName = Literal[
    "holder_name",
    "title",
    "award_type",
    "issuer",
    "isco08",
    "level_national",
    "level_eqf",
    "awarded_on",
    "expires_on",
    "assessment_method",
    "language",
    "units",
    "valid_from",
    "titles",
    "accreditation",
    "esco",
    "isced_f",
    "national_codes",
    "level_aqrf",
    "level_sadcqf",
    "level_cvq",
    "learning_outcomes",
    "credits",
    "hours",
    "work_based_hours",
    "assessments",
    "languages",
    "renewal",
    "parts",
    "supersedes",
]
OutcomeName = Literal[
    "confirmed", "suspended", "revoked", "expired", "superseded", "not_confirmed", "refused"
]
RuleName = Literal["no_agreement", "purpose_not_covered", "issuer_not_accredited"]
StateName = Literal["answered", "open", "unanswered"]

_FIELDS: Final = {field.name.lower(): field for field in Field}
_ALL_FIELDS: Final = tuple(Field)

_ASK_ANEW: Final = "this says nothing about the holder, and you may ask again"
_ANSWERED: Final[dict[Outcome, str]] = {
    Outcome.CONFIRMED: "{authority} confirms that this qualification exists, belongs to the person "
    "born on the date you gave and is valid as of {evaluated_at}; ask again to know it after "
    "{good_until}.",
    Outcome.SUSPENDED: "{authority} knows this qualification but has suspended it: as of "
    "{evaluated_at} it does not count.",
    Outcome.REVOKED: "{authority} knows this qualification but has revoked it: as of "
    "{evaluated_at} it no longer counts.",
    Outcome.EXPIRED: "{authority} knows this qualification, but it has expired: as of "
    "{evaluated_at} it no longer counts.",
    Outcome.SUPERSEDED: "{authority} has replaced this qualification by a newer one; ask the "
    "holder for a share code of the newer one.",
    Outcome.NOT_CONFIRMED: "{authority} confirms nothing for this share code and birth date: one "
    "may be mistyped, or the code has expired, was withdrawn, is used up or was made for another "
    "purpose or employer; check both with the holder.",
}
_REFUSED: Final[dict[Rule, str]] = {
    Rule.NO_AGREEMENT: "{authority} did not look, because no agreement in force lets it answer "
    "this country; this says nothing about the holder.",
    Rule.PURPOSE_NOT_COVERED: "{authority} did not look, because its agreement with this country "
    "does not cover this purpose; this says nothing about the holder.",
    Rule.ISSUER_NOT_ACCREDITED: "{authority} has this award in its registry, but does not confirm "
    "it: by the trust list in force, its issuer was not accredited for it on the day of the award.",
}
_OPEN: Final = (
    "{authority} has not answered yet; the question stays open and is sent again by itself until "
    "{answer_by}, so look here again."
)
_NO_ANSWER: Final[dict[Code, str]] = {
    Code.PEER_SILENT: f"{{authority}} did not answer until {{answer_by}}; {_ASK_ANEW}.",
    Code.PEER_FALSE: (
        "What came as the answer of {authority} failed its checks and is kept as evidence; "
        f"{_ASK_ANEW}."
    ),
}
_NO_ANSWER_ELSE: Final = f"{{authority}} would not answer this question; {_ASK_ANEW}."

PROBLEM_TYPE_PREFIX: Final = "urn:symbolon:refusal:"
TITLES: Final[dict[Code, str]] = {
    Code.MALFORMED: "The request is not as it must be",
    Code.UNAUTHENTICATED: "The API key is missing or does not count",
    Code.UNTRUSTED: "Not allowed",
    Code.UNKNOWN: "Not found",
    Code.CONFLICT: "In conflict with what is already there",
    Code.BUSY: "Too many requests",
    Code.STALE: "This node is not fit to ask now",
    Code.PEER_SILENT: "The other node does not answer",
    Code.PEER_FALSE: "The other node's answer failed its checks",
    Code.DEFECT: "Something went wrong inside the node",
    Code.ERASED: "It was there, and was erased",
}
HTTP_REFUSALS: Final[dict[int, tuple[Code, str]]] = {
    404: (Code.UNKNOWN, "there is nothing at this path; /openapi.json lists what there is"),
    405: (Code.MALFORMED, "this path does not take this method; the Allow header says which"),
    413: (Code.MALFORMED, "the body is larger than 16 KiB"),
    415: (Code.MALFORMED, "Content-Type: must be application/json, in UTF-8, not compressed"),
}


class VerificationRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What you want to know of one worker's qualification."""

    share_code: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=SHARE_CODE_LENGTH_MAX,
            description="The code that the holder gave you; upper or lower case, dashes or spaces.",
            examples=[SHARE_CODE_EXAMPLE],
            extra_json_schema={"format": "share-code"},
        ),
    ]
    birth_date: Annotated[
        date,
        Meta(description="The holder's date of birth; never kept.", examples=["1990-04-17"]),
    ]
    purpose: Annotated[
        PurposeName,
        Meta(
            description="Why you ask; the share code was made for one purpose.",
            extra_json_schema={"type": "string"},
        ),
    ]
    wanted: Annotated[
        tuple[FieldName, ...] | UnsetType,
        Meta(
            description="The fields you need; without it, all that the holder granted.",
            extra_json_schema={"minItems": 1, "maxItems": len(_ALL_FIELDS), "uniqueItems": True},
        ),
    ] = UNSET


class Disclosed(Struct, frozen=True):
    """The fields that the holder granted, as the answering authority states them."""

    holder_name: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    award_type: Annotated[
        str | UnsetType,
        Meta(description="full_qualification, unit, recognised_prior_learning or licence"),
    ] = UNSET
    issuer: str | UnsetType = UNSET
    isco08: Annotated[str | UnsetType, Meta(description="Occupation, ISCO-08, 1 to 4 digits")] = (
        UNSET
    )
    level_national: str | UnsetType = UNSET
    level_eqf: Annotated[
        str | UnsetType, Meta(description="European Qualifications Framework, 1 to 8")
    ] = UNSET
    awarded_on: Annotated[str | UnsetType, Meta(description="YYYY-MM-DD")] = UNSET
    expires_on: Annotated[str | UnsetType, Meta(description="YYYY-MM-DD")] = UNSET
    assessment_method: str | UnsetType = UNSET
    language: Annotated[str | UnsetType, Meta(description="ISO 639")] = UNSET
    units: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Code and title of each unit")
    ] = UNSET
    valid_from: Annotated[str | UnsetType, Meta(description="YYYY-MM-DD")] = UNSET
    titles: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="ISO 639 code and title, by language")
    ] = UNSET
    accreditation: Annotated[
        str | UnsetType,
        Meta(description="What the award rested on: since when (YYYY-MM-DD), by whose decision"),
    ] = UNSET
    esco: Annotated[str | UnsetType, Meta(description="URI of an ESCO occupation")] = UNSET
    isced_f: Annotated[str | UnsetType, Meta(description="ISCED-F 2013, 2 to 4 digits")] = UNSET
    national_codes: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Country, scheme and code of each")
    ] = UNSET
    level_aqrf: Annotated[str | UnsetType, Meta(description="ASEAN framework, 1 to 8")] = UNSET
    level_sadcqf: Annotated[str | UnsetType, Meta(description="SADC framework, 1 to 10")] = UNSET
    level_cvq: Annotated[str | UnsetType, Meta(description="Caribbean qualification, 1 to 5")] = (
        UNSET
    )
    learning_outcomes: tuple[str, ...] | UnsetType = UNSET
    credits: Annotated[str | UnsetType, Meta(description="Points and their scheme")] = UNSET
    hours: Annotated[str | UnsetType, Meta(description="Notional hours of learning")] = UNSET
    work_based_hours: str | UnsetType = UNSET
    assessments: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Method, and day where it is known")
    ] = UNSET
    languages: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Of learning and assessment, ISO 639")
    ] = UNSET
    renewal: Annotated[
        str | UnsetType, Meta(description="Every how many months, and what it takes")
    ] = UNSET
    parts: Annotated[
        tuple[str, ...] | UnsetType, Meta(description="Numbers of the credentials that add up")
    ] = UNSET
    supersedes: Annotated[
        str | UnsetType, Meta(description="Number of the credential whose place it takes")
    ] = UNSET


class Verification(Struct, frozen=True):
    """A question that you asked and what came of it. Times are RFC 3339, UTC."""

    id: Annotated[str, Meta(pattern=f"^{ID_PATTERN}$")]
    state: Annotated[
        StateName,
        Meta(
            description="open: the other node has not answered yet and is asked again; "
            "unanswered: it will not be asked again.",
            extra_json_schema={"type": "string"},
        ),
    ]
    asked_at: datetime
    answered_at: datetime | None
    answering_node: Annotated[str, Meta(description="Node id of the authority that answers")]
    outcome: Annotated[
        OutcomeName | None, Meta(description="What the answer says of the qualification")
    ]
    rule: Annotated[RuleName | None, Meta(description="Why, where the outcome is refused")]
    disclosed: Disclosed
    registry_position: Annotated[
        int | None, Meta(description="Position in the answering node's journal")
    ]
    evaluated_at: Annotated[
        datetime | None, Meta(description="When the answering node looked into its registry")
    ]
    good_until: Annotated[datetime | None, Meta(description="Until when to rely on the answer")]
    no_answer: Annotated[Code | None, Meta(description="Why no answer came")]
    meaning: Annotated[str, Meta(description="The result in one plain sentence")]
    receipt: Annotated[str | None, Meta(description="Path of the receipt, once answered")]
    trust_age_s: Annotated[
        int | None,
        Meta(
            description="Seconds since this node last saw that its trust list is the newest; null "
            "where it has not been able to since it started",
        ),
    ] = None


class Problem(Struct, frozen=True, omit_defaults=True):
    """Why a request was refused (RFC 9457)."""

    type: Annotated[
        str,
        Meta(
            description="Stable kind of refusal",
            extra_json_schema={"enum": [PROBLEM_TYPE_PREFIX + code.value for code in Code]},
        ),
    ]
    title: Annotated[str, Meta(description="The kind of refusal in words")]
    status: Annotated[int, Meta(ge=400, le=599, description="The HTTP status")]
    detail: Annotated[str, Meta(description="What is wrong here and what to do")]
    instance: Annotated[
        str | UnsetType,
        Meta(description="urn:uuid of the entry in the node's log, for its operator"),
    ] = UNSET


class Liveness(Struct, frozen=True):
    """The process runs."""

    status: Literal["alive"] = "alive"


class Fitness(Struct, frozen=True):
    """Whether the node is fit to ask and answer, with each check's finding in words."""

    fit: bool
    checks: dict[str, str]


def _refuse_repeated_names(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refusal(Code.MALFORMED, "the body has the same field twice")


_READER: Final = msgspec.json.Decoder(VerificationRequest)
_REPETITIONS: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated_names)


def require_each_name_once(body: bytes) -> None:
    """Refuse an object that names a field twice.

    msgspec lets the last of two equal names win; another reader might take the first.

    Raises:
        Refusal: MALFORMED.
        ValueError: where it is no JSON in UTF-8.
    """
    _REPETITIONS.decode(body.decode())


def read_inquiry(body: bytes) -> Inquiry:
    """Read the body of a question.

    Raises:
        Refusal: MALFORMED, with the field; what was found there is not repeated.
    """
    try:
        request = _READER.decode(body)
        require_each_name_once(body)
    except msgspec.ValidationError as error:
        raise Refusal(Code.MALFORMED, _complaint(str(error))) from None
    except ValueError:  # of either reader, and of UTF-8
        raise Refusal(Code.MALFORMED, "the body is not JSON in UTF-8") from None
    return Inquiry(
        share_code=share_code.parse(request.share_code),
        birth_date=request.birth_date,
        purpose=Purpose[request.purpose.upper()],
        wanted=_wanted(request.wanted),
    )


def verification_body(
    verification: ports.Verification, authority: str, trust_age_us: int | None = None
) -> Verification:
    """Return a question as its employer sees it; `authority` names who answers it."""
    answer = verification.answer
    rule = None if answer is None else answer.rule
    no_answer = verification.no_answer
    answered_at = verification.answered_at
    return Verification(
        id=verification.id,
        state=_state(verification),
        asked_at=_moment(verification.asked_at),
        answered_at=None if answered_at is None else _moment(answered_at),
        answering_node=verification.peer,
        outcome=None if answer is None else cast("OutcomeName", answer.outcome.name.lower()),
        rule=None if rule is None else cast("RuleName", rule.name.lower()),
        disclosed=Disclosed() if answer is None else _disclosed(answer.disclosed),
        registry_position=None if answer is None else answer.registry_position,
        evaluated_at=None if answer is None else _moment(answer.evaluated_at),
        good_until=None if answer is None else _moment(answer.good_until),
        no_answer=None if no_answer is None else Code(no_answer),
        meaning=_meaning(verification, authority),
        receipt=None if answer is None else f"{VERIFICATIONS_PATH}/{verification.id}/receipt",
        trust_age_s=None if trust_age_us is None else max(0, trust_age_us // 1_000_000),
    )


def _complaint(complaint: str) -> str:
    """Return what msgspec says is wrong, without the value that it quotes."""
    what, _, where = complaint.partition(" - at `$.")
    field = where.rstrip("`") or "the body"
    if what.startswith(_ENUM_COMPLAINT):
        allowed = get_args(FieldName if field.startswith("wanted") else PurposeName)
        what = f"must be one of {', '.join(allowed)}"
    elif what.startswith("Object contains unknown field"):
        known = ", ".join(VerificationRequest.__struct_fields__)
        what = f"has a field that is not known; known are {known}"
    elif field == "birth_date" and what.startswith("Invalid"):
        what = "must be a date, YYYY-MM-DD"
    return f"{field}: {what[0].lower()}{what[1:]}"


def _wanted(names: Sequence[str] | UnsetType) -> tuple[Field, ...]:
    if isinstance(names, UnsetType):
        return _ALL_FIELDS
    fields = {_FIELDS[name] for name in names}
    if not fields or len(fields) < len(names):
        raise Refusal(Code.MALFORMED, "wanted: must name each field once, and at least one")
    return tuple(sorted(fields))


def _state(verification: ports.Verification) -> StateName:
    if verification.answer is not None:
        return "answered"
    return "open" if verification.no_answer is None else "unanswered"


def _meaning(verification: ports.Verification, authority: str) -> str:
    answer = verification.answer
    if answer is not None:
        sentence = _ANSWERED[answer.outcome] if answer.rule is None else _REFUSED[answer.rule]
        return sentence.format(
            authority=authority,
            evaluated_at=_in_words(answer.evaluated_at),
            good_until=_in_words(answer.good_until),
        )
    if verification.no_answer is None:
        sentence = _OPEN
    else:
        sentence = _NO_ANSWER.get(Code(verification.no_answer), _NO_ANSWER_ELSE)
    return sentence.format(authority=authority, answer_by=_in_words(verification.query.answer_by))


def _disclosed(disclosures: Sequence[Disclosure]) -> Disclosed:
    """Gather values by field; one of a single value that is stated twice shows both."""
    values: defaultdict[Field, list[str]] = defaultdict(list)
    for disclosure in disclosures:
        values[disclosure.field].append(disclosure.value)
    shown: dict[str, Any] = {
        field.name.lower(): tuple(found) if field in LISTED else "; ".join(found)
        for field, found in values.items()
    }
    return Disclosed(**shown)


def _moment(at: int) -> datetime:
    """Return microseconds UTC as a datetime; a peer may name the year 10000, which has none."""
    return _EPOCH + timedelta(microseconds=min(at, _LATEST_US))


def _in_words(at: int) -> str:
    return _moment(at).isoformat(" ", "minutes").removesuffix("+00:00") + " UTC"
