"""Signed notes: verifier keys, checkpoints and their signatures.

Sources: C2SP signed-note, tlog-checkpoint and tlog-cosignature. A note is text
(ending in a newline), an empty line, and signature lines that each name their key:

    <text>
    <empty line>
    — <key name> <base64 of: key id (4 bytes), then the signature>

We read only what we would write ourselves: base64 is canonical, numbers are plain decimals,
names have at most 255 bytes, and extension lines of a checkpoint are refused, though C2SP allows
them, because nothing checks what they say. A signature that comes later (a witness's,
`cosignature`) is appended to the note. Compare checkpoints by origin, size and root, never by
bytes: the same one may be signed again.
"""

import enum
import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Collection, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from node.errors import Code, Refusal
from node.model.merkle import EMPTY_ROOT, HASH_SIZE_BYTES, SIZE_MAX

NOTE_SIZE_MAX_BYTES: Final = 64 * 1024
SIGNATURE_LINES_MAX: Final = 64
NAME_SIZE_MAX_BYTES: Final = 255
"""Longest key name or origin: ML-DSA cosignatures count it in one byte."""
TIMESTAMP_MAX_S: Final = 2**63 - 1
SEED_SIZE_BYTES: Final = 32

_KEY_ID_SIZE_BYTES: Final = 4
_TIMESTAMP_SIZE_BYTES: Final = 8
_EM_DASH: Final = "\u2014".encode()
_CONTROLS: Final = bytes(range(0x20)).replace(b"\n", b"")
_DECIMAL: Final = re.compile(rb"0|[1-9][0-9]{0,18}")
_KEY_ID_HEX: Final = re.compile(r"[0-9a-f]{8}")

# Ed25519 (RFC 8032 §5.1): the field, and the y of the eight points of small order. With such a
# key one signature verifies for every message.
_FIELD: Final = 2**255 - 19
_ORDER_EIGHT_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y: Final = frozenset({0, 1, _FIELD - 1, _ORDER_EIGHT_Y, _FIELD - _ORDER_EIGHT_Y})


def decode_base64(text: bytes, field: str) -> bytes:
    """Decode canonical standard base64 (RFC 4648 §4), the one encoding of its bytes.

    Raises:
        Refusal: MALFORMED, naming `field`, for anything that does not encode back to `text`.
    """
    try:
        data = a2b_base64(text, strict_mode=True)
    except Base64Error:
        data = b""
    if not text or b2a_base64(data, newline=False) != text:
        raise Refusal(Code.MALFORMED, f"{field} is not canonical base64: encode its bytes again")
    return data


def parse_decimal(text: bytes, field: str) -> int:
    """Parse a number from 0 to 2^63-1 in ASCII digits without sign, space or leading zero.

    Raises:
        Refusal: MALFORMED, naming `field`.
    """
    number = int(text) if _DECIMAL.fullmatch(text) else SIZE_MAX + 1
    if number > SIZE_MAX:
        raise Refusal(Code.MALFORMED, f"{field} is not a plain decimal from 0 to 2^63-1")
    return number


def _require_name(name: str, field: str) -> None:
    encoded = name.encode(errors="replace")  # a lone surrogate becomes "?": refused below
    if name.split() != [name] or "+" in name or encoded.translate(None, _CONTROLS) != encoded:
        raise Refusal(Code.MALFORMED, f"{field} is empty or has a space, a + or a control in it")
    if len(encoded) > NAME_SIZE_MAX_BYTES or encoded.decode() != name:
        raise Refusal(Code.MALFORMED, f"{field} is not UTF-8 of at most 255 bytes")


class Unprovable(Refusal):
    """No proof leads to a checkpoint, or none that came with it does."""


class KeyKind(enum.IntEnum):
    """What a key signs, as the type byte of C2SP signed-note."""

    ED25519 = 0x01
    """The text of any note."""
    COSIGNATURE_ED25519 = 0x04
    """A checkpoint and a time, by a witness."""
    MLDSA44 = 0x06
    """A checkpoint and a time, by a log or a witness; withstands quantum computers."""


_PUBLIC_KEY_SIZE_BYTES: Final = {
    KeyKind.ED25519: 32,
    KeyKind.COSIGNATURE_ED25519: 32,
    KeyKind.MLDSA44: 1312,
}


