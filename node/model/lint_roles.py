"""Looking at the metadata of a trust list: signatures, keys, expiry, what each role lists."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from securesystemslib.exceptions import VerificationError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from node.errors import Refusal
from node.model.expiry import warn_before_us
from node.model.federation import (
    countries_of,
    country_of,
    country_role,
    read_metadata,
    require_separate_keys,
    standings,
)
from node.model.lint_notes import Notes, sentence_of
from node.model.listing import Listing, metadata_of, root_of, targets_of
from node.model.moments import moment_text
from node.model.trust_entries import microseconds
from node.model.trust_files import FILE_SIZE_MAX_BYTES
from node.model.trust_keys import borrowed_keys, public_key_bytes, require_keys
from node.model.trust_metadata import country_paths, path_country

COUNTRY_FILES_MAX: Final = 2_000
COUNTRY_SIZE_MAX_BYTES: Final = 16 << 20
_KINDS: Final[dict[str, type[Signed]]] = {"snapshot": Snapshot, "timestamp": Timestamp}
_BROKEN: Final = (Refusal, RepositoryError, VerificationError, ValueError, KeyError, TypeError)


def lint_roles(listing: Listing, notes: Notes, now: int) -> None:
    """Look at all metadata that were found; they are neither trusted nor expected to be right."""
    root, targets = _read_top(listing, notes)
    if root is not None:
        _lint_roots(listing, root, notes, now)
    for role in sorted(listing.metadata):
        try:
            found = metadata_of(listing, role)
        except Refusal as refusal:
            notes.refused(f"{role}.json", "", refusal)
            continue
        if found is None or not isinstance(found.signed, _KINDS.get(role, Targets)):
            notes.error(f"{role}.json", "", f"This is no metadata of {role}; bring the right file.")
            continue
        _lint_role(listing, role, found, (root, targets), notes, now=now)
    if targets is not None:
        _lint_delegations(targets, root, notes)
    _lint_snapshot(listing, notes)


def role_keys(listing: Listing) -> Iterator[tuple[bytes, str]]:
    """Yield every key of a role that can be read, and whose it is."""
    holders: list[tuple[str, Role, Mapping[str, Any]]] = []
    try:
        root, targets = root_of(listing), targets_of(listing)
    except Refusal:
        return
    if root is not None:
        holders += [(name, role, root.keys) for name, role in root.roles.items()]
    if targets is not None and targets.delegations is not None:
        delegated = targets.delegations.roles or {}
        holders += [(name, role, targets.delegations.keys) for name, role in delegated.items()]
    for name, role, keys in holders:
        for keyid in role.keyids:
            try:
                yield public_key_bytes(keys[keyid], name), name
            except (Refusal, KeyError):
                continue


def _read_top(listing: Listing, notes: Notes) -> tuple[Root | None, Targets | None]:
    root: Root | None = None
    targets: Targets | None = None
    try:
        root = root_of(listing)
    except Refusal as refusal:
        notes.refused("root.json", "", refusal)
    with suppress(Refusal):  # told where every role is looked at
        targets = targets_of(listing)
    return root, targets


def _lint_roots(listing: Listing, root: Root, notes: Notes, now: int) -> None:
    before: Root | None = None
    for number, content in enumerate(listing.roots, 1):
        try:
            metadata = read_metadata(content, "root.json")
            signed = metadata.signed
            if not isinstance(signed, Root):
                break
        except Refusal as refusal:
            notes.refused("root.json", "", refusal)
            break
        last = number == len(listing.roots)
        if last or "root" not in listing.waiting:
            _lint_signatures("root", metadata, before, notes, waiting="root" in listing.waiting)
        if before is not None and signed.version != before.version + 1:
            notes.error(
                "root.json",
                "version",
                f"Version {signed.version} follows {before.version}; a node goes step by step, so "
                "every root in between must be there.",
            )
        before = signed
    _lint_expiry("root", microseconds(root.expires), notes, now)
    for name, role in root.roles.items():
        _lint_keys("root.json", name, role, root.keys, notes)


def _lint_role(  # noqa: PLR0913 - a role, and what it is held against
    listing: Listing,
    role: str,
    metadata: Metadata[Any],
    delegators: tuple[Root | None, Targets | None],
    notes: Notes,
    *,
    now: int,
) -> None:
    root, targets = delegators
    signed = metadata.signed
    _lint_expiry(role, microseconds(signed.expires), notes, now)
    country = country_of(role)
    delegator = root if country is None else targets
    if delegator is not None:
        _lint_signatures(role, metadata, delegator, notes, waiting=role in listing.waiting)
    if isinstance(signed, Targets):
        _lint_listed(listing, role, country, signed, notes)


def _lint_signatures(
    role: str,
    metadata: Metadata[Any],
    delegator: Root | Targets | None,
    notes: Notes,
    *,
    waiting: bool,
) -> None:
    file = f"{role}.json"
    try:
        counted = standings(role, metadata, delegator)
    except _BROKEN as error:
        reason = error.reason if isinstance(error, Refusal) else "its keys cannot be read"
        notes.error(file, "signatures", sentence_of(f"nobody can check it: {reason}"))
        return
    for one in counted:
        if not one.missing:
            continue
        lacking = f"{one.missing} of {one.threshold} signatures are missing"
        if waiting:
            notes.note(file, "signatures", f"{lacking}; 'symbolon trust staged' says whose.")
        else:
            notes.error(file, "signatures", f"{lacking}; no node believes it until it is signed.")
            return


def _lint_expiry(role: str, expires_at: int, notes: Notes, now: int) -> None:
    file = f"{role}.json"
    who = country_of(role) or "the federation"
    how = (
        "'symbolon trust publish' renews it"
        if role in _KINDS
        else f"'symbolon trust renew' stages it for {who}'s officers"
    )
    if now >= expires_at:
        notes.error(file, "expires", f"It expired on {moment_text(expires_at)}; {how}.")
    elif now >= expires_at - warn_before_us(role):
        notes.warning(file, "expires", f"It expires on {moment_text(expires_at)}; {how}.")


def _lint_keys(file: str, name: str, role: Role, keys: Mapping[str, Any], notes: Notes) -> None:
    field = f"roles.{name}"
    try:
        require_keys(role, keys, name)
    except Refusal as refusal:
        notes.refused(file, field, refusal)
    unknown = [keyid for keyid in role.keyids if keyid not in keys]
    if unknown:
        notes.error(file, field, f"Key {unknown[0][:8]} of {name} is not there; rotate the role.")
    count = len(role.keyids) - len(unknown)
    if role.threshold > count:
        notes.error(
            file, field, f"{name} needs {role.threshold} signatures and has {count} keys only."
        )
    elif name not in _KINDS and role.threshold == 1:
        notes.warning(
            file,
            field,
            f"One key signs {name} alone, so one stolen key is enough; 'symbolon trust rotate' "
            "adds keys and raises the threshold.",
        )
    elif name not in _KINDS and role.threshold == count:
        notes.note(
            file, field, f"All {count} keys must sign {name}: one lost key stops it; add a spare."
        )


def _lint_delegations(targets: Targets, root: Root | None, notes: Notes) -> None:
    delegations = targets.delegations
    if delegations is None:
        return
    file = "targets.json"
    for name, role in (delegations.roles or {}).items():
        country = country_of(name)
        field = f"delegations.{name}"
        if country is None or path_country(f"nodes/{country}/node.json") != country:
            notes.error(file, field, f"{name} is no country's role; take it out.")
            continue
        _lint_keys(file, name, role, delegations.keys, notes)
        own = country_paths(country)
        if not role.terminating or role.paths is None or not set(role.paths) <= set(own):
            notes.error(
                file, field, f"{country} must be delegated its own paths only: {', '.join(own)}."
            )
    for name, other in borrowed_keys(delegations).items():
        notes.error(
            file,
            f"delegations.{name}",
            f"{name} shares a key with {other}; each country signs with keys of its own.",
        )
    if root is not None:
        try:
            require_separate_keys(root, countries_of(targets))
        except _BROKEN as error:
            if isinstance(error, Refusal):
                notes.refused(file, "delegations", error)


# --- what a role lists ---------------------------------------------------------------------


def _lint_listed(
    listing: Listing, role: str, country: str | None, signed: Targets, notes: Notes
) -> None:
    file = f"{role}.json"
    for path, target in signed.targets.items():
        if path_country(path) != country or (country and signed.delegations):
            notes.error(
                file, f"targets.{path}", f"{role} lists {path}, which is not its own; take it out."
            )
        else:
            _lint_target(listing, file, path, target, notes)
    if country is None:
        return
    size = sum(target.length for target in signed.targets.values())
    lint_bounds(country, len(signed.targets), size, file, notes)
    if f"nodes/{country}/node.json" not in signed.targets:
        notes.error(
            file,
            "targets",
            f"{country} lists no node.json, so it has no node; 'symbolon trust country' takes a "
            "join request.",
        )


def lint_bounds(country: str, count: int, size_bytes: int, file: str, notes: Notes) -> None:
    """Look whether a country has more files than any node takes."""
    if count > COUNTRY_FILES_MAX or size_bytes > COUNTRY_SIZE_MAX_BYTES:
        notes.error(
            file,
            "",
            f"{country} has {count} files of {size_bytes >> 20} MiB; nodes take "
            f"{COUNTRY_FILES_MAX} of {COUNTRY_SIZE_MAX_BYTES >> 20} MiB, so withdraw old ones.",
        )


def _lint_target(listing: Listing, file: str, path: str, target: TargetFile, notes: Notes) -> None:
    content = listing.files.get(path)
    if path in listing.unread:
        return  # told where it was read
    if content is None:
        notes.error(file, f"targets.{path}", f"{path} is listed, but not there; bring it back.")
    elif set(target.hashes) != {"sha256"}:
        notes.error(file, f"targets.{path}", f"{path} must be listed by SHA-256 and nothing else.")
    elif (
        len(content) != target.length
        or hashlib.sha256(content).hexdigest() != target.hashes["sha256"]
    ):
        notes.error(
            file, f"targets.{path}", f"{path} is not the file that was signed; bring that back."
        )
    elif target.length > FILE_SIZE_MAX_BYTES:
        notes.error(path, "", f"It has over {FILE_SIZE_MAX_BYTES >> 20} MiB, which no node takes.")


def _lint_snapshot(listing: Listing, notes: Notes) -> None:
    if listing.waiting or listing.kind == "staged":
        return  # what is being signed is in no snapshot yet
    found: dict[str, Any] = {}
    for role in _KINDS:
        try:
            metadata = metadata_of(listing, role)
        except Refusal:
            continue
        found[role] = None if metadata is None else metadata.signed
    snapshot, timestamp = found.get("snapshot"), found.get("timestamp")
    if isinstance(timestamp, Timestamp) and "snapshot" in listing.metadata:
        _lint_meta(listing, "timestamp", "snapshot", timestamp.snapshot_meta, notes)
    if isinstance(snapshot, Snapshot):
        for name, meta in snapshot.meta.items():
            if name.removesuffix(".json") in listing.metadata:
                _lint_meta(listing, "snapshot", name.removesuffix(".json"), meta, notes)
        for role in listing.metadata.keys() - {"snapshot", "timestamp"}:
            if f"{role}.json" not in snapshot.meta:
                notes.error(
                    "snapshot.json", "meta", f"The snapshot does not name {role}; publish again."
                )


def _lint_meta(listing: Listing, lister: str, role: str, meta: MetaFile, notes: Notes) -> None:
    content = listing.metadata[role]
    try:
        version = read_metadata(content, role).signed.version
    except Refusal:
        return
    digest = hashlib.sha256(content).hexdigest()
    named = (meta.hashes or {}).get("sha256")
    if version != meta.version or len(content) != meta.length or digest != named:
        notes.error(
            f"{lister}.json",
            f"meta.{role}",
            f"{lister} names another {role} (version {meta.version}) than is there (version "
            f"{version}); publish again, or bring back the files of one publication.",
        )


def delegated_countries(listing: Listing) -> set[str] | None:
    """Return the countries that targets delegate to; None where that is not known."""
    try:
        targets = targets_of(listing)
        return None if targets is None else set(countries_of(targets))
    except _BROKEN:
        return None


def has_role(listing: Listing, country: str) -> bool:
    """Tell whether a country's own metadata were found."""
    return country_role(country) in listing.metadata
