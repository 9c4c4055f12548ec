"""A federation's trust repository in memory, with everybody's keys, and web servers that mirror it.

`Repository` is the honest side: a test changes what it says or who signs it, and publishes.
`Mirror` is a real server on loopback: a test lets it lie in what it serves.
TUF's client reads the machine's clock, so all of this lives by it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from tests.federation import country_role, role_signer, sign, trust_files

TOP_ROLES: Final = ("root", "targets", "snapshot", "timestamp")
_SHA256: Final = ["sha256"]
_SignedKind = TypeVar("_SignedKind", bound=Signed)
Served = dict[str, bytes]


def real_clock() -> int:
    """Return microseconds UTC since the epoch."""
    return time.time_ns() // 1000


def in_days(days: float) -> datetime:
    """Return a time as TUF writes it, counted from now."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


class Repository:
    """What a federation has published, and what it would publish next.

    Attributes:
        served: everything published so far, by name below a mirror's address.
        files: target files by path; whose they are follows from the path.
        signers: who signs each role next; `publish` signs with all of them.
        root, targets, snapshot, timestamp: metadata as signed last.
        countries: as signed last, by country.
    """

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.files = dict(trust_files() if files is None else files)
        self.served: Served = {}
        self.signers: dict[str, list[Signer]] = {
            role: [role_signer(role)] for role in (*TOP_ROLES, *map(country_role, self._folders()))
        }
        self.root = _unpublished(Root(expires=in_days(365), consistent_snapshot=True))
        self.targets = _unpublished(Targets(expires=in_days(90)))
        self.targets.delegations = Delegations({}, {})
        self.snapshot = _unpublished(Snapshot(expires=in_days(7)))
        self.timestamp = _unpublished(Timestamp(expires=in_days(1)))
        self.countries: dict[str, Targets] = {}
        for role in TOP_ROLES:
            for signer in self.signers[role]:
                self.root.add_key(signer.public_key, role)
        for country in self._folders():
            self.admit(country)
        self.publish_root()
        self.publish("targets", *map(country_role, self.countries))

    @property
    def trusted_root(self) -> bytes:
        """The first root, which operators were given."""
        return self.served["metadata/1.root.json"]

    def admit(self, country: str) -> None:
        """Delegate to a country with its signers; counts once targets are published."""
        role = country_role(country)
        signers = self.signers.setdefault(role, [role_signer(role)])
        delegations = self.targets.delegations
        assert delegations is not None
        assert delegations.roles is not None
        paths = [f"{folder}/{country}/*" for folder in ("nodes", "issuers", "agreements")]
        delegations.roles[role] = DelegatedRole(role, [], len(signers), True, paths=paths)
        for signer in signers:
            self.targets.add_key(signer.public_key, role)
        self.countries.setdefault(country, _unpublished(Targets(expires=in_days(30))))

    def publish_root(self, *also_signed_by: Signer) -> None:
        """Publish the next root, signed by its signers and by those of the one before."""
        self.root.version += 1
        content = sign(self.root, [*self.signers["root"], *also_signed_by])
        self.served[f"metadata/{self.root.version}.root.json"] = content

    def rotate(self, role: str, *signers: Signer) -> None:
        """Give a role at the top other keys, all of them due, and publish the root that says so."""
        before = self.signers[role]
        for signer in before:
            self.root.revoke_key(signer.public_key.keyid, role)
        for signer in signers:
            self.root.add_key(signer.public_key, role)
        self.root.roles[role].threshold = len(signers)
        self.signers[role] = list(signers)
        self.publish_root(*(before if role == "root" else ()))

    def publish(self, *roles: str) -> None:
        """Publish the next version of targets or countries, then of snapshot and timestamp."""
        for role in roles:
            signed = self._signed(role)
            signed.version += 1
            signed.targets = self._listed(role)
            self.put(role)
        self.snapshot.version += 1
        self.put("snapshot")
        self.timestamp.version += 1
        self.put("timestamp")

    def put(self, role: str, content: bytes | None = None) -> None:
        """Publish a role as it stands, or any bytes in its place, and tell the roles above."""
        signed = self._signed(role)
        made = sign(signed, self.signers[role]) if content is None else content
        if role == "timestamp":
            self.served["metadata/timestamp.json"] = made
            return
        self.served[f"metadata/{signed.version}.{role}.json"] = made
        entry = MetaFile.from_data(signed.version, made, _SHA256)
        if role == "snapshot":
            self.timestamp.snapshot_meta = entry
        else:
            self.snapshot.meta[f"{role}.json"] = entry

    def write(self, path: str, content: bytes) -> None:
        """Change a file and publish it with the role whose file it is."""
        self.files[path] = content
        self.publish(self._owner(path))

    def _folders(self) -> list[str]:
        return sorted({path.split("/")[1] for path in self.files if "/" in path})

    @staticmethod
    def _owner(path: str) -> str:
        return country_role(path.split("/")[1]) if "/" in path else "targets"

    def _signed(self, role: str) -> Any:
        return getattr(self, role, None) or self.countries[role.removeprefix("country-")]

    def _listed(self, role: str) -> dict[str, TargetFile]:
        """List a role's own files, and serve them."""
        listed = {}
        for path, content in self.files.items():
            if self._owner(path) == role:
                listed[path] = TargetFile.from_data(path, content, _SHA256)
                folder, slash, name = path.rpartition("/")
                digest = listed[path].hashes["sha256"]
                self.served[f"targets/{folder}{slash}{digest}.{name}"] = content
        return listed


