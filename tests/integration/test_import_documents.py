"""The command line on signed documents of others: verified first, then read as rows."""

import base64
import gzip
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from node.assembly import clock
from node.documents.did import base64url
from node.documents.make import make_status_list
from node.documents.shapes import Format
from node.documents.status_list import StatusPurpose
from node.model.moments import rfc3339
from tests.documents import ADDRESSES, CREDENTIAL, DID_DOCUMENT, ISSUER, made
from tests.federation import COLLEGE
from tests.integration.command_line import Finished, call, done, found_nodes

NUMBER = CREDENTIAL.number
_CONSTANTS = """
[constants]
award_type = "full_qualification"
level_national = "NQF 4"
level_eqf = ""
status = "active"
assessment_method = "practical_test"
expires_on = ""
units = ""
"""
_BADGE = f"""
[columns]
number = "credentialSubject.licenseNumber"
holder_name = "credentialSubject.identifier.0.identityHash"
birth_date = "credentialSubject.identifier.1.identityHash"
title = "credentialSubject.achievement.name"
issuer = "credentialSubject.achievement.creator.name"
language = "credentialSubject.achievement.inLanguage"
awarded_on = "credentialSubject.activityEndDate"
{_CONSTANTS}isco08 = "7212"
"""
_QUALIFICATION = f"""
[columns]
number = "credentialSubject.qualification.number"
holder_name = "credentialSubject.holderName"
birth_date = "credentialSubject.birthDate"
title = "credentialSubject.qualification.title"
issuer = "credentialSubject.qualification.awardingBody"
language = "credentialSubject.qualification.language"
isco08 = "credentialSubject.qualification.isco08"
awarded_on = "credentialSubject.qualification.awardedOn"
{_CONSTANTS}
"""
_EUROPASS = f"""
[columns]
number = "credentialSubject.identifier.notation"
holder_name = "credentialSubject.fullName.en"
birth_date = "credentialSubject.dateOfBirth"
title = "credentialSubject.hasClaim.0.title.en"
issuer = "credentialSubject.hasClaim.0.awardedBy.awardingBody.0.legalName.en"
awarded_on = "credentialSubject.hasClaim.0.awardedBy.awardingDate"
{_CONSTANTS}isco08 = "7212"
language = "en"
"""
ELM = {
    "type": ["VerifiableCredential", "EuropeanDigitalCredential"],
    "credentialSubject": {
        "identifier": {"notation": "XA-2019-000077"},
        "fullName": {"en": "Éloïse Marchand"},
        "dateOfBirth": "1991-03-14T00:00:00+01:00",
        "hasClaim": [
            {
                "title": {"en": "Welder"},
                "awardedBy": {
                    "awardingDate": "2019-06-28T00:00:00+02:00",
                    "awardingBody": [{"legalName": {"en": COLLEGE}}],
                },
            }
        ],
    },
}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("founded")
    found_nodes(place, "XA")
    return place


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    place = Path(shutil.copytree(founded, tmp_path / "place"))
    (place / "did.json").write_text(json.dumps(DID_DOCUMENT))
    for purpose, address in ADDRESSES.items():
        content = make_status_list(address, purpose, frozenset(), signer=ISSUER, since=clock())
        (place / f"{purpose.value}.json").write_bytes(content)
    return place / "XA"


def _import(data: Path, content: bytes, mapping: str, *options: str | Path) -> Finished:
    place = data.parent
    (place / "document").write_bytes(content)
    (place / "mapping.toml").write_text(mapping)
    return call(
        *("--data", data, "registry", "import-documents", place / "document"),
        *("--mapping", place / "mapping.toml", "--did-document", place / "did.json"),
        *("--status-list", place / "revocation.json", "--status-list", place / "suspension.json"),
        *options,
        "--json",
    )


def _reason(finished: Finished) -> str:
    assert finished.status == 2, finished
    ((reason,)) = [one["reason"] for one in finished.content["rejected"]]
    return str(reason)


