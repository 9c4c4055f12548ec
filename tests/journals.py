"""Whole journals of two nodes, built in memory for audits: honest ones, and ones that lie.

XA asks, XB answers. What a test changes on the way is journalled and sealed all the same, as a
node that lies would do it.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from node.audit.findings import Check, Report, Verdict
from node.errors import Code
from node.model.credential import Credential, Field, Status
from node.model.decide import decide
from node.model.merkle import Tile, Tree, leaf_hash
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.model.registry import RegistryState
from node.model.seal import Sealed, commitment
from node.model.share_code import RANDOM_SIZE_BYTES, ShareCode, make
from node.model.statement import (
    AgreementReference,
    Answer,
    Body,
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    NoAnswer,
    Purpose,
    Query,
    Requester,
    ShareCodeSelector,
    Statement,
    StatusChanged,
    TrustAdopted,
)
from node.model.trust import TrustBundle, extract
from node.wire.codec import decode_statement, encode_statement
from node.wire.export import CounterpartRecord, Entry, Header, OwnCheckpoint, Record
from node.wire.receipt import Receipt
from tests.federation import changed_agreement
from tests.replaying import replay
from tests.world import (
    SECOND_US,
    START,
    SampleTrust,
    journal_signers,
    origin,
    sample_credential,
    sample_trust,
    trust_files,
)

BORN = date(1991, 3, 14)
FIELDS = (Field.HOLDER_NAME, Field.TITLE, Field.ISCO08, Field.AWARDED_ON)
ANSWER_WITHIN_US = 10 * SECOND_US


class Journal:
    """One node's journal, with the registry that follows from it."""

    def __init__(self, node_id: str, randomness: Callable[[int], bytes]) -> None:
        self.node_id = node_id
        self.origin = origin(node_id)
        self.randomness = randomness
        self.signers: Sequence[Ed25519Signer | Mldsa44Signer] = journal_signers(node_id)
        self.registry = RegistryState()
        self.entries: list[Entry] = []
        self.counterparts: dict[int, CounterpartRecord] = {}
        self.notes: list[OwnCheckpoint] = []
        self.bundles: list[TrustBundle] = []
        self.lists: list[SampleTrust] = []
        self.trust: SampleTrust
        self._leaves: list[bytes] = []
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._tree = Tree(0, lambda level, number: self._tiles[level, number])
        self._sizes: list[int] = []

    def adopt(self, trust: SampleTrust, now: int) -> int:
        """Follow a trust list from here on."""
        self.trust = trust
        self.bundles.append(trust.bundle)
        self.lists.append(trust)
        return self.say(TrustAdopted(trust.view.reference), now)

    def say(
        self,
        body: Body,
        now: int,
        rests_on: tuple[str, Sealed] | None = None,
        query: Query | None = None,
    ) -> int:
        """Append a statement and return its index; it has a seal once it is committed."""
        statement = Statement(self.node_id, now, self.trust.view.reference, body)
        index = len(self.entries)
        entry = Entry(index, self.randomness(32), encode_statement(statement))
        self.entries.append(entry)
        self._leaves.append(leaf_hash(commitment(entry.statement, entry.salt)))
        if rests_on is not None:
            self.counterparts[index] = CounterpartRecord(index, *rests_on)
        self.registry.apply(index, body, query, said_at=now)
        return index

    def commit(self, now: int) -> None:
        """Sign a checkpoint over everything said so far."""
        for tile in self._tree.extend(self._leaves):
            self._keep(tile)
        self._leaves.clear()
        checkpoint = Checkpoint(self.origin, self._tree.size, self._tree.root())
        note = sign_checkpoint(checkpoint, self.signers, now // SECOND_US)
        self.notes.append(OwnCheckpoint(checkpoint.size, note))
        self._sizes.append(checkpoint.size)

    def seal(self, index: int) -> Sealed:
        """Return the seal of a statement under the checkpoint of its own batch."""
        entry = self.entries[index]
        checkpoint = self.notes[bisect_right(self._sizes, index)]
        path = self._tree.path(index, checkpoint.size)
        return Sealed(entry.statement, entry.salt, index, path, checkpoint.note)

    def commitment(self, index: int) -> bytes:
        """Return what stands for a statement in the tree."""
        return commitment(self.entries[index].statement, self.entries[index].salt)

    def records(self) -> Iterator[Record]:
        """Yield the journal as it is exported."""
        yield Header(self.node_id, self.origin)
        yield from self.bundles
        notes = iter(self.notes)
        note = next(notes, None)
        while note is not None and note.size == 0:
            yield note
            note = next(notes, None)
        for entry in self.entries:
            yield entry
            if entry.index in self.counterparts:
                yield self.counterparts[entry.index]
            while note is not None and note.size == entry.index + 1:
                yield note
                note = next(notes, None)

    def _keep(self, tile: Tile) -> None:
        self._tiles[tile.level, tile.number] = tile.hashes


class Border:
    """Two nodes that exchange; the clock goes on by a second with every step."""

    def __init__(self, seed: int = 1, trust: SampleTrust | None = None) -> None:
        self.random = random.Random(seed)
        self.trust = trust or sample_trust()
        self.now = START
        self.asking = Journal("XA", self.random.randbytes)
        self.answering = Journal("XB", self.random.randbytes)
        self._credentials = 0
        for journal in (self.asking, self.answering):
            journal.commit(self.now)
            journal.adopt(self.trust, self.now)
            journal.commit(self.now)

    def step(self, seconds: int = 1) -> int:
        """Let time go on and return it."""
        self.now += seconds * SECOND_US
        return self.now

    def register(self, **changes: object) -> Credential:
        """Put a credential into the answering node's registry."""
        self._credentials += 1
        credential = sample_credential(f"XB-2019-{self._credentials:06}", **changes)
        self.answering.say(CredentialRegistered(credential), self.now)
        return credential

    def give(self, credential: Credential, uses: int = 10) -> ShareCode:
        """Make a share code for a credential."""
        code = make("XB", self.random.randbytes(RANDOM_SIZE_BYTES))
        given = ConsentGiven(
            code.digest,
            code.holder_proof(credential.birth_date),
            credential.number,
            Purpose.EMPLOYMENT,
            FIELDS,
            uses,
            self.now + 90 * 24 * 60 * 60 * SECOND_US,
            "",
        )
        self.answering.say(given, self.now)
        return code

    def query(self, code: ShareCode, born: date = BORN, **changes: object) -> Query:
        """Compose a query about a share code."""
        query = Query(
            "XB",
            self.random.randbytes(16),
            Purpose.EMPLOYMENT,
            ShareCodeSelector(code.digest, code.holder_proof(born)),
            FIELDS,
            Requester("Nordwerk Schiffbau", "HRB 4711", "shipbuilding"),
            self.now + ANSWER_WITHIN_US,
            AgreementReference("xa-xb", 1),
        )
        return replace(query, **changes)

    def put(self, queries: Sequence[Query]) -> list[int]:
        """Journal queries together at the asking node."""
        indices = [self.asking.say(query, self.now) for query in queries]
        self.asking.commit(self.now)
        return indices

    def answer(
        self, asked: Sequence[int], change: Callable[[Answer], Answer] = lambda answer: answer
    ) -> list[int]:
        """Answer queries together at the answering node; `change` makes it lie."""
        journal = self.answering
        agreement = journal.trust.view.agreement_for("XA", "XB", Purpose.EMPLOYMENT, self.now)
        answered = []
        for index in asked:
            sealed = self.asking.seal(index)
            query = decode_statement(sealed.statement).body
            assert isinstance(query, Query)
            position = len(journal.entries)
            facts = journal.registry.facts(query.selector, position)
            asked_for = self.asking.commitment(index)
            issuers = journal.trust.view.books.get("XB")
            due = decide(query, asked_for, facts, agreement, self.now, issuers=issuers)
            answer = change(due)
            answered.append(journal.say(answer, self.now, ("XA", sealed), query))
        journal.commit(self.now)
        return answered

    def conclude(
        self,
        asked: Sequence[int],
        answered: Sequence[int],
        change: Callable[[Conclusion], Conclusion] = lambda conclusion: conclusion,
    ) -> list[int]:
        """Conclude queries together at the asking node; `change` makes it lie."""
        concluded = []
        for query, index in zip(asked, answered, strict=True):
            sealed = self.answering.seal(index)
            answer = decode_statement(sealed.statement).body
            assert isinstance(answer, Answer)
            conclusion = Conclusion(
                self.asking.commitment(query), self.answering.commitment(index), answer.outcome
            )
            concluded.append(self.asking.say(change(conclusion), self.now, ("XB", sealed)))
        self.asking.commit(self.now)
        return concluded

    def exchange(
        self, *queries: Query, change: Callable[[Answer], Answer] = lambda answer: answer
    ) -> tuple[list[int], list[int], list[int]]:
        """Ask, answer and conclude together; returns the indices of all three."""
        asked = self.put(queries)
        self.step()
        answered = self.answer(asked, change)
        self.step()
        concluded = self.conclude(asked, answered)
        self.step()
        return asked, answered, concluded

    def receipt(self, asked: int, answered: int, concluded: int) -> Receipt:
        """Return the receipt of one exchange."""
        seals = self.asking.seal(asked), self.answering.seal(answered), self.asking.seal(concluded)
        named = {decode_statement(sealed.statement).trust for sealed in seals}
        bundles = [trust.bundle for trust in self.asking.lists if trust.view.reference in named]
        return Receipt(*seals, tuple(extract(bundle, ("XA", "XB")) for bundle in bundles))


def newer_trust(version: int = 2, **changes: object) -> SampleTrust:
    """Return a newer trust list, in which the agreement of XA and XB has changed."""
    changes = {"version": 2, **changes}
    return sample_trust(changed_agreement(trust_files(), "xa-xb", **changes), version)


def every_outcome(seed: int = 1) -> Border:
    """Return two journals with an exchange of every outcome, and one query without an answer."""
    border = Border(seed)
    statuses = (Status.ACTIVE, Status.SUSPENDED, Status.REVOKED, Status.SUPERSEDED)
    credentials = [border.register() for _ in statuses]
    credentials.append(border.register(expires_on=date(2024, 6, 30)))
    codes = [border.give(credential, uses=2) for credential in credentials]
    for credential, status in zip(credentials, statuses, strict=False):
        if status is not Status.ACTIVE:
            border.answering.say(StatusChanged(credential.number, status, "a test"), border.now)
    border.answering.commit(border.step())
    border.exchange(*(border.query(code) for code in codes))  # every status, and expired
    border.exchange(border.query(codes[0], born=date(1990, 1, 1)))  # wrong holder proof
    border.exchange(border.query(codes[0]))  # the last use
    border.exchange(border.query(codes[0]))  # spent
    border.answering.say(ConsentEnded(codes[1].digest, ConsentEnd.REVOKED), border.now)
    border.exchange(border.query(codes[1]))  # revoked code
    border.answering.adopt(newer_trust(), border.step())
    border.exchange(border.query(codes[2]))  # an agreement that the other no longer has
    border.asking.adopt(newer_trust(), border.step())
    agreement = AgreementReference("xa-xb", 2)
    border.exchange(border.query(codes[2], agreement=agreement))
    unanswered = border.put([border.query(codes[2], agreement=agreement)])
    border.asking.say(
        NoAnswer(border.asking.commitment(unanswered[0]), Code.PEER_SILENT), border.step(20)
    )
    border.asking.commit(border.now)
    return border


# --- audits of them ------------------------------------------------------------------------

XA, XB = "xa.symbolon.example/journal", "xb.symbolon.example/journal"
Found = set[tuple[Check, str, int | None]]


def audited(border: Border, *journals: Iterable[Record]) -> Report:
    """Replay both journals of a border, or those given."""
    given = journals or (border.asking.records(), border.answering.records())
    return replay(given, [border.trust.root])


def found(report: Report, verdict: Verdict = Verdict.FAIL) -> Found:
    """Return check and place of every finding of a verdict."""
    return {
        (finding.check, finding.place.journal, finding.place.index)
        for finding in report.findings
        if finding.verdict is verdict
    }


def sentence(report: Report, check: Check) -> str:
    """Return the one finding of a check, in words."""
    sentences = [finding.sentence for finding in report.findings if finding.check is check]
    assert len(sentences) == 1
    return sentences[0]


def altered(
    records: Iterable[Record], kind: type[Record], index: int, change: Callable[..., Record | None]
) -> Iterator[Record]:
    """Yield records with one changed or, where `change` gives none, left out."""
    for record in records:
        place = record.size if isinstance(record, OwnCheckpoint) else getattr(record, "index", None)
        if type(record) is kind and place == index:
            instead = change(record)
            if instead is not None:
                yield instead
        else:
            yield record


def until(journal: Journal, size: int) -> Iterator[Record]:
    """Yield a journal as it was exported when it had a size."""
    for record in journal.records():
        yield record
        if isinstance(record, OwnCheckpoint) and record.size == size:
            return


def one_exchange() -> tuple[Border, int, int, int]:
    """Return a border with one exchange, and its three indices."""
    border = Border()
    code = border.give(border.register())
    asked, answered, concluded = border.exchange(border.query(code))
    return border, asked[0], answered[0], concluded[0]
