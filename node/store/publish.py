"""Publishing what a federation has signed, so that no client ever sees half of it.

1. take what is staged, and what is published of all else
2. refuse where signatures are missing, or a member has no list of its own
3. say in a new snapshot what belongs together, and in a timestamp that it is the newest
4. resolve it as a node will: what a node would refuse is not published
5. write: target files, then roles, then root and timestamp in an order that holds throughout
6. remove what was staged
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root, Targets

from node.errors import Code, Refusal
from node.model.federation import (
    ONLINE_ROLES,
    Standing,
    countries_of,
    country_of,
    country_role,
    is_signed,
    keys_of,
    make_snapshot,
    make_timestamp,
    published_bytes,
    read_metadata,
    require_separate_keys,
    sign,
    standings,
)
from node.model.trust import TrustBundle, resolve
from node.store.federation import Federation
from node.store.publication import (
    TIMESTAMP_FILE,
    Publication,
    copy_publication,
    metadata_path,
    read_targets,
    target_path,
    write_files,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SNAPSHOT_RENEWED_BEFORE: Final = timedelta(days=4)


class Published(Struct, frozen=True):
    """What was published.

    Attributes:
        roles: what is new, with its version.
        expiries: of every role, as the repository is now.
        seamless: whether a client that reads in between always finds what it can verify; false
            where keys were replaced and nobody signed with the old ones too.
        notes: what nodes will leave out, and why, a sentence each.
    """

    roles: dict[str, int]
    expiries: dict[str, datetime]
    seamless: bool
    notes: tuple[str, ...]


class _Plan(Struct):
    """The repository as it will be: roots and roles with their bytes."""

    root: Metadata[Root]
    roles: dict[str, bytes]
    fresh: dict[str, Metadata[Any]]
    files: dict[str, bytes]

    @property
    def targets(self) -> Targets:
        found: Targets = read_metadata(self.roles["targets"], "targets").signed
        return found


def publish(
    federation: Federation,
    signers: dict[str, Sequence[Signer]],
    now: int,
    *,
    leave: Collection[str] = (),
    elsewhere: Path | None = None,
) -> Published:
    """Publish all that is staged; where nothing is, renew snapshot and timestamp only.

    Args:
        federation: whose directory.
        signers: of `snapshot` and of `timestamp`. When a new root replaces one of these keys, the
            old one should sign too: then clients on either side of the change are content.
        now: microseconds UTC.
        leave: staged roles that stay staged.
        elsewhere: another directory to be brought up to date, such as a web server's.

    Raises:
        Refusal: UNAUTHENTICATED with whose signatures are missing, STALE where a role of the
            federation has expired, UNTRUSTED where a signer's key is not of its role.
    """
    before = federation.publication()
    plan = _gather(federation, before, leave)
    _require_signed(federation, before, plan)
    _require_fresh(plan, now)
    _sign_online(before, plan, signers, now)
    notes = _as_a_node(federation, plan, now)
    order, seamless = _order(before, plan)
    write_files(federation.published, plan.files)
    write_files(federation.published, {name: _content(plan, name) for name in order})
    if elsewhere is not None:
        copy_publication(federation.published, elsewhere, order[-2:])
    for role in plan.fresh:
        federation.staged_file(role).unlink(missing_ok=True)
    versions = {role: int(metadata.signed.version) for role, metadata in plan.fresh.items()}
    expiries = {"root": plan.root.signed.expires} | {
        role: read_metadata(content, role).signed.expires for role, content in plan.roles.items()
    }
    return Published(versions, expiries, seamless, notes)


def _gather(federation: Federation, before: Publication, leave: Collection[str]) -> _Plan:
    fresh: dict[str, Metadata[Any]] = {}
    files: dict[str, bytes] = {}
    roles = dict(before.roles)
    root = before.root
    for role in federation.staged_roles():
        staged = None if role in leave else federation.staged(role)
        if staged is None:
            continue
        _require_next(role, staged.metadata, before)
        fresh[role] = staged.metadata
        if role == "root":
            root = staged.metadata
            continue
        roles[role] = published_bytes(staged)
        for path, target in staged.metadata.signed.targets.items():
            files[target_path(target)] = staged.files[path]
    if root is None or "targets" not in roles:
        raise Refusal(
            Code.CONFLICT, "the first root and the first targets are published together or not"
        )
    plan = _Plan(root, roles, fresh, files)
    members = {country_role(country) for country in countries_of(plan.targets)}
    for role in [role for role in roles if country_of(role) and role not in members]:
        if role in fresh:
            raise Refusal(
                Code.CONFLICT,
                f"{country_of(role)} is no member until targets is published; "
                f"leave {role} too, or publish both",
            )
        del roles[role]
    return plan


def _require_next(role: str, staged: Metadata[Any], before: Publication) -> None:
    """Refuse to publish other content under a version that is out already."""
    published = before.metadata(role)
    if published is not None and staged.signed.version <= published.signed.version:
        if staged.signed == published.signed:
            return  # an earlier attempt was cut off
        raise Refusal(
            Code.CONFLICT,
            f"version {staged.signed.version} of {role} is published already, with other content; "
            "'symbolon trust renew' stages the next one",
        )


def _require_signed(federation: Federation, before: Publication, plan: _Plan) -> None:
    """Refuse where a role lacks signatures, under the keys that count from now on."""
    root, targets = plan.root.signed, plan.targets
    require_separate_keys(root, countries_of(targets))
    previous = None if before.root is None else before.root.signed
    lacking = []
    if "root" in plan.fresh:
        lacking += _lacking(federation, "root", standings("root", plan.root, previous))
    for role in ["targets", *map(country_role, countries_of(targets))]:
        if role not in plan.roles:
            lacking.append(
                f"{country_of(role)} is a member without a list of its own: "
                f"'symbolon trust country' stages it"
            )
            continue
        metadata = read_metadata(plan.roles[role], role)
        delegator = root if role == "targets" else targets
        lacking += _lacking(federation, role, standings(role, metadata, delegator))
    if lacking:
        raise Refusal(Code.UNAUTHENTICATED, f"not published: {'; '.join(lacking)}")


def _lacking(federation: Federation, role: str, counted: Sequence[Standing]) -> list[str]:
    return [
        f"{role} lacks {one.missing} of {one.threshold} signatures, by "
        + " or ".join(federation.key_name(keyid) for keyid in one.unsigned)
        for one in counted
        if one.missing
    ]


def _require_fresh(plan: _Plan, now: int) -> None:
    at = _EPOCH + timedelta(microseconds=now)
    targets = read_metadata(plan.roles["targets"], "targets").signed
    for role, signed in (("root", plan.root.signed), ("targets", targets)):
        if signed.is_expired(at):
            raise Refusal(
                Code.STALE,
                f"{role} expired at {signed.expires:%F %T} UTC, and no node would believe it; "
                f"'symbolon trust renew' stages it anew",
            )


def _sign_online(
    before: Publication, plan: _Plan, signers: dict[str, Sequence[Signer]], now: int
) -> None:
    root = plan.root.signed
    previous = root if before.root is None else before.root.signed
    for role in ONLINE_ROLES:
        known = {*keys_of(root, role).keyids, *keys_of(previous, role).keyids}
        for signer in signers[role]:
            if signer.public_key.keyid not in known:
                raise Refusal(
                    Code.UNTRUSTED, f"key {signer.public_key.keyid[:8]} is no key of {role}"
                )
    listed = {role: plan.roles[role] for role in plan.roles if role not in ONLINE_ROLES}
    at = _EPOCH + timedelta(microseconds=now)
    old = before.metadata("snapshot")
    if (
        old is None
        or plan.fresh.keys() - {"root"}
        or listed.keys() != before.roles.keys() - set(ONLINE_ROLES)
        or not is_signed("snapshot", old, root)
        or old.signed.expires - at < _SNAPSHOT_RENEWED_BEFORE
    ):
        kept = {
            name: entry
            for name, entry in before.entries.items()
            if name.removesuffix(".json") not in listed
        }
        snapshot = make_snapshot(listed, kept, before.next_version("snapshot"), now)
        _add(plan, "snapshot", Metadata(snapshot), signers)
    timestamp = make_timestamp(plan.roles["snapshot"], before.next_version("timestamp"), now)
    _add(plan, "timestamp", Metadata(timestamp), signers)


def _add(
    plan: _Plan, role: str, metadata: Metadata[Any], signers: dict[str, Sequence[Signer]]
) -> None:
    for signer in signers[role]:
        sign(metadata, signer)
    for standing in standings(role, metadata, plan.root.signed):
        if standing.missing:
            raise Refusal(
                Code.UNAUTHENTICATED,
                f"{role} lacks {standing.missing} of {standing.threshold} signatures; "
                f"give a key of it with --{role}-key",
            )
    plan.fresh[role] = metadata
    plan.roles[role] = metadata.to_bytes()


def _as_a_node(federation: Federation, plan: _Plan, now: int) -> tuple[str, ...]:
    """Resolve what is to be published, from the first root on; returns what is left out.

    Raises:
        Refusal: as a node would.
    """
    metadata = {
        f"{version}.root.json": (federation.published / metadata_path("root", version)).read_bytes()
        for version in range(1, int(plan.root.signed.version))
    }
    metadata[f"{plan.root.signed.version}.root.json"] = plan.root.to_bytes()
    metadata |= {f"{role}.json": plan.roles[role] for role in plan.roles if role != "timestamp"}
    files: dict[str, bytes] = {}
    for role in plan.roles.keys() - set(ONLINE_ROLES):
        for target in read_metadata(plan.roles[role], role).signed.targets.values():
            fresh = plan.files.get(target_path(target))
            files |= (
                read_targets(federation.published, [target])
                if fresh is None
                else {target.path: fresh}
            )
    view = resolve(TrustBundle(metadata, files), metadata["1.root.json"], now, whole=True)
    one_sided = [
        f"agreement {one.id} is not in force: {', '.join(one.lacking)} does not list the same"
        for one in view.one_sided
    ]
    return (*view.faults, *one_sided)


def _order(before: Publication, plan: _Plan) -> tuple[list[str], bool]:
    """Return in which order to write metadata, and whether it holds at every point.

    Root and timestamp are two files, and no client waits for both. The new root goes first where
    what is published now counts under it too; else last, where what is new counts under the old
    root too. Else the two follow each other as closely as can be.
    """
    names = [
        metadata_path(role, int(metadata.signed.version))
        for role, metadata in plan.fresh.items()
        if role not in {"root", "timestamp"}
    ]
    if "root" not in plan.fresh:
        return [*names, TIMESTAMP_FILE], True
    root = metadata_path("root", int(plan.root.signed.version))
    if before.root is None or _counts(before.roles, plan.root.signed):
        return [*names, root, TIMESTAMP_FILE], True
    if _counts(plan.roles, before.root.signed):
        return [*names, TIMESTAMP_FILE, root], True
    return [*names, root, TIMESTAMP_FILE], False


def _counts(roles: dict[str, bytes], root: Root) -> bool:
    return all(
        is_signed(role, read_metadata(roles[role], role), root)
        for role in ("targets", *ONLINE_ROLES)
    )


def _content(plan: _Plan, name: str) -> bytes:
    for role, metadata in plan.fresh.items():
        if metadata_path(role, int(metadata.signed.version)) == name:
            return plan.roles[role] if role in plan.roles else plan.root.to_bytes()
    raise Refusal(Code.DEFECT, f"{name} is nothing to publish")
