"""Audit packs: an exported journal, compressed and, if asked, encrypted to auditors.

1. the records of an export, cut into runs of about four megabytes
2. each run compressed by itself: a Zstandard frame (RFC 8878) with its size and its checksum
3. a skippable frame with the SHA-256 of all bytes before it
4. encrypted, all of that is one age file (C2SP age), to X25519 recipients

So any zstd tool unpacks it and any age tool decrypts it. Reading is forward only, in memory: the
plain text of an encrypted pack is never written anywhere.
"""

import io
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, BinaryIO, Final

import pyrage
import zstandard
from msgspec import Struct

from node.errors import Code, Refusal
from node.wire.export import Record, encode_records

SUFFIX: Final = ".symbolon-pack"
FRAME_SIZE_BYTES: Final = 4 << 20
_AGE: Final = b"age-encryption.org/v1\n"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_TRAILER: Final = b"\x5a\x2a\x4d\x18" + (32).to_bytes(4, "little")  # a skippable frame of 32 bytes
_TRAILER_SIZE_BYTES: Final = len(_TRAILER) + 32
_LEVEL: Final = 3
_RATIO: Final = 3  # what journals shrink to, with some to spare
_WINDOW_MAX_BYTES: Final = 1 << 25
_BUFFER_SIZE_BYTES: Final = 1 << 20
_IDENTITIES_MAX: Final = 64


class Identity(Struct, frozen=True):
    """An auditor's identity: opens what is encrypted to its recipient.

    Attributes:
        secret: as age writes it, AGE-SECRET-KEY-1 and so on.
        recipient: as age writes it, age1 and so on.
    """

    secret: str
    recipient: str


def new_identity() -> Identity:
    """Return a new identity."""
    identity = pyrage.x25519.Identity.generate()
    return Identity(str(identity), str(identity.to_public()))


def read_identities(content: str) -> list[Identity]:
    """Read an age identity file: one identity a line, comments after a #.

    Raises:
        Refusal: MALFORMED where it holds none, or anything else; what it holds is not repeated.
    """
    lines = [line.strip() for line in content.splitlines()]
    secrets = [line for line in lines if line and not line.startswith("#")]
    if not 1 <= len(secrets) <= _IDENTITIES_MAX:
        raise Refusal(Code.MALFORMED, f"identity: the file must hold 1 to {_IDENTITIES_MAX}")
    try:
        parsed = [pyrage.x25519.Identity.from_str(secret) for secret in secrets]
    except pyrage.IdentityError:
        raise Refusal(
            Code.MALFORMED, "identity: is none that 'audit keygen' or age-keygen writes"
        ) from None
    return [Identity(str(identity), str(identity.to_public())) for identity in parsed]


def recipient_digest(recipient: str) -> bytes:
    """Return what stands for a recipient in a journal: SHA-256 of it as age writes it.

    Raises:
        Refusal: MALFORMED where it is none.
    """
    return sha256(str(_recipient(recipient)).encode()).digest()


def _recipient(recipient: str) -> Any:  # noqa: ANN401 - the package has no types
    try:
        return pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise Refusal(
            Code.MALFORMED,
            f"recipient: {recipient[:80]!r} is none; 'audit keygen' prints one, like age1…",
        ) from None


# --- outward -------------------------------------------------------------------------------


def write_pack(records: Iterable[Record], stream: BinaryIO, recipients: Sequence[str] = ()) -> None:
    """Write records as a pack as they come; memory does not grow with them.

    Raises:
        Refusal: MALFORMED where a recipient is none, or a record is larger than a reader accepts.
    """
    pieces = _compressed(records)
    if not recipients:
        stream.writelines(pieces)
        return
    source = _Pieces(pieces)
    try:
        pyrage.encrypt_io(source, stream, list(map(_recipient, recipients)))
    except pyrage.EncryptError as error:
        raise (source.failure or OSError(str(error))) from None


