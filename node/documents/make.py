"""Making documents: a credential in one of the formats, signed; and the status lists of a node."""

import json
from collections.abc import Callable, Iterable
from typing import Final

from node.documents import contexts, jose, sd_jwt, shapes
from node.documents.data_integrity import Suite, with_proof
from node.documents.keys import DocumentSigner
from node.documents.shapes import Envelope, Format
from node.documents.status_list import CREDENTIAL_TYPE, StatusPurpose, status_subject
from node.documents.strict_json import Json
from node.documents.verify import JWT_TYPE
from node.model.credential import Credential
from node.model.moments import rfc3339

LIST_GOOD_FOR_US: Final = 24 * 60 * 60 * 1_000_000


def make_document(  # noqa: PLR0913 - what a document is made of
    credential: Credential,
    envelope: Envelope,
    *,
    kind: Format,
    suite: Suite,
    signer: DocumentSigner,
    randomness: Callable[[int], bytes],
    bound_to: Json | None = None,
) -> bytes:
    """Return a credential as a document of a format, as its file holds it.

    `bound_to` is the public key (JWK) of the holder, for an SD-JWT that only that key may show.
    """
    if kind is Format.SD_JWT:
        visible, selective = shapes.sd_jwt_claims(credential, envelope)
        if bound_to is not None:
            visible["cnf"] = {"jwk": bound_to}
        return sd_jwt.issue(visible, selective, signer, randomness).encode()
    if kind is Format.VC_JWT:
        claims = json.dumps(shapes.verifiable_credential(credential, envelope))
        header = {"typ": JWT_TYPE, "cty": "vc", "kid": signer.jose_method}
        return jose.sign_token(header, claims.encode(), signer.key).encode()
    if kind is Format.EUROPASS:
        return _file(shapes.europass(credential, envelope))
    shape = shapes.open_badge if kind is Format.OPEN_BADGE else shapes.verifiable_credential
    return _file(with_proof(shape(credential, envelope), signer, suite, rfc3339(envelope.now)))


def make_status_list(
    address: str,
    purpose: StatusPurpose,
    places: Iterable[int],
    *,
    signer: DocumentSigner,
    since: int,
) -> bytes:
    """Return the signed credential of a status list, good for a day from `since` on."""
    document: Json = {
        "@context": [contexts.CREDENTIALS],
        "id": address,
        "type": ["VerifiableCredential", CREDENTIAL_TYPE],
        "issuer": signer.did,
        "validFrom": rfc3339(since),
        "validUntil": rfc3339(since + LIST_GOOD_FOR_US),
        "credentialSubject": status_subject(address, purpose, places),
    }
    return _file(with_proof(document, signer, Suite.RDFC, rfc3339(since)))


def _file(document: Json) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
