"""Which of a node's own keys it uses now: those that the trust list in force says count.

While a key is renewed the old and the new one are listed side by side. Nothing restarts: a new
file in the directory of keys is seen with the next look, a new list with the next refresh.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.errors import Code, Refusal
from node.flows.ports import Clock, TlsIdentity, Trust
from node.model.cosignature import Cosigner
from node.model.trust import Node, TrustView
from node.model.trust_entries import holds
from node.store.keys import (
    Signer,
    read_document_keys,
    read_journal_seeds,
    read_tls_pairs,
    read_witness_seeds,
)

SIGNS_ON_US: Final = 10 * 60 * 1_000_000
"""How long an ended journal key signs on: a statement said just before its end is signed after."""
_log = structlog.get_logger()
_Keys_co = TypeVar("_Keys_co", covariant=True)


class _Trusted(Protocol):
    def view(self) -> TrustView: ...


class _Watched(Generic[_Keys_co]):
    """Key files, read again whenever their directory has changed."""

    def __init__(self, directory: Path, read: Callable[[Path], _Keys_co]) -> None:
        """Read them.

        Raises:
            Refusal: STALE where a key file cannot be read.
        """
        self._directory = directory
        self._read = read
        self._names = self._told = _names(directory)
        self._keys = read(directory)

    def keys(self) -> _Keys_co:
        """Return the keys; those read before, where a new file cannot be read."""
        names = _names(self._directory)
        if names != self._names:
            try:
                self._keys = self._read(self._directory)
            except Refusal as refusal:  # perhaps it is being written: the next look tries again
                if self._told != names:
                    _log.warning("key_file_unreadable", reason=refusal.reason)
                self._told = names
            else:
                self._names = names
        return self._keys


def _names(directory: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(directory))  # noqa: PTH208 - five times as fast
    except OSError:
        return frozenset()


class TlsIdentities:
    """Chooses among a node's own certificates as the list in force says.

    The newest that counts is presented, from the moment at which the list says that it does;
    peers that hold that list accept it from the same moment on.
    """

    def __init__(self, directory: Path, node: str, trust: Trust, clock: Clock) -> None:
        """Take the directory of the key files.

        Raises:
            Refusal: STALE where a key file cannot be read.
        """
        self._files = _Watched(directory, read_tls_pairs)
        self._node = node
        self._trust = trust
        self._clock = clock

    def now(self) -> TlsIdentity:
        """Return what to present now; the oldest where no list says that one counts."""
        pairs = self._files.keys()
        listed = _listed(self._trust, self._node)
        if listed is None:
            return TlsIdentity(pairs[0].key_pem, pairs[0].certificate_pem, None)
        at = self._clock()
        counting = [pair for pair in reversed(pairs) if listed.accepts(pair.pin, at)]
        pair = (counting or pairs[:1])[0]
        until = _next_change(listed, at)
        return TlsIdentity(pair.key_pem, pair.certificate_pem, until)


class JournalSigners:
    """What signs the journal's checkpoints: all of a node's journal keys but those that ended.

    While the old and the new key are both there both sign, so nobody has to hold the newest list
    to believe a checkpoint.
    """

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        directory: Path,
        *,
        node: str,
        origin: str,
        post_quantum: bool,
        trust: Trust,
        clock: Clock,
    ) -> None:
        """Take the directory of the key files, and what their keys are listed under.

        Raises:
            Refusal: STALE where a key file cannot be read.
        """

        def read(keys: Path) -> tuple[Signer, ...]:
            return tuple(
                signer
                for seeds in read_journal_seeds(keys)
                for signer in seeds.signers(origin, post_quantum=post_quantum)
            )

        self._files = _Watched(directory, read)
        self._node = node
        self._trust = trust
        self._clock = clock

    def now(self) -> Sequence[Signer]:
        """Return what signs now."""
        signers = self._files.keys()
        if len({signer.verifier.kind for signer in signers}) == len(signers):
            return signers  # one of each kind: there is nothing to choose
        listed = _listed(self._trust, self._node)
        ends = (
            {} if listed is None else {key.verifier: key.valid_until for key in listed.journal_keys}
        )
        at = self._clock() - SIGNS_ON_US
        return [
            signer for signer in signers if (end := ends.get(signer.verifier)) is None or at < end
        ] or signers


class DocumentKeyFiles:
    """The keys that sign open documents: the newest signs, readers find all of them."""

    def __init__(self, directory: Path) -> None:
        """Take the directory of the key files.

        Raises:
            Refusal: STALE where a key file cannot be read.
        """
        self._files = _Watched(directory, read_document_keys)

    def now(self) -> Sequence[Ed25519PrivateKey]:
        """Return all of them, the oldest first.

        Raises:
            Refusal: STALE where there is none.
        """
        keys = self._files.keys()
        if not keys:
            raise Refusal(
                Code.STALE,
                "there is no key to sign documents with; 'symbolon document new-key' makes one",
            )
        return keys


class WitnessSigners:
    """What cosigns peers' checkpoints: those of a node's witness keys that the list says count.

    Old and new cosign side by side while both count; a peer keeps the lines of the keys that its
    own list names.
    """

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        directory: Path,
        *,
        node: str,
        origin: str,
        post_quantum: bool,
        trust: Trust,
        clock: Clock,
    ) -> None:
        """Take the directory of the key files, and what their keys are listed under.

        Raises:
            Refusal: STALE where a key file cannot be read.
        """

        def read(keys: Path) -> tuple[Cosigner, ...]:
            return tuple(
                cosigner
                for seeds in read_witness_seeds(keys)
                for cosigner in seeds.cosigners(origin, post_quantum=post_quantum)
            )

        self._files = _Watched(directory, read)
        self._node = node
        self._trust = trust
        self._clock = clock

    def now(self) -> Sequence[Cosigner]:
        """Return what cosigns now; nothing where the list names no such key."""
        listed, at = _listed(self._trust, self._node), self._clock()
        counting = {
            key.verifier
            for key in (() if listed is None else listed.witness_keys)
            if holds(key.valid_from, key.valid_until, at)
        }
        found = self._files.keys()
        return [cosigner for cosigner in found if cosigner.verifier in counting]


def _listed(trust: _Trusted, node: str) -> Node | None:
    try:
        return trust.view().nodes.get(node)
    except Refusal:  # no list is in force yet
        return None


def _next_change(listed: Node, at: int) -> int | None:
    changes = [
        moment
        for entry in listed.certificates
        for moment in (entry.valid_from, entry.valid_until)
        if moment is not None and moment > at
    ]
    return min(changes, default=None)
