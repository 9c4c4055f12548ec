"""A federation's working directory: what its officers prepare, sign and publish.

    sources/     readable: federation.json, policy.json, nodes/XA/…, issuers/XA/…, agreements/XA/…
    staged/      root.json, targets.json, country-XA.json: waiting for signatures
    published/   the repository that nodes and mirrors read
    keys.json    what the officers' keys are called, by key id

A staged file always holds the version after the published one, so that several changes may come
together in it; whoever changes it loses the signatures that it had.
"""

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from tuf.api.metadata import Key, Metadata, Root, Signed, Targets

from node.errors import Code, Refusal
from node.model.federation import (
    RoleKeys,
    Staged,
    Standing,
    countries_of,
    country_of,
    country_role,
    is_signed,
    keys_of,
    make_country,
    make_root,
    make_targets,
    read_staged,
    render_staged,
    require_separate_keys,
    spoken_of,
    standings,
)
from node.model.federation_files import (
    admitted,
    check_country_file,
    check_federation_file,
    expelled,
    place_country_file,
    read_federation,
    reinstated,
    render,
    suspended,
)
from node.model.trust_files import FEDERATION_FILE, POLICY_FILE, FederationFile, PolicyFile
from node.store.etsi import etsi_files, forget_scheme
from node.store.publication import (
    Publication,
    listed_files,
    read_publication,
    read_targets,
    replace_content,
)
from node.store.sources import Sources

_STAGED: Final = "staged"
_SOURCES: Final = "sources"
_PUBLISHED: Final = "published"
_NAMES: Final = "keys.json"
_KEY_ID_LENGTH_MIN: Final = 8


class Collected(Struct, frozen=True):
    """What a file brought back: whose signatures were new, and whose were there already."""

    role: str
    new: tuple[str, ...]
    known: tuple[str, ...]


