"""All benchmarks, each figure beside its bare baseline from the same run.

    python -m tests.benchmarks [--seconds 4]
        [--only exchange,http,journal,import,replay,trust,tree,recognition]

Machines are shared and noisy: the ratios are what counts.
"""

import argparse
import csv
import itertools
import json
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import uvloop
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from node import assembly
from node.assembly import RunningNode
from node.flows.ask import Inquiry
from node.flows.ports import Draft, Employer
from node.model.credential import Field
from node.model.statement import (
    CredentialRegistered,
    Outcome,
    Person,
    Purpose,
    Requester,
    Statement,
)
from node.store.import_files import ImportOrder
from node.wire.codec import encode_statement
from tests.benchmarks import recognition, replay, tree, trust
from tests.benchmarks.bare import PAYLOAD_SIZE_BYTES, calling, serving
from tests.benchmarks.load import Rate, drive
from tests.benchmarks.two_nodes import (
    BORN,
    Answering,
    answering_process,
    be_quiet,
    make_nodes,
    peak_memory_mb,
    read_settings,
)
from tests.federation import COLLEGE
from tests.world import sample_credential

CALLERS = (1, 16, 64, 256, 1024)
# What a receiving employer's form asks for; a query and its answer then have the sizes below.
WANTED = (Field.HOLDER_NAME, Field.TITLE, Field.ISCO08, Field.LEVEL_EQF, Field.AWARDED_ON)
_COPIES = 50
_REQUESTER = Requester("Werft Nord", "XA-HRB-1", "C30")
_console = Console()
_SEALING_BYTES = 12 + 32 + 16  # in the database a nonce, the salt and a tag are with it