def _key_id(name: str, kind: KeyKind, public_key: bytes) -> bytes:
    return sha256(b"%b\n%c%b" % (name.encode(), kind, public_key)).digest()[:_KEY_ID_SIZE_BYTES]


def require_strong_ed25519(public_key: bytes) -> None:
    """Refuse as MALFORMED an Ed25519 public key of small order or not canonical."""
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    # y = 1 and y = -1 with the sign bit set are the last encodings that are not canonical;
    # being of small order they are refused with the others.
    if y >= _FIELD or y in _SMALL_ORDER_Y:
        reason = "Ed25519 public key is of small order or not canonical: make a new key pair"
        raise Refusal(Code.MALFORMED, reason)


class VerifierKey(msgspec.Struct, frozen=True):
    """A named public key; (name, key_id) is how a signature line refers to it.

    Making one checks it, raising Refusal MALFORMED: name, lengths, key id, and that an Ed25519
    key is canonical and not of small order. That its owner holds the private key is proved
    elsewhere, when it enters the trust list.
    """

    name: str
    key_id: bytes
    """4 bytes: the start of SHA-256(name, newline, kind, public key)."""
    kind: KeyKind
    public_key: bytes
    """32 bytes for Ed25519, 1,312 for ML-DSA-44."""

    def __post_init__(self) -> None:
        _require_name(self.name, "key name")
        size_bytes = _PUBLIC_KEY_SIZE_BYTES[self.kind]
        if len(self.public_key) != size_bytes:
            reason = f"public key has {len(self.public_key)} bytes: {self.kind.name} {size_bytes}"
            raise Refusal(Code.MALFORMED, reason)
        if self.key_id != _key_id(self.name, self.kind, self.public_key):
            raise Refusal(Code.MALFORMED, "key id is not that of the name, kind and public key")
        if self.kind is not KeyKind.MLDSA44:
            require_strong_ed25519(self.public_key)

    @classmethod
    def of(cls, name: str, kind: KeyKind, public_key: bytes) -> Self:
        """Make the verifier key of a public key, computing its key id."""
        _require_name(name, "key name")
        return cls(name, _key_id(name, kind, public_key), kind, public_key)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a vkey: name, key id in 8 hex digits, and base64 of kind and key, joined by +.

        Raises:
            Refusal: MALFORMED when str() of the result would not be `text`.
        """
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        if not _KEY_ID_HEX.fullmatch(key_id) or not encoded.isascii():
            raise Refusal(Code.MALFORMED, "verifier key is not <name>+<8 hex digits>+<base64>")
        data = decode_base64(encoded.encode(), "verifier key")
        try:
            kind = KeyKind(data[0])
        except ValueError:
            reason = f"verifier key is of type {data[0]:#04x}: use 0x01, 0x04 or 0x06"
            raise Refusal(Code.MALFORMED, reason) from None
        return cls(name, bytes.fromhex(key_id), kind, data[1:])

    def __str__(self) -> str:
        encoded = b2a_base64(b"%c%b" % (self.kind, self.public_key), newline=False).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@lru_cache(maxsize=1024)
def _load(kind: KeyKind, public_key: bytes) -> Ed25519PublicKey | MLDSA44PublicKey:
    if kind is KeyKind.MLDSA44:
        return MLDSA44PublicKey.from_public_bytes(public_key)
    return Ed25519PublicKey.from_public_bytes(public_key)


class Checkpoint(msgspec.Struct, frozen=True):
    """The head of a log: whose it is, how many leaves, and their root hash.

    Making one checks it, raising Refusal MALFORMED: the origin is a valid key name (stricter
    than C2SP, which only recommends it), the size at most 2^63-1, the root 32 bytes and, for
    size 0, the root of the empty tree.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        _require_name(self.origin, "checkpoint origin")
        if not 0 <= self.size <= SIZE_MAX:
            raise Refusal(Code.MALFORMED, f"checkpoint size {self.size} is outside 0..2^63-1")
        if len(self.root) != HASH_SIZE_BYTES:
            raise Refusal(Code.MALFORMED, f"checkpoint root has {len(self.root)} bytes, not 32")
        if self.size == 0 and self.root != EMPTY_ROOT:
            reason = "checkpoint of size 0 has not the root of the empty tree"
            raise Unprovable(Code.MALFORMED, reason)

    def text(self) -> bytes:
        """Return the text of the note: origin, size and root, a line each (tlog-checkpoint)."""
        root = b2a_base64(self.root, newline=False)
        return b"%b\n%d\n%b\n" % (self.origin.encode(), self.size, root)

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read the text of a note as a checkpoint.

        Raises:
            Refusal: MALFORMED when text() of the result would not be `text`; extension lines
                are refused, since ML-DSA signatures do not cover them and nobody audits them.
        """
        lines = text.split(b"\n")
        if len(lines) != 4 or lines[3]:  # noqa: PLR2004 - three lines, and nothing after them
            reason = "checkpoint is not three lines (origin, size, root): drop extension lines"
            raise Refusal(Code.MALFORMED, reason)
        origin = _decode_text(lines[0])
        size = parse_decimal(lines[1], "checkpoint size")
        return cls(origin, size, decode_base64(lines[2], "checkpoint root"))


def _mldsa44_message(checkpoint: Checkpoint, cosigner: str, timestamp_s: int) -> bytes:
    """Return the cosigned_message of tlog-cosignature: the subtree from 0 to the whole size."""
    name, origin = cosigner.encode(), checkpoint.origin.encode()
    time, start, end = (number.to_bytes(8, "big") for number in (timestamp_s, 0, checkpoint.size))
    framed = b"%c%b%b%c%b" % (len(name), name, time, len(origin), origin)
    return b"subtree/v1\n\x00" + framed + start + end + checkpoint.root


def cosignature_message(text: bytes, timestamp_s: int) -> bytes:
    """Return what a witness signs with Ed25519 (kind 0x04), which does not name the witness."""
    return b"cosignature/v1\ntime %d\n%b" % (timestamp_s, text)


def require_timestamp(timestamp_s: int) -> None:
    """Refuse as MALFORMED a POSIX time outside 0..2^63-1."""
    if not 0 <= timestamp_s <= TIMESTAMP_MAX_S:
        raise Refusal(Code.MALFORMED, f"timestamp {timestamp_s} s is outside 0..2^63-1")


class Ed25519Signer:
    """Signs the text of notes, checkpoints among them, with an Ed25519 key (type 0x01)."""

    def __init__(self, name: str, private_seed: bytes) -> None:
        """Load the 32-byte private seed of RFC 8032 under a key name (for a log: its origin).

        Raises:
            Refusal: MALFORMED when the name or the length of the seed is wrong.
        """
        self._key = Ed25519PrivateKey.from_private_bytes(checked_seed(private_seed))
        public_key = self._key.public_key().public_bytes_raw()
        self.verifier = VerifierKey.of(name, KeyKind.ED25519, public_key)

    def prove(self, message: bytes) -> bytes:
        """Return the bare signature over a proof of possession's message."""
        return self._key.sign(message)

    def sign_text(self, text: bytes) -> bytes:
        """Return the signature line for a note's text."""
        return signature_line(self.verifier, self._key.sign(text))

    def sign(self, checkpoint: Checkpoint, timestamp_s: int) -> bytes:  # noqa: ARG002 - one shape
        """Return the signature line for a checkpoint; this kind says nothing of the time."""
        return self.sign_text(checkpoint.text())


