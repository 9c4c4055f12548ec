import io
import json
from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.audit.findings import Verdict
from node.audit.receipt import check_receipt
from node.errors import Code, Refusal
from node.model.seal import Sealed
from node.model.trust import TrustBundle
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
from node.wire.pack import new_identity, open_journal, write_pack
from node.wire.receipt import decode_receipt, encode_receipt
from tests.journals import every_outcome, one_exchange
from tests.replaying import replay
from tests.strategies import grants, node_ids, texts
from tests.world import sample_trust

ROOT = sample_trust().root
indices = st.integers(0, 2**62)
salts = st.binary(min_size=32, max_size=32)
notes = st.binary(min_size=1, max_size=200)
said = st.binary(min_size=1, max_size=200)
paths = st.integers(0, 63).map(lambda count: bytes(32 * count))
digests = st.binary(min_size=32, max_size=32)
headers = st.one_of(
    st.builds(Header, node_ids, texts(255)),
    st.builds(
        Header,
        node_ids,
        texts(255),
        grants,
        indices,
        st.dictionaries(texts(100), digests, max_size=3),
    ),
)
commitments = st.lists(digests, min_size=1, max_size=9).map(b"".join)
contents = st.dictionaries(st.text(max_size=4), st.binary(), max_size=4)
bundles = st.builds(TrustBundle, contents, contents)
sealed = st.builds(Sealed, said, salts, indices, paths, notes)
followers: st.SearchStrategy[Record] = st.one_of(
    st.builds(Entry, indices, salts, said),
    st.builds(Commitments, st.integers(0, 2**61), commitments),
    st.builds(OwnCheckpoint, indices, notes),
    st.builds(CounterpartRecord, indices, node_ids, sealed),
)


def says_nothing(data: bytes, root: bytes, place: int) -> bool:
    """Tell whether a place is in the copy of the trusted root, whose signatures prove nothing."""
    start = data.index(root)
    return start <= place < start + len(root)


@cache
def exported() -> tuple[bytes, bytes]:
    """Return the files of both journals of one exchange."""
    border, *_ = one_exchange()
    files = []
    for journal in (border.asking, border.answering):
        stream = io.BytesIO()
        write_records(journal.records(), stream)
        files.append(stream.getvalue())
    return files[0], files[1]


@cache
def two_journals() -> tuple[list[Record], list[Record]]:
    """Return the records of two journals with every outcome."""
    border = every_outcome()
    return list(border.asking.records()), list(border.answering.records())


def entries(records: list[Record]) -> list[Record]:
    """Return only the entries."""
    return [record for record in records if isinstance(record, Entry)]


@cache
def receipt() -> bytes:
    """Return the receipt of one exchange, as a file."""
    border, asked, answered, concluded = one_exchange()
    return encode_receipt(border.receipt(asked, answered, concluded))


@given(headers, st.lists(bundles, max_size=3), st.lists(followers, max_size=8))
def test_whatever_is_written_is_read_back_the_same(
    header: Header, lists: list[TrustBundle], rest: list[Record]
) -> None:
    records: list[Record] = [header, *lists, *rest]
    stream = io.BytesIO()
    assert write_records(records, stream) == len(records)
    stream.seek(0)
    assert list(read_records(stream)) == records


@given(headers, st.lists(st.builds(Commitments, indices, commitments), max_size=2), st.data())
def test_a_header_and_commitments_that_are_read_are_written_the_same(
    header: Header, runs: list[Commitments], data: st.DataObject
) -> None:
    stream = io.BytesIO()
    write_records([header, *runs], stream)
    changed = bytearray(stream.getvalue())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = list(read_records(io.BytesIO(bytes(changed))))
    except Refusal:
        return
    again = io.BytesIO()
    write_records(read, again)
    assert again.getvalue() == bytes(changed)


@given(headers, st.lists(followers, max_size=8), st.booleans())
def test_whatever_is_packed_is_read_back_the_same(
    header: Header, rest: list[Record], encrypted: bool
) -> None:
    identity = new_identity()
    stream = io.BytesIO()
    write_pack([header, *rest], stream, [identity.recipient] if encrypted else [])
    stream.seek(0)
    with open_journal(stream, [identity]) as records:
        assert list(read_records(records)) == [header, *rest]


@given(st.binary(max_size=400))
def test_bytes_that_nobody_exported_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        list(read_records(io.BytesIO(data)))
    assert caught.value.code is Code.MALFORMED


@settings(max_examples=300)
@given(st.integers(0, 1), st.integers(0, 2**20), st.integers(1, 255))
def test_no_journal_with_a_byte_changed_passes_its_replay(
    which: int, place: int, difference: int
) -> None:
    data = bytearray(exported()[which])
    assume(not says_nothing(bytes(data), ROOT, place % len(data)))
    data[place % len(data)] ^= difference
    report = replay([read_records(io.BytesIO(bytes(data)))], [ROOT])
    assert report.verdict is Verdict.FAIL


@given(st.data())
def test_no_journal_passes_its_replay_with_an_entry_cut_out(data: st.DataObject) -> None:
    file = exported()[data.draw(st.integers(0, 1))]
    start = data.draw(st.integers(0, len(file) - 2))
    end = data.draw(st.integers(start + 1, len(file) - 1))
    short = file[:start] + file[end:]
    if replay([read_records(io.BytesIO(short))], [ROOT]).verdict is Verdict.PASS:
        # A checkpoint before the last one may go: the next one covers all that it covered.
        left = list(read_records(io.BytesIO(short)))
        whole = list(read_records(io.BytesIO(file)))
        assert left == [record for record in whole if record in left]
        assert {type(record) for record in whole if record not in left} == {OwnCheckpoint}


@given(st.data())
def test_no_journal_passes_its_replay_with_its_entries_in_another_order(
    data: st.DataObject,
) -> None:
    records = two_journals()[1]
    shuffled = [records[0], *data.draw(st.permutations(records[1:]))]
    report = replay([shuffled, two_journals()[0]], [ROOT])
    if entries(shuffled) != entries(records):
        assert report.verdict is Verdict.FAIL


@settings(max_examples=300)
@given(st.integers(0, 2**20), st.integers(1, 255))
def test_no_receipt_with_a_byte_changed_passes(place: int, difference: int) -> None:
    data = bytearray(receipt())
    assume(not says_nothing(bytes(data), json.dumps(ROOT.decode()).encode(), place % len(data)))
    data[place % len(data)] ^= difference
    assert check_receipt(bytes(data), ROOT).report.verdict is Verdict.FAIL


@given(st.binary(max_size=400))
def test_bytes_that_nobody_received_are_no_receipt(data: bytes) -> None:
    report = check_receipt(data, ROOT).report
    assert report.verdict is Verdict.FAIL


def test_a_receipt_is_what_it_decodes_to() -> None:
    assert encode_receipt(decode_receipt(receipt())) == receipt()
