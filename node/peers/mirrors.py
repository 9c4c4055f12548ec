"""Refreshing a node's copy of its federation's trust list from any mirror.

A mirror is believed nothing: python-tuf's `Updater` does the client workflow of the TUF
specification (5.3 to 5.7) from the root that the operator was given. What is fetched is put
together beside the copy in use and replaces it as a whole, so the copy is never half of one list
and half of another:

    trust/metadata/    the cache of an `Updater`: root_history/N.root.json, timestamp.json, …
    trust/targets/     the files, under their paths
    trust.fetched/     the next one, while it is fetched
    trust.replaced/    the last one, while it is replaced
"""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import structlog
from msgspec import Struct
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    SlowRetrievalError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from node.errors import Code, Refusal
from node.flows.ports import Fetched, Randomness
from node.model.trust_files import FILE_SIZE_MAX_BYTES
from node.model.trust_metadata import COUNTRY_FOLDERS, COUNTRY_ROLE, FILES_MAX
from node.peers.fetchers import (
    Bounds,
    DirectoryFetcher,
    HttpFetcher,
    PeerFetcher,
    PeerFile,
    require_web_address,
)

COUNTRY_FILES_MAX: Final = 2_000
COUNTRY_SIZE_MAX_BYTES: Final = 16 << 20
METADATA_SIZE_MAX_BYTES: Final = 3 << 20
_log = structlog.get_logger()
_TOTAL_MAX_BYTES: Final = 256 << 20
_SETTLES_WITHIN_S: Final = 15.0
_REASON_LENGTH_MAX: Final = 300
_TARGET_PATH: Final = re.compile(
    r"(?=.{1,200}\Z)(?:[A-Za-z0-9][A-Za-z0-9_-]*/){0,4}[A-Za-z0-9][A-Za-z0-9_.-]*\.json"
)
_TARGETS_ROLE: Final = "targets"
_SignedKind = TypeVar("_SignedKind", bound=Signed)
_TOP: Final = ("timestamp.json", "snapshot.json", "targets.json")


class Mirror(Struct, frozen=True):
    """One mirror of the settings: `kind` is web, directory or peer."""

    name: str
    kind: str
    place: str

    @classmethod
    def parse(cls, text: str, data: Path) -> "Mirror":
        """Read a mirror: https://host/path, file:///path, a path under `data`, or peer:XB.

        Raises:
            Refusal: MALFORMED where it is none of them.
        """
        if re.fullmatch(r"peer:[A-Z]{2}[0-9]{0,2}", text):
            return cls(text, "peer", text.removeprefix("peer:"))
        if text.startswith(("https://", "http://")):
            require_web_address(text)
            return cls(text, "web", text)
        path = text.removeprefix("file://").removeprefix("file:")
        if not path or "://" in path or path.startswith("peer:") or not path.isprintable():
            raise Refusal(
                Code.MALFORMED,
                "trust.mirrors: each must be like https://host/path, /a/directory or peer:XB",
            )
        return cls(text, "directory", str(data / path))


def make_updater(
    metadata: Path,
    targets: Path,
    root: bytes,
    fetcher: FetcherInterface,
    places: tuple[str, str] = ("metadata", "targets"),
) -> Updater:
    """Set up TUF's client for a directory of trusted metadata, as every refresh does.

    Args:
        metadata: the trusted metadata so far; may be empty, must exist.
        targets: where target files go.
        root: the root metadata that the operator was given.
        fetcher: bound to a mirror.
        places: where the mirror has its metadata and its target files, below what the fetcher
            is bound to.

    Raises:
        RepositoryError: where the root metadata is wrong in itself.
    """
    config = UpdaterConfig(
        max_root_rotations=256,
        max_delegations=1000,
        root_max_length=512 * 1024,
        timestamp_max_length=16 * 1024,
        snapshot_max_length=METADATA_SIZE_MAX_BYTES,
        targets_max_length=METADATA_SIZE_MAX_BYTES,
    )
    return Updater(
        metadata_dir=str(metadata),
        metadata_base_url=places[0],
        target_dir=str(targets),
        target_base_url=places[1],
        fetcher=fetcher,
        config=config,
        bootstrap=root,
    )


