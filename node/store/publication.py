"""A published repository: a static directory that any web server or mirror can hand out.

    metadata/1.root.json, 3.targets.json, 2.country-XA.json, 7.snapshot.json, timestamp.json
    targets/nodes/XA/<SHA-256>.node.json

Files are only ever added, but for `timestamp.json`: it is replaced, by a rename, when all that it
leads to is there. A client that reads in between finds what was there before, whole.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from msgspec import Struct
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, TargetFile, Targets

from node.errors import Code, Refusal
from node.model.federation import country_of, read_metadata

METADATA: Final = "metadata"
TARGETS: Final = "targets"
_SHA256: Final = "sha256"
TIMESTAMP_FILE: Final = f"{METADATA}/timestamp.json"


class Publication(Struct, frozen=True):
    """What a repository holds now.

    Attributes:
        root: the newest root; None where nothing has been published.
        roles: the bytes of targets, snapshot, timestamp and of each country's role, by role.
        entries: what the snapshot lists, by file name.
    """

    root: Metadata[Root] | None = None
    roles: dict[str, bytes] = {}
    entries: dict[str, MetaFile] = {}

    def metadata(self, role: str) -> Metadata[Any] | None:
        """Return a role's metadata in force, or None."""
        if role == "root":
            return self.root
        content = self.roles.get(role)
        return None if content is None else read_metadata(content, f"published {role}")

    def next_version(self, role: str) -> int:
        """Return the version that comes next: also of a country that was a member before."""
        if (entry := self.entries.get(f"{role}.json")) is not None:
            return entry.version + 1
        found = self.metadata(role)
        return 1 if found is None else int(found.signed.version) + 1


def read_publication(directory: Path) -> Publication:
    """Read what a repository holds; nothing is verified.

    Raises:
        Refusal: STALE where a file that another one names is missing.
    """
    metadata = directory / METADATA
    root, version = None, 1
    while (path := metadata / f"{version}.root.json").exists():
        root, version = read_metadata(path.read_bytes(), path.name), version + 1
    timestamp = directory / TIMESTAMP_FILE
    if root is None or not timestamp.exists():
        return Publication()
    roles = {"timestamp": timestamp.read_bytes()}
    named = read_metadata(roles["timestamp"], "timestamp.json").signed.snapshot_meta.version
    roles["snapshot"] = _read(metadata / f"{named}.snapshot.json")
    entries: dict[str, MetaFile] = read_metadata(roles["snapshot"], "snapshot").signed.meta
    for name, entry in entries.items():
        roles[name.removesuffix(".json")] = _read(metadata / f"{entry.version}.{name}")
    targets: Targets = read_metadata(roles["targets"], "targets").signed
    members = targets.delegations.roles if targets.delegations is not None else None
    for role in [role for role in roles if country_of(role) and role not in (members or {})]:
        del roles[role]  # expelled: the entry stays in the snapshot for ever
    return Publication(root, roles, entries)


def metadata_path(role: str, version: int) -> str:
    """Return where a role's metadata is published."""
    return TIMESTAMP_FILE if role == "timestamp" else f"{METADATA}/{version}.{role}.json"


def target_path(target: TargetFile) -> str:
    """Return where a target file is published, named by its digest too."""
    path = PurePosixPath(target.path)
    return f"{TARGETS}/{path.with_name(f'{target.hashes[_SHA256]}.{path.name}')}"


def listed_files(signed: Signed) -> dict[str, TargetFile]:
    """Return the target files that a role lists, by path; a root lists none."""
    return dict(signed.targets) if isinstance(signed, Targets) else {}


def read_targets(directory: Path, targets: Iterable[TargetFile]) -> dict[str, bytes]:
    """Read published target files, by path.

    Raises:
        Refusal: STALE where one is missing.
    """
    return {target.path: _read(directory / target_path(target)) for target in targets}


def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files in the order given, each at once, safe on the disk before the next."""
    for name, content in files.items():
        path = directory / name
        if path.exists() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_content(path, content)


def replace_content(path: Path, content: bytes) -> None:
    """Put a file that everybody may read in its place at once."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.chmod(0o644)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def copy_publication(directory: Path, elsewhere: Path, last: Iterable[str]) -> None:
    """Bring another copy up to date: all else first, then the files of `last` in their order."""
    names = [
        path.relative_to(directory).as_posix()
        for path in sorted(directory.rglob("*.json"))
        if not path.name.startswith(".")
    ]
    ending = [name for name in last if name in names]
    ordered = [name for name in names if name not in ending] + ending
    for name in ordered:
        write_files(elsewhere, {name: (directory / name).read_bytes()})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refusal(
            Code.STALE,
            f"the published file {path} cannot be read ({error.strerror}); "
            "bring the directory back from a copy of it",
        ) from None
