"""Checking the TUF metadata of a trust list against a root that is trusted.

1. the chain from the trusted root to the newest: each signed by the keys of the one before and by
   its own, no version left out
2. the newest root has not expired, nor has what follows
3. the snapshot: signed as the root says
4. targets: the version, hash and length in the snapshot, signed as the root says
5. each country's role: delegated for its own paths only, the version, hash and length in the
   snapshot, signed as targets say, listing nothing of anybody else's

Until 4 whatever fails is refused. In 5 it spoils the one country: a national authority answers
for its own role, and nobody else's falls with it.

Verification itself is python-tuf's (TUF 1.0.31).
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from msgspec import Struct
from securesystemslib.exceptions import VerificationError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from node.errors import Code, Refusal
from node.model.statement import TrustReference
from node.model.trust_entries import microseconds
from node.model.trust_files import FILE_SIZE_MAX_BYTES, LOTE_FILE
from node.model.trust_keys import borrowed_keys, require_keys

METADATA_SIZE_MAX_BYTES: Final = 4 << 20
COUNTRIES_MAX: Final = 1000
FILES_MAX: Final = 50_000
COUNTRY_ROLE: Final = re.compile(r"country-([A-Z]{2}[0-9]{0,2})")
COUNTRY_FOLDERS: Final = ("nodes", "issuers", "agreements")
_METADATA_NAME: Final = re.compile(
    r"[1-9][0-9]{0,8}\.root\.json|snapshot\.json|targets\.json"
    r"|country-[A-Z]{2}[0-9]{0,2}\.json"
)
_ROOT_NAME: Final = re.compile(r"([1-9][0-9]{0,8})\.root\.json")
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_Signed = TypeVar("_Signed", bound=Signed)


class TrustBundle(Struct, frozen=True):
    """A trust list as it is stored and carried, byte for byte.

    Attributes:
        metadata: "1.root.json" and all roots after it, "snapshot.json", "targets.json",
            "country-XA.json" …; no timestamp.
        files: the files under the roles, by path.
    """

    metadata: dict[str, bytes]
    files: dict[str, bytes]


class RoleState(Struct, frozen=True):
    """Version and expiry (microseconds UTC) of one role's metadata."""

    version: int
    expires_at: int


class CountryRole(Struct, frozen=True):
    """What a country's own role lists: by path."""

    country: str
    expires_at: int
    listed: dict[str, TargetFile]


class CheckedMetadata(Struct, frozen=True):
    """Metadata that holds; `faults` say which countries' does not, and why.

    Attributes:
        root_version: of the newest root.
        reference: version and SHA-256 of the snapshot.
        roles: by role name, root and snapshot among them.
        listed: the files of the targets role itself.
        countries: by country, without those at fault.
        faults: a sentence each.
        spoilt: the countries of those sentences.
        missing: names of metadata that the bundle has not, or not as they are listed.
        listings: what each country's role lists, whether or not it has expired.
        strays: names of what the bundle has and nobody lists.
    """

    root_version: int
    reference: TrustReference
    roles: dict[str, RoleState]
    listed: dict[str, TargetFile]
    countries: dict[str, CountryRole]
    faults: list[str]
    spoilt: set[str]
    missing: list[str]
    listings: dict[str, dict[str, TargetFile]]
    strays: list[str]


def newest_root_version(bundle: TrustBundle) -> int:
    """Return the version of the newest root in a bundle, by its name; 0 where there is none."""
    found = (_ROOT_NAME.fullmatch(name) for name in bundle.metadata)
    return max((int(name[1]) for name in found if name is not None), default=0)


def country_paths(country: str) -> list[str]:
    """Return the path patterns that are delegated to a country's role."""
    return [f"{folder}/{country}/*" for folder in COUNTRY_FOLDERS]


def path_country(path: str) -> str | None:
    """Return whose file a path is, None where it is nobody's own."""
    parts = path.split("/")
    if len(parts) != 3 or parts[0] not in COUNTRY_FOLDERS:  # noqa: PLR2004 - folder, country, file
        return None
    return parts[1] if _FILE_NAME.fullmatch(parts[2]) and ".." not in path else None


