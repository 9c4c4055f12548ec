"""Trust lists: which nodes, keys, certificates, agreements and issuers count.

A trust list is a TUF repository. The federation delegates to each country what is that country's
own; `resolve` checks all of it against a root and makes one immutable, indexed view.

An agreement is in force only where every party's own role lists the same file: nobody can bind
another country.

`trust_metadata` checks the signatures, `trust_files` has the formats, `trust_entries` what is
looked up, `trust_view` the look-ups.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from tuf.api.metadata import TargetFile

from node.errors import Code, Refusal
from node.model.issuers import (
    Accreditation,
    Framework,
    Issuer,
    IssuerBook,
    make_framework,
    make_issuers,
)
from node.model.recognition.form import RecognitionPart
from node.model.trust_entries import (
    SEAL_KINDS,
    Agreement,
    Certificate,
    JournalKey,
    Member,
    Node,
    OneSided,
    make_agreement,
    make_member,
    make_node,
    require_own_origin,
    require_party,
    shared_keys,
    spiffe_id,
    spki_digest,
    tls_name,
)
from node.model.trust_files import (
    FEDERATION_FILE,
    FILE_SIZE_MAX_BYTES,
    POLICY_FILE,
    AgreementFile,
    CertificateEntry,
    ContactEntry,
    FederationFile,
    FrameworkFile,
    IssuersFile,
    JournalEntry,
    JournalKeyEntry,
    MemberEntry,
    NodeFile,
    PolicyFile,
    decode_file,
)
from node.model.trust_metadata import (
    FILES_MAX,
    CheckedMetadata,
    CountryRole,
    RoleState,
    TrustBundle,
    check_metadata,
    match_files,
    newest_root_version,
    path_country,
    spoil,
)
from node.model.trust_view import TrustView

__all__ = [
    "FILES_MAX",
    "FILE_SIZE_MAX_BYTES",
    "Accreditation",
    "Agreement",
    "AgreementFile",
    "Certificate",
    "CertificateEntry",
    "ContactEntry",
    "FederationFile",
    "Framework",
    "FrameworkFile",
    "Issuer",
    "IssuerBook",
    "IssuersFile",
    "JournalEntry",
    "JournalKey",
    "JournalKeyEntry",
    "Member",
    "MemberEntry",
    "Node",
    "NodeFile",
    "OneSided",
    "PolicyFile",
    "RoleState",
    "TrustBundle",
    "TrustView",
    "complete",
    "extract",
    "newest_root_version",
    "require_own_origin",
    "resolve",
    "spiffe_id",
    "spki_digest",
    "tls_name",
]

_SAYS_NOTHING: Final = PolicyFile()


def resolve(bundle: TrustBundle, root: bytes, at: int, *, whole: bool = False) -> TrustView:
    """Check a trust list against a trusted root, as of a time, and index it.

    Args:
        bundle: may lack countries and files (a receipt carries only those it needs).
        root: the bytes of a root metadata file that is trusted; the newest root in the bundle
            must follow from it.
        at: microseconds UTC; what has expired then does not count.
        whole: what is missing is a fault.

    A country that fails its checks is left out and named in `faults`, and so is one whose role
    has expired; the others stand.

    Raises:
        Refusal: STALE where root, targets or snapshot have expired, UNAUTHENTICATED where a
            signature, version or digest of theirs fails or a file is listed by nobody, MALFORMED
            with the file and field where their content is wrong or missing.
    """
    if len(bundle.files) > FILES_MAX:
        raise Refusal(Code.MALFORMED, f"trust list: more than {FILES_MAX} files")
    checked = check_metadata(bundle, root, at, whole=whole)
    return _Resolving(bundle, checked, whole=whole).view()


def complete(bundle: TrustBundle, view: TrustView) -> TrustBundle:
    """Return a bundle with only what the list names, as it names it."""
    gone = {*view.missing, *view.strays}
    return TrustBundle(
        {name: data for name, data in bundle.metadata.items() if name not in gone},
        {path: data for path, data in bundle.files.items() if path not in gone},
    )


def extract(bundle: TrustBundle, nodes: Iterable[str]) -> TrustBundle:
    """Return a bundle with only what is needed to check the seals of some nodes."""
    wanted = set(nodes)
    left_out = {
        name
        for name in bundle.metadata
        if name.startswith("country-") and name[len("country-") : -len(".json")] not in wanted
    }
    files = {POLICY_FILE, *(f"nodes/{node}/node.json" for node in wanted)}
    return TrustBundle(
        {name: data for name, data in bundle.metadata.items() if name not in left_out},
        {path: data for path, data in bundle.files.items() if path in files},
    )


def _altered(path: str) -> Refusal:
    return Refusal(
        Code.UNAUTHENTICATED, f"trust list file {path}: not the file that the signed list names"
    )


class _Resolving:
    """Makes the view, one country after the other; not a value."""

    def __init__(self, bundle: TrustBundle, checked: CheckedMetadata, *, whole: bool) -> None:
        self._files = bundle.files
        self._checked = checked
        self._whole = whole
        self._nodes: dict[str, Node] = {}
        self._issuers: dict[str, list[Issuer]] = {}
        self._frameworks: dict[str, Framework] = {}
        self._agreements: dict[str, AgreementFile] = {}  # by digest
        self._recognitions: dict[tuple[frozenset[str], str, int], RecognitionPart] = {}

    def view(self) -> TrustView:
        checked = self._checked
        name, members, policy = self._federation()
        self._members_only(members)
        for country in list(checked.countries.values()):
            try:
                self._country(country)
            except Refusal as refusal:
                self._spoil(country.country, refusal.reason)
        for node, other in shared_keys(self._nodes.values()).items():
            self._spoil(node, f"its node shares a key with node {other}")
        self._require_listed()
        agreements, one_sided = self._index_agreements()
        top = ("root", "targets", "snapshot")
        return TrustView(
            reference=checked.reference,
            expires_at=min(checked.roles[role].expires_at for role in top),
            root_version=checked.root_version,
            roles=checked.roles,
            name=name,
            members=members,
            nodes=self._nodes,
            node_by_pin={
                certificate.spki_digest: node.id
                for node in self._nodes.values()
                for certificate in node.certificates
            },
            agreements=agreements,
            recognitions=self._recognitions,
            one_sided=one_sided,
            issuers={
                (country, issuer.id): issuer
                for country, issuers in self._issuers.items()
                for issuer in issuers
            },
            frameworks=self._frameworks,
            seals_required=frozenset(SEAL_KINDS[kind] for kind in policy.seals_required),
            faults=tuple(checked.faults),
            missing=tuple(checked.missing),
            strays=tuple(checked.strays),
            witnesses_required=policy.witnesses_required,
            books={
                country: IssuerBook.of(issuers)
                for country, issuers in self._issuers.items()
                if issuers
            },
        )

    def _federation(self) -> tuple[str, dict[str, Member], PolicyFile]:
        """Read the files of the federation itself; nothing stands where they are wrong."""
        files, listed = self._files, self._checked.listed
        missing, altered = match_files(listed, files)
        if altered:
            raise _altered(altered[0])
        if self._whole:
            missing += {FEDERATION_FILE, POLICY_FILE} - listed.keys()
        if missing and self._whole:
            raise Refusal(
                Code.MALFORMED, f"trust list file {missing[0]}: is missing; copy the whole list"
            )
        self._checked.missing.extend(missing)
        policy = _SAYS_NOTHING
        if POLICY_FILE in listed and POLICY_FILE in files:
            policy = decode_file(files[POLICY_FILE], PolicyFile, POLICY_FILE)
        if FEDERATION_FILE not in listed or FEDERATION_FILE not in files:
            return "", {}, policy
        federation = decode_file(files[FEDERATION_FILE], FederationFile, FEDERATION_FILE)
        members = {entry.country: make_member(entry) for entry in federation.members}
        if len(members) != len(federation.members):
            raise Refusal(Code.MALFORMED, f"trust list file {FEDERATION_FILE}: a member twice")
        return federation.name, members, policy

    def _members_only(self, members: Mapping[str, Member]) -> None:
        if not members:
            return
        for country in list(self._checked.countries):
            if country not in members:
                self._spoil(country, f"is no member in {FEDERATION_FILE}")

    def _country(self, role: CountryRole) -> None:
        """Read the files of one country.

        Raises:
            Refusal: with the file and field that is wrong.
        """
        missing, altered = match_files(role.listed, self._files)
        self._checked.missing.extend(missing + altered)
        if altered:
            raise _altered(altered[0])
        node_path = f"nodes/{role.country}/node.json"
        if self._whole and missing:
            raise Refusal(Code.MALFORMED, f"trust list file {missing[0]}: is missing")
        if self._whole and node_path not in role.listed:
            raise Refusal(Code.MALFORMED, f"lists no {node_path}")
        for path, target in role.listed.items():
            content = self._files.get(path)
            if content is None:
                continue
            try:
                self._read(role, path, content, target)
            except Refusal as refusal:
                reason = refusal.reason.removeprefix(f"trust list file {path}: ")
                raise Refusal(refusal.code, f"trust list file {path}: {reason}") from None

    def _read(self, role: CountryRole, path: str, content: bytes, target: TargetFile) -> None:
        country, expires_at = role.country, role.expires_at
        folder, _, name = path.split("/")
        if folder == "agreements":
            digest = target.hashes["sha256"]
            if digest not in self._agreements:
                self._agreements[digest] = decode_file(content, AgreementFile, path)
            require_party(self._agreements[digest], country, name.removesuffix(".json"))
        elif (folder, name) == ("nodes", "node.json"):
            file = decode_file(content, NodeFile, path)
            self._nodes[country] = make_node(file, country, expires_at)
        elif (folder, name) == ("issuers", "issuers.json"):
            issuers = decode_file(content, IssuersFile, path)
            self._issuers[country] = make_issuers(issuers, country, expires_at)
        elif (folder, name) == ("issuers", "framework.json"):
            framework = decode_file(content, FrameworkFile, path)
            self._frameworks[country] = make_framework(framework)
        # Another name is a later version's, and none of our business.

    def _spoil(self, country: str, reason: str) -> None:
        spoil(self._checked, country, reason)
        for entries in (self._nodes, self._issuers, self._frameworks):
            entries.pop(country, None)

    def _require_listed(self) -> None:
        checked = self._checked
        for path in self._files:
            country = path_country(path)
            if path in checked.listings.get(country or "", checked.listed):
                continue
            # What a role that does not hold may have listed is nobody's; it says nothing.
            if country not in checked.spoilt or country in checked.listings:
                raise Refusal(
                    Code.UNAUTHENTICATED, f"trust list file {path}: no role of the list names it"
                )
            checked.strays.append(path)

    def _index_agreements(
        self,
    ) -> tuple[dict[frozenset[str], tuple[Agreement, ...]], tuple[OneSided, ...]]:
        """Index the agreements whose every party lists the same file."""
        countries = self._checked.countries
        listed = {
            (country.country, path.split("/")[2], target.hashes["sha256"])
            for country in countries.values()
            for path, target in country.listed.items()
            if path.startswith("agreements/") and path in self._files
        }
        index: dict[frozenset[str], tuple[Agreement, ...]] = {}
        one_sided: list[OneSided] = []
        for digest in dict.fromkeys(digest for _, _, digest in sorted(listed)):
            file = self._agreements[digest]
            name = f"{file.id}.json"
            parties = sorted(file.parties)
            lacking = [party for party in parties if (party, name, digest) not in listed]
            if lacking:
                there = tuple(party for party in parties if party not in lacking)
                one_sided.append(OneSided(file.id, there, tuple(lacking)))
                continue
            if file.recognition is not None:
                key = (frozenset(parties), file.id, file.version)
                self._recognitions[key] = file.recognition
            agreement = make_agreement(file, min(countries[party].expires_at for party in parties))
            for one in parties:
                for other in parties:
                    if one < other:
                        pair = frozenset((one, other))
                        index[pair] = (*index.get(pair, ()), agreement)
        return index, tuple(one_sided)
