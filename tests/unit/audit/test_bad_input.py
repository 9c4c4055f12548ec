"""Every byte and every record of one small journal, changed in every way: told, with its place."""

import io
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache

import msgspec
import pytest

from node.audit import archive
from node.audit.examined import Aim
from node.audit.findings import Check, Finding, Verdict
from node.audit.inquest import inquire
from node.model.statement import Grant
from node.model.trust import TrustBundle, TrustView, resolve
from node.wire.export import (
    Commitments,
    CounterpartRecord,
    Entry,
    Header,
    OwnCheckpoint,
    Record,
    write_records,
)
from node.wire.export_reading import read_records
from tests import journals
from tests.federation import SampleTrust, journal_signers, sample_trust, trust_files
from tests.journals import Border
from tests.packs import erase, grant_access, packed
from tests.replaying import replay

NODES = ("XA", "XB")
BYTE = re.compile(r"journal file, byte (\d+): ")


@cache
def small_trust() -> SampleTrust:
    """Return a federation of two, whose journals carry one short signature."""
    files = trust_files(nodes=NODES)
    files["policy.json"] = b'{"seals_required": ["ed25519"]}'
    for node in NODES:
        path = f"nodes/{node}/node.json"
        content = msgspec.json.decode(files[path])
        del content["journal"]["keys"][1:]
        files[path] = msgspec.json.encode(content)
        for name in ("issuers", "framework"):
            del files[f"issuers/{node}/{name}.json"]
    return sample_trust(files)


@cache
def small_journal() -> tuple[bytes, tuple[int, ...], tuple[Record, ...]]:
    """Return the file of an answering node, where its records begin, and the records."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(journals, "journal_signers", lambda node: journal_signers(node)[:1])
        border = Border(trust=small_trust())
    code = border.give(border.register(units=(), awarded_on=date(2026, 6, 26)))
    border.answering.commit(border.step())
    border.exchange(border.query(code))
    records = tuple(border.answering.records())
    starts = tuple(len(written(*records[:count])) for count in range(len(records)))
    return written(*records), starts, records


def written(*records: Record) -> bytes:
    stream = io.BytesIO()
    write_records(records, stream)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _lists_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve what was resolved before from memory: most changes do not touch the list."""
    known: dict[tuple[bytes, bytes, int], TrustView] = {}

    def once(bundle: TrustBundle, root: bytes, at: int, *, whole: bool = False) -> TrustView:
        key = msgspec.msgpack.encode(bundle), root, at
        if key not in known:
            view = resolve(bundle, root, at, whole=whole)
            if len(known) > 8:
                known.clear()
            known[key] = view
        return known[key]

    monkeypatch.setattr(archive, "resolve", once)


def told(data: bytes) -> tuple[Finding, ...]:
    """Replay a file and return what was found; whatever it is, nothing crashes."""
    report = inquire([io.BytesIO(data)], [small_trust().root], frozenset(Aim)).report
    assert (report.verdict is Verdict.PASS) == (not report.findings)
    # The list names no issuers, which is so whatever the journal says.
    return tuple(finding for finding in report.findings if finding.check is not Check.ISSUER)


def near(finding: Finding, place: int) -> bool:
    """Tell whether a finding leads to the record in which a byte was changed."""
    _, starts, records = small_journal()
    number = max(at for at, start in enumerate(starts) if start <= place)
    if byte := BYTE.match(finding.sentence):
        return int(byte[1]) >= starts[number]
    record = records[number]
    if isinstance(record, Header) or finding.check is Check.TRUST_LIST:
        return not isinstance(record, Entry | CounterpartRecord | OwnCheckpoint)
    if isinstance(record, OwnCheckpoint) and f"after {record.size} entries" in finding.sentence:
        return True
    sizes = [0, *(one.size for one in records if isinstance(one, OwnCheckpoint))]
    at = record.size - 1 if isinstance(record, OwnCheckpoint) else getattr(record, "index", 0)
    since = max((size for size in sizes if size <= max(at, 0)), default=0)
    until = min((size for size in sizes if size > at), default=sizes[-1])
    return finding.place.index is not None and min(since, at) <= finding.place.index <= until


def says_nothing(place: int) -> bool:
    """Tell whether a place is in the copy of the trusted root, whose signatures prove nothing."""
    data, root = small_journal()[0], small_trust().root
    start = data.index(root)
    return start <= place < start + len(root)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


