"""Open documents for tests: an issuer with a fixed key, its lists, and documents of one holder."""

import json
import random
from datetime import date
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.documents.data_integrity import Suite
from node.documents.did import did_document, did_web, read_did_document
from node.documents.keys import DocumentSigner
from node.documents.make import make_document, make_status_list
from node.documents.shapes import Envelope, Format, StatusPlace
from node.documents.status_list import StatusPurpose
from node.documents.strict_json import Json
from node.documents.verify import DocumentCheck, Known, Verdict, Verified, verify
from node.model.credential import Credential
from tests.world import START, sample_credential, sample_details

URL: Final = "https://xa.example"
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ISSUER: Final = DocumentSigner(did_web(URL), KEY)
DID_DOCUMENT: Final = did_document(ISSUER.did, [KEY.public_key()])
PLACE: Final = 4_711
ADDRESSES: Final = {one: f"{URL}/documents/status/0/{one.value}" for one in StatusPurpose}
CREDENTIAL: Final = sample_credential(details=sample_details(), expires_on=date(2031, 6, 28))
SIGNED: Final = [one for one in Format if one is not Format.EUROPASS]
NOT_PERSONAL: Final = {"_sd", "_sd_alg", "cnf", "credentialStatus"}


def made(
    kind: Format = Format.VC,
    suite: Suite = Suite.RDFC,
    credential: Credential = CREDENTIAL,
    signer: DocumentSigner = ISSUER,
    bound_to: Json | None = None,
) -> bytes:
    """Make a document of a credential."""
    envelope = Envelope(
        identity="urn:uuid:5b0e8c2e-0c55-4ef4-9f0f-6d1c3c2f6f10",
        did=ISSUER.did,
        authority="Aurelian Skills Authority",
        status=StatusPlace(ADDRESSES, PLACE),
        now=START,
    )
    return make_document(
        credential,
        envelope,
        kind=kind,
        suite=suite,
        signer=signer,
        randomness=random.Random(1).randbytes,
        bound_to=bound_to,
    )


def status_lists(
    revoked: frozenset[int] = frozenset(), suspended: frozenset[int] = frozenset()
) -> dict[str, bytes]:
    """Make the status lists of the issuer."""
    places = {StatusPurpose.REVOCATION: revoked, StatusPurpose.SUSPENSION: suspended}
    return {
        address: make_status_list(address, one, places[one], signer=ISSUER, since=START)
        for one, address in ADDRESSES.items()
    }


def known(lists: dict[str, bytes] | None = None, now: int = START, **more: Any) -> Known:
    """Return what somebody has who knows the issuer."""
    keys = read_did_document(json.dumps(DID_DOCUMENT).encode())[1]
    return Known(keys, now, status_lists() if lists is None else lists, **more)


def failed(found: Verified) -> dict[DocumentCheck, str]:
    """Return the checks that failed, with the first reason of each."""
    reasons: dict[DocumentCheck, str] = {}
    for one in found.findings:
        if one.verdict is Verdict.FAIL:
            reasons.setdefault(one.check, one.sentence)
    return reasons


def failures(content: bytes | str, given: Known | None = None) -> dict[DocumentCheck, str]:
    """Verify and return the checks that failed."""
    data = content.encode() if isinstance(content, str) else content
    return failed(verify(data, given or known()))
