"""A holder's record: all that a node holds about them, as JSON, and as a file that proves it.

    {
      "format": "symbolon-record/1",
      "record":    {…},
      "statement": <base64>, "salt": <base64>, "proof": <C2SP tlog-proof>,
      "trust":     {"metadata": {<name>: <text>}, "files": {<path>: <text>}}
    }

The statement is a `RecordExported` of the node's journal, with the digest of the record:

    SHA-256("symbolon/record/v1" ‖ 0x00 ‖ the record as JSON without blanks, in the order it has)

A file has exactly one encoding: what decodes encodes to the same bytes again.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from node.errors import Code, Refusal
from node.model.bounds import exactly, number
from node.model.proof import parse_proof, render_proof
from node.model.seal import SALT_SIZE_BYTES, Sealed
from node.model.trust import TrustBundle
from node.wire.codec import INDEX_MAX, STATEMENT_SIZE_MAX_BYTES
from node.wire.trust_text import TrustText

RECORD_SIZE_MAX_BYTES: Final = 16 << 20
FORMAT: Final = "symbolon-record/1"
_DOMAIN: Final = b"symbolon/record/v1\x00"

ShareCodeState = Literal["open", "used_up", "expired", "revoked"]
WatchState = Literal["open", "expired", "revoked"]
ComplaintName = Literal["wrong_content", "wrong_status", "not_mine", "unexpected_access", "other"]
_Position = Annotated[int, Meta(ge=0, description="Position in this node's journal")]


class HeldShareCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A share code, known by its id; the code itself is kept nowhere."""

    id: Annotated[str, Meta(description="SHA-256 of the code, in hexadecimal digits")]
    credential: str
    state: Annotated[ShareCodeState, Meta(extra_json_schema={"type": "string"})]
    purpose: str
    fields: Annotated[tuple[str, ...], Meta(description="What it shows")]
    uses: Annotated[int, Meta(description="How many answers may show it")]
    uses_spent: int
    expires_at: datetime
    requester: Annotated[str, Meta(description="Register id of the only requester; empty: any")]


class HeldWatch(Struct, frozen=True, forbid_unknown_fields=True):
    """A standing consent: who may follow a credential's status, and until when."""

    id: str
    credential: str
    state: Annotated[WatchState, Meta(extra_json_schema={"type": "string"})]
    node: Annotated[str, Meta(description="Node id of the requester's home node")]
    legal_name: str
    register_id: str
    expires_at: datetime


class HeldAccess(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody asked about a credential. What was answered is told by field, never by value."""

    index: _Position
    credential: str
    share_code: Annotated[str, Meta(description="Id of the share code that was used")]
    asked_by: Annotated[str, Meta(description="Legal name of who asked")]
    register_id: str
    sector: str
    node: Annotated[str, Meta(description="Node id of the country that it was asked through")]
    purpose: str
    asked_at: datetime
    answered_at: datetime
    outcome: str
    rule: str | None
    shown: Annotated[tuple[str, ...], Meta(description="The fields that the answer showed")]


class HeldContest(Struct, frozen=True, forbid_unknown_fields=True):
    """What the holder said is wrong."""

    index: _Position
    raised_at: datetime
    credential: str
    complaint: Annotated[ComplaintName, Meta(extra_json_schema={"type": "string"})]
    entry: Annotated[int | None, Meta(description="Position of the entry that is contested")]
    text: str


class HeldRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a node holds about one holder.

    Attributes:
        id: 16 random bytes in hexadecimal digits, so that nobody can guess what a digest is of.
        credentials: each as a row of a JSON file holds it.
        accesses: the newest first.
        accesses_left_out: whether there are older ones than these.
    """

    id: str
    node: str
    authority: str
    made_at: datetime
    credentials: tuple[dict[str, Any], ...]
    share_codes: tuple[HeldShareCode, ...]
    watches: tuple[HeldWatch, ...]
    accesses: tuple[HeldAccess, ...]
    accesses_left_out: bool
    contests: tuple[HeldContest, ...]


class RecordFile(Struct, frozen=True):
    """A record, the statement that vouches for it, and the trust list that checks its seal."""

    record: HeldRecord
    sealed: Sealed
    trust: TrustBundle


class _RecordText(Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["symbolon-record/1"]
    record: HeldRecord
    statement: bytes
    salt: bytes
    proof: str
    trust: TrustText


def record_digest(record: HeldRecord) -> bytes:
    """Return the SHA-256 that stands for a record in the journal."""
    return hashlib.sha256(_DOMAIN + msgspec.json.encode(record)).digest()


def encode_record(file: RecordFile) -> bytes:
    """Return the one encoding of a record's file.

    Raises:
        Refusal: MALFORMED where a part is out of its bounds, no UTF-8, or the whole too large.
    """
    sealed = file.sealed
    try:
        content = _RecordText(
            FORMAT,
            file.record,
            sealed.statement,
            sealed.salt,
            render_proof(sealed.index, sealed.path, sealed.checkpoint).decode(),
            TrustText.of(file.trust),
        )
        data = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    except UnicodeError:
        raise Refusal(Code.MALFORMED, "record: a text in it is not UTF-8") from None
    if len(data) > RECORD_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"record: over {RECORD_SIZE_MAX_BYTES} bytes")
    return data


def decode_record(data: bytes) -> RecordFile:
    """Read a record's file strictly; nothing in it is verified yet.

    Raises:
        Refusal: MALFORMED, with the field that is wrong; values are not repeated.
    """
    if len(data) > RECORD_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"record: over {RECORD_SIZE_MAX_BYTES} bytes")
    try:
        content = msgspec.json.decode(data, type=_RecordText)
        trust = content.trust.bundle()
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal(Code.MALFORMED, "record: is no file of a holder's record") from None
    if not 0 < len(content.statement) <= STATEMENT_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, "record: statement is missing or too long")
    try:
        proof = parse_proof(content.proof.encode())
    except (Refusal, UnicodeError):
        raise Refusal(Code.MALFORMED, "record: proof is none") from None
    sealed = Sealed(
        content.statement,
        exactly(content.salt, "record: salt", SALT_SIZE_BYTES),
        number(proof.index, "record: proof: index", 0, INDEX_MAX),
        proof.path,
        proof.note,
    )
    file = RecordFile(content.record, sealed, trust)
    if encode_record(file) != data:
        raise Refusal(
            Code.MALFORMED,
            "record: is not in its one encoding; use the file as the node gave it, byte for byte",
        )
    return file
