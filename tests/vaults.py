"""Keys for databases in tests, and what a node's database holds once it is opened."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select

from node.store import schema
from node.store.evidence import opened_evidence
from node.store.master_keys import MasterKey, MasterKeys
from node.store.opening import open_database
from node.store.vault import Vault, open_statements
from tests.federation import origin

_MASTER: Final = MasterKey("0123456789abcdef", "store.key", AESGCM(bytes(32)))


class _OneMaster(MasterKeys):
    """A master key without a file."""

    def exist(self) -> bool:
        return True

    def read(self) -> Sequence[MasterKey]:
        self._keys[_MASTER.id] = _MASTER
        return [_MASTER]


def sample_vault(node: str = "XA") -> Vault:
    """Return the vault of a node's database; each of them opens what another sealed."""
    return Vault(origin(node), _OneMaster(Path()))


def opened_copy(data: Path, vault: Vault) -> sqlite3.Connection:
    """Return a copy of a node's database in memory, with statements and evidence in the open."""
    copy = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(data / "node.db")) as stored:
        stored.backup(copy)
    with closing(open_database(data, "node.db", vault)) as database:
        database.read_now(lambda connection: _open(connection, copy))
    return copy


def _open(connection: Connection, copy: sqlite3.Connection) -> None:
    for table in (schema.entry, schema.counterpart):
        of = table.c
        query = select(of.position, of.key, of.salt, of.statement)
        rows = [tuple(row) for row in connection.execute(query)]
        opened = open_statements(connection, table.name, rows)
        copy.executemany(
            f"UPDATE {table.name} SET salt = ?, statement = ? WHERE position = ?",  # noqa: S608
            [(*both, row[0]) for row, both in zip(rows, opened, strict=True)],
        )
    for row in connection.execute(select(schema.evidence)).all():
        content = opened_evidence(connection, row)
        copy.execute("UPDATE evidence SET content = ? WHERE id = ?", (content, row.id))
