"""A little world for tests: a clock that is told, a federation, a ledger in memory, samples."""

import asyncio
import copy
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice

from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.ports import (
    AdoptedList,
    Counterpart,
    Draft,
    Evidence,
    Exchanged,
    Judge,
    Ledger,
    OpenQuestion,
    Question,
    Randomness,
    Recorded,
    Verification,
    verification_id,
)
from node.model.credential import Credential
from node.model.decide import Consent
from node.model.fork import Fork
from node.model.history import Event, phase_at, require_possible
from node.model.merkle import Tile, Tree, leaf_hash
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.model.registry import RegistryState
from node.model.seal import SALT_SIZE_BYTES, Sealed, commitment
from node.model.statement import (
    Answer,
    Conclusion,
    ConsentEnded,
    Erasure,
    NoAnswer,
    Query,
    RegistryEvent,
    TrustAdopted,
    TrustReference,
)
from node.wire.codec import decode_statement
from tests.erased_books import erase, require_there
from tests.federation import (
    DAY_US,
    NODES,
    SECOND_US,
    START,
    FixedTrust,
    SampleTrust,
    Signers,
    journal_signers,
    make_certificate,
    origin,
    sample_trust,
    trust_files,
)
from tests.samples import (
    entered_credential,
    sample_credential,
    sample_detail_values,
    sample_details,
    sample_values,
)

__all__ = [
    "DAY_US",
    "NODES",
    "SECOND_US",
    "START",
    "Entry",
    "FakeClock",
    "FixedTrust",
    "MemoryLedger",
    "SampleTrust",
    "Signers",
    "entered_credential",
    "journal_signers",
    "make_certificate",
    "origin",
    "sample_credential",
    "sample_detail_values",
    "sample_details",
    "sample_trust",
    "sample_values",
    "seeded_randomness",
    "trust_files",
]


class FakeClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * SECOND_US)


def seeded_randomness(seed: int = 1) -> Randomness:
    """Return randomness that is the same in every run."""
    return random.Random(seed).randbytes


# --- the ledger ----------------------------------------------------------------------------


class Entry(Struct, frozen=True):
    """One entry of the journal in memory: the statement, its salt, what it rests on."""

    draft: Draft
    salt: bytes
    commitment: bytes


