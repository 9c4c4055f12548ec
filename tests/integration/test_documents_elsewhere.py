"""Our documents before the verifiers of others: openvc from PyPI, four libraries from npm.

What these need to know they have from their own packages (contexts) or from us (DID document,
status lists); nothing is fetched.
"""

import base64
import json
import subprocess
import sysconfig
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from jwt.algorithms import OKPAlgorithm
from openvc.did.base import parse_did_document
from openvc.errors import OpenvcError
from openvc.verify import VerificationPolicy, verify_credential

from node.documents.contexts import OPEN_BADGES, load
from node.documents.data_integrity import Suite
from node.documents.shapes import Format
from node.documents.status_list import StatusPurpose
from tests.documents import ADDRESSES, CREDENTIAL, DID_DOCUMENT, PLACE, made, status_lists
from tests.world import START

NPM = Path(__file__).parents[1] / "npm"
_AT = datetime.fromtimestamp(START / 1_000_000, UTC)
_KINDS = {Format.VC_JWT: "vc-jwt", Format.SD_JWT: "sd-jwt-vc"}
_WITHIN_S = 60


class _OneIssuer:
    """Resolves the DID of our issuer, and no other."""

    def supports(self, did: str) -> bool:
        return did == "did:web:xa.example"

    def resolve(self, _: str) -> Any:
        return parse_did_document(DID_DOCUMENT)


def _document(content: bytes) -> Any:
    return json.loads(content) if content.startswith(b"{") else content.decode()


def _changed(content: bytes) -> bytes:
    """Return a document that says something else under the same signature."""
    if content.startswith(b"{"):
        return content.replace("Éloïse".encode(), b"Somebody")
    token, tilde, rest = content.decode().partition("~")
    header, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    spelled = json.dumps({**said, "more": "claims"}).encode()
    claims = base64.urlsafe_b64encode(spelled).rstrip(b"=").decode()
    return f"{header}.{claims}.{signature}{tilde}{rest}".encode()


# --- PyPI ----------------------------------------------------------------------------------


def _openvc(content: bytes, lists: dict[str, bytes]) -> Any:
    policy = VerificationPolicy(now=_AT)
    return verify_credential(
        _document(content),
        policy=policy,
        resolver=_OneIssuer(),
        resolve_status_list=lambda address: json.loads(lists[address]),
        extra_contexts={OPEN_BADGES: load(OPEN_BADGES)},
    )


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("kind", [Format.VC, Format.OPEN_BADGE, Format.SD_JWT])
def test_openvc_verifies_credentials_and_their_status(kind: Format, suite: Suite) -> None:
    content = made(kind, suite)
    found = _openvc(content, status_lists())
    assert found.issuer == "did:web:xa.example"
    assert CREDENTIAL.holder_name in json.dumps(found.credential, ensure_ascii=False)
    for lists in (
        status_lists(revoked=frozenset({PLACE})),
        status_lists(suspended=frozenset({PLACE})),
    ):
        with pytest.raises(OpenvcError, match=r"(?i)revoked|suspended"):
            _openvc(content, lists)
    with pytest.raises(OpenvcError):
        _openvc(_changed(content), status_lists())


def test_pyjwt_verifies_a_credential_as_a_token() -> None:
    # openvc reads tokens of the older data model only, so here it is the library below it.
    content = made(Format.VC_JWT)
    kid = jwt.get_unverified_header(content)["kid"]
    methods = {one["id"]: one for one in DID_DOCUMENT["verificationMethod"]}
    key = jwt.PyJWK(methods[kid]["publicKeyJwk"], "EdDSA").key
    verifier = jwt.PyJWS(algorithms=[])
    verifier.register_algorithm("Ed25519", OKPAlgorithm())
    said = json.loads(verifier.decode(content, key, algorithms=["Ed25519"]))
    assert said["credentialSubject"]["holderName"] == CREDENTIAL.holder_name
    with pytest.raises(jwt.InvalidSignatureError):
        verifier.decode(_changed(content), key, algorithms=["Ed25519"])


# --- npm -----------------------------------------------------------------------------------


def _npm(kind: str, content: bytes, lists: dict[str, bytes]) -> dict[str, Any]:
    given = {
        "document": _document(content),
        "did_document": DID_DOCUMENT,
        "lists": {address: json.loads(one) for address, one in lists.items()},
        "at": _AT.isoformat(),
    }
    finished = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "node", NPM / "verify.mjs", kind],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=True,
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


@pytest.mark.parametrize("kind", [Format.VC, Format.OPEN_BADGE])
def test_digital_bazaars_libraries_verify_proof_and_status(kind: Format) -> None:
    content = made(kind, Suite.RDFC)
    good = _npm("data-integrity", content, status_lists())
    assert good["verified"], good
    assert [one["credentialStatus"]["statusListCredential"] for one in good["status"]] == [
        ADDRESSES[purpose] for purpose in StatusPurpose
    ]
    revoked = _npm("data-integrity", content, status_lists(revoked=frozenset({PLACE})))
    assert [one["status"] for one in revoked["status"]] == [True, False]
    assert not _npm("data-integrity", _changed(content), status_lists())["verified"]


@pytest.mark.parametrize("kind", [Format.VC_JWT, Format.SD_JWT])
def test_jose_and_sd_jwt_libraries_verify_our_tokens(kind: Format) -> None:
    good = _npm(_KINDS[kind], made(kind), {})
    assert good["verified"], good
    claims = good["claims"]
    name = (
        claims["holder_name"]
        if kind is Format.SD_JWT
        else claims["credentialSubject"]["holderName"]
    )
    assert name == CREDENTIAL.holder_name
    assert not _npm(_KINDS[kind], _changed(made(kind)), {})["verified"]