class TrustMirrors:
    """The port `Mirrors`: tries the mirrors in a random order until one works."""

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        directory: Path,
        root: bytes,
        mirrors: Sequence[Mirror],
        ask_peer: PeerFile,
        randomness: Randomness,
        timeout_s: float,
    ) -> None:
        """Take the local copy, the root to start from, and what one mirror may take in all."""
        self._copy = _LocalCopy(directory, root)
        self._mirrors = tuple(mirrors)
        self._ask_peer = ask_peer
        self._randomness = randomness
        self._timeout_s = timeout_s

    async def fetch(self, *, lenient: bool = False) -> Fetched:
        """Bring the local copy up to date from the first mirror that works.

        Args:
            lenient: whether, where no mirror has everything, a country whose files cannot be had
                is left out.

        Raises:
            Refusal: the reason of each mirror; the local copy is what it was.
        """
        try:
            return await self._fetch_from_any(lenient=False)
        except Refusal:
            if not lenient:
                raise
        return await self._fetch_from_any(lenient=True)

    async def _fetch_from_any(self, *, lenient: bool) -> Fetched:
        failures: list[Refusal] = []
        for mirror in sorted(self._mirrors, key=lambda _: self._randomness(8)):
            try:
                return await self._fetch_from(mirror, lenient=lenient)
            except Refusal as refusal:
                failure = refusal
            except Exception as error:  # noqa: BLE001 - no mirror may keep us from the next one
                _log.exception("trust_mirror_defect", mirror=mirror.name)
                named = f"a defect, {type(error).__name__}; the log tells more"
                failure = Refusal(Code.DEFECT, named)
            reason = f"{mirror.name}: {failure.reason}"[:_REASON_LENGTH_MAX]
            failures.append(Refusal(failure.code, reason))
        code = failures[0].code if len({failed.code for failed in failures}) == 1 else Code.STALE
        raise Refusal(code, "; ".join(failed.reason for failed in failures))

    async def _fetch_from(self, mirror: Mirror, *, lenient: bool) -> Fetched:
        bounds = Bounds(
            timeout_s=self._timeout_s,
            file_max_bytes=METADATA_SIZE_MAX_BYTES,
            total_max_bytes=_TOTAL_MAX_BYTES,
        )
        loop = asyncio.get_running_loop()

        def work() -> Fetched:
            with bounds:
                fetcher = self._fetcher(mirror, bounds, loop)
                return self._copy.refresh(mirror.name, fetcher, bounds, lenient=lenient)

        try:
            async with asyncio.timeout(self._timeout_s + _SETTLES_WITHIN_S):
                return await asyncio.to_thread(work)
        except TimeoutError:  # a disk that hangs: nothing else can last so long
            raise Refusal(Code.STALE, "is still being fetched from; its disk hangs") from None
        finally:
            bounds.stop()

    def _fetcher(
        self, mirror: Mirror, bounds: Bounds, loop: asyncio.AbstractEventLoop
    ) -> FetcherInterface:
        if mirror.kind == "web":
            return HttpFetcher(mirror.place, bounds)
        if mirror.kind == "peer":
            return PeerFetcher(mirror.place, self._ask_peer, loop, bounds)
        return DirectoryFetcher(Path(mirror.place), bounds)


class _Role(NamedTuple):
    """A role whose files were verified, and what it lists."""

    name: str
    targets: dict[str, TargetFile]


class _CountryFault(Exception):  # noqa: N818 - it is a finding, and never leaves this file
    """What is wrong with one country's role, in words; the others go on."""


