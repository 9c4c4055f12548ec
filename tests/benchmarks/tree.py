"""The Merkle tree over tiles in SQLite: what an append, a proof and an export cost, by size."""

import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from node.audit.findings import Verdict
from node.audit.tiles import signed_by_all, verify_tiles
from node.model.merkle import Tree
from node.store.journal import stored_tree
from tests.tiles import KEYS, TiledJournal

BATCH = 64
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_APPENDS = 300
_PROOFS = 300
_EXPORTED_MAX = 2_000_000
_BASE_FILES = 2_000


class SizeFigures(NamedTuple):
    """What things cost in a tree of one size, in milliseconds."""

    size: int
    append_ms: float
    append_p99_ms: float
    work_ms: float
    proof_ms: float
    cold_proof_ms: float


class TreeFigures(NamedTuple):
    """The curve, and the rates of an export in leaves a second."""

    curve: list[SizeFigures]
    exported: int
    export_per_s: float
    export_per_cpu_s: float
    written_per_s: float
    verify_per_s: float


def measure(sizes: tuple[int, ...] = SIZES) -> TreeFigures:
    """Grow one journal through the sizes, and export one on the way."""
    curve: list[SizeFigures] = []
    with tempfile.TemporaryDirectory(prefix="symbolon-bench-") as directory:
        place = Path(directory)
        journal = TiledJournal(place / "node.db")
        exported = 0
        rates = (0.0, 0.0, 0.0)
        size = 0
        for goal in sizes:
            journal.extend(goal - size)
            appends = _appends(journal)
            size = goal + _APPENDS * BATCH
            journal.extend(1)
            size += 1
            curve.append(SizeFigures(goal, *appends, *_proofs(journal)))
            if size <= _EXPORTED_MAX:
                exported, rates = size, _export(journal, place / f"tiles-{goal}", size)
        journal.close()
        return TreeFigures(curve, exported, *rates[:2], _written(place / "written"), rates[2])


def _appends(journal: TiledJournal) -> tuple[float, float, float]:
    """Return median and 99th percentile of appends, and the processor time of one."""
    taken: list[float] = []
    worked = time.process_time()
    for _ in range(_APPENDS):
        started = time.perf_counter()
        journal.append([b"a statement of about two hundred bytes " * 5] * BATCH, sign=False)
        taken.append((time.perf_counter() - started) * 1000)
    worked = (time.process_time() - worked) * 1000 / _APPENDS
    return statistics.median(taken), sorted(taken)[-_APPENDS // 100], worked


def _proofs(journal: TiledJournal) -> tuple[float, float]:
    """Return the median time of a proof, in an open tree and in one opened for it."""
    choice = random.Random(1)
    warm: list[float] = []
    cold: list[float] = []
    with journal.tiles.snapshot() as public, journal.database.snapshot() as connection:
        size = public.checkpoint.size
        opened = stored_tree(connection, size)
        opened.root()
        for times, each_anew in ((warm, False), (cold, True)):
            for _ in range(_PROOFS):
                index = choice.randrange(size)
                started = time.perf_counter()
                tree: Tree = stored_tree(connection, size) if each_anew else opened
                tree.path(index)
                times.append((time.perf_counter() - started) * 1000)
    return statistics.median(warm), statistics.median(cold)


def _export(journal: TiledJournal, directory: Path, size: int) -> tuple[float, float, float]:
    started, worked = time.perf_counter(), time.process_time()
    journal.export(directory)
    elapsed_s, worked_s = time.perf_counter() - started, time.process_time() - worked
    started = time.perf_counter()
    checked = verify_tiles(directory, signed_by_all(KEYS))
    verified_s = time.perf_counter() - started
    if checked.report.verdict is not Verdict.PASS:
        raise RuntimeError(f"the export does not verify: {checked.report.findings}")
    return size / elapsed_s, size / worked_s, size / verified_s


def _written(directory: Path) -> float:
    """Return how many leaves a second a program could export that only writes files."""
    directory.mkdir()
    content = os.urandom(8_192)
    started = time.perf_counter()
    for number in range(_BASE_FILES):
        path = directory / str(number)
        with path.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    return _BASE_FILES / 2 * 256 / (time.perf_counter() - started)  # a tile and a bundle for 256
