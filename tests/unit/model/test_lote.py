"""The members as a list of trusted entities after ETSI TS 119 602."""

import base64
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from cryptography import x509
from jsonschema_rs import ValidationError, validator_for
from msgspec.structs import replace

from node.model.lote import listed_certificates, make_lote
from node.model.trust_files import FederationFile, SchemeFile, decode_file
from tests.federation import (
    DAY_US,
    NODES,
    START,
    certificate_entry,
    moment,
    node_file,
    trust_files,
)
from tests.trust_cases import edited

_SCHEME: Final = Path(__file__).parents[3] / "trust_lists" / "etsi" / "scheme.json"
_TEXTS: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["lang", "value"],
        "properties": {"lang": {"pattern": "^[a-z]{2}$"}, "value": {"minLength": 1}},
        "additionalProperties": False,
    },
}
_URIS: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["lang", "uriValue"],
        "properties": {"lang": {"pattern": "^[a-z]{2}$"}, "uriValue": {"format": "uri"}},
        "additionalProperties": False,
    },
}
_POSTAL: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["lang", "StreetAddress", "Country"],
        "properties": {"Country": {"pattern": "^[A-Z]{2}$"}, "StreetAddress": {"minLength": 1}},
    },
}
_TIME: Final = {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"}
_URI: Final = {"type": "string", "format": "uri"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


SHAPE: Final = _object(
    {
        "LoTE": _object(
            {
                # All that the standard asks for where the scheme is described in the list itself.
                "ListAndSchemeInformation": _object(
                    {
                        "LoTEVersionIdentifier": {"const": 1},
                        "LoTESequenceNumber": {"type": "integer", "minimum": 1},
                        "LoTEType": _URI,
                        "SchemeOperatorName": _TEXTS,
                        "SchemeOperatorAddress": _object(
                            {
                                "SchemeOperatorPostalAddress": _POSTAL,
                                "SchemeOperatorElectronicAddress": _URIS,
                            }
                        ),
                        "SchemeName": _TEXTS,
                        "SchemeInformationURI": _URIS,
                        "StatusDeterminationApproach": _URI,
                        "SchemeTypeCommunityRules": _URIS,
                        "SchemeTerritory": {"pattern": "^[A-Z]{2}$"},
                        "PolicyOrLegalNotice": {"type": "array", "minItems": 1},
                        "ListIssueDateTime": _TIME,
                        "NextUpdate": _TIME,
                    }
                ),
                "TrustedEntitiesList": {
                    "type": "array",
                    "minItems": 1,
                    "items": _object(
                        {
                            "TrustedEntityInformation": _object(
                                {
                                    "TEName": _TEXTS,
                                    "TEAddress": _object(
                                        {"TEPostalAddress": _POSTAL, "TEElectronicAddress": _URIS}
                                    ),
                                    "TEInformationURI": _URIS,
                                },
                                {"TETradeName": _TEXTS},
                            ),
                            "TrustedEntityServices": {
                                "type": "array",
                                "minItems": 1,
                                "items": _object(
                                    {
                                        "ServiceInformation": _object(
                                            {
                                                "ServiceName": _TEXTS,
                                                "ServiceDigitalIdentity": {"type": "object"},
                                            },
                                            {
                                                "ServiceTypeIdentifier": _URI,
                                                "ServiceStatus": _URI,
                                                "StatusStartingTime": _TIME,
                                            },
                                        )
                                    }
                                ),
                            },
                        }
                    ),
                },
            }
        )
    }
)


def scheme() -> SchemeFile:
    return decode_file(_SCHEME.read_bytes(), SchemeFile, "scheme")


def made(
    files: dict[str, bytes] | None = None, given: SchemeFile | None = None, **nodes: Any
) -> bytes | None:
    content = (files or trust_files())["federation.json"]
    return make_lote(
        decode_file(content, FederationFile, "federation.json"),
        nodes or {country: node_file(country) for country in NODES},
        given or scheme(),
        sequence_number=7,
        now=START,
        next_update=START + 90 * DAY_US,
    )


def read(content: bytes | None) -> Any:
    assert content is not None
    return msgspec.json.decode(content)["LoTE"]


def test_has_the_shape_that_the_standard_gives_it() -> None:
    content = made()
    assert content is not None
    validator_for(SHAPE, validate_formats=True).validate(msgspec.json.decode(content))


def test_the_shape_refuses_a_list_with_something_missing() -> None:
    content = msgspec.json.decode(made() or b"")
    del content["LoTE"]["TrustedEntitiesList"][0]["TrustedEntityInformation"]["TEAddress"]
    with pytest.raises(ValidationError):
        validator_for(SHAPE).validate(content)


def test_names_the_federation_and_until_when_it_counts() -> None:
    head = read(made())["ListAndSchemeInformation"]
    assert head["SchemeName"] == [{"lang": "en", "value": "Federation of Tests"}]
    assert head["LoTESequenceNumber"] == 7
    assert head["ListIssueDateTime"] == "2026-11-23T09:00:00Z"
    assert head["NextUpdate"] == "2027-02-21T09:00:00Z"


def test_knows_each_authority_by_its_nodes_certificates() -> None:
    entities = read(made())["TrustedEntitiesList"]
    assert [one["TrustedEntityInformation"]["TEName"][0]["value"] for one in entities] == [
        f"Authority of {country}" for country in NODES
    ]
    identity = entities[1]["TrustedEntityServices"][0]["ServiceInformation"][
        "ServiceDigitalIdentity"
    ]
    assert identity["OtherIds"] == ["spiffe://symbolon/XB"]
    der = base64.b64decode(identity["X509Certificates"][0]["val"])
    assert "Symbolon XB" in x509.load_der_x509_certificate(der).subject.rfc4514_string()


def test_leaves_out_certificates_that_have_been_listed_out() -> None:
    old = replace(certificate_entry("XB"), valid_until=moment(START))
    node = replace(node_file("XB"), tls=(old, certificate_entry("XB", 2)))
    content = made(None, None, XB=node)
    assert content is not None
    assert listed_certificates(content) == {certificate_entry("XB", 2).certificate}


def test_tells_since_when_a_member_is_suspended() -> None:
    members = [{"country": "XB", "since": "2026-01-01", "suspended_since": "2026-02-01T00:00:00Z"}]
    (entity,) = read(made(edited("federation.json", members=members)))["TrustedEntitiesList"]
    service = entity["TrustedEntityServices"][0]["ServiceInformation"]
    assert service["ServiceStatus"] == "urn:symbolon:lote:status:suspended"
    assert service["StatusStartingTime"] == "2026-02-01T00:00:00Z"


def test_lists_nobody_without_a_node_or_an_address() -> None:
    assert made(None, replace(scheme(), authorities={})) is None
    (entity,) = read(made(None, None, XC=node_file("XC")))["TrustedEntitiesList"]
    assert entity["TrustedEntityInformation"]["TETradeName"][0]["value"] == "XC"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"LoTE": 1}', b'{"LoTE": {}}', b"\xff"])
def test_what_is_no_such_list_names_no_certificates(content: bytes) -> None:
    assert listed_certificates(content) is None
