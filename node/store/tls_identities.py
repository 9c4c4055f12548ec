"""What a node presents over TLS: the certificate in use and, while it is replaced, the next one.

    tls.key.pem, tls.cert.pem              made by `init`
    tls.next.key.pem, tls.next.cert.pem    made when the certificate is to be replaced

Both are listed for a while. The node presents the next one from the moment at which the list in
force says that it counts, without a restart; peers that hold that list accept it from the same
moment on.
"""

from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from msgspec import Struct

from node.errors import Refusal
from node.flows.ports import Clock, TlsIdentity, Trust
from node.model.trust import Node, TrustView, spki_digest
from node.store.keys import make_certificate, read_secret, write_secret

_IN_USE: Final = "tls"
_NEXT: Final = "tls.next"
_log = structlog.get_logger()


class _Pair(Struct, frozen=True):
    key_pem: bytes
    certificate_pem: bytes
    pin: bytes


class TlsIdentities:
    """Chooses among a node's own certificates as the list in force says."""

    def __init__(self, directory: Path, node: str, trust: Trust, clock: Clock) -> None:
        """Take the directory of the key files.

        Raises:
            Refusal: STALE where a key file cannot be read.
        """
        self._directory = directory
        self._node = node
        self._trust = trust
        self._clock = clock
        self._pairs = _read_pairs(directory)
        self._seen: TrustView | None = None

    def now(self) -> TlsIdentity:
        """Return what to present now: the next certificate where it counts, else the one in use."""
        try:
            view = self._trust.view()
        except Refusal:  # no list is in force yet, so none of them counts more than another
            return _identity(self._pairs[-1], None)
        if view is not self._seen:
            self._seen = view
            try:
                self._pairs = _read_pairs(self._directory)
            except Refusal as refusal:
                _log.warning("tls_key_unreadable", reason=refusal.reason)
        listed = view.nodes.get(self._node)
        if listed is None:
            return _identity(self._pairs[-1], None)
        at = self._clock()
        counting = [pair for pair in self._pairs if listed.accepts(pair.pin, at)]
        return _identity((counting or self._pairs[-1:])[0], _next_change(listed, at))


def make_next_certificate(directory: Path, node: str, now: datetime) -> None:
    """Make the certificate that will follow the one in use.

    Raises:
        Refusal: CONFLICT where there is one already.
    """
    key_pem, certificate_pem = make_certificate(node, now)
    write_secret(directory / f"{_NEXT}.key.pem", key_pem)
    write_secret(directory / f"{_NEXT}.cert.pem", certificate_pem)


def _read_pairs(directory: Path) -> tuple[_Pair, ...]:
    """Read the next certificate, where there is one, and the one in use."""
    names = [_IN_USE]
    if (directory / f"{_NEXT}.cert.pem").exists():
        names.insert(0, _NEXT)
    return tuple(_read_pair(directory, name) for name in names)


def _read_pair(directory: Path, name: str) -> _Pair:
    certificate_pem = read_secret(directory / f"{name}.cert.pem")
    pin = spki_digest(x509.load_pem_x509_certificate(certificate_pem))
    return _Pair(read_secret(directory / f"{name}.key.pem"), certificate_pem, pin)


def _identity(pair: _Pair, until: int | None) -> TlsIdentity:
    return TlsIdentity(pair.key_pem, pair.certificate_pem, until)


def _next_change(listed: Node, at: int) -> int | None:
    changes = [
        moment
        for entry in listed.certificates
        for moment in (entry.valid_from, entry.valid_until)
        if moment is not None and moment > at
    ]
    return min(changes, default=None)
