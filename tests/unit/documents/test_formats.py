"""A credential in each format: what it says, what it keeps back, and that it verifies."""

import base64
import json
from datetime import date
from typing import Any

import msgspec
import pytest

from node.documents import sd_jwt
from node.documents.data_integrity import Suite
from node.documents.did import jwk
from node.documents.jose import sign_token
from node.documents.keys import DocumentSigner
from node.documents.shapes import Format
from node.documents.verify import DocumentCheck, Known, Verdict, verify
from node.model.credential import NO_DETAILS, Field, shown
from tests.documents import (
    CREDENTIAL,
    DID_DOCUMENT,
    ISSUER,
    OTHER_KEY,
    PLACE,
    SIGNED,
    failed,
    failures,
    known,
    made,
    status_lists,
)
from tests.world import START

_PERSONAL = ("Éloïse", "1991-03-14", "XA-2019-000001", "Soudeur", "7212", "2019-06-28")
_AUDIENCE, _NONCE = "https://employer.example", "n-0S6_WzA2Mj"


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [one for inner in value.values() for one in _flat(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in _flat(inner)]
    return [value]


def _claims(token: bytes) -> dict[str, Any]:
    payload = token.split(b".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + b"=="))
    return found


# --- every format --------------------------------------------------------------------------


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("kind", SIGNED)
def test_verifies_what_it_signs_in_every_format(kind: Format, suite: Suite) -> None:
    found = verify(made(kind, suite), known())
    assert found.verdict is Verdict.PASS, found.findings
    assert found.issuer == "did:web:xa.example"
    assert {one.check for one in found.findings} == set(DocumentCheck) - {
        DocumentCheck.HOLDER,
        *({DocumentCheck.CONTEXT} if kind is Format.SD_JWT else ()),
    }


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize("kind", SIGNED)
def test_verifies_a_credential_that_says_no_more_than_it_must(kind: Format, suite: Suite) -> None:
    bare = msgspec.structs.replace(CREDENTIAL, details=NO_DETAILS, units=(), expires_on=None)
    assert failures(made(kind, suite, bare)) == {}


@pytest.mark.parametrize("kind", SIGNED)
def test_says_what_could_not_be_checked_for_want_of_keys_and_lists(kind: Format) -> None:
    found = verify(made(kind), Known({}, START))
    assert found.verdict is Verdict.INDETERMINATE
    undetermined = {one.check for one in found.findings if one.verdict is Verdict.INDETERMINATE}
    assert undetermined == {DocumentCheck.ISSUER, DocumentCheck.STATUS}
    assert found.lists_missing == frozenset(status_lists())


@pytest.mark.parametrize("kind", SIGNED)
def test_says_at_once_that_the_issuer_revoked_or_suspended(kind: Format) -> None:
    document, place = made(kind), frozenset({PLACE})
    revoked = failures(document, known(status_lists(revoked=place)))
    assert revoked == {DocumentCheck.STATUS: "its issuer has revoked it"}
    suspended = failures(document, known(status_lists(suspended=place)))
    assert suspended == {DocumentCheck.STATUS: "its issuer has suspended it"}
    assert failures(document, known(status_lists(revoked=frozenset({PLACE + 1})))) == {}


# --- what each says ------------------------------------------------------------------------


def test_a_w3c_credential_says_everything_that_the_record_does() -> None:
    document = json.loads(made(Format.VC, Suite.JCS))
    values = set(map(str, _flat(document["credentialSubject"])))
    for field in set(Field) - {Field.VALID_FROM}:
        for text in shown(CREDENTIAL, field):
            parts = {text, *text.split(" ", 1), *text.rsplit(" ", 1)}
            assert parts & values, (field, text)
    assert document["credentialSubject"]["birthDate"] == "1991-03-14"
    assert (document["validFrom"], document["validUntil"]) == (
        "2019-06-28T00:00:00Z",
        "2031-06-28T23:59:59Z",
    )


def test_an_open_badge_has_the_parts_that_the_standard_asks_for() -> None:
    document = json.loads(made(Format.OPEN_BADGE))
    assert document["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    subject = document["credentialSubject"]
    achievement = subject["achievement"]
    assert set(achievement) >= {"id", "type", "name", "description", "criteria"}
    assert achievement["criteria"]["narrative"].splitlines()[1] == "- U-101 Sécurité au travail"
    aligned = {one["targetFramework"]: one.get("targetCode") for one in achievement["alignment"]}
    assert (aligned["ISCO-08"], aligned["EQF"], aligned["ISCED-F"]) == ("7212", "4", "0715")
    assert subject["creditsEarned"] == 180.5
    assert subject["identifier"][0]["identityHash"] == CREDENTIAL.holder_name


def test_europass_uses_the_words_of_the_european_learning_model() -> None:
    content = made(Format.EUROPASS)
    document = json.loads(content)
    assert document["type"] == ["VerifiableCredential", "EuropeanDigitalCredential"]
    person = document["credentialSubject"]
    assert person["fullName"] == {"fr": ["Éloïse Marchand-Kerr"]}
    (claim,) = person["hasClaim"]
    assert claim["title"]["en"] == ["Vocational certificate: Welder"]
    assert claim["awardedBy"]["awardingDate"] == "2019-06-28T00:00:00Z"
    assert claim["specifiedBy"]["eqfLevel"]["id"] == "http://data.europa.eu/snb/eqf/4"
    assert claim["specifiedBy"]["volumeOfLearning"] == "PT1200H"
    assert failures(content)[DocumentCheck.SIGNATURE] == "it is not signed"


def test_a_document_is_never_wider_than_its_contexts_define() -> None:
    # The suite that signs meanings refuses words without one, so this says so of every word.
    for kind in (Format.VC, Format.OPEN_BADGE):
        assert failures(made(kind, Suite.RDFC)) == {}


# --- selective disclosure ------------------------------------------------------------------


def test_the_token_of_an_sd_jwt_shows_nothing_about_the_holder() -> None:
    token = made(Format.SD_JWT).partition(b"~")[0]
    claims = json.dumps(_claims(token), ensure_ascii=False)
    assert not [one for one in _PERSONAL if one in claims]


def test_every_field_of_an_sd_jwt_is_shown_or_kept_back_by_itself() -> None:
    token, *disclosures, _ = made(Format.SD_JWT).decode().split("~")
    whole = verify(made(Format.SD_JWT), known()).content
    assert whole["holder_name"] == CREDENTIAL.holder_name
    assert whole["birthdate"] == "1991-03-14"
    assert whole["units"] == ["U-101 Sécurité au travail", "U-201 Soudage MIG/MAG"]
    for disclosure in disclosures:
        found = verify(f"{token}~{disclosure}~".encode(), known())
        assert found.verdict is Verdict.PASS
        said = set(found.content) - set(_claims(token.encode()))
        assert len(said) == 1
        (name,) = said
        assert found.content[name] == whole[name]
    nothing = verify(f"{token}~".encode(), known())
    assert nothing.verdict is Verdict.PASS
    assert set(nothing.content) == set(_claims(token.encode())) - {"_sd", "_sd_alg"}


def _bound(disclosed: str, **changes: Any) -> str:
    claims = {
        "iat": START // 1_000_000,
        "aud": _AUDIENCE,
        "nonce": _NONCE,
        "sd_hash": sd_jwt.hash_of(disclosed),
        **changes,
    }
    return disclosed + sign_token({"typ": "kb+jwt"}, json.dumps(claims).encode(), OTHER_KEY)


def _wallet() -> str:
    return made(Format.SD_JWT, bound_to=dict(jwk(OTHER_KEY.public_key()))).decode()


def test_a_bound_sd_jwt_passes_only_as_its_holder_shows_it() -> None:
    disclosed = _wallet()
    asked = known(audience=_AUDIENCE, nonce=_NONCE)
    found = verify(_bound(disclosed).encode(), asked)
    assert found.verdict is Verdict.PASS
    assert DocumentCheck.HOLDER in {one.check for one in found.findings}
    wrong = {
        "aud": "https://another.example",
        "nonce": "another",
        "sd_hash": sd_jwt.hash_of(disclosed + "more~"),
        "iat": START // 1_000_000 - 3_600,
    }
    for name, value in wrong.items():
        shown_so = _bound(disclosed, **{name: value})
        assert set(failures(shown_so, asked)) == {DocumentCheck.HOLDER}, name
    assert set(failures(disclosed, asked)) == {DocumentCheck.HOLDER}
    without = _bound(made(Format.SD_JWT).decode())
    assert "names no key" in failures(without, asked)[DocumentCheck.HOLDER]


def test_a_bound_sd_jwt_with_a_disclosure_taken_away_is_refused() -> None:
    token, first, *others = _bound(_wallet()).split("~")
    assert first
    assert set(failures("~".join((token, *others)))) == {DocumentCheck.HOLDER}


# --- who signed ----------------------------------------------------------------------------


def test_keys_that_were_renewed_still_verify_what_they_signed() -> None:
    from node.documents.did import did_document, read_did_document

    both = did_document(ISSUER.did, [ISSUER.key.public_key(), OTHER_KEY.public_key()])
    keys = read_did_document(json.dumps(both).encode())[1]
    renewed = DocumentSigner(ISSUER.did, OTHER_KEY)
    for kind in SIGNED:
        for signer in (ISSUER, renewed):
            found = verify(made(kind, signer=signer), Known(keys, START, status_lists()))
            assert failed(found) == {}
    assert set(failures(made(Format.VC, signer=renewed))) == {DocumentCheck.ISSUER}
    assert len(DID_DOCUMENT["assertionMethod"]) == 2


def test_an_award_of_tomorrow_is_not_valid_yet() -> None:
    later = msgspec.structs.replace(CREDENTIAL, valid_from=date(2026, 11, 24))
    for kind in SIGNED:
        assert set(failures(made(kind, credential=later))) == {DocumentCheck.PERIOD}