# --- W3C and Open Badges -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "mapping"),
    [
        (Format.OPEN_BADGE, _BADGE),
        (Format.VC, _QUALIFICATION),
        (Format.VC_JWT, _QUALIFICATION),
    ],
)
def test_a_verified_document_becomes_a_record(data: Path, kind: Format, mapping: str) -> None:
    credential = replace(CREDENTIAL, issuer=COLLEGE)
    document = made(kind, credential=credential)
    assert _import(data, document, mapping, "--dry-run").content["accepted"] == 1
    finished = _import(data, document, mapping)
    assert finished.content["written"] is True, finished
    shown = done("--data", data, "registry", "show", NUMBER)
    assert (shown["holder_name"], shown["birth_date"]) == (
        credential.holder_name,
        credential.birth_date.isoformat(),
    )
    assert (shown["title"], shown["awarded_on"]) == (
        credential.title,
        credential.awarded_on.isoformat(),
    )


def test_a_changed_document_is_rejected_with_the_check_that_failed(
    data: Path, tmp_path: Path
) -> None:
    forged = made(Format.OPEN_BADGE).replace(b"XA-2019", b"XA-2020")
    finished = _import(data, forged, _BADGE, "--report", tmp_path / "rejected.csv")
    assert "is not verified: signature: " in _reason(finished)
    assert "signature: " in (tmp_path / "rejected.csv").read_text("utf-8")


def test_a_document_whose_context_redefines_terms_is_rejected(data: Path) -> None:
    document = json.loads(made(Format.OPEN_BADGE))
    document["@context"].append({"VerifiableCredential": "urn:something:else"})
    reason = _reason(_import(data, json.dumps(document).encode(), _BADGE))
    assert "context" in reason
    assert "redefines" in reason


def test_a_status_list_that_is_a_zip_bomb_rejects_its_document(data: Path) -> None:
    file = data.parent / "revocation.json"
    listed = json.loads(file.read_bytes())
    bomb = base64url(gzip.compress(bytes(64 << 20)))
    listed["credentialSubject"]["encodedList"] = f"u{bomb}"
    file.write_text(json.dumps(listed))
    assert "status: " in _reason(_import(data, made(Format.OPEN_BADGE), _BADGE))


def test_a_revoked_document_is_rejected(data: Path) -> None:
    purpose = StatusPurpose.REVOCATION
    content = make_status_list(
        ADDRESSES[purpose], purpose, frozenset({4_711}), signer=ISSUER, since=clock()
    )
    (data.parent / "revocation.json").write_bytes(content)
    assert "its issuer has revoked it" in _reason(_import(data, made(Format.OPEN_BADGE), _BADGE))


def test_what_a_mapping_does_not_find_is_missing(data: Path) -> None:
    mapping = _BADGE.replace("achievement.name", "achievement.0.name")
    document = made(Format.OPEN_BADGE, credential=replace(CREDENTIAL, issuer=COLLEGE))
    said = _import(data, document, mapping).content
    assert said["rejected"] == [{"row": 1, "field": "title", "reason": "is missing"}]


# --- Europass: JAdES -----------------------------------------------------------------------