def deleted(data: bytes, place: int) -> bytes:
    return data[:place] + data[place + 1 :]


def doubled(data: bytes, place: int) -> bytes:
    return data[:place] + data[place : place + 1] + data[place:]


def swapped(data: bytes, place: int) -> bytes:
    return data[:place] + data[place + 1 : place + 2] + data[place : place + 1] + data[place + 2 :]


def test_the_small_journal_is_true() -> None:
    data, starts, records = small_journal()
    assert told(data) == ()
    assert list(read_records(io.BytesIO(data))) == list(records)
    assert len({type(record) for record in records}) == 5
    assert starts[-1] < len(data) < 20_000


@pytest.mark.parametrize("change", [flipped, deleted, doubled, swapped])
def test_every_byte_that_is_changed_is_told_with_its_place(
    change: Callable[[bytes, int], bytes],
) -> None:
    data = small_journal()[0]
    for place in range(len(data)):
        changed = change(data, place)
        if changed == data or says_nothing(place):
            continue
        found = told(changed)
        assert any(near(finding, place) for finding in found), (place, found)


def test_every_cut_is_told_with_its_place() -> None:
    data, starts, records = small_journal()
    for size in range(len(data)):
        found = told(data[:size])
        if size in starts and size:  # shorter, and whole where it ends under a checkpoint
            last = records[starts.index(size) - 1]
            assert found or isinstance(last, OwnCheckpoint)
            continue
        begins = max(start for start in starts if start <= size)
        places = [
            int(byte[1])
            for finding in found
            if finding.check is Check.FORMAT and (byte := BYTE.search(finding.sentence))
        ]
        assert places == [begins], (size, found)


def orders(records: tuple[Record, ...]) -> Iterator[tuple[str, list[Record]]]:
    """Yield the records with each left out, doubled, swapped with each other, or moved."""
    for one in range(len(records)):
        yield f"without {one}", [*records[:one], *records[one + 1 :]]
        yield f"twice {one}", [*records[: one + 1], *records[one:]]
        for other in range(one + 1, len(records)):
            changed = list(records)
            changed[one], changed[other] = changed[other], changed[one]
            yield f"swapped {one} and {other}", changed
            yield (
                f"moved {one} to {other}",
                [
                    *records[:one],
                    *records[one + 1 : other + 1],
                    records[one],
                    *records[other + 1 :],
                ],
            )


@cache
def small_pack() -> tuple[tuple[Record, ...], tuple[Finding, ...]]:
    """Return a journal with entries withheld and erased, and what is found in it as it is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(journals, "journal_signers", lambda node: journal_signers(node)[:1])
        border = Border(trust=small_trust())
    code = border.give(border.register(units=(), awarded_on=date(2026, 6, 26)))
    border.answering.commit(border.step())
    _, (answered,), _ = border.exchange(border.query(code))
    journal = border.answering
    gone = erase(border, journal, [1, 2, answered])
    end = len(journal.entries)
    border.register()
    access = grant_access(border, journal, Grant(1, end))
    records = tuple(packed(journal, Grant(1, end), access, gone))
    return records, told(written(*records))


@pytest.mark.parametrize("change", [flipped, deleted, doubled, swapped])
def test_every_byte_of_what_is_withheld_or_erased_is_told_when_it_is_changed(
    change: Callable[[bytes, int], bytes],
) -> None:
    records, before = small_pack()
    data = written(*records)
    assert before == ()
    assert {type(record) for record in records} >= {Commitments, Entry, Header}
    for at, record in enumerate(records):
        if not isinstance(record, Header | Commitments | Entry):
            continue
        first, end = len(written(*records[:at])), len(written(*records[: at + 1]))
        for place in range(first, end):
            changed = change(data, place)
            if changed != data:
                assert told(changed), (place, record)


def test_every_record_that_is_lost_doubled_or_moved_is_told() -> None:
    _, _, records = small_journal()
    harmless = set()
    for name, changed in orders(records):
        report = replay([io.BytesIO(written(*changed))], [small_trust().root])
        if report.verdict is Verdict.PASS:
            harmless.add(name)
    # A checkpoint before the last may go: the next covers all that it covered. The same trust
    # list twice is one.
    checkpoints = [at for at, one in enumerate(records) if isinstance(one, OwnCheckpoint)]
    assert harmless == {"twice 1", *(f"without {at}" for at in checkpoints[:-1])}
