"""Share codes: a holder's consent in a form that a person can read aloud.

`XA-7K3M-9QXT-2FDR-H4WZ`: the answering node's id, 15 symbols of Crockford base32 (75 random
bits) and a check symbol over both, which finds every single wrong symbol and every swap of
two neighbours.
"""

import hashlib
import hmac
import re
from datetime import date
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal

RANDOM_SIZE_BYTES: Final = 10
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES: Final = {symbol: value for value, symbol in enumerate(_ALPHABET)}
_SYMBOLS: Final = 15
_GROUP: Final = 4
_NODE: Final = re.compile(r"[A-Z]{2}[0-9]{0,2}")
_READ_AS: Final = str.maketrans({"I": "1", "L": "1", "O": "0"})
_SEPARATORS: Final = re.compile(r"[\s\u00a0\u2010-\u2015\u2212-]+")
_LENGTH_MAX: Final = 64
_FIELD_POLYNOMIAL: Final = 0b100101


class ShareCode(Struct, frozen=True):
    """A share code in its one normal form: no separators, upper case, no I, L or O."""

    node: str
    symbols: str

    def __str__(self) -> str:
        """Return the code as it is printed and dictated."""
        groups = (
            self.symbols[start : start + _GROUP] for start in range(0, len(self.symbols), _GROUP)
        )
        return "-".join((self.node, *groups))

    @property
    def digest(self) -> bytes:
        """The 32 bytes that stand for the code in queries, journals and tables."""
        return hashlib.sha256(b"symbolon/share-code/v1\x00" + self._normal).digest()

    def holder_proof(self, birth_date: date) -> bytes:
        """Return HMAC-SHA-256 of the birth date under the code: the second factor."""
        return hmac.digest(self._normal, birth_date.isoformat().encode("ascii"), "sha256")

    @property
    def _normal(self) -> bytes:
        return f"{self.node}{self.symbols}".encode("ascii")


def make(node: str, randomness: bytes) -> ShareCode:
    """Make a share code of a node from `RANDOM_SIZE_BYTES` random bytes."""
    number = int.from_bytes(randomness, "big")
    symbols = "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(_SYMBOLS))
    return ShareCode(node, symbols + _check_symbol(node, symbols))


def parse(text: str) -> ShareCode:
    """Read a share code as people type it: any case, spaces or any dash, O for 0, I or L for 1.

    Raises:
        Refusal: MALFORMED where the form or the check symbol is wrong. The code is not repeated.
    """
    if len(text) > _LENGTH_MAX:
        raise Refusal(Code.MALFORMED, "share_code: longer than a share code can be")
    head, separator, rest = _SEPARATORS.sub("-", text.strip()).upper().partition("-")
    symbols = rest.replace("-", "").translate(_READ_AS)
    if not separator or _NODE.fullmatch(head) is None:
        raise Refusal(
            Code.MALFORMED, "share_code: must begin with the country's letters, like XA-7K3M-…"
        )
    if len(symbols) != _SYMBOLS + 1 or any(symbol not in _VALUES for symbol in symbols):
        raise Refusal(
            Code.MALFORMED,
            f"share_code: must have {_SYMBOLS + 1} letters or digits after the country; "
            "the letter U is never used",
        )
    if _check_symbol(head, symbols[:-1]) != symbols[-1]:
        raise Refusal(
            Code.MALFORMED, "share_code: a letter or digit is wrong or swapped; read it again"
        )
    return ShareCode(head, symbols)


def _check_symbol(node: str, symbols: str) -> str:
    """Evaluate the symbols as a polynomial over GF(32): a change of one always shows."""
    total = 0
    for value in (*(ord(letter) & 31 for letter in node), *(_VALUES[one] for one in symbols)):
        total = (total ^ value) << 1
        if total & 32:
            total ^= _FIELD_POLYNOMIAL
    return _ALPHABET[total]
