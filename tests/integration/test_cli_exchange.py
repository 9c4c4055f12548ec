"""The command line between countries: serving, asking, receipts, journals, audits."""

import json
import shutil
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import Struct

from node.model import share_code
from tests.integration.command_line import (
    BIRTH_DATE,
    COLUMNS,
    Finished,
    done,
    found_nodes,
    free_port,
    rows,
    run,
    serving,
    start,
)

_NO_ID = "0" * 48


class Exchanged(Struct, frozen=True):
    """Two nodes that serve, and what came of one question that XA asked XB."""

    place: Path
    url: str
    share_code: str
    asked: Finished

    @property
    def key(self) -> Path:
        return self.place / "employer.key"

    @property
    def receipt(self) -> Path:
        return self.place / "receipt.json"

    @property
    def root(self) -> Path:
        return self.place / "root.json"

    def ask(self, code: str, birth_date: str = BIRTH_DATE, *more: str) -> Finished:
        question = json.dumps({"share_code": code, "birth_date": birth_date})
        door = ("--node-url", self.url, "--key-file", self.key)
        return run("ask", *door, "--request", "-", *more, stdin=question)


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchanged]:
    place = tmp_path_factory.mktemp("exchanged")
    found_nodes(place, "XA", "XB", "XC")
    (place / "xb.csv").write_text(f"{COLUMNS}\n{rows('XB', 1, 3)}")
    done("--data", place / "XB", "registry", "import", place / "xb.csv")
    create = ("share", "create", "XB-2020-000001", "--purpose", "employment", "--uses", "9")
    code = done("--data", place / "XB", *create)["share_code"]
    employer = ("--name", "Harbour Steel", "--register-id", "4711", "--sector", "C25")
    done("--data", place / "XA", "key", "create", *employer, "--out", place / "employer.key")
    with serving(place / "XB"), serving(place / "XA") as ready:
        url = f"http://127.0.0.1:{ready['http_port']}"
        made = Exchanged(place, url, code, Finished(0, "", ""))
        asked = made.ask(code, BIRTH_DATE, "--json", "--receipt", str(made.receipt))
        yield Exchanged(place, url, code, asked)


def test_a_confirmed_qualification_ends_with_zero(exchanged: Exchanged) -> None:
    asked = exchanged.asked
    assert (asked.status, asked.err) == (0, "")
    assert asked.content["outcome"] == "confirmed"
    assert asked.content["disclosed"]["isco08"] == "7212"
    assert exchanged.receipt.stat().st_mode & 0o777 == 0o600


def test_an_answer_reads_as_words_and_a_table(exchanged: Exchanged) -> None:
    shown = exchanged.ask(exchanged.share_code, BIRTH_DATE, "--fields", "title,level_eqf").out
    for word in ("Confirmed", "Authority XB confirms", "Soudeur", "EQF level", "Good until"):
        assert word in shown
    assert "Lycée" not in shown


def test_a_wrong_birth_date_ends_with_one(exchanged: Exchanged) -> None:
    asked = exchanged.ask(exchanged.share_code, "1991-03-15", "--json")
    assert (asked.status, asked.content["outcome"]) == (1, "not_confirmed")


def test_a_silent_country_ends_with_four_and_can_be_looked_at_again(exchanged: Exchanged) -> None:
    code = str(share_code.make("XC", bytes(range(share_code.RANDOM_SIZE_BYTES))))
    asked = exchanged.ask(code, BIRTH_DATE, "--json", "--wait", "0.2")
    assert (asked.status, asked.content["state"]) == (4, "open")
    door = ("--node-url", exchanged.url, "--key-file", exchanged.key)
    again = run("ask", *door, "--id", asked.content["id"], "--wait", "0")
    assert again.status == 4
    assert "has not answered yet" in again.out
    assert "Look again with --id" in again.out


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ("{}", 2, "malformed"),
        ("[]", 2, "malformed"),
        ("{", 2, "malformed"),
        ('{"share_code": "XB-1", "birth_date": "1991-03-14"}', 2, "malformed"),
    ],
)
def test_a_question_that_is_none_ends_with_two(
    exchanged: Exchanged, question: str, status: int, code: str
) -> None:
    door = ("--node-url", exchanged.url, "--key-file", exchanged.key)
    finished = run("ask", *door, "--request", "-", "--json", stdin=question)
    assert (finished.status, finished.content["code"]) == (status, code)


