"""How fast journals are replayed, every check made, and how much memory that takes.

python -m tests.benchmarks.replay 20000

replays as many exchanges and ten times as many; memory should not follow.
"""

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from node.audit.examined import Aim
from node.audit.findings import Verdict, render_lines
from node.audit.inquest import inquire
from node.audit.pools import cores, processes
from node.wire.export import SUFFIX, write_records
from tests.journals import Border

_CREDENTIALS = 1000


class ReplayFigures(NamedTuple):
    """What one run measured; `asking` and `answering` are journals replayed by themselves."""

    exchanges: int
    size_bytes: int
    asking_per_s: float
    answering_per_s: float
    both_per_s: float


def write_journals(folder: Path, exchanges: int, batch: int) -> tuple[Path, Path, Border]:
    """Write the journals of two nodes; `batch` statements stand under each checkpoint."""
    border = Border()
    codes = [border.give(border.register(), uses=1_000_000) for _ in range(_CREDENTIALS)]
    border.answering.commit(border.now)
    for start in range(0, exchanges, batch):
        numbers = range(start, min(start + batch, exchanges))
        border.exchange(*(border.query(codes[number % _CREDENTIALS]) for number in numbers))
    paths = folder / f"xa{SUFFIX}", folder / f"xb{SUFFIX}"
    for path, journal in zip(paths, (border.asking, border.answering), strict=True):
        with path.open("wb") as stream:
            write_records(journal.records(), stream)
    return *paths, border


def measure(exchanges: int, batch: int = 64) -> ReplayFigures:
    """Build two journals, replay them from their files and return the figures.

    Raises:
        AssertionError: where a replay does not pass, since its speed would mean nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        asking, answering, border = write_journals(Path(folder), exchanges, batch)
        root = border.trust.root
        del border
        return ReplayFigures(
            exchanges,
            asking.stat().st_size + answering.stat().st_size,
            exchanges / elapsed_s(root, asking),
            exchanges / elapsed_s(root, answering),
            exchanges / elapsed_s(root, asking, answering),
        )


def elapsed_s(root: bytes, *paths: Path, count: int = 1) -> float:
    """Replay files with so many processes and return how long it took.

    Raises:
        AssertionError: where the replay does not pass.
    """
    streams = [path.open("rb") for path in paths]
    started = time.perf_counter()
    found = inquire(streams, [root], frozenset({Aim.REPLAY}), pool=processes(count))
    elapsed = time.perf_counter() - started
    for stream in streams:
        stream.close()
    assert found.report.verdict is Verdict.PASS, "\n".join(render_lines(found.report))
    return elapsed


def peak_mb(root: bytes, *paths: Path) -> float:
    """Replay files in a process of its own and return its peak memory in MB."""
    fresh = multiprocessing.get_context("spawn")
    with fresh.Pool(1) as pool:
        return pool.apply(_replay_and_measure, (root, *paths))


def _replay_and_measure(root: bytes, *paths: Path) -> float:
    elapsed_s(root, *paths)
    # What getrusage tells includes the process that started this one.
    status = Path("/proc/self/status").read_text()
    return next(
        int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM:")
    )


def main() -> None:
    """Print the figures for as many exchanges as the first argument says, and ten times those."""
    exchanges = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for batch in (64, 1):
        figures = measure(exchanges if batch > 1 else exchanges // 10, batch)
        print(
            f"{figures.exchanges:,} exchanges, {batch} under each checkpoint, "
            f"{figures.size_bytes / 1e6:.1f} MB: "
            f"asking journal {figures.asking_per_s:,.0f}/s, "
            f"answering journal {figures.answering_per_s:,.0f}/s, "
            f"both together {figures.both_per_s:,.0f}/s"
        )
    for number in (exchanges, exchanges * 10):
        with tempfile.TemporaryDirectory() as folder:
            asking, answering, border = write_journals(Path(folder), number, 64)
            root = border.trust.root
            del border
            elapsed = elapsed_s(root, asking, answering, count=cores())
            print(
                f"{number:,} exchanges, both together: {number / elapsed:,.0f}/s with {cores()} "
                f"processes; {peak_mb(root, asking, answering):,.0f} MB at most with one"
            )


if __name__ == "__main__":
    main()
