"""The files under the roles of a trust list: JSON, strict and bounded.

federation.json             who is a member (role targets)
policy.json                 which signature lines a checkpoint must carry (role targets)
etsi/scheme.json            what the same list after ETSI TS 119 602 needs (sources only)
nodes/XA/node.json          what peers must know of a node (role country-XA)
issuers/XA/issuers.json     who may award what in XA (role country-XA)
issuers/XA/framework.json   XA's levels and what they are in the EQF (role country-XA)
agreements/XA/<id>.json     an agreement, as XA has signed it (role country-XA)
"""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from node.errors import Code, Refusal
from node.model.codes import LEVELS_MAX
from node.model.recognition.form import RecognitionPart

FILE_SIZE_MAX_BYTES: Final = 1 << 20
FEDERATION_FILE: Final = "federation.json"
POLICY_FILE: Final = "policy.json"
SCHEME_FILE: Final = "etsi/scheme.json"
LOTE_FILE: Final = "etsi/lote.json"
WITNESSES_REQUIRED_MAX: Final = 16
"""As many cosignatures of both kinds as one note holds."""

_File = TypeVar("_File", bound=Struct)

NodeId = Annotated[
    str, Meta(pattern="^[A-Z]{2}[0-9]{0,2}$", description="Id of a country's node, like XA")
]
FileId = Annotated[
    str,
    Meta(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$", description="Small letters, digits, and _ . -"),
]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Note = Annotated[str, Meta(max_length=1000)]
Moment = Annotated[datetime, Meta(tz=True, description="With its zone: 2026-11-23T09:00:00Z")]
Occupation = Annotated[
    str, Meta(pattern="^[0-9]{1,4}$", description="ISCO-08: a unit group, or what it starts with")
]
LevelEqf = Annotated[int, Meta(ge=1, le=8, description="Level of the EQF")]
Proof = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4096,
        description="Base64 of a signature by this key over its possession message",
    ),
]
AwardName = Literal["full_qualification", "unit", "recognised_prior_learning", "licence"]
PurposeName = Literal["employment", "licensing", "enrolment"]
SealName = Literal["ed25519", "ml-dsa-44"]


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


# --- of the federation ---------------------------------------------------------------------


class MemberEntry(_Strict, frozen=True):
    """One member. A suspended one stays listed: it is asked nothing and answered nothing."""

    country: NodeId
    since: date
    suspended_since: Moment | None = None
    reason: Note = ""


class FederationFile(_Strict, frozen=True):
    """`federation.json`: who is a member."""

    name: Name
    members: Annotated[tuple[MemberEntry, ...], Meta(max_length=1000)]


class PolicyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`policy.json`: which signature lines a checkpoint must carry to count.

    `witnesses_required` is how many other members must have cosigned what a receipt stands on,
    each with every kind in `seals_required`.
    """

    seals_required: tuple[SealName, ...] = ("ed25519", "ml-dsa-44")
    witnesses_required: Annotated[int, Meta(ge=0, le=WITNESSES_REQUIRED_MAX)] = 0


class AddressEntry(_Strict, frozen=True):
    """Where an authority is reached: by post, by mail, on the web (as ETSI TS 119 602 asks)."""

    street: Name
    locality: Name
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
    email: Annotated[str, Meta(pattern="^[^@\\s]+@[^@\\s]+$", max_length=254)]
    website: Annotated[str, Meta(pattern="^https?://[^\\s]+$", max_length=500)]
    postal_code: Annotated[str, Meta(max_length=40)] = ""


class SchemeFile(_Strict, frozen=True):
    """`etsi/scheme.json`: what a list after ETSI TS 119 602 says beside who is a member.

    It stays in the sources; `etsi/lote.json`, which is made with it, is listed.
    """

    operator: AddressEntry
    authorities: dict[NodeId, AddressEntry]
    policy: Annotated[str, Meta(pattern="^https?://[^\\s]+$", max_length=500)]
    language: Annotated[str, Meta(pattern="^[a-z]{2}$", description="Of all texts; ISO 639-1")] = (
        "en"
    )


# --- of a country: its node ----------------------------------------------------------------


class JournalKeyEntry(_Strict, frozen=True):
    """One journal or witness key in a node file; a retired one stays listed, with its reason."""

    verifier: Annotated[str, Meta(max_length=4096, description="C2SP verifier key")]
    valid_from: Moment
    possession: Proof
    valid_until: Moment | None = None
    retired_because: Note | None = None


class JournalEntry(_Strict, frozen=True):
    """A node's journal: its C2SP origin and the keys that sign its checkpoints."""

    origin: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=255,
            description="Name of the journal; begins with the node's id in small letters and a dot",
            extra_json_schema={"pattern": "^[a-z]{2}[0-9]{0,2}\\."},
        ),
    ]
    keys: Annotated[tuple[JournalKeyEntry, ...], Meta(min_length=1, max_length=64)]


