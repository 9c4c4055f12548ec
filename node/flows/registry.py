"""The authority's work on its registry.

import_credentials
  1. read every row as a credential of this node; rows that are none are rejected
  2. compare with the file so far and with the registry: the same record again is unchanged,
     another record under a number in use is rejected
  3. unless only good rows are wanted, any rejection ends it here: nothing is written
  4. journal all that is new, in one transaction

issue, change_status
  1. check the fields
  2. check against the registry what may follow
  3. journal one statement
"""

import asyncio
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal

from msgspec import Struct, structs

from node.errors import Code, Refusal
from node.flows.ports import Clock, Draft, Ledger, Recorded, Trust
from node.model.bounds import text
from node.model.credential import Credential, Status, checked
from node.model.statement import Body, CredentialRegistered, Statement, StatusChanged
from node.wire.codec import STATEMENT_SIZE_MAX_BYTES, encode_statement
from node.wire.sheets import Fault, Row, Unfit, parse_credential

GROUND_LENGTH_MAX: Final = 500
_BATCH_ROWS: Final = 2_000
_RECORD_MAX_BYTES: Final = STATEMENT_SIZE_MAX_BYTES - 4096
_MAY_BECOME: Final[dict[Status, frozenset[Status]]] = {
    Status.ACTIVE: frozenset({Status.SUSPENDED, Status.REVOKED}),
    Status.SUSPENDED: frozenset({Status.ACTIVE, Status.REVOKED}),
    Status.REVOKED: frozenset(),
    Status.SUPERSEDED: frozenset(),
}

