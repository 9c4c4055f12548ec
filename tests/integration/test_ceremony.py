"""The ceremony of a federation on paper: keys apart, files carried, signatures brought back."""

import json
import shutil
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata

from tests.integration.ceremony import (
    PIN,
    TARGETS_OFFICERS,
    Ceremony,
    found_with_xa,
    make_token,
    refused,
    token_module,
)
from tests.integration.command_line import ROOT, done, run

_SCHEME = ROOT / "trust_lists" / "etsi" / "scheme.json"
_PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published federation with XA as its member; tests that change it take a copy."""
    place = tmp_path_factory.mktemp("founded")
    found_with_xa(place)
    return place


@pytest.fixture
def ceremony(founded: Path, tmp_path: Path) -> Ceremony:
    return Ceremony(Path(shutil.copytree(founded, tmp_path / "place")))


def test_a_federation_is_founded_and_admits_a_country_on_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    make_token(tmp_path, "Officer Eve")
    pin, passphrase = tmp_path / "pin", tmp_path / "passphrase"
    pin.write_text(f"{PIN}\n")
    passphrase.write_text(f"{_PASSPHRASE}\n")
    ceremony = Ceremony(tmp_path)
    ceremony.new_keys("ben", "cleo", "dan", *TARGETS_OFFICERS, "snapshot", "timestamp", "ida")
    for name in ("anna", "jan"):
        done("trust", "new-key", ceremony.key(name), "--passphrase-file", passphrase)
        assert b"ENCRYPTED" in ceremony.key(name).read_bytes()
    taken = run(
        *("trust", "new-key", ceremony.key("eve"), "--token", "hsm:2?label=Officer+Eve"),
        *("--module", token_module(), "--pin-file", pin, "--json"),
    )
    assert (taken.status, taken.content["scheme"]) == (0, "ecdsa-sha2-nistp256"), taken

    fingerprint = ceremony.found()["fingerprint"]
    reason = refused(3, "unauthenticated", *ceremony.publishing())
    assert "root lacks 3 of 3 signatures, by anna or ben or cleo or dan or eve" in reason
    assert "targets lacks 2 of 2 signatures, by fay or gus or hal" in reason

    _require_the_right_pin(ceremony, "root", "eve")
    brought = ceremony.sign("root", "cleo")
    for name, secret in (("anna", ("--passphrase-file", passphrase)), ("eve", ("--pin-file", pin))):
        file, key = ceremony.carry("root", name)
        shown = run("trust", "sign", file, "--key", key, *secret, "--yes")
        assert shown.status == 0, shown
        digits = shown.out.replace(" ", "").replace("\n", "")
        assert fingerprint in digits
        assert "root is signed by 3 of 5" in shown.out
        brought.append(file)
    waiting = ceremony.collect(*brought)["staged"][0]["signatures"][0]
    assert [key["name"] for key in waiting["signed"]] == ["anna", "cleo", "eve"]
    assert waiting["missing"] == 0
    ceremony.signed(targets=("fay", "hal"))
    assert ceremony.publish()["roles"] == {"root": 1, "targets": 1, "snapshot": 1, "timestamp": 1}
    assert ceremony.fetch("nodes/XA/node.json") is None

    ceremony.admit("XA", "ida", "jan")
    request = ceremony.join_request("XA")
    ceremony.hand_over("XA", request)
    ceremony.signed(targets=("gus", "hal"), country_XA=("ida",))
    reason = refused(3, "unauthenticated", *ceremony.publishing())
    assert reason == "not published: country-XA lacks 1 of 2 signatures, by jan"
    file, key = ceremony.carry("country-XA", "jan")
    done("trust", "sign", file, "--key", key, "--passphrase-file", passphrase, "--yes")
    ceremony.collect(file)
    assert ceremony.publish()["notes"] == []

    node = ceremony.fetch("nodes/XA/node.json")
    assert node is not None
    assert json.loads(node) == json.loads(request.read_bytes())["node"]
    assert json.loads(ceremony.fetch("federation.json") or b"")["members"][0]["country"] == "XA"
    published = list((ceremony.directory / "published").rglob("*.json"))
    assert all(b'"staged"' not in path.read_bytes() for path in published)
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in published)
    assert list((ceremony.directory / "staged").iterdir()) == []


def _require_the_right_pin(ceremony: Ceremony, role: str, name: str) -> None:
    wrong = ceremony.place / "wrong"
    wrong.write_text("141421\n")
    file, key = ceremony.carry(role, name)
    said = run("trust", "sign", file, "--key", key, "--pin-file", wrong, "--yes", "--json")
    assert (said.status, said.content["code"]) == (3, "unauthenticated"), said
    assert "PinIncorrect" in said.content["reason"]
    assert json.loads(file.read_bytes())["signatures"] == []


# --- signing -------------------------------------------------------------------------------


def test_a_signer_reads_in_words_what_changes(ceremony: Ceremony) -> None:
    done("trust", "suspend", ceremony.directory, "XA", "--reason", "Keys were lost")
    file, key = ceremony.carry("targets", "fay")
    shown = run("trust", "sign", file, "--key", key, stdin="y\n")
    assert shown.status == 0
    said = " ".join(shown.out.split())
    assert "Role targets: who is a member" in said
    assert "What changes from version 1" in said
    assert "XA is suspended from 20" in said
    assert "because: Keys were lost. It is asked nothing and answered nothing." in said
    assert "your key did not sign that earlier version" not in said
    file, key = ceremony.carry("targets", "hal")
    shown = run("trust", "sign", file, "--key", key, stdin="n\n")
    assert shown.status == 3
    assert "your key did not sign that earlier version" in " ".join(shown.out.split())
    assert json.loads(file.read_bytes())["signatures"] == []


def test_refuses_to_sign_with_a_key_that_is_none_of_the_role(ceremony: Ceremony) -> None:
    done("trust", "renew", ceremony.directory, "XA")
    file, key = ceremony.carry("country-XA", "anna")
    reason = refused(3, "untrusted", "trust", "sign", file, "--key", key, "--yes")
    assert "no key of country-XA" in reason
    assert "ida, jan may sign" in reason


def test_refuses_to_sign_a_file_whose_enclosed_content_was_changed(ceremony: Ceremony) -> None:
    done("trust", "renew", ceremony.directory, "XA")
    file, key = ceremony.carry("country-XA", "ida")
    file.write_bytes(file.read_bytes().replace(b"Authority of XA", b"Authority of XB"))
    reason = refused(3, "unauthenticated", "trust", "sign", file, "--key", key, "--yes")
    assert "somebody changed it" in reason


def test_refuses_a_wrong_passphrase_and_a_short_one(tmp_path: Path, ceremony: Ceremony) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(_PASSPHRASE)
    wrong.write_text("wrong horse battery")
    done("trust", "new-key", ceremony.key("owner"), "--passphrase-file", right)
    words: tuple[str | Path, ...] = (
        "trust",
        "rotate",
        ceremony.directory,
        "targets",
        "--add",
        ceremony.public("owner"),
    )
    done(*words)
    done("trust", "renew", ceremony.directory, "targets")
    file, key = ceremony.carry("targets", "owner")
    words = ("trust", "sign", file, "--key", key, "--yes", "--passphrase-file")
    assert "does not open it" in refused(3, "unauthenticated", *words, wrong)
    assert done(*words, right)["keyid"] == ceremony.keyid("owner")
    wrong.write_text("short")
    words = ("trust", "new-key", tmp_path / "other.key", "--passphrase-file", wrong)
    assert "at least 8" in refused(2, "malformed", *words)
    assert not (tmp_path / "other.key").exists()


def test_a_key_is_never_overwritten_and_open_to_nobody_else(ceremony: Ceremony) -> None:
    key = ceremony.key("anna")
    before = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    words: tuple[str | Path, ...] = ("trust", "new-key", key, "--no-passphrase")
    assert "never overwritten" in refused(3, "conflict", *words)
    key.with_name("anna.key").rename(key.with_name("moved"))
    assert "never overwritten" in refused(3, "conflict", *words)
    key.with_name("moved").chmod(0o644)
    key.with_name("moved").rename(key)
    done("trust", "renew", ceremony.directory, "root")
    words = ("trust", "sign", ceremony.staged("root"), "--key", key, "--yes")
    assert "open to others" in refused(4, "stale", *words)
    assert key.read_bytes() == before


# --- collecting ----------------------------------------------------------------------------


def test_takes_signatures_only_and_never_content(ceremony: Ceremony) -> None:
    done("trust", "renew", ceremony.directory, "XA")
    before = Metadata.from_file(str(ceremony.staged("country-XA"))).signed
    (brought,) = ceremony.sign("country-XA", "ida")
    content = json.loads(brought.read_bytes())
    content["staged"]["signers"] = {ceremony.keyid("stranger"): "stranger"}
    content["signatures"].append({"keyid": ceremony.keyid("jan"), "sig": "00" * 64})
    content["signatures"].append({"keyid": ceremony.keyid("stranger"), "sig": "00" * 64})
    brought.write_text(json.dumps(content))
    (taken,) = ceremony.collect(brought)["collected"]
    assert taken["new"] == [ceremony.keyid("ida")]
    after = json.loads(ceremony.staged("country-XA").read_bytes())
    assert [one["keyid"] for one in after["signatures"]] == [ceremony.keyid("ida")]
    assert "stranger" not in after["staged"]["signers"].values()
    assert Metadata.from_file(str(ceremony.staged("country-XA"))).signed == before


def test_refuses_signatures_under_other_content_than_is_staged(ceremony: Ceremony) -> None:
    done("trust", "renew", ceremony.directory, "targets")
    (brought,) = ceremony.sign("targets", "fay")
    done("trust", "suspend", ceremony.directory, "XA", "--reason", "")
    words: tuple[str | Path, ...] = ("trust", "collect", ceremony.directory, brought)
    assert "is not what is staged for targets" in refused(3, "conflict", *words)
    content = json.loads(ceremony.staged("targets").read_bytes())
    content["signatures"] = json.loads(brought.read_bytes())["signatures"]
    brought.write_text(json.dumps(content))
    assert "no valid signature" in refused(3, "unauthenticated", *words)


def test_a_staged_file_that_was_tampered_with_is_not_published(ceremony: Ceremony) -> None:
    done("trust", "renew", ceremony.directory, "targets")
    ceremony.signed(targets=("fay", "gus"))
    staged = ceremony.staged("targets")
    content = json.loads(staged.read_bytes())
    delegated = content["signed"]["delegations"]
    delegated["keys"][ceremony.keyid("stranger")] = {
        "keytype": "ed25519",
        "scheme": "ed25519",
        "keyval": {"public": json.loads(ceremony.public("stranger").read_bytes())["public"]},
    }
    delegated["roles"][0]["keyids"] = [ceremony.keyid("stranger")]
    delegated["roles"][0]["threshold"] = 1
    staged.write_text(json.dumps(content))
    reason = refused(3, "unauthenticated", *ceremony.publishing())
    assert "targets lacks 2 of 2 signatures" in reason
    assert ceremony.fetch("nodes/XA/node.json") is not None


# --- members -------------------------------------------------------------------------------


def test_refuses_a_join_request_with_a_foreign_proof(ceremony: Ceremony) -> None:
    ceremony.admit("XB", "kim", "lou")
    request = ceremony.join_request("XB")
    content = json.loads(request.read_bytes())
    foreign = json.loads(ceremony.join_request("XC").read_bytes())["node"]
    content["node"]["journal"]["keys"][0]["possession"] = foreign["journal"]["keys"][0][
        "possession"
    ]
    request.write_text(json.dumps(content))
    words: tuple[str | Path, ...] = ("trust", "country", ceremony.directory, "XB", request)
    assert "proof of possession" in refused(3, "unauthenticated", *words)
    content = json.loads(ceremony.join_request("XB").read_bytes())
    content["node"]["tls"][0]["possession"] = foreign["tls"][0]["possession"]
    request.write_text(json.dumps(content))
    assert "proof of possession" in refused(3, "unauthenticated", *words)
    words = ("trust", "country", ceremony.directory, "XB", ceremony.join_request("XC"))
    assert "node must be the id" in refused(2, "malformed", *words)
    assert not (ceremony.directory / "sources" / "nodes" / "XB").exists()
    assert not ceremony.staged("country-XB").exists()


def test_refuses_to_admit_twice_and_to_touch_a_stranger(ceremony: Ceremony) -> None:
    key = ("--country-key", ceremony.public("kim"), "--threshold", "1")
    words: tuple[str | Path, ...] = ("trust", "admit", ceremony.directory, "XA", *key)
    assert "is a member already" in refused(3, "conflict", *words)
    for verb in (("expel",), ("suspend", "--reason", "why"), ("reinstate",), ("country",)):
        words = ("trust", verb[0], ceremony.directory, "XZ", *verb[1:])
        assert "no member" in refused(3, "unknown", *words)
    words = ("trust", "admit", ceremony.directory, "Aurelia", *key)
    assert "no country" in refused(2, "malformed", *words)
    assert list((ceremony.directory / "staged").iterdir()) == []


def test_refuses_a_key_that_has_another_owner(ceremony: Ceremony) -> None:
    words = ("trust", "admit", ceremony.directory, "XB", "--threshold")
    for name in ("ida", "snapshot", "anna"):
        key = ("--country-key", ceremony.public(name))
        assert "is one of" in refused(3, "conflict", *words, "1", *key)
    key = ("--country-key", ceremony.public("kim"))
    assert "there are 1 keys" in refused(2, "malformed", *words, "2", *key)
    assert "named twice" in refused(2, "malformed", *words, "2", *key, *key)


def test_an_agreement_that_one_side_lists_is_told_and_not_in_force(ceremony: Ceremony) -> None:
    ceremony.admit("XB", "kim", "lou")
    ceremony.hand_over("XB", ceremony.join_request("XB"), ceremony.agreement("XA", "XB"))
    ceremony.signed(targets=("fay", "gus"), country_XB=("kim", "lou"))
    (note,) = ceremony.publish()["notes"]
    assert note == "agreement xa-xb is not in force: XA does not list the same"
    ceremony.hand_over("XA", ceremony.agreement("XA", "XB"))
    ceremony.signed(country_XA=("ida", "jan"))
    assert ceremony.publish()["notes"] == []
    done(
        *("trust", "country", ceremony.directory, "XB"),
        *("--remove", "agreements/XB/xa-xb.json"),
    )
    ceremony.signed(country_XB=("kim", "lou"))
    (note,) = ceremony.publish()["notes"]
    assert note == "agreement xa-xb is not in force: XB does not list the same"


def test_an_expelled_country_is_gone_and_comes_back_with_a_higher_version(
    ceremony: Ceremony,
) -> None:
    assert ceremony.fetch("nodes/XA/node.json", ceremony.client()) is not None
    said = done("trust", "expel", ceremony.directory, "XA")["staged"][0]
    assert "XA is a member no more." in said["changes"]
    ceremony.signed(targets=("fay", "gus"))
    ceremony.publish()
    assert ceremony.fetch("nodes/XA/node.json", ceremony.client()) is None
    assert not list((ceremony.directory / "sources" / "nodes").rglob("*.json"))
    ceremony.admit("XA", "kim", "lou")
    reason = refused(3, "unauthenticated", *ceremony.publishing())
    assert "XA is a member without a list of its own" in reason
    ceremony.hand_over("XA", ceremony.join_request("XA"))
    ceremony.signed(targets=("fay", "gus"), country_XA=("kim", "lou"))
    assert ceremony.publish()["roles"]["country-XA"] == 2
    assert ceremony.fetch("nodes/XA/node.json", ceremony.client()) is not None


def test_a_suspended_country_stays_listed_until_it_is_reinstated(ceremony: Ceremony) -> None:
    words: tuple[str | Path, ...] = (
        "trust",
        "suspend",
        ceremony.directory,
        "XA",
        "--reason",
        "Keys were lost",
    )
    done(*words)
    assert "is suspended since" in refused(3, "conflict", *words)
    ceremony.signed(targets=("fay", "gus"))
    ceremony.publish()
    (member,) = json.loads(ceremony.fetch("federation.json") or b"")["members"]
    assert member["reason"] == "Keys were lost"
    assert ceremony.fetch("nodes/XA/node.json") is not None
    said = done("trust", "reinstate", ceremony.directory, "XA")["staged"][0]
    assert "XA is suspended no more." in said["changes"]
    words = ("trust", "reinstate", ceremony.directory, "XA")
    assert "is not suspended" in refused(3, "conflict", *words)


def test_what_is_staged_can_be_given_up_as_if_it_had_never_been(ceremony: Ceremony) -> None:
    sources = ceremony.directory / "sources"

    def kept() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sources.rglob("*.json")}

    before = kept()
    done("trust", "expel", ceremony.directory, "XA")
    ceremony.admit("XB", "kim", "lou")
    ceremony.hand_over("XB", ceremony.join_request("XB"))
    done("trust", "lote", ceremony.directory, _SCHEME)
    assert kept() != before
    assert done("trust", "discard", ceremony.directory, "targets")["staged"] == []
    assert kept() == before
    ceremony.hand_over("XA", ceremony.agreement("XA", "XB"))
    assert done("trust", "discard", ceremony.directory, "XA")["staged"] == []
    assert kept() == before
    words = ("trust", "discard", ceremony.directory, "XA")
    assert "nothing is staged" in refused(3, "unknown", *words)
    assert ceremony.publish()["roles"] == {"timestamp": 2}


def test_a_file_of_any_size_is_refused_before_all_of_it_is_read(
    ceremony: Ceremony, tmp_path: Path
) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as stream:
        stream.truncate(1 << 40)  # takes no room on the disk
    fed = ceremony.directory
    for words in (("collect", fed, large), ("country", fed, "XA", large), ("lote", fed, large)):
        assert "over" in refused(2, "malformed", "trust", *words)
    key = ("--key", ceremony.key("ida"), "--yes")
    assert "over" in refused(2, "malformed", "trust", "sign", large, *key)
