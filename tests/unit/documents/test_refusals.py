"""Documents that are forged, malformed or made to do harm: each with a clear finding."""

import base64
import copy
import gzip
import hashlib
import hmac
import json
from collections.abc import Callable
from time import process_time
from typing import Any, Final

import pytest

from node.documents.contexts import UNDEFINED_TERMS
from node.documents.data_integrity import Suite, with_proof
from node.documents.did import base64url, did_web, jwk, read_did_document
from node.documents.jose import sign_token
from node.documents.keys import DocumentSigner, signer_of_key
from node.documents.shapes import Format
from node.documents.status_list import ENTRIES, is_set
from node.documents.strict_json import SIZE_MAX_BYTES
from node.documents.verify import DocumentCheck, Verdict, verify, verify_presentation
from node.errors import Code, Refusal
from tests.documents import (
    ADDRESSES,
    CREDENTIAL,
    DID_DOCUMENT,
    ISSUER,
    OTHER_KEY,
    SIGNED,
    failed,
    failures,
    known,
    made,
    status_lists,
)
from tests.world import DAY_US, START

FORM, CONTEXT = DocumentCheck.FORM, DocumentCheck.CONTEXT
SIGNATURE, ISSUED = DocumentCheck.SIGNATURE, DocumentCheck.ISSUER
TOKENS: Final = (Format.VC_JWT, Format.SD_JWT)
SUITES: Final = list(Suite)


def _document(kind: Format = Format.VC, suite: Suite = Suite.JCS) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made(kind, suite))
    return found


def _signed(document: dict[str, Any], suite: Suite = Suite.JCS) -> bytes:
    bare = {name: one for name, one in document.items() if name != "proof"}
    return json.dumps(with_proof(bare, ISSUER, suite, "2026-11-23T09:00:00Z")).encode()


def _parts(kind: Format) -> tuple[dict[str, Any], bytes, str]:
    """Return the header and claims of a token, and what follows its signature."""
    token, tilde, rest = made(kind).decode().partition("~")
    header, claims, _ = token.split(".")
    return (
        json.loads(base64.urlsafe_b64decode(header + "==")),
        base64.urlsafe_b64decode(claims + "=="),
        tilde + rest,
    )


# --- forged --------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_finds_every_change_of_a_signed_document(suite: Suite) -> None:
    def rename(document: dict[str, Any]) -> None:
        document["credentialSubject"]["holderName"] = "Somebody Else"

    def raise_level(document: dict[str, Any]) -> None:
        document["credentialSubject"]["qualification"]["eqfLevel"] = 7

    def drop_status(document: dict[str, Any]) -> None:
        del document["credentialStatus"]

    def prolong(document: dict[str, Any]) -> None:
        document["validUntil"] = "2099-12-31T23:59:59Z"

    def redate(document: dict[str, Any]) -> None:
        document["proof"]["created"] = "2026-11-22T09:00:00Z"

    changes: list[Callable[[dict[str, Any]], None]] = [
        rename,
        raise_level,
        drop_status,
        prolong,
        redate,
    ]
    for change in changes:
        document = _document(Format.VC, suite)
        change(document)
        found = failures(json.dumps(document))
        assert found == {SIGNATURE: "proof: this key did not sign this document"}, change


@pytest.mark.parametrize("kind", TOKENS)
def test_finds_changed_claims_of_a_token(kind: Format) -> None:
    header, claims, rest = _parts(kind)
    signed = made(kind).decode().partition("~")[0].rpartition(".")[2]
    changed = json.dumps({**json.loads(claims), "more": True})
    spelled = [base64url(one.encode()) for one in (json.dumps(header), changed)]
    assert set(failures(".".join((*spelled, signed)) + rest)) == {SIGNATURE}


