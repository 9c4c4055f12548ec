"""A node's local copy of the trust list, and the archive's form of one.

    DIRECTORY/metadata/root_history/1.root.json …   every root since the trusted one
    DIRECTORY/metadata/timestamp.json, snapshot.json, targets.json, country-XA.json …
    DIRECTORY/targets/<path>                        the files under the roles

It is what a TUF client keeps: the refresher writes it, or the operator copies it there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.trust import (
    FILE_SIZE_MAX_BYTES,
    FILES_MAX,
    TrustBundle,
    TrustView,
    complete,
    resolve,
)
from node.model.trust_metadata import (
    METADATA_SIZE_MAX_BYTES,
    RoleState,
    check_timestamp,
    listed_paths,
    trusted_root,
)

TIMESTAMP: Final = "timestamp.json"
_READINGS_MAX: Final = 5


def read_root(path: Path) -> bytes:
    """Read a federation's trusted root, which must hold by itself.

    Raises:
        Refusal: STALE where there is none, otherwise as `trusted_root`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(METADATA_SIZE_MAX_BYTES + 1)
    except OSError as error:
        raise Refusal(
            Code.STALE,
            f"the federation's root {path} cannot be read ({error.strerror}); "
            "put its root.json there",
        ) from None
    trusted_root(content, str(path))
    return content


class _Replaced(Exception):  # noqa: N818 - not an error: it is read again
    """The directory was replaced while it was read."""


def read_bundle(directory: Path) -> tuple[TrustBundle, bytes | None]:
    """Read the local copy and its timestamp, if any; nothing is checked yet but sizes.

    Only files that some role seems to list are read; what else lies there does not matter. It is
    read as of one moment, also while a refresher replaces it.

    Raises:
        Refusal: STALE where it cannot be read, MALFORMED where a file is too large.
    """
    why: str | None = "it changes faster than it can be read"
    for _ in range(_READINGS_MAX):
        try:
            return _read_once(directory)
        except _Replaced:
            continue
        except OSError as error:  # it may be away for the moment in which it is replaced
            why = error.strerror
    raise Refusal(
        Code.STALE,
        f"the trust list in {directory} cannot be read ({why}); "
        "'symbolon trust refresh' fetches it from the mirrors under [trust], or put a copy there",
    )


def _read_once(directory: Path) -> tuple[TrustBundle, bytes | None]:
    metadata_directory, targets = directory / "metadata", directory / "targets"
    before = _identity(directory)
    metadata = {"snapshot.json": _read(metadata_directory / "snapshot.json", _METADATA_MAX)}
    timestamp = _read_if_there(metadata_directory / TIMESTAMP, _METADATA_MAX)
    roots = sorted((metadata_directory / "root_history").glob("*.root.json"))
    roles = [metadata_directory / "targets.json", *metadata_directory.glob("country-*.json")]
    found = [*roots, *roles]
    if len(found) > FILES_MAX:
        raise Refusal(Code.MALFORMED, f"trust list: more than {FILES_MAX} files")
    for path in found:
        metadata[path.name] = _read(path, _METADATA_MAX)
    files: dict[str, bytes] = {}
    for name in sorted(listed_paths(metadata)):
        content = _read_if_there(targets / name, FILE_SIZE_MAX_BYTES)
        if content is not None:
            files[name] = content
    if _identity(directory) != before:
        raise _Replaced
    return TrustBundle(metadata, files), timestamp


def write_bundle(bundle: TrustBundle, directory: Path, timestamp: bytes | None = None) -> None:
    """Write a local copy; the snapshot comes last and replaces the old one at once."""
    contents = {f"targets/{path}": content for path, content in bundle.files.items()}
    for name, content in bundle.metadata.items():
        folder = "root_history/" if name.endswith(".root.json") else ""
        contents[f"metadata/{folder}{name}"] = content
    if timestamp is not None:
        contents[f"metadata/{TIMESTAMP}"] = timestamp
    for path in sorted(contents, key=lambda path: path == "metadata/snapshot.json"):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f"{target.name}.new")
        fresh.write_bytes(contents[path])
        fresh.replace(target)


def encode_bundle(bundle: TrustBundle) -> bytes:
    """Return a bundle as one blob for the archive."""
    return msgspec.json.encode(_ArchivedBundle(bundle.metadata, bundle.files))


def decode_bundle(blob: bytes) -> TrustBundle:
    """Read a bundle back from the archive."""
    held = msgspec.json.decode(blob, type=_ArchivedBundle)
    return TrustBundle(held.metadata, held.files)


class TrustDirectory:
    """The trust list in force, from a directory; a newer one is published as a whole."""

    def __init__(self, directory: Path, root: bytes, clock: Callable[[], int]) -> None:
        """Take the directory, the trusted root and a clock; nothing is read yet."""
        self._directory = directory
        self._root = root
        self._clock = clock
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
        """Read and check what the directory holds now, without adopting it.

        The view expires with the timestamp, where there is one. What a country's role lists in
        vain is left out.
        """
        bundle, timestamp = read_bundle(self._directory)
        view = resolve(bundle, self._root, self._clock(), whole=True)
        if timestamp is not None:
            state = check_timestamp(bundle, self._root, timestamp)
            view = _limited(view, state)
        return complete(bundle, view), view

    def restore(self, bundle: TrustBundle, at: int) -> TrustView:
        """Resolve a list adopted before, as of then."""
        return resolve(bundle, self._root, at, whole=True)

    def publish(self, view: TrustView) -> None:
        """Put a view in force for every reader at once."""
        self._view = view


def _limited(view: TrustView, timestamp: RoleState) -> TrustView:
    return replace(
        view,
        expires_at=min(view.expires_at, timestamp.expires_at),
        roles={**view.roles, "timestamp": timestamp},
    )


class _ArchivedBundle(msgspec.Struct, frozen=True):
    metadata: dict[str, bytes]
    files: dict[str, bytes]


_METADATA_MAX: Final = METADATA_SIZE_MAX_BYTES


def _identity(directory: Path) -> tuple[int, bytes]:
    """Return what changes when a refresher replaces the directory or the list in it."""
    snapshot = _read(directory / "metadata" / "snapshot.json", _METADATA_MAX)
    return directory.stat().st_ino, snapshot


def _read(path: Path, size_max_bytes: int) -> bytes:
    if path.stat().st_size > size_max_bytes:
        raise Refusal(Code.MALFORMED, f"trust list file {path.name}: over {size_max_bytes} bytes")
    return path.read_bytes()


def _read_if_there(path: Path, size_max_bytes: int) -> bytes | None:
    try:
        return _read(path, size_max_bytes)
    except FileNotFoundError:
        return None
