"""The holder's own view: what this node holds about them, and who asked.

issue (at the authority's desk)
  1. the credential is of a holder born on that day; which credentials are the same holder's
  2. journal that somebody is given access, without saying to whom
  3. make the token; the node keeps its digest only

every request of a holder
  1. the token counts, and is within its quota
  2. whatever is named belongs to one of the token's credentials; all else is unknown, one and the
     same whether it is somebody else's or nobody's
  3. read, or journal what the holder says

export
  4. gather the record, journal its digest, and put it in a file with that statement's seal
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast

from node.errors import Code, Refusal
from node.flows.holder_ports import Access, AccessWindow, Contest, Held, Holders
from node.flows.look import Looking
from node.flows.ports import Clock, Draft, Ledger, Randomness, Recorded, Trust
from node.flows.quotas import Quotas
from node.flows.share import UNKNOWN_CREDENTIAL, Sharing
from node.flows.watch import Watching
from node.model.bounds import INDEX_MAX, text
from node.model.bounds import number as bounded
from node.model.decide import Consent
from node.model.holder import Watch, require_holder
from node.model.holder_bodies import Complaint, ContestRaised, RecordExported
from node.model.quota import Allowance
from node.model.roles import Role, Roles
from node.model.statement import AccessFilter, AccessKind, Body, Person, Statement
from node.model.trust import extract
from node.wire.codec import encode_statement
from node.wire.holder_statements import COMPLAINT_LENGTH_MAX
from node.wire.record import (
    ComplaintName,
    HeldAccess,
    HeldContest,
    HeldRecord,
    HeldShareCode,
    HeldWatch,
    RecordFile,
    ShareCodeState,
    WatchState,
    encode_record,
    record_digest,
)
from node.wire.rows import spell_credential

MINUTES: Final = 30
MINUTES_MAX: Final = 24 * 60
TOKEN_LENGTH_MAX: Final = 100
ACCESSES_MAX: Final = 200
_EXPORTED_MAX: Final = 10_000
_PREFIX: Final = "symbolon_holder_"
_TOKEN_SIZE_BYTES: Final = 32
_ID_SIZE_BYTES: Final = 6
_RECORD_ID_SIZE_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_US: Final = 253_402_300_799_999_999
_UNKNOWN: Final = "there is no such thing among what this token is good for"


class Entrusting:
    """Holders' tokens: made at the desk, short-lived, kept as digests."""

    def __init__(  # noqa: PLR0913, PLR0917 - a composition root passes every part
        self,
        ledger: Ledger,
        holders: Holders,
        looking: Looking,
        clock: Clock,
        randomness: Randomness,
        roles: Roles,
    ) -> None:
        """Take the parts; `roles` say who may give a token."""
        self._roles = roles
        self._ledger = ledger
        self._holders = holders
        self._looking = looking
        self._clock = clock
        self._randomness = randomness

    async def issue(
        self, number: str, birth_date: date, by: Person, *, minutes: int, only: bool = False
    ) -> tuple[Held, str]:
        """Make a token for a holder; returns what it is good for, and the token itself.

        Args:
            number: of one of the holder's credentials.
            birth_date: the holder's.
            by: who gives it.
            minutes: how long it counts, 1 to 1,440.
            only: good for this credential only, not for all of the same holder.

        Raises:
            Refusal: MALFORMED where a bound is broken, UNKNOWN where there is no such credential
                or its holder was born on another day, UNTRUSTED where the person may not.
        """
        self._roles.require(by, Role.REGISTRAR)
        bounded(minutes, "minutes", 1, MINUTES_MAX)
        require_holder(await self._ledger.credential(number), birth_date)  # 1
        numbers = [number] if only else await self._holders.numbers_of_holder(number)
        wanted = AccessFilter(credential=True)
        reader, ground = f"{by.role or 'user'} {by.name}", "a holder's token"
        await self._looking.begin(AccessKind.ENTRUSTED, reader, ground, wanted)  # 2
        secret = base64.urlsafe_b64encode(self._randomness(_TOKEN_SIZE_BYTES)).rstrip(b"=")
        token = f"{_PREFIX}{secret.decode()}"  # 3
        now = self._clock()
        until = now + minutes * 60 * 1_000_000
        held = Held(self._randomness(_ID_SIZE_BYTES).hex(), tuple(numbers), now, until)
        await self._holders.keep_token(_digest(token), held)
        return held, token

    async def revoke(self, token_id: str) -> None:
        """Revoke a token at once.

        Raises:
            Refusal: UNKNOWN where no such token counts.
        """
        if not await self._holders.revoke_token(token_id, self._clock()):
            raise Refusal(Code.UNKNOWN, "there is no such token in force")

    async def list(self) -> Sequence[Held]:
        """Return all tokens that are kept, oldest first."""
        return await self._holders.tokens()