Progress = Callable[[Literal["checked", "written"], int], None]
"""Told the stage and the number of rows so far; of writing, from another thread."""


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
        rejected: why the other rows were not taken, in the order of the file.
        written: whether the accepted rows are in the registry now; False where rejected rows
            held them back.
    """

    accepted: int
    unchanged: int
    rejected: tuple[Rejection, ...]
    written: bool

    @property
    def rejected_rows(self) -> int:
        """How many rows were not taken."""
        return len({rejection.row for rejection in self.rejected})


class Registry:
    """The registry of one node; every change is journalled.

    Changes through one instance are made one after the other, so that what was checked still
    holds when it is written.
    """

    def __init__(self, ledger: Ledger, trust: Trust, node_id: str, clock: Clock) -> None:
        """Work on a ledger, in the name of a node."""
        self._ledger = ledger
        self._trust = trust
        self._node_id = node_id
        self._clock = clock
        self._changing = asyncio.Lock()

    async def import_credentials(
        self, rows: Iterable[Row], *, keep_good: bool, progress: Progress | None = None
    ) -> ImportReport:
        """Bring records into the registry, all or, with `keep_good`, those that are right.

        Raises:
            Refusal: MALFORMED where the file cannot be read, STALE where the disk refuses to
                write; nothing is written then.
        """
        async with self._changing:
            sorting = _Sorting(self._ledger, f"{self._node_id}-")
            left = iter(rows)
            checked_rows = 0
            while batch := list(islice(left, _BATCH_ROWS)):
                await sorting.add(batch)  # 1 and 2
                checked_rows += len(batch)
                if progress is not None:
                    progress("checked", checked_rows)
            rejected = tuple(sorting.rejected)
            written = keep_good or not rejected  # 3
            if written and sorting.new:
                told = None if progress is None else lambda count: progress("written", count)
                await self._ledger.append_many(self._drafts(sorting.new.values()), told)  # 4
            return ImportReport(len(sorting.new), sorting.unchanged, rejected, written)

    async def issue(self, credential: Credential) -> Recorded:
        """Enter one credential.

        Raises:
            Refusal: MALFORMED where a field is wrong, CONFLICT where the number is in use.
        """
        checked(credential)  # 1
        if not credential.number.startswith(f"{self._node_id}-"):
            raise Refusal(Code.MALFORMED, f"number: must begin with {self._node_id}-")
        async with self._changing:
            if await self._ledger.credential(credential.number) is not None:  # 2
                raise Refusal(Code.CONFLICT, "number: is in the registry already")
            return await self._journal(CredentialRegistered(credential))  # 3

    async def change_status(self, number: str, status: Status, ground: str) -> Recorded:
        """Suspend, revoke or reinstate a credential; the ground is for people, who see it later.

        Raises:
            Refusal: MALFORMED where the ground is missing or too long, UNKNOWN where there is no
                such credential, CONFLICT where its status cannot become that one.
        """
        ground = unicodedata.normalize("NFC", ground.strip())
        text(ground, "ground", GROUND_LENGTH_MAX)  # 1
        async with self._changing:
            known = await self._ledger.credential(number)
            if known is None:
                raise Refusal(Code.UNKNOWN, "number: the registry holds no such credential")
            if status not in _MAY_BECOME[known.status]:  # 2
                raise Refusal(Code.CONFLICT, f"status: {_explain(known.status, status)}")
            return await self._journal(StatusChanged(number, status, ground))  # 3

    async def _journal(self, body: Body) -> Recorded:
        return (await self._ledger.append([self._draft(body)]))[0]

    def _drafts(self, credentials: Iterable[Credential]) -> Iterator[Draft]:
        return (self._draft(CredentialRegistered(credential)) for credential in credentials)

    def _draft(self, body: Body) -> Draft:
        trust = self._trust.view().reference
        statement = encode_statement(Statement(self._node_id, self._clock(), trust, body))
        if len(statement) > _RECORD_MAX_BYTES:
            raise Refusal(
                Code.MALFORMED,
                f"units: make the record longer than the {_RECORD_MAX_BYTES} bytes that an "
                "answer can show; shorten their titles",
            )
        return Draft(body, statement)


class _Sorting:
    """Rows sorted into new, unchanged and rejected, a batch at a time."""

    def __init__(self, ledger: Ledger, prefix: str) -> None:
        self._ledger = ledger
        self._prefix = prefix
        self._row_of: dict[str, int] = {}
        self.new: dict[str, Credential] = {}
        self.unchanged = 0
        self.rejected: list[Rejection] = []

    async def add(self, batch: Sequence[Row]) -> None:
        """Sort one batch.

        A number that stands twice in a file counts where it stands first.
        """
        faulty: list[tuple[int, Sequence[Fault]]] = []
        fresh: dict[str, Credential] = {}
        for row in batch:
            try:
                credential = self._read(row)
            except Unfit as unfit:
                faulty.append((row.number, unfit.faults))
            else:
                self._row_of[credential.number] = row.number
                fresh[credential.number] = credential
        known = await self._known(list(fresh))
        for number, held in known.items():
            differences = _compare(fresh.pop(number), held)
            if differences:
                faulty.append((self._row_of[number], differences))
            else:
                self.unchanged += 1
        self.new |= fresh
        for row_number, faults in sorted(faulty):
            self.rejected += (Rejection(row_number, *fault) for fault in faults)

    def _read(self, row: Row) -> Credential:
        if row.faults:
            raise Unfit(row.faults)
        credential = parse_credential(row.values)
        if not credential.number.startswith(self._prefix):
            raise Unfit([Fault("number", f"must begin with {self._prefix}")])
        first = self._row_of.get(credential.number)
        if first is not None:
            raise Unfit([Fault("number", f"stands in row {first} already")])
        return credential

    async def _known(self, numbers: Sequence[str]) -> dict[str, Credential]:
        known = sorted(await self._ledger.known_numbers(numbers))
        held = await asyncio.gather(*(self._ledger.credential(number) for number in known))
        return {
            number: credential
            for number, credential in zip(known, held, strict=True)
            if credential is not None
        }


def _compare(said: Credential, held: Credential) -> list[Fault]:
    differing = [
        field
        for field in structs.fields(held)
        if getattr(said, field.name) != getattr(held, field.name)
    ]
    if not differing:
        return []
    names = ", ".join(field.name for field in differing)
    return [Fault("number", f"is in the registry already, with another {names}")]


def _explain(now: Status, wanted: Status) -> str:
    if now is wanted:
        return f"is {now.name.lower()} already"
    if not _MAY_BECOME[now]:
        return f"is {now.name.lower()}, which is final"
    return f"cannot become {wanted.name.lower()} from {now.name.lower()}"