class Sealing:
    """An authority for certificates, and one seal of it."""

    def __init__(self, *, days: int = 30) -> None:
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._certificate("Root", self.root_key, None, self.root_key, days=3_000)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.leaf = self._certificate("Seal", self.key, self.root, self.root_key, days=days)

    def _certificate(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: x509.Certificate | None,
        signer: ec.EllipticCurvePrivateKey,
        *,
        days: int,
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        is_root = issuer is None
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not is_root,
                    content_commitment=not is_root,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=is_root,
                    crl_sign=is_root,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
        )
        return builder.sign(signer, hashes.SHA256())

    def header(self, **changes: object) -> dict[str, object]:
        der = self.leaf.public_bytes(Encoding.DER)
        header = {
            "alg": "ES256",
            "x5c": [base64.b64encode(der).decode()],
            "x5t#S256": base64url(sha256(der).digest()),
            "sigT": rfc3339(clock() - 60_000_000),
            "crit": ["sigT"],
            **changes,
        }
        return {name: value for name, value in header.items() if value is not None}

    def parts(self, content: dict[str, Any], **changes: object) -> tuple[str, str, str]:
        header = base64url(json.dumps(self.header(**changes)).encode())
        payload = base64url(json.dumps(content).encode())
        der = self.key.sign(f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
        signature = b"".join(part.to_bytes(32) for part in decode_dss_signature(der))
        return header, payload, base64url(signature)

    def document(self, content: dict[str, Any] = ELM, **changes: object) -> bytes:
        return ".".join(self.parts(content, **changes)).encode()


def _sealed(
    data: Path, seal: Sealing, content: bytes, *, trusted: x509.Certificate | None = None
) -> Finished:
    pem = data.parent / "trusted.pem"
    pem.write_bytes((trusted or seal.root).public_bytes(Encoding.PEM))
    return _import(data, content, _EUROPASS, "--certificate", pem)


def test_a_europass_document_with_a_trusted_seal_becomes_a_record(data: Path) -> None:
    seal = Sealing()
    finished = _sealed(data, seal, seal.document())
    assert finished.content["written"] is True, finished
    shown = done("--data", data, "registry", "show", "XA-2019-000077")
    assert (shown["holder_name"], shown["title"]) == ("Éloïse Marchand", "Welder")
    assert (shown["birth_date"], shown["awarded_on"]) == ("1991-03-14", "2019-06-28")


def test_a_seal_as_json_and_one_trusted_itself_are_taken_too(data: Path) -> None:
    seal = Sealing()
    protected, payload, signature = seal.parts(ELM, sigT=None, crit=None, iat=clock() // 1_000_000)
    document = {
        "payload": payload,
        "signatures": [{"protected": protected, "signature": signature}],
    }
    finished = _sealed(data, seal, json.dumps(document).encode(), trusted=seal.leaf)
    assert finished.content["accepted"] == 1, finished


def _swapped(seal: Sealing) -> bytes:
    header, _, signature = seal.parts(ELM)
    other = base64url(json.dumps({**ELM, "type": []}).encode())
    return f"{header}.{other}.{signature}".encode()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_swapped, "signature: the certificate's key did not make it"),
        (lambda seal: seal.document(alg="none"), "alg: must be one of"),
        (lambda seal: seal.document(alg="HS256"), "alg: must be"),
        (lambda seal: seal.document(alg="PS256"), "signature: "),
        (lambda seal: seal.document(crit=["sigPId"]), "crit: "),
        (lambda seal: seal.document(sigD={"mId": "x"}), "must be in the document itself"),
        (lambda seal: seal.document(sigT=None, crit=None), "sigT: baseline-B says when"),
        (lambda seal: seal.document(sigT="2039-01-01T00:00:00Z"), "sigT: is to come"),
        (lambda seal: seal.document(sigT="2001-01-01T00:00:00Z"), "outside the certificate's"),
        (lambda seal: seal.document(**{"x5t#S256": "AAAA"}), "x5t#S256: "),
        (lambda seal: seal.document(x5c=["AAAA"]), "x5c: holds something else"),
        (lambda seal: seal.document({"x": "y" * (1 << 20)}), "larger than"),
    ],
)
def test_a_seal_that_does_not_hold_is_rejected(
    data: Path, spoil: Callable[[Sealing], bytes], told: str
) -> None:
    seal = Sealing()
    reason = _reason(_sealed(data, seal, spoil(seal)))
    assert reason.startswith("is not verified: ")
    assert told in reason


def test_a_seal_that_nobody_trusted_vouches_for_is_rejected(data: Path) -> None:
    seal = Sealing()
    reason = _reason(_sealed(data, seal, seal.document(), trusted=Sealing().root))
    assert "no certificate that is trusted here vouches for it" in reason
    assert "no certificate is trusted" in _reason(_import(data, seal.document(), _EUROPASS))


def test_a_seal_whose_certificate_has_expired_is_rejected(data: Path) -> None:
    seal = Sealing(days=-1)
    at = rfc3339(clock() - 10 * 86_400_000_000)
    reason = _reason(_sealed(data, seal, seal.document(sigT=at)))
    assert "vouches for it now" in reason
