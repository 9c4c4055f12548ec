"""What a signature would say, in sentences: for whoever is about to give it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from node.cli.officer import grouped, moment_in_words
from node.model.federation import (
    TOP_ROLES,
    RoleKeys,
    Staged,
    countries_of,
    country_of,
    fingerprint,
    keys_of,
)
from node.model.federation_files import digest
from node.model.lote import listed_certificates
from node.model.trust_files import (
    FEDERATION_FILE,
    LOTE_FILE,
    POLICY_FILE,
    AgreementFile,
    FederationFile,
    FrameworkFile,
    IssuersFile,
    MemberEntry,
    NodeFile,
    PolicyFile,
    decode_file,
)

if TYPE_CHECKING:
    from tuf.api.metadata import Root, Targets

_ROLES: Final = {
    "root": "root: which keys sign for the federation",
    "targets": "targets: who is a member, and what holds for all",
}
_Name = Callable[[str], str]


def role_in_words(role: str) -> str:
    """Return what a role is about."""
    return _ROLES.get(role, f"{role}: node, issuers and agreements of {country_of(role)}")


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them: A, B and C."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def changes(staged: Staged) -> list[str]:
    """Return what is different from the version in force, a sentence each; all, where none is."""

    def name(keyid: str) -> str:
        called = staged.signers.get(keyid, staged.named.get(keyid))
        return keyid[:8] if called in {None, keyid[:8]} else f"{called} ({keyid[:8]})"

    new = staged.metadata.signed
    old = None if staged.before is None else staged.before.signed
    if staged.role == "root":
        return list(_root_changes(new, old, name))
    told = [] if country_of(staged.role) else list(_member_changes(staged, new, old, name))
    return told + list(_file_changes(staged, new, old))


def _root_changes(new: "Root", old: "Root | None", name: _Name) -> Iterator[str]:
    yield f"The root's fingerprint is {grouped(fingerprint(new))}."
    for role in TOP_ROLES:
        held = keys_of(new, role)
        if old is None:
            yield f"{role} is signed by {_of(held, name)}."
        else:
            yield from _key_changes(role, held, keys_of(old, role), name)


def _key_changes(role: str, new: RoleKeys, old: RoleKeys, name: _Name) -> Iterator[str]:
    for keyid in new.keyids:
        if keyid not in old.keyids:
            yield f"{role}: key {name(keyid)} comes in."
    for keyid in old.keyids:
        if keyid not in new.keyids:
            yield f"{role}: key {name(keyid)} goes out."
    if new.threshold != old.threshold:
        yield f"{role}: {new.threshold} have to sign instead of {old.threshold}."


def _of(keys: RoleKeys, name: _Name) -> str:
    return f"{keys.threshold} of {len(keys.keys)}: {listed([name(keyid) for keyid in keys.keyids])}"


def _member_changes(
    staged: Staged, new: "Targets", old: "Targets | None", name: _Name
) -> Iterator[str]:
    countries, before = countries_of(new), {} if old is None else countries_of(old)
    for country, keys in countries.items():
        if country not in before:
            yield f"{country} becomes a member; its list is signed by {_of(keys, name)}."
        else:
            yield from _key_changes(country, keys, before[country], name)
    yield from (f"{country} is a member no more." for country in before if country not in countries)
    members = _members(staged.files.get(FEDERATION_FILE))
    members_before = _members(staged.files_before.get(FEDERATION_FILE)) or members
    for country, member in members.items():
        since, was = member.suspended_since, members_before.get(country)
        if since is not None and (was is None or was.suspended_since != since):
            why = f", because: {member.reason}" if member.reason else ""
            yield (
                f"{country} is suspended from {moment_in_words(since)}{why}. "
                "It is asked nothing and answered nothing."
            )
        if since is None and was is not None and was.suspended_since is not None:
            yield f"{country} is suspended no more."


def _members(content: bytes | None) -> dict[str, MemberEntry]:
    if content is None:
        return {}
    file = decode_file(content, FederationFile, FEDERATION_FILE)
    return {member.country: member for member in file.members}


def _file_changes(staged: Staged, new: "Targets", old: "Targets | None") -> Iterator[str]:
    before = {} if old is None else old.targets
    for path, target in new.targets.items():
        if path not in before:
            yield f"{path} is new: {_content(path, staged.files[path])}."
        elif before[path] != target:
            was = staged.files_before.get(path)
            said, instead = _content(path, staged.files[path]), ""
            if was is not None and digest(was) == before[path].hashes.get("sha256"):
                differ = listed(_differing(was, staged.files[path]))
                instead = f"; what differs: {differ} (before: {_content(path, was)})"
            yield f"{path} changes: {said}{instead}."
    yield from (f"{path} is withdrawn." for path in before if path not in new.targets)


def _differing(one: bytes, other: bytes) -> list[str]:
    """Return the names of the fields that differ between two JSON objects."""
    read = msgspec.json.Decoder(dict[str, Any])
    fields, fields_of_other = read.decode(one), read.decode(other)
    names = [*fields, *(name for name in fields_of_other if name not in fields)]
    differ = [name for name in names if fields.get(name) != fields_of_other.get(name)]
    return differ or ["only how it is written"]


def _content(path: str, content: bytes) -> str:
    """Return what a file says, in one clause."""
    kind, _, name = path.partition("/")
    if path == FEDERATION_FILE:
        file = decode_file(content, FederationFile, path)
        members = [member.country for member in file.members]
        return f"{file.name}, {f'with {listed(members)}' if members else 'without members'}"
    if path == POLICY_FILE:
        policy = decode_file(content, PolicyFile, path)
        signed = f"every checkpoint is signed with {listed(policy.seals_required)}"
        if not policy.witnesses_required:
            return f"{signed}, and no witness has to cosign"
        return f"{signed}; receipts need the cosignatures of {policy.witnesses_required} witnesses"
    if path == LOTE_FILE:
        certificates = listed_certificates(content)
        return f"the members after ETSI TS 119 602, with {len(certificates or ())} certificates"
    if kind == "nodes":
        return _node(decode_file(content, NodeFile, path))
    if kind == "agreements":
        return _agreement(decode_file(content, AgreementFile, path))
    if name.endswith("/issuers.json"):
        issuers = decode_file(content, IssuersFile, path).issuers
        standing = sum(1 for one in issuers if not (one.suspended_since or one.withdrawn_since))
        return f"{len(issuers)} issuers, {standing} of them neither suspended nor withdrawn"
    levels = decode_file(content, FrameworkFile, path).levels
    return f"{len(levels)} national levels and what they are in the EQF"


def _node(file: NodeFile) -> str:
    counted: list[tuple[int, str]] = [
        (len(file.journal.keys), "journal key"),
        (len(file.tls), "TLS certificate"),
        (len(file.witness), "witness key"),
    ]
    held = listed([f"{count} {what}{'' if count == 1 else 's'}" for count, what in counted])
    return f"node {file.node} of {file.authority}, at {file.endpoint}, with {held}"


def _agreement(file: AgreementFile) -> str:
    until = "" if file.in_force_until is None else f" until {file.in_force_until}"
    purposes = listed(file.purposes) if file.purposes else "nothing"
    return (
        f"version {file.version}, between {listed(file.parties)}, for {purposes}, "
        f"in force from {file.in_force_from}{until}"
    )


def content_of(staged: Staged) -> dict[str, Any]:
    """Return the same for programs."""
    signed = staged.metadata.signed
    return {
        "role": staged.role,
        "version": signed.version,
        "expires_at": signed.expires,
        "changes": changes(staged),
        "files": [
            {"path": path, "sha256": digest(content)} for path, content in staged.files.items()
        ],
    }