class _LocalCopy:
    """The directory of a node's trust list; replaced as a whole or not at all."""

    def __init__(self, directory: Path, root: bytes) -> None:
        self._directory = directory
        self._root = root
        self._fetched = directory.with_name(f"{directory.name}.fetched")
        self._replaced = directory.with_name(f"{directory.name}.replaced")
        self._lock = directory.with_name(f"{directory.name}.lock")

    def refresh(
        self, mirror: str, fetcher: FetcherInterface, bounds: Bounds, *, lenient: bool
    ) -> Fetched:
        """Do one refresh over one mirror; `lenient`: what is a country's may be missing there.

        1. start from what is trusted already, so that nothing goes back
        2. root, timestamp, snapshot, targets
        3. each country's role; one that fails its own checks spoils only itself
        4. the files; those that are here already are not fetched again
        5. if anything differs, replace the copy

        Raises:
            Refusal: UNAUTHENTICATED where the mirror sends what it must not, PEER_SILENT where it
                does not send, BUSY where another process is at it, STALE where the disk fails.
        """
        try:
            with self._alone():
                updater = self._start(fetcher)  # 1
                updater.refresh()  # 2
                roles, faults = self._roles(updater, lenient=lenient)  # 3
                faults += self._files(updater, roles, bounds, lenient=lenient)  # 4
                self._prune()
                bounds.check()
                contents = _contents(self._fetched)
                changed = contents != _contents(self._directory)
                if changed:
                    self._install()  # 5
                digest = hashlib.sha256(repr(sorted(contents.items())).encode()).digest()
                return Fetched(mirror, changed, digest, tuple(faults))
        except (RepositoryError, DownloadError) as error:
            raise _refusal(error) from error
        except OSError as error:
            what = f"{type(error).__name__}: {error.strerror or 'without a reason'}"
            raise Refusal(Code.STALE, f"the trust list cannot be kept on disk ({what})") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refusal(
                    Code.BUSY, "another process is refreshing this node's trust list"
                ) from None
            # Where the power went between the two steps of a replacement, it is undone.
            if not self._directory.exists() and self._replaced.exists():
                self._replaced.rename(self._directory)
            try:
                yield
            finally:
                shutil.rmtree(self._fetched, ignore_errors=True)

    def _start(self, fetcher: FetcherInterface) -> Updater:
        shutil.rmtree(self._fetched, ignore_errors=True)
        trusted = self._fetched / "metadata"
        (trusted / "root_history").mkdir(parents=True)
        (self._fetched / "targets").mkdir()
        here = self._directory / "metadata"
        for path in (*here.glob("root_history/*.root.json"), *here.glob("*.json")):
            # What cannot be read is fetched anew; root.json is made by the updater.
            if path.is_file() and not path.is_symlink() and path.name != "root.json":
                shutil.copyfile(path, trusted / path.relative_to(here))
        return make_updater(trusted, self._fetched / "targets", self._root, fetcher)

    def _roles(self, updater: Updater, *, lenient: bool) -> tuple[list[_Role], list[str]]:
        """Load every delegated role; returns those that hold, and what is wrong with the others."""
        top = _signed(self._fetched / "metadata" / "targets.json", Targets)
        snapshot = _signed(self._fetched / "metadata" / "snapshot.json", Snapshot)
        _check_targets(top.targets)
        if any(path.split("/")[0] in COUNTRY_FOLDERS for path in top.targets):
            raise RepositoryError("the targets role lists files that are a country's alone")
        roles = [_Role(_TARGETS_ROLE, top.targets)]
        faults: list[str] = []
        for name in _delegated(top):
            try:
                listed = snapshot.meta.get(f"{name}.json")
                roles.append(self._country(updater, name, listed, lenient=lenient))
            except _CountryFault as fault:
                faults.append(f"{name}: {fault}"[:_REASON_LENGTH_MAX])
        if sum(len(role.targets) for role in roles) > FILES_MAX:
            raise RepositoryError(f"lists more than {FILES_MAX} files")
        return roles, faults

    def _country(
        self, updater: Updater, name: str, listed: MetaFile | None, *, lenient: bool
    ) -> _Role:
        country = COUNTRY_ROLE.fullmatch(name)
        if country is None:
            raise _CountryFault("is no role of a country")
        if listed is None:
            raise _CountryFault("has published nothing yet")
        path = self._fetched / "metadata" / f"{name}.json"
        try:
            updater.get_targetinfo(f"nodes/{country[1]}/node.json")
        except (LengthOrHashMismatchError, DownloadError) as error:
            # The snapshot says what it should be, so it is the mirror that is wrong.
            if not lenient or isinstance(error, SlowRetrievalError):
                raise
            self._keep_if_listed(path, listed)
            raise _CountryFault(f"cannot be had: {_reason(error)}") from error
        except RepositoryError as error:
            if not listed.hashes:
                raise  # nobody can tell whether country or mirror made it wrong
            self._keep_if_listed(path, listed)
            raise _CountryFault(_reason(error)) from error
        try:
            listed.verify_length_and_hashes(path.read_bytes())
            targets = _signed(path, Targets).targets
            _check_targets(targets)
            _check_extent(targets)
        except (FileNotFoundError, LengthOrHashMismatchError):
            path.unlink(missing_ok=True)
            raise _CountryFault("another role stands before it") from None
        except RepositoryError as error:
            raise _CountryFault(str(error)) from error
        foreign = [target for target in targets if not target.startswith(_folders(name))]
        if foreign:
            raise _CountryFault(f"lists {foreign[0]}, which is not its own")
        return _Role(name, targets)

    @staticmethod
    def _keep_if_listed(path: Path, listed: MetaFile) -> None:
        """Keep what has merely expired, so that others read why; the rest is not of this list."""
        try:
            listed.verify_length_and_hashes(path.read_bytes())
        except (OSError, LengthOrHashMismatchError):
            path.unlink(missing_ok=True)

    def _files(
        self, updater: Updater, roles: Sequence[_Role], bounds: Bounds, *, lenient: bool
    ) -> list[str]:
        faults: list[str] = []
        for role in roles:
            try:
                for path, target in role.targets.items():
                    bounds.check()
                    self._file(updater, path, target)
            except (LengthOrHashMismatchError, DownloadError) as error:
                slow = isinstance(error, SlowRetrievalError)
                if not lenient or slow or role.name == _TARGETS_ROLE:
                    raise
                faults.append(f"{role.name}: cannot be had: {_reason(error)}"[:_REASON_LENGTH_MAX])
        return faults

    def _file(self, updater: Updater, path: str, target: TargetFile) -> None:
        here = self._directory / "targets" / path
        there = self._fetched / "targets" / path
        there.parent.mkdir(parents=True, exist_ok=True)
        if updater.find_cached_target(target, str(here)) is None:
            updater.download_target(target, str(there))
        else:
            _link(here, there)

    def _prune(self) -> None:
        """Drop roots that lead nowhere and roles that are no longer delegated."""
        metadata = self._fetched / "metadata"
        newest = _signed(metadata / "root.json", Root).version
        for path in (metadata / "root_history").iterdir():
            number = path.name.removesuffix(".root.json")
            if not number.isdigit() or int(number) > newest:
                path.unlink()
        delegated = _delegated(_signed(metadata / "targets.json", Targets))
        known = {*_TOP, "root.json", *(f"{name}.json" for name in delegated)}
        for path in metadata.iterdir():
            if path.name != "root_history" and path.name not in known:
                path.unlink()

    def _install(self) -> None:
        """Put what was fetched in place of the copy."""
        shutil.rmtree(self._replaced, ignore_errors=True)
        if self._directory.exists():
            self._directory.rename(self._replaced)
        self._fetched.rename(self._directory)
        shutil.rmtree(self._replaced, ignore_errors=True)