def test_a_key_that_does_not_count_ends_with_three(exchanged: Exchanged, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("symbolon_nonsense")
    door = ("--node-url", exchanged.url, "--key-file", tmp_path / "key")
    finished = run("ask", *door, "--id", _NO_ID, "--json")
    assert (finished.status, finished.content["code"]) == (3, "unauthenticated")


def test_asking_needs_a_terminal_or_a_request(exchanged: Exchanged) -> None:
    finished = run("ask", "--node-url", exchanged.url, "--key-file", exchanged.key, "--json")
    assert (finished.status, finished.content["code"]) == (2, "malformed")
    assert "--request" in finished.content["reason"]


@pytest.mark.parametrize("url", ["127.0.0.1:1", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_asking_needs_the_address_of_a_node(exchanged: Exchanged, url: str) -> None:
    finished = run("ask", "--node-url", url, "--key-file", exchanged.key, "--json")
    assert (finished.status, finished.content["code"]) == (2, "malformed")
    assert "--node-url" in finished.content["reason"]


def test_a_home_node_that_is_down_ends_with_four(exchanged: Exchanged) -> None:
    door = ("--node-url", f"http://127.0.0.1:{free_port()}", "--key-file", exchanged.key)
    finished = run("ask", *door, "--id", _NO_ID, "--json")
    assert (finished.status, finished.content["code"]) == (4, "peer_silent")
    assert "symbolon serve" in finished.content["reason"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_is_no_node_is_refused_and_never_followed(exchanged: Exchanged, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        door = ("--node-url", url, "--key-file", exchanged.key)
        process = start("ask", *door, "--id", _NO_ID, "--json")
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["code"]) == (3, "peer_false")


def test_an_interruption_ends_with_130_and_without_a_word(exchanged: Exchanged) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start("ask", "--node-url", url, "--key-file", exchanged.key, "--id", _NO_ID)
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def test_serve_stops_cleanly_on_an_interruption_too(exchanged: Exchanged) -> None:
    process = start("--data", exchanged.place / "XC", "serve")
    assert process.stdout is not None
    assert "Node XC is open" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in err.splitlines()] == [
        *("node_started", "node_stopping"),
    ]


# --- receipts ------------------------------------------------------------------------------


def test_a_receipt_passes_with_the_root_of_the_federation(exchanged: Exchanged) -> None:
    checked = done("receipt", "verify", exchanged.receipt, "--root", exchanged.root)
    assert checked["verdict"] == "PASS"
    assert checked["facts"]["outcome"] == "confirmed"
    assert checked["facts"]["requester"] == "Harbour Steel"
    own = run("--data", exchanged.place / "XA", "receipt", "verify", exchanged.receipt)
    assert own.status == 0
    assert "Answered by" in own.out
    assert "PASS: " in own.out


def test_a_tampered_receipt_fails_with_one(exchanged: Exchanged, tmp_path: Path) -> None:
    receipt = json.loads(exchanged.receipt.read_bytes())
    receipt["answer"]["salt"] = receipt["query"]["salt"]
    (tmp_path / "receipt.json").write_text(json.dumps(receipt, indent=2, ensure_ascii=False) + "\n")
    verify = ("receipt", "verify", tmp_path / "receipt.json", "--root", exchanged.root, "--json")
    finished = run(*verify)
    assert (finished.status, finished.content["verdict"]) == (1, "FAIL")
    failed = {one["check"] for one in finished.content["findings"] if one["verdict"] == "FAIL"}
    assert "answer-seal" in failed


def test_a_receipt_needs_a_root_to_check_with(exchanged: Exchanged, tmp_path: Path) -> None:
    finished = run("--data", tmp_path, "receipt", "verify", exchanged.receipt, "--json")
    assert (finished.status, finished.content["code"]) == (2, "malformed")
    assert "--root" in finished.content["reason"]


# --- journals and audits -------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(exchanged: Exchanged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journals of both nodes as an auditor takes them away, while they serve."""
    away = tmp_path_factory.mktemp("away")
    for node in ("XA", "XB"):
        file = away / f"{node}.symbolon-journal"
        said = done(
            *("--data", exchanged.place / node, "journal", "export-all", file),
            *("--for", "Audit 2026"),
        )
        assert said["entries"] > 0
        assert said["size_bytes"] == file.stat().st_size
        assert file.stat().st_mode & 0o777 == 0o600
    assert len(list(away.iterdir())) == 2
    return away


def test_journal_show_tells_kinds_and_no_personal_data(exchanged: Exchanged) -> None:
    show = ("--data", exchanged.place / "XB", "journal", "show")
    said = done(*show, "--from", "0", "--limit", "3")
    assert [(one["index"], one["kind"]) for one in said["entries"]] == [
        (0, "TrustAdopted"),
        (1, "CredentialRegistered"),
        (2, "CredentialRegistered"),
    ]
    assert "content" not in said["entries"][1]
    last = run(*show)
    assert "Answer" in last.out
    assert "Marchand" not in last.out
    content = run(*show, "--from", "1", "--limit", "1", "--content", "--for", "a test").out
    assert "Éloïse Marchand" in content


def test_journal_verify_passes_while_the_node_serves(exchanged: Exchanged) -> None:
    said = done("--data", exchanged.place / "XB", "journal", "verify")
    assert (said["verdict"], said["faults"]) == ("PASS", [])
    assert said["signed_with"] == ["ED25519", "MLDSA44"]


def test_journal_verify_finds_a_changed_entry(exchanged: Exchanged, tmp_path: Path) -> None:
    data = shutil.copytree(exchanged.place / "XC", tmp_path / "XC")
    with closing(sqlite3.connect(data / "node.db", isolation_level=None)) as database:
        database.execute("UPDATE entry SET salt = zeroblob(32) WHERE position = 0")
    finished = run("--data", data, "journal", "verify", "--json")
    assert (finished.status, finished.content["verdict"]) == (1, "FAIL")
    assert "do not match its entries" in finished.content["faults"][0]


def test_an_audit_replays_both_journals_from_files(files: Path, exchanged: Exchanged) -> None:
    replay: list[str | Path] = ["audit", "replay", *sorted(files.iterdir())]
    replay += ["--root", exchanged.root]
    finished = run(*replay, "--json")
    checks = {one["check"]: one for one in finished.content["checks"]}
    assert checks["recomputed"]["passed"] >= 1
    assert checks["both-sides"]["failed"] == 0
    assert all(one["failed"] == 0 for one in checks.values())
    open_ones = checks["settled"]["undetermined"]  # the questions to the silent country
    assert finished.status == (4 if open_ones else 0)
    shown = run(*replay)
    assert "answers are those that the registry gives" in shown.out


def test_an_audit_reads_data_directories_with_their_own_root(exchanged: Exchanged) -> None:
    replayed = done("audit", "replay", exchanged.place / "XB")
    assert replayed["verdict"] == "PASS"
    assert [journal["node"] for journal in replayed["journals"]] == ["XB"]


def test_an_audit_names_every_fault_of_a_changed_file(
    files: Path, exchanged: Exchanged, tmp_path: Path
) -> None:
    content = (files / "XB.symbolon-journal").read_bytes()
    changed = tmp_path / "XB.symbolon-journal"
    changed.write_bytes(content.replace(b"Marchand", b"Merchant"))
    finished = run("audit", "replay", changed, "--root", exchanged.root, "--json")
    assert (finished.status, finished.content["verdict"]) == (1, "FAIL")
    failed = {one["check"] for one in finished.content["findings"] if one["verdict"] == "FAIL"}
    assert "checkpoint-root" in failed
    shown = run("audit", "replay", changed, "--root", exchanged.root)
    assert "FAIL xb.symbolon/journal" in shown.out


def test_an_audit_needs_a_root_for_files(files: Path, tmp_path: Path) -> None:
    replay: list[str | Path] = ["audit", "replay", *sorted(files.iterdir()), "--json"]
    finished = run("--data", tmp_path, *replay)
    assert (finished.status, finished.content["code"]) == (2, "malformed")


def test_an_export_that_fails_leaves_what_was_there(exchanged: Exchanged, tmp_path: Path) -> None:
    data = shutil.copytree(exchanged.place / "XC", tmp_path / "XC")
    kept = tmp_path / "kept.symbolon-journal"
    kept.write_bytes(b"before")
    with closing(sqlite3.connect(data / "node.db", isolation_level=None)) as database:
        database.execute("UPDATE trust_list SET bundle = zeroblob(9)")
    export = ("journal", "export-all", kept, "--for", "Audit 2026")
    assert run("--data", data, *export).status == 5
    assert kept.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["XC", kept.name]
