"""Parcels: sealed statements and refusals under the checkpoints that they name.

Unknown fields are ignored here, so that neighbouring versions can talk; never in statements.
"""

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import exactly, number
from node.model.seal import SALT_SIZE_BYTES, Sealed
from node.wire._pb import node_pb2 as pb
from node.wire.codec import INDEX_MAX, STATEMENT_SIZE_MAX_BYTES
from node.wire.refusals import from_wire_code, to_wire_code

PARCEL_SIZE_MAX_BYTES: Final = 4 * 1024 * 1024
PARCEL_STATEMENTS_MAX: Final = 512
PATH_HASHES_MAX: Final = 63
CHECKPOINT_SIZE_MAX_BYTES: Final = 64 * 1024
_RETRY_AFTER_MAX_MS: Final = 24 * 60 * 60 * 1000


class Refused(Struct, frozen=True, gc=False):
    """One item of a parcel that was not answered."""

    code: Code
    reason: str
    retry_after_s: float | None


Item = Sealed | Refused


def encode_parcel(items: Sequence[Item]) -> pb.Parcel:
    """Pack sealed statements and refusals; each distinct checkpoint travels once."""
    parcel = pb.Parcel()
    positions: dict[bytes, int] = {}
    for item in items:
        message = parcel.items.add()
        if isinstance(item, Refused):
            message.refusal.CopyFrom(_refusal(item))
            continue
        sealed = message.sealed
        sealed.statement = item.statement
        sealed.salt = item.salt
        sealed.index = item.index
        sealed.path = item.path
        sealed.checkpoint = positions.setdefault(item.checkpoint, len(positions))
    parcel.checkpoints.extend(positions)
    return parcel


def _refusal(item: Refused) -> pb.Refusal:
    retry_after_s = 0.0 if item.retry_after_s is None else item.retry_after_s
    return pb.Refusal(
        code=pb.RefusalCode.Name(to_wire_code(item.code)),
        reason=item.reason,
        retry_after_ms=min(round(retry_after_s * 1000), _RETRY_AFTER_MAX_MS),
    )


def parse_parcel(data: bytes) -> list[Item]:
    """Read the bytes of a parcel, as `decode_parcel` does.

    Raises:
        Refusal: MALFORMED where they are none, or a bound is broken.
    """
    try:
        parcel = pb.Parcel.FromString(data)
    except DecodeError:
        raise Refusal(Code.MALFORMED, "parcel: not a protobuf message") from None
    return decode_parcel(parcel)


def decode_parcel(parcel: pb.Parcel) -> list[Item]:
    """Read a parcel within its bounds; statements stay unparsed bytes.

    Items under one checkpoint share one `bytes` object for it.

    Raises:
        Refusal: MALFORMED where a bound is broken or a checkpoint is not there.
    """
    checkpoints = list(parcel.checkpoints)
    if len(parcel.items) > PARCEL_STATEMENTS_MAX or len(checkpoints) > PARCEL_STATEMENTS_MAX:
        raise Refusal(Code.MALFORMED, f"parcel: more than {PARCEL_STATEMENTS_MAX} statements")
    if any(len(note) > CHECKPOINT_SIZE_MAX_BYTES for note in checkpoints):
        raise Refusal(
            Code.MALFORMED, f"parcel: a checkpoint over {CHECKPOINT_SIZE_MAX_BYTES} bytes"
        )
    return [_read_item(item, checkpoints) for item in parcel.items]


def _read_item(item: pb.Item, checkpoints: list[bytes]) -> Item:
    match item.WhichOneof("kind"):
        case "sealed":
            return _read_sealed(item.sealed, checkpoints)
        case "refusal":
            refusal = item.refusal
            retry_after_s = refusal.retry_after_ms / 1000 if refusal.retry_after_ms else None
            reason = "".join(c if c.isprintable() else " " for c in refusal.reason[:500])
            return Refused(from_wire_code(refusal.code), reason, retry_after_s)
    raise Refusal(Code.MALFORMED, "parcel: an item is empty")


def _read_sealed(message: pb.SealedStatement, checkpoints: Sequence[bytes]) -> Sealed:
    statement = message.statement
    path = message.path
    if not 0 < len(statement) <= STATEMENT_SIZE_MAX_BYTES:
        raise Refusal(
            Code.MALFORMED, f"parcel: a statement must have 1 to {STATEMENT_SIZE_MAX_BYTES} bytes"
        )
    if len(path) % 32 or len(path) > PATH_HASHES_MAX * 32:
        raise Refusal(
            Code.MALFORMED, f"parcel: a path must have 0 to {PATH_HASHES_MAX} hashes of 32 bytes"
        )
    if message.checkpoint >= len(checkpoints):
        raise Refusal(Code.MALFORMED, "parcel: an item names a checkpoint that is not there")
    return Sealed(
        statement,
        exactly(message.salt, "parcel: salt", SALT_SIZE_BYTES),
        number(message.index, "parcel: index", 0, INDEX_MAX),
        path,
        checkpoints[message.checkpoint],
    )
