"""The authority's work on its registry.

import_credentials
  1. read every row as a credential of this node; rows that are none are rejected
  2. compare with the file so far, the registry and the trust list: the same record again is
     unchanged; another record under a number in use is an amendment where a reason is given, and
     else rejected, as is an award that its issuer was not accredited for
  3. a dry run ends here, and so does any rejection, unless only good rows are wanted; two rows
     that contradict each other end it in any case
  4. journal all that is new or amended, in one transaction

issue, amend, change_status, renew, supersede, confirm
  1. check the fields, and that the person has the role
  2. check against the registry, and the trust list, what may follow
  3. journal one statement, with who did it

With `two_people_revoke`, a revocation is proposed in 3, and `confirm` by another person makes it.
"""

import asyncio
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.entering import Entering, as_held, is_same_award
from node.flows.import_rows import (
    Amending,
    ImportReport,
    Rejection,
    Sorting,
    named_by,
    report_of,
    require_named,
)
from node.flows.import_staging import MemoryStaging, Staging, Taken
from node.flows.ports import Clock, Draft, Ledger, Recorded, Trust
from node.model.bounds import TIME_MAX_US, text
from node.model.bounds import number as bounded
from node.model.credential import Credential, Status, check_codes, checked
from node.model.history import (
    Event,
    Phase,
    pending_revocation,
    phase_at,
    phases,
    require_possible,
)
from node.model.roles import ANYBODY, Role, Roles
from node.model.statement import (
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    Person,
    RegistryEvent,
    RevocationGround,
    RevocationProposed,
    Statement,
    StatusChanged,
)
from node.wire.codec import STATEMENT_SIZE_MAX_BYTES, encode_statement
from node.wire.registry_events import GROUND_LENGTH_MAX
from node.wire.sheets import Row

__all__ = ["Change", "ImportReport", "Registry", "Rejection"]

_BATCH_ROWS: Final = 2_000
_RECORD_MAX_BYTES: Final = STATEMENT_SIZE_MAX_BYTES - 4096
_NOT_THERE: Final = "number: the registry holds no such credential"

Progress = Callable[[Literal["checked", "written"], int], None]
"""Told the stage and the number of rows so far; of writing, from another thread."""


class Change(Struct, frozen=True):
    """What a change left behind.

    Attributes:
        recorded: its entry.
        effective_from: from when on it is so, microseconds UTC.
        pending: whether it waits for a second person.
    """

    recorded: Recorded
    effective_from: int
    pending: bool = False


