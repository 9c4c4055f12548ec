"""Making a node: its keys, its empty journal, its description for the federation."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from node.model.bounds import NODE_ID, pattern
from node.model.cosignature import Cosigner
from node.model.merkle import EMPTY_ROOT
from node.model.note import Checkpoint, sign_checkpoint
from node.model.possession import journal_key_bytes, possession_message
from node.model.trust import (
    CertificateEntry,
    JournalEntry,
    JournalKeyEntry,
    NodeFile,
    require_own_origin,
)
from node.settings import Settings
from node.store.high_water import HighWaterFile
from node.store.journal import create
from node.store.keys import KeyFiles, Signer, make_keys
from node.store.master_keys import MasterKeys
from node.store.opening import make_database, require_room
from node.store.vault import Vault


def make_node(data: Path, settings: Settings, now: int) -> NodeFile:
    """Make keys and an empty journal in a data directory (see `create_node`).

    Raises:
        Refusal: CONFLICT where there is a node already, MALFORMED where its id or its journal's
            origin is none.
    """
    pattern(settings.node.id, "node.id", NODE_ID, "a node id, like XA")
    require_own_origin(settings.node.origin, settings.node.id)
    require_room(data, settings.store.database)
    keys = make_keys(data / settings.store.keys, settings.node.id, datetime.now(UTC))
    signers = keys.signers(settings.node.origin, post_quantum=settings.seals.ml_dsa_44)
    note = sign_checkpoint(
        Checkpoint(settings.node.origin, 0, EMPTY_ROOT), signers, now // 1_000_000
    )
    make_database(
        data,
        settings.store.database,
        lambda connection: create(connection, settings.node.id, settings.node.origin, note),
        vault_for(data, settings),
    )
    high_water(data, settings).rise(note)
    return describe(settings, keys)


def vault_for(data: Path, settings: Settings) -> Vault:
    """Return what encrypts and opens what a node's database holds of people."""
    masters = MasterKeys(data / settings.store.keys)
    return Vault(settings.node.origin, masters, token=settings.store.master)


def describe(settings: Settings, keys: KeyFiles) -> NodeFile:
    """Return what peers must know of this node, each key with the proof that it is its own."""
    node, origin = settings.node.id, settings.node.origin
    post_quantum = settings.seals.ml_dsa_44
    since = datetime.now(UTC).replace(microsecond=0)

    def listed(signers: Sequence[Signer | Cosigner]) -> tuple[JournalKeyEntry, ...]:
        return tuple(
            JournalKeyEntry(
                str(signer.verifier),
                since,
                _base64(signer.prove(possession_message(node, journal_key_bytes(signer.verifier)))),
            )
            for signer in signers
        )

    return NodeFile(
        node=node,
        country=settings.node.country or settings.node.id,
        authority=settings.node.authority,
        endpoint=settings.listen.endpoint,
        journal=JournalEntry(origin, listed(keys.signers(origin, post_quantum=post_quantum))),
        tls=tuple(
            CertificateEntry(pair.listed, since, _base64(pair.prove(node))) for pair in keys.tls
        ),
        witness=listed(keys.cosigners(origin, post_quantum=post_quantum)),
    )


def high_water(data: Path, settings: Settings) -> HighWaterFile:
    """Return the file that holds the newest checkpoint outside the database."""
    name = settings.witness.high_water
    return HighWaterFile(data / name if name else None)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