def _unpublished(signed: _SignedKind) -> _SignedKind:
    signed.version = 0
    return signed


# --- mirrors -------------------------------------------------------------------------------

Handler = Callable[[BaseHTTPRequestHandler], None]


class Mirror:
    """A web server on loopback.

    Attributes:
        served: what it hands out, by name; 404 for the rest.
        instead: what it does instead for some names.
        requests: every name that was asked for, in order.
        trickling: set once headers begin that never end.
        url: where it is.
    """

    def __init__(self, served: Served) -> None:
        self.served = served
        self.instead: dict[str, Handler] = {}
        self.requests: list[str] = []
        self.url = ""
        self.trickling = threading.Event()
        self.ending = threading.Event()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        name = handler.path.removeprefix("/list/")
        self.requests.append(name)
        if name in self.instead:
            self.instead[name](handler)
            return
        content = self.served.get(name)
        handler.send_response(404 if content is None else 200)
        handler.send_header("Content-Length", str(len(content or b"")))
        handler.end_headers()
        handler.wfile.write(content or b"")

    def trickle(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a byte now and then, for ever."""
        handler.send_response(200)
        handler.end_headers()
        while not self.ending.wait(0.02):
            handler.wfile.write(b" ")

    def trickle_headers(self, handler: BaseHTTPRequestHandler) -> None:
        """Never come to the end of the headers."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self.trickling.set()
        while not self.ending.wait(0.02):
            handler.wfile.write(b"a")

    def pour(self, handler: BaseHTTPRequestHandler) -> None:
        """Send as much as the other side takes, for ever."""
        handler.send_response(200)
        handler.end_headers()
        while not self.ending.is_set():
            handler.wfile.write(b" " * 65_536)


def answering(status: int, **headers: str) -> Handler:
    """Return what answers with a status and no content."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@contextmanager
def mirror_of(served: Served) -> Iterator[Mirror]:
    """Serve a repository on loopback."""
    mirror = Mirror(served)

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.close_connection = False
            try:
                mirror.answer(self)
            except OSError:  # the other side has had enough
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    mirror.url = f"http://127.0.0.1:{server.server_port}/list"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()


def write_published(served: Served, directory: Any) -> None:
    """Write a published repository to a directory."""
    for name, content in served.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