class Registry:
    """The registry of one node; every change is journalled.

    Changes through one instance are made one after the other, so that what was checked still
    holds when it is written; the ledger refuses what another process made impossible meanwhile.
    """

    def __init__(
        self, ledger: Ledger, trust: Trust, node_id: str, clock: Clock, roles: Roles = ANYBODY
    ) -> None:
        """Work on a ledger, in the name of a node."""
        self._ledger = ledger
        self._trust = trust
        self._node_id = node_id
        self._clock = clock
        self._roles = roles
        self._changing = asyncio.Lock()

    async def import_credentials(  # noqa: PLR0913 - each says one thing of how
        self,
        rows: Iterable[Row],
        *,
        keep_good: bool,
        by: Person | None = None,
        progress: Progress | None = None,
        reason: str = "",
        dry_run: bool = False,
        staging: Staging | None = None,
    ) -> ImportReport:
        """Bring records into the registry, all or, with `keep_good`, those that are right.

        Args:
            rows: of the file, from its beginning.
            keep_good: whether some rows may be taken where others are rejected.
            by: who says so.
            progress: is told how far it is.
            reason: why rows put right what the registry says; empty: they do not.
            dry_run: whether nothing is to be written, whatever the rows say.
            staging: what an import of the same rows that was cut off has checked; it goes on after
                that. None: begin, in memory.

        Raises:
            Refusal: MALFORMED where the file cannot be read, STALE where the disk refuses to
                write, UNTRUSTED where the person may not, CONFLICT where another process changed
                the same records meanwhile; nothing is written then.
        """
        self._roles.require(by, Role.REGISTRAR)
        reason = _ground(reason, "reason") if reason else ""
        staging = MemoryStaging() if staging is None else staging
        async with self._changing:
            entering = Entering(self._trust.view(), self._node_id)
            amending = Amending(reason, by, self._clock) if reason else None
            sorting = Sorting(self._ledger, f"{self._node_id}-", entering, staging, amending)
            through = staging.counts().through
            left = (row for row in rows if row.number > through)
            while batch := list(islice(left, _BATCH_ROWS)):
                checked_rows = await sorting.add(batch)  # 1 and 2
                if progress is not None:
                    progress("checked", checked_rows)
            counts = staging.counts()
            good = not counts.rejected or (keep_good and not counts.contradictory)
            written = good and not dry_run  # 3
            if written and counts.accepted + counts.amended:
                told = None if progress is None else lambda count: progress("written", count)
                await self._ledger.append_many(self._drafts(staging.taken(), reason, by), told)  # 4
            return report_of(staging, written=written, unchecked=entering.unchecked)

    async def issue(self, credential: Credential, by: Person | None = None) -> Recorded:
        """Enter one credential.

        Raises:
            Refusal: MALFORMED where a field is wrong or its issuer was not accredited, CONFLICT
                where the number is in use, UNTRUSTED where the person may not.
        """
        self._roles.require(by, Role.REGISTRAR)
        async with self._changing:
            entered = await self._entered(credential)
            change = await self._journal(CredentialRegistered(entered, by))
            return change.recorded

    async def amend(
        self,
        credential: Credential,
        reason: str,
        by: Person | None = None,
        effective_from: int = 0,
    ) -> Change:
        """State a credential anew, because what it says was wrong or has changed.

        What it leaves to the trust list stays as it is; where it makes another award of it, the
        issuer's accreditation for that is looked for. Its status is the one that it has.

        Raises:
            Refusal: as `issue`; UNKNOWN where there is no such credential, CONFLICT where this
                changes nothing, or what follows would hide it.
        """
        reason = _ground(reason, "reason")
        self._roles.require(by, Role.REGISTRAR)
        async with self._changing:
            events = await self._history(credential.number)
            now = _standing(events, self._clock()).credential
            if credential.status is not now.status:
                name = now.status.name.lower()
                raise Refusal(
                    Code.CONFLICT,
                    f"status: is {name}; suspend, reinstate, revoke or supersede it to change that",
                )
            filled = as_held(credential, now)
            # A name can be put right whatever has become of the issuer.
            same = is_same_award(filled, now)
            entered = await self._entered(filled if same else credential, award=not same)
            then = _standing(events, effective_from or self._clock()).credential
            amended = replace(entered, status=then.status)
            return await self._journal(
                CredentialAmended(amended, reason, effective_from, by), events
            )

    async def change_status(  # noqa: PLR0913 - each says one thing of the change
        self,
        number: str,
        status: Status,
        ground: str,
        by: Person | None = None,
        *,
        effective_from: int = 0,
        cause: RevocationGround = RevocationGround.OTHER,
    ) -> Change:
        """Suspend, revoke or reinstate a credential; the ground is for people, who see it later.

        Raises:
            Refusal: MALFORMED where the ground is missing or too long, UNKNOWN where there is no
                such credential, CONFLICT where its status cannot become that one, UNTRUSTED where
                the person may not.
        """
        ground = _ground(ground, "ground")  # 1
        self._roles.require(by, Role.OFFICER)
        if status is Status.SUPERSEDED:
            raise Refusal(Code.CONFLICT, "status: name the credential that takes its place")
        async with self._changing:
            events = await self._history(number)
            if status is not Status.REVOKED:
                changed = StatusChanged(number, status, ground, effective_from, by)
                return await self._journal(changed, events)
            if not self._roles.two_people_revoke:
                changed = StatusChanged(number, status, ground, effective_from, by, cause)
                return await self._journal(changed, events)
            if by is None:
                raise Refusal(Code.UNTRUSTED, "a revocation takes two people; say who this is")
            proposed = RevocationProposed(number, cause, ground, effective_from, by)
            return replace(await self._journal(proposed, events), pending=True)

    async def confirm(self, number: str, by: Person) -> Change:
        """Confirm a revocation that somebody else has proposed; it takes effect with that.

        Raises:
            Refusal: UNKNOWN where there is no such credential, CONFLICT where nothing is proposed,
                UNTRUSTED where the same person proposed it, or may not.
        """
        self._roles.require(by, Role.OFFICER)
        async with self._changing:
            events = await self._history(number)
            proposed = pending_revocation(events)
            if proposed is None:
                raise Refusal(Code.CONFLICT, "number: nobody has proposed to revoke it")
            if proposed.by is None or proposed.by.name == by.name:
                raise Refusal(
                    Code.UNTRUSTED, "a revocation takes two people, and you have proposed this one"
                )
            revoked = StatusChanged(
                number, Status.REVOKED, proposed.ground, proposed.effective_from, by, proposed.cause
            )
            return await self._journal(revoked, events)

    async def renew(
        self,
        number: str,
        expires_on: date,
        ground: str,
        by: Person | None = None,
        effective_from: int = 0,
    ) -> Change:
        """Let a credential expire later, also one that has expired.

        Raises:
            Refusal: as `change_status`; CONFLICT where it does not expire, or no later.
        """
        ground = _ground(ground, "ground")
        self._roles.require(by, Role.REGISTRAR)
        async with self._changing:
            events = await self._history(number)
            renewed = CredentialRenewed(number, expires_on, ground, effective_from, by)
            return await self._journal(renewed, events)

    async def supersede(
        self,
        number: str,
        successor: str,
        ground: str,
        by: Person | None = None,
        effective_from: int = 0,
    ) -> Change:
        """Let another credential of the same holder take the place of one.

        Raises:
            Refusal: as `change_status`; UNKNOWN where the other one is not there, CONFLICT where
                it is the same one, another holder's, or not active.
        """
        ground = _ground(ground, "ground")
        self._roles.require(by, Role.REGISTRAR)
        async with self._changing:
            events = await self._history(number)
            now = _standing(events, self._clock()).credential
            if successor == number:
                raise Refusal(Code.CONFLICT, "by: a credential cannot take its own place")
            other = await self._ledger.credential(successor)
            if other is None:
                raise Refusal(Code.UNKNOWN, "by: the registry holds no such credential")
            if other.birth_date != now.birth_date:
                raise Refusal(Code.CONFLICT, "by: is a credential of another holder")
            if other.status is not Status.ACTIVE:
                name = other.status.name.lower()
                raise Refusal(Code.CONFLICT, f"by: is {name}, and so takes nothing's place")
            superseded = CredentialSuperseded(number, successor, ground, effective_from, by)
            return await self._journal(superseded, events)

    async def history(self, number: str) -> tuple[Event, ...]:
        """Return every event of a credential, in the order of the journal.

        Raises:
            Refusal: UNKNOWN where there is no such credential.
        """
        return await self._history(number)

    async def _history(self, number: str) -> tuple[Event, ...]:
        events = tuple(await self._ledger.history(number))
        if not events:
            raise Refusal(Code.UNKNOWN, _NOT_THERE)
        return events

    async def _entered(self, credential: Credential, *, award: bool = True) -> Credential:
        checked(credential)  # 1
        check_codes(credential)
        if not credential.number.startswith(f"{self._node_id}-"):
            raise Refusal(Code.MALFORMED, f"number: must begin with {self._node_id}-")
        if award:
            credential = Entering(self._trust.view(), self._node_id).entered(credential)  # 2
        named = named_by(credential)
        if named:
            require_named(credential, await self._ledger.known_numbers(named))
        return credential

    async def _journal(self, body: RegistryEvent, events: tuple[Event, ...] = ()) -> Change:
        """Check once more what may follow, and journal it."""
        now = self._clock()
        if not isinstance(body, CredentialRegistered):
            bounded(body.effective_from, "effective", 0, TIME_MAX_US)
        event = Event(len(events) and events[-1].position + 1, now, body)
        if isinstance(body, CredentialRegistered):
            events = tuple(await self._ledger.history(event.number))
        require_possible(events, event)  # 2
        (recorded,) = await self._ledger.append([self._draft(body, now)])  # 3
        return Change(recorded, event.effective_from)

    def _drafts(self, taken: Iterable[Taken], reason: str, by: Person | None) -> Iterator[Draft]:
        now = self._clock()
        for one in taken:
            if one.amends:
                yield self._draft(CredentialAmended(one.credential, reason, 0, by), now)
            else:
                yield self._draft(CredentialRegistered(one.credential, by), now)

    def _draft(self, body: RegistryEvent, now: int) -> Draft:
        trust = self._trust.view().reference
        statement = encode_statement(Statement(self._node_id, now, trust, body))
        if len(statement) > _RECORD_MAX_BYTES:
            raise Refusal(
                Code.MALFORMED,
                f"units: make the record longer than the {_RECORD_MAX_BYTES} bytes that an "
                "answer can show; shorten their titles",
            )
        return Draft(body, statement)


def _ground(said: str, name: str) -> str:
    return text(unicodedata.normalize("NFC", said.strip()), name, GROUND_LENGTH_MAX)


def _standing(events: tuple[Event, ...], at: int) -> Phase:
    phase = phase_at(phases(events), at)
    if phase is None:
        raise Refusal(Code.UNKNOWN, _NOT_THERE)
    return phase
