"""The largest checkpoint that this node has signed, in a file outside its database."""

import os
import tempfile
from pathlib import Path

from node.errors import Code, Refusal
from node.model.fork import head_of


class HighWaterFile:
    """The port `HighWater` on one file; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        """Take the file; its directory has to be there."""
        self._path = path

    def read(self) -> bytes:
        """Return the note; empty where none is kept."""
        if self._path is None:
            return b""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _refusal(self._path, error) from None

    def rise(self, note: bytes) -> None:
        """Keep a note, where it is of a larger tree than the one kept."""
        if self._path is None:
            return
        kept = self.read()
        if kept and head_of(kept).size >= head_of(note).size:
            return
        try:
            _replace(self._path, note)
        except OSError as error:
            raise _refusal(self._path, error) from None


def _replace(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _refusal(path: Path, error: OSError) -> Refusal:
    return Refusal(Code.STALE, f"witness.high_water: {path.name} cannot be used ({error.strerror})")
