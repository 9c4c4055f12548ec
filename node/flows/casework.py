"""Taking steps in a case: opening it, answering it, and what people at this node may do.

1. who acts may: an authority's officer, or the holder of the API key that opened the case
2. a new case: the other node is on the trust list, an agreement with it is in force, and its
   route's time limits are fixed in the first step
3. the step is one that the case allows now, by the very function that the other node judges by
4. journal it, with its texts and documents beside it; only then it is sent (`flows/case_exchange`)
5. where silence has decided, the authority that should have decided journals that
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog
from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.case_ports import CaseBooks, CaseFile, HeldCase, Sayings
from node.flows.ports import Clock, Draft, Randomness, Trust
from node.model.case_bodies import (
    CASE_SIZE_BYTES,
    NUMBER_MAX,
    Author,
    CaseKind,
    CaseOpening,
    CaseStep,
    Ruling,
    StepKind,
    Subject,
    SubjectKind,
)
from node.model.cases import (
    Limit,
    Progress,
    Standing,
    Taken,
    deemed_ruling,
    encode_terms,
    opened,
    progress_of,
    require_allowed,
    require_room,
    standing,
    terms_of,
)
from node.model.recognition.spans import day_of
from node.model.statement import AgreementReference, Statement
from node.wire.case_documents import SALT_SIZE_BYTES, Content, new_identity
from node.wire.case_statements import checked_step
from node.wire.codec import encode_statement

REMIND_DAYS: Final = 7
_log = structlog.get_logger()


class Actor(Struct, frozen=True):
    """Who acts here: an authority's officer, or whoever holds an API key.

    Attributes:
        key_id: the API key; None for an officer, who sees every case.
    """

    author: Author
    key_id: str | None = None


OFFICER: Final = Actor(Author.AUTHORITY)


class Enclosure(Struct, frozen=True):
    """A text or document as it is given: "text", "credential", or a kind of document."""

    word: str
    content: bytes


class NewCase(Struct, frozen=True):
    """What opens a case.

    Attributes:
        verification: id of an answered verification that it is about; else `credential`.
        credential: number of the credential that it is about, at the node that issued it.
        peer: node id of the other node; not needed with a verification.
        here: whether the authority of this node decides.
        route: id of a route of the agreement; empty: no time limits.
        agreement: id of the agreement; empty: the one in force.
    """

    kind: CaseKind
    text: str
    verification: str = ""
    credential: str = ""
    peer: str = ""
    here: bool = False
    route: str = ""
    agreement: str = ""
    documents: tuple[Enclosure, ...] = ()


class NewStep(Struct, frozen=True):
    """What somebody wants to do in a case."""

    kind: StepKind
    text: str = ""
    documents: tuple[Enclosure, ...] = ()
    ruling: Ruling | None = None
    ground: str = ""
    wanted: tuple[str, ...] = ()


class CaseView(Struct, frozen=True):
    """A case and where it stands today."""

    held: HeldCase
    progress: Progress
    standing: Standing


class Due(Struct, frozen=True):
    """A time limit of a case that is near or has passed; names no person."""

    case: bytes
    peer: str
    limit: Limit
    days_left: int | None


class Casework:
    """What people at one node do in cases.

    Attributes:
        due: how many time limits are near, have passed, or cannot be told, as of the last look.
    """

    def __init__(
        self, books: CaseBooks, trust: Trust, node: str, clock: Clock, randomness: Randomness
    ) -> None:
        """Take the parts of a node."""
        self._books = books
        self._trust = trust
        self._node = node
        self._clock = clock
        self._randomness = randomness
        self.due: Counter[str] = Counter()

    # --- looking ---------------------------------------------------------------------------

    async def cases(self, actor: Actor) -> list[CaseView]:
        """Return the cases that somebody may see, oldest first."""
        return [self.view(held) for held in await self._books.all(actor.key_id) if held.steps]

    async def case(self, actor: Actor, case: bytes) -> CaseView:
        """Return a case.

        Raises:
            Refusal: UNKNOWN where there is none that they may see.
        """
        return self.view(self._seen(actor, await self._books.held(case)))

    async def find(self, actor: Actor, beginning: str) -> CaseView:
        """Return the one case whose id begins so, in hex digits.

        Raises:
            Refusal: UNKNOWN where there is none, CONFLICT where there are several.
        """
        found = [
            one for one in await self.cases(actor) if one.held.case.hex().startswith(beginning)
        ]
        if not found or not beginning:
            raise _unknown()
        if len(found) > 1:
            raise Refusal(Code.CONFLICT, "case: several cases begin so; give more of it")
        return found[0]

    async def part(self, actor: Actor, case: bytes, digest: bytes) -> bytes:
        """Return the content of a text or document of a case.

        Raises:
            Refusal: UNKNOWN where there is none, BUSY where it has not come yet, ERASED where it
                was erased.
        """
        view = await self.case(actor, case)
        found = await self._books.part(case, digest)
        if found is None:
            raise Refusal(Code.UNKNOWN, "document: the case has none with this digest")
        held, _, content = found
        if not held.here:
            if view.progress.erased:
                raise Refusal(Code.ERASED, "document: it was erased with the case")
            raise Refusal(Code.BUSY, "document: it has not come yet; look again later", 30.0)
        return content

    def view(self, held: HeldCase) -> CaseView:
        """Return where a case stands today."""
        progress = _progress(held)
        return CaseView(held, progress, standing(progress, day_of(self._clock())))

    # --- acting ----------------------------------------------------------------------------

    async def open(self, actor: Actor, new: NewCase) -> CaseView:
        """Open a case.

        Raises:
            Refusal: what is wrong with it, or with what it is about; nothing is written then.
        """
        case = self._randomness(CASE_SIZE_BYTES)
        named = self._content("credential", new.credential.encode()) if new.credential else None
        subject, peer, agreement = await self._subject(actor, new, named)
        reference, terms = self._terms(new, peer, agreement)  # 2
        secret, recipient = new_identity()
        given = [*self._contents(new.text, new.documents), *([named] if named else [])]
        opening = CaseOpening(
            new.kind,
            subject,
            self._node if new.here else peer,
            reference.id,
            reference.version,
            new.route,
            terms,
            recipient,
        )
        step = CaseStep(
            case,
            peer,
            StepKind.OPENED,
            actor.author,
            number=1 if new.here else 0,
            parts=tuple(one.part for one in given),
            opening=opening,
        )
        now = self._clock()
        opened(Taken(self._node, now, checked_step(step)))  # 3
        require_room((), step)

        def say(held: HeldCase | None) -> Sayings:
            if held is not None:
                raise Refusal(Code.CONFLICT, "case: there is one with this id")
            file = CaseFile(peer, actor.key_id or "", secret, "")
            return Sayings((self._draft(step, now),), file, tuple(given))

        await self._books.record(case, say)  # 4
        return await self.case(actor, case)

    async def act(self, actor: Actor, case: bytes, new: NewStep) -> CaseView:
        """Take a step in a case.

        Raises:
            Refusal: UNKNOWN where there is no such case for them, CONFLICT where the step is not
                allowed now, MALFORMED where it lacks something.
        """
        given = self._contents(new.text, new.documents)

        def say(held: HeldCase | None) -> Sayings:
            seen = self._seen(actor, held)  # 1
            return self._say(seen, actor.author, new, given)

        await self._books.record(case, say)  # 4
        if new.kind is StepKind.ERASED:
            await self._books.wipe()
        return await self.case(actor, case)

    def _say(
        self, held: HeldCase, author: Author, new: NewStep, given: Sequence[Content]
    ) -> Sayings:
        progress, now = _progress(held), self._clock()
        deciding = progress.decider == self._node
        step = CaseStep(
            held.case,
            held.peer,
            new.kind,
            author,
            number=len(held.timeline) + 1 if deciding else 0,
            parts=tuple(one.part for one in given),
            ruling=new.ruling,
            ground=new.ground,
            wanted=new.wanted,
        )
        if len(held.steps) >= NUMBER_MAX:
            raise Refusal(Code.CONFLICT, f"case: has {NUMBER_MAX} steps, which is all it can have")
        require_room((one.part for one in held.parts), step)
        require_allowed(progress, Taken(self._node, now, checked_step(step)))  # 3
        erase = new.kind is StepKind.ERASED
        return Sayings((self._draft(step, now),), given=tuple(given), erase=erase)

    # --- the clock -------------------------------------------------------------------------

    async def look_at_clocks(self) -> int:
        """Journal what silence decided, and count what is due; returns how many lapsed."""
        lapsed = 0
        for view in await self.cases(OFFICER):
            today = day_of(self._clock())
            ruling = deemed_ruling(view.progress, today)
            if ruling is None or view.progress.decider != self._node:
                continue
            try:
                await self.act(OFFICER, view.held.case, NewStep(StepKind.LAPSED, ruling=ruling))
            except Refusal as refusal:  # somebody was first
                _log.info("case_not_lapsed", code=refusal.code.value)
                continue
            lapsed += 1
        due = await self.reminders()
        self.due = Counter(_named(one) for one in due)
        if due:
            _log.warning("case_time_limits", **dict(sorted(self.due.items())))
        return lapsed

    async def reminders(self) -> list[Due]:
        """Return the time limits of this authority that are near or have passed unused."""
        today = day_of(self._clock())
        found = []
        for view in await self.cases(OFFICER):
            if view.progress.decider != self._node:
                continue
            for limit in view.standing.limits:
                left = None if limit.on is None else (limit.on - today).days
                if limit.clock != "appeal" and (left is None or left <= REMIND_DAYS):
                    found.append(Due(view.held.case, view.held.peer, limit, left))
        return found

    # --- parts -----------------------------------------------------------------------------

    def _seen(self, actor: Actor, held: HeldCase | None) -> HeldCase:
        if held is None or not held.steps or actor.key_id not in {None, held.key_id}:
            raise _unknown()
        return held

    async def _subject(
        self, actor: Actor, new: NewCase, named: Content | None
    ) -> tuple[Subject, str, str]:
        if bool(new.verification) == bool(named):
            raise Refusal(
                Code.MALFORMED, "case: is about a verification or about a credential, one of both"
            )
        if named is not None:
            if not new.peer:
                raise Refusal(Code.MALFORMED, "node: name the other country's node")
            subject = Subject(SubjectKind.CREDENTIAL, named.part.digest)
            return subject, new.peer, new.agreement
        shared = await self._books.subject_of(new.verification, actor.key_id)
        about = shared.conclusion if new.here else shared.answer
        return about, shared.peer, new.agreement or shared.agreement

    def _terms(self, new: NewCase, peer: str, agreement: str) -> tuple[AgreementReference, bytes]:
        now, trust = self._clock(), self._trust.view()
        trust.require_fresh(now)
        trust.member(peer, now)
        found = next(
            (
                one
                for one in reversed(trust.agreements.get(frozenset((self._node, peer)), ()))
                if one.in_force(now) and agreement in {"", one.id}
            ),
            None,
        )
        if found is None:
            raise Refusal(Code.UNKNOWN, f"agreement: none with {peer} is in force")
        decider = trust.node(self._node if new.here else peer).country
        terms = terms_of(trust.recognition_of(found), new.route, decider)
        return found.reference, encode_terms(terms)

    def _contents(self, text: str, documents: Sequence[Enclosure]) -> list[Content]:
        texts = [self._content("text", text.encode())] if text else []
        return texts + [self._content(one.word, one.content) for one in documents]

    def _content(self, word: str, content: bytes) -> Content:
        return Content(word, content, self._randomness(SALT_SIZE_BYTES))

    def _draft(self, step: CaseStep, now: int) -> Draft:
        trust = self._trust.view().reference
        return Draft(step, encode_statement(Statement(self._node, now, trust, step)))


def _progress(held: HeldCase) -> Progress:
    """Return what a case amounts to; own steps on their way count, until they are not taken."""
    steps = [*held.timeline, *held.waiting]
    if not steps:
        steps = [held.steps[0]]  # the other node did not take it; this is what it asked for
    return progress_of([step.taken for step in steps])


def _named(due: Due) -> str:
    if due.days_left is None:
        return "unknown"
    return "passed" if due.limit.passed else "near"


def _unknown() -> Refusal:
    return Refusal(Code.UNKNOWN, "case: there is none with this id that you may see")
