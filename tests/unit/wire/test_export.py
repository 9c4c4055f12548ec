import io
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.seal import Sealed
from node.model.trust import TrustBundle
from node.wire._pb import node_pb2 as pb
from node.wire.export import (
    RECORD_SIZE_MAX_BYTES,
    CounterpartRecord,
    Entry,
    Header,
    OwnCheckpoint,
    Record,
    write_records,
)
from node.wire.export_reading import read_records
from tests.journals import Border, every_outcome

HEADER = Header("XA", "xa.symbolon.example/journal")
BUNDLE = TrustBundle({"snapshot.json": b"{}"}, {"policy.json": b"{}", "nodes/XA/node.json": b"{}"})
ENTRY = Entry(0, bytes(32), b"statement")
CHECKPOINT = OwnCheckpoint(1, b"note\n")
COUNTERPART = CounterpartRecord(0, "XB", Sealed(b"said", bytes(32), 7, bytes(64), b"peer note\n"))
RECORDS: list[Record] = [HEADER, BUNDLE, ENTRY, COUNTERPART, CHECKPOINT]


def written(*records: Record) -> bytes:
    stream = io.BytesIO()
    write_records(records, stream)
    return stream.getvalue()


def framed(message: pb.ExportRecord) -> bytes:
    data = message.SerializeToString(deterministic=True)
    assert len(data) < 128
    return bytes([len(data)]) + data


def refusal(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        list(read_records(io.BytesIO(data)))
    assert caught.value.code is Code.MALFORMED
    return caught.value


def test_reads_back_every_record_of_two_whole_journals() -> None:
    border = every_outcome()
    for journal in (border.asking, border.answering):
        records = list(journal.records())
        stream = io.BytesIO()
        assert write_records(records, stream) == len(records)
        stream.seek(0)
        assert list(read_records(stream)) == records


def test_writes_a_peer_checkpoint_once_for_all_that_stands_under_it() -> None:
    border = Border()
    code = border.give(border.register(), uses=9)
    border.exchange(*(border.query(code) for _ in range(9)))
    border.exchange(border.query(code))
    data = written(*border.asking.records())
    for checkpoint in border.answering.notes[-2:]:
        assert data.count(checkpoint.note) == 1


def test_reads_no_further_than_the_record_that_is_asked_for() -> None:
    stream = io.BytesIO(written(*RECORDS))
    assert next(read_records(stream)) == HEADER
    assert stream.tell() == len(written(HEADER))


def test_refuses_a_file_cut_anywhere_within_a_record() -> None:
    data = written(*RECORDS)
    ends = [len(written(*RECORDS[:count])) for count in range(1, len(RECORDS) + 1)]
    for size in range(1, len(data)):
        if size in ends:
            assert len(list(read_records(io.BytesIO(data[:size])))) == ends.index(size) + 1
            continue
        begins = max((end for end in ends if end < size), default=0)
        assert f"byte {begins}:" in refusal(data[:size]).reason


def test_refuses_an_empty_file_by_name() -> None:
    assert "byte 0: is empty" in refusal(b"").reason


def test_refuses_whatever_follows_the_last_record() -> None:
    data = written(*RECORDS)
    for rest in (b"\x00", b"\x05", b"\xff", b"trailing"):
        assert f"byte {len(data)}:" in refusal(data + rest).reason


def test_refuses_a_record_over_its_bound_before_reading_it() -> None:
    stream = io.BytesIO(b"\x81\x80\x80\x08" + bytes(RECORD_SIZE_MAX_BYTES + 1))
    with pytest.raises(Refusal, match="byte 0: a record is over 16777216 bytes"):
        next(read_records(stream))
    assert stream.tell() == 4


def test_refuses_to_write_a_record_that_no_reader_would_accept() -> None:
    bundle = TrustBundle({}, {"large.json": bytes(RECORD_SIZE_MAX_BYTES)})
    with pytest.raises(Refusal, match="record 1 has"):
        write_records([HEADER, bundle], io.BytesIO())


def test_refuses_a_length_that_is_not_written_the_shortest_way() -> None:
    data = written(HEADER)
    assert "shortest" in refusal(bytes([data[0] | 0x80, 0]) + data[1:]).reason


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([ENTRY], "one header"),
        ([HEADER, HEADER], "one header"),
        ([HEADER, ENTRY, BUNDLE], "before the first entry"),
    ],
)
def test_refuses_records_in_an_order_of_their_own(records: list[Record], reason: str) -> None:
    assert reason in refusal(written(*records)).reason


