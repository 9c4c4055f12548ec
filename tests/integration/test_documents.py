"""`symbolon document` and its HTTP: exported for the holder, verified by anybody, current."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from node.documents.status_list import ENTRIES, is_set
from tests.integration.command_line import (
    COLUMNS,
    Finished,
    call,
    done,
    found_nodes,
    rows,
    serving,
)
from tests.postgres import Postgres

NUMBER, OTHER = "XA-2020-000007", "XA-2020-000008"
FORMATS = ("vc", "ob3", "vc-jwt", "sd-jwt-vc")
_FOR = ("--for", "Asked for by the holder")
_WITHIN_S = 30


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("documents")
    found_nodes(place, "XA")
    (place / "many.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 20)}")
    data = place / "XA"
    done("--data", data, "registry", "import", place / "many.csv")
    own, other = (
        done("--data", data, "key", "create", "--name", name, "--register-id", "1", "--sector", "O")
        for name in ("Registrar's system", "Werft Nord")
    )
    (place / "keys.json").write_text(json.dumps({"own": own["key"], "other": other["key"]}))
    with (data / "symbolon.toml").open("a") as settings:
        settings.write(
            f'\n[documents]\nurl = "https://xa.example"\napi_keys = ["{own["id"]}"]\n'
            "vc_api = true\n"
        )
    return place


@pytest.fixture
def place(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "place"))


def _export(place: Path, kind: str, *more: str, number: str = NUMBER) -> Path:
    out = place / f"award.{kind}"
    done("--data", place / "XA", "document", "export", number, "--as", kind, *_FOR, *more,
         "--out", out)  # fmt: skip
    return out


def _look_up(place: Path) -> list[str | Path]:
    """Write what readers look up, and return it as options."""
    data, options = place / "XA", list[str | Path]()
    done("--data", data, "document", "did-document", "--out", place / "did.json")
    options += ["--did-document", place / "did.json"]
    for purpose in ("revocation", "suspension"):
        out = place / f"{purpose}.json"
        done("--data", data, "document", "status-list", purpose, "--out", out)
        options += ["--status-list", out]
    return options


def _verified(place: Path, document: Path) -> Finished:
    return call("document", "verify", document, *_look_up(place), "--json")


# --- the command line ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_an_exported_document_verifies_until_the_registry_revokes(place: Path, kind: str) -> None:
    document = _export(place, kind)
    assert document.stat().st_mode & 0o077 == 0
    good = _verified(place, document)
    assert (good.status, good.content["verdict"]) == (0, "PASS"), good
    data = place / "XA"
    done("--data", data, "registry", "suspend", NUMBER, "--ground", "Under review")
    assert _reasons(_verified(place, document)) == ["its issuer has suspended it"]
    done("--data", data, "registry", "reinstate", NUMBER, "--ground", "Reviewed")
    assert _verified(place, document).status == 0
    done("--data", data, "registry", "revoke", NUMBER, "--ground", "A 1/26", "--cause", "fraud")
    revoked = _verified(place, document)
    assert revoked.status == 1
    assert _reasons(revoked) == ["its issuer has revoked it"]
    again = ("--data", data, "document", "export", NUMBER, "--as", kind, *_FOR)
    refused = call(*again, "--out", place / "again", "--json")
    assert (refused.status, refused.content["code"]) == (3, "conflict")
    assert not (place / "again").exists()


def _reasons(finished: Finished) -> list[str]:
    return [one["reason"] for one in finished.content["findings"] if one["verdict"] == "FAIL"]


def test_a_verifier_with_nothing_at_hand_cannot_tell(place: Path) -> None:
    document = _export(place, "vc", "--suite", "eddsa-jcs-2022")
    found = call("document", "verify", document, "--json")
    assert (found.status, found.content["verdict"]) == (4, "INDETERMINATE")
    shown = call("document", "verify", document)
    assert shown.status == 4
    assert "the DID document of its issuer is not at hand" in " ".join(shown.out.split())


def test_europass_is_unsigned_and_says_so(place: Path) -> None:
    document = _export(place, "europass")
    assert json.loads(document.read_bytes())["type"][1] == "EuropeanDigitalCredential"
    assert "it is not signed" in _reasons(_verified(place, document))


def test_an_export_is_journalled_before_it_is_made(place: Path) -> None:
    _export(place, "vc")
    refused = call("--data", place / "XA", "document", "export", "XA-2020-999999", "--as", "vc",
                   *_FOR, "--role", "registrar", "--out", place / "none", "--json")  # fmt: skip
    assert (refused.status, refused.content["code"]) == (3, "unknown")
    found = done("--data", place / "XA", "journal", "find", "--kind", "audit_access",
                 "--for", "a test", "--content")["entries"]  # fmt: skip
    first, second = (one["content"]["body"] for one in found[:2])
    assert (first["kind"], first["ground"]) == ("shown", "Asked for by the holder")
    assert first["filter"]["credential"] is True
    assert second["reader"] == "role registrar"
    assert NUMBER not in json.dumps(found)
    unsaid = call("--data", place / "XA", "document", "export", NUMBER, "--as", "vc",
                  "--for", "", "--out", place / "none", "--json")  # fmt: skip
    assert (unsaid.status, unsaid.content["code"]) == (2, "malformed")


def test_only_a_registrar_exports_where_the_settings_name_any(place: Path) -> None:
    with (place / "XA" / "symbolon.toml").open("a") as settings:
        settings.write('\n[roles]\nregistrar = ["nobody-here"]\n')
    refused = call("--data", place / "XA", "document", "export", NUMBER, "--as", "vc", *_FOR,
                   "--out", place / "none", "--json")  # fmt: skip
    assert (refused.status, refused.content["code"]) == (3, "untrusted")


def test_each_export_has_a_place_of_its_own_among_many(place: Path) -> None:
    places = set()
    for number in (NUMBER, NUMBER, OTHER):
        entries = json.loads(_export(place, "vc", number=number).read_bytes())["credentialStatus"]
        (found,) = {one["statusListIndex"] for one in entries}
        places.add(int(found))
    assert len(places) == 3
    assert max(places) < ENTRIES
    assert max(places) > 16  # one in 5 * 10^11 that chance alone breaks this


def test_a_renewed_key_signs_and_the_old_one_still_verifies(place: Path) -> None:
    before = _export(place, "vc")
    done("--data", place / "XA", "document", "new-key")
    after = _export(place, "ob3")
    methods = [
        json.loads(one.read_bytes())["proof"]["verificationMethod"] for one in (before, after)
    ]
    assert methods[0] != methods[1]
    assert [_verified(place, one).status for one in (before, after)] == [0, 0]


def test_an_erased_credential_leaves_its_document_revoked(place: Path) -> None:
    document = _export(place, "vc")
    entry = json.loads(document.read_bytes())["credentialStatus"][0]
    done("--data", place / "XA", "registry", "erase", NUMBER, "--rule", "Art. 17", "--yes")
    assert _reasons(_verified(place, document)) == ["its issuer has revoked it"]
    lists = json.loads((place / "revocation.json").read_bytes())["credentialSubject"]
    assert is_set(lists, "revocation", int(entry["statusListIndex"]))
    for file in (place / "XA").glob("node.db*"):
        assert NUMBER.encode() not in file.read_bytes()


def test_postgresql_keeps_documents_as_well(postgres: Postgres, tmp_path: Path) -> None:
    found_nodes(tmp_path, "XA", databases={"XA": postgres.make_database()})
    data = tmp_path / "XA"
    (tmp_path / "many.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 20)}")
    done("--data", data, "registry", "import", tmp_path / "many.csv")
    with (data / "symbolon.toml").open("a") as settings:
        settings.write('\n[documents]\nurl = "https://xa.example"\n')
    documents = [_export(tmp_path, kind, number=NUMBER) for kind in ("vc", "vc-jwt")]
    assert [_verified(tmp_path, one).status for one in documents] == [0, 0]
    done("--data", data, "registry", "suspend", NUMBER, "--ground", "Under review")
    assert _reasons(_verified(tmp_path, documents[0])) == ["its issuer has suspended it"]
    done("--data", data, "registry", "erase", NUMBER, "--rule", "Art. 17", "--yes")
    assert _reasons(_verified(tmp_path, documents[1])) == ["its issuer has revoked it"]


def test_a_node_without_an_address_issues_nothing(place: Path) -> None:
    settings = place / "XA" / "symbolon.toml"
    settings.write_text(settings.read_text().replace('url = "https://xa.example"', ""))
    refused = call("--data", place / "XA", "document", "export", NUMBER, "--as", "vc", *_FOR,
                   "--out", place / "none", "--json")  # fmt: skip
    assert (refused.status, refused.content["code"]) == (2, "malformed")
    assert "documents.url" in refused.content["reason"]


def test_a_document_can_be_bound_to_the_holders_wallet(place: Path) -> None:
    wallet = place / "wallet.jwk"
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    wallet.write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": x}))
    document = _export(place, "sd-jwt-vc", "--holder-key", str(wallet))
    asked = call("document", "verify", document, *_look_up(place), "--nonce", "n1", "--json")
    assert (asked.status, _reasons(asked)) == (1, ["key binding: the holder's token is missing"])
    wallet.write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": x, "d": x}))
    refused = call("--data", place / "XA", "document", "export", NUMBER, "--as", "sd-jwt-vc",
                   *_FOR, "--holder-key", wallet, "--out", document, "--json")  # fmt: skip
    assert (refused.status, refused.content["code"]) == (2, "malformed")


# --- HTTP ----------------------------------------------------------------------------------


class Door:
    """A running node's HTTP door."""

    def __init__(self, place: Path, port: int) -> None:
        self.place = place
        self._address = f"http://127.0.0.1:{port}"
        self._keys = json.loads((place / "keys.json").read_bytes())

    def ask(self, path: str, body: object = None, key: str | None = "own") -> tuple[int, Any]:
        """Ask, with a body or without; returns the status and what was said."""
        headers = {"Content-Type": "application/json"}
        if key is not None and body is not None:
            headers["Authorization"] = f"Bearer {self._keys[key]}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._address + path, data, headers)  # noqa: S310 - loopback
        try:
            with urlopen(request, timeout=_WITHIN_S) as response:  # noqa: S310
                status, content = response.status, response.read()
        except HTTPError as error:
            status, content = error.code, error.read()
        return status, json.loads(content) if content[:1] in b"{[" else content.decode()


