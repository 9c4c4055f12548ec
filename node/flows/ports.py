"""What the flows need of the world, as contracts.

Ledger     the journal and the tables that follow from it
Peers      other nodes
Employers  who may ask at this node
Trust      the trust list in force
Mirrors    where newer trust lists come from
Clock      microseconds UTC;  Randomness  n bytes fit for keys
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.credential import Credential
from node.model.decide import Consent, Facts
from node.model.history import Event
from node.model.seal import Sealed
from node.model.statement import Answer, Body, Query, Requester, TrustReference
from node.model.trust import TrustBundle, TrustView
from node.wire.parcel import Item

Clock = Callable[[], int]
Randomness = Callable[[int], bytes]


class Employer(Struct, frozen=True, gc=False):
    """Who holds an API key of this node."""

    key_id: str
    requester: Requester


class Counterpart(Struct, frozen=True, gc=False):
    """A peer's sealed statement, checked, that a statement of ours rests on.

    `origin`, `size` and `root` are those of its checkpoint.
    """

    peer: str
    origin: str
    commitment: bytes
    sealed: Sealed
    size: int
    root: bytes


class Evidence(Struct, frozen=True, gc=False):
    """What a peer sent that failed its checks, as it came; `origin` is that of its journal."""

    peer: str
    origin: str
    kind: str
    content: bytes


class Draft(Struct, frozen=True, gc=False):
    """A statement about to be journalled: its exact bytes, and what is kept beside it.

    Attributes:
        body: what the bytes say; the tables follow from it.
        statement: the exact bytes.
        counterpart: the peer's statement that this one rests on.
        key_id: for a query, the API key that asked it.
        settles: for a Conclusion or NoAnswer, the position of its query.
        asked_at: for an Answer, the time in its query.
        evidence: for a NoAnswer, what failed.
        bundle: for a TrustAdopted, the trust list itself.
    """

    body: Body
    statement: bytes
    counterpart: Counterpart | None = None
    key_id: str = ""
    settles: int = -1
    asked_at: int = -1
    evidence: Evidence | None = None
    bundle: TrustBundle | None = None


class Recorded(Struct, frozen=True, gc=False):
    """A journalled statement: where it stands and, for what travels, its seal."""

    index: int
    commitment: bytes
    sealed: Sealed | None


class Question(Struct, frozen=True, gc=False):
    """A received query, its seal checked, waiting for its answer."""

    counterpart: Counterpart
    said_at: int
    query: Query


Judge = Callable[[Question, Facts], Draft]


class FalseReply(Refusal):
    """What a peer sent back is no reply to what it was asked.

    Attributes:
        content: what came, or its beginning.
    """

    def __init__(self, reason: str, content: bytes) -> None:
        """Refuse as PEER_FALSE."""
        super().__init__(Code.PEER_FALSE, reason)
        self.content = content


class Verification(Struct, frozen=True, gc=False):
    """A question of this node as its employer sees it; `id` as `verification_id` makes it.

    `answer` is None while it is open, and for good where `no_answer` says why.
    """

    id: str
    key_id: str
    peer: str
    query: Query
    asked_at: int
    answer: Answer | None
    answered_at: int | None
    no_answer: str | None


def verification_id(position: int, commitment: bytes) -> str:
    """Return the id of a verification, 48 hex digits: the query's position and half its commitment.

    It can be looked up without an index over random bytes, and nobody can guess another's.
    """
    return (position.to_bytes(8, "big") + commitment[:16]).hex()


class OpenQuestion(Struct, frozen=True, gc=False):
    """A journalled query that has neither a conclusion nor a NoAnswer yet."""

    query: Query
    asked_at: int
    commitment: bytes
    sealed: Sealed
    key_id: str


class Exchanged(Struct, frozen=True, gc=False):
    """A concluded exchange with its seals, as a receipt holds it.

    `trust` are the trust lists that its three statements name, as far as this node has adopted
    them, oldest first; the conclusion's is one of them.
    """

    query: Sealed
    answer: Sealed
    conclusion: Sealed
    trust: tuple[TrustBundle, ...]


class AdoptedList(Struct, frozen=True):
    """A trust list that this node has adopted, and when it did (microseconds UTC)."""

    reference: TrustReference
    adopted_at: int
    bundle: TrustBundle


class Adoption(Struct, frozen=True):
    """That this node adopted a trust list: when (microseconds UTC), and where it is journalled."""

    reference: TrustReference
    adopted_at: int
    position: int


class TlsIdentity(Struct, frozen=True):
    """What this node presents to its peers, PEM; at `until` it may have to be another one."""

    key_pem: bytes
    certificate_pem: bytes
    until: int | None = None


Identity = Callable[[], TlsIdentity]
"""Returns what to present over TLS now."""


class Fetched(Struct, frozen=True):
    """What one refresh brought.

    Attributes:
        mirror: the mirror that served it, as the settings name it.
        changed: whether the local copy is another one now.
        digest: of all that is in the local copy.
        faults: in words, each country whose own role failed its checks and is left out.
    """

    mirror: str
    changed: bool
    digest: bytes
    faults: tuple[str, ...] = ()


class Ledger(Protocol):
    """The journal, and the tables that are its fold.

    Durability: when a call returns, its statements and every row that follows from them are on
    disk, in one transaction with the new signed checkpoint. When it raises, none is.
    Consistency: concurrent calls are serialised in journal order, across processes; reads see
    every call that returned before them. Calls that wait together share a transaction.
    Retry: none inside; STALE means that the disk refuses to write.
    """

    def append(self, drafts: Sequence[Draft]) -> Awaitable[Sequence[Recorded]]:
        """Journal statements together, all or none."""
        ...

    async def append_many(
        self, drafts: Iterable[Draft], progress: Callable[[int], None] | None = None
    ) -> int:
        """Journal any number of statements in one transaction; returns how many.

        `drafts` is consumed lazily in another thread; what it raises undoes everything.
        `progress` is told the number so far, now and then.
        """
        ...

    async def answer(
        self, questions: Sequence[Question], judge: Judge
    ) -> Sequence[Sealed | Refusal]:
        """Answer questions in journal order, each exactly once.

        A question whose commitment has been answered gets the same sealed answer, or a Refusal as
        ERASED where that was erased. Otherwise
        `judge` is called with the facts at the answer's own index, in another thread and again
        where the transaction must be, its draft is journalled, and a spent consent is counted
        in the same transaction; a Refusal that it raises takes the answer's place. Two checkpoints
        of one journal and size with different roots are kept as evidence of a fork and refused
        as UNTRUSTED, then and from then on.
        """
        ...

    async def open_questions(self, excluding: Collection[bytes] = ()) -> Sequence[OpenQuestion]:
        """Return the oldest questions that are neither concluded nor given up, some thousand.

        `excluding` are commitments of those not wanted, because they are in flight.
        """
        ...

    async def verification(self, wanted: str, key_id: str) -> Verification | None:
        """Return a question by its id, where that API key asked it.

        Raises:
            Refusal: ERASED where it was, or how it ended.
        """
        ...

    async def exchanged(self, wanted: str, key_id: str) -> Exchanged | None:
        """Return a concluded exchange for its receipt, where that API key asked it.

        Raises:
            Refusal: ERASED where any of it was.
        """
        ...

    async def credential(self, number: str) -> Credential | None:
        """Return a credential by the authority's own key, as it is now."""
        ...

    async def history(self, number: str) -> Sequence[Event]:
        """Return every event of a credential, in the order of the journal; none: no such one."""
        ...

    async def known_numbers(self, numbers: Sequence[str]) -> set[str]:
        """Return which of these credential numbers the registry holds (any length)."""
        ...

    async def consent(self, code_digest: bytes) -> Consent | None:
        """Return a share code's consent by its digest."""
        ...

    async def consents(self, credential: str) -> Sequence[Consent]:
        """Return the consents of all share codes of a credential, oldest first."""
        ...

    async def lapsed_consents(self, now: int, limit: int) -> Sequence[bytes]:
        """Return digests of share codes past their expiry that no statement has ended yet."""
        ...

    async def adopted(self) -> TrustReference | None:
        """Return which trust list was adopted last."""
        ...

    async def adopted_list(self) -> AdoptedList | None:
        """Return the trust list adopted last, from the archive."""
        ...

    async def check(self) -> int:
        """Recompute the tree of the whole journal; returns its size.

        Raises:
            Refusal: DEFECT with the first place where disk and checkpoint disagree.
        """
        ...

    def forked_journals(self) -> frozenset[str]:
        """Return the origins of the peers' journals that are known to be forked."""
        ...


