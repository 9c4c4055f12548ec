"""Slips: what parts of journals leave for one another, brought together by key.

What a check compares stands far apart in a journal, or in several. Each part writes a slip for
either side, under a key that both have; the slips are spread over piles by key, on disk where
they are many, and each pile is sorted and read by itself, in any process. So memory grows neither
with the journals nor with what they hold.

A slip is its length, its address (what sorts it) and its content, a message of MessagePack.
"""

import os
import struct
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from enum import IntEnum
from hashlib import sha256
from itertools import groupby
from typing import BinaryIO, Final, NamedTuple, Self
from zlib import crc32

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msgspec import Struct

from node.audit.exchange import Answered, Asked, Concluded
from node.errors import Code
from node.model.case_bodies import CaseStep
from node.model.credential import Credential
from node.model.decide import Consent
from node.model.history import number_of
from node.model.statement import (
    Answer,
    Body,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    Query,
    RegistryEvent,
    TrustReference,
)
from node.model.trust import Agreement

PILE_SIZE_BYTES: Final = 16 << 20
"""About how many bytes of the journals leave their slips in one pile."""

PILES_MAX: Final = 2048
"""Beyond 32 GB of journals, piles grow instead."""

_HELD_MAX_BYTES: Final = 32 << 20
_ADDRESS: Final = struct.Struct(">B32sBHQ")
_LENGTH: Final = struct.Struct(">I")


class Kind(IntEnum):
    """What is brought together, and by which key."""

    EXCHANGE = 1  # by the query's commitment: over all journals
    POSITION = 2  # by node and index: what one says there, and others hold of it
    SIZE = 3  # by node and tree size: which checkpoint one signs, and others were shown
    SHARE_CODE = 4  # by the share code's digest, in one journal
    ISSUER = 5  # by the issuer, in one journal
    CREDENTIAL = 6  # by the credential's number, in one journal; after the share codes
    ABSENT = 7  # by node and index, in one journal: what is not in the file, and what was erased
    CASE = 9  # by the case's id, in one journal
    GONE = 8  # by commitment, over all journals; after the exchanges and what is absent


_OF_ONE_JOURNAL: Final = frozenset(
    {Kind.SHARE_CODE, Kind.ISSUER, Kind.CREDENTIAL, Kind.ABSENT, Kind.CASE}
)
_LATER: Final = frozenset({Kind.CREDENTIAL, Kind.GONE})
_SHARED_SIZE_BYTES: Final = 1 + 32  # of an address: kind and key
_ALONE_SIZE_BYTES: Final = 1 + 32 + 1 + 2  # and the journal, behind the rank


# --- what slips say ------------------------------------------------------------------------


class QuerySlip(Struct, frozen=True, gc=False, array_like=True, tag=1):
    """A query, in its asking node's journal."""

    asked: Asked


class AnswerSlip(Struct, frozen=True, gc=False, array_like=True, tag=2):
    """An answer in its answering node's journal, and the query held beside it.

    `sealed` says whether the seal of that query holds; `rule` is the refusal's, 0 for none.
    """

    answered: Answered
    rule: int
    held: Asked | None
    sealed: bool


class ConclusionSlip(Struct, frozen=True, gc=False, array_like=True, tag=3):
    """A conclusion, and the answer held beside it; `sealed` says whether its seal holds."""

    concluded: Concluded
    held: Answered | None
    sealed: bool


class GivenUpSlip(Struct, frozen=True, gc=False, array_like=True, tag=4):
    """No answer came to a query, or it was refused."""

    index: int
    said_at: int
    code: Code


class SaysSlip(Struct, frozen=True, gc=False, array_like=True, tag=5):
    """What stands at a position of a journal, by its commitment."""

    commitment: bytes


class HoldsSlip(Struct, frozen=True, gc=False, array_like=True, tag=6):
    """What the entry at `index` holds of a peer's position."""

    index: int
    commitment: bytes


class SignsSlip(Struct, frozen=True, gc=False, array_like=True, tag=7):
    """The root that a journal signs at a size."""

    root: bytes


class ShownSlip(Struct, frozen=True, gc=False, array_like=True, tag=8):
    """The root that a peer signed at a size, as the entry at `index` holds it."""

    index: int
    root: bytes


class ConsentSlip(Struct, frozen=True, gc=False, array_like=True, tag=9):
    """A share code was given."""

    index: int
    said_at: int
    given: ConsentGiven


class ConsentEndSlip(Struct, frozen=True, gc=False, array_like=True, tag=10):
    """A share code ended."""

    index: int
    ended: ConsentEnded


class UseSlip(Struct, frozen=True, gc=False, array_like=True, tag=11):
    """An answer to a query with a share code.

    Attributes:
        agreement: in force then, as the query names it.
        trust: the trust list that it was decided under, None where that is not there.
        consent: what the journal says of the share code, once that is known.
        given: which entry gave it, counted as they stand.
    """

    index: int
    said_at: int
    asked: bytes
    query: Query
    answer: Answer
    agreement: Agreement | None
    trust: TrustReference | None
    consent: Consent | None = None
    given: int = 0


