"""In what encoding a file is: what it shows for sure, and what it may be.

UTF-8 and UTF-16 can be told from their bytes. Of the others a file shows only what is likely:
`Éloïse` in windows-1252 is a good `Éloďse` in windows-1250. So nothing is read in one of those
unless somebody says so.
"""

import codecs
import io
from itertools import islice
from typing import BinaryIO, Final

from node.errors import Code, Refusal

_SAMPLE_LINES: Final = 2_000
_LINE_SIZE_MAX_BYTES: Final = 1 << 16
_PROPOSED_MAX: Final = 3
_NAMES: Final = {
    **{f"cp{number}": f"windows-{number}" for number in range(1250, 1259)},
    **{f"iso8859_{number}": f"iso-8859-{number}" for number in (1, 2, 5, 7, 9, 15)},
}


def shown_encoding(stream: BinaryIO) -> str:
    """Return `utf-16` or one of its orders where the first bytes are that, else `utf-8`."""
    begin = stream.read(4)
    stream.seek(-len(begin), io.SEEK_CUR)
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [not byte for byte in begin]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    if zeros == [True, False, True, False]:
        return "utf-16-be"
    return "utf-8"


def likely_encoding(stream: BinaryIO) -> str:
    """Return the likeliest encoding of a whole file, `utf-8` where it is that.

    Raises:
        Refusal: MALFORMED where nothing is likely.
    """
    shown = shown_encoding(stream)
    if shown != "utf-8" or _is_utf8(stream):
        return shown
    proposed = proposed_encodings(stream)
    if not proposed:
        raise Refusal(Code.MALFORMED, "encoding: cannot be detected; say which it is")
    return proposed[0]


def proposed_encodings(stream: BinaryIO) -> list[str]:
    """Return what a file that is not UTF-8 may be, the likeliest first; none: nothing fits.

    A file that is UTF-8 in places is damaged, and nothing else.
    """
    from charset_normalizer import from_bytes  # noqa: PLC0415 - takes long, and is seldom needed

    at = stream.tell()
    stream.seek(0)
    lines = (line for line in iter(lambda: stream.readline(_LINE_SIZE_MAX_BYTES), b""))
    telling = list(islice((line for line in lines if not line.isascii()), _SAMPLE_LINES))
    stream.seek(at)
    if any(_decodes(line) for line in telling):
        return []
    found = from_bytes(b"".join(telling), cp_isolation=list(_NAMES))
    return [_NAMES[one.encoding] for one in found if one.encoding in _NAMES][:_PROPOSED_MAX]


def as_text(stream: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """Return a stream of text whose lines end where those of its bytes do."""
    return io.TextIOWrapper(stream, encoding, newline="\n")


def _is_utf8(stream: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = stream.tell()
    try:
        for block in iter(lambda: stream.read(1 << 20), b""):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        stream.seek(at)
    return True


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