def listed_paths(metadata: Mapping[str, bytes]) -> set[str]:
    """Return the paths that metadata seem to list, unverified: which files are worth reading."""
    paths: set[str] = set()
    for name, content in metadata.items():
        if name != "targets.json" and not name.startswith("country-"):
            continue
        try:
            signed = _read(content, name).signed
        except Refusal:
            continue
        if isinstance(signed, Targets):
            country = None if name == "targets.json" else _country_of(name)
            paths.update(
                path
                for path in signed.targets
                if path_country(path) == country
                and (country or path == LOTE_FILE or _FILE_NAME.fullmatch(path))
            )
    return paths


def check_metadata(
    bundle: TrustBundle, root: bytes, at: int, *, whole: bool = False
) -> CheckedMetadata:
    """Check the metadata of a bundle; `whole`: a country's role that is missing is a fault.

    Raises:
        Refusal: UNAUTHENTICATED where signatures, versions or hashes of root, snapshot or targets
            fail, MALFORMED where they cannot be read or are missing, STALE where they have
            expired.
    """
    for name, content in bundle.metadata.items():
        if _METADATA_NAME.fullmatch(name) is None:
            raise Refusal(Code.MALFORMED, f"trust list: no metadata has the name {name!r}")
        if len(content) > METADATA_SIZE_MAX_BYTES and COUNTRY_ROLE.match(name) is None:
            raise Refusal(Code.MALFORMED, f"{name}: over {METADATA_SIZE_MAX_BYTES} bytes")
    newest = _follow_roots(bundle, root)  # 1
    roles = {"root": _fresh("root", newest, at)}  # 2
    content = _needed(bundle, "snapshot.json")
    snapshot = _delegated(content, Snapshot, newest, "snapshot")  # 3
    roles["snapshot"] = _fresh("snapshot", snapshot, at)
    content = _needed(bundle, "targets.json")
    _match(content, snapshot, "targets.json")
    targets = _delegated(content, Targets, newest, "targets")  # 4
    _same_version(targets, snapshot, "targets.json")
    roles["targets"] = _fresh("targets", targets, at)
    digest = hashlib.sha256(bundle.metadata["snapshot.json"]).digest()
    checked = CheckedMetadata(
        root_version=newest.version,
        reference=TrustReference(snapshot.version, digest),
        roles=roles,
        listed=_federation_listed(targets),
        countries={},
        faults=[],
        spoilt=set(),
        missing=[],
        listings={},
        strays=[],
    )
    _check_countries(checked, bundle, snapshot, targets, at, whole=whole)  # 5
    return checked


def check_timestamp(bundle: TrustBundle, root: bytes, timestamp: bytes) -> RoleState:
    """Check the timestamp that says that the snapshot in a bundle is the newest.

    Raises:
        Refusal: UNAUTHENTICATED or MALFORMED where it does not hold or names another snapshot.
    """
    signed = _delegated(timestamp, Timestamp, _follow_roots(bundle, root), "timestamp")
    snapshot = _needed(bundle, "snapshot.json")
    _match_file(snapshot, signed.snapshot_meta, "snapshot.json")
    return RoleState(signed.version, microseconds(signed.expires))


# --- root, snapshot, targets ---------------------------------------------------------------


def _follow_roots(bundle: TrustBundle, trusted: bytes) -> Root:
    root = trusted_root(trusted, "the trusted root")
    last = newest_root_version(bundle)
    if 0 < last < root.version:
        raise Refusal(
            Code.UNAUTHENTICATED,
            f"the trust list goes back to root version {last}, older than the trusted root, "
            f"version {root.version}; check it with an earlier root",
        )
    same = bundle.metadata.get(f"{root.version}.root.json")
    if same is not None and _read(same, f"{root.version}.root.json").signed != root:
        raise Refusal(
            Code.UNAUTHENTICATED,
            f"{root.version}.root.json: says other than the trusted root of that version",
        )
    for version in range(root.version + 1, last + 1):
        name = f"{version}.root.json"
        content = bundle.metadata.get(name)
        if content is None:
            raise Refusal(Code.MALFORMED, f"{name}: is missing, so later roots prove nothing")
        following = _delegated(content, Root, root, "root", name)
        trusted_root(content, name)
        if following.version != version:
            raise Refusal(Code.UNAUTHENTICATED, f"{name}: has version {following.version} inside")
        root = following
    return root