class Mldsa44Signer:
    """Signs checkpoints and the time, as a log or as a witness, with ML-DSA-44 (type 0x06)."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Load the 32-byte seed of FIPS 204 under a key name (for a log: its origin).

        Raises:
            Refusal: MALFORMED when the name or the length of the seed is wrong.
        """
        self._key = MLDSA44PrivateKey.from_seed_bytes(checked_seed(seed))
        public_key = self._key.public_key().public_bytes_raw()
        self.verifier = VerifierKey.of(name, KeyKind.MLDSA44, public_key)

    def prove(self, message: bytes) -> bytes:
        """Return the bare signature over a proof of possession's message."""
        return self._key.sign(message)

    def sign(self, checkpoint: Checkpoint, timestamp_s: int) -> bytes:
        """Return the signature line that says: the largest tree seen at that POSIX time.

        Raises:
            Refusal: MALFORMED when the time is outside 0..2^63-1.
        """
        require_timestamp(timestamp_s)
        message = _mldsa44_message(checkpoint, self.verifier.name, timestamp_s)
        signature = self._key.sign(message)
        return signature_line(self.verifier, timestamp_s.to_bytes(8, "big") + signature)


def checked_seed(seed: bytes) -> bytes:
    """Return a private seed; refuse as MALFORMED one that has not 32 bytes."""
    if len(seed) != SEED_SIZE_BYTES:
        raise Refusal(Code.MALFORMED, f"private seed has {len(seed)} bytes, not {SEED_SIZE_BYTES}")
    return seed


