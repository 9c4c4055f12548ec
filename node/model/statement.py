"""Statements: what a node says and can be held to.

Statement
  header: speaker, said_at, trust
  body: one of
    Query          may I know this?                        (asking node)
    Answer         what the registry says                  (answering node)
    NoAnswer       nobody answered in time, or refused     (asking node)
    Conclusion     I checked the answer and took it        (asking node)
    CredentialRegistered, CredentialAmended, StatusChanged, CredentialRenewed,
    CredentialSuperseded, RevocationProposed               (registry events)
    ConsentGiven, ConsentEnded, WatchGiven, WatchEnded     (consent events)
    ContestRaised  the holder says that this is wrong
    RecordExported the holder was given their record
    CaseStep       a step of a case across the border
    CaseReceived   a step of the other node has come      (node that it was sent to)
    CaseConcluded  I checked that receipt and took it     (node that said the step)
    StatusNotice   where a credential stands since now    (node that has it)
    NoticeTaken    I checked that notice and took it      (node that was told)
    TrustAdopted   from here on this trust list counts
    AuditAccess    somebody is about to look into this journal
    Erasure        what these entries said is gone
    ErasureRequest        let go of our exchanges too      (node that erased)
    ErasureAcknowledged   what became of a request         (node that was asked)
    ErasureConcluded      I checked that and took it       (node that erased)
"""

from datetime import date
from enum import IntEnum
from typing import Final, get_args

from msgspec import Struct

from node.errors import Code
from node.model.case_bodies import CaseConcluded, CaseReceived, CaseStep
from node.model.credential import Credential, Field, Status
from node.model.holder_bodies import ContestRaised, RecordExported, WatchGiven
from node.model.notice_bodies import NoticeTaken, StatusNotice

PROTOCOL: Final = 1
COMMITMENT_SIZE_BYTES: Final = 32
NONCE_SIZE_BYTES: Final = 16
ANSWER_WITHIN_MAX_US: Final = 5 * 60 * 1_000_000
ERASED_AT_ONCE_MAX: Final = 4096
EXCHANGES_AT_ONCE_MAX: Final = 512
BODY_FIRST: Final = 10
BODY_LAST: Final = 30
"""Numbers of the first and the last body in the protocol's Statement."""


class Purpose(IntEnum):
    """Why a requester asks; an agreement says which purposes it covers."""

    EMPLOYMENT = 1
    LICENSING = 2
    ENROLMENT = 3


class Outcome(IntEnum):
    """What an answer says of the credential."""

    CONFIRMED = 1
    SUSPENDED = 2
    REVOKED = 3
    EXPIRED = 4
    SUPERSEDED = 5
    NOT_CONFIRMED = 6
    REFUSED = 7


class Rule(IntEnum):
    """The rule behind a REFUSED outcome."""

    NO_AGREEMENT = 1
    PURPOSE_NOT_COVERED = 2
    ISSUER_NOT_ACCREDITED = 3


class ConsentEnd(IntEnum):
    """Why a share code no longer opens anything."""

    REVOKED = 1
    EXPIRED = 2


class AccessKind(IntEnum):
    """What somebody does with entries: looks for them, reads them, takes all or some away.

    ENTRUSTED: gives a holder a token for what is about their own credentials.
    """

    FOUND = 1
    SHOWN = 2
    EXPORTED = 3
    PACKED = 4
    ENTRUSTED = 5


class KeptFor(IntEnum):
    """Why a node still has what it was asked to erase, or never had it."""

    RETENTION_DUTY = 1
    UNKNOWN = 2


class TrustReference(Struct, frozen=True, gc=False):
    """Which trust list was in force: its version and the SHA-256 of its signed text."""

    version: int
    digest: bytes


class Requester(Struct, frozen=True, gc=False):
    """Who asks, as the holder will see it."""

    legal_name: str
    register_id: str
    sector: str


class AgreementReference(Struct, frozen=True, gc=False):
    """The agreement that a query relies on."""

    id: str
    version: int


class ShareCodeSelector(Struct, frozen=True, gc=False):
    """Selects a credential by a share code, without carrying the code."""

    code_digest: bytes
    holder_proof: bytes


class Query(Struct, frozen=True, gc=False):
    """A question of one node to another about one credential."""

    audience: str
    nonce: bytes
    purpose: Purpose
    selector: ShareCodeSelector
    wanted: tuple[Field, ...]
    requester: Requester
    answer_by: int
    agreement: AgreementReference