def trusted_root(content: bytes, name: str) -> Root:
    """Read root metadata and check that they hold by themselves; `name` is for the reason.

    Raises:
        Refusal: MALFORMED where they are none, UNAUTHENTICATED where too few of their own keys
            have signed them.
    """
    metadata = _read(content, name)
    root = metadata.signed
    if not isinstance(root, Root):
        raise Refusal(Code.MALFORMED, f"{name}: is no root metadata")
    for role in root.roles.values():
        require_keys(role, root.keys, name)
    _verify(metadata, root, "root", name)
    return root


def _delegated(
    content: bytes, kind: type[_Signed], delegator: Root | Targets, role: str, name: str = ""
) -> _Signed:
    """Read a role's metadata and check its signatures as its delegator says."""
    name = name or f"{role}.json"
    metadata = _read(content, name)
    if not isinstance(metadata.signed, kind):
        raise Refusal(Code.MALFORMED, f"{name}: is no {kind.__name__.lower()} metadata")
    _verify(metadata, delegator, role, name)
    return metadata.signed


def _read(content: bytes, name: str) -> Metadata[Any]:
    if len(content) > METADATA_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"{name}: over {METADATA_SIZE_MAX_BYTES} bytes")
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(content)
    except DeserializationError:
        raise Refusal(Code.MALFORMED, f"{name}: is no TUF metadata") from None
    return metadata


def _verify(metadata: Metadata[Any], delegator: Root | Targets, role: str, name: str) -> None:
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, VerificationError, ValueError) as error:
        raise Refusal(Code.UNAUTHENTICATED, f"{name}: {error}") from None


def _needed(bundle: TrustBundle, name: str) -> bytes:
    content = bundle.metadata.get(name)
    if content is None:
        raise Refusal(Code.MALFORMED, f"trust list: {name} is missing")
    return content


def _match(content: bytes, snapshot: Snapshot, name: str) -> None:
    """Hold metadata against length and hash in the snapshot, which must give both."""
    listed = snapshot.meta.get(name)
    if listed is None:
        raise Refusal(Code.UNAUTHENTICATED, f"{name}: is not in the snapshot")
    if listed.length is None or not listed.hashes or "sha256" not in listed.hashes:
        raise Refusal(Code.MALFORMED, f"{name}: the snapshot gives no length and SHA-256 of it")
    _match_file(content, listed, name)


def _same_version(signed: Signed, snapshot: Snapshot, name: str) -> None:
    listed = snapshot.meta[name].version
    if signed.version != listed:
        raise Refusal(
            Code.UNAUTHENTICATED,
            f"{name}: has version {signed.version}, the snapshot lists version {listed}",
        )


def _match_file(content: bytes, listed: MetaFile | TargetFile, name: str) -> None:
    try:
        listed.verify_length_and_hashes(content)
    except RepositoryError:
        raise Refusal(
            Code.UNAUTHENTICATED, f"{name}: not the file that the signed list names"
        ) from None


def _fresh(role: str, signed: Signed, at: int) -> RoleState:
    state = RoleState(signed.version, microseconds(signed.expires))
    if at >= state.expires_at:
        raise Refusal(
            Code.STALE,
            f"{role}, in version {state.version}, expired on {signed.expires:%Y-%m-%d %H:%M} UTC",
        )
    return state


def _federation_listed(targets: Targets) -> dict[str, TargetFile]:
    for path in targets.targets:
        if "/" in path and path.split("/")[0] in COUNTRY_FOLDERS:
            raise Refusal(
                Code.MALFORMED, f"targets.json: lists {path}, which only the country itself may"
            )
    return dict(targets.targets)


# --- countries -----------------------------------------------------------------------------


