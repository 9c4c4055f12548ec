"""A watched directory: files are taken from it when they are complete, each as a whole.

What was brought in goes to `done`, what was not to `rejected`, both beside the files; there is
also what has to be mended: NAME.rejected.csv with the rows, or NAME.reason.txt where the file could
not be read.
"""

import asyncio
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import structlog
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.import_staging import Rejected
from node.flows.ports import Clock
from node.store.import_files import FileImports, ImportOrder
from node.wire.import_mapping import read_mapping
from node.wire.import_report import write_rejected

_UNFINISHED: Final = (".part", ".tmp", ".partial", ".crdownload")
_log = structlog.get_logger()


class ImportDirectory:
    """Takes files from a directory.

    One is complete when size and time of change have stayed the same for a while; one that begins
    with a dot or ends as an unfinished one is none. An import that was cut off goes on.
    """

    def __init__(  # noqa: PLR0913 - all of it is settings
        self,
        imports: FileImports,
        directory: Path,
        order: ImportOrder,
        clock: Clock,
        *,
        unchanged_us: int,
        mapping: Path | None = None,
    ) -> None:
        """Watch a directory; `mapping` is read again for each file."""
        self._imports = imports
        self._directory = directory
        self._order = replace(order, resume=True)
        self._clock = clock
        self._unchanged_us = unchanged_us
        self._mapping = mapping
        self._seen: dict[Path, tuple[int, int, int]] = {}

    async def look(self) -> None:
        """Bring in every file that is complete, in the order of their names.

        Raises:
            Refusal: STALE, UNTRUSTED, as an import does, and where the directory or the mapping
                cannot be read; the file then stays where it is.
        """
        for file in await asyncio.to_thread(self._complete):
            await self._take(file)

    def _complete(self) -> list[Path]:
        now, seen = self._clock(), self._seen
        self._seen = {}
        try:
            for name in ("done", "rejected"):
                (self._directory / name).mkdir(0o700, parents=True, exist_ok=True)
            for file in sorted(self._directory.iterdir()):
                unfinished = file.name.startswith(".") or file.suffix.lower() in _UNFINISHED
                if unfinished or not file.is_file() or file.is_symlink():
                    continue
                state = file.stat()
                since, size_bytes, changed = seen.get(file, (now, -1, -1))
                if (size_bytes, changed) != (state.st_size, state.st_mtime_ns):
                    since = now
                self._seen[file] = (since, state.st_size, state.st_mtime_ns)
        except OSError as error:
            raise Refusal(Code.STALE, f"import.directory: {error.strerror}") from None
        return [
            file for file, (since, *_) in self._seen.items() if now - since >= self._unchanged_us
        ]

    async def _take(self, file: Path) -> None:
        kept = f"{self._clock() // 1_000_000}-{file.name}"
        rejected = self._directory / "rejected" / f"{kept}.rejected.csv"
        try:
            with file.open("rb") as stream:
                report = await self._imports.bring_in(
                    file.name, stream, self._ordered(), None, lambda rows: _write(rejected, rows)
                )
        except Refusal as refusal:
            if refusal.code not in {Code.MALFORMED, Code.CONFLICT}:
                raise  # it is not the file's fault
            _log.warning("file_not_imported", code=refusal.code.value)
            _put(self._directory / "rejected" / f"{kept}.reason.txt", refusal.reason)
            _move(file, self._directory / "rejected" / kept)
            return
        place = "done" if report.written else "rejected"
        _move(file, self._directory / place / kept)
        _log.info(
            "file_imported" if report.written else "file_not_imported",
            accepted=report.accepted,
            amended=report.amended,
            unchanged=report.unchanged,
            rejected=report.rejected_rows,
        )

    def _ordered(self) -> ImportOrder:
        if self._mapping is None:
            return self._order
        try:
            mapping = read_mapping(self._mapping.read_bytes())
        except OSError as error:
            raise Refusal(Code.STALE, f"import.mapping: {error.strerror}") from None
        except Refusal as refusal:
            raise Refusal(Code.STALE, f"import.{refusal.reason}") from None
        return replace(self._order, mapping=mapping)


def _write(path: Path, rejected: Iterator[Rejected]) -> None:
    first = next(rejected, None)
    if first is None:
        return
    _put(path, "")
    with path.open("w", encoding="utf-8", newline="") as stream:
        write_rejected(stream, chain((first,), rejected))


def _put(path: Path, content: str) -> None:
    path.touch(0o600)
    path.write_text(content, "utf-8")


def _move(file: Path, place: Path) -> None:
    file.rename(place)