@pytest.fixture(scope="module")
def door(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    place = Path(shutil.copytree(founded, tmp_path_factory.mktemp("served") / "place"))
    done("--data", place / "XA", "document", "new-key")
    with serving(place / "XA") as ready:
        yield Door(place, ready["http_port"])


def _asked(number: str, kind: str = "vc") -> dict[str, str]:
    return {"number": number, "format": kind, "ground": "For the wallet"}


@pytest.mark.parametrize("kind", [*FORMATS, "europass"])
def test_the_authoritys_own_systems_export_over_http(door: Door, kind: str) -> None:
    status, document = door.ask("/v1/documents", _asked(NUMBER, kind))
    assert status == 200
    status, did = door.ask("/.well-known/did.json")
    assert (status, did["id"]) == (200, "did:web:xa.example")
    said = document if isinstance(document, str) else json.dumps(document)
    _, found = door.ask("/credentials/verify", {"verifiableCredential": document})
    assert said
    assert found["verified"] is (kind != "europass"), found
    assert found["warnings"] == []


def test_nobody_else_exports_or_verifies_over_http(door: Door) -> None:
    for path in ("/v1/documents", "/credentials/issue", "/credentials/verify"):
        status, problem = door.ask(path, _asked(NUMBER), key="other")
        assert (status, problem["type"]) == (403, "urn:symbolon:refusal:untrusted")
        assert door.ask(path, _asked(NUMBER), key=None)[0] == 401


def test_requests_that_are_not_as_described_are_refused(door: Door) -> None:
    bodies: list[object] = [
        {},
        [],
        {**_asked(NUMBER), "format": "pdf"},
        {**_asked(NUMBER), "more": 1},
        {**_asked(NUMBER), "ground": ""},
        {**_asked(NUMBER), "holder_key": {"kty": "RSA"}},
        {**_asked(NUMBER), "format": "sd-jwt-vc", "holder_key": {"kty": "RSA"}},
    ]
    for body in bodies:
        status, problem = door.ask("/v1/documents", body)
        assert (status, problem["type"]) == (400, "urn:symbolon:refusal:malformed"), body
        assert NUMBER not in json.dumps(problem)
    assert door.ask("/v1/documents", _asked("XA-2020-999999"))[0] == 404
    large = {"verifiableCredential": "a" * (300 << 10)}
    assert door.ask("/credentials/verify", large)[0] == 400


def test_a_revocation_is_on_the_published_list_at_once(door: Door) -> None:
    _, document = door.ask("/v1/documents", _asked(OTHER))
    entry = document["credentialStatus"][0]
    path = entry["statusListCredential"].removeprefix("https://xa.example")
    place = int(entry["statusListIndex"])
    _, before = door.ask(path)
    assert not is_set(before["credentialSubject"], "revocation", place)
    done("--data", door.place / "XA", "registry", "revoke", OTHER, "--ground", "A 2/26",
         "--cause", "fraud")  # fmt: skip
    _, after = door.ask(path)
    assert is_set(after["credentialSubject"], "revocation", place)
    _, found = door.ask("/credentials/verify", {"verifiableCredential": document})
    assert not found["verified"]
    assert [one["title"] for one in found["problemDetails"]] == ["status"]
    assert door.ask("/documents/status/7/revocation")[0] == 404
    assert door.ask("/documents/status/0/message")[0] == 404


def test_vc_api_issues_as_nobody_and_verifies_what_it_issued(door: Door) -> None:
    credential = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": "did:web:xa.example",
        "credentialSubject": {"id": "did:example:subject", "name": "Anybody"},
    }
    for suite in ("eddsa-rdfc-2022", "eddsa-jcs-2022"):
        asked = {"credential": credential, "options": {"cryptosuite": suite}}
        status, issued = door.ask("/credentials/issue", asked)
        assert status == 201, issued
        signed = issued["verifiableCredential"]
        assert signed["issuer"].startswith("did:key:z6Mk")
        status, found = door.ask("/credentials/verify", {"verifiableCredential": signed})
        assert (status, found["verified"]) == (200, True), found
        assert found["warnings"][0].startswith("issuer: it names a key and nobody")
        presentation = {
            "@context": credential["@context"],
            "type": "VerifiablePresentation",
            "verifiableCredential": [signed],
        }
        asked = {"verifiablePresentation": presentation}
        assert door.ask("/presentations/verify", asked)[1]["verified"] is True
        signed["credentialSubject"]["name"] = "Somebody"
        assert (
            door.ask("/credentials/verify", {"verifiableCredential": signed})[1]["verified"]
            is False
        )
        assert door.ask("/presentations/verify", asked)[1]["verified"] is False
    unknown = {**credential, "@context": [*credential["@context"], "https://evil.example/c"]}
    for wrong in (unknown, {}, 7, {**credential, "type": "Thing"}, {**credential, "proof": 1}):
        for suite in ("eddsa-rdfc-2022", "eddsa-jcs-2022"):
            asked = {"credential": wrong, "options": {"cryptosuite": suite}}
            assert door.ask("/credentials/issue", asked)[0] == 400, wrong
    asked = {"credential": credential, "options": {"cryptosuite": ["none"]}}
    assert door.ask("/credentials/issue", asked)[0] == 400


def test_the_description_tells_of_the_document_routes(door: Door) -> None:
    _, described = door.ask("/openapi.json")
    assert set(described["paths"]) >= {
        "/.well-known/did.json",
        "/documents/status/{list}/{purpose}",
        "/v1/documents",
        "/credentials/issue",
        "/credentials/verify",
        "/presentations/verify",
    }
    from openapi_spec_validator import validate

    validate(described)
