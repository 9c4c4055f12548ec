"""The command line for the TUF conformance suite, driven over a real server as the suite does."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.federation import role_signer
from tests.repository import Mirror, Repository, in_days, mirror_of

_ROOT = Path(__file__).parent.parent.parent
_TARGET = "nodes/XB/node.json"


class _Client:
    """The program, with its directories and the server that it asks."""

    def __init__(self, base: Path, mirror: Mirror) -> None:
        self.metadata = base / "metadata"
        self.targets = base / "targets"
        self._trusted = base / "trusted.json"
        self._mirror = mirror
        self.targets.mkdir()

    def init(self, trusted: bytes) -> int:
        self._trusted.write_bytes(trusted)
        return self._run("init", str(self._trusted))

    def refresh(self) -> int:
        return self._run("--metadata-url", f"{self._mirror.url}/metadata", "refresh")

    def download(self, name: str = _TARGET) -> int:
        return self._run(
            "--metadata-url",
            f"{self._mirror.url}/metadata/",
            "--target-base-url",
            f"{self._mirror.url}/targets/",
            "--target-name",
            name,
            "--target-dir",
            str(self.targets),
            "download",
        )

    def downloaded(self, name: str = _TARGET) -> bytes:
        return (self.targets / quote(name, "")).read_bytes()

    def _run(self, *arguments: str) -> int:
        command = [sys.executable, "-m", "tests.tuf_conformance"]
        command += ["--metadata-dir", str(self.metadata), *arguments]
        return subprocess.run(command, cwd=_ROOT, check=False, capture_output=True).returncode


@pytest.fixture
def repository() -> Repository:
    return Repository()


@pytest.fixture
def mirror(repository: Repository) -> Iterator[Mirror]:
    with mirror_of(repository.served) as serving:
        yield serving


@pytest.fixture
def client(tmp_path: Path, mirror: Mirror, repository: Repository) -> _Client:
    made = _Client(tmp_path, mirror)
    assert made.init(repository.trusted_root) == 0
    assert mirror.requests == []
    return made


def test_a_refresh_leaves_the_metadata_in_use_under_plain_names(
    client: _Client, repository: Repository
) -> None:
    assert client.refresh() == 0
    for role in ("root", "snapshot", "targets"):
        content = (client.metadata / f"{role}.json").read_bytes()
        assert content == repository.served[f"metadata/1.{role}.json"]
    kept = (client.metadata / "timestamp.json").read_bytes()
    assert kept == repository.served["metadata/timestamp.json"]


def test_a_download_brings_the_file_once_and_its_successor(
    client: _Client, repository: Repository, mirror: Mirror
) -> None:
    assert client.download() == 0
    assert client.downloaded() == repository.files[_TARGET]
    assert (client.metadata / "country-XB.json").exists()
    mirror.requests.clear()
    assert client.download() == 0
    assert mirror.requests == ["metadata/2.root.json", "metadata/timestamp.json"]
    repository.write(_TARGET, b"{}")
    assert client.download() == 0
    assert client.downloaded() == b"{}"
    digest = hashlib.sha256(b"{}").hexdigest()
    assert mirror.requests[-1] == f"targets/nodes/XB/{digest}.node.json"


def test_what_fails_its_checks_ends_with_one_and_changes_nothing(
    client: _Client, repository: Repository, mirror: Mirror
) -> None:
    assert client.refresh() == 0
    old = repository.served["metadata/timestamp.json"]
    repository.publish("targets")
    assert client.refresh() == 0
    mirror.served = {**repository.served, "metadata/timestamp.json": old}
    assert client.refresh() == 1
    mirror.served = repository.served
    repository.snapshot.expires = in_days(-1)
    repository.publish("targets")
    assert client.refresh() == 1
    kept = (client.metadata / "targets.json").read_bytes()
    assert kept == repository.served["metadata/2.targets.json"]


def test_what_nobody_lists_or_serves_cannot_be_downloaded(
    client: _Client, repository: Repository, mirror: Mirror
) -> None:
    assert client.download("nodes/XZ/node.json") == 1
    mirror.served = {
        name: content for name, content in repository.served.items() if "node.json" not in name
    }
    assert client.download() == 1
    assert list(client.targets.iterdir()) == []


def test_roots_are_followed_from_the_one_that_was_given(
    client: _Client, repository: Repository
) -> None:
    repository.rotate("root", role_signer("root", 2))
    repository.rotate("timestamp", role_signer("timestamp", 2))
    repository.publish()
    assert client.refresh() == 0
    content = (client.metadata / "root.json").read_bytes()
    assert content == repository.served["metadata/3.root.json"]


def test_a_client_that_was_never_given_a_root_trusts_nobody(tmp_path: Path, mirror: Mirror) -> None:
    lost = _Client(tmp_path, mirror)
    lost.metadata.mkdir()
    assert lost.refresh() == 1
    assert mirror.requests == []