class Disclosure(Struct, frozen=True, gc=False):
    """One shown field of a credential."""

    field: Field
    value: str


class Answer(Struct, frozen=True, gc=False):
    """What the answering node's registry says, at one position of its journal."""

    query: bytes
    outcome: Outcome
    rule: Rule | None
    disclosed: tuple[Disclosure, ...]
    registry_position: int
    evaluated_at: int
    good_until: int


class NoAnswer(Struct, frozen=True, gc=False):
    """No answer came to a query, or the peer refused it."""

    query: bytes
    code: Code


class Conclusion(Struct, frozen=True, gc=False):
    """The asking node checked this answer to its query and took it."""

    query: bytes
    answer: bytes
    outcome: Outcome


class Person(Struct, frozen=True, gc=False):
    """Who changed the registry: a user of the operating system, and in which role."""

    name: str
    role: str


class RevocationGround(IntEnum):
    """Why a credential is revoked."""

    ISSUED_IN_ERROR = 1
    FRAUD = 2
    REQUIREMENTS_NO_LONGER_MET = 3
    PROFESSIONAL_MISCONDUCT = 4
    COURT_ORDER = 5
    REQUEST_OF_HOLDER = 6
    OTHER = 7


class CredentialRegistered(Struct, frozen=True, gc=False, tag=True):
    """A credential entered the registry, or all of it was stated anew."""

    credential: Credential
    by: Person | None = None


class CredentialAmended(Struct, frozen=True, gc=False, tag=True):
    """What a credential says was wrong or has changed: all of it, as it is from now on.

    Of this and of all events below, `effective_from` is from when on it is so, microseconds UTC;
    0 for when it was said. What it was before stays known. The status is not amended.
    """

    credential: Credential
    reason: str
    effective_from: int = 0
    by: Person | None = None


class StatusChanged(Struct, frozen=True, gc=False, tag=True):
    """The authority changed what it says of a credential; `cause` for a revocation only."""

    number: str
    status: Status
    ground: str
    effective_from: int = 0
    by: Person | None = None
    cause: RevocationGround | None = None


class CredentialRenewed(Struct, frozen=True, gc=False, tag=True):
    """A credential expires later than it said."""

    number: str
    expires_on: date
    ground: str
    effective_from: int = 0
    by: Person | None = None


class CredentialSuperseded(Struct, frozen=True, gc=False, tag=True):
    """Another credential of the same holder, `successor`, takes the place of this one."""

    number: str
    successor: str
    ground: str
    effective_from: int = 0
    by: Person | None = None


class RevocationProposed(Struct, frozen=True, gc=False, tag=True):
    """One person would revoke a credential; it is revoked once another has confirmed that."""

    number: str
    cause: RevocationGround
    ground: str
    effective_from: int = 0
    by: Person | None = None


RegistryEvent = (
    CredentialRegistered
    | CredentialAmended
    | StatusChanged
    | CredentialRenewed
    | CredentialSuperseded
    | RevocationProposed
)


class ConsentGiven(Struct, frozen=True, gc=False):
    """A holder made a share code: who may see what of a credential, how often, until when."""

    code_digest: bytes
    holder_proof: bytes
    credential: str
    purpose: Purpose
    fields: tuple[Field, ...]
    uses: int
    expires_at: int
    requester: str


class ConsentEnded(Struct, frozen=True, gc=False):
    """A share code was revoked by its holder or ran out."""

    code_digest: bytes
    cause: ConsentEnd


class WatchEnded(Struct, frozen=True, gc=False):
    """A watch was revoked by its holder or ran out."""

    watch: bytes
    cause: ConsentEnd


class TrustAdopted(Struct, frozen=True, gc=False):
    """From here on, this trust list is in force at the node."""

    trust: TrustReference


class AccessFilter(Struct, frozen=True, gc=False):
    """What is looked for, without any value of a person; None and False leave it open.

    Attributes:
        credential: whether it is entries about one credential.
        peer: node id.
        since: said at or after, microseconds UTC.
        until: said before.
        body: number of the body in the protocol's Statement.
        outcome: of answers and conclusions.
    """

    credential: bool = False
    peer: str | None = None
    since: int | None = None
    until: int | None = None
    body: int | None = None
    outcome: Outcome | None = None


