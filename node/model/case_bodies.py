"""What is said about cases: contests, appeals and recognition procedures across the border.

None of it names a person: who it is about, and what is said in words, stands in parts, of which a
statement holds the digest only.
"""

from enum import IntEnum
from typing import Final

from msgspec import Struct

CASE_SIZE_BYTES: Final = 16
PARTS_MAX: Final = 16
PART_SIZE_MAX_BYTES: Final = 8 << 20
CASE_CONTENT_MAX_BYTES: Final = 64 << 20
"""Of all texts and documents of a case together."""
TERMS_SIZE_MAX_BYTES: Final = 16 * 1024
NUMBER_MAX: Final = 1_000


class CaseKind(IntEnum):
    """What a case is for."""

    CONTEST = 1
    APPEAL = 2
    RECOGNITION = 3


class StepKind(IntEnum):
    """What a step does."""

    OPENED = 1
    ACKNOWLEDGED = 2
    DOCUMENTS_ASKED = 3
    DOCUMENTS_SUPPLIED = 4
    EXTENDED = 5
    DECIDED = 6
    APPEALED = 7
    WITHDRAWN = 8
    LAPSED = 9
    ERASED = 10


class Author(IntEnum):
    """In which role somebody takes a step at the node that says it."""

    PERSON = 1
    EMPLOYER = 2
    AUTHORITY = 3


class Ruling(IntEnum):
    """What was decided, or what silence means."""

    GRANTED = 1
    PARTLY_GRANTED = 2
    REFUSED = 3


class SubjectKind(IntEnum):
    """What a case is about.

    ANSWER and CONCLUSION are statements of an exchange between the two nodes; a CREDENTIAL is
    named in a part, by whose digest it is known.
    """

    ANSWER = 1
    CONCLUSION = 2
    CREDENTIAL = 3


class Subject(Struct, frozen=True, gc=False):
    """What a case is about.

    Attributes:
        commitment: of the statement; for a CREDENTIAL the digest of the part that names it.
        position: of the statement in its speaker's journal; 0 for a CREDENTIAL.
    """

    kind: SubjectKind
    commitment: bytes
    position: int = 0


class CasePart(Struct, frozen=True, gc=False):
    """A text or a document that goes with a step.

    Attributes:
        digest: SHA-256 of a salt of 32 bytes and the content.
        size_bytes: of the content.
        word: what it is: "text", "credential", or a kind of document.
    """

    digest: bytes
    size_bytes: int
    word: str


class CaseOpening(Struct, frozen=True, gc=False):
    """What holds for a case from its first step on.

    Attributes:
        decider: node id of the node whose authority decides: the speaker or the audience.
        agreement: id of the agreement that it rests on.
        version: of the agreement.
        route: id of the route of the agreement; empty: none, and so no time limits.
        terms: the time limits of that route and the decider's calendar, as `encode_terms` spells
            them.
        recipient: age recipient that documents for the speaker are encrypted to.
    """

    kind: CaseKind
    subject: Subject
    decider: str
    agreement: str
    version: int
    route: str
    terms: bytes
    recipient: str


class CaseStep(Struct, frozen=True, gc=False):
    """One step of a case.

    Attributes:
        case: 16 random bytes, chosen by who opens it.
        audience: the other node.
        number: place in the timeline, from 1, where the decider says it; 0 for the other node,
            whose steps get theirs from the decider's receipt.
        ruling: of DECIDED and LAPSED.
        ground: legal reference or rule, never about a person; of DECIDED, EXTENDED and ERASED.
        wanted: kinds of documents; of DOCUMENTS_ASKED.
        opening: of OPENED.
    """

    case: bytes
    audience: str
    kind: StepKind
    author: Author
    number: int = 0
    parts: tuple[CasePart, ...] = ()
    ruling: Ruling | None = None
    ground: str = ""
    wanted: tuple[str, ...] = ()
    opening: CaseOpening | None = None


class CaseReceived(Struct, frozen=True, gc=False):
    """A step of the other node has come.

    Attributes:
        step: its commitment.
        number: its place in the timeline; 0 where it is not taken, for `reason`.
        recipient: age recipient that documents for the speaker are encrypted to.
    """

    case: bytes
    step: bytes
    number: int
    recipient: str
    reason: str = ""


class CaseConcluded(Struct, frozen=True, gc=False):
    """The speaker checked the receipt of its step and took it; `number` is the receipt's."""

    case: bytes
    step: bytes
    receipt: bytes
    number: int
