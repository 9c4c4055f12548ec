"""Rows of a file beside the registry: which are new, which unchanged, which rejected."""

import asyncio
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Final

from msgspec import Struct, msgpack, structs

from node.errors import Code, Refusal
from node.flows.entering import Entering, as_held, is_same_award
from node.flows.import_staging import Counts, Rejected, Said, Sorted, Staging, Taken
from node.flows.ports import Ledger
from node.model.credential import Credential
from node.model.history import Event, require_possible
from node.model.statement import CredentialAmended, Person
from node.wire.rows import Fault, Unfit, parse_credential
from node.wire.sheets import Row

_LISTED_ROWS_MAX: Final = 1_000
_DIGEST_SIZE_BYTES: Final = 16
_encode: Final = msgpack.Encoder().encode


class Rejection(Struct, frozen=True):
    """Why a row was not taken: one for each fault; `row` is its number in the file."""

    row: int
    field: str
    reason: str


class ImportReport(Struct, frozen=True):
    """What an import did, row by row.

    Attributes:
        accepted: rows that are new and right.
        unchanged: rows that say what the registry says already.
        rejected: why the other rows were not taken, in the order of the file; of the first 1,000.
        written: whether the accepted rows are in the registry now; False where rejected rows
            held them back, and for a dry run.
        unchecked: what could not be checked of the accepted rows, a sentence each.
        amended: rows that put right what the registry says.
        unlisted: rejected rows beyond those in `rejected`.
        contradictory: rows that say something else than one before them under the same number.
    """

    accepted: int
    unchanged: int
    rejected: tuple[Rejection, ...]
    written: bool
    unchecked: tuple[str, ...] = ()
    amended: int = 0
    unlisted: int = 0
    contradictory: int = 0

    @property
    def rejected_rows(self) -> int:
        """How many rows were not taken."""
        return len({rejection.row for rejection in self.rejected}) + self.unlisted


class Amending(Struct, frozen=True):
    """That rows may put right what the registry says: why, who says so, and when."""

    reason: str
    by: Person | None
    clock: Callable[[], int]


class Sorting:
    """Rows sorted into new, changed, unchanged and rejected, a batch at a time.

    A number that stands twice in a file counts where it stands first; where the two rows say
    different things, nobody can know which is right.
    """

    def __init__(
        self,
        ledger: Ledger,
        prefix: str,
        entering: Entering,
        staging: Staging,
        amending: Amending | None = None,
    ) -> None:
        """Go on after what is staged; `prefix` is what every number has to begin with."""
        self._ledger = ledger
        self._prefix = prefix
        self._entering = entering
        self._staging = staging
        self._amending = amending

    async def add(self, batch: Sequence[Row]) -> int:
        """Sort one batch; returns how many rows were sorted so far."""
        faulty: dict[int, Sequence[Fault]] = {}
        read: dict[int, Credential] = {}
        for row in batch:
            try:
                read[row.number] = self._read(row)
            except Unfit as unfit:
                faulty[row.number] = unfit.faults
        said, contradictory = self._first_said(read, faulty)
        fresh = {one.number: read[one.row] for one in said.values()}
        row_of = {number: one.row for number, one in said.items()}
        taken: list[Taken] = []
        unchanged = 0
        for number, held in (await self._known(list(fresh))).items():
            credential = fresh.pop(number)
            if as_held(credential, held) == held:
                unchanged += 1
                continue
            try:
                amended = await self._amended(credential, held)
            except Unfit as unfit:
                faulty[row_of[number]] = unfit.faults
            else:
                taken.append(Taken(row_of[number], amended, amends=True))
        amended_rows = len(taken)
        taken += await self._enter(fresh, row_of, faulty)
        before = self._staging.counts()
        counts = Counts(
            through=batch[-1].number,
            rows=before.rows + len(batch),
            accepted=before.accepted + len(taken) - amended_rows,
            amended=before.amended + amended_rows,
            unchanged=before.unchanged + unchanged,
            rejected=before.rejected + len(faulty),
            contradictory=before.contradictory + contradictory,
        )
        came = {row.number: row for row in batch if row.number in faulty}
        rejected = [
            Rejected(number, _came(came[number]), faulty[number]) for number in sorted(faulty)
        ]
        written = {one.credential.number for one in taken}
        marked = [one._replace(is_taken=number in written) for number, one in said.items()]
        taken.sort(key=lambda one: one.row)
        self._staging.keep(Sorted(marked, taken, rejected), counts)
        return counts.rows

    def _read(self, row: Row) -> Credential:
        if row.faults:
            raise Unfit(row.faults)
        credential = parse_credential(row.values)
        if not credential.number.startswith(self._prefix):
            raise Unfit([Fault("number", f"must begin with {self._prefix}")])
        return credential

    def _first_said(
        self, read: dict[int, Credential], faulty: dict[int, Sequence[Fault]]
    ) -> tuple[dict[str, Said], int]:
        """Return what is said for the first time, and how many rows contradict one before."""
        before = self._staging.said({credential.number for credential in read.values()})
        said: dict[str, Said] = {}
        contradictory = 0
        for row, credential in read.items():
            number, digest = credential.number, _digest(credential)
            first = before.get(number) or said.get(number)
            if first is None:
                said[number] = Said(number, row, digest, is_taken=False)
            elif first.digest == digest:
                faulty[row] = (Fault("number", f"stands in row {first.row} already"),)
            else:
                contradictory += 1
                reason = f"stands in row {first.row} already, which says something else of it"
                faulty[row] = (Fault("number", reason),)
        return said, contradictory

    async def _known(self, numbers: Sequence[str]) -> dict[str, Credential]:
        known = sorted(await self._ledger.known_numbers(numbers))
        held = await asyncio.gather(*(self._ledger.credential(number) for number in known))
        return {
            number: credential
            for number, credential in zip(known, held, strict=True)
            if credential is not None
        }

    async def _amended(self, said: Credential, held: Credential) -> Credential:
        """Return what the registry is to say, where that may be.

        Raises:
            Unfit: with what stands against it.
        """
        amending = self._amending
        if amending is None:
            raise Unfit(_compare(said, held))
        if said.status is not held.status:
            reason = f"is {held.status.name.lower()} in the registry; no import changes that"
            raise Unfit([Fault("status", reason)])
        filled = as_held(said, held)
        # A name can be put right whatever has become of the issuer.
        amended = filled if is_same_award(filled, held) else self._entering.entered(said)
        named = named_by(amended)
        if named:
            require_named(amended, await self._ledger.known_numbers(named), self._taken(named))
        events = tuple(await self._ledger.history(said.number))
        body = CredentialAmended(amended, amending.reason, 0, amending.by)
        try:
            require_possible(events, Event(events[-1].position + 1, amending.clock(), body))
        except Refusal as refusal:
            if refusal.code is not Code.CONFLICT:
                raise
            field, _, reason = refusal.reason.partition(": ")
            raise Unfit([Fault(field, reason)]) from None
        return amended

    async def _enter(
        self,
        fresh: dict[str, Credential],
        row_of: dict[str, int],
        faulty: dict[int, Sequence[Fault]],
    ) -> list[Taken]:
        """Take what stands up to the trust list, and names only what is there already."""
        named = {number for credential in fresh.values() for number in named_by(credential)}
        held = await self._ledger.known_numbers(list(named)) if named else set()
        before = self._taken(named) if named else set()
        taken: dict[str, Taken] = {}
        for number, credential in fresh.items():
            try:
                entered = self._entering.entered(credential)
                if named:
                    require_named(entered, held, before, taken)
            except Unfit as unfit:
                faulty[row_of[number]] = unfit.faults
            else:
                taken[number] = Taken(row_of[number], entered, amends=False)
        return list(taken.values())

    def _taken(self, numbers: Iterable[str]) -> set[str]:
        return {number for number, one in self._staging.said(numbers).items() if one.is_taken}


