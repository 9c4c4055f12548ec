"""Audits spread over processes or a Dask cluster: the same report, to the byte."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from node.audit import parts
from node.audit.examined import Aim
from node.audit.findings import Verdict
from node.audit.inquest import Found, inquire
from node.audit.pools import OpenPool, cores, dask, here, processes
from node.audit.report import Told, render_report
from node.errors import Code, Refusal
from node.model.statement import Grant
from node.wire.export import SUFFIX, Record, write_records
from node.wire.pack import SUFFIX as PACK_SUFFIX
from node.wire.pack import Identity, new_identity, open_journal, write_pack
from tests.journals import Border, every_outcome
from tests.packs import erase, grant_access, packed


def lying() -> Border:
    """Return two journals with every outcome, and a lie."""
    border = every_outcome()
    code = border.give(border.register())
    border.answering.commit(border.now)
    for _ in range(20):
        border.exchange(border.query(code))
    asked = border.put([border.query(code)])
    border.step(100)
    border.conclude(asked, border.answer(asked))
    return border


@pytest.fixture(scope="module")
def border() -> Border:
    """Two journals that nobody goes on with."""
    return lying()


@pytest.fixture(scope="module")
def files(border: Border, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both journals as files."""
    place = tmp_path_factory.mktemp("journals")
    written = []
    for journal in (border.asking, border.answering):
        file = place / f"{journal.node_id}{SUFFIX}"
        with file.open("wb") as stream:
            write_records(journal.records(), stream)
        written.append(file)
    return written


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ENTRIES", 5)
    monkeypatch.setattr("node.audit.inquest.PILE_SIZE_BYTES", 8192)


def rendered(border: Border, files: Sequence[Path], pool: OpenPool) -> bytes:
    streams = [file.open("rb") for file in files]
    try:
        return as_bytes(inquire(streams, [border.trust.root], frozenset(Aim), pool=pool))
    finally:
        for stream in streams:
            stream.close()


def as_bytes(found: Found) -> bytes:
    assert found.report.verdict is Verdict.FAIL
    told = Told(["a", "b"], frozenset(), ["root.json"], 365)
    return msgspec.json.encode(render_report(found, told))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_processes_report_the_same_to_the_byte(
    border: Border, files: list[Path], count: int
) -> None:
    assert rendered(border, files, processes(count)) == rendered(border, files, here)


def test_processes_take_records_that_come_from_a_database(
    border: Border, files: list[Path]
) -> None:
    records: list[Iterable[Record]] = [border.asking.records(), border.answering.records()]
    found = inquire(records, [border.trust.root], frozenset(Aim), pool=processes(2))
    assert as_bytes(found) == rendered(border, files, here)


def test_there_is_at_least_one_core_to_work_on() -> None:
    assert cores() >= 1


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A Dask cluster of two workers on this machine; yields its address."""
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as local:
        yield local.scheduler_address


def test_a_dask_cluster_reports_the_same_to_the_byte(
    border: Border, files: list[Path], cluster: str
) -> None:
    expected = rendered(border, files, here)
    for _ in range(2):  # it may serve several audits in turn
        assert rendered(border, files, dask(cluster)) == expected


def test_says_that_no_cluster_answers(border: Border, files: list[Path]) -> None:
    with pytest.raises(Refusal) as caught:
        rendered(border, files, dask("nonsense://127.0.0.1:1"))
    assert caught.value.code is Code.STALE
    assert "no cluster answers at" in caught.value.reason


def test_says_that_dask_is_not_installed(
    border: Border, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Refusal) as caught:
        rendered(border, files, dask("tcp://127.0.0.1:1"))
    assert caught.value.code is Code.MALFORMED
    assert "symbolon[cluster]" in caught.value.reason


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Identity]:
    """Two journals as encrypted packs of a part of each, some of it erased."""
    border = lying()
    place = tmp_path_factory.mktemp("packs")
    identity = new_identity()
    written = []
    for journal in (border.asking, border.answering):
        size = len(journal.entries)
        gone = erase(border, journal, [size - 2])
        grant = Grant(5, size + 1)
        access = grant_access(border, journal, grant)
        file = place / f"{journal.node_id}{PACK_SUFFIX}"
        with file.open("wb") as stream:
            write_pack(packed(journal, grant, access, gone), stream, [identity.recipient])
        written.append(file)
    return written, identity


def rendered_packs(
    border: Border, packs: tuple[list[Path], Identity], pool: OpenPool
) -> tuple[bytes, tuple[str, ...]]:
    with ExitStack() as stack:
        streams = [
            stack.enter_context(open_journal(stack.enter_context(file.open("rb")), [packs[1]]))
            for file in packs[0]
        ]
        found = inquire(streams, [border.trust.root], frozenset(Aim), pool=pool)
    return as_bytes(found), found.report.notes


def test_packs_are_reported_the_same_to_the_byte_whoever_does_it(
    border: Border, packs: tuple[list[Path], Identity], cluster: str
) -> None:
    expected, notes = rendered_packs(border, packs, here)
    assert len(notes) == 4, "withheld and erased, of both"
    assert rendered_packs(border, packs, processes(2)) == (expected, notes)
    assert rendered_packs(border, packs, dask(cluster)) == (expected, notes)
