"""A federation's side of its trust lists: TUF metadata made, changed and signed.

Who signs what:

    root           the federation's officers: the keys of the four roles at the top
    targets        its officers: who is a member, one delegation for each country
    country-XA     the country's own officers: its node, its issuers, its agreements
    snapshot       the publisher: which version of each of these belongs together
    timestamp      the publisher: that this is still the newest snapshot

Whatever is to be signed by people is *staged*: metadata on the way between machines, with all that
a signer has to see beside it, in a field that no signature covers and that is never published.
Sources: TUF 1.0, §4 (file formats), §6.1 (key rotation).
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct
from securesystemslib.signer import Signer, SSlibKey
from tuf.api.exceptions import LengthOrHashMismatchError, UnsignedMetadataError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID
from node.model.note import KeyKind, VerifierKey
from node.model.trust_files import LOTE_FILE

TOP_ROLES: Final = ("root", "targets", "snapshot", "timestamp")
ONLINE_ROLES: Final = ("snapshot", "timestamp")
STAGED_SIZE_MAX_BYTES: Final = 64 << 20
_COUNTRY: Final = "country-"
_VALID_DAYS: Final = {"root": 365, "targets": 90, "snapshot": 7, "timestamp": 1}
_COUNTRY_VALID_DAYS: Final = 30
_FOLDERS: Final = ("nodes", "issuers", "agreements")
_FEDERATION_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\.json")
_SCHEMES: Final = ("ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384")
_SHA256: Final = ["sha256"]
_ENCLOSED: Final = "staged"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PublicKeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key as its file holds it; `public` is hex for Ed25519, PEM for ECDSA."""

    keyid: str
    keytype: str
    scheme: str
    public: str


class RoleKeys(Struct, frozen=True):
    """The keys of a role, and how many of them have to sign.

    Making one checks it, raising Refusal MALFORMED: no key twice, a threshold that can be reached.
    """

    keys: tuple[Key, ...]
    threshold: int

    def __post_init__(self) -> None:
        if len({key.keyid for key in self.keys}) != len(self.keys):
            raise Refusal(Code.MALFORMED, "a key is named twice; each officer has one of their own")
        if not 1 <= self.threshold <= len(self.keys):
            raise Refusal(
                Code.MALFORMED,
                f"a threshold of {self.threshold} cannot be: there are {len(self.keys)} keys",
            )

    @property
    def keyids(self) -> list[str]:
        """The ids of the keys."""
        return [key.keyid for key in self.keys]


class Standing(Struct, frozen=True):
    """How far the signatures of a role are, under one set of keys (ids)."""

    threshold: int
    signed: tuple[str, ...]
    unsigned: tuple[str, ...]

    @property
    def missing(self) -> int:
        """How many signatures are still missing; any of `unsigned` may give them."""
        return max(0, self.threshold - len(self.signed))


class Staged(Struct, frozen=True):
    """Metadata that waits for signatures, and what its signers have to see.

    Attributes:
        role: whose it is: root, targets or country-XA.
        metadata: what is signed, with the signatures so far.
        signers: names of the keys that may sign, by key id.
        named: names of other keys that it speaks of, by key id.
        files: the target files, whole, by path.
        before: the version in force, where there is one.
        files_before: target files of that version which differ, by path.
    """

    role: str
    metadata: Metadata[Any]
    signers: dict[str, str]
    named: dict[str, str] = {}
    files: dict[str, bytes] = {}
    before: Metadata[Any] | None = None
    files_before: dict[str, bytes] = {}


