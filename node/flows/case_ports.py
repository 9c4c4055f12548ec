"""What cases need of the world, as contracts.

CaseBooks   the cases of this node, their steps, texts and documents
CasePeers   steps and documents of other nodes
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from node.flows.ports import Draft, Recorded
from node.model.case_bodies import CasePart, CaseStep, Subject
from node.model.cases import Taken
from node.model.seal import Sealed
from node.wire.case_documents import Content
from node.wire.parcel import Item


class HeldStep(Struct, frozen=True):
    """A step as this node's journal has it.

    Attributes:
        position: of the own entry: of the step, or of the receipt of the other node's step.
        own: whether this node said it.
        number: place in the timeline; 0 where it has none (yet).
        settled: whether the other node's receipt came; of its own steps always.
        tries: how often an own step was sent in vain; `told` is what came back.
    """

    position: int
    own: bool
    number: int
    commitment: bytes
    taken: Taken
    settled: bool
    tries: int = 0
    told: str = ""


class HeldPart(Struct, frozen=True):
    """A text or document; `own` where it was given here, `here` where its content is."""

    part: CasePart
    own: bool
    here: bool


class HeldCase(Struct, frozen=True):
    """A case as this node has it.

    Attributes:
        peer: the other node.
        key_id: the API key that it was opened with here; empty: none.
        secret: own age identity for the case; empty once it is erased.
        recipient: age recipient of the other node; empty until it is known.
        steps: in the order of this journal, those not taken too.
        parts: in the order in which the steps name them.
    """

    case: bytes
    peer: str
    key_id: str
    secret: str
    recipient: str
    steps: tuple[HeldStep, ...]
    parts: tuple[HeldPart, ...]

    @property
    def timeline(self) -> tuple[HeldStep, ...]:
        """The steps that were taken, in their order."""
        taken = (step for step in self.steps if step.number)
        return tuple(sorted(taken, key=lambda step: step.number))

    @property
    def waiting(self) -> tuple[HeldStep, ...]:
        """Own steps that the other node has not received yet and that have no place yet."""
        return tuple(step for step in self.steps if not step.number and not step.settled)


class CaseFile(Struct, frozen=True):
    """What a node keeps of a case beside its journal, from the first step on."""

    peer: str
    key_id: str
    secret: str
    recipient: str


class Sayings(Struct, frozen=True):
    """What is written to a case in one transaction.

    Attributes:
        drafts: statements.
        file: for a case that is new here.
        given: texts and documents that were given here.
        named: texts and documents that the other node has.
        recipient: of the other node, where it is known from now on.
        erase: whether texts, documents and the own secret go.
    """

    drafts: tuple[Draft, ...] = ()
    file: CaseFile | None = None
    given: tuple[Content, ...] = ()
    named: tuple[CasePart, ...] = ()
    recipient: str = ""
    erase: bool = False


class OpenStep(Struct, frozen=True):
    """An own step that waits to be sent; sealed under the newest checkpoint."""

    position: int
    commitment: bytes
    step: CaseStep
    sealed: Sealed
    tries: int
    next_at: int


class WantedPart(Struct, frozen=True):
    """A document of the other node that has not come yet."""

    case: bytes
    peer: str
    secret: str
    part: CasePart
    tries: int


class SharedSubject(Struct, frozen=True):
    """An exchange of this node that a case can be about."""

    peer: str
    agreement: str
    version: int
    answer: Subject
    conclusion: Subject


class CaseBooks(Protocol):
    """The cases of this node; durability and consistency as of `Ledger`."""

    async def held(self, case: bytes) -> HeldCase | None:
        """Return a case."""
        ...

    async def all(self, key_id: str | None = None) -> Sequence[HeldCase]:
        """Return every case, or those of an API key, oldest first."""
        ...

    async def record(
        self, case: bytes, say: Callable[[HeldCase | None], Sayings]
    ) -> Sequence[Recorded]:
        """Write what `say` makes of a case as it is, in one transaction.

        `say` is called in another thread; what it raises undoes everything.
        """
        ...

    async def sealed(self, position: int) -> Sealed:
        """Return an own statement with its seal."""
        ...

    async def open_steps(self) -> Sequence[OpenStep]:
        """Return own steps that the other node has not received, oldest first."""
        ...

    async def tried(self, position: int, next_at: int, told: str) -> None:
        """Note that a step was sent in vain: when again, and what came back."""
        ...

    async def keep_false(self, peer: str, origin: str, content: bytes) -> None:
        """Keep a false receipt as evidence, once, and so many of a peer."""
        ...

    async def wanted_parts(self, now: int) -> Sequence[WantedPart]:
        """Return documents that have not come and whose time to be asked for has."""
        ...

    async def asked_in_vain(self, case: bytes, digest: bytes, next_at: int) -> None:
        """Note that a document did not come: when again."""
        ...

    async def keep_part(self, case: bytes, digest: bytes, salt: bytes, content: bytes) -> None:
        """Keep a document that came, unless the case's documents are erased by now."""
        ...

    async def part(self, case: bytes, digest: bytes) -> tuple[HeldPart, bytes, bytes] | None:
        """Return a document with its salt and content, both empty where they are not here."""
        ...

    async def subject_of(self, verification: str, key_id: str | None) -> SharedSubject:
        """Return the answered exchange behind a verification id; `key_id` must have asked it.

        Raises:
            Refusal: UNKNOWN where there is none, ERASED where it was.
        """
        ...

    async def shared(self, subject: Subject, peer: str) -> bool:
        """Tell whether an own entry is the subject: of its kind, exchanged with that peer."""
        ...

    async def wipe(self) -> None:
        """Take what was erased out of the database's log, where nobody is in the way."""
        ...


class CasePeers(Protocol):
    """Other nodes. No retries inside."""

    async def case_steps(self, node: str, steps: Sequence[Sealed]) -> Sequence[Item]:
        """Send sealed steps as one parcel; returns what came in their places, unchecked.

        Raises:
            FalseReply: where what came back is no parcel of one reply for each step.
            Refusal: PEER_SILENT where the peer is unreachable or late, else what it refused.
        """
        ...

    async def case_part(self, node: str, case: bytes, digest: bytes) -> bytes:
        """Return a document as its node encrypted it; bounded, unchecked.

        Raises:
            Refusal: PEER_SILENT where the peer is unreachable or late, PEER_FALSE where it sends
                more than a document can be, else what it refused.
        """
        ...