def _sealed(**changes: object) -> CounterpartRecord:
    return replace(COUNTERPART, sealed=replace(COUNTERPART.sealed, **changes))


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (Header("xa", "origin"), "header.node"),
        (Header("XA", ""), "header.origin"),
        (Header("XA", "line\nbreak"), "header.origin"),
        (replace(ENTRY, index=2**62 + 1), "entry.index"),
        (replace(ENTRY, salt=bytes(31)), "entry.salt"),
        (replace(ENTRY, statement=b""), "entry.statement"),
        (replace(ENTRY, statement=bytes(64 * 1024 + 1)), "entry.statement"),
        (replace(CHECKPOINT, size=2**62 + 1), "checkpoint.size"),
        (replace(CHECKPOINT, note=b""), "checkpoint.note"),
        (replace(CHECKPOINT, note=bytes(64 * 1024 + 1)), "checkpoint.note"),
        (replace(COUNTERPART, peer="nobody"), "counterpart.peer"),
        (replace(COUNTERPART, index=2**62 + 1), "counterpart.index"),
        (_sealed(statement=b""), "counterpart.statement"),
        (_sealed(salt=bytes(33)), "counterpart.salt"),
        (_sealed(index=2**62 + 1), "counterpart.sealed.index"),
        (_sealed(path=bytes(33)), "counterpart.path"),
        (_sealed(path=bytes(64 * 32)), "counterpart.path"),
        (_sealed(checkpoint=b""), "counterpart.checkpoint"),
        (_sealed(checkpoint=bytes(64 * 1024 + 1)), "counterpart.checkpoint"),
    ],
)
def test_refuses_each_field_that_is_out_of_its_bounds(record: Record, field: str) -> None:
    records = [record] if isinstance(record, Header) else [HEADER, record]
    reason = refusal(written(*records)).reason
    assert f"{field}:" in reason
    assert ("byte 0:" in reason) == isinstance(record, Header)


def _unknown_field(message: pb.ExportRecord) -> bytes:
    return message.SerializeToString() + b"\xa2\x06\x01x"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _message: b"", "empty"),
        (lambda _message: b"\xff\xff", "not a protobuf message"),
        (_unknown_field, "unknown fields"),
        (lambda message: message.SerializeToString() * 2, "one encoding"),
    ],
)
def test_refuses_a_record_in_any_other_encoding(
    spoil: Callable[[pb.ExportRecord], bytes], reason: str
) -> None:
    message = pb.ExportRecord(header=pb.ExportHeader(format=1, node="XA", origin="o"))
    data = spoil(message)
    assert reason in refusal(bytes([len(data)]) + data).reason


def test_refuses_a_header_of_another_format() -> None:
    for other in (0, 2):
        message = pb.ExportRecord(header=pb.ExportHeader(format=other, node="XA", origin="o"))
        assert "header.format" in refusal(framed(message)).reason


def test_refuses_a_checkpoint_number_where_there_are_no_numbers() -> None:
    message = pb.ExportRecord()
    message.counterpart.peer = "XB"
    message.counterpart.checkpoint = b"note"
    message.counterpart.sealed.checkpoint = 1
    assert "has no meaning" in refusal(written(HEADER) + framed(message)).reason


def test_remembers_the_checkpoints_of_so_many_peers_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.wire.export_reading.PEERS_MAX", 2)
    records = [replace(COUNTERPART, peer=peer) for peer in ("XB", "XC", "XB", "XD")]
    assert "more than 2 peers" in refusal(written(HEADER, *records)).reason
    assert len(list(read_records(io.BytesIO(written(HEADER, *records[:3]))))) == 4