class HolderView:
    """What one holder sees and says, by token."""

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        node: str,
        authority: str,
        ledger: Ledger,
        holders: Holders,
        sharing: Sharing,
        watching: Watching,
        trust: Trust,
        clock: Clock,
        randomness: Randomness,
        allowance: Allowance,
    ) -> None:
        """Take the parts, and how often one token may be used."""
        self._node = node
        self._authority = authority
        self._ledger = ledger
        self._holders = holders
        self.sharing = sharing
        self.watching = watching
        self._trust = trust
        self._clock = clock
        self._randomness = randomness
        self._quotas = Quotas(allowance)

    async def authenticate(self, token: str) -> Held:
        """Return what a token is good for.

        Raises:
            Refusal: UNAUTHENTICATED where it does not count, BUSY where it is over its quota.
        """
        now = self._clock()
        held = None
        if token.startswith(_PREFIX) and len(token) <= TOKEN_LENGTH_MAX:
            held = await self._holders.token(_digest(token), now)
        if held is None:
            raise Refusal(
                Code.UNAUTHENTICATED,
                "the holder's token is missing, unknown, expired or revoked; the authority gives "
                "another",
            )
        self._quotas.take(held.id, now)
        return held

    async def credentials(self, held: Held) -> tuple[dict[str, object], ...]:
        """Return the holder's credentials, each as a row of a JSON file holds it."""
        found = [await self._ledger.credential(number) for number in held.credentials]
        return tuple(spell_credential(one) for one in found if one is not None)

    async def share_codes(self, held: Held) -> tuple[HeldShareCode, ...]:
        """Return the share codes of the holder's credentials, by credential, oldest first."""
        now = self._clock()
        found = [await self._ledger.consents(number) for number in held.credentials]
        return tuple(share_code_of(consent, now) for some in found for consent in some)

    async def revoke_share_code(self, held: Held, code_id: str) -> Recorded:
        """End a share code at once, known by its id.

        Raises:
            Refusal: UNKNOWN where it is none of the holder's, CONFLICT where it has ended.
        """
        for one in await self.share_codes(held):
            if one.id == code_id:
                return await self.sharing.revoke_listed(one.credential, code_id)
        raise Refusal(Code.UNKNOWN, _UNKNOWN)

    async def watches(self, held: Held) -> tuple[HeldWatch, ...]:
        """Return the watches of the holder's credentials, oldest first."""
        now = self._clock()
        found = await self.watching.list(held.credentials)
        return tuple(watch_of(watch, now) for watch in found)

    async def accesses(
        self, held: Held, window: AccessWindow
    ) -> tuple[tuple[HeldAccess, ...], bool]:
        """Return who asked about the holder, the newest first, and whether there are more."""
        found, more = await self._holders.accesses(held.credentials, window)
        return tuple(map(access_of, found)), more

    async def contests(self, held: Held) -> tuple[HeldContest, ...]:
        """Return what the holder said is wrong, oldest first."""
        return tuple(map(contest_of, await self._holders.contests(held.credentials)))

    async def contest(
        self, held: Held, number: str, complaint: Complaint, words: str, entry: int | None = None
    ) -> Recorded:
        """Journal that the holder says that something is wrong.

        Args:
            held: the holder's token.
            number: of one of the holder's credentials.
            complaint: what kind of wrong it is.
            words: in the holder's own words, at most 2,000 characters; line breaks become blanks.
            entry: position of the entry that is contested; None for what the credential says now.

        Raises:
            Refusal: MALFORMED where a bound is broken, UNKNOWN where the credential or the entry
                is none of the holder's.
        """
        said = text(" ".join(words.split()), "text", COMPLAINT_LENGTH_MAX)
        self.require_own(held, number)
        if entry is not None:
            bounded(entry, "entry", 0, INDEX_MAX)
        if entry is not None and not await self._holders.is_about(entry, [number]):
            raise Refusal(Code.UNKNOWN, _UNKNOWN)
        raised = ContestRaised(number, entry, complaint, said)
        return (await self._ledger.append([self._draft(raised)]))[0]

    async def export(self, held: Held) -> bytes:
        """Return the holder's record as a file that proves by itself that this node gave it.

        Raises:
            Refusal: STALE where no trust list is in force or the disk refuses to write.
        """
        now = self._clock()
        accesses, more = await self.accesses(held, AccessWindow(_EXPORTED_MAX))
        record = HeldRecord(
            id=self._randomness(_RECORD_ID_SIZE_BYTES).hex(),
            node=self._node,
            authority=self._authority,
            made_at=moment(now),
            credentials=await self.credentials(held),
            share_codes=await self.share_codes(held),
            watches=await self.watches(held),
            accesses=accesses,
            accesses_left_out=more,
            contests=await self.contests(held),
        )
        draft = self._draft(RecordExported(record_digest(record)))
        (recorded,) = await self._ledger.append([draft])  # 4
        adopted = await self._ledger.adopted_list()
        if adopted is None or recorded.sealed is None:
            raise Refusal(Code.STALE, "no trust list is in force, so nothing could be checked")
        trust = extract(adopted.bundle, {self._node})
        return encode_record(RecordFile(record, recorded.sealed, trust))

    def require_own(self, held: Held, number: str) -> str:
        """Return the number of a credential of the holder's.

        Raises:
            Refusal: UNKNOWN, one and the same where there is no such credential.
        """
        if number not in held.credentials:
            raise Refusal(Code.UNKNOWN, UNKNOWN_CREDENTIAL)
        return number

    def _draft(self, body: Body) -> Draft:
        trust = self._trust.view().reference
        return Draft(body, encode_statement(Statement(self._node, self._clock(), trust, body)))