class _Enclosed(Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    signers: dict[str, str]
    named: dict[str, str]
    files: dict[str, str]
    before: dict[str, Any] | None
    files_before: dict[str, str]


def country_role(country: str) -> str:
    """Return the name of a country's role.

    Raises:
        Refusal: MALFORMED where that is no country's letters.
    """
    if NODE_ID.fullmatch(country) is None:
        raise Refusal(Code.MALFORMED, f"{country!r} is no country: write its letters, like XA")
    return f"{_COUNTRY}{country}"


def country_of(role: str) -> str | None:
    """Return whose role this is; None for the federation's own."""
    return role.removeprefix(_COUNTRY) if role.startswith(_COUNTRY) else None


def role_named(name: str) -> str:
    """Return the role that people mean: root, targets, snapshot, timestamp, or a country.

    Raises:
        Refusal: MALFORMED.
    """
    return name if name in TOP_ROLES else country_role(name.removeprefix("country-"))


def read_public_key(content: bytes, where: str) -> SSlibKey:
    """Read a public key file.

    Raises:
        Refusal: MALFORMED where it is none, its id is not that of the key, or the key is weak.
    """
    try:
        file = msgspec.json.decode(content, type=PublicKeyFile)
        if file.keytype == "ed25519":
            raw = bytes.fromhex(file.public)
            VerifierKey.of("key", KeyKind.ED25519, raw)  # refuses points of small order
            key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw))
        else:
            loaded = load_pem_public_key(file.public.encode())
            if not isinstance(loaded, EllipticCurvePublicKey):
                raise Refusal(Code.MALFORMED, f"{where}: use Ed25519, or ECDSA on P-256 or P-384")
            key = SSlibKey.from_crypto(loaded)
    except (msgspec.DecodeError, ValueError, UnsupportedAlgorithm):
        raise Refusal(
            Code.MALFORMED, f"{where}: is no public key; 'symbolon trust new-key' makes one (.pub)"
        ) from None
    found = PublicKeyFile(key.keyid, key.keytype, key.scheme, key.keyval["public"])
    if found != file or key.scheme not in _SCHEMES:
        raise Refusal(Code.MALFORMED, f"{where}: key id, type and scheme are not those of the key")
    return key


def render_public_key(key: SSlibKey) -> bytes:
    """Return a public key as its file holds it."""
    file = PublicKeyFile(key.keyid, key.keytype, key.scheme, key.keyval["public"])
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def make_root(
    roles: Mapping[str, RoleKeys], version: int, now: int, current: Root | None = None
) -> Root:
    """Make a root: the first, from the keys of all four roles, or the next, with some replaced."""
    held = {} if current is None else {role: keys_of(current, role) for role in TOP_ROLES}
    held.update(roles)
    return Root(
        version=version,
        expires=expiry("root", now),
        keys={key.keyid: key for role in held.values() for key in role.keys},
        roles={role: Role(held[role].keyids, held[role].threshold) for role in TOP_ROLES},
        consistent_snapshot=True,
    )


def make_targets(
    files: Mapping[str, bytes], countries: Mapping[str, RoleKeys], version: int, now: int
) -> Targets:
    """Make the federation's own list: its files, and one delegation for each member country."""
    strange = [
        path for path in files if path != LOTE_FILE and _FEDERATION_FILE.fullmatch(path) is None
    ]
    if strange:
        raise Refusal(Code.MALFORMED, f"{strange[0]}: is no file of the federation itself")
    delegated = {
        country_role(country): DelegatedRole(
            country_role(country),
            keys.keyids,
            keys.threshold,
            terminating=True,
            paths=[f"{folder}/{country}/*" for folder in _FOLDERS],
        )
        for country, keys in sorted(countries.items())
    }
    return Targets(
        version=version,
        expires=expiry("targets", now),
        targets=_target_files(files),
        delegations=Delegations(
            {key.keyid: key for keys in countries.values() for key in keys.keys}, delegated
        ),
    )


def make_country(country: str, files: Mapping[str, bytes], version: int, now: int) -> Targets:
    """Make a country's own list, from its files.

    Raises:
        Refusal: MALFORMED where a file is not its to sign.
    """
    role = country_role(country)
    shape = re.compile(rf"(?:{'|'.join(_FOLDERS)})/{country}/{_FEDERATION_FILE.pattern}")
    strange = [path for path in files if shape.fullmatch(path) is None]
    if strange:
        raise Refusal(Code.MALFORMED, f"{strange[0]}: is not {country}'s to sign")
    return Targets(version=version, expires=expiry(role, now), targets=_target_files(files))


def make_snapshot(
    roles: Mapping[str, bytes], kept: Mapping[str, MetaFile], version: int, now: int
) -> Snapshot:
    """Say which versions belong together.

    Args:
        roles: the published bytes of targets and of each country's role, by role.
        kept: entries of countries that are gone: an entry never leaves (TUF 1.0, §5.5.5).
        version: of the snapshot.
        now: microseconds UTC.
    """
    meta = dict(kept)
    for role, content in roles.items():
        signed = read_metadata(content, role).signed
        meta[f"{role}.json"] = MetaFile.from_data(signed.version, content, _SHA256)
    return Snapshot(version=version, expires=expiry("snapshot", now), meta=meta)