class CredentialSlip(Struct, frozen=True, gc=False, array_like=True, tag=12):
    """A credential entered the registry or was stated anew."""

    index: int
    said_at: int
    credential: Credential


class ChangeSlip(Struct, frozen=True, gc=False, array_like=True, tag=13):
    """Something of a credential changed, or is about to."""

    index: int
    said_at: int
    event: RegistryEvent


class AwardSlip(Struct, frozen=True, gc=False, array_like=True, tag=14):
    """An award of an issuer entered the registry."""

    index: int
    said_at: int


class AbsentSlip(Struct, frozen=True, gc=False, array_like=True, tag=15):
    """An entry within the grant whose statement is not in the file."""

    index: int
    commitment: bytes


class ErasedSlip(Struct, frozen=True, gc=False, array_like=True, tag=16):
    """The erasure at `by` says that the entry at `index` is gone."""

    by: int
    index: int
    kind: int
    rule: str
    authority: str


class GoneSlip(Struct, frozen=True, gc=False, array_like=True, tag=17):
    """An entry stands here by its commitment only.

    `rule` is that of its erasure, empty where it was not granted.
    """

    index: int
    rule: str


class SettlesSlip(Struct, frozen=True, gc=False, array_like=True, tag=18):
    """A conclusion, or the word that no answer came, to a query that is not in its journal."""

    index: int
    concludes: bool


class AloneSlip(Struct, frozen=True, gc=False, array_like=True, tag=19):
    """What one side holds under the other's seal, and the other's journal as given does not say.

    Attributes:
        check: whose finding it is.
        place: index of the entry that rests on it.
        what: question or answer.
        holder: node that holds it.
        other: node that said it.
        index: where the other says it.
        told: in words, how the holder knows that the other erased it; empty where nothing shows it.
        let_go: index at which the holder says that it has erased it, -1 where it does not.
    """

    check: str
    place: int
    what: str
    holder: str
    other: str
    index: int
    told: str
    let_go: int


class ToldSlip(Struct, frozen=True, gc=False, array_like=True, tag=20):
    """A request to erase an exchange: to a peer, or where it was `received`, by that peer."""

    peer: str
    received: bool = False


class LetGoSlip(Struct, frozen=True, gc=False, array_like=True, tag=21):
    """The acknowledgement at `index` says that an exchange was erased."""

    index: int


class StepSlip(Struct, frozen=True, gc=False, array_like=True, tag=22):
    """A step of a case, said here or received; `number` is its place as this entry has it."""

    index: int
    commitment: bytes
    speaker: str
    said_at: int
    step: CaseStep
    number: int


class PlacedSlip(Struct, frozen=True, gc=False, array_like=True, tag=23):
    """The other node gave an own step of a case its place."""

    commitment: bytes
    number: int


Slip = (
    QuerySlip
    | AnswerSlip
    | ConclusionSlip
    | GivenUpSlip
    | SaysSlip
    | HoldsSlip
    | SignsSlip
    | ShownSlip
    | ConsentSlip
    | ConsentEndSlip
    | UseSlip
    | CredentialSlip
    | ChangeSlip
    | AwardSlip
    | AbsentSlip
    | ErasedSlip
    | GoneSlip
    | SettlesSlip
    | AloneSlip
    | ToldSlip
    | LetGoSlip
    | StepSlip
    | PlacedSlip
)

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Slip)


def event_slip(index: int, said_at: int, event: Body) -> tuple[Kind, bytes, Slip] | None:
    """Return kind, key and slip of what a registry or consent event says; None for others."""
    match event:
        case CredentialRegistered(credential=credential):
            slip = CredentialSlip(index, said_at, credential)
            return Kind.CREDENTIAL, text_key(credential.number), slip
        case _ if isinstance(event, RegistryEvent):
            change = ChangeSlip(index, said_at, event)
            return Kind.CREDENTIAL, text_key(number_of(event)), change
        case ConsentGiven():
            return Kind.SHARE_CODE, event.code_digest, ConsentSlip(index, said_at, event)
        case ConsentEnded():
            return Kind.SHARE_CODE, event.code_digest, ConsentEndSlip(index, event)
    return None


# --- addresses -----------------------------------------------------------------------------


class Address(NamedTuple):
    """What brings a slip together with others, and where it stands among them.

    Attributes:
        key: 32 bytes.
        rank: those of a lower rank come first.
        journal: which of the journals wrote it.
        ordinal: which entry of that journal, counted as they stand, not by index.
    """

    kind: int
    key: bytes
    rank: int
    journal: int
    ordinal: int


