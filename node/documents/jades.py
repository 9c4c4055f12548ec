"""JAdES signatures (ETSI TS 119 182-1), the profile baseline-B, as Europass documents carry them.

The certificate comes with the signature; whom to trust is for the caller to say. No revocation of
certificates is looked up, and no time but the signer's own is in it: both are beyond baseline-B.
"""

import base64
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import (
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from msgspec import Struct

from node.documents.did import base64url, read_base64url
from node.documents.strict_json import SIZE_MAX_BYTES, Json, read_object
from node.errors import Code, Refusal
from node.model.moments import parse_moment

_KEYS: Final[dict[str, type[ECKey | RSAKey | OKPKey]]] = {
    **dict.fromkeys(("ES256", "ES384", "ES512"), ECKey),
    **dict.fromkeys(("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"), RSAKey),
    **dict.fromkeys(("EdDSA", "Ed25519"), OKPKey),
}
_UNDERSTOOD: Final = {"sigT"}  # of what JAdES has a signer mark as critical
_HEADER_SIZE_MAX_BYTES: Final = 64 * 1024
_CERTIFICATES_MAX: Final = 8
_LEEWAY_US: Final = 60 * 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class JadesSigned(Struct, frozen=True):
    """A signature whose form is right, before anything of it is believed."""

    header: Json
    signing_input: bytes
    payload: bytes
    signature: bytes


def is_jades(content: bytes) -> bool:
    """Tell whether this is a JWS that carries its certificate; nothing is checked."""
    try:
        return "x5c" in read_jades(content).header
    except Refusal:
        return False


def read_jades(content: bytes) -> JadesSigned:
    """Read a JWS with one signature, compact or as JSON.

    Raises:
        Refusal: MALFORMED where it is none, or has several signatures.
    """
    if len(content) > 2 * SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"document: larger than {2 * SIZE_MAX_BYTES:,} bytes")
    try:
        text = content.strip().decode("ascii")
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, "document: is no signed token") from None
    if text.startswith("{"):
        outer = read_object(text)
        signatures = outer.get("signatures", [outer])
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise Refusal(Code.MALFORMED, "signatures: must be one")
        one = signatures[0] if isinstance(signatures[0], dict) else {}
        parts = [one.get("protected"), outer.get("payload"), one.get("signature")]
    else:
        parts = list(text.split("."))
    if len(parts) != 3 or not all(isinstance(part, str) and part for part in parts):  # noqa: PLR2004 - header, payload, signature
        raise Refusal(Code.MALFORMED, "document: must be header, payload and signature")
    protected, payload, signature = (str(part) for part in parts)
    if len(protected) > _HEADER_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"header: longer than {_HEADER_SIZE_MAX_BYTES} bytes")
    return JadesSigned(
        header=read_object(read_base64url(protected, "header"), "header"),
        signing_input=f"{protected}.{payload}".encode("ascii"),
        payload=read_base64url(payload, "payload"),
        signature=read_base64url(signature, "signature"),
    )


def verify_jades(content: bytes, trusted: list[x509.Certificate], now: int) -> Json:
    """Return what a document says, once its signature has been checked.

    Args:
        content: the document.
        trusted: certificates that may sign, or that may have issued those that do.
        now: microseconds UTC.

    Raises:
        Refusal: MALFORMED where it is none, UNTRUSTED where it asks for what is not understood or
            nobody trusted vouches for its certificate, UNAUTHENTICATED where that did not sign it.
    """
    signed = read_jades(content)
    algorithm, certificates = _require_header(signed.header)
    leaf = certificates[0]
    _require_signing_time(signed.header, leaf, now)
    _require_trusted(certificates, trusted, now)
    pem = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        key = _KEYS[algorithm].import_key(pem)
        name = "Ed25519" if algorithm == "EdDSA" else algorithm
        method = jws.JWSRegistry(algorithms=[name]).get_alg(name)
        good = method.verify(signed.signing_input, signed.signature, key)
    except (JoseError, ValueError, TypeError):
        good = False
    if not good:
        raise Refusal(Code.UNAUTHENTICATED, "signature: the certificate's key did not make it")
    return read_object(signed.payload)


def _require_header(header: Json) -> tuple[str, list[x509.Certificate]]:
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in _KEYS:
        raise Refusal(Code.UNTRUSTED, f"alg: must be one of {', '.join(_KEYS)}")
    critical = header.get("crit", [])
    if not isinstance(critical, list) or not {str(one) for one in critical} <= _UNDERSTOOD:
        raise Refusal(Code.UNTRUSTED, "crit: asks for what is not understood here")
    if "sigD" in header or "b64" in header:
        raise Refusal(Code.UNTRUSTED, "header: what is signed must be in the document itself")
    chain = header.get("x5c")
    if not isinstance(chain, list) or not 0 < len(chain) <= _CERTIFICATES_MAX:
        raise Refusal(Code.MALFORMED, f"x5c: must be 1 to {_CERTIFICATES_MAX} certificates")
    try:
        found = [base64.b64decode(str(one), validate=True) for one in chain]
        certificates = [x509.load_der_x509_certificate(one) for one in found]
    except ValueError:
        raise Refusal(Code.MALFORMED, "x5c: holds something else than certificates") from None
    if header.get("x5t#S256") != base64url(sha256(found[0]).digest()):
        raise Refusal(Code.UNTRUSTED, "x5t#S256: must be the digest of the first certificate")
    return algorithm, certificates


def _require_signing_time(header: Json, leaf: x509.Certificate, now: int) -> None:
    said: Any = header.get("sigT")
    if isinstance(said, str):
        at = parse_moment(said, "sigT")
    else:
        issued = header.get("iat")
        if not isinstance(issued, int) or isinstance(issued, bool):
            raise Refusal(Code.MALFORMED, "sigT: baseline-B says when it was signed (sigT or iat)")
        at = issued * 1_000_000
    if (
        not _us(leaf.not_valid_before_utc)
        <= at
        <= min(_us(leaf.not_valid_after_utc), now + _LEEWAY_US)
    ):
        raise Refusal(Code.UNTRUSTED, "sigT: is to come, or outside the certificate's validity")


def _require_trusted(
    certificates: list[x509.Certificate], trusted: list[x509.Certificate], now: int
) -> None:
    leaf, *between = certificates
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        may_sign = usage.digital_signature or usage.content_commitment
    except x509.ExtensionNotFound:
        may_sign = True
    except ValueError:
        may_sign = False
    if not may_sign:
        raise Refusal(Code.UNTRUSTED, "x5c: the certificate is not for signatures")
    at = _EPOCH + timedelta(microseconds=now)
    if leaf in trusted and leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        return
    if not trusted:
        raise Refusal(Code.UNTRUSTED, "x5c: no certificate is trusted here")
    verifier = (
        PolicyBuilder()
        .store(Store(trusted))
        .time(at)
        .extension_policies(
            ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all()
        )
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, between)
    except (VerificationError, ValueError):
        raise Refusal(
            Code.UNTRUSTED, "x5c: no certificate that is trusted here vouches for it now"
        ) from None


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
