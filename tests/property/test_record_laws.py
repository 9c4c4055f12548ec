"""Laws of holders' records: what reads, writes back to the same bytes; nothing else is read."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.merkle import EMPTY_ROOT
from node.model.note import Checkpoint, sign_checkpoint
from node.model.seal import Sealed
from node.model.trust import TrustBundle
from node.wire.record import (
    HeldAccess,
    HeldContest,
    HeldRecord,
    HeldShareCode,
    HeldWatch,
    RecordFile,
    decode_record,
    encode_record,
    record_digest,
)
from tests.strategies import texts
from tests.world import START, journal_signers, origin

NOTE = sign_checkpoint(
    Checkpoint(origin("XA"), 0, EMPTY_ROOT), journal_signers("XA"), START // 1_000_000
)
moments = st.datetimes(timezones=st.just(UTC))
positions = st.integers(0, 2**62)
words = texts(20, 0)
lists = st.lists(words, max_size=3).map(tuple)
values = st.none() | words | st.integers(-(2**53), 2**53) | st.lists(words, max_size=2)
records = st.builds(
    HeldRecord,
    id=words,
    node=words,
    authority=words,
    made_at=moments,
    credentials=st.lists(st.dictionaries(words, values, max_size=3), max_size=2).map(tuple),
    share_codes=st.lists(
        st.builds(
            HeldShareCode,
            state=st.sampled_from(["open", "used_up"]),
            fields=lists,
            expires_at=moments,
            uses=positions,
        ),
        max_size=2,
    ).map(tuple),
    watches=st.lists(
        st.builds(HeldWatch, state=st.sampled_from(["open", "revoked"]), expires_at=moments),
        max_size=2,
    ).map(tuple),
    accesses=st.lists(
        st.builds(HeldAccess, index=positions, asked_at=moments, answered_at=moments, shown=lists),
        max_size=2,
    ).map(tuple),
    contests=st.lists(
        st.builds(
            HeldContest,
            index=positions,
            raised_at=moments,
            complaint=st.sampled_from(["other", "not_mine"]),
            entry=st.none() | positions,
        ),
        max_size=2,
    ).map(tuple),
)
files = st.builds(
    lambda record, statement, salt, index, path: RecordFile(
        record,
        Sealed(statement, salt, index, path, NOTE),
        TrustBundle({"root.json": b"{}"}, {"a/b.json": "é".encode()}),
    ),
    records,
    st.binary(min_size=1, max_size=80),
    st.binary(min_size=32, max_size=32),
    positions,
    st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(b"".join),
)


@given(files)
def test_every_record_is_read_as_it_was_written(file: RecordFile) -> None:
    data = encode_record(file)
    read = decode_record(data)
    assert encode_record(read) == data
    assert record_digest(read.record) == record_digest(file.record)


@given(files, st.data())
def test_a_changed_byte_is_refused_or_means_something_else(
    file: RecordFile, data: st.DataObject
) -> None:
    encoded = bytearray(encode_record(file))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != encoded[at]))
    try:
        read = decode_record(bytes(encoded))
    except Refusal as refusal:
        if refusal.code is not Code.MALFORMED:
            raise
        return
    assert encode_record(read) == bytes(encoded)


@given(st.binary(max_size=200))
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        decode_record(data)
    assert refused.value.code is Code.MALFORMED