class CertificateEntry(_Strict, frozen=True):
    """One TLS certificate of a node (base64 of DER); old and new may overlap."""

    certificate: Annotated[str, Meta(min_length=1, max_length=16_384)]
    valid_from: Moment
    possession: Proof
    valid_until: Moment | None = None


class ContactEntry(_Strict, frozen=True):
    """Whom to reach about a node; an office rather than a person."""

    role: Name
    name: Name
    email: Annotated[str, Meta(max_length=254)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""


class NodeFile(_Strict, frozen=True):
    """`nodes/XA/node.json`: everything that peers must know of a node."""

    node: NodeId
    country: NodeId
    authority: Name
    endpoint: Annotated[
        str,
        Meta(pattern="^[A-Za-z0-9.\\[\\]:_-]{1,253}:[0-9]{1,5}$", description="host:port"),
    ]
    journal: JournalEntry
    tls: Annotated[tuple[CertificateEntry, ...], Meta(min_length=1, max_length=16)]
    witness: Annotated[
        tuple[JournalKeyEntry, ...],
        Meta(max_length=64, description="Keys that cosign other nodes' checkpoints"),
    ] = ()
    contacts: Annotated[tuple[ContactEntry, ...], Meta(max_length=16)] = ()


# --- of a country: its issuers -------------------------------------------------------------


class AccreditationEntry(_Strict, frozen=True, rename={"since": "from"}):
    """What an issuer may award, from when to when (days, UTC), by whose decision.

    Levels are those of the EQF or, where the country has none, of its own framework.
    """

    isco08: Annotated[tuple[Occupation, ...], Meta(min_length=1, max_length=500)]
    levels_eqf: Annotated[tuple[LevelEqf, ...], Meta(max_length=8)]
    award_types: Annotated[tuple[AwardName, ...], Meta(min_length=1, max_length=4)]
    since: date
    by: Name
    until: date | None = None
    levels_national: Annotated[tuple[Name, ...], Meta(max_length=64)] = ()


class IssuerEntry(_Strict, frozen=True):
    """One issuer; a suspended or withdrawn one stays listed, with the reason."""

    id: FileId
    name: Name
    accredited: Annotated[tuple[AccreditationEntry, ...], Meta(max_length=64)]
    suspended_since: date | None = None
    withdrawn_since: date | None = None
    reason: Note = ""


class IssuersFile(_Strict, frozen=True):
    """`issuers/XA/issuers.json`: who may award what in XA."""

    issuers: Annotated[tuple[IssuerEntry, ...], Meta(max_length=5000)]


class LevelEntry(_Strict, frozen=True):
    """One level of a national framework, and what it is referenced to: one of these or more.

    `aqrf` is the ASEAN framework, `sadcqf` that of SADC, `cvq` the Caribbean qualification.
    """

    national: Name
    eqf: LevelEqf | None = None
    aqrf: Annotated[int, Meta(ge=1, le=LEVELS_MAX["aqrf"])] | None = None
    sadcqf: Annotated[int, Meta(ge=1, le=LEVELS_MAX["sadcqf"])] | None = None
    cvq: Annotated[int, Meta(ge=1, le=LEVELS_MAX["cvq"])] | None = None


class FrameworkFile(_Strict, frozen=True):
    """`issuers/XA/framework.json`: the national levels, their crosswalk and where it is from."""

    name: Name
    levels: Annotated[tuple[LevelEntry, ...], Meta(min_length=1, max_length=64)]
    provenance: Note


# --- of a country: its agreements ----------------------------------------------------------


class AgreementFile(_Strict, frozen=True):
    """`agreements/XA/<id>.json`: which purposes two or more nodes answer each other for.

    Both dates are days in force, in UTC; without the second there is no end yet. What it says of
    recognition stands in a part of its own; a bare agreement says nothing of it.
    """

    id: FileId
    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    parties: Annotated[tuple[NodeId, ...], Meta(min_length=2, max_length=64)]
    title: Name
    instrument: Name
    in_force_from: date
    in_force_until: date | None
    purposes: Annotated[tuple[PurposeName, ...], Meta(max_length=3)]
    note: Note = ""
    recognition: RecognitionPart | None = None


# --- reading and describing them -----------------------------------------------------------

KINDS: Final[dict[str, type[Struct]]] = {
    "federation": FederationFile,
    "policy": PolicyFile,
    "scheme": SchemeFile,
    "node": NodeFile,
    "issuers": IssuersFile,
    "framework": FrameworkFile,
    "agreement": AgreementFile,
}


def decode_file(content: bytes, kind: type[_File], path: str) -> _File:
    """Read a file under a role strictly.

    Raises:
        Refusal: MALFORMED, with the file and the field that is wrong.
    """
    if len(content) > FILE_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"trust list file {path}: over {FILE_SIZE_MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(content, type=kind)
    except (
        msgspec.ValidationError,
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
    ) as error:
        raise Refusal(Code.MALFORMED, f"trust list file {path}: {error}") from None


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of file: one of the names in `KINDS`."""
    schema = msgspec.json.schema(KINDS[name])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Symbolon trust list: {name}",
        **schema,
    }
