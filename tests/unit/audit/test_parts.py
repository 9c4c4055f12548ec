"""Journals cut into parts: the same findings however small the parts and whoever does them."""

import io
from collections.abc import Iterable

import pytest

from node.audit import parts as module
from node.audit import slips as slips_module
from node.audit.examined import Aim
from node.audit.findings import Check, render_json
from node.audit.inquest import Found, inquire
from node.audit.parts import Source
from node.audit.slips import (
    Address,
    GivenUpSlip,
    Kind,
    Piles,
    Written,
    groups,
    place_key,
    read_place_key,
)
from node.errors import Code
from node.model.statement import Answer, Outcome
from node.wire.export import CounterpartRecord, Entry, Record, write_records
from node.wire.pack import open_journal, write_pack
from tests.journals import Border, altered, every_outcome, newer_trust, one_exchange

ALL = frozenset(Aim)


def file_of(records: Iterable[Record]) -> io.BytesIO:
    stream = io.BytesIO()
    write_records(records, stream)
    stream.seek(0)
    return stream


def lying() -> tuple[Border, list[list[Record]]]:
    """Return the journals of two nodes in which much is wrong."""
    border = every_outcome()
    code = border.give(border.register(), uses=40)
    border.answering.commit(border.now)

    def deny(answer: Answer) -> Answer:
        return Answer(
            answer.query,
            Outcome.NOT_CONFIRMED,
            None,
            (),
            answer.registry_position,
            answer.evaluated_at,
            answer.good_until,
        )

    for step in range(6):
        border.exchange(border.query(code), change=deny if step % 3 == 1 else lambda a: a)
    border.step(200)
    asked = border.put([border.query(code)])
    border.step(100)
    border.conclude(asked, border.answer(asked))
    border.now -= 120_000_000
    border.asking.adopt(newer_trust(3), border.now)
    border.asking.commit(border.now)
    xa = list(border.asking.records())
    xb = list(border.answering.records())
    held = [record for record in xb if isinstance(record, CounterpartRecord)]
    xb.remove(held[3])
    xb = list(altered(xb, Entry, 20, lambda entry: Entry(20, bytes(32), entry.statement)))
    xa = list(altered(xa, Entry, 9, lambda _entry: None))
    return border, [xa, xb]


def inquired(border: Border, journals: list[list[Record]], *, files: bool) -> Found:
    given = [file_of(records) if files else records for records in journals]
    return inquire(given, [border.trust.root], ALL)


@pytest.mark.parametrize("entries", [1, 2, 7])
@pytest.mark.parametrize("files", [True, False], ids=["files", "records"])
def test_finds_the_same_in_parts_of_any_size(
    monkeypatch: pytest.MonkeyPatch, entries: int, files: bool
) -> None:
    border, journals = lying()
    whole = inquired(border, journals, files=True)
    assert len(whole.report.findings) > 20
    assert {Check.RECOMPUTED, Check.TIME_ORDER, Check.CHECKPOINT_ROOT, Check.ENTRY_ORDER} <= {
        finding.check for finding in whole.report.findings
    }
    monkeypatch.setattr(module, "PART_ENTRIES", entries)
    again = inquired(border, journals, files=files)
    assert render_json(again.report) == render_json(whole.report)
    assert (again.series.counts, again.series.latencies) == (
        whole.series.counts,
        whole.series.latencies,
    )


def test_finds_the_same_over_many_piles_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    border, journals = lying()
    whole = inquired(border, journals, files=True)
    monkeypatch.setattr("node.audit.inquest.PILE_SIZE_BYTES", 4096)
    monkeypatch.setattr(slips_module, "_HELD_MAX_BYTES", 512)
    assert render_json(inquired(border, journals, files=True).report) == render_json(whole.report)


def test_reads_no_further_than_where_a_file_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    border = every_outcome()
    data = file_of(border.answering.records()).getvalue()
    for entries in (1, 4096):
        monkeypatch.setattr(module, "PART_ENTRIES", entries)
        for broken in (data[:-3], data[: len(data) // 2], data + b"\x05abc"):
            found = inquire([io.BytesIO(broken)], [border.trust.root], ALL)
            formats = [one for one in found.report.findings if one.check is Check.FORMAT]
            assert len(formats) == 1
            assert "journal file, byte" in formats[0].sentence


# --- slips ---------------------------------------------------------------------------------


def test_brings_together_what_has_one_key_by_rank_journal_and_place() -> None:
    written = Written(1)
    places = [(1, 0, 5), (0, 1, 9), (0, 0, 7), (0, 0, 300)]
    for rank, journal, ordinal in places:
        for key in (b"a" * 32, b"b" * 32):
            slip = GivenUpSlip(ordinal, 0, Code.BUSY)
            written.add(Address(Kind.EXCHANGE, key, rank, journal, ordinal), slip)
    found = [
        (key, [(address.rank, address.journal, address.ordinal) for address, _ in group])
        for _, key, group in groups(bytes(written.by_pile[0]))
    ]
    assert found == [(b"a" * 32, sorted(places)), (b"b" * 32, sorted(places))]


def test_keeps_apart_what_is_of_one_journal_only() -> None:
    written = Written(1)
    for journal in (0, 1):
        slip = GivenUpSlip(1, 0, Code.BUSY)
        written.add(Address(Kind.SHARE_CODE, bytes(32), 0, journal, 1), slip)
    assert [len(list(group)) for *_, group in groups(bytes(written.by_pile[0]))] == [1, 1]


def test_piles_hold_what_was_put_in_memory_or_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (1 << 20, 10):
        monkeypatch.setattr(slips_module, "_HELD_MAX_BYTES", most)
        with Piles(2) as piles:
            for _ in range(3):
                piles.put([(0, b"abcd"), (1, b"efgh"), (3, b"later")])
            assert list(piles.take(later=False)) == [b"abcd" * 3, b"efgh" * 3]
            piles.put([(2, b"ijkl")])
            assert list(piles.take(later=True)) == [b"ijkl", b"later" * 3]


def test_a_place_is_known_by_its_key() -> None:
    assert read_place_key(place_key("XA12", 2**62)) == ("XA12", 2**62)


def test_what_piles_keep_on_disk_is_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips_module, "_HELD_MAX_BYTES", 10)
    with Piles(2) as piles:
        piles.put([(0, b"Marchand " * 9), (1, b"Marchand " * 9)])
        assert piles._file is not None
        piles._file.seek(0)
        assert b"Marchand" not in piles._file.read()
        assert list(piles.take(later=False)) == [b"Marchand " * 9] * 2


def test_parts_of_a_stream_that_cannot_go_back_are_those_of_its_file() -> None:
    border, *_ = one_exchange()
    packed, plain = io.BytesIO(), io.BytesIO()
    write_pack(border.answering.records(), packed)
    write_records(border.answering.records(), plain)
    packed.seek(0)
    plain.seek(0)
    cut = []
    for stream in (open_journal(packed), plain):
        source = Source(0, stream)
        lists = list(source.bundles())
        cut.append((source.header, lists, list(source.parts())))
    assert cut[0] == cut[1]
