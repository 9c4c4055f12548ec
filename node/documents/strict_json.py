"""JSON of strangers: bounded, each member once, no number that two readers read differently."""

import json
from typing import Any, Final, NoReturn

from node.errors import Code, Refusal

SIZE_MAX_BYTES: Final = 1 << 20
_DEPTH_MAX: Final = 32
_NUMBER_MAX: Final = 2**53 - 1
_NUMBER_LENGTH_MAX: Final = 32

Json = dict[str, Any]


def read_object(content: bytes | str, name: str = "document") -> Json:
    """Read a JSON object.

    Raises:
        Refusal: MALFORMED where it is none, too large or too deep, names a member twice, or has a
            number beyond 2^53 (RFC 8785).
    """
    if len(content) > SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"{name}: larger than {SIZE_MAX_BYTES:,} bytes")
    try:
        found = json.loads(
            content,
            object_pairs_hook=_members,
            parse_constant=_no_number,
            parse_int=_integer,
            parse_float=_decimal,
        )
        _require_shallow(found, _DEPTH_MAX)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"{name}: {refusal.reason}") from None
    except RecursionError:
        raise Refusal(Code.MALFORMED, f"{name}: nested more than {_DEPTH_MAX} deep") from None
    except ValueError:  # what it quotes may be personal
        raise Refusal(Code.MALFORMED, f"{name}: must be JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise Refusal(Code.MALFORMED, f"{name}: must be a JSON object")
    return found


def _members(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal(Code.MALFORMED, "an object names a member twice")
    return found


def _no_number(_: str) -> NoReturn:
    raise Refusal(Code.MALFORMED, "NaN and Infinity are no numbers of JSON")


def _integer(digits: str) -> int:
    if len(digits) > _NUMBER_LENGTH_MAX or abs(int(digits)) > _NUMBER_MAX:
        raise Refusal(Code.MALFORMED, "a number is beyond what every reader can hold")
    return int(digits)


def _decimal(digits: str) -> float:
    found = float(digits)
    if len(digits) > _NUMBER_LENGTH_MAX or abs(found) > _NUMBER_MAX:
        raise Refusal(Code.MALFORMED, "a number is beyond what every reader can hold")
    return found


def _require_shallow(value: object, left: int) -> None:
    if left < 0:
        raise Refusal(Code.MALFORMED, f"nested more than {_DEPTH_MAX} deep")
    if isinstance(value, dict):
        for one in value.values():
            _require_shallow(one, left - 1)
    elif isinstance(value, list):
        for one in value:
            _require_shallow(one, left - 1)
    elif isinstance(value, str) and not value.isascii():
        value.encode()  # half a surrogate pair is no text: UnicodeEncodeError is a ValueError
