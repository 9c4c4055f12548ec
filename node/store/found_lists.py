"""Finding trust lists on disk, whatever state they are in.

    a federation's directory    sources/, staged/ and published/, each by itself
    readable sources            federation.json, nodes/, issuers/, agreements/
    a published repository      metadata/timestamp.json and what it leads to
    a node's local copy         metadata/root_history/
    staged files                one, or a directory of them

Nothing is verified; what cannot be read is kept as such.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct
from tuf.api.metadata import Snapshot, Targets, Timestamp

from node.errors import Code, Refusal
from node.model.federation import STAGED_SIZE_MAX_BYTES, read_metadata, read_staged
from node.model.listing import Listing
from node.model.trust_files import FILE_SIZE_MAX_BYTES
from node.model.trust_metadata import COUNTRY_FOLDERS, FILES_MAX, METADATA_SIZE_MAX_BYTES
from node.store.publication import METADATA, TARGETS, listed_files, target_path

_FEDERATION_PARTS: Final = ("federation.json", "policy.json", "etsi")
_Kind = TypeVar("_Kind", Snapshot, Targets, Timestamp)
_BESIDE: Final = frozenset({"schemas", "samples", "countries.json", "README.md", "keys.json"})


class Found(Struct, frozen=True):
    """A list that was found, and what to call it: empty where it is the only one."""

    name: str
    listing: Listing


def find_lists(place: Path) -> list[Found]:
    """Find the trust lists in a directory, or in one staged file.

    Raises:
        Refusal: UNKNOWN where there is none.
    """
    if place.is_file():
        return [Found("", _staged([place], None))]
    if (place / "sources").is_dir():
        return _federation(place)
    if (place / METADATA / "root_history").is_dir():
        return [Found("", _copy(place))]
    if (place / METADATA).is_dir():
        return [Found("", read_repository(place))]
    staged = sorted(place.glob("*.json")) if _looks_staged(place) else []
    if staged:
        return [Found("", _staged(staged, None))]
    if any((place / name).exists() for name in (*COUNTRY_FOLDERS, "federation.json")):
        return [Found("", read_sources(place))]
    raise Refusal(
        Code.UNKNOWN,
        f"there is no trust list in {place}; name a federation's directory, readable sources, a "
        "published repository, a node's copy or a staged file",
    )


def find_list(place: Path) -> Listing:
    """Find the one trust list to compare: of a federation's directory, what is published.

    Raises:
        Refusal: UNKNOWN where there is none.
    """
    if (place / "sources").is_dir():
        published = read_repository(place / "published")
        return published if published.roots else read_sources(place / "sources")
    return find_lists(place)[0].listing


def _federation(place: Path) -> list[Found]:
    published = read_repository(place / "published")
    found = [Found("sources", read_sources(place / "sources"))]
    staged = sorted((place / "staged").glob("*.json"))
    if staged:
        found.append(Found("staged", _staged(staged, published)))
    if published.roots:
        found.append(Found("published", published))
    return found


# --- one kind each -------------------------------------------------------------------------


def read_sources(directory: Path) -> Listing:
    """Read a tree of readable sources."""
    reading = _Reading(directory)
    for name in sorted(path.name for path in directory.iterdir()):
        if name in COUNTRY_FOLDERS or name in _FEDERATION_PARTS:
            reading.tree(directory / name)
        elif name not in _BESIDE and not name.startswith("."):
            reading.unread[name] = "has no place among the sources; take it out"
    return Listing(kind="sources", files=reading.files, unread=reading.unread)


def read_repository(directory: Path) -> Listing:
    """Read a published repository, from its timestamp on."""
    reading = _Reading(directory)
    roots: list[bytes] = []
    while content := reading.metadata(f"{METADATA}/{len(roots) + 1}.root.json", needed=False):
        roots.append(content)
    metadata: dict[str, bytes] = {}
    timestamp = reading.metadata(f"{METADATA}/timestamp.json", needed=bool(roots))
    if timestamp is not None:
        metadata["timestamp"] = timestamp
        named = _signed(timestamp, Timestamp)
        version = named.snapshot_meta.version if named is not None else 0
        snapshot = reading.metadata(f"{METADATA}/{version}.snapshot.json") if version else None
        if snapshot is not None:
            metadata["snapshot"] = snapshot
            metadata |= reading.roles(snapshot)
    for role in [role for role in metadata if role not in {"timestamp", "snapshot"}]:
        reading.targets(metadata[role])
    return Listing(
        kind="published",
        files=reading.files,
        metadata=metadata,
        roots=tuple(roots),
        unread=reading.unread,
    )


def _copy(directory: Path) -> Listing:
    reading = _Reading(directory)
    history = directory / METADATA / "root_history"
    numbered = sorted(
        (int(path.name.removesuffix(".root.json")), path)
        for path in history.glob("*.root.json")
        if path.name.removesuffix(".root.json").isdigit()
    )
    roots = [reading.metadata(path.relative_to(directory).as_posix()) for _, path in numbered]
    metadata: dict[str, bytes] = {}
    for path in sorted((directory / METADATA).glob("*.json")):
        content = reading.metadata(path.relative_to(directory).as_posix())
        if content is not None and path.stem != "root":
            metadata[path.stem] = content
    if (directory / TARGETS).is_dir():
        reading.tree(directory / TARGETS, directory / TARGETS)
    return Listing(
        kind="copy",
        files=reading.files,
        metadata=metadata,
        roots=tuple(root for root in roots if root is not None),
        unread=reading.unread,
    )


def _staged(paths: Iterable[Path], published: Listing | None) -> Listing:
    """Read staged files, over what is published, as it will be once all is signed."""
    base = Listing(kind="staged") if published is None else published
    metadata, files, roots = dict(base.metadata), dict(base.files), list(base.roots)
    unread: dict[str, str] = {}
    waiting: set[str] = set()
    for path in paths:
        try:
            with path.open("rb") as file:
                content = file.read(STAGED_SIZE_MAX_BYTES + 1)
            staged = read_staged(content, path.name)
        except Refusal as refusal:
            unread[path.name] = refusal.reason.removeprefix(f"{path.name}: ")
            continue
        except OSError as error:
            unread[path.name] = f"cannot be read: {error.strerror}"
            continue
        waiting.add(staged.role)
        if staged.role == "root":
            roots.append(content)
            continue
        before = _signed(metadata.get(staged.role, b""), Targets)
        for gone in listed_files(before) if before is not None else ():
            files.pop(gone, None)
        metadata[staged.role] = content
        files |= staged.files
    return Listing(
        kind="staged",
        files=files,
        metadata=metadata,
        roots=tuple(roots),
        unread=unread,
        waiting=frozenset(waiting),
    )


def _looks_staged(place: Path) -> bool:
    names = {path.stem for path in place.glob("*.json")}
    return bool(names) and all(
        name in {"root", "targets"} or name.startswith("country-") for name in names
    )


class _Reading:
    """Reads files within bounds, and keeps why one could not be read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.files: dict[str, bytes] = {}
        self.unread: dict[str, str] = {}

    def tree(self, path: Path, above: Path | None = None) -> None:
        """Read every file under a path, by its path from `above`."""
        base = self._directory if above is None else above
        found = sorted(path.rglob("*")) if path.is_dir() and not path.is_symlink() else [path]
        for one in found:
            if one.is_dir() and not one.is_symlink():
                continue
            name = one.relative_to(base).as_posix()
            if len(self.files) >= FILES_MAX:
                self.unread[name] = f"is one of more than {FILES_MAX} files; no node takes as many"
                return
            if one.name.startswith("."):
                continue
            content = self._read(one, name, FILE_SIZE_MAX_BYTES)
            if content is not None:
                self.files[name] = content

    def metadata(self, name: str, *, needed: bool = True) -> bytes | None:
        """Read metadata; a file that is missing is told where it is needed."""
        path = self._directory / name
        if not needed and not path.exists():
            return None
        return self._read(path, name, METADATA_SIZE_MAX_BYTES)

    def roles(self, snapshot: bytes) -> dict[str, bytes]:
        """Read the roles that a snapshot names, but not those of countries that are gone."""
        signed = _signed(snapshot, Snapshot)
        found: dict[str, bytes] = {}
        meta = {} if signed is None else dict(signed.meta)
        for name in sorted(meta, key=lambda name: name != "targets.json"):
            role = name.removesuffix(".json")
            if "/" in name or not name.endswith(".json"):
                continue
            if role != "targets" and role not in self._delegated(found.get("targets", b"")):
                continue
            content = self.metadata(f"{METADATA}/{meta[name].version}.{name}")
            if content is not None:
                found[role] = content
        return found

    def targets(self, metadata: bytes) -> None:
        """Read the files that a role lists, from where a repository has them."""
        signed = _signed(metadata, Targets)
        for path, target in listed_files(signed).items() if signed is not None else ():
            if "sha256" not in target.hashes or ".." in path or path.startswith("/"):
                continue  # told where the role is looked at
            content = self._read(self._directory / target_path(target), path, FILE_SIZE_MAX_BYTES)
            if content is not None:
                self.files[path] = content

    @staticmethod
    def _delegated(targets: bytes) -> frozenset[str]:
        signed = _signed(targets, Targets)
        if signed is None or signed.delegations is None:
            return frozenset()
        return frozenset(signed.delegations.roles or {})

    def _read(self, path: Path, name: str, size_max_bytes: int) -> bytes | None:
        try:
            if not path.is_file():
                raise FileNotFoundError(2, "it is missing, or no file")
            with path.open("rb") as file:
                content = file.read(size_max_bytes + 1)
        except OSError as error:
            self.unread[name] = f"cannot be read: {error.strerror}; bring it back"
            return None
        if len(content) > size_max_bytes:
            self.unread[name] = f"is over {size_max_bytes} bytes, which no node takes"
            return None
        return content


def _signed(content: bytes, kind: type[_Kind]) -> _Kind | None:
    try:
        signed = read_metadata(content, "").signed
    except Refusal:
        return None
    return signed if isinstance(signed, kind) else None