@pytest.mark.parametrize("kind", SIGNED)
def test_finds_documents_signed_by_a_key_that_is_not_the_issuers(kind: Format) -> None:
    unlisted = made(kind, signer=DocumentSigner(ISSUER.did, OTHER_KEY))
    assert failures(unlisted) == {ISSUED: "did:web:xa.example lists no such key"}
    nobody = made(kind, signer=signer_of_key(OTHER_KEY))
    assert set(failures(nobody)) == {ISSUED}


def test_a_forged_disclosure_is_none_that_the_token_asks_for() -> None:
    token, *disclosures, _ = made(Format.SD_JWT).decode().split("~")
    forged = base64url(json.dumps(["c2FsdA", "level_eqf", "8"]).encode())
    shown = f"{token}~{forged}~"
    assert failures(shown) == {FORM: "SD-JWT: a disclosure is none that its token asks for"}
    twice = f"{token}~{disclosures[0]}~{disclosures[0]}~"
    assert failures(twice) == {FORM: "SD-JWT: the same disclosure stands in it twice"}


def test_a_disclosure_cannot_take_the_place_of_a_claim() -> None:
    header, claims, _ = _parts(Format.SD_JWT)
    for name in ("iss", "_sd", "..."):
        disclosure = base64url(json.dumps(["c2FsdA", name, "did:web:evil.example"]).encode())
        digest = base64url(hashlib.sha256(disclosure.encode()).digest())
        own = {**json.loads(claims), "_sd": [digest]}
        token = sign_token(header, json.dumps(own).encode(), ISSUER.key)
        reason = "SD-JWT: a disclosure takes the place of a claim"
        assert failures(f"{token}~{disclosure}~") == {FORM: reason}


# --- time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SIGNED)
def test_an_expired_document_has_expired(kind: Format) -> None:
    after = known(now=START + 5 * 366 * DAY_US)
    reason = failures(made(kind), after)[DocumentCheck.PERIOD]
    assert reason.endswith("has expired")


def test_an_expired_status_list_says_nothing_any_more() -> None:
    found = failures(made(), known(now=START + 2 * DAY_US))
    assert found == {DocumentCheck.STATUS: "status list: period: document: has expired"}


# --- contexts ------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_an_unknown_context_is_neither_fetched_nor_believed(suite: Suite) -> None:
    document = _document()
    document["@context"].append("https://evil.example/context.json")
    if suite is Suite.JCS:  # the other suite cannot even sign it
        assert set(failures(_signed(document, suite))) == {CONTEXT}
    else:
        with pytest.raises(Refusal):
            _signed(document, suite)
    document["proof"]["cryptosuite"] = suite.value
    assert "none is fetched" in failures(json.dumps(document))[CONTEXT]


def test_a_context_that_redefines_a_protected_term_is_refused() -> None:
    document = _document()
    document["@context"][1] = {"VerifiableCredential": "urn:example:something-else"}
    reason = failures(_signed(document))[CONTEXT]
    assert reason.startswith("@context: redefines the protected term VerifiableCredential")


def test_definitions_that_are_not_the_shipped_ones_are_refused() -> None:
    own = {"@vocab": "urn:symbolon:qualification:v1#"}
    for more in ({"eqfLevel": "urn:example:shoe-size"}, {"@vocab": "urn:example:vocabulary#"}):
        document = _document()
        document["@context"][1] = {**own, **more}
        assert "unknown here" in failures(_signed(document))[CONTEXT]
    document = _document()
    document["credentialSubject"]["@context"] = {"eqfLevel": "urn:example:shoe-size"}
    assert "below the top" in failures(_signed(document))[CONTEXT]


def test_a_proof_made_under_other_contexts_is_refused() -> None:
    document = _document()
    document["proof"]["@context"] = document["@context"][:1]
    assert failures(json.dumps(document)) == {SIGNATURE: "proof: was made under other contexts"}


