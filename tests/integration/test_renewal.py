"""A node's own keys renewed through the trust list, with the commands that people type."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.ceremony import ROOT_OFFICERS, TARGETS_OFFICERS, Ceremony, refused
from tests.integration.command_line import BIRTH_DATE, COLUMNS, call, done, free_port, rows, serving

_WITHIN_S = 30.0
_LOOKS_OFTEN = "\n[schedule]\nrefresh_trust_s = 0.5\n"
_SIGNED = {"targets": ("fay", "gus"), "country_XA": ("ida",), "country_XB": ("jan",)}


class Two:
    """A federation of XA and XB, whose nodes take their list from what is published."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ceremony = Ceremony(place)
        keys = (*ROOT_OFFICERS, *TARGETS_OFFICERS, "snapshot", "timestamp", "ida", "jan")
        self.ceremony.new_keys(*keys)
        self.ceremony.found(root_threshold=1)
        self.ceremony.signed(root=("anna",), targets=("fay", "gus"))
        self.ceremony.publish()
        published = self.ceremony.directory / "published"
        self.root = published / "metadata" / "1.root.json"
        for country, officer in (("XA", "ida"), ("XB", "jan")):
            self._make(country, published)
            self.ceremony.admit(country, officer)
            done("--data", self.data(country), "join", "--out", place / f"{country}.json")
            agreement = self.ceremony.agreement("XA", "XB")
            self.ceremony.hand_over(country, place / f"{country}.json", agreement)
        self.ceremony.signed(**_SIGNED)
        self.ceremony.publish()

    def _make(self, country: str, published: Path) -> None:
        done(
            *("--data", self.data(country), "init", "--node", country, "--root", self.root),
            *("--authority", f"Office of {country}", "--mirror", published),
            *("--grpc", f"127.0.0.1:{free_port()}", "--http", f"127.0.0.1:{free_port()}"),
        )
        with (self.data(country) / "symbolon.toml").open("a", encoding="utf-8") as settings:
            settings.write(_LOOKS_OFTEN)

    def data(self, country: str) -> Path:
        return self.place / country

    def refresh(self, country: str) -> dict[str, Any]:
        return done("--data", self.data(country), "trust", "refresh")

    def renew(self, country: str, what: str, *more: str | Path) -> dict[str, Any]:
        """Renew keys: tls, journal or witness; the request is in `place`/what.json."""
        words = ("certificate", "renew") if what == "tls" else ("journal", "renew-keys")
        reason = () if what == "tls" else ("--reason", "yearly renewal")
        more = (*more, "--witness") if what == "witness" else more
        out = ("--out", self.request(what))
        self.request(what).unlink(missing_ok=True)
        return done("--data", self.data(country), *words, *reason, *out, *more)

    def request(self, what: str) -> Path:
        return self.place / f"{what}.json"

    def publish(self, country: str, request: Path) -> None:
        self.ceremony.hand_over(country, request)
        self.ceremony.signed(**{f"country_{country}": _SIGNED[f"country_{country}"]})
        self.ceremony.publish()


