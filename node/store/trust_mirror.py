"""A node as a mirror: its local copy of the trust list, under the names of a published repository.

metadata/timestamp.json
metadata/4.root.json                       any root that it has seen
metadata/17.snapshot.json …                snapshot, targets, country-XA: the version in use
targets/nodes/XA/<SHA-256>.node.json       with exactly these bytes
"""

import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from node.errors import Code, Refusal

NAME_LENGTH_MAX: Final = 300
CONTENT_MAX_BYTES: Final = 3 << 20
_ROOT: Final = re.compile(r"metadata/([1-9][0-9]{0,8}\.root\.json)")
_ROLE: Final = re.compile(
    r"metadata/([1-9][0-9]{0,8})\.((?:snapshot|targets|country-[A-Z]{2}[0-9]{0,2})\.json)"
)
_TARGET: Final = re.compile(
    r"targets/((?:[A-Za-z0-9][A-Za-z0-9_-]*/){0,4})([0-9a-f]{64})\.([A-Za-z0-9][A-Za-z0-9_.-]*)"
)


class TrustMirror:
    """Reads single files of the local copy for peers."""

    def __init__(self, directory: Path) -> None:
        """Take the directory of the local copy; nothing is read yet."""
        self._directory = directory

    def file(self, name: str) -> bytes:
        """Return one file of the trust list in use.

        Raises:
            Refusal: MALFORMED where no repository has such a name, UNKNOWN where this one has no
                such file or another version of it.
        """
        if len(name) > NAME_LENGTH_MAX:
            raise Refusal(Code.MALFORMED, f"name: longer than {NAME_LENGTH_MAX} characters")
        if name == "metadata/timestamp.json":
            return self._read(name, name)
        if root := _ROOT.fullmatch(name):
            return self._read(f"metadata/root_history/{root[1]}", name)
        if role := _ROLE.fullmatch(name):
            content = self._read(f"metadata/{role[2]}", name)
            if _version(content) == int(role[1]):
                return content
        elif target := _TARGET.fullmatch(name):
            content = self._read(f"targets/{target[1]}{target[3]}", name)
            if hashlib.sha256(content).hexdigest() == target[2]:
                return content
        else:
            raise Refusal(
                Code.MALFORMED, "name: must be that of a file in a published trust repository"
            )
        raise _unknown(name)

    def _read(self, path: str, name: str) -> bytes:
        try:
            with (self._directory / path).open("rb") as file:
                content = file.read(CONTENT_MAX_BYTES + 1)
        except OSError:
            raise _unknown(name) from None
        if len(content) > CONTENT_MAX_BYTES:
            raise _unknown(name)
        return content


class _Signed(Struct, frozen=True):
    version: int


class _Metadata(Struct, frozen=True):
    signed: _Signed


def _version(content: bytes) -> int | None:
    try:
        return msgspec.json.decode(content, type=_Metadata).signed.version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _unknown(name: str) -> Refusal:
    return Refusal(Code.UNKNOWN, f"{name}: not in the trust list that this node has in use")