def main() -> None:
    """Run the benchmarks that were asked for and print them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only", default="exchange,http,journal,import,replay,trust,tree,recognition"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="for each measurement")
    parser.add_argument("--callers", default=",".join(map(str, CALLERS)))
    parser.add_argument("--ed25519-only", action="store_true", help="no ML-DSA-44 signatures")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    be_quiet()
    assembly.tune_process()
    if {"exchange", "http"} & set(wanted):
        callers = [int(number) for number in arguments.callers.split(",")]
        post_quantum = not arguments.ed25519_only
        uvloop.run(_exchange(wanted, callers, arguments.seconds, post_quantum=post_quantum))
    if "journal" in wanted:
        uvloop.run(_journal())
    if "import" in wanted:
        uvloop.run(_import())
    if "replay" in wanted:
        figures = replay.measure(20_000)
        _console.print(
            f"\n[bold]Audit replay[/], one core, {figures.exchanges:,} exchanges, every seal and "
            f"answer checked:\n  asking journal {figures.asking_per_s:,.0f} exchanges/s, "
            f"answering journal {figures.answering_per_s:,.0f}/s, both together "
            f"{figures.both_per_s:,.0f}/s (bar 3,000/s)"
        )
    if "trust" in wanted:
        _trust(trust.measure())
    if "tree" in wanted:
        _tree(tree.measure())
    if "recognition" in wanted:
        _recognition(recognition.measure())


def _recognition(figures: recognition.RecognitionFigures) -> None:
    _console.print(
        f"\n[bold]Recognition[/], one core, an agreement of {recognition.OCCUPATIONS} occupations "
        f"({figures.agreement_kb:.0f} KB, compiled in {figures.compile_ms:.0f} ms):\n  "
        f"{figures.verdicts_per_s:,.0f} verdicts/s (bar 20,000/s), encoded "
        f"{figures.encoded_per_s:,.0f}/s, {figures.verdict_bytes:,} bytes each; "
        f"{recognition.AGREEMENTS:,} agreements read, looked over and compiled in "
        f"{figures.lint_s:.2f} s (bar 5 s)"
    )


def _trust(figures: trust.TrustFigures) -> None:
    _console.print(
        f"\n[bold]Trust list[/] of {trust.COUNTRIES:,} countries, {trust.ISSUERS:,} issuers, "
        f"{trust.AGREEMENTS:,} agreements, {figures.bundle_mb:.1f} MB:\n  read and resolved in "
        f"{figures.read_s:.2f} s, resolved again in {figures.resolve_s:.2f} s (bar 2 s), memory "
        f"{figures.memory_mb:.0f} MB more at the peak (bar 150 MB); of it in a receipt "
        f"{figures.receipt_kb:.0f} KB"
    )
    for name, per_s in figures.lookups_per_s.items():
        _console.print(f"  {name:<26} {per_s / 1e6:>6.1f} M/s (bar 1 M/s)")


def _tree(figures: tree.TreeFigures) -> None:
    _console.print(
        f"\n[bold]Tree[/] over tiles in SQLite, batches of {tree.BATCH} leaves, each transaction "
        "on the disk; proofs of leaves anywhere in it:"
    )
    table = Table("leaves", "append ms", "p99 ms", "work ms", "us a leaf", "proof ms", "cold ms")
    for one in figures.curve:
        table.add_row(
            f"{one.size:,}",
            f"{one.append_ms:.2f}",
            f"{one.append_p99_ms:.2f}",
            f"{one.work_ms:.2f}",
            f"{one.work_ms * 1000 / tree.BATCH:.1f}",
            f"{one.proof_ms:.3f}",
            f"{one.cold_proof_ms:.3f}",
        )
    _console.print(table)
    _console.print(
        "  work: processor time of one append; proof: an old leaf, its tiles read from the disk "
        "(bar 1 ms at 10 million); cold: the tree opened for it too\n"
        f"  export of {figures.exported:,} leaves: {figures.export_per_s:,.0f} leaves/s (bar "
        f"500,000/s), {figures.export_per_cpu_s:,.0f} for each second of processor time; files of "
        f"that size written and brought to the disk one by one, nothing else: "
        f"{figures.written_per_s:,.0f} leaves/s; verified: {figures.verify_per_s:,.0f} leaves/s"
    )


async def _exchange(
    wanted: list[str], callers: list[int], seconds: float, *, post_quantum: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="symbolon-bench-") as directory:
        homes = make_nodes(Path(directory), post_quantum=post_quantum)
        home = homes["XA"]
        configured = read_settings(home)
        async with (
            answering_process(homes) as answering,
            assembly.running_node(home, configured) as running,
        ):
            if "exchange" in wanted:
                await _sealed(running, answering, home, callers, seconds)
            if "http" in wanted:
                await _http(running, answering, seconds)
            asked_mb, answered_mb = peak_memory_mb(), peak_memory_mb(answering.process)
            _console.print(
                f"  peak memory: asking node with this harness {asked_mb:.0f} MB, answering node "
                f"{answered_mb:.0f} MB (bar 250 MB)"
            )


async def _sealed(
    running: RunningNode,
    answering: Answering,
    home: Path,
    callers: list[int],
    seconds: float,
) -> None:
    employer = Employer("bench", _REQUESTER)
    codes = itertools.cycle(answering.codes)

    async def ask() -> None:
        inquiry = Inquiry(next(codes), BORN, Purpose.EMPLOYMENT, WANTED)
        verification = await running.asking.ask(employer, inquiry)
        answer = verification.answer
        if answer is None or answer.outcome is not Outcome.CONFIRMED:
            raise RuntimeError(f"a query of the benchmark was not confirmed: {verification}")

    await drive(ask, 64, 1.0)
    sizes = _sizes(home)
    processes = (psutil.Process(), answering.process)
    post_quantum = running.opened.settings.seals.ml_dsa_44
    seals = "Ed25519 + ML-DSA-44" if post_quantum else "Ed25519"
    table = _table(seals, sizes)
    for number in callers:
        before = await _echo(home, number, seconds / 2)
        rate = await drive(ask, number, seconds, processes)
        after = await _echo(home, number, seconds / 2)
        on_uvloop = await _echo(home, number, seconds / 2, "--uvloop")
        base_per_s = statistics.mean((before.per_s, after.per_s))
        base_cpu_s = statistics.mean((before.cpu_s, after.cpu_s))
        table.add_row(
            f"{number:,}",
            f"{base_per_s:,.0f}",
            f"{on_uvloop.per_s:,.0f}",
            f"{rate.per_s:,.0f}",
            f"{rate.per_s / base_per_s:.2f}",
            f"{rate.p50_ms:.1f}",
            f"{rate.p95_ms:.1f}",
            f"{rate.p99_ms:.1f}",
            f"{before.p50_ms:.1f}",
            f"{base_cpu_s / rate.cpu_s:.2f}",
        )
    _console.print(table)
    _console.print(
        "  ratio: sealed/s over echo/s (bars: 1.0 at 64 callers, 1.5 at 256); the echo is a bare "
        "grpc.aio program, a process at each end, and beside it the same on uvloop; CPU ratio: "
        "processor time of both processes for one echo over that for one sealed query"
    )


async def _echo(home: Path, callers: int, seconds: float, *options: str) -> Rate:
    """Measure a bare echo between two processes of its own, with the nodes' keys."""
    ours, theirs = home / "keys", home.parent / "XB" / "keys"
    async with serving("grpc-serve", theirs, ours, *options) as (port, process):
        return await calling("grpc-call", ours, theirs, port, process, callers, seconds, *options)


def _table(seals: str, sizes: tuple[float, float]) -> Table:
    table = Table(
        title=f"Sealed cross-border queries ({seals}), journalled at both ends with "
        f"synchronous=FULL, beside a bare grpc.aio echo of {PAYLOAD_SIZE_BYTES} bytes each way; "
        f"sealed query {sizes[0]:.0f} bytes, answer {sizes[1]:.0f}; mutual TLS both",
        title_justify="left",
    )
    for heading in (
        "callers",
        "echo/s",
        "uvloop",
        "sealed/s",
        "ratio",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "echo p50",
        "CPU ratio",
    ):
        table.add_column(heading, justify="right")
    return table