class Peers(Protocol):
    """Other nodes, over mutual TLS pinned to the trust list. No retries inside."""

    async def exchange(self, node: str, queries: Sequence[Sealed]) -> Sequence[Item]:
        """Send sealed queries as one parcel; returns what the peer put in their places, unchecked.

        Raises:
            FalseReply: where what came back is no parcel of one reply for each query.
            Refusal: PEER_SILENT where the peer is unreachable or late, otherwise the refusal
                that the peer gave the whole parcel.
        """
        ...


class Employers(Protocol):
    """The API keys of this node, by digest; look-ups that wait together share a SELECT."""

    async def authenticate(self, key: str) -> Employer:
        """Return who holds a key.

        Raises:
            Refusal: UNAUTHENTICATED for an unknown or revoked key.
        """
        ...


class Trust(Protocol):
    """The trust list in force; a new one is published as a whole."""

    def view(self) -> TrustView:
        """Return the resolved view in force now.

        Raises:
            Refusal: STALE before the first one was adopted.
        """
        ...

    def read(self) -> tuple[TrustBundle, TrustView]:
        """Read and check the newest trust list to be had, without putting it in force."""
        ...

    def restore(self, bundle: TrustBundle, at: int) -> TrustView:
        """Check and resolve a list that was adopted before, as of then."""
        ...

    def publish(self, view: TrustView) -> None:
        """Put a view in force for every reader at once."""
        ...


class Archive(Protocol):
    """Every trust list that this node has adopted, byte for byte."""

    async def adopted_at(self, at: int) -> tuple[Adoption, Adoption | None]:
        """Return the adoption that was the last one at a time, and the one that came next.

        Raises:
            Refusal: UNKNOWN where there had been none.
        """
        ...

    async def adopted_list(self, adoption: Adoption) -> AdoptedList:
        """Return the trust list of an adoption."""
        ...


class Mirrors(Protocol):
    """The mirrors of the federation's trust list; none of them has to be trusted."""

    async def fetch(self, *, lenient: bool = False) -> Fetched:
        """Bring the local copy of the trust list up to date from any mirror that works.

        Consistency: the copy is replaced as a whole, by what the roles of the list have signed,
        or it stays as it is. A mirror that lacks files of a country is one that does not work;
        `lenient` leaves such a country out, where no mirror has everything. Retry: every mirror is
        tried once each way. Ends in bounded time.

        Raises:
            Refusal: where no mirror worked, with the reason of each.
        """
        ...
