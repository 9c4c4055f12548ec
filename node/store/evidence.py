"""What is kept of peers' faults: what they sent, as it came, encrypted like statements."""

from typing import Any, Final

from sqlalchemy import Connection, insert

from node.flows.ports import Evidence
from node.store import schema
from node.store.vault import vault_of

FORK: Final = "fork"
_KIND: Final = 0  # no statement's: what is kept of a day has a key of its own


def keep_evidence(connection: Connection, evidence: Evidence, now: int) -> None:
    """Keep what a peer sent that failed its checks."""
    key, content = None, evidence.content
    if evidence.kind != FORK:  # which is two checkpoints, and names nobody
        vault = vault_of(connection)
        key = vault.keys_of_day(connection, [_KIND], now)[_KIND]
        place = _place(evidence.kind, evidence.peer, now)
        (content,) = vault.seal(connection, "evidence", [(place, key, content)])
    row = {
        "peer": evidence.peer,
        "origin": evidence.origin,
        "kind": evidence.kind,
        "seen_at": now,
        "key": key,
        "content": content,
    }
    connection.execute(insert(schema.evidence), [row])


def opened_evidence(connection: Connection, row: Any) -> bytes:  # noqa: ANN401 - a row's own
    """Return the content of a row of evidence; empty where it was erased."""
    if row.key is None or not row.content:
        return bytes(row.content)
    place = _place(row.kind, row.peer, row.seen_at)
    parts = [(place, row.key, row.content)]
    return vault_of(connection).open_parts(connection, "evidence", parts)[0]


def _place(kind: str, peer: str, seen_at: int) -> str:
    return f"{kind}|{peer}|{seen_at}"
