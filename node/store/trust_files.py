"""Trust lists on disk: a directory with the signed list and the files that it names."""

import base64
from pathlib import Path

import msgspec

from node.errors import Code, Refusal
from node.model.note import VerifierKey
from node.model.trust import (
    FILE_SIZE_MAX_BYTES,
    FILES_MAX,
    LIST_NAME,
    TrustBundle,
    TrustView,
    resolve,
)


def read_bundle(directory: Path) -> TrustBundle:
    """Read a trust list directory; nothing is checked yet but sizes.

    Raises:
        Refusal: STALE where it cannot be read, MALFORMED where a file is too large.
    """
    try:
        note = _read(directory / LIST_NAME)
        paths = [path for path in sorted(directory.rglob("*.json")) if path.is_file()]
        if len(paths) > FILES_MAX:
            raise Refusal(Code.MALFORMED, f"trust list: more than {FILES_MAX} files")
        files = {path.relative_to(directory).as_posix(): _read(path) for path in paths}
    except OSError as error:
        raise Refusal(
            Code.STALE,
            f"the trust list in {directory} cannot be read ({error.strerror}); "
            "put the federation's directory there",
        ) from None
    return TrustBundle(note, files)


def write_bundle(bundle: TrustBundle, directory: Path) -> None:
    """Write a trust list directory; the signed list comes last and replaces the old at once."""
    for path, content in bundle.files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    directory.mkdir(parents=True, exist_ok=True)
    fresh = directory / f"{LIST_NAME}.new"
    fresh.write_bytes(bundle.note)
    fresh.replace(directory / LIST_NAME)


def encode_bundle(bundle: TrustBundle) -> bytes:
    """Return a bundle as one blob for the archive."""
    files = {path: base64.b64encode(data).decode() for path, data in bundle.files.items()}
    note = base64.b64encode(bundle.note).decode()
    return msgspec.json.encode({"note": note, "files": files}, order="deterministic")


def decode_bundle(blob: bytes) -> TrustBundle:
    """Read a bundle back from the archive."""
    held = msgspec.json.decode(blob, type=_ArchivedBundle)
    files = {path: base64.b64decode(data) for path, data in held.files.items()}
    return TrustBundle(base64.b64decode(held.note), files)


class TrustDirectory:
    """The trust list in force, from a directory; a newer one is published as a whole."""

    def __init__(self, directory: Path, root: VerifierKey) -> None:
        """Take the directory and the federation's root key; nothing is read yet."""
        self._directory = directory
        self._root = root
        self._view: TrustView | None = None

    def view(self) -> TrustView:
        """Return the resolved view in force.

        Raises:
            Refusal: STALE before the first one was adopted.
        """
        if self._view is None:
            raise Refusal(Code.STALE, "no trust list has been adopted yet")
        return self._view

    def read(self) -> tuple[TrustBundle, TrustView]:
        """Read and check what the directory holds now, without adopting it."""
        bundle = read_bundle(self._directory)
        return bundle, resolve(bundle, self._root, whole=True)

    def publish(self, view: TrustView) -> None:
        """Put a view in force for every reader at once."""
        self._view = view


class _ArchivedBundle(msgspec.Struct, frozen=True):
    note: str
    files: dict[str, str]


def _read(path: Path) -> bytes:
    if path.stat().st_size > FILE_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"trust list file {path.name}: too large")
    return path.read_bytes()
