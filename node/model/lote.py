"""The members of a federation as a list of trusted entities after ETSI TS 119 602 (JSON).

One trusted entity for each member: its credential authority, with one service, the node that
answers about the country's qualifications, known by its TLS certificates. No node of ours reads
it; it is for those who know that form. It says nothing that the list itself does not say, but for
the addresses in `etsi/scheme.json`.

Source: ETSI TS 119 602 V1.1.1, §6 and the JSON binding. Types, statuses and rules are URNs of our
own, since no profile of the standard is for qualifications. The JAdES signature of §6.8 is left
out: the TUF role that lists the file signs it.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from node.model.moments import rfc3339
from node.model.trust_entries import day_start, microseconds, spiffe_id
from node.model.trust_files import (
    AddressEntry,
    CertificateEntry,
    FederationFile,
    MemberEntry,
    NodeFile,
    SchemeFile,
)

_URN: Final = "urn:symbolon:lote"
_SERVICE_NAME: Final = "Answers about qualifications"


def make_lote(  # noqa: PLR0913 - what the head of such a list says
    federation: FederationFile,
    nodes: Mapping[str, NodeFile],
    scheme: SchemeFile,
    *,
    sequence_number: int,
    now: int,
    next_update: int,
) -> bytes | None:
    """Return the list as a file; None where no member has both a node and an address.

    Args:
        federation: who is a member.
        nodes: by country.
        scheme: names and addresses that the form asks for.
        sequence_number: that of the role that lists the file.
        now: when it is issued, microseconds UTC; certificates that have ended are left out.
        next_update: by when there is a newer one.
    """
    entities = [
        _entity(member, nodes[member.country], scheme, now)
        for member in federation.members
        if member.country in nodes and member.country in scheme.authorities
    ]
    if not entities:
        return None
    language = scheme.language
    operator = scheme.operator
    head = {
        "LoTEVersionIdentifier": 1,
        "LoTESequenceNumber": sequence_number,
        "LoTEType": f"{_URN}:type:credential-authorities",
        "SchemeOperatorName": _texts(federation.name, language),
        "SchemeOperatorAddress": {
            "SchemeOperatorPostalAddress": [_postal(operator, language)],
            "SchemeOperatorElectronicAddress": _electronic(operator, language),
        },
        "SchemeName": _texts(federation.name, language),
        "SchemeInformationURI": _uris(operator.website, language),
        "StatusDeterminationApproach": f"{_URN}:status-determination:members",
        "SchemeTypeCommunityRules": _uris(scheme.policy, language),
        "SchemeTerritory": operator.country,
        "PolicyOrLegalNotice": [{"LoTEPolicy": _uris(scheme.policy, language)[0]}],
        "ListIssueDateTime": rfc3339(now),
        "NextUpdate": rfc3339(next_update),
    }
    lote = {"LoTE": {"ListAndSchemeInformation": head, "TrustedEntitiesList": entities}}
    return msgspec.json.format(msgspec.json.encode(lote), indent=2) + b"\n"


def listed_certificates(content: bytes) -> set[str] | None:
    """Return the certificates that such a list names; None where it is none of ours."""
    try:
        entities = msgspec.json.decode(content)["LoTE"]["TrustedEntitiesList"]
        return {
            certificate["val"]
            for entity in entities
            for service in entity["TrustedEntityServices"]
            for certificate in service["ServiceInformation"]["ServiceDigitalIdentity"][
                "X509Certificates"
            ]
        }
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return None


def current_certificates(tls: Collection[CertificateEntry], now: int) -> list[str]:
    """Return the certificates of a node that have not been listed out by a time."""
    return [
        entry.certificate
        for entry in tls
        if entry.valid_until is None or microseconds(entry.valid_until) > now
    ]


def _entity(member: MemberEntry, node: NodeFile, scheme: SchemeFile, now: int) -> dict[str, Any]:
    language, address = scheme.language, scheme.authorities[member.country]
    since, status = day_start(member.since), "granted"
    if member.suspended_since is not None and microseconds(member.suspended_since) <= now:
        since, status = microseconds(member.suspended_since), "suspended"
    return {
        "TrustedEntityInformation": {
            "TEName": _texts(node.authority, language),
            "TETradeName": _texts(member.country, language),
            "TEAddress": {
                "TEPostalAddress": [_postal(address, language)],
                "TEElectronicAddress": _electronic(address, language),
            },
            "TEInformationURI": _uris(address.website, language),
        },
        "TrustedEntityServices": [
            {
                "ServiceInformation": {
                    "ServiceName": _texts(_SERVICE_NAME, "en"),
                    "ServiceDigitalIdentity": {
                        "X509Certificates": [
                            {"val": certificate}
                            for certificate in current_certificates(node.tls, now)
                        ],
                        "OtherIds": [spiffe_id(node.node)],
                    },
                    "ServiceTypeIdentifier": f"{_URN}:service:answers",
                    "ServiceStatus": f"{_URN}:status:{status}",
                    "StatusStartingTime": rfc3339(since),
                }
            }
        ],
    }


def _texts(value: str, language: str) -> list[dict[str, str]]:
    return [{"lang": language, "value": value}]


def _uris(value: str, language: str) -> list[dict[str, str]]:
    return [{"lang": language, "uriValue": value}]


def _electronic(address: AddressEntry, language: str) -> list[dict[str, str]]:
    return _uris(f"mailto:{address.email}", language) + _uris(address.website, language)


def _postal(address: AddressEntry, language: str) -> dict[str, str]:
    found = {
        "lang": language,
        "StreetAddress": address.street,
        "Locality": address.locality,
        "PostalCode": address.postal_code,
        "Country": address.country,
    }
    return {name: value for name, value in found.items() if value}
