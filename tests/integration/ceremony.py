"""A ceremony on paper: every signature at a desk of its own, with a copied file and a key."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from node.model.federation_files import JOIN_FORMAT, JoinRequest, render
from tests.federation import agreement_files, node_file
from tests.integration.command_line import call, done

ROOT_OFFICERS = ("anna", "ben", "cleo", "dan", "eve")
TARGETS_OFFICERS = ("fay", "gus", "hal")
PIN = "271828"
_KEY_ID = 2


class Ceremony:
    """A federation in `place`/fed, and the keys of its officers in `place`/keys."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.directory = place / "fed"
        self.keys = place / "keys"
        self.keys.mkdir(exist_ok=True)

    def key(self, name: str) -> Path:
        return self.keys / f"{name}.key"

    def public(self, name: str) -> Path:
        return self.keys / f"{name}.key.pub"

    def new_keys(self, *names: str) -> None:
        for name in names:
            done("trust", "new-key", self.key(name), "--no-passphrase")

    def keyid(self, name: str) -> str:
        found: str = json.loads(self.public(name).read_bytes())["keyid"]
        return found

    def options(self, option: str, names: tuple[str, ...]) -> list[str | Path]:
        return [part for name in names for part in (option, self.public(name))]

    def found(self, root_threshold: int = 3) -> dict[str, Any]:
        """Found the federation; the keys of all its officers are there."""
        return done(
            *("trust", "new-federation", self.directory, "--name", "Trades Federation"),
            *self.options("--root-key", ROOT_OFFICERS),
            *("--root-threshold", str(root_threshold)),
            *self.options("--targets-key", TARGETS_OFFICERS),
            *("--targets-threshold", "2"),
            *self.options("--snapshot-key", ("snapshot",)),
            *self.options("--timestamp-key", ("timestamp",)),
        )

    def staged(self, role: str) -> Path:
        return self.directory / "staged" / f"{role}.json"

    def carry(self, role: str, name: str) -> tuple[Path, Path]:
        """Copy a staged file and a key, and nothing else, to a desk of its own."""
        desk = self.place / "desks" / f"{name}-{secrets.token_hex(4)}"
        desk.mkdir(parents=True)
        for one in (self.staged(role), self.key(name), self.public(name)):
            shutil.copy2(one, desk)
        return desk / f"{role}.json", desk / f"{name}.key"

    def sign(self, role: str, *names: str) -> list[Path]:
        """Have a staged file signed; returns what comes back."""
        brought = []
        for name in names:
            file, key = self.carry(role, name)
            done("trust", "sign", file, "--key", key, "--yes")
            brought.append(file)
        return brought

    def collect(self, *files: Path) -> dict[str, Any]:
        return done("trust", "collect", self.directory, *files)

    def signed(self, **names: tuple[str, ...]) -> None:
        """Sign and bring back: role=(names), with _ for the dash in a country's role."""
        for role, signers in names.items():
            self.collect(*self.sign(role.replace("_", "-"), *signers))

    def publish(self, *more: str | Path) -> dict[str, Any]:
        return done(*self.publishing(*more))

    def publishing(self, *more: str | Path) -> tuple[str | Path, ...]:
        return (
            *("trust", "publish", self.directory),
            *("--snapshot-key", self.key("snapshot"), "--timestamp-key", self.key("timestamp")),
            *more,
        )

    def admit(self, country: str, *names: str) -> dict[str, Any]:
        keys = self.options("--country-key", names)
        threshold = ("--threshold", str(len(names)))
        return done("trust", "admit", self.directory, country, *keys, *threshold)

    def hand_over(self, country: str, *files: Path) -> dict[str, Any]:
        return done("trust", "country", self.directory, country, *files)

    def join_request(self, country: str) -> Path:
        file = self.place / f"{country.lower()}.join.json"
        file.write_bytes(render(JoinRequest(JOIN_FORMAT, node_file(country))))
        return file

    def agreement(self, one: str, other: str) -> Path:
        name = f"{one}-{other}.json".lower()
        content = agreement_files(one, other)[f"agreements/{one}/{name}"]
        file = self.place / name
        file.write_bytes(content)
        return file

    def source(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.directory / "sources" / path).read_bytes())
        return found

    def client(self, name: str = "client", repository: Path | None = None) -> Updater:
        """Return a TUF client that trusts the first root; the same name keeps what it has seen."""
        published = repository or self.directory / "published"
        cache = self.place / name
        (cache / "targets").mkdir(parents=True, exist_ok=True)
        known = (cache / "metadata" / "root.json").exists()
        root = None if known else (published / "metadata" / "1.root.json").read_bytes()
        return Updater(
            metadata_dir=str(cache / "metadata"),
            metadata_base_url=f"{published}/metadata/",
            target_dir=str(cache / "targets"),
            target_base_url=f"{published}/targets/",
            fetcher=DirectoryFetcher(),
            bootstrap=root,
        )

    def fetch(self, path: str, client: Updater | None = None) -> bytes | None:
        """Return a target file as a client gets it; None where no role lists it."""
        updater = client or self.client()
        found = updater.get_targetinfo(path)
        return None if found is None else Path(updater.download_target(found)).read_bytes()


def found_with_xa(place: Path) -> None:
    """Found and publish a federation with XA as its member, whose officers are ida and jan."""
    ceremony = Ceremony(place)
    ceremony.new_keys(
        *(*ROOT_OFFICERS, *TARGETS_OFFICERS, "snapshot", "timestamp"),
        *("ida", "jan", "kim", "lou", "new", "stranger"),
    )
    ceremony.found()
    ceremony.admit("XA", "ida", "jan")
    ceremony.hand_over("XA", ceremony.join_request("XA"))
    ceremony.signed(root=("anna", "ben", "cleo"), targets=("fay", "gus"), country_XA=("ida", "jan"))
    ceremony.publish()


def refused(status: int, code: str, *arguments: str | Path) -> str:
    """Call a command that has to be refused; returns the reason."""
    said = call(*arguments, "--json")
    assert (said.status, said.err) == (status, ""), said
    assert said.content["code"] == code
    reason: str = said.content["reason"]
    return reason


class DirectoryFetcher(FetcherInterface):
    """Reads a repository from a directory, as a web server would hand it out."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(url)
        if not path.is_file():
            raise DownloadHTTPError("not found", 404)
        return iter([path.read_bytes()])


def make_token(place: Path, label: str) -> None:
    """Make a PKCS#11 token with a P-256 key; SOFTHSM2_CONF has to name `place`/softhsm2.conf."""
    tokens = place / "tokens"
    tokens.mkdir()
    (place / "softhsm2.conf").write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    key = place / "to-import.pem"
    key.write_bytes(pem)
    token = ("--token", label, "--pin", PIN)
    made = ("--init-token", "--free", "--label", label, "--so-pin", PIN, "--pin", PIN)
    imported = ("--import", str(key), *token, "--label", label, "--id", f"{_KEY_ID:02}")
    for words in (made, imported):
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
    key.unlink()


def token_module() -> Path:
    """Return SoftHSM's PKCS#11 library."""
    found = [
        path
        for folder in ("softhsm", "*/softhsm", "pkcs11")
        for path in sorted(Path("/usr").glob(f"lib*/{folder}/libsofthsm2.so"))
    ]
    assert found, "SoftHSM is missing: apt-get install softhsm2"
    return found[0]
