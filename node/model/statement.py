"""Statements: what a node says and can be held to.

Statement
  header: speaker, said_at, trust
  body: one of
    Query          may I know this?                        (asking node)
    Answer         what the registry says                  (answering node)
    NoAnswer       nobody answered in time, or refused     (asking node)
    Conclusion     I checked the answer and took it        (asking node)
    CredentialRegistered, StatusChanged                    (registry events)
    ConsentGiven, ConsentEnded                             (consent events)
    TrustAdopted   from here on this trust list counts
    AuditAccess    somebody is about to look into this journal
"""

from enum import IntEnum
from typing import Final

from msgspec import Struct

from node.errors import Code
from node.model.credential import Credential, Field, Status

PROTOCOL: Final = 1
COMMITMENT_SIZE_BYTES: Final = 32
NONCE_SIZE_BYTES: Final = 16
ANSWER_WITHIN_MAX_US: Final = 5 * 60 * 1_000_000


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


class ConsentEnd(IntEnum):
    """Why a share code no longer opens anything."""

    REVOKED = 1
    EXPIRED = 2


class AccessKind(IntEnum):
    """What somebody does with entries of a journal: looks for them, reads them, takes them all."""

    FOUND = 1
    SHOWN = 2
    EXPORTED = 3


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


class CredentialRegistered(Struct, frozen=True, gc=False):
    """A credential entered the registry, or all of it was stated anew."""

    credential: Credential


class StatusChanged(Struct, frozen=True, gc=False):
    """The authority changed what it says of a credential."""

    number: str
    status: Status
    ground: str


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


class AuditAccess(Struct, frozen=True, gc=False):
    """Somebody is about to look into this journal: who, what for, at what.

    `reader` is a role or a user of the operating system.
    """

    kind: AccessKind
    reader: str
    ground: str
    filter: AccessFilter


Body = (
    Query
    | Answer
    | NoAnswer
    | Conclusion
    | CredentialRegistered
    | StatusChanged
    | ConsentGiven
    | ConsentEnded
    | TrustAdopted
    | AuditAccess
)


class Statement(Struct, frozen=True, gc=False):
    """A statement as read: who said what, when, under which trust list."""

    speaker: str
    said_at: int
    trust: TrustReference
    body: Body