def _compressed(records: Iterable[Record]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    digest = sha256()
    for run in _runs(records):
        frame = compressor.compress(run)
        digest.update(frame)
        yield frame
    yield _TRAILER + digest.digest()


def _runs(records: Iterable[Record]) -> Iterator[bytes]:
    run = bytearray()
    for data in encode_records(records):
        run += data
        if len(run) >= FRAME_SIZE_BYTES:
            yield bytes(run)
            run.clear()
    if run:
        yield bytes(run)


class _Pieces:
    """Pieces as a stream to read; what fails on the way is kept, since age tells it as its own."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self.failure: BaseException | None = None

    def read(self, size_bytes: int) -> bytes:
        try:
            if not self._held:
                self._held = next(self._pieces, b"")
        except BaseException as failure:
            self.failure = failure
            raise
        taken, self._held = self._held[:size_bytes], self._held[size_bytes:]
        return taken


# --- inward --------------------------------------------------------------------------------


def is_encrypted(stream: BinaryIO) -> bool:
    """Tell whether a file is encrypted, by its first bytes; it is left at its beginning."""
    return _begins(stream) == _AGE


def open_journal(stream: BinaryIO, identities: Sequence[Identity] = ()) -> BinaryIO:
    """Return the records of an exported journal or of a pack, to be read once, forward.

    Close what is returned; that closes the stream too.

    Raises:
        Refusal: MALFORMED where it is encrypted and no identity is given, UNAUTHENTICATED where it
            is encrypted to others. While reading: MALFORMED where it was changed or cut short.
    """
    begins = _begins(stream)
    size_bytes = stream.seek(0, io.SEEK_END) * _RATIO
    stream.seek(0)
    if begins == _AGE:
        if not identities:
            raise Refusal(Code.MALFORMED, "the pack is encrypted: give --identity")
        decrypted = io.BufferedReader(_Decrypted(stream, identities), _BUFFER_SIZE_BYTES)
        decrypted.peek(1)  # so that a wrong identity shows at once
        stream = decrypted
    elif not begins.startswith(_ZSTANDARD):
        return stream
    return PackStream(_Unpacked(stream), size_bytes)


class PackStream(io.BufferedReader):
    """The records of a pack, to be read once, forward.

    Attributes:
        size_bytes: about how many bytes they have, rather more than fewer.
    """

    def __init__(self, unpacked: "_Unpacked", size_bytes: int) -> None:
        """Buffer what is unpacked."""
        super().__init__(unpacked, _BUFFER_SIZE_BYTES)
        self.size_bytes = size_bytes


def _begins(stream: BinaryIO) -> bytes:
    begins = stream.read(len(_AGE))
    stream.seek(0)
    return begins


class _Unpacked(io.RawIOBase):
    """The records of a pack."""

    def __init__(self, stream: BinaryIO) -> None:
        self._source = _Whole(stream)
        unpacking = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX_BYTES)
        self._reader = unpacking.stream_reader(
            self._source,  # type: ignore[arg-type] # it asks for `read` alone
            read_size=_BUFFER_SIZE_BYTES,
            read_across_frames=True,
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        try:
            return self._reader.readinto(buffer)
        except zstandard.ZstdError:
            raise Refusal(
                Code.MALFORMED, f"pack: was changed, or is none, before byte {self._source.offset}"
            ) from None

    def close(self) -> None:
        self._source.close()
        super().close()


class _Whole:
    """A pack without its last frame, which must be the digest of the rest; not a value."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = sha256()
        self._tail = b""
        self._ended = False
        self.offset = 0

    def read(self, size_bytes: int) -> bytes:
        while not self._ended:
            read = self._stream.read(size_bytes)
            self._tail += read
            if not read:
                self._end()
                break
            ready = len(self._tail) - _TRAILER_SIZE_BYTES
            if ready > 0:
                taken, self._tail = self._tail[:ready], self._tail[ready:]
                self._digest.update(taken)
                self.offset += ready
                return taken
        return b""

    def _end(self) -> None:
        self._ended = True
        if self._tail[: len(_TRAILER)] != _TRAILER:
            raise Refusal(
                Code.MALFORMED, "pack: does not end as packs do: cut short, or changed at its end"
            )
        if self._tail[len(_TRAILER) :] != self._digest.digest():
            raise Refusal(
                Code.MALFORMED, f"pack: its {self.offset} bytes are not those that were written"
            )

    def close(self) -> None:
        self._stream.close()


class _Decrypted(io.RawIOBase):
    """What an age file holds, decrypted by a thread of its own as it is read."""

    def __init__(self, stream: BinaryIO, identities: Sequence[Identity]) -> None:
        keys = [pyrage.x25519.Identity.from_str(identity.secret) for identity in identities]
        reading, writing = os.pipe()
        self._pipe = os.fdopen(reading, "rb", buffering=0)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=self._decrypt, args=(stream, writing, keys), name="age", daemon=True
        )
        self._thread.start()

    def _decrypt(self, stream: BinaryIO, writing: int, keys: Sequence[object]) -> None:
        try:
            with os.fdopen(writing, "wb") as plain:
                pyrage.decrypt_io(stream, plain, keys)
        except Exception as failure:  # noqa: BLE001 - told to the one who reads
            self._failure = failure

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - any buffer
        read = self._pipe.readinto(buffer)
        if not read:
            self._thread.join()
            if self._failure is not None:
                raise _undecrypted(self._failure) from None
        return read

    def close(self) -> None:
        self._pipe.close()
        self._thread.join()
        super().close()


def _undecrypted(failure: BaseException) -> Refusal:
    if "no matching keys" in str(failure).lower():
        return Refusal(
            Code.UNAUTHENTICATED, "pack: is encrypted to others; name the identity it was made for"
        )
    return Refusal(Code.MALFORMED, "pack: was changed or cut short after it was encrypted")
