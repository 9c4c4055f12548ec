"""How fast journals are replayed: exchanges a second on one core, every check made.

python -m tests.benchmarks.replay 20000
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from node.audit.findings import Verdict, render_lines
from node.audit.replay import replay
from node.wire.export import SUFFIX, read_records, write_records
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

        def rate(*paths: Path) -> float:
            streams = [path.open("rb") for path in paths]
            started = time.perf_counter()
            report = replay([read_records(stream) for stream in streams], [root])
            elapsed_s = time.perf_counter() - started
            for stream in streams:
                stream.close()
            assert report.verdict is Verdict.PASS, "\n".join(render_lines(report))
            return exchanges / elapsed_s

        return ReplayFigures(
            exchanges,
            asking.stat().st_size + answering.stat().st_size,
            rate(asking),
            rate(answering),
            rate(asking, answering),
        )


def main() -> None:
    """Print the figures for as many exchanges as the first argument says."""
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


if __name__ == "__main__":
    main()
