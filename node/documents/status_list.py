"""Bitstring Status List v1.0: one bit for each exported document, among many that say nothing.

A list has 131,072 places, and a document's place in it is random: whoever looks a list up does not
tell whose document made them look.
"""

import gzip
import zlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from node.documents.did import base64url, read_base64url
from node.documents.strict_json import Json
from node.errors import Code, Refusal

ENTRIES: Final = 131_072
"""Places of a list: 16 KiB, the least that the standard allows."""

_ENTRIES_MAX: Final = 8 << 20
_TYPE: Final = "BitstringStatusList"
CREDENTIAL_TYPE: Final = "BitstringStatusListCredential"
ENTRY_TYPE: Final = "BitstringStatusListEntry"
_GZIP: Final = 16 + zlib.MAX_WBITS
_TTL_MS: Final = 60_000


class StatusPurpose(StrEnum):
    """What a bit that is set says; the first cannot be taken back."""

    REVOCATION = "revocation"
    SUSPENSION = "suspension"


def status_subject(address: str, purpose: StatusPurpose, places: Iterable[int]) -> Json:
    """Return what a list's credential says: which places are set."""
    bits = bytearray(ENTRIES // 8)
    for place in places:
        bits[place >> 3] |= 0x80 >> (place & 7)  # the leftmost bit is the first place
    packed = gzip.compress(bytes(bits), mtime=0)
    return {
        "id": f"{address}#list",
        "type": _TYPE,
        "statusPurpose": purpose.value,
        "encodedList": f"u{base64url(packed)}",
        "ttl": _TTL_MS,
    }


def is_set(subject: object, purpose: str, place: int) -> bool:
    """Tell whether a place of a list is set.

    Raises:
        Refusal: MALFORMED where it is no such list, is shorter or unpacks to more than it may, or
            has no such place.
    """
    if not isinstance(subject, dict) or subject.get("type") != _TYPE:
        raise Refusal(Code.MALFORMED, f"status list: must be a {_TYPE}")
    stated = subject.get("statusPurpose")
    if purpose not in (stated if isinstance(stated, list) else [stated]):
        raise Refusal(Code.MALFORMED, "status list: is for another purpose")
    if subject.get("statusSize", 1) != 1:
        raise Refusal(Code.MALFORMED, "status list: more than one bit for each place")
    packed = subject.get("encodedList")
    if not isinstance(packed, str) or not packed.startswith("u"):
        raise Refusal(Code.MALFORMED, "encodedList: must be base64url with a u before it")
    bits = _unpacked(read_base64url(packed[1:], "encodedList"))
    if 8 * len(bits) < ENTRIES:
        raise Refusal(Code.MALFORMED, f"encodedList: fewer than {ENTRIES:,} places")
    if not 0 <= place < 8 * len(bits):
        raise Refusal(Code.MALFORMED, "statusListIndex: the list has no such place")
    return bool(bits[place >> 3] & (0x80 >> (place & 7)))


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj(_GZIP)
    try:
        bits = unpacking.decompress(packed, _ENTRIES_MAX // 8 + 1)
    except zlib.error:
        raise Refusal(Code.MALFORMED, "encodedList: must be packed with gzip") from None
    if len(bits) > _ENTRIES_MAX // 8 or not unpacking.eof or unpacking.unused_data:
        raise Refusal(
            Code.MALFORMED,
            f"encodedList: unpacks to more than {_ENTRIES_MAX:,} places, or breaks off",
        )
    return bits
