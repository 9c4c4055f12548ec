"""Looking a trust list over before others do: what nodes will refuse, and what will hurt.

1. each file by itself: schema, keys, dates, occupations (`lint_files`)
2. each role: signatures, keys, expiry, what it lists (`lint_roles`)
3. one against the other: members, agreements, keys that have two owners
4. what was signed, as a node resolves it

Nothing that is wrong stops it: what cannot be read is a finding as well.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from node.errors import Refusal
from node.model import lint_files, lint_roles
from node.model.lint_notes import RANK, Finding, Notes, Severity, sentence_of
from node.model.listing import Listing
from node.model.lote import current_certificates, listed_certificates
from node.model.moments import day_text
from node.model.trust import resolve
from node.model.trust_files import (
    FEDERATION_FILE,
    LOTE_FILE,
    POLICY_FILE,
    SCHEME_FILE,
    AgreementFile,
    FederationFile,
    FrameworkFile,
    IssuersFile,
    NodeFile,
    PolicyFile,
    SchemeFile,
    decode_file,
)
from node.model.trust_metadata import path_country

__all__ = ["Finding", "Severity", "lint"]

_FEDERATION_KINDS: Final[dict[str, type[Struct]]] = {
    FEDERATION_FILE: FederationFile,
    POLICY_FILE: PolicyFile,
    SCHEME_FILE: SchemeFile,
}
_COUNTRY_KINDS: Final[dict[tuple[str, str], type[Struct]]] = {
    ("nodes", "node.json"): NodeFile,
    ("issuers", "issuers.json"): IssuersFile,
    ("issuers", "framework.json"): FrameworkFile,
}
_WHOLE: Final = frozenset({"sources", "published", "copy"})


def lint(listing: Listing, now: int) -> tuple[Finding, ...]:
    """Return everything that is wrong with a trust list, the worst first; never raises."""
    notes = Notes()
    for path, why in listing.unread.items():
        notes.error(path, "", sentence_of(why))
    files = _decoded(listing, notes)
    lint_roles.lint_roles(listing, notes, now)
    _Looking(listing, files, notes, now).look()
    _resolved(listing, notes, now)
    return tuple(
        sorted(notes.findings, key=lambda found: (RANK[found.severity], found.file, found.field))
    )


def kind_of(path: str) -> type[Struct] | None:
    """Return what a file under its path must be; None where no node knows it."""
    if path in _FEDERATION_KINDS:
        return _FEDERATION_KINDS[path]
    if path_country(path) is None:
        return None
    folder, _, name = path.split("/")
    if folder == "agreements" and name.endswith(".json"):
        return AgreementFile
    return _COUNTRY_KINDS.get((folder, name))


def _decoded(listing: Listing, notes: Notes) -> dict[str, Struct]:
    """Read every file; what cannot be read is noted."""
    files: dict[str, Struct] = {}
    for path, content in listing.files.items():
        kind = kind_of(path)
        if kind is None:
            if path != LOTE_FILE:
                notes.warning(path, "", "No node knows a file of this name; take it out.")
            continue
        try:
            files[path] = decode_file(content, kind, path)
        except Refusal as refusal:
            notes.refused(path, "", refusal)
    return files


class _Looking:
    """Looks at the files, each by itself and one against the other; not a value."""

    def __init__(
        self, listing: Listing, files: Mapping[str, Struct], notes: Notes, now: int
    ) -> None:
        self._listing = listing
        self._files = files
        self._notes = notes
        self._now = now
        found = files.get(FEDERATION_FILE)
        self._federation = found if isinstance(found, FederationFile) else None
        self._members = {
            member.country: member
            for member in (self._federation.members if self._federation else ())
        }
        self._agreements: dict[str, dict[str, AgreementFile]] = defaultdict(dict)
        self._keys: dict[str, dict[bytes, str]] = {}

    def look(self) -> None:
        policy = self._files.get(POLICY_FILE)
        seals = policy.seals_required if isinstance(policy, PolicyFile) else ("ed25519",)
        for path, file in self._files.items():
            self._look_at(path, file, seals)
        if self._listing.kind in _WHOLE:
            self._look_at_members()
            if isinstance(policy, PolicyFile):
                self._look_at_witnesses(policy)
        for name, listed in self._agreements.items():
            self._look_at_agreement(name, listed)
        self._look_at_overlaps()
        self._look_at_keys()
        self._look_at_lote()

    def _look_at(self, path: str, file: Struct, seals: tuple[str, ...]) -> None:
        notes, now = self._notes, self._now
        if isinstance(file, FederationFile):
            lint_files.lint_federation(file, path, notes, now)
        elif isinstance(file, PolicyFile):
            lint_files.lint_policy(file, path, notes)
        elif isinstance(file, NodeFile):
            self._keys[path] = lint_files.lint_node(file, path, notes, now, seals)
        elif isinstance(file, IssuersFile):
            framework = self._files.get(path.replace("issuers.json", "framework.json"))
            levels = framework.levels if isinstance(framework, FrameworkFile) else ()
            eqf = {level.eqf for level in levels if level.eqf is not None}
            lint_files.lint_issuers(file, path, notes, now, eqf)
        elif isinstance(file, FrameworkFile):
            lint_files.lint_framework(file, path, notes)
        elif isinstance(file, AgreementFile):
            lint_files.lint_agreement(file, path, notes, now)
            _, country, name = path.split("/")
            self._agreements[name.removesuffix(".json")][country] = file

    # --- members --------------------------------------------------------------------------

    def _look_at_members(self) -> None:
        notes, listing = self._notes, self._listing
        if FEDERATION_FILE not in listing.files and FEDERATION_FILE not in listing.unread:
            notes.error(FEDERATION_FILE, "", "It is missing, so nobody is a member; bring it back.")
        sizes: dict[str, list[int]] = defaultdict(list)
        for path, content in listing.files.items():
            if (country := path_country(path)) is not None:
                sizes[country].append(len(content))
        if self._federation is not None:
            self._look_at_strangers(set(sizes))
            for country in self._members:
                self._look_at_member(country)
        if listing.kind == "sources":
            for country, found in sizes.items():
                lint_roles.lint_bounds(
                    country, len(found), sum(found), f"agreements/{country}", notes
                )

    def _look_at_strangers(self, found: set[str]) -> None:
        for country in sorted(found - self._members.keys()):
            self._notes.error(
                FEDERATION_FILE,
                "members",
                f"{country} has files here and is no member; admit it or remove its files.",
            )
        delegated = lint_roles.delegated_countries(self._listing)
        for country in sorted((delegated or set()) ^ self._members.keys() if delegated else ()):
            where = "a role and no entry" if country in (delegated or ()) else "an entry, no role"
            self._notes.error(
                FEDERATION_FILE,
                "members",
                f"{country} has {where} among the members; 'symbolon trust admit' and 'expel' "
                "change both.",
            )

    def _look_at_member(self, country: str) -> None:
        notes, listing = self._notes, self._listing
        path = f"nodes/{country}/node.json"
        if path not in listing.files and path not in listing.unread:
            sentence = (
                f"{country} is a member without a node; hand over what 'symbolon join' writes "
                "there."
            )
            if listing.kind == "sources":
                notes.warning(path, "", sentence)
            elif not lint_roles.has_role(listing, country):
                notes.error(path, "", sentence)
        for name in ("issuers", "framework"):
            path = f"issuers/{country}/{name}.json"
            if path not in listing.files and path not in listing.unread:
                notes.note(path, "", f"{country} has no {name}; nobody can look up its {name}.")

    def _look_at_witnesses(self, policy: PolicyFile) -> None:
        """Look whether every journal can have as many witnesses as the policy requires."""
        witnesses = {
            file.node
            for file in self._files.values()
            if isinstance(file, NodeFile) and lint_files.can_cosign(file, policy, self._now)
        } & {country for country, member in self._members.items() if not member.suspended_since}
        required = policy.witnesses_required
        lacking = sorted(one for one in self._members if len(witnesses - {one}) < required)
        if lacking:
            self._notes.warning(
                POLICY_FILE,
                "witnesses_required",
                f"{required} other members must cosign, and only "
                f"{_names(sorted(witnesses)) if witnesses else 'nobody'} can: receipts of "
                f"{_names(lacking)} would stay INDETERMINATE; ask for fewer.",
            )

    # --- agreements -----------------------------------------------------------------------

    def _look_at_agreement(self, name: str, listed: Mapping[str, AgreementFile]) -> None:
        notes, files = self._notes, self._listing.files
        paths = {country: f"agreements/{country}/{name}.json" for country in sorted(listed)}
        parties = sorted({party for file in listed.values() for party in file.parties})
        first, *others = paths
        for country in others:
            if files[paths[country]] != files[paths[first]]:
                differ = ", ".join(_differing(listed[first], listed[country]))
                notes.error(
                    paths[country],
                    "",
                    f"{first} and {country} list different texts as {name} ({differ}); it is in "
                    "force only once all list the same file.",
                )
        lacking = [party for party in parties if party not in listed]
        if lacking and self._listing.kind in _WHOLE:
            notes.warning(
                paths[first],
                "parties",
                f"{name} is listed by {_names(paths)} and not by {_names(lacking)}; it is in "
                "force only once all parties list the same file.",
            )
        if self._federation is None:
            return
        if strangers := [party for party in parties if party not in self._members]:
            notes.error(
                paths[first],
                "parties",
                f"{_names(strangers)} of {name} is no member of the federation; it cannot be in "
                "force before it is admitted.",
            )
        for party in parties:
            if party in self._members and self._members[party].suspended_since is not None:
                notes.note(paths[first], "parties", f"{party} of {name} is suspended.")

    def _look_at_overlaps(self) -> None:
        """Look for agreements of the same parties at the same time that say different things."""
        groups: dict[frozenset[str], dict[str, tuple[AgreementFile, str]]] = defaultdict(dict)
        for name, listed in self._agreements.items():
            country, file = next(iter(sorted(listed.items())))
            groups[frozenset(file.parties)][name] = file, f"agreements/{country}/{name}.json"
        for group in groups.values():
            lasting: tuple[int, AgreementFile] | None = None
            for file, path in sorted(group.values(), key=lambda one: one[0].in_force_from):
                since, until = lint_files.day_span(file.in_force_from, file.in_force_until)
                if lasting is not None and since < lasting[0]:
                    self._overlap(lasting[1], file, path, since)
                if lasting is None or until > lasting[0]:
                    lasting = until, file

    def _overlap(self, other: AgreementFile, file: AgreementFile, path: str, since: int) -> None:
        one, two = sorted(set(file.purposes)), sorted(set(other.purposes))
        say = "cover the same" if one == two else "cover different purposes"
        self._notes.warning(
            path,
            "in_force_from",
            f"{file.id} and {other.id} are in force between the same parties from "
            f"{day_text(since)} and {say}; end the older one.",
        )

    def _look_at_lote(self) -> None:
        """Look whether the list for those who read another form says what this one says."""
        content = self._listing.files.get(LOTE_FILE)
        if content is None or self._listing.kind == "sources":
            return
        certificates = {
            certificate
            for file in self._files.values()
            if isinstance(file, NodeFile)
            for certificate in current_certificates(file.tls, self._now)
        }
        if listed_certificates(content) != certificates:
            self._notes.warning(
                LOTE_FILE,
                "",
                "It names other certificates than the nodes have now; 'symbolon trust lote' makes "
                "it anew.",
            )

    # --- keys -----------------------------------------------------------------------------

    def _look_at_keys(self) -> None:
        notes = self._notes
        holders: dict[bytes, tuple[str, str]] = {}
        for path in sorted(self._keys):
            for key, where in self._keys[path].items():
                other, there = holders.setdefault(key, (path, where))
                if other != path:
                    sentence = "It is a key of {} too ({}); every node has keys of its own."
                    notes.error(path, where, sentence.format(other.split("/")[1], there))
                    notes.error(other, there, sentence.format(path.split("/")[1], where))
        roles: dict[bytes, str] = {}
        for key, role in lint_roles.role_keys(self._listing):
            for seen in (key, hashlib.sha256(key).digest()):
                if seen in holders:
                    path, where = holders[seen]
                    notes.error(
                        path, where, f"It is an officer's key of {role} too; make another for one."
                    )
            other_role = roles.setdefault(key, role)
            if other_role != role:
                notes.note(
                    "targets.json" if "country-" in role else "root.json",
                    f"roles.{role}",
                    f"One key signs {other_role} and {role}; who steals it has a part of both.",
                )


def _differing(one: Struct, other: Struct) -> list[str]:
    fields: list[tuple[str, Any]] = list(msgspec.structs.asdict(one).items())
    differ = [name for name, value in fields if getattr(other, name) != value]
    return differ or ["only how it is written"]


def _names(countries: Mapping[str, object] | list[str]) -> str:
    names = list(countries)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _resolved(listing: Listing, notes: Notes, now: int) -> None:
    """Resolve what was signed as a node does, and say what it would leave out."""
    if listing.kind not in {"published", "copy"} or not listing.roots:
        return
    try:
        view = resolve(listing.bundle(), listing.roots[0], now, whole=True)
    except Refusal as refusal:
        if not any(found.severity is Severity.ERROR for found in notes.findings):
            notes.error("snapshot.json", "", sentence_of(f"no node takes it: {refusal.reason}"))
        return
    for fault in view.faults:
        role, _, why = fault.partition(": ")
        if not notes.spoils(role.removeprefix("country-")):
            notes.error(f"{role}.json", "", sentence_of(f"nodes leave it out: {why}"))
