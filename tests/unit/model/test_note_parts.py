"""What notes are made of: verifier keys, checkpoints, numbers and base64, each in one spelling."""

import base64
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import ParamSpec

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.errors import Code, Refusal
from node.model.merkle import EMPTY_ROOT
from node.model.note import (
    Checkpoint,
    Ed25519Signer,
    KeyKind,
    Mldsa44Signer,
    VerifierKey,
    decode_base64,
    parse_decimal,
)

P = ParamSpec("P")
ED25519 = Ed25519Signer("node.example/xa/queries", sha256(b"ed25519").digest())
MLDSA44 = Mldsa44Signer("node.example/xa/queries", sha256(b"mldsa44").digest())
FIELD = 2**255 - 19


def refused(code: Code, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    assert caught.value.code is code


def vkey(name: str, payload: bytes) -> str:
    key_id = sha256(name.encode() + b"\n" + payload).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(payload).decode()}"


# Keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+12345678",
        "name+12345678+",
        "name++AQ==",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fooo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        " example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2é",
        vkey("n", b"\x02" + ED25519.verifier.public_key),
        vkey("n", b"\xff" + ED25519.verifier.public_key),
        vkey("n", b"\x01" + ED25519.verifier.public_key[:31]),
        vkey("n", b"\x01" + ED25519.verifier.public_key + b"\x00"),
        vkey("n", b"\x06" + ED25519.verifier.public_key),
        vkey("n", b"\x06" + MLDSA44.verifier.public_key[:-1]),
        vkey("n", b"\x01"),
        vkey("n n", b"\x01" + ED25519.verifier.public_key),
        vkey("n\u2003n", b"\x01" + ED25519.verifier.public_key),
        vkey("n\x1bn", b"\x01" + ED25519.verifier.public_key),
        vkey("n" * 256, b"\x01" + ED25519.verifier.public_key),
    ],
    ids=count(),
)
def test_refuses_a_verifier_key_that_it_would_not_write(text: str) -> None:
    refused(Code.MALFORMED, VerifierKey.parse, text)


@pytest.mark.parametrize("key", [ED25519.verifier, MLDSA44.verifier])
def test_verifier_keys_go_through_text_and_back(key: VerifierKey) -> None:
    assert VerifierKey.parse(str(key)) == key
    assert str(VerifierKey.parse(str(key))) == str(key)


def test_a_plus_in_the_base64_of_a_key_does_not_end_its_name() -> None:
    text = "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6"
    assert str(VerifierKey.parse(text)) == text


def edwards_add(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    """Add points of Ed25519 in affine coordinates (RFC 8032 §5.1.4)."""
    (x1, y1), (x2, y2) = p, q
    d = -121665 * pow(121666, -1, FIELD)
    product = d * x1 * x2 * y1 * y2
    x3 = (x1 * y2 + y1 * x2) * pow(1 + product, -1, FIELD)
    y3 = (y1 * y2 + x1 * x2) * pow(1 - product, -1, FIELD)
    return x3 % FIELD, y3 % FIELD


def small_order_points() -> set[tuple[int, int]]:
    """Return the eight multiples of a point of order eight: the prime order times any point."""
    order = 2**252 + 27742317777372353535851937790883648493
    d = -121665 * pow(121666, -1, FIELD) % FIELD
    for y in range(2, 100):
        square = (y * y - 1) * pow(d * y * y + 1, -1, FIELD) % FIELD
        x = pow(square, (FIELD + 3) // 8, FIELD)
        if (x * x - square) % FIELD:
            x = x * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
        if (x * x - square) % FIELD:
            continue
        result, addend = (0, 1), (x, y)
        for bit in bin(order)[:1:-1]:
            if bit == "1":
                result = edwards_add(result, addend)
            addend = edwards_add(addend, addend)
        points, multiple = set(), (0, 1)
        for _ in range(8):
            multiple = edwards_add(multiple, result)
            points.add(multiple)
        if len(points) == 8:
            return points
    message = "no point of order eight found"
    raise AssertionError(message)


def test_refuses_all_eight_small_order_keys() -> None:
    encodings = {(y | (x & 1) << 255).to_bytes(32, "little").hex() for x, y in small_order_points()}
    assert len(encodings) == 8
    assert "01" + "00" * 31 in encodings
    for encoding in encodings:
        for kind in (KeyKind.ED25519, KeyKind.COSIGNATURE_ED25519):
            with pytest.raises(Refusal, match="small order"):
                VerifierKey.of("n", kind, bytes.fromhex(encoding))


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [*range(FIELD, 2**255), 1, FIELD - 1])
def test_refuses_keys_that_are_not_canonical(y: int, sign: int) -> None:
    public_key = (y | sign << 255).to_bytes(32, "little")
    refused(Code.MALFORMED, VerifierKey.of, "n", KeyKind.ED25519, public_key)


def test_an_all_identity_signature_would_verify_under_a_small_order_key() -> None:
    """Why such keys are refused: the library alone accepts them."""
    identity = b"\x01" + bytes(31)
    Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"any message")
    refused(Code.MALFORMED, VerifierKey.parse, vkey("n", b"\x01" + identity))