def make_timestamp(snapshot: bytes, version: int, now: int) -> Timestamp:
    """Say that a snapshot, as it is published, is the newest."""
    signed = read_metadata(snapshot, "snapshot").signed
    meta = MetaFile.from_data(signed.version, snapshot, _SHA256)
    return Timestamp(version=version, expires=expiry("timestamp", now), snapshot_meta=meta)


def expiry(role: str, now: int) -> datetime:
    """Return when a role that is made now expires."""
    days = _VALID_DAYS.get(role, _COUNTRY_VALID_DAYS)
    return (_EPOCH + timedelta(microseconds=now, days=days)).replace(microsecond=0)


def keys_of(delegator: Root | Targets, role: str) -> RoleKeys:
    """Return the keys of a role, as its delegator names them.

    Raises:
        Refusal: UNKNOWN where there is no such role.
    """
    try:
        found = delegator.get_delegated_role(role)
        return RoleKeys(tuple(delegator.get_key(keyid) for keyid in found.keyids), found.threshold)
    except ValueError:
        raise Refusal(Code.UNKNOWN, f"there is no role {role} in this federation") from None


def countries_of(targets: Targets) -> dict[str, RoleKeys]:
    """Return the member countries and the keys of each."""
    delegated = targets.delegations.roles if targets.delegations is not None else None
    return {
        country: keys_of(targets, role)
        for role in delegated or {}
        if (country := country_of(role)) is not None
    }


def require_separate_keys(root: Root, countries: Mapping[str, RoleKeys]) -> None:
    """Check that nobody's key does what is another's to do.

    Raises:
        Refusal: CONFLICT where two countries share a key, or one that lies on the publisher's
            machine is an officer's too.
    """
    online = {keyid for role in ONLINE_ROLES for keyid in root.roles[role].keyids}
    owners: dict[str, str] = {}
    for role in ("root", "targets"):
        owners.update(dict.fromkeys(root.roles[role].keyids, role))
    for keyid in owners.keys() & online:
        raise Refusal(
            Code.CONFLICT,
            f"key {keyid[:8]} of {owners[keyid]} is the publisher's too, whose keys are online; "
            "give the officers keys of their own",
        )
    for country, keys in countries.items():
        for keyid in keys.keyids:
            if keyid in online or owners.setdefault(keyid, country) != country:
                other = "the publisher" if keyid in online else owners[keyid]
                raise Refusal(
                    Code.CONFLICT,
                    f"key {keyid[:8]} of {country} is one of {other} too; "
                    "each country signs with keys that nobody else has",
                )


def read_metadata(content: bytes, where: str) -> Metadata[Any]:
    """Read TUF metadata; nothing is verified.

    Raises:
        Refusal: MALFORMED.
    """
    try:
        return Metadata.from_bytes(content)
    except DeserializationError:
        raise Refusal(Code.MALFORMED, f"{where}: is no TUF metadata") from None


def sign(metadata: Metadata[Any], signer: Signer) -> None:
    """Add a signature.

    Raises:
        Refusal: UNAUTHENTICATED where the key cannot be used: a wrong PIN, a token that is gone.
    """
    try:
        metadata.sign(signer, append=True)
    except UnsignedMetadataError as error:
        cause = error.__cause__
        reason = f"{cause}" or type(cause).__name__
        raise Refusal(Code.UNAUTHENTICATED, f"the key does not sign: {reason}") from None


def standings(
    role: str, metadata: Metadata[Any], delegator: Root | Targets | None
) -> tuple[Standing, ...]:
    """Count the valid signatures of a role.

    Args:
        role: root, targets, country-XA, snapshot or timestamp.
        metadata: of that role.
        delegator: whoever names its keys: the root, or targets for a country; for a root the one
            before it, None for the first.

    Returns:
        One count; for a later root two: by the keys of the root before it, and by its own.
    """
    delegators: list[Root | Targets] = [] if delegator is None else [delegator]
    if role == "root" and not (delegator is not None and delegator == metadata.signed):
        delegators.append(metadata.signed)
    payload = metadata.signed_bytes
    counted = []
    for one in delegators:
        keys_of(one, role)
        result = one.get_verification_result(role, payload, metadata.signatures)
        counted.append(Standing(result.threshold, tuple(result.signed), tuple(result.unsigned)))
    return tuple(counted)