def _signed(path: Path, kind: type[_SignedKind]) -> _SignedKind:
    signed = Metadata.from_file(str(path)).signed
    if not isinstance(signed, kind):
        raise RepositoryError(f"{path.name} is of another kind")
    return signed


def _check_targets(targets: dict[str, TargetFile]) -> None:
    """Refuse paths and sizes that no trust list has, before anything is written under them."""
    for path, target in targets.items():
        if _TARGET_PATH.fullmatch(path) is None or path != target.path:
            raise RepositoryError(f"lists a path that cannot be: {path[:80]!r}")
        if target.length > FILE_SIZE_MAX_BYTES:
            raise RepositoryError(f"lists {path} with over {FILE_SIZE_MAX_BYTES} bytes")
        # One of another kind would fail as if a mirror had sent the wrong file.
        if target.hashes.keys() != {"sha256"}:
            raise RepositoryError(f"lists {path} by other digests than SHA-256 alone")


def _check_extent(targets: dict[str, TargetFile]) -> None:
    """Refuse a country that takes so much that the others would have no room."""
    size_bytes = sum(target.length for target in targets.values())
    if len(targets) > COUNTRY_FILES_MAX or size_bytes > COUNTRY_SIZE_MAX_BYTES:
        raise RepositoryError(
            f"lists more than {COUNTRY_FILES_MAX} files or {COUNTRY_SIZE_MAX_BYTES} bytes"
        )


def _folders(role: str) -> tuple[str, ...]:
    """Return below what the files of a country's role are."""
    return tuple(f"{folder}/{role.removeprefix('country-')}/" for folder in COUNTRY_FOLDERS)


def _delegated(top: Targets) -> Collection[str]:
    roles = None if top.delegations is None else top.delegations.roles
    return () if roles is None else roles.keys()


def _link(here: Path, there: Path) -> None:
    try:
        os.link(here, there)
    except OSError:  # a file system without links
        shutil.copyfile(here, there)


def _contents(directory: Path) -> dict[str, bytes]:
    """Return the digest of every file, by path."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).digest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def _refusal(error: RepositoryError | DownloadError) -> Refusal:
    silent = isinstance(error, DownloadError)
    return Refusal(Code.PEER_SILENT if silent else Code.UNAUTHENTICATED, _reason(error))


def _reason(error: RepositoryError | DownloadError) -> str:
    """Say in words which rule of TUF was broken."""
    match error:
        case DownloadLengthMismatchError():
            said = "sends more than it should"
        case SlowRetrievalError() | DownloadError():
            said = ""
        case BadVersionNumberError():
            said = "offers a version that goes back or does not belong"
        case ExpiredMetadataError():
            said = "offers what has expired"
        case UnsignedMetadataError():
            said = "offers what too few of the right keys have signed"
        case LengthOrHashMismatchError():
            said = "sends another file than the signed metadata names"
        case _:
            said = "offers no sound metadata"
    told = " ".join(str(error).split()) or type(error).__name__
    return f"{said} ({told})" if said else told