def _sizes(home: Path) -> tuple[float, float]:
    """Return the mean sizes in bytes of a sealed query and a sealed answer as they travel."""
    with sqlite3.connect(home / "node.db") as connection:
        query = connection.execute(
            "SELECT avg(length(statement)) FROM entry WHERE kind = 10"
        ).fetchone()[0]
        answer, proof = connection.execute(
            "SELECT avg(length(statement)), avg(length(path)) + 32 FROM counterpart"
        ).fetchone()
    return query + proof - _SEALING_BYTES, answer + proof - _SEALING_BYTES


async def _http(running: RunningNode, answering: Answering, seconds: float) -> None:
    _, key = await running.opened.employers.create(_REQUESTER, assembly.clock())
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    asked = {
        "birth_date": BORN.isoformat(),
        "purpose": "employment",
        "wanted": [field.name.lower() for field in WANTED],
    }
    bodies = [json.dumps({"share_code": str(code), **asked}) for code in answering.codes]
    given = f"{json.dumps({'headers': headers, 'bodies': bodies})}\n".encode()
    url = f"http://127.0.0.1:{running.http_port}/v1/verifications"
    async with serving("http-serve") as (port, _process):
        echo_url = f"http://127.0.0.1:{port}/"
        before = await calling("http-call", echo_url, 64, seconds / 2, given=given)
        rate = await calling("http-call", url, 64, seconds, given=given)
        after = await calling("http-call", echo_url, 64, seconds / 2, given=given)
    base_per_s = statistics.mean((before.per_s, after.per_s))
    _console.print(
        f"\n[bold]HTTP end to end[/], POST /v1/verifications, 64 callers: {rate.per_s:,.0f}/s "
        f"(p50 {rate.p50_ms:.1f} ms, p99 {rate.p99_ms:.1f} ms) beside a bare aiohttp echo "
        f"{base_per_s:,.0f}/s: ratio {rate.per_s / base_per_s:.2f} (bar 0.5); the client is a "
        "process of its own, for both"
    )


async def _journal() -> None:
    with tempfile.TemporaryDirectory(prefix="symbolon-bench-") as directory:
        home = make_nodes(Path(directory), post_quantum=True)["XA"]
        async with assembly.opened_node(home, read_settings(home)) as opened:
            await assembly.adopt(opened)
            trust, now = opened.trust.view().reference, assembly.clock()
            numbers = itertools.count()

            async def append() -> None:
                credential = replace(sample_credential(), number=f"XA-2021-{next(numbers):09}")
                body = CredentialRegistered(credential)
                statement = encode_statement(Statement("XA", now, trust, body))
                await opened.ledger.append([Draft(body, statement)])

            rates = {callers: await drive(append, callers, 2.0) for callers in (1, 64, 1024)}
    _console.print("\n[bold]Journal appends[/], each durable when it returns, ML-DSA-44 on:")
    for callers, rate in rates.items():
        _console.print(f"  {callers:>5,} callers: {rate.per_s:>8,.0f}/s, p99 {rate.p99_ms:.1f} ms")


async def _import() -> None:
    sample = Path(__file__).parents[2] / "deploy" / "demo" / "xa.csv"
    # People and units of the sample, awards that the federation of the tests accredits.
    award = {"issuer": COLLEGE, "isco08": "7212", "level_national": "NQF 4", "level_eqf": "4"}
    award |= {"award_type": "full_qualification", "awarded_on": "2019-06-28", "expires_on": ""}
    with sample.open(encoding="utf-8", newline="") as rows:
        records = [{**row, **award} for row in csv.DictReader(rows)]
    with tempfile.TemporaryDirectory(prefix="symbolon-bench-") as directory:
        many = Path(directory) / "many.csv"
        with many.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, records[0])
            writer.writeheader()
            for copy in range(_COPIES):
                writer.writerows({**one, "number": f"{one['number']}-{copy}"} for one in records)
        home = make_nodes(Path(directory), post_quantum=True)["XA"]
        async with assembly.opened_node(home, read_settings(home)) as opened:
            await assembly.adopt(opened)
            started = time.perf_counter()
            with many.open("rb") as stream:
                order = ImportOrder(Person("registrar", "registrar"))
                report = await opened.imports.bring_in(many.name, stream, order)
            elapsed_s = time.perf_counter() - started
    if not report.written:
        raise RuntimeError(f"the import refused {len(report.rejected)} rows")
    _console.print(
        f"\n[bold]Import[/] of {report.accepted:,} rows, all or nothing, journalled: "
        f"{report.accepted / elapsed_s:,.0f} rows/s (bar 10,000/s)"
    )


if __name__ == "__main__":
    main()