def is_signed(role: str, metadata: Metadata[Any], delegator: Root | Targets | None) -> bool:
    """Tell whether a role has all the signatures that it needs."""
    return all(standing.missing == 0 for standing in standings(role, metadata, delegator))


def fingerprint(root: Root) -> str:
    """Return what people compare: SHA-256 (hex) of what a root says, whoever has signed it yet."""
    return hashlib.sha256(Metadata(root).signed_bytes).hexdigest()


def spoken_of(staged: Staged) -> set[str]:
    """Return the ids of the keys that a staged role, or the version before it, gives to others."""
    found: set[str] = set()
    for metadata in (staged.metadata, staged.before):
        signed = None if metadata is None else metadata.signed
        if isinstance(signed, Root):
            found |= signed.keys.keys()
        elif isinstance(signed, Targets) and signed.delegations is not None:
            found |= signed.delegations.keys.keys()
    return found


def published_bytes(staged: Staged) -> bytes:
    """Return metadata as it is published: what is signed and the signatures, nothing else."""
    return Metadata(staged.metadata.signed, dict(staged.metadata.signatures)).to_bytes()


def render_staged(staged: Staged) -> bytes:
    """Return staged metadata as the one file that is carried to a signer and back."""
    before = None if staged.before is None else staged.before.to_dict()
    enclosed = _Enclosed(
        staged.role,
        staged.signers,
        staged.named,
        _text(staged.files),
        before,
        _text(staged.files_before),
    )
    fields = {_ENCLOSED: msgspec.to_builtins(enclosed)}
    carried = Metadata(staged.metadata.signed, dict(staged.metadata.signatures), fields)
    return msgspec.json.format(carried.to_bytes(), indent=1) + b"\n"


def read_staged(content: bytes, where: str) -> Staged:
    """Read staged metadata.

    What is enclosed is checked against what is to be signed, so that a signer is shown what is so;
    the version before and the names of the keys are only as good as whoever staged it.

    Raises:
        Refusal: MALFORMED where it is no such file, UNAUTHENTICATED where somebody changed it.
    """
    if len(content) > STAGED_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"{where}: is over {STAGED_SIZE_MAX_BYTES >> 20} MiB")
    metadata = read_metadata(content, where)
    try:
        enclosed = msgspec.convert(metadata.unrecognized_fields.get(_ENCLOSED), _Enclosed)
        before = None if enclosed.before is None else Metadata.from_dict(enclosed.before)
    except (msgspec.ValidationError, ValueError, KeyError, TypeError):
        raise Refusal(
            Code.MALFORMED, f"{where}: is no staged file; copy one from the directory 'staged'"
        ) from None
    role, signed = enclosed.role, metadata.signed
    kind = Root if role == "root" else Targets
    if not isinstance(signed, kind) or (before is not None and type(before.signed) is not kind):
        raise Refusal(Code.UNAUTHENTICATED, f"{where}: is not what it says, a file of {role}")
    files = {path: text.encode() for path, text in enclosed.files.items()}
    if isinstance(signed, Targets):
        _require_same_files(signed, files, where)
        if country := country_of(role):
            make_country(country, files, signed.version, 0)  # refuses what is not its to sign
    metadata.unrecognized_fields = {}
    files_before = {path: text.encode() for path, text in enclosed.files_before.items()}
    return Staged(role, metadata, enclosed.signers, enclosed.named, files, before, files_before)


def _require_same_files(signed: Targets, files: Mapping[str, bytes], where: str) -> None:
    if signed.targets.keys() != files.keys():
        raise Refusal(
            Code.UNAUTHENTICATED, f"{where}: does not enclose the files that are to be signed"
        )
    for path, target in signed.targets.items():
        try:
            target.verify_length_and_hashes(files[path])
        except LengthOrHashMismatchError:
            raise Refusal(
                Code.UNAUTHENTICATED,
                f"{where}: encloses another {path} than is to be signed; somebody changed it",
            ) from None


def _target_files(files: Mapping[str, bytes]) -> dict[str, TargetFile]:
    return {path: TargetFile.from_data(path, files[path], _SHA256) for path in sorted(files)}


def _text(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items()}