class Grant(Struct, frozen=True, gc=False):
    """What of a journal somebody may take away.

    Attributes:
        start: first position.
        end: one more than the last.
        kinds: numbers of the bodies in the protocol's Statement, ascending; none for all.
    """

    start: int
    end: int
    kinds: tuple[int, ...] = ()


class AuditAccess(Struct, frozen=True, gc=False):
    """Somebody is about to look into this journal: who, what for, at what.

    Attributes:
        reader: a role or a user of the operating system.
        grant: what is taken away, where it is not all.
        recipients: SHA-256 of each that it is encrypted to, ascending; none where it is not.
    """

    kind: AccessKind
    reader: str
    ground: str
    filter: AccessFilter
    grant: Grant | None = None
    recipients: tuple[bytes, ...] = ()


class Erasure(Struct, frozen=True, gc=False):
    """What these entries of this journal said is gone: bytes, salts and peers' copies beside them.

    Attributes:
        entries: positions, ascending, 1 to 4,096; all of them before this one.
        kind: number of the body that all of them had, in the protocol's Statement.
        rule: what demanded it: a legal reference, a setting, a peer's request.
        authority: who decided: an office, a role or a node, never the name of a holder.
    """

    entries: tuple[int, ...]
    kind: int
    rule: str
    authority: str


class SharedExchange(Struct, frozen=True, gc=False):
    """A query and its answer, each with its position in its own speaker's journal."""

    query_index: int
    query: bytes
    answer_index: int
    answer: bytes


class ErasureRequest(Struct, frozen=True, gc=False):
    """The speaker erased its answers to these queries of the audience, which is to do the same.

    Attributes:
        audience: node id of the node that asked the queries.
        exchanges: by `query_index` ascending, 1 to 512.
        rule: what demanded it.
        answer_by: microseconds UTC, or None where no date binds.
    """

    audience: str
    exchanges: tuple[SharedExchange, ...]
    rule: str
    answer_by: int | None = None


class KeptExchange(Struct, frozen=True, gc=False):
    """An exchange, by the commitment of its query, that was not erased, and why."""

    query: bytes
    reason: KeptFor


class ErasureAcknowledged(Struct, frozen=True, gc=False):
    """What became of a request, exchange by exchange, each by the commitment of its query.

    `erased` and `kept` are in the order of the request, and together they are all of it.
    """

    request: bytes
    erased: tuple[bytes, ...]
    kept: tuple[KeptExchange, ...] = ()


class ErasureConcluded(Struct, frozen=True, gc=False):
    """The node that asked checked this acknowledgement of its request and took it."""

    request: bytes
    acknowledgement: bytes


Body = (
    Query
    | Answer
    | NoAnswer
    | Conclusion
    | CredentialRegistered
    | CredentialAmended
    | StatusChanged
    | CredentialRenewed
    | CredentialSuperseded
    | RevocationProposed
    | ConsentGiven
    | ConsentEnded
    | WatchGiven
    | WatchEnded
    | TrustAdopted
    | AuditAccess
    | Erasure
    | ErasureRequest
    | ErasureAcknowledged
    | ErasureConcluded
    | ContestRaised
    | RecordExported
    | CaseStep
    | CaseReceived
    | CaseConcluded
    | StatusNotice
    | NoticeTaken
)

BODY_NUMBERS: Final[dict[type[Body], int]] = {
    Query: 10,
    Answer: 11,
    NoAnswer: 12,
    Conclusion: 13,
    **dict.fromkeys(get_args(RegistryEvent), 14),
    ConsentGiven: 15,
    ConsentEnded: 15,
    WatchGiven: 15,
    WatchEnded: 15,
    TrustAdopted: 17,
    AuditAccess: 19,
    ErasureRequest: 20,
    ErasureAcknowledged: 21,
    ErasureConcluded: 22,
    Erasure: 23,
    ContestRaised: 24,
    RecordExported: 25,
    CaseReceived: 26,
    CaseConcluded: 27,
    CaseStep: 30,
    StatusNotice: 28,
    NoticeTaken: 29,
}
"""Kinds of statements as numbered by the protocol's Statement message."""


class Statement(Struct, frozen=True, gc=False):
    """A statement as read: who said what, when, under which trust list."""

    speaker: str
    said_at: int
    trust: TrustReference
    body: Body