def report_of(staging: Staging, *, written: bool, unchecked: tuple[str, ...]) -> ImportReport:
    """Return what became of everything that is staged."""
    counts = staging.counts()
    listed: list[Rejection] = []
    rows = min(counts.rejected, _LISTED_ROWS_MAX)
    for one in islice(staging.rejected(), rows):
        listed += (Rejection(one.row, *fault) for fault in one.faults)
    return ImportReport(
        accepted=counts.accepted,
        unchanged=counts.unchanged,
        rejected=tuple(listed),
        written=written,
        unchecked=unchecked if counts.accepted else (),
        amended=counts.amended,
        unlisted=counts.rejected - rows,
        contradictory=counts.contradictory,
    )


def named_by(credential: Credential) -> tuple[str, ...]:
    """Return the numbers of the credentials that one names."""
    details = credential.details
    return (*details.parts, details.supersedes) if details.supersedes else details.parts


def require_named(credential: Credential, *there: Container[str]) -> None:
    """Refuse a credential that names others which are nowhere.

    Raises:
        Unfit: with the fields.
    """
    details = credential.details
    faults = [
        Fault(field, "names a credential that is not there; enter that one first")
        for field, numbers in (("parts", details.parts), ("supersedes", (details.supersedes,)))
        if any(number and not any(number in known for known in there) for number in numbers)
    ]
    if faults:
        raise Unfit(faults)


def _digest(credential: Credential) -> bytes:
    return blake2b(_encode(credential), digest_size=_DIGEST_SIZE_BYTES).digest()


def _came(row: Row) -> Mapping[str, object]:
    return row.values if row.came is None else row.came


def _compare(said: Credential, held: Credential) -> list[Fault]:
    said = as_held(said, held)
    differing = [
        field.name
        for field in structs.fields(held)
        if field.name != "details" and getattr(said, field.name) != getattr(held, field.name)
    ]
    differing += [
        field.name
        for field in structs.fields(held.details)
        if getattr(said.details, field.name) != getattr(held.details, field.name)
    ]
    return [Fault("number", f"is in the registry already, with another {', '.join(differing)}")]