def text_key(text: str) -> bytes:
    """Return the key of what is known by a text."""
    return sha256(text.encode()).digest()


def place_key(node: str, number: int) -> bytes:
    """Return the key of what is known by a node and a number."""
    return node.encode()[:24].ljust(24, b"\0") + number.to_bytes(8)


def read_place_key(key: bytes) -> tuple[str, int]:
    """Return the node and the number of a key of `place_key`."""
    return key[:24].rstrip(b"\0").decode(), int.from_bytes(key[24:])


class Written:
    """Slips as they are written, by pile; those for later go to piles of their own."""

    def __init__(self, piles: int) -> None:
        """Write for so many piles, and as many again for later."""
        self._piles = piles
        self.by_pile: dict[int, bytearray] = {}

    def add(self, address: Address, slip: Slip) -> None:
        """Write a slip."""
        content = _ENCODER.encode(slip)
        pile = crc32(address.key) % self._piles
        if address.kind in _LATER:
            pile += self._piles
        written = self.by_pile.get(pile)
        if written is None:
            written = self.by_pile[pile] = bytearray()
        written += _LENGTH.pack(_ADDRESS.size + len(content))
        written += _ADDRESS.pack(*address)
        written += content


Group = Iterator[tuple[Address, Slip]]
"""Slips of one kind and key, by rank, journal and ordinal; to be read before the next group."""


def groups(data: bytes) -> Iterator[tuple[Kind, bytes, Group]]:
    """Sort a pile and yield what belongs together, with its kind and its key."""
    pieces = []
    view = memoryview(data)
    at = 0
    while at < len(data):
        (size_bytes,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        pieces.append(bytes(view[at : at + size_bytes]))
        at += size_bytes
    # The address comes first, so bytes sort as addresses do.
    pieces.sort()
    for kind_and_key, alike in groupby(pieces, key=_kind_and_key):
        kind, key = kind_and_key[0], kind_and_key[1:_SHARED_SIZE_BYTES]
        yield Kind(kind), key, map(_read, alike)


def _kind_and_key(piece: bytes) -> bytes:
    return piece[: _ALONE_SIZE_BYTES if piece[0] in _OF_ONE_JOURNAL else _SHARED_SIZE_BYTES]


def _read(piece: bytes) -> tuple[Address, Slip]:
    return Address(*_ADDRESS.unpack_from(piece)), _DECODER.decode(piece[_ADDRESS.size :])


# --- piles ---------------------------------------------------------------------------------


class Piles:
    """Slips of many parts by pile, in memory while they are few, else in a temporary file.

    The file has no name, so nothing of it is left wherever this ends; and what stands in it is
    encrypted with a key that is nowhere else than here, since packs come encrypted.
    """

    def __init__(self, count: int) -> None:
        """Begin with so many empty piles, and as many again for later."""
        self._held: dict[int, bytearray] = {}
        self._held_bytes = 0
        self._file: BinaryIO | None = None
        self._end = 0
        self._runs: dict[int, array[int]] = {}  # offset and size in the file, one after another
        self._count = count
        self._key = algorithms.AES(os.urandom(32))

    def __enter__(self) -> Self:
        """Return the piles; what they keep on disk is gone in the end."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Give back the disk."""
        if self._file is not None:
            self._file.close()

    def put(self, written: Iterable[tuple[int, bytes | bytearray]]) -> None:
        """Add what was written."""
        for pile, data in written:
            held = self._held.get(pile)
            if held is None:
                held = self._held[pile] = bytearray()
            held += data
            self._held_bytes += len(data)
        if self._held_bytes > _HELD_MAX_BYTES:
            self._write()

    def take(self, *, later: bool) -> Iterator[bytes]:
        """Yield each pile, those for later or the others, and forget it."""
        first = self._count if later else 0
        for pile in range(first, first + self._count):
            held = self._held.pop(pile, bytearray())
            self._held_bytes -= len(held)
            yield b"".join([*self._read(pile), held])

    def _read(self, pile: int) -> Iterator[bytes]:
        runs = self._runs.pop(pile, array("Q"))
        if self._file is None:
            return
        for at in range(0, len(runs), 2):
            self._file.seek(runs[at])
            yield self._crypt(runs[at], self._file.read(runs[at + 1]))

    def _crypt(self, at: int, data: bytes | bytearray) -> bytes:
        """Encrypt or decrypt what stands at an offset; its counters are no other run's."""
        return Cipher(self._key, modes.CTR(at.to_bytes(16))).encryptor().update(data)

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="symbolon-audit-")  # noqa: SIM115 - ours
        self._file.seek(self._end)
        for pile, data in self._held.items():
            self._file.write(self._crypt(self._end, data))
            self._runs.setdefault(pile, array("Q")).extend((self._end, len(data)))
            self._end += len(data)
        self._held.clear()
        self._held_bytes = 0
