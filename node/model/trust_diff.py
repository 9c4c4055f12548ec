"""What is different between two trust lists, in sentences that an official understands.

Neither list has to be signed or right: sources, repositories and archived lists are compared alike.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from node.errors import Refusal
from node.model.diff_countries import (
    agreement_changes,
    differing,
    framework_changes,
    issuer_changes,
    listed,
    moment_of,
    node_changes,
)
from node.model.federation import TOP_ROLES, RoleKeys, countries_of, fingerprint, keys_of
from node.model.listing import Listing, root_of, targets_of
from node.model.trust_files import (
    FEDERATION_FILE,
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
from node.model.trust_metadata import path_country

_FEDERATION: Final = "federation"
_File = TypeVar("_File", bound=Struct)


class Change(Struct, frozen=True):
    """One difference: whose (a country, or "federation"), where, and what, in a sentence."""

    of: str
    file: str
    sentence: str


def diff(old: Listing, new: Listing) -> tuple[Change, ...]:
    """Return what is different in a newer list, the federation's own first."""
    return tuple(dict.fromkeys(_Comparing(old, new).changes()))


class _Comparing:
    """Compares file by file, and key by key; not a value."""

    def __init__(self, old: Listing, new: Listing) -> None:
        self._old = old
        self._new = new
        self._unread: list[Change] = []

    def changes(self) -> Iterator[Change]:
        yield from self._federation()
        yield from self._policy()
        yield from self._officers()
        paths = sorted(self._old.files.keys() | self._new.files.keys())
        agreements: set[str] = set()
        for path in paths:
            if self._old.files.get(path) == self._new.files.get(path):
                continue
            country = path_country(path)
            if path.startswith("agreements/") and country:
                agreements.add(path.split("/")[2])
            elif country:
                yield from self._country(path, country)
            elif path not in {FEDERATION_FILE, POLICY_FILE}:
                yield Change(_FEDERATION, path, f"The file {path} {self._fate(path)}.")
        for name in sorted(agreements):
            yield from self._agreement(name, paths)
        yield from self._unread

    # --- the federation -------------------------------------------------------------------

    def _federation(self) -> Iterator[Change]:
        old = self._file(self._old, FEDERATION_FILE, FederationFile, "old")
        new = self._file(self._new, FEDERATION_FILE, FederationFile, "new")
        if old is None or new is None:
            return
        if new.name != old.name:
            yield self._of_federation(f"The federation is now called {new.name}.")
        before = {member.country: member for member in old.members}
        after = {member.country: member for member in new.members}
        for country, member in after.items():
            who = self._who(country)
            if country not in before:
                yield Change(
                    country,
                    FEDERATION_FILE,
                    f"{who} has been admitted; it is a member from {member.since}.",
                )
            for sentence in _suspension(before.get(country), member, who):
                yield Change(country, FEDERATION_FILE, sentence)
        for country in before.keys() - after.keys():
            yield Change(
                country,
                FEDERATION_FILE,
                f"{self._who(country)} has been expelled; nothing that it signs counts any more.",
            )

    def _policy(self) -> Iterator[Change]:
        old = self._file(self._old, POLICY_FILE, PolicyFile, "old")
        new = self._file(self._new, POLICY_FILE, PolicyFile, "new")
        if old is None or new is None:
            return
        if new.seals_required != old.seals_required:
            seals = listed(new.seals_required) or "nothing"
            yield Change(
                _FEDERATION, POLICY_FILE, f"Every checkpoint must now be signed with {seals}."
            )
        for name in differing(old, new):
            if name != "seals_required":
                was, now = getattr(old, name), getattr(new, name)
                yield Change(
                    _FEDERATION,
                    POLICY_FILE,
                    f"The policy says {name.replace('_', ' ')}: {now}, before: {was}.",
                )

    def _officers(self) -> Iterator[Change]:
        try:
            yield from list(self._roots())
            yield from list(self._country_keys())
        except (Refusal, ValueError, KeyError):
            yield self._of_federation("The officers' keys cannot be compared: look at both lists.")

    def _roots(self) -> Iterator[Change]:
        old, new = root_of(self._old), root_of(self._new)
        if old is None or new is None or old == new:
            return
        for role in TOP_ROLES:
            yield from self._keys(_FEDERATION, role, keys_of(old, role), keys_of(new, role))
        yield self._of_federation(
            f"The root is now version {new.version}, with the fingerprint {fingerprint(new)}.",
            "root.json",
        )

    def _country_keys(self) -> Iterator[Change]:
        old, new = targets_of(self._old), targets_of(self._new)
        if old is None or new is None:
            return
        before, after = countries_of(old), countries_of(new)
        for country in sorted(before.keys() & after.keys()):
            yield from self._keys(country, country, before[country], after[country])

    def _keys(self, of: str, role: str, old: RoleKeys, new: RoleKeys) -> Iterator[Change]:
        file = "root.json" if of == _FEDERATION else "targets.json"
        for keyid in new.keyids:
            if keyid not in old.keyids:
                yield Change(of, file, f"Key {keyid[:8]} has been taken into {role}.")
        for keyid in old.keyids:
            if keyid not in new.keyids:
                yield Change(of, file, f"Key {keyid[:8]} has been taken out of {role}.")
        if (new.threshold, len(new.keys)) != (old.threshold, len(old.keys)):
            yield Change(
                of,
                file,
                f"{new.threshold} of {len(new.keys)} keys must now sign {role}, before: "
                f"{old.threshold} of {len(old.keys)}.",
            )

    def _of_federation(self, sentence: str, file: str = FEDERATION_FILE) -> Change:
        return Change(_FEDERATION, file, sentence)

    # --- countries ------------------------------------------------------------------------

    def _country(self, path: str, country: str) -> Iterator[Change]:
        name, who = path.split("/")[2], self._who(country)
        sentences: Iterator[str]
        if name == "node.json":
            sentences = node_changes(*self._pair(path, NodeFile), who)
        elif name == "issuers.json":
            sentences = issuer_changes(*self._pair(path, IssuersFile), who)
        elif name == "framework.json":
            sentences = framework_changes(*self._pair(path, FrameworkFile), who)
        else:
            sentences = iter([f"{who}: the file {path} {self._fate(path)}."])
        if any(change.file == path for change in self._unread):
            return
        told = list(sentences) or [f"{who}: {path} says the same in other words."]
        yield from (Change(country, path, sentence) for sentence in told)

    def _agreement(self, name: str, paths: Sequence[str]) -> Iterator[Change]:
        found: dict[str, dict[str, AgreementFile]] = defaultdict(dict)
        ending = f"/{name}"
        for path in paths:
            if not (path.startswith("agreements/") and path.endswith(ending)):
                continue
            country = path.split("/")[1]
            for age, listing in (("old", self._old), ("new", self._new)):
                file = self._file(listing, path, AgreementFile, age)
                if file is not None:
                    found[age][country] = file
        of = min(found["new"] or found["old"], default="")
        if not of:
            return
        named = name.removesuffix(".json")
        path = f"agreements/{of}/{name}"
        for sentence in agreement_changes(named, found["old"], found["new"]):
            yield Change(of, path, sentence)

    # --- reading --------------------------------------------------------------------------

    def _pair(self, path: str, kind: type[_File]) -> tuple[_File | None, _File | None]:
        return self._file(self._old, path, kind, "old"), self._file(self._new, path, kind, "new")

    def _file(self, listing: Listing, path: str, kind: type[_File], age: str) -> _File | None:
        content = listing.files.get(path)
        if content is None:
            return None
        try:
            return decode_file(content, kind, path)
        except Refusal as refusal:
            reason = refusal.reason.removeprefix(f"trust list file {path}: ")
            change = Change(
                path_country(path) or _FEDERATION,
                path,
                f"{path} of the {age} list cannot be read: {reason}.",
            )
            self._unread.append(change)
            return None

    def _fate(self, path: str) -> str:
        if path not in self._old.files:
            return "is new"
        return "has changed" if path in self._new.files else "has been withdrawn"

    def _who(self, country: str) -> str:
        """Return a country as people know it: with its authority, where there is one."""
        path = f"nodes/{country}/node.json"
        for listing in (self._new, self._old):
            content = listing.files.get(path)
            if content is not None:
                try:
                    return f"{country} ({decode_file(content, NodeFile, path).authority})"
                except Refusal:
                    continue
        return country


def _suspension(old: MemberEntry | None, new: MemberEntry, who: str) -> Iterator[str]:
    was = None if old is None else old.suspended_since
    if new.suspended_since is not None and new.suspended_since != was:
        why = f", because: {new.reason}" if new.reason else ""
        yield (
            f"{who} is suspended from {moment_of(new.suspended_since)}{why}; it is asked nothing "
            "and answered nothing."
        )
    elif new.suspended_since is None and was is not None:
        yield f"{who} is suspended no more."