class Books:
    """Everything that follows from the journal; copied, changed, and put in place as a whole."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.registry = RegistryState()
        self.answered: dict[bytes, int] = {}
        self.asked: dict[bytes, int] = {}
        self.settled: dict[bytes, int] = {}
        self.lists: list[AdoptedList] = []
        self.erased: set[int] = set()

    def staged(self) -> "Books":
        other = copy.copy(self)
        other.registry = copy.copy(self.registry)
        for name in ("credentials", "later", "histories", "consents", "watches"):
            setattr(other.registry, name, dict(getattr(self.registry, name)))
        other.entries = list(self.entries)
        for name in ("answered", "asked", "settled"):
            setattr(other, name, dict(getattr(self, name)))
        other.lists = list(self.lists)
        other.erased = set(self.erased)
        return other

    def follow(self, draft: Draft, query: Query | None, salt: bytes) -> None:
        self._require_possible(draft)
        index = len(self.entries)
        entry = Entry(draft, salt, commitment(draft.statement, salt))
        body = draft.body
        match body:
            case Query():
                self.asked[entry.commitment] = index
            case Answer():
                self.answered[body.query] = index
            case Conclusion() | NoAnswer():
                self.settled[body.query] = index
            case Erasure():
                erase(self, body)
            case TrustAdopted() if draft.bundle is not None:
                said_at = decode_statement(draft.statement).said_at
                self.lists.append(AdoptedList(body.trust, said_at, draft.bundle))
        event = self._event(draft)
        self.registry.apply(index, body, query, said_at=0 if event is None else event.said_at)
        self.entries.append(entry)

    def _event(self, draft: Draft) -> Event | None:
        if not isinstance(draft.body, RegistryEvent):
            return None
        return Event(len(self.entries), decode_statement(draft.statement).said_at, draft.body)

    def _require_possible(self, draft: Draft) -> None:
        body, event = draft.body, self._event(draft)
        if event is not None:
            require_possible(self.registry.histories.get(event.number, ()), event)
        match body:
            case ConsentEnded():
                consent = self.registry.consents.get(body.code_digest)
                if consent is None or consent.ended:
                    raise Refusal(Code.CONFLICT, "the share code is not there or has ended")
            case Conclusion() | NoAnswer():
                if body.query not in self.asked or body.query in self.settled:
                    raise Refusal(Code.CONFLICT, "the question is not open")
            case TrustAdopted() if draft.bundle is None:
                raise Refusal(Code.DEFECT, "a trust list is adopted with its files or not at all")


class MemoryLedger(Ledger):
    """The `Ledger` port in memory, with a real tree and real signatures.

    Attributes:
        evidence: what peers sent that failed its checks.
        refusing: raised by every write instead of writing, as a full disk does; None: none.
    """

    def __init__(
        self,
        node_id: str,
        clock: Callable[[], int],
        randomness: Randomness | None = None,
        signers: Sequence[Ed25519Signer | Mldsa44Signer] | None = None,
    ) -> None:
        self.node_id = node_id
        self.evidence: list[Evidence] = []
        self.refusing: Refusal | None = None
        self._clock = clock
        self._randomness = randomness or seeded_randomness()
        self._signers = signers or journal_signers(node_id)
        self._books = Books()
        self._tiles: dict[tuple[int, int], Tile] = {}
        self._tree = Tree(0, self._read_tile)
        self._notes: dict[int, bytes] = {0: self._sign()}
        self._roots: dict[tuple[str, int], tuple[bytes, bytes]] = {}
        self._forked: frozenset[str] = frozenset()
        self._writing = asyncio.Lock()

    # --- what tests look at ---

    @property
    def entries(self) -> Sequence[Entry]:
        """The journal from its first entry."""
        return self._books.entries

    def seal(self, index: int) -> Sealed:
        """Return the seal of an entry, always the one that it got first."""
        require_there(self._books, index)
        entry = self._books.entries[index]
        size = min(size for size in self._notes if size > index)
        path = self._tree.path(index, size)
        return Sealed(entry.draft.statement, entry.salt, index, path, self._notes[size])

    @property
    def checkpoint(self) -> bytes:
        """The newest signed checkpoint."""
        return self._notes[self._tree.size]

    # --- writing ---

    async def append(self, drafts: Sequence[Draft]) -> Sequence[Recorded]:
        async with self._writing:
            start = len(self._books.entries)
            books = self._books.staged()
            for draft in drafts:
                self._follow(books, draft)
            self._commit(books)
            return [
                Recorded(
                    index,
                    self._books.entries[index].commitment,
                    self.seal(index) if isinstance(draft.body, Query | Answer) else None,
                )
                for index, draft in enumerate(drafts, start)
            ]

    async def append_many(
        self, drafts: Iterable[Draft], progress: Callable[[int], None] | None = None
    ) -> int:
        def work() -> int:
            books = self._books.staged()
            count = 0
            for count, draft in enumerate(drafts, start=1):  # noqa: B007 - its last value is used
                self._follow(books, draft)
            self._commit(books)
            if progress is not None and count:
                progress(count)
            return count

        async with self._writing:
            return await asyncio.to_thread(work)

    async def answer(
        self, questions: Sequence[Question], judge: Judge
    ) -> Sequence[Sealed | Refusal]:
        async with self._writing:
            books = self._books.staged()
            replies: list[int | Refusal] = []
            for question in questions:
                try:
                    replies.append(self._answer(books, question, judge))
                except Refusal as refusal:
                    replies.append(refusal)
            self._commit(books)
            return list(map(self._told, replies))

    def _told(self, reply: int | Refusal) -> Sealed | Refusal:
        try:
            return reply if isinstance(reply, Refusal) else self.seal(reply)
        except Refusal as refusal:
            return refusal

    def _answer(self, books: Books, question: Question, judge: Judge) -> int:
        self._see(question.counterpart)
        known = books.answered.get(question.counterpart.commitment)
        if known is not None:
            return known
        index = len(books.entries)
        facts = books.registry.facts(question.query.selector, index)
        self._follow(books, judge(question, facts), question.query)
        return index

    def _follow(self, books: Books, draft: Draft, query: Query | None = None) -> None:
        if draft.counterpart is not None:
            self._see(draft.counterpart)
        books.follow(draft, query, self._randomness(SALT_SIZE_BYTES))

    def _commit(self, books: Books) -> None:
        if self.refusing is not None:
            raise self.refusing
        fresh = books.entries[self._tree.size :]
        if fresh:
            self.evidence += (e.draft.evidence for e in fresh if e.draft.evidence is not None)
            leaves = [leaf_hash(entry.commitment) for entry in fresh]
            for tile in self._tree.extend(leaves):
                self._tiles[tile.level, tile.number] = tile
            self._notes[self._tree.size] = self._sign()
        self._books = books

    def _see(self, counterpart: Counterpart) -> None:
        peer, name, note = counterpart.peer, counterpart.origin, counterpart.sealed.checkpoint
        first = self._roots.setdefault((name, counterpart.size), (counterpart.root, note))
        if first[0] != counterpart.root and name not in self._forked:
            self._forked |= {name}
            self.evidence.append(Evidence(peer, name, "fork", Fork(first[1], note).render()))
        if name in self._forked:
            raise Refusal(Code.UNTRUSTED, f"the journal {name} is forked")

    def _sign(self) -> bytes:
        checkpoint = Checkpoint(origin(self.node_id), self._tree.size, self._tree.root())
        return sign_checkpoint(checkpoint, self._signers, self._clock() // SECOND_US)

    def _read_tile(self, level: int, number: int) -> bytes:
        return self._tiles[level, number].hashes

    # --- reading ---

    async def open_questions(self, excluding: Collection[bytes] = ()) -> Sequence[OpenQuestion]:
        books = self._books
        return [
            OpenQuestion(query, asked_at, asked, self.seal(index), entry.draft.key_id)
            for asked, index in books.asked.items()
            if asked not in books.settled and asked not in excluding
            for entry in (books.entries[index],)
            for query, asked_at in (_query(entry),)
        ]

    async def verification(self, wanted: str, key_id: str) -> Verification | None:
        asked = self._asked(wanted, key_id)
        if asked is None:
            return None
        query, asked_at = _query(asked)
        settled = self._books.settled.get(asked.commitment)
        for index in (self._books.asked[asked.commitment], settled):
            if index is not None:
                require_there(self._books, index)
        answer, answered_at, no_answer = None, None, None
        if settled is not None:
            draft = self._books.entries[settled].draft
            if isinstance(draft.body, NoAnswer):
                no_answer = draft.body.code.value
            else:
                answered_at = decode_statement(draft.statement).said_at
                answer = _answer(draft)
        return Verification(
            wanted, key_id, query.audience, query, asked_at, answer, answered_at, no_answer
        )

    async def exchanged(self, wanted: str, key_id: str) -> Exchanged | None:
        asked = self._asked(wanted, key_id)
        settled = None if asked is None else self._books.settled.get(asked.commitment)
        if asked is None or settled is None:
            return None
        draft = self._books.entries[settled].draft
        if draft.counterpart is None:
            return None
        seals = (
            self.seal(self._books.asked[asked.commitment]),
            draft.counterpart.sealed,
            self.seal(settled),
        )
        named = {decode_statement(sealed.statement).trust.digest for sealed in seals}
        adopted = [one for one in self._books.lists if one.reference.digest in named]
        return Exchanged(*seals, tuple(one.bundle for one in adopted))

    def _asked(self, wanted: str, key_id: str) -> Entry | None:
        for asked, index in self._books.asked.items():
            entry = self._books.entries[index]
            if verification_id(index, asked) == wanted and entry.draft.key_id == key_id:
                return entry
        return None

    async def credential(self, number: str) -> Credential | None:
        registry = self._books.registry
        phase = phase_at(registry.later.get(number, ()), self._clock())
        return registry.credentials.get(number) if phase is None else phase.credential

    async def history(self, number: str) -> Sequence[Event]:
        return self._books.registry.histories.get(number, ())

    async def known_numbers(self, numbers: Sequence[str]) -> set[str]:
        return set(numbers) & self._books.registry.credentials.keys()

    async def consent(self, code_digest: bytes) -> Consent | None:
        return self._books.registry.consents.get(code_digest)

    async def consents(self, credential: str) -> Sequence[Consent]:
        known = self._books.registry.consents.values()
        return [consent for consent in known if consent.given.credential == credential]

    async def lapsed_consents(self, now: int, limit: int) -> Sequence[bytes]:
        lapsed = (
            digest
            for digest, consent in self._books.registry.consents.items()
            if not consent.ended and consent.given.expires_at <= now
        )
        return list(islice(lapsed, limit))

    async def adopted(self) -> TrustReference | None:
        return self._books.lists[-1].reference if self._books.lists else None

    async def adopted_list(self) -> AdoptedList | None:
        return self._books.lists[-1] if self._books.lists else None

    async def check(self) -> int:
        again = Tree(0, self._read_tile)
        again.extend([leaf_hash(entry.commitment) for entry in self._books.entries])
        if (again.size, again.root()) != (self._tree.size, self._tree.root()):
            raise Refusal(Code.DEFECT, "the entries do not add up to the checkpoint")
        return again.size

    def forked_journals(self) -> frozenset[str]:
        return self._forked


def _query(entry: Entry) -> tuple[Query, int]:
    statement = decode_statement(entry.draft.statement)
    if not isinstance(statement.body, Query):
        raise TypeError("only queries are asked")
    return statement.body, statement.said_at


def _answer(draft: Draft) -> Answer | None:
    if draft.counterpart is None:
        return None
    body = decode_statement(draft.counterpart.sealed.statement).body
    return body if isinstance(body, Answer) else None