def signature_line(key: VerifierKey, signature: bytes) -> bytes:
    """Return the line of a note for what a key signed (after the key id: all of `signature`)."""
    encoded = b2a_base64(key.key_id + signature, newline=False)
    return b"%b %b %b\n" % (_EM_DASH, key.name.encode(), encoded)


def sign_checkpoint(
    checkpoint: Checkpoint, signers: Sequence[Ed25519Signer | Mldsa44Signer], timestamp_s: int
) -> bytes:
    """Return a checkpoint as a note, with a signature line of each signer in turn.

    Raises:
        Refusal: MALFORMED when no or too many signers are given, or the time is out of range.
    """
    return _assemble(checkpoint.text(), [s.sign(checkpoint, timestamp_s) for s in signers])


def sign_text(text: bytes, *signers: Ed25519Signer) -> bytes:
    """Return any text as a note, with a signature line of each signer in turn.

    Raises:
        Refusal: MALFORMED when the text does not end in a newline, is not UTF-8, holds control
            characters or is too long, or no or too many signers are given.
    """
    return _assemble(text, [signer.sign_text(text) for signer in signers])


def _assemble(text: bytes, lines: list[bytes]) -> bytes:
    note = b"%b\n%b" % (text, b"".join(lines))
    if split_note(note)[0] != text:
        raise Refusal(Code.MALFORMED, "note text does not end in a newline: add one")
    return note


class OpenedNote(NamedTuple):
    """A note whose signatures of known keys all verified; there is at least one."""

    text: bytes
    signed_by: tuple[VerifierKey, ...]
    """In the order of the note, each key once."""
    timestamps_s: tuple[int | None, ...]
    """POSIX times in the same order; None for kind 0x01, 0 where no time is claimed."""


class OpenedCheckpoint(NamedTuple):
    """A note that is a checkpoint; the rest as in OpenedNote."""

    checkpoint: Checkpoint
    signed_by: tuple[VerifierKey, ...]
    timestamps_s: tuple[int | None, ...]


def _decode_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, "note is not UTF-8") from None


def split_note(note: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes]]]:
    """Return the text and, for each signature, key name, key id and signature: all unverified.

    Raises:
        Refusal: MALFORMED where the bytes are no note within its bounds.
    """
    if len(note) > NOTE_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"note has more than {NOTE_SIZE_MAX_BYTES} bytes")
    if len(note.translate(None, _CONTROLS)) != len(note):
        raise Refusal(Code.MALFORMED, "note holds control characters")
    text, separator, block = note.rpartition(b"\n\n")
    lines = block.split(b"\n")
    if not separator or lines.pop():
        reason = "note is not text, an empty line and signature lines, each ending in a newline"
        raise Refusal(Code.MALFORMED, reason)
    if not 1 <= len(lines) <= SIGNATURE_LINES_MAX:
        reason = f"note has {len(lines)} signature lines: 1 to {SIGNATURE_LINES_MAX} are read"
        raise Refusal(Code.MALFORMED, reason)
    _decode_text(text)
    return text + b"\n", [_parse_signature_line(line) for line in lines]