def test_a_word_without_a_meaning_is_not_signed_and_so_not_believed() -> None:
    document = _document(Format.OPEN_BADGE, Suite.RDFC)
    document["credentialSubject"]["shoeSize"] = 44
    reason = failures(json.dumps(document))[SIGNATURE]
    assert "is defined by none of its contexts" in reason
    document = _document(Format.OPEN_BADGE, Suite.RDFC)
    document["credentialSubject"]["type"] = ["AchievementSubject", "Surgeon"]
    assert "no absolute name" in failures(json.dumps(document))[SIGNATURE]


# --- headers -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TOKENS)
def test_no_algorithm_but_ed25519_is_taken(kind: Format) -> None:
    header, claims, rest = _parts(kind)
    public = ISSUER.key.public_key().public_bytes_raw()
    for name in ("none", "None", "HS256", "ES256", "RS256", None):
        spelled = json.dumps({**header, "alg": name}).encode()
        body = f"{base64url(spelled)}.{base64url(claims)}"
        mac = base64url(hmac.digest(public, body.encode(), "sha256"))
        for signature in ("", mac):
            found = failures(f"{body}.{signature}{rest}")
            assert found == {FORM: "alg: must be Ed25519 (or EdDSA)"}, name


@pytest.mark.parametrize("kind", TOKENS)
def test_eddsa_is_taken_as_the_older_name_of_ed25519(kind: Format) -> None:
    header, claims, rest = _parts(kind)
    own = {**header, "alg": "EdDSA"}
    body = ".".join(base64url(one) for one in (json.dumps(own).encode(), claims))
    signature = base64url(ISSUER.key.sign(body.encode()))
    assert failures(f"{body}.{signature}{rest}") == {}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_header_that_is_not_understood_is_refused(kind: Format) -> None:
    header, claims, rest = _parts(kind)
    for more, reason in (
        ({"crit": ["b64"], "b64": False}, "crit: asks for what is not understood here"),
        ({"crit": []}, "crit: asks for what is not understood here"),
        ({"x5u": "https://evil.example"}, "token header: has members that are not understood here"),
        ({"typ": "JWT"}, "typ: must be"),
        ({"typ": None}, "typ: must be"),
    ):
        spelled = json.dumps({**header, **more}).encode()
        token = f"{base64url(spelled)}.{base64url(claims)}.{base64url(bytes(64))}{rest}"
        assert failures(token)[FORM].startswith(reason), more


def test_a_key_that_a_header_brings_along_is_not_believed() -> None:
    header, claims, _ = _parts(Format.VC_JWT)
    own = {**header, "jwk": jwk(OTHER_KEY.public_key())}
    assert set(failures(sign_token(own, claims, OTHER_KEY))) == {SIGNATURE}


def test_an_issuer_that_token_and_credential_name_differently_is_refused() -> None:
    header, claims, _ = _parts(Format.VC_JWT)
    own = {**json.loads(claims), "iss": "did:web:xb.example"}
    found = failures(sign_token(header, json.dumps(own).encode(), ISSUER.key))
    assert set(found) == {ISSUED}


def test_a_proof_of_another_kind_is_refused() -> None:
    for name, value in (
        ("cryptosuite", "ecdsa-sd-2023"),
        ("cryptosuite", None),
        ("type", "Ed25519Signature2020"),
        ("proofPurpose", "authentication"),
        ("previousProof", "urn:uuid:1"),
        ("proofValue", "z1"),
        ("proofValue", "u" + "A" * 86),
        ("verificationMethod", None),
    ):
        document = _document()
        document["proof"][name] = value
        assert SIGNATURE in failures(json.dumps(document)), (name, value)
    document = _document()
    document["proof"] = [document["proof"]] * 2
    assert failures(json.dumps(document))[SIGNATURE] == "proof: must be one proof"


# --- form ----------------------------------------------------------------------------------


