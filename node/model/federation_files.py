"""The readable sources of a federation: which file goes under which role, and what it must hold."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.issuers import make_framework, make_issuers
from node.model.trust_entries import make_node, require_party
from node.model.trust_files import (
    FEDERATION_FILE,
    FILE_SIZE_MAX_BYTES,
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

JOIN_FORMAT: Final = "symbolon-join/1"
_ISSUERS: Final = ("issuers", "framework")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class JoinRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a node hands to its country's officer: its description, each key with its proof."""

    format: Literal["symbolon-join/1"]
    node: NodeFile


def render(file: Struct) -> bytes:
    """Return a file as people read it and roles list it, byte for byte the same each time."""
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def check_federation_file(path: str, content: bytes) -> None:
    """Check a file that the federation itself signs.

    Raises:
        Refusal: MALFORMED.
    """
    if path == FEDERATION_FILE:
        members = decode_file(content, FederationFile, path).members
        if len({member.country for member in members}) != len(members):
            raise Refusal(Code.MALFORMED, f"{path}: a country is a member once")
    elif path == POLICY_FILE:
        decode_file(content, PolicyFile, path)
    else:
        raise Refusal(
            Code.MALFORMED, f"{path}: only {FEDERATION_FILE} and {POLICY_FILE} are the federation's"
        )


def place_country_file(content: bytes, country: str, where: str) -> tuple[str, bytes]:
    """Find out what a file of a country is, and check it.

    Returns:
        Its path under the country's role, and its bytes there: a join request becomes node.json.

    Raises:
        Refusal: MALFORMED, or UNAUTHENTICATED where a key in it is not proved to be the node's.
    """
    if len(content) > FILE_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"{where}: is over {FILE_SIZE_MAX_BYTES} bytes")
    try:
        fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw]).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(Code.MALFORMED, f"{where}: is no JSON object") from None
    if "format" in fields:
        content = render(decode_file(content, JoinRequest, where).node)
        path = f"nodes/{country}/node.json"
    elif "journal" in fields:
        path = f"nodes/{country}/node.json"
    elif "issuers" in fields:
        path = f"issuers/{country}/issuers.json"
    elif "levels" in fields:
        path = f"issuers/{country}/framework.json"
    elif "parties" in fields:
        name = decode_file(content, AgreementFile, where).id
        path = f"agreements/{country}/{name}.json"
    else:
        raise Refusal(
            Code.MALFORMED,
            f"{where}: is neither a join request, nor a node, issuers, framework or agreement file",
        )
    check_country_file(path, content, where)
    return path, content


def check_country_file(path: str, content: bytes, where: str) -> None:
    """Check a file that a country signs, as every node will.

    Raises:
        Refusal: MALFORMED, or UNAUTHENTICATED where a key in it is not proved to be the node's.
    """
    folder, country, name = path.split("/")
    known = {f"nodes/{country}/node.json", *(f"issuers/{country}/{one}.json" for one in _ISSUERS)}
    if path not in known and folder != "agreements":
        raise Refusal(Code.MALFORMED, f"{where}: is a file that no node knows")
    try:
        if path == f"nodes/{country}/node.json":
            make_node(decode_file(content, NodeFile, path), country, 0)
        elif path == f"issuers/{country}/issuers.json":
            make_issuers(decode_file(content, IssuersFile, path), country, 0)
        elif path == f"issuers/{country}/framework.json":
            make_framework(decode_file(content, FrameworkFile, path))
        else:
            require_party(
                decode_file(content, AgreementFile, path), country, name.removesuffix(".json")
            )
    except Refusal as refusal:
        raise Refusal(refusal.code, f"{where}: {refusal.reason}") from None


def with_history(described: NodeFile, earlier: NodeFile) -> NodeFile:
    """Return a node's description with what an earlier one says of the past.

    Keys and certificates keep the time from which they count; those that the node uses no more
    stay listed, so that what they signed still verifies.
    """
    keys = {entry.verifier: entry for entry in described.journal.keys}
    keys.update({entry.verifier: entry for entry in earlier.journal.keys})
    witness = {entry.verifier: entry for entry in (*described.witness, *earlier.witness)}
    certificates = {entry.certificate: entry for entry in described.tls}
    certificates.update({entry.certificate: entry for entry in earlier.tls})
    return replace(
        described,
        journal=replace(described.journal, keys=tuple(keys.values())),
        tls=tuple(certificates.values()),
        witness=tuple(witness.values()),
        contacts=described.contacts or earlier.contacts,
    )


def read_federation(files: Mapping[str, bytes]) -> FederationFile:
    """Return who is a member."""
    return decode_file(files.get(FEDERATION_FILE, b""), FederationFile, FEDERATION_FILE)


def admitted(file: FederationFile, country: str, now: int) -> FederationFile:
    """Return the members with one more.

    Raises:
        Refusal: CONFLICT where it is a member already.
    """
    if any(member.country == country for member in file.members):
        raise Refusal(Code.CONFLICT, f"{country} is a member already; it is admitted once")
    entry = MemberEntry(country, _moment(now).date())
    return replace(
        file, members=tuple(sorted((*file.members, entry), key=lambda member: member.country))
    )


def suspended(file: FederationFile, country: str, reason: str, now: int) -> FederationFile:
    """Return the members with one suspended from now on.

    Raises:
        Refusal: UNKNOWN where it is no member, CONFLICT where it is suspended already.
    """
    member = _member(file, country)
    if member.suspended_since is not None:
        raise Refusal(Code.CONFLICT, f"{country} is suspended since {member.suspended_since:%F}")
    return _with(file, replace(member, suspended_since=_moment(now), reason=reason))


def reinstated(file: FederationFile, country: str) -> FederationFile:
    """Return the members with one suspended no more.

    Raises:
        Refusal: UNKNOWN where it is no member, CONFLICT where it is not suspended.
    """
    member = _member(file, country)
    if member.suspended_since is None:
        raise Refusal(Code.CONFLICT, f"{country} is not suspended")
    return _with(file, replace(member, suspended_since=None, reason=""))


def expelled(file: FederationFile, country: str) -> FederationFile:
    """Return the members without one.

    Raises:
        Refusal: UNKNOWN where it is no member.
    """
    gone = _member(file, country)
    return replace(file, members=tuple(member for member in file.members if member != gone))


def digest(content: bytes) -> str:
    """Return SHA-256 of a file in hex, as people compare it with `sha256sum`."""
    return hashlib.sha256(content).hexdigest()


def _member(file: FederationFile, country: str) -> MemberEntry:
    for member in file.members:
        if member.country == country:
            return member
    raise Refusal(Code.UNKNOWN, f"{country} is no member of {file.name}")


def _with(file: FederationFile, changed: MemberEntry) -> FederationFile:
    return replace(
        file,
        members=tuple(
            changed if member.country == changed.country else member for member in file.members
        ),
    )


def _moment(now: int) -> datetime:
    return (_EPOCH + timedelta(microseconds=now)).replace(microsecond=0)