def only_lines_of(note: bytes, keys: Collection[VerifierKey]) -> bytes:
    """Return a note with the first signature line of each of some keys, and no other line.

    Raises:
        Refusal: MALFORMED where it is no note, or has no such line.
    """
    text, signatures = split_note(note)
    wanted = {(key.name, key.key_id) for key in keys}
    found: dict[tuple[str, bytes], bytes] = {}
    lines = note[len(text) + 1 :].splitlines(keepends=True)
    for line, (name, key_id, _) in zip(lines, signatures, strict=True):
        if (name, key_id) in wanted:
            found.setdefault((name, key_id), line)
    if not found:
        raise Refusal(Code.MALFORMED, "note has no signature line of the keys in question")
    return b"%b\n%b" % (text, b"".join(found.values()))


def _parse_signature_line(line: bytes) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(b" ")
    encoded_name, _, encoded = rest.partition(b" ")
    if dash != _EM_DASH:
        raise Refusal(Code.MALFORMED, "signature line does not start with an em dash and a space")
    name = _decode_text(encoded_name)
    _require_name(name, "key name of a signature line")
    data = decode_base64(encoded, "signature line")
    if len(data) <= _KEY_ID_SIZE_BYTES:
        raise Refusal(Code.MALFORMED, "signature line holds no signature after the key id")
    return name, data[:_KEY_ID_SIZE_BYTES], data[_KEY_ID_SIZE_BYTES:]


def _verify(key: VerifierKey, text: bytes, signature: bytes) -> int | None:
    """Verify one signature and return its time; raise Refusal UNAUTHENTICATED."""
    failed = Refusal(Code.UNAUTHENTICATED, f"a signature of {key.name} does not verify")
    timestamp_s, message = None, text
    if key.kind is not KeyKind.ED25519:
        timestamp_s = int.from_bytes(signature[:_TIMESTAMP_SIZE_BYTES], "big")
        signature = signature[_TIMESTAMP_SIZE_BYTES:]
        if timestamp_s > TIMESTAMP_MAX_S:
            raise failed
        checkpoint = Checkpoint.parse(text)
        if key.kind is KeyKind.MLDSA44:
            message = _mldsa44_message(checkpoint, key.name, timestamp_s)
        else:
            message = cosignature_message(text, timestamp_s)
    try:
        _load(key.kind, key.public_key).verify(signature, message)
    except InvalidSignature:
        raise failed from None
    return timestamp_s


def open_note(note: bytes, verifiers: Sequence[VerifierKey]) -> OpenedNote:
    """Verify a note and return its text with the keys that signed it.

    Lines of unknown keys are ignored; one line of a known key that fails spoils the note. Which
    keys are enough is the caller's policy, asked of signed_by. Keys of kind 0x04 and 0x06 sign
    checkpoints only: such a line under any other text is refused. A key that signed twice
    counts once, with the time of its first line.

    Raises:
        Refusal: MALFORMED when the note is; UNAUTHENTICATED when a known key's signature fails
            or no known key signed; CONFLICT when two of `verifiers` cannot be told apart.
    """
    text, lines = split_note(note)
    known = {(key.name, key.key_id): key for key in verifiers}
    if len(known) != len(set(verifiers)):
        raise Refusal(Code.CONFLICT, "two verifier keys share name and key id: replace one")
    signed_by: dict[VerifierKey, int | None] = {}
    for name, key_id, signature in lines:
        key = known.get((name, key_id))
        if key is not None:
            signed_by.setdefault(key, _verify(key, text, signature))
    if not signed_by:
        raise Refusal(Code.UNAUTHENTICATED, "note carries no signature of a known key")
    return OpenedNote(text, tuple(signed_by), tuple(signed_by.values()))


def open_checkpoint(note: bytes, origin: str, verifiers: Sequence[VerifierKey]) -> OpenedCheckpoint:
    """Verify a note as a checkpoint of the log `origin`.

    Witnesses sign as well: when `verifiers` holds their keys, ask signed_by whether the log's
    own key is there.

    Raises:
        Refusal: as open_note; MALFORMED when the text is no checkpoint; UNAUTHENTICATED when it
            is another log's.
    """
    text, signed_by, timestamps_s = open_note(note, verifiers)
    checkpoint = Checkpoint.parse(text)
    if checkpoint.origin != origin:
        reason = f"checkpoint is of {checkpoint.origin}, where one of {origin} is due"
        raise Refusal(Code.UNAUTHENTICATED, reason)
    return OpenedCheckpoint(checkpoint, signed_by, timestamps_s)