class HolderFlows:
    """Everything about holders that one node does, put together once.

    Attributes:
        entrusting: tokens, made at the desk.
        view: what a holder sees and says by token.
        watching: standing consents.
        sharing: share codes.
        looking: who looks into the journal.
        holders: the tables.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - a composition root passes every part
        self,
        node: str,
        authority: str,
        ledger: Ledger,
        holders: Holders,
        trust: Trust,
        clock: Clock,
        randomness: Randomness,
        allowance: Allowance,
        roles: Roles,
    ) -> None:
        """Take the parts, and how often one token may be used."""
        self.sharing = Sharing(ledger, trust, node, clock, randomness)
        self.looking = Looking(ledger, trust, node, clock)
        self.entrusting = Entrusting(ledger, holders, self.looking, clock, randomness, roles)
        self.holders = holders
        self.watching = Watching(ledger, holders, trust, node, clock, randomness)
        self.view = HolderView(
            node=node,
            authority=authority,
            ledger=ledger,
            holders=holders,
            sharing=self.sharing,
            watching=self.watching,
            trust=trust,
            clock=clock,
            randomness=randomness,
            allowance=allowance,
        )

    async def end_lapsed(self) -> int:
        """State the end of every share code and watch past its expiry; returns how many."""
        return await self.sharing.end_lapsed() + await self.watching.end_lapsed()


def share_code_of(consent: Consent, now: int) -> HeldShareCode:
    """Return a share code as its holder sees it."""
    given = consent.given
    state: ShareCodeState
    if consent.ended and now < given.expires_at:
        state = "revoked"
    elif now >= given.expires_at:
        state = "expired"
    else:
        state = "used_up" if consent.uses_spent >= given.uses else "open"
    return HeldShareCode(
        id=given.code_digest.hex(),
        credential=given.credential,
        state=state,
        purpose=given.purpose.name.lower(),
        fields=tuple(field.name.lower() for field in given.fields),
        uses=given.uses,
        uses_spent=consent.uses_spent,
        expires_at=moment(given.expires_at),
        requester=given.requester,
    )


def watch_of(watch: Watch, now: int) -> HeldWatch:
    """Return a standing consent as its holder sees it."""
    given, watcher = watch.given, watch.given.watcher
    over: WatchState = "revoked" if watch.ended else "open"
    return HeldWatch(
        id=given.watch.hex(),
        credential=given.credential,
        state="expired" if now >= given.expires_at else over,
        node=watcher.node,
        legal_name=watcher.legal_name,
        register_id=watcher.register_id,
        expires_at=moment(given.expires_at),
    )


def contest_of(contest: Contest) -> HeldContest:
    """Return a complaint as its holder sees it."""
    return HeldContest(
        contest.index,
        moment(contest.raised_at),
        contest.credential,
        cast("ComplaintName", contest.complaint),
        contest.entry,
        contest.text,
    )


def access_of(access: Access) -> HeldAccess:
    """Return an access as its holder sees it: which fields were shown, and no value."""
    query, answer = access.query, access.answer
    return HeldAccess(
        index=access.index,
        credential=access.credential,
        share_code=query.selector.code_digest.hex(),
        asked_by=query.requester.legal_name,
        register_id=query.requester.register_id,
        sector=query.requester.sector,
        node=access.peer,
        purpose=query.purpose.name.lower(),
        asked_at=moment(access.asked_at),
        answered_at=moment(access.answered_at),
        outcome=answer.outcome.name.lower(),
        rule=None if answer.rule is None else answer.rule.name.lower(),
        shown=tuple(dict.fromkeys(one.field.name.lower() for one in answer.disclosed)),
    )


def moment(at: int) -> datetime:
    """Return microseconds UTC as a datetime, at most the last one that there is."""
    return _EPOCH + timedelta(microseconds=min(at, _LATEST_US))


def _digest(token: str) -> bytes:
    """Hash a token; it has 256 random bits, so a fast hash is enough and equality leaks nothing."""
    return hashlib.sha256(b"symbolon/holder-token/v1\x00" + token.encode()).digest()