def test_an_object_that_names_a_member_twice_is_refused() -> None:
    document = made().decode()
    doubled = document.replace('"validFrom":', '"validFrom": "2000-01-01T00:00:00Z", "validFrom":')
    assert failures(doubled) == {FORM: "document: an object names a member twice"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"{}",
        b'{"a": NaN}',
        b'{"a": 1e400}',
        b'{"a": 12345678901234567890}',
        b'{"a": "\\ud800"}',
        b'{"type": ["VerifiableCredential"], "credentialSubject": {}, "vc": {}}',
        b"a.b",
        b"a.b.c",
        b"e30.e30.e30",
        b"~",
        b"~~~",
        ("{" + '"a":[' * 100_000).encode(),
        ('{"a":' + "[" * 40 + "]" * 40 + "}").encode(),
    ],
)
def test_what_is_no_document_is_said_to_be_none(content: bytes) -> None:
    assert FORM in failed(verify(content, known())) or CONTEXT in failed(verify(content, known()))


def test_a_gigantic_document_is_refused_before_it_is_read() -> None:
    for content in (
        b'{"a": "' + b"a" * SIZE_MAX_BYTES + b'"}',
        b"a" * (2 * SIZE_MAX_BYTES + 1),
    ):
        started = process_time()
        assert "larger than" in failures(content)[FORM]
        assert process_time() - started < 0.5


def test_a_graph_made_to_take_for_ever_is_given_up() -> None:
    nodes: list[dict[str, Any]] = [{"id": f"_:b{number}"} for number in range(12)]
    for node in nodes:
        node["knows"] = [{"id": other["id"]} for other in nodes if other is not node]
    document = _document(Format.VC, Suite.RDFC)
    document["@context"] = [document["@context"][0], UNDEFINED_TERMS]
    document["credentialSubject"] = {"knows": nodes}
    started = process_time()
    reason = failures(json.dumps(document))[SIGNATURE]
    assert reason == "document: too many of its parts are alike"
    assert process_time() - started < 10


# --- status lists --------------------------------------------------------------------------


def _subject(encoded: bytes) -> dict[str, Any]:
    return {
        "type": "BitstringStatusList",
        "statusPurpose": "revocation",
        "encodedList": "u" + base64url(encoded),
    }


def test_a_status_list_that_unpacks_to_gigabytes_is_refused() -> None:
    bomb = gzip.compress(bytes(1 << 28))
    assert len(bomb) < 1 << 19
    started = process_time()
    with pytest.raises(Refusal, match="unpacks to more than"):
        is_set(_subject(bomb), "revocation", 0)
    assert process_time() - started < 0.5


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("a list", "must be a BitstringStatusList"),
        ({**_subject(gzip.compress(bytes(16_384))), "statusPurpose": "message"}, "another purpose"),
        ({**_subject(gzip.compress(bytes(16_384))), "statusSize": 2}, "more than one bit"),
        ({**_subject(b""), "encodedList": "H4sI"}, "with a u before it"),
        (_subject(b"no gzip"), "packed with gzip"),
        (_subject(gzip.compress(bytes(16_383))), "fewer than 131,072"),
        (_subject(gzip.compress(bytes(16_384))[:-9]), "breaks off"),
    ],
)
def test_what_is_no_status_list_is_refused(subject: object, reason: str) -> None:
    with pytest.raises(Refusal, match=reason) as refused:
        is_set(subject, "revocation", 0)
    assert refused.value.code is Code.MALFORMED


def test_a_place_beyond_the_list_is_refused() -> None:
    whole = _subject(gzip.compress(b"\x80" + bytes(16_382) + b"\x01"))
    assert is_set(whole, "revocation", 0)
    assert not is_set(whole, "revocation", 1)
    assert is_set(whole, "revocation", ENTRIES - 1)
    with pytest.raises(Refusal, match="no such place"):
        is_set(whole, "revocation", ENTRIES)