class Federation:
    """A federation's working directory.

    Attributes:
        directory: where it is.
        published: its repository.
    """

    def __init__(self, directory: Path) -> None:
        """Take the directory; nothing is read yet."""
        self.directory = directory
        self.published = directory / _PUBLISHED
        self._sources = Sources(directory / _SOURCES)
        self._staged = directory / _STAGED

    @classmethod
    def create(
        cls,
        directory: Path,
        name: str,
        roles: Mapping[str, RoleKeys],
        key_names: Mapping[str, str],
        now: int,
    ) -> "Federation":
        """Make a federation without members; its first root and targets are staged.

        `key_names` is what people call the keys, by key id.

        Raises:
            Refusal: CONFLICT where the directory holds something, or keys have two owners.
        """
        if directory.exists() and any(directory.iterdir()):
            raise Refusal(Code.CONFLICT, f"{directory} is not empty; name a new one")
        root = make_root(roles, 1, now)
        require_separate_keys(root, {})
        federation = cls(directory)
        for made in (federation._staged, federation.published):
            made.mkdir(parents=True, exist_ok=True)
        federation.remember_keys(key_names)
        federation._stage("root", root, {})
        federation._sources.write(POLICY_FILE, render(PolicyFile()))
        federation._stage_targets(FederationFile(name, ()), {}, now)
        return federation

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands out while one changes the directory.

        Raises:
            Refusal: UNKNOWN where there is no federation, BUSY where another command is at work.
        """
        if not self._sources.exist():
            raise Refusal(
                Code.UNKNOWN,
                f"there is no federation in {self.directory}; "
                "'symbolon trust new-federation' makes one",
            )
        with (self.directory / ".lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refusal(
                    Code.BUSY, f"another command is at work in {self.directory}", 1
                ) from None
            yield

    # --- what there is --------------------------------------------------------------------

    def publication(self) -> Publication:
        """Return what is published now."""
        return read_publication(self.published)

    def staged_file(self, role: str) -> Path:
        """Return where a role is staged."""
        return self._staged / f"{role}.json"

    def staged(self, role: str) -> Staged | None:
        """Return what is staged for a role."""
        path = self.staged_file(role)
        if not path.exists():
            return None
        found = read_staged(path.read_bytes(), str(path))
        if found.role != role:
            raise Refusal(Code.CONFLICT, f"{path}: is a file of {found.role}; put it back there")
        return found

    def staged_roles(self) -> list[str]:
        """Return the roles that wait for signatures or to be published, delegators first."""
        found = [path.stem for path in sorted(self._staged.glob("*.json"))]
        return sorted(found, key=lambda role: (country_of(role) is not None, role))

    def standings(self, role: str) -> tuple[Standing, ...]:
        """Count the signatures of a staged role."""
        staged = self._require_staged(role)
        return standings(role, staged.metadata, self.delegator(role))

    def delegator(self, role: str) -> Root | Targets | None:
        """Return whoever names a role's keys, as it will be once all is published."""
        if role == "root":
            published = self.publication().root
            return None if published is None else published.signed
        return self.targets() if country_of(role) else self.root()

    def root(self) -> Root:
        """Return the root, as it will be once all is published."""
        found: Root = self._effective("root").signed
        return found

    def targets(self) -> Targets:
        """Return the federation's own list, as it will be once all is published."""
        found: Targets = self._effective("targets").signed
        return found

    def key_name(self, keyid: str) -> str:
        """Return what people call a key."""
        return self._names().get(keyid, keyid[:8])

    def remember_keys(self, names: Mapping[str, str]) -> None:
        """Remember what people call keys, by key id."""
        content = msgspec.json.encode({**self._names(), **names}, order="sorted")
        replace_content(self.directory / _NAMES, msgspec.json.format(content, indent=2) + b"\n")

    # --- what changes it ------------------------------------------------------------------

    def admit(self, country: str, keys: RoleKeys, now: int) -> None:
        """Stage a country's admission.

        Raises:
            Refusal: CONFLICT where it is a member, or a key has another owner already.
        """
        country_role(country)
        members = admitted(self._members(), country, now)
        self._stage_targets(members, {**countries_of(self.targets()), country: keys}, now)

    def suspend(self, country: str, reason: str, now: int) -> None:
        """Stage a country's suspension."""
        members = suspended(self._members(), country, reason, now)
        self._stage_targets(members, countries_of(self.targets()), now)

    def reinstate(self, country: str, now: int) -> None:
        """Stage the end of a country's suspension."""
        members = reinstated(self._members(), country)
        self._stage_targets(members, countries_of(self.targets()), now)

    def expel(self, country: str, now: int) -> None:
        """Stage a country's expulsion: its delegation, its entry and its sources go."""
        members = expelled(self._members(), country)
        countries = countries_of(self.targets())
        del countries[country]
        self._stage_targets(members, countries, now)
        self.staged_file(country_role(country)).unlink(missing_ok=True)
        for path in self._sources.of_country(country):
            self._sources.remove(path)

    def take(
        self, country: str, contents: Mapping[str, bytes], removed: Iterable[str], now: int
    ) -> list[str]:
        """Stage a country's own role, from the files it has and those it hands over now.

        Args:
            country: whose it is.
            contents: what it hands over, by a name to tell it by.
            removed: paths of files that it withdraws, like agreements/XA/xa-xb.json.
            now: microseconds UTC.

        Returns:
            The paths of the files that were handed over.

        Raises:
            Refusal: UNKNOWN where it is no member, UNAUTHENTICATED where a join request's
                proofs fail, MALFORMED where a file is not what it should be.
        """
        self._require_member(country)
        files = self._sources.of_country(country)
        for path in removed:
            if files.pop(path, None) is None:
                raise Refusal(Code.UNKNOWN, f"{path}: {country} has no such file")
        placed = [place_country_file(found, country, name) for name, found in contents.items()]
        files.update(placed)
        self._stage_country(country, files, now)
        for path in self._sources.of_country(country).keys() - files.keys():
            self._sources.remove(path)
        for path, content in placed:
            self._sources.write(path, content)
        return [path for path, _ in placed]

    def renew(self, role: str, now: int) -> None:
        """Stage a role as its sources are now, with a new expiry."""
        if role == "root":
            self._stage_root({}, now)
        elif role == "targets":
            countries = {}
            if self._exists("targets"):
                countries = countries_of(self.targets())
            self._stage_targets(self._members(), countries, now)
        elif country := country_of(role):
            self._require_member(country)
            self._stage_country(country, self._sources.of_country(country), now)
        else:
            raise Refusal(Code.MALFORMED, f"{role}: 'symbolon trust publish' renews it")

    def rotate(
        self,
        role: str,
        add: Iterable[Key],
        remove: Iterable[str],
        threshold: int | None,
        now: int,
    ) -> None:
        """Stage other keys for a role, and whatever has to be signed anew because of it.

        Args:
            role: root, targets, snapshot, timestamp or country-XA.
            add: new keys.
            remove: key ids, or what they begin with.
            threshold: how many sign from now on; None: as many as until now.
            now: microseconds UTC.

        Raises:
            Refusal: UNKNOWN where there is no such role or key, MALFORMED where the threshold
                cannot be reached.
        """
        country = country_of(role)
        held = keys_of(self.targets() if country else self.root(), role)
        keys = list(held.keys)
        for start in remove:
            keys.remove(_found(start, keys, role))
        fresh = RoleKeys((*keys, *add), held.threshold if threshold is None else threshold)
        if country is None:
            self._stage_root({role: fresh}, now)
            self._renew_where_unsigned("targets", now)
        else:
            countries = {**countries_of(self.targets()), country: fresh}
            self._stage_targets(self._members(), countries, now)
            self._renew_where_unsigned(role, now)

    def discard(self, role: str) -> None:
        """Give up what is staged for a role; its sources are again what is published.

        Raises:
            Refusal: UNKNOWN where nothing is staged for it, CONFLICT where nothing is published.
        """
        self._require_staged(role)
        publication = self.publication()
        if country_of(role) is None and publication.metadata(role) is None:
            raise Refusal(Code.CONFLICT, f"the first {role} cannot be given up; found anew")
        self.staged_file(role).unlink()
        self._restore(role, publication)
        if role == "targets":
            forget_scheme(self._sources, listed_files(self.targets()))
            members = countries_of(self.targets())
            for country in members:
                if not self._sources.of_country(country):
                    self._restore(country_role(country), publication)
            for other in self.staged_roles():
                if (stranger := country_of(other)) and stranger not in members:
                    self.discard(other)

    def collect(self, content: bytes, where: str) -> Collected:
        """Take the signatures, and nothing else, out of a file that comes back from a signer.

        Raises:
            Refusal: CONFLICT where what is staged has changed since, UNAUTHENTICATED where it
                brings no valid signature by a key of the role.
        """
        brought = read_staged(content, where)
        role = brought.role
        staged = self._require_staged(role)
        if brought.metadata.signed_bytes != staged.metadata.signed_bytes:
            raise Refusal(
                Code.CONFLICT,
                f"{where}: is not what is staged for {role}; have {self.staged_file(role)} signed",
            )
        before = {keyid for one in self.standings(role) for keyid in one.signed}
        counted = standings(role, brought.metadata, self.delegator(role))
        valid = list(dict.fromkeys(keyid for one in counted for keyid in one.signed))
        if not valid:
            raise Refusal(
                Code.UNAUTHENTICATED,
                f"{where}: brings no valid signature by a key of {role}; "
                "sign it with 'symbolon trust sign'",
            )
        for keyid in valid:
            staged.metadata.signatures[keyid] = brought.metadata.signatures[keyid]
        replace_content(self.staged_file(role), render_staged(staged))
        new = tuple(keyid for keyid in valid if keyid not in before)
        return Collected(role, new, tuple(keyid for keyid in valid if keyid in before))

    def _restore(self, role: str, publication: Publication) -> None:
        found = publication.metadata(role)
        listed = listed_files(found.signed) if found is not None else {}
        for path, content in read_targets(self.published, listed.values()).items():
            self._sources.write(path, content)
        for path in self._sources.of_country(country_of(role) or "").keys() - listed.keys():
            self._sources.remove(path)

    # --- staging --------------------------------------------------------------------------

    def _stage_root(self, roles: Mapping[str, RoleKeys], now: int) -> None:
        current = self.root()
        root = make_root(roles, self.publication().next_version("root"), now, current)
        if self._exists("targets"):
            require_separate_keys(root, countries_of(self.targets()))
        self._stage("root", root, {})
        self._renew_signers("targets")

    def _stage_targets(
        self, members: FederationFile, countries: Mapping[str, RoleKeys], now: int
    ) -> None:
        if {member.country for member in members.members} != countries.keys():
            raise Refusal(
                Code.CONFLICT,
                f"{FEDERATION_FILE} in sources names other members than those admitted; "
                "only 'symbolon trust admit' and 'expel' change who is one",
            )
        require_separate_keys(self.root(), countries)
        files = self._sources.of_federation() | {FEDERATION_FILE: render(members)}
        for path, content in files.items():
            check_federation_file(path, content)
        version = self.publication().next_version("targets")
        files |= etsi_files(self._sources, members, version, now)
        self._stage("targets", make_targets(files, countries, version, now), files)
        self._sources.write(FEDERATION_FILE, files[FEDERATION_FILE])

    def _stage_country(self, country: str, files: Mapping[str, bytes], now: int) -> None:
        role = country_role(country)
        if f"nodes/{country}/node.json" not in files:
            raise Refusal(
                Code.MALFORMED,
                f"{country} has no node yet; hand over what 'symbolon join' wrote there",
            )
        for path, content in files.items():
            check_country_file(path, content, path)
        version = self.publication().next_version(role)
        self._stage(role, make_country(country, files, version, now), files)

    def _stage(self, role: str, signed: Signed, files: Mapping[str, bytes]) -> None:
        before = self.publication().metadata(role)
        files_before: dict[str, bytes] = {}
        if before is not None and isinstance(before.signed, Targets):
            changed = [
                target
                for path, target in before.signed.targets.items()
                if path not in files or listed_files(signed)[path] != target
            ]
            files_before = read_targets(self.published, changed)
        staged = Staged(role, Metadata(signed), {}, {}, dict(files), before, files_before)
        self._write_staged(staged)

    def _write_staged(self, staged: Staged) -> None:
        signers = {key.keyid: self.key_name(key.keyid) for key in self._signers(staged)}
        others = spoken_of(staged) - signers.keys()
        named = {keyid: self.key_name(keyid) for keyid in sorted(others)}
        complete = msgspec.structs.replace(staged, signers=signers, named=named)
        replace_content(self.staged_file(staged.role), render_staged(complete))

    def _signers(self, staged: Staged) -> list[Key]:
        if staged.role != "root":
            delegator = self.targets() if country_of(staged.role) else self.root()
            return list(keys_of(delegator, staged.role).keys)
        roots = [staged.metadata.signed]
        if staged.before is not None:
            roots.insert(0, staged.before.signed)
        return [key for root in roots for key in keys_of(root, "root").keys]

    def _renew_signers(self, role: str) -> None:
        if (staged := self.staged(role)) is not None:
            self._write_staged(staged)

    def _renew_where_unsigned(self, role: str, now: int) -> None:
        """Stage a role anew where the keys that it has from now on have not signed it."""
        found = self._effective(role) if self._exists(role) else None
        if self.staged(role) is not None:
            self._renew_signers(role)
        elif found is not None and not is_signed(role, found, self.delegator(role)):
            self.renew(role, now)

    # --- reading --------------------------------------------------------------------------

    def _exists(self, role: str) -> bool:
        return self.staged_file(role).exists() or self.publication().metadata(role) is not None

    def _effective(self, role: str) -> Metadata[Any]:
        staged = self.staged(role)
        found = self.publication().metadata(role) if staged is None else staged.metadata
        if found is None:
            raise Refusal(Code.UNKNOWN, f"there is no {role} in {self.directory}")
        return found

    def _require_staged(self, role: str) -> Staged:
        staged = self.staged(role)
        if staged is None:
            raise Refusal(Code.UNKNOWN, f"nothing is staged for {role}: it needs no signature now")
        return staged

    def _require_member(self, country: str) -> None:
        if country not in countries_of(self.targets()):
            raise Refusal(
                Code.UNKNOWN,
                f"{country} is no member of the federation; 'symbolon trust admit' makes it one",
            )

    def _members(self) -> FederationFile:
        return read_federation(self._sources.of_federation())

    def _names(self) -> dict[str, str]:
        path = self.directory / _NAMES
        if not path.exists():
            return {}
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def _found(start: str, keys: Iterable[Key], role: str) -> Key:
    found = [key for key in keys if key.keyid.startswith(start)]
    if len(start) < _KEY_ID_LENGTH_MIN or len(found) != 1:
        raise Refusal(
            Code.UNKNOWN, f"{start}: {role} has no such key; give its .pub file or its key id"
        )
    return found[0]
