"""Packs: compressed, encrypted if asked, read forward; whatever was changed is told."""

import io
from collections.abc import Iterator
from functools import cache

import pytest
import zstandard

from node.errors import Code, Refusal
from node.model.statement import Grant
from node.wire import pack
from node.wire.export import (
    COMMITMENTS_MAX,
    Commitments,
    Header,
    Record,
    schema_digests,
    write_records,
)
from node.wire.export_reading import read_records
from node.wire.pack import (
    Identity,
    new_identity,
    open_journal,
    read_identities,
    recipient_digest,
    write_pack,
)
from tests.journals import one_exchange
from tests.trust_schemas import SCHEMAS


@cache
def records() -> tuple[Record, ...]:
    border, *_ = one_exchange()
    return tuple(border.answering.records())


@cache
def auditor() -> Identity:
    return new_identity()


def written(*recipients: str) -> bytes:
    stream = io.BytesIO()
    write_pack(records(), stream, recipients)
    return stream.getvalue()


def read(data: bytes, *identities: Identity) -> tuple[Record, ...]:
    with open_journal(io.BytesIO(data), identities) as stream:
        return tuple(read_records(stream))


def refused(data: bytes, *identities: Identity) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data, *identities)
    return caught.value


def test_any_zstandard_tool_unpacks_a_pack() -> None:
    plain = io.BytesIO()
    write_records(records(), plain)
    reader = zstandard.ZstdDecompressor().stream_reader(written(), read_across_frames=True)
    assert reader.read() == plain.getvalue()


def test_frames_are_compressed_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "FRAME_SIZE_BYTES", 4096)
    data = written()
    assert data.count(b"\x28\xb5\x2f\xfd") > 3
    assert read(data) == records()


def test_a_journal_that_is_no_pack_is_read_as_it_is() -> None:
    plain = io.BytesIO()
    write_records(records(), plain)
    assert read(plain.getvalue()) == records()


def test_each_of_several_auditors_opens_what_is_encrypted_to_all() -> None:
    other = new_identity()
    data = written(auditor().recipient, other.recipient)
    assert read(data, other) == read(data, new_identity(), auditor()) == records()


def test_a_pack_that_is_encrypted_to_others_says_so() -> None:
    data = written(auditor().recipient)
    refusal = refused(data, new_identity())
    assert refusal.code is Code.UNAUTHENTICATED
    assert "encrypted to others" in refusal.reason
    assert "give --identity" in refused(data).reason


def test_every_byte_of_a_pack_that_is_changed_is_told() -> None:
    data = written()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        assert refused(changed).code is Code.MALFORMED, place


def test_every_cut_of_a_pack_is_told() -> None:
    data = written()
    for size in range(len(data)):
        assert refused(data[:size]).code is Code.MALFORMED, size
    assert "does not end as packs do" in refused(data[:-1]).reason
    assert "does not end as packs do" in refused(data + b"more").reason


def test_a_changed_or_cut_pack_that_is_encrypted_is_told() -> None:
    data = written(auditor().recipient)
    for place in [*range(0, len(data), 61), len(data) - 1]:
        changed = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        refusal = refused(changed, auditor())
        assert refusal.code in {Code.MALFORMED, Code.UNAUTHENTICATED}, place
        assert refused(data[:place], auditor()).code is Code.MALFORMED


def test_what_would_unpack_to_more_than_a_window_is_refused() -> None:
    bomb = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27)
    ).compress(bytes(1 << 27))
    assert refused(bomb).code is Code.MALFORMED


def test_what_fails_while_it_is_packed_is_told_as_it_is() -> None:
    def failing() -> Iterator[Record]:
        yield records()[0]
        raise Refusal(Code.STALE, "the disk is gone")

    for recipients in ([], [auditor().recipient]):
        with pytest.raises(Refusal, match="the disk is gone"):
            write_pack(failing(), io.BytesIO(), recipients)


def test_an_audit_that_ends_early_lets_the_decryption_end() -> None:
    stream = open_journal(io.BytesIO(written(auditor().recipient)), [auditor()])
    assert next(read_records(stream)) == records()[0]
    stream.close()


def test_identities_are_read_from_files_of_age() -> None:
    one, other = new_identity(), new_identity()
    content = f"# created\n\n{one.secret}\n# recipient: {other.recipient}\n {other.secret}\n"
    assert read_identities(content) == [one, other]


@pytest.mark.parametrize("content", ["", "# nothing\n", "AGE-SECRET-KEY-1NONE", "age1abc\n" * 3])
def test_what_is_no_identity_is_refused_and_not_repeated(content: str) -> None:
    with pytest.raises(Refusal, match="identity: ") as caught:
        read_identities(content)
    assert "NONE" not in caught.value.reason


def test_what_is_no_recipient_is_refused() -> None:
    with pytest.raises(Refusal, match="recipient: 'age1none' is none"):
        recipient_digest("age1none")
    assert recipient_digest(auditor().recipient) == recipient_digest(auditor().recipient)


def test_the_digests_of_the_schemas_are_those_of_the_files() -> None:
    from hashlib import sha256

    names = set(schema_digests()) - {"node.proto"}
    assert names == {path.name for path in SCHEMAS.iterdir()}
    for name in names:
        assert schema_digests()[name] == sha256((SCHEMAS / name).read_bytes()).digest()


@pytest.mark.parametrize(
    "record",
    [
        Commitments(0, b""),
        Commitments(0, bytes(33)),
        Commitments(0, bytes(32 * (COMMITMENTS_MAX + 1))),
        Commitments(2**62, bytes(32)),
        Header("XA", "xa", Grant(2, 2), 1),
        Header("XA", "xa", Grant(0, 2, (11, 10)), 1),
        Header("XA", "xa", Grant(0, 2, (9,)), 1),
        Header("XA", "xa", None, 1),
        Header("XA", "xa", None, 0, {"node.proto": b"short"}),
    ],
)
def test_what_is_out_of_bounds_is_refused(record: Record) -> None:
    stream = io.BytesIO()
    before = [] if isinstance(record, Header) else [Header("XA", "xa")]
    write_records([*before, record], stream)
    stream.seek(0)
    with pytest.raises(Refusal):
        list(read_records(stream))