def test_a_status_list_of_somebody_else_is_not_believed() -> None:
    lists = status_lists()
    revocation, suspension = lists
    listed = json.loads(lists[revocation])
    bare = {name: one for name, one in listed.items() if name != "proof"}
    stranger = signer_of_key(OTHER_KEY)
    foreign = with_proof(
        {**bare, "issuer": stranger.did}, stranger, Suite.JCS, "2026-11-23T09:00:00Z"
    )
    swapped = {revocation: lists[suspension], suspension: lists[suspension]}
    forged = json.dumps({**listed, "validUntil": "2099-01-01T00:00:00Z"}).encode()
    for false in (json.dumps(foreign).encode(), swapped[revocation], forged, b"{}", made()):
        found = failures(made(), known({**lists, revocation: false}))
        assert set(found) == {DocumentCheck.STATUS}
        assert found[DocumentCheck.STATUS].startswith(("status list:", "statusListIndex"))


def test_a_status_that_is_not_understood_is_not_taken_for_good() -> None:
    document = _document()
    document["credentialStatus"] = [
        {"type": "TokenStatusList"},
        {**document["credentialStatus"][0], "statusPurpose": "message"},
    ]
    found = verify(_signed(document), known({}))
    assert found.verdict is Verdict.INDETERMINATE
    for place in ("-1", "1e3", "٣", 5, "99999999999999"):
        document["credentialStatus"] = [
            {
                "type": "BitstringStatusListEntry",
                "statusPurpose": "revocation",
                "statusListIndex": place,
                "statusListCredential": next(iter(ADDRESSES.values())),
            }
        ]
        assert set(failures(_signed(document))) == {DocumentCheck.STATUS}, place


# --- DID documents -------------------------------------------------------------------------


def test_only_an_address_that_can_be_an_issuer_becomes_one() -> None:
    assert did_web("https://xa.example") == "did:web:xa.example"
    assert did_web("https://xa.example:8443/") == "did:web:xa.example%3A8443"
    assert did_web("https://example.org/nodes/xa") == "did:web:example.org:nodes:xa"
    for url in (
        "",
        "http://xa.example",
        "https://",
        "https://xa.example:99x",
        "https://user@xa.example",
        "https://xa.example?a=b",
        "https://xa.example#key",
        "https://xa.example/%2e%2e/b",
        "https://xa.example//b",
    ):
        with pytest.raises(Refusal) as refused:
            did_web(url)
        assert refused.value.code is Code.MALFORMED, url


def test_a_did_document_lists_only_its_own_keys() -> None:
    stolen = copy.deepcopy(DID_DOCUMENT)
    stolen["id"] = "did:web:evil.example"
    assert read_did_document(json.dumps(stolen).encode()) == ("did:web:evil.example", {})
    unused = {**DID_DOCUMENT, "assertionMethod": []}
    assert read_did_document(json.dumps(unused).encode())[1] == {}
    for broken in (b"[]", b'{"id": "x"}', b'{"id": "did:web:a", "verificationMethod": 7}'):
        with pytest.raises(Refusal) as refused:
            read_did_document(broken)
        assert refused.value.code is Code.MALFORMED


# --- presentations -------------------------------------------------------------------------


def test_a_presentation_is_as_good_as_what_it_holds() -> None:
    presentation = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": [
            json.loads(made()),
            {
                "@context": "https://www.w3.org/ns/credentials/v2",
                "type": "EnvelopedVerifiableCredential",
                "id": "data:application/vc+jwt," + made(Format.VC_JWT).decode(),
            },
        ],
    }
    good = verify_presentation(json.dumps(presentation).encode(), known())
    assert good.verdict is Verdict.PASS, good.findings
    presentation["verifiableCredential"][0]["credentialSubject"]["holderName"] = "Else"
    bad = verify_presentation(json.dumps(presentation).encode(), known())
    assert set(failed(bad)) == {SIGNATURE}
    assert CREDENTIAL.holder_name not in str(bad.findings)