def _check_countries(  # noqa: PLR0913 - what a delegation is held against
    checked: CheckedMetadata,
    bundle: TrustBundle,
    snapshot: Snapshot,
    targets: Targets,
    at: int,
    *,
    whole: bool,
) -> None:
    delegations = targets.delegations or Delegations({}, {})
    delegated = delegations.roles or {}
    if delegations.succinct_roles is not None or len(delegated) > COUNTRIES_MAX:
        raise Refusal(Code.MALFORMED, "targets.json: must delegate to single countries, by name")
    borrowed = borrowed_keys(delegations)
    for role_name, role in delegated.items():
        named = COUNTRY_ROLE.fullmatch(role_name)
        if named is None:
            checked.faults.append(f"{role_name}: is no country's role")
            continue
        content = bundle.metadata.get(f"{role_name}.json")
        if content is None:
            checked.missing.append(f"{role_name}.json")
        if role_name in borrowed:
            spoil(checked, named[1], f"shares a key with {borrowed[role_name]}")
        elif content is None and whole:
            spoil(checked, named[1], "its metadata are missing")
        elif content is not None:
            _check_country(checked, content, snapshot, targets, role=role, at=at)
    strays = {name for name in bundle.metadata if COUNTRY_ROLE.match(name)}
    for file_name in sorted(strays - {f"{name}.json" for name in delegated}):
        spoil(checked, _country_of(file_name), "targets.json delegates nothing to it")
        checked.strays.append(file_name)


def _check_country(  # noqa: PLR0913 - what a country's role is held against
    checked: CheckedMetadata,
    content: bytes,
    snapshot: Snapshot,
    targets: Targets,
    *,
    role: DelegatedRole,
    at: int,
) -> None:
    country, file_name = _country_of(role.name), f"{role.name}.json"
    try:
        _require_own_paths(role, country)
        require_keys(role, targets.delegations.keys if targets.delegations else {}, role.name)
        _match_country(checked, content, snapshot, file_name)
        signed = _delegated(content, Targets, targets, role.name)
        _same_version(signed, snapshot, file_name)
        checked.roles[role.name] = RoleState(signed.version, microseconds(signed.expires))
        _require_own_files(signed, country)
        checked.listings[country] = dict(signed.targets)
        state = _fresh(role.name, signed, at)
    except Refusal as refusal:
        spoil(checked, country, refusal.reason)
    else:
        checked.countries[country] = CountryRole(
            country, state.expires_at, checked.listings[country]
        )


def _match_country(
    checked: CheckedMetadata, content: bytes, snapshot: Snapshot, file_name: str
) -> None:
    try:
        _match(content, snapshot, file_name)
    except Refusal:
        checked.missing.append(file_name)
        raise


def _country_of(name: str) -> str:
    return name.removeprefix("country-").removesuffix(".json")


def spoil(checked: CheckedMetadata, country: str, reason: str) -> None:
    """Leave a country out, and say why."""
    checked.countries.pop(country, None)
    checked.spoilt.add(country)
    checked.faults.append(f"country-{country}: {reason.removeprefix(f'country-{country}: ')}")


def _require_own_paths(role: DelegatedRole, country: str) -> None:
    allowed = set(country_paths(country))
    if not role.terminating or role.paths is None or not set(role.paths) <= allowed:
        raise Refusal(Code.MALFORMED, f"is delegated other paths than {', '.join(sorted(allowed))}")


def _require_own_files(signed: Targets, country: str) -> None:
    if signed.delegations is not None and signed.delegations.roles:
        raise Refusal(Code.MALFORMED, "delegates further, which no country may")
    for path in signed.targets:
        if path_country(path) != country:
            raise Refusal(Code.MALFORMED, f"lists {path!r}, which is none of its own paths")


def match_files(
    listed: Mapping[str, TargetFile], files: Mapping[str, bytes]
) -> tuple[list[str], list[str]]:
    """Hold files against what a role lists; returns the paths of those missing and those altered.

    Raises:
        Refusal: MALFORMED where one is too large or listed without its SHA-256.
    """
    missing, altered = [], []
    for path, target in listed.items():
        if "sha256" not in target.hashes:
            raise Refusal(Code.MALFORMED, f"trust list file {path}: is listed without its SHA-256")
        content = files.get(path)
        if content is None:
            missing.append(path)
        elif len(content) > FILE_SIZE_MAX_BYTES:
            raise Refusal(
                Code.MALFORMED, f"trust list file {path}: over {FILE_SIZE_MAX_BYTES} bytes"
            )
        else:
            try:
                target.verify_length_and_hashes(content)
            except RepositoryError:
                altered.append(path)
    return missing, altered