@pytest.fixture
def fresh(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_refresh_brings_the_list_before_the_node_was_ever_served(fresh: Two) -> None:
    place, data = fresh.place, fresh.data("XA")
    (place / "xa.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 3)}")
    importing = ("--data", data, "registry", "import", place / "xa.csv")
    assert "symbolon trust refresh" in refused(4, "stale", *importing)
    said = fresh.refresh("XA")
    assert (said["adopted"], said["version"], said["faults"]) == (True, 2, [])
    assert said["mirror"] == str(fresh.ceremony.directory / "published")
    assert done(*importing)["accepted"] == 3
    assert fresh.refresh("XA")["adopted"] is False
    shown = call("--data", data, "trust", "refresh")
    assert shown.status == 0
    assert "Nothing is newer" in shown.out


def test_refresh_says_which_mirror_failed_and_why(fresh: Two) -> None:
    fresh.refresh("XA")
    (fresh.ceremony.directory / "published").rename(fresh.place / "elsewhere")
    reason = refused(4, "peer_silent", "--data", fresh.data("XA"), "trust", "refresh")
    assert "published" in reason


def test_a_renewed_certificate_waits_for_its_time_and_its_officers(fresh: Two) -> None:
    data = fresh.data("XB")
    fresh.refresh("XB")
    (old,) = done("--data", data, "certificate", "show")["certificates"]
    assert (old["file"], old["presented"]) == ("tls", True)
    said = fresh.renew("XB", "tls")
    assert (said["made"], said["deleted"], len(said["certificate_pins"])) == ("tls-2", [], 2)
    first, second = json.loads(fresh.request("tls").read_bytes())["node"]["tls"]
    assert said["counts_from"] == second["valid_from"]
    assert said["old_until"] == first["valid_until"]
    assert "valid_until" not in second
    again = ("certificate", "renew", "--out", fresh.place / "again.json")
    assert "under way" in refused(3, "conflict", "--data", data, *again)
    assert not (fresh.place / "again.json").exists()
    fresh.publish("XB", fresh.request("tls"))
    fresh.refresh("XB")
    assert "under way" in refused(3, "conflict", "--data", data, *again)
    shown = done("--data", data, "certificate", "show")["certificates"]
    assert [(one["file"], one["presented"]) for one in shown] == [("tls", True), ("tls-2", False)]
    assert done("--data", data, "join", "--out", fresh.place / "same.json")["sha256"] == (
        sha256(fresh.request("tls").read_bytes()).hexdigest()
    )


def test_a_renewal_overwrites_no_file_and_needs_a_place_on_the_list(
    fresh: Two, tmp_path: Path
) -> None:
    data, keys = fresh.data("XB"), fresh.data("XB") / "keys"
    before = sorted(keys.iterdir())
    taken = tmp_path / "taken.json"
    taken.write_text("{}")
    for words in (("certificate", "renew"), ("journal", "renew-keys", "--reason", "a")):
        refused(3, "conflict", "--data", data, *words, "--out", taken)
        refused(4, "stale", "--data", data, *words, "--out", tmp_path / "new.json")
    fresh.refresh("XB")
    without_reason = ("journal", "renew-keys", "--reason", "", "--out", tmp_path / "new.json")
    refused(2, "malformed", "--data", data, *without_reason)
    assert sorted(keys.iterdir()) == before
    assert taken.read_text() == "{}"


def test_stolen_keys_end_at_once_with_those_that_were_waiting(fresh: Two) -> None:
    data = fresh.data("XB")
    fresh.refresh("XB")
    fresh.renew("XB", "tls")
    fresh.renew("XB", "journal")
    certificate = fresh.renew("XB", "tls", "--at-once")
    assert (certificate["made"], certificate["deleted"]) == ("tls-3", ["tls-2"])
    journal = fresh.renew("XB", "journal", "--at-once")
    assert (journal["made"], journal["deleted"]) == ("journal-3", ["journal-2"])
    described = json.loads(fresh.request("journal").read_bytes())["node"]
    assert len(described["tls"]) == 2
    keys = described["journal"]["keys"]
    assert [key.get("retired_because") for key in keys] == [*["yearly renewal"] * 2, None, None]
    assert keys[0]["valid_until"] == keys[2]["valid_from"]
    fresh.publish("XB", fresh.request("journal"))
    fresh.refresh("XB")
    shown = done("--data", data, "certificate", "show")["certificates"]
    assert [(one["file"], one["presented"]) for one in shown] == [("tls", False), ("tls-3", True)]
    assert fresh.renew("XB", "tls")["deleted"] == ["tls"]
    assert call("--data", data, "certificate", "show").status == 0


def test_retired_witness_keys_stay_listed_with_their_reason(fresh: Two) -> None:
    data = fresh.data("XB")
    fresh.refresh("XB")
    said = fresh.renew("XB", "witness")
    assert (said["made"], said["deleted"], len(said["witness_keys"])) == ("witness-2", [], 4)
    old, *_, new = json.loads(fresh.request("witness").read_bytes())["node"]["witness"]
    assert (old["retired_because"], old["valid_until"]) == ("yearly renewal", said["old_until"])
    assert new["valid_from"] == said["counts_from"]
    assert not {"valid_until", "retired_because"} & new.keys()
    again = ("journal", "renew-keys", "--witness", "--reason", "a", "--out", fresh.place / "a.json")
    assert "newest witness keys" in refused(3, "conflict", "--data", data, *again)
    stolen = fresh.renew("XB", "witness", "--at-once")
    assert (stolen["made"], stolen["deleted"]) == ("witness-3", ["witness-2"])
    fresh.publish("XB", fresh.request("witness"))
    fresh.refresh("XB")
    later = fresh.renew("XB", "witness")
    assert (later["made"], later["deleted"]) == ("witness-4", ["witness"])
    keys = json.loads(fresh.request("witness").read_bytes())["node"]["witness"]
    reasons = [key.get("retired_because") for key in keys]
    assert reasons == [*["yearly renewal"] * 4, None, None]
    assert [key["verifier"] for key in keys] == later["witness_keys"]


class Running(Two):
    """The same, with both nodes served; XB's employer asks about a welder of XA."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        (place / "xa.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 3)}")
        self.refresh("XA")
        self.refresh("XB")
        done("--data", self.data("XA"), "registry", "import", place / "xa.csv")
        create = ("share", "create", "XA-2020-000001", "--purpose", "employment", "--uses", "9")
        self.code = done("--data", self.data("XA"), *create)["share_code"]
        employer = ("--name", "Harbour Steel", "--register-id", "4711", "--sector", "C25")
        key = ("--out", place / "employer.key")
        done("--data", self.data("XB"), "key", "create", *employer, *key)
        self.urls: dict[str, str] = {}

    def ask(self, receipt: str) -> str:
        question = json.dumps({"share_code": self.code, "birth_date": BIRTH_DATE})
        door = ("--node-url", self.urls["XB"], "--key-file", self.place / "employer.key")
        asked = ("--request", "-", "--receipt", self.place / receipt)
        outcome: str = done("ask", *door, *asked, stdin=question)["outcome"]
        return outcome

    def until_both_have(self, version: int) -> None:
        """Wait until both nodes follow a version of the list."""
        deadline_s = time.monotonic() + _WITHIN_S
        for url in self.urls.values():
            while f"in force, version {version}," not in (told := _ready(url)):
                assert time.monotonic() < deadline_s, told
                time.sleep(0.05)

    def presented_pin(self, country: str) -> str:
        """Return the pin of what a node presents to whoever dials it now."""
        host, _, port = json.loads((self.data(country) / "node.json").read_bytes())[
            "endpoint"
        ].rpartition(":")
        pem = ssl.get_server_certificate((host, int(port)), timeout=10)
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _ready(url: str) -> str:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=10) as response:  # noqa: S310 - http
            return str(json.load(response)["checks"]["trust_list"])
    except urllib.error.URLError as error:
        return str(error)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    with serving(made.data("XA")) as xa, serving(made.data("XB")) as xb:
        made.urls = {
            name: f"http://127.0.0.1:{one['http_port']}" for name, one in (("XA", xa), ("XB", xb))
        }
        yield made


def test_all_keys_of_a_running_node_are_renewed_and_nothing_restarts(running: Running) -> None:
    assert running.ask("before.json") == "confirmed"
    pins = [running.presented_pin("XA")]
    running.renew("XA", "tls", "--from-days", "0", "--overlap-days", "0")
    running.renew("XA", "witness", "--from-days", "0", "--overlap-days", "9")
    said = running.renew("XA", "journal", "--from-days", "0", "--overlap-days", "0")
    assert pins[0] == said["certificate_pins"][0] == running.presented_pin("XA")
    assert running.ask("between.json") == "confirmed"
    running.publish("XA", running.request("journal"))
    running.until_both_have(3)
    assert running.presented_pin("XA") == said["certificate_pins"][1]
    assert running.ask("after.json") == "confirmed"
    for name in ("before.json", "between.json", "after.json"):
        checked = ("receipt", "verify", running.place / name, "--root", running.root)
        assert done(*checked)["verdict"] == "PASS"
    assert "retired" not in (running.place / "before.json").read_text()
    data = running.data("XA")
    verified = done("--data", data, "journal", "verify")
    assert verified["verdict"] == "PASS"
    assert set(verified["signed_with"]) == {"ED25519", "MLDSA44"}
    replayed = ("audit", "replay", data, running.data("XB"), "--root", running.root)
    assert done(*replayed)["verdict"] == "PASS"
