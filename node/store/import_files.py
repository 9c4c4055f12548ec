"""Files of records brought into the registry, each as a whole; a cut import can go on."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.import_rows import ImportReport
from node.flows.import_staging import Rejected
from node.flows.ports import Clock, Trust
from node.flows.registry import Progress, Registry
from node.model.statement import Person
from node.store.import_staging import DiskStaging
from node.wire.import_mapping import PLAIN, ColumnMapping
from node.wire.sheets import open_sheet

IMPORTS: Final = "imports"
_LEFT_MAX_US: Final = 7 * 24 * 3600 * 1_000_000


class ImportOrder(Struct, frozen=True):
    """How a file is to be imported; as `Registry.import_credentials` has it."""

    by: Person
    mapping: ColumnMapping = PLAIN
    keep_good: bool = False
    reason: str = ""
    dry_run: bool = False
    resume: bool = False


class FileImports:
    """Imports files, each staged in a directory of its own node."""

    def __init__(self, registry: Registry, trust: Trust, directory: Path, clock: Clock) -> None:
        """Take the registry, the trust list, and where to stage."""
        self._clock = clock
        self._registry = registry
        self._trust = trust
        self._directory = directory

    async def bring_in(
        self,
        name: str,
        stream: BinaryIO,
        order: ImportOrder,
        progress: Progress | None = None,
        rejected: Callable[[Iterator[Rejected]], None] | None = None,
    ) -> ImportReport:
        """Import a file; `name` says what it is.

        What was staged is kept where this is cut off, and deleted after a week where nobody
        resumes it. `rejected` is given every row that is not taken, once the import is over.

        Raises:
            Refusal: as `Registry.import_credentials`; CONFLICT where it is being imported already.
        """
        self._directory.mkdir(0o700, exist_ok=True)
        self._sweep()
        digest = await asyncio.to_thread(self._digest, name, stream, order)
        staging = DiskStaging(self._directory / f"{digest}.staged", resume=order.resume)
        cut = True
        try:
            report = await self._registry.import_credentials(
                open_sheet(name, stream, order.mapping),
                keep_good=order.keep_good,
                by=order.by,
                progress=progress,
                reason=order.reason,
                dry_run=order.dry_run,
                staging=staging,
            )
            if rejected is not None:
                rejected(staging.rejected())
            cut = False
        except Refusal as refusal:
            cut = refusal.code is Code.STALE
            raise
        finally:
            staging.close(keep=cut)
        return report

    def _digest(self, name: str, stream: BinaryIO, order: ImportOrder) -> str:
        """Return what staged rows rest on: the file, how it is read, and the trust list."""
        found = hashlib.sha256()
        while block := stream.read(1 << 20):
            found.update(block)
        stream.seek(0)
        found.update(self._trust.view().reference.digest)
        found.update(msgspec.json.encode((Path(name).suffix, order.mapping, order.reason)))
        return found.hexdigest()

    def _sweep(self) -> None:
        for left in self._directory.glob("*.staged*"):
            if self._clock() - left.stat().st_mtime_ns // 1000 > _LEFT_MAX_US:
                left.unlink(missing_ok=True)