@pytest.mark.parametrize("signer", [Ed25519Signer, Mldsa44Signer])
def test_a_signer_needs_a_name_and_a_seed_of_32_bytes(
    signer: type[Ed25519Signer | Mldsa44Signer],
) -> None:
    refused(Code.MALFORMED, signer, "n", bytes(31))
    for name in ("", "a b", "a+b", "a\nb", "a\ud800b", "\x00", "n" * 256, "é" * 128):
        refused(Code.MALFORMED, signer, name, bytes(32))
    assert "00" * 8 not in repr(signer("n", bytes(32)))


# Checkpoints, numbers and base64


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"o\n1\n",
        b"o\n1\n%b",
        b"\n1\n%b\n",
        b"o o\n1\n%b\n",
        b"o+o\n1\n%b\n",
        b"o\n\n%b\n",
        b"o\n+5\n%b\n",
        b"o\n-1\n%b\n",
        b"o\n 5\n%b\n",
        b"o\n5 \n%b\n",
        b"o\n05\n%b\n",
        b"o\n1_000\n%b\n",
        b"o\n\xd9\xa5\n%b\n",
        b"o\n\xef\xbc\x95\n%b\n",
        b"o\n5.0\n%b\n",
        b"o\n9223372036854775808\n%b\n",
        b"o\n10000000000000000000\n%b\n",
        b"o\n0\n%b\n",
        b"o\n1\n%b\nextension\n",
        b"o\n1\n%b\n\n",
        b"o\n1\n%b\nrest",
        b"o\n1\n%b=\n",
        b"o\n1\n%b \n",
        b"\xff\n1\n%b\n",
    ],
    ids=count(),
)
def test_refuses_a_checkpoint_that_it_would_not_write(text: bytes) -> None:
    root = base64.b64encode(bytes(32))
    text = text.replace(b"%b", root)
    refused(Code.MALFORMED, Checkpoint.parse, text)


@pytest.mark.parametrize(
    "root",
    [
        b"A" * 42 + b"B=",
        b"A" * 43,
        b"A" * 44,
        b"A" * 40 + b"\n" + b"A" * 3 + b"=",
        b"-" + b"A" * 42 + b"=",
        base64.b64encode(bytes(31)),
        base64.b64encode(bytes(33)),
        b"",
    ],
    ids=count(),
)
def test_refuses_a_root_that_is_not_canonical_base64_of_32_bytes(root: bytes) -> None:
    refused(Code.MALFORMED, Checkpoint.parse, b"o\n1\n%b\n" % root)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [("", 1, bytes(32)), ("o", -1, bytes(32)), ("o", 2**63, bytes(32)), ("o", 1, bytes(31))],
)
def test_no_checkpoint_can_be_made_that_could_not_be_read(
    origin: str, size: int, root: bytes
) -> None:
    refused(Code.MALFORMED, Checkpoint, origin, size, root)


def test_the_checkpoint_of_an_empty_log_has_the_empty_root() -> None:
    checkpoint = Checkpoint("o", 0, EMPTY_ROOT)
    assert Checkpoint.parse(checkpoint.text()) == checkpoint
    refused(Code.MALFORMED, Checkpoint, "o", 0, bytes(32))


def test_numbers_are_plain_decimals() -> None:
    assert parse_decimal(b"0", "n") == 0
    assert parse_decimal(b"9223372036854775807", "n") == 2**63 - 1
    for text in (
        b"",
        b"00",
        b"01",
        b"+1",
        b"-0",
        b"1 ",
        b"1\n",
        b"1_0",
        b"\xc2\xb2",
        b"0x1",
        b"1e3",
    ):
        refused(Code.MALFORMED, parse_decimal, text, "n")


def test_base64_has_one_spelling() -> None:
    assert decode_base64(b"QQ==", "b") == b"A"
    for text in (
        b"",
        b"QR==",
        b"QQ=",
        b"QQ",
        b"QQ==\n",
        b" QQ==",
        b"QQ===",
        b"Q=Q=",
        b"_w==",
        b"\xff",
    ):
        refused(Code.MALFORMED, decode_base64, text, "b")
