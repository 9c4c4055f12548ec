"""Receipts: one JSON file that proves an exchange by itself.

    {
      "format": "symbolon-receipt/1",
      "query":      {"statement": <base64>, "salt": <base64>, "proof": <C2SP tlog-proof>},
      "answer":     {…},
      "conclusion": {…},
      "trust":      [{"metadata": {<name>: <text>}, "files": {<path>: <text>}}, …]
    }

`trust` are the trust lists that the three statements name, as far as the asking node has them:
two nodes do not adopt a new one at the same moment.

A receipt has exactly one encoding: what decodes encodes to the same bytes again.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import exactly, number
from node.model.proof import parse_proof, render_proof
from node.model.seal import SALT_SIZE_BYTES, Sealed
from node.model.trust import TrustBundle
from node.wire.codec import INDEX_MAX, STATEMENT_SIZE_MAX_BYTES
from node.wire.trust_text import TrustText

RECEIPT_SIZE_MAX_BYTES: Final = 1 << 22
FORMAT: Final = "symbolon-receipt/1"


class Receipt(Struct, frozen=True):
    """An exchange with its three seals, and the parts of the trust lists that check them."""

    query: Sealed
    answer: Sealed
    conclusion: Sealed
    trust: tuple[TrustBundle, ...]


class _SealedText(Struct, frozen=True, forbid_unknown_fields=True):
    statement: bytes
    salt: bytes
    proof: str


class _ReceiptText(Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["symbolon-receipt/1"]
    query: _SealedText
    answer: _SealedText
    conclusion: _SealedText
    trust: tuple[TrustText, ...]


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the one encoding of a receipt.

    Raises:
        Refusal: MALFORMED where a part is out of its bounds, no UTF-8, or the whole too large.
    """
    try:
        content = _ReceiptText(
            FORMAT,
            _write_sealed(receipt.query),
            _write_sealed(receipt.answer),
            _write_sealed(receipt.conclusion),
            tuple(map(TrustText.of, receipt.trust)),
        )
        data = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    except UnicodeError:
        raise Refusal(Code.MALFORMED, "receipt: a text in it is not UTF-8") from None
    if len(data) > RECEIPT_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"receipt: over {RECEIPT_SIZE_MAX_BYTES} bytes")
    return data


def decode_receipt(data: bytes) -> Receipt:
    """Read a receipt strictly; nothing in it is verified yet.

    Raises:
        Refusal: MALFORMED, with the field that is wrong.
    """
    if len(data) > RECEIPT_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"receipt: over {RECEIPT_SIZE_MAX_BYTES} bytes")
    try:
        content = msgspec.json.decode(data, type=_ReceiptText)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal(Code.MALFORMED, f"receipt: {error}") from None
    try:
        receipt = Receipt(
            _read_sealed(content.query, "query"),
            _read_sealed(content.answer, "answer"),
            _read_sealed(content.conclusion, "conclusion"),
            tuple(text.bundle() for text in content.trust),
        )
    except UnicodeError:
        raise Refusal(Code.MALFORMED, "receipt: a text in it is not UTF-8") from None
    if encode_receipt(receipt) != data:
        raise Refusal(
            Code.MALFORMED,
            "receipt: is not in its one encoding; use the file as the node gave it, byte for byte",
        )
    return receipt


def _write_sealed(sealed: Sealed) -> _SealedText:
    proof = render_proof(sealed.index, sealed.path, sealed.checkpoint)
    return _SealedText(sealed.statement, sealed.salt, proof.decode())


def _read_sealed(content: _SealedText, name: str) -> Sealed:
    if not 0 < len(content.statement) <= STATEMENT_SIZE_MAX_BYTES:
        raise Refusal(
            Code.MALFORMED,
            f"receipt: {name}.statement must have 1 to {STATEMENT_SIZE_MAX_BYTES} bytes",
        )
    try:
        proof = parse_proof(content.proof.encode())
    except Refusal as refusal:
        raise Refusal(Code.MALFORMED, f"receipt: {name}.proof: {refusal.reason}") from None
    return Sealed(
        content.statement,
        exactly(content.salt, f"receipt: {name}.salt", SALT_SIZE_BYTES),
        number(proof.index, f"receipt: {name}.proof: index", 0, INDEX_MAX),
        proof.path,
        proof.note,
    )
