import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.statement import Statement
from node.wire.codec import STATEMENT_SIZE_MAX_BYTES, decode_statement, encode_statement
from tests.strategies import statements


def _read(data: bytes) -> Statement | None:
    """Decode, holding the codec to its word: MALFORMED, or the one encoding of what it read."""
    try:
        statement = decode_statement(data)
    except Refusal as refusal:
        if refusal.code is not Code.MALFORMED:
            raise
        return None
    assert encode_statement(statement) == data
    return statement


@given(statements())
def test_every_statement_is_read_as_it_was_written(statement: Statement) -> None:
    data = encode_statement(statement)
    assert len(data) <= STATEMENT_SIZE_MAX_BYTES
    assert decode_statement(data) == statement


@given(statements(), st.data())
def test_a_flipped_bit_is_refused_or_means_something_else(
    statement: Statement, data: st.DataObject
) -> None:
    encoded = bytearray(encode_statement(statement))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= 1 << data.draw(st.integers(0, 7))
    assert _read(bytes(encoded)) != statement


@given(statements(), st.data())
def test_a_changed_byte_is_refused_or_means_something_else(
    statement: Statement, data: st.DataObject
) -> None:
    encoded = bytearray(encode_statement(statement))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != encoded[at]))
    assert _read(bytes(encoded)) != statement


@given(statements(), st.data())
def test_a_statement_cut_short_is_never_the_same(statement: Statement, data: st.DataObject) -> None:
    encoded = encode_statement(statement)
    assert _read(encoded[: data.draw(st.integers(0, len(encoded) - 1))]) != statement


@given(statements(), st.integers(40, 2**29 - 1), st.binary(max_size=20))
def test_a_statement_with_an_unknown_field_is_refused(
    statement: Statement, field: int, content: bytes
) -> None:
    unknown = _varint(field << 3 | 2) + _varint(len(content)) + content
    with pytest.raises(Refusal, match="unknown fields or is not in its one encoding"):
        decode_statement(encode_statement(statement) + unknown)


@given(statements(), st.sampled_from([2, 16, 18, 19]))
def test_a_field_twice_or_a_reserved_field_is_refused(statement: Statement, field: int) -> None:
    with pytest.raises(Refusal) as refusal:
        decode_statement(encode_statement(statement) + _varint(field << 3 | 2) + b"\x02XA")
    assert refusal.value.code is Code.MALFORMED


@given(statements())
def test_an_unknown_field_inside_the_body_is_refused(statement: Statement) -> None:
    data = encode_statement(statement)
    start, length_at, length = _last_field(data)
    grown = data[:length_at] + _varint(length + 3) + data[start:] + b"\xf8\x07\x01"
    with pytest.raises(Refusal, match="unknown fields or is not in its one encoding"):
        decode_statement(grown)


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x08\x01")
def test_arbitrary_bytes_are_refused_as_malformed(data: bytes) -> None:
    _read(data)


def test_a_statement_over_its_bound_is_refused_unread() -> None:
    with pytest.raises(Refusal, match="over 65536 bytes"):
        decode_statement(bytes(STATEMENT_SIZE_MAX_BYTES + 1))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _last_field(data: bytes) -> tuple[int, int, int]:
    """Return where the content of the last field starts, where its length stands, and it."""
    at = start = length_at = length = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        if tag & 7 == 0:
            _, at = _read_varint(data, at)
            continue
        length_at = at
        length, start = _read_varint(data, at)
        at = start + length
    return start, length_at, length
