"""Another master key, while the node serves: its data keys are wrapped anew, some at a time.

1. a new key file is made beside the old one; whoever runs reads it when a row first names it
2. the root key is wrapped by it: from here on every new data key is, too
3. all other data keys are wrapped anew, in short transactions with pauses between them
4. once no row needs the old key its file is overwritten and removed

Killed anywhere, the same command goes on: both files are there until 4. What is encrypted with the
data keys stays as it is.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, func, select, update

from node.errors import Code, Refusal
from node.store import schema
from node.store.database import Database
from node.store.master_keys import MasterKey
from node.store.vault import ROOT, Vault

_KEYS_AT_ONCE: Final = 500


class Rotated(Struct, frozen=True):
    """What a rotation did.

    Attributes:
        master: id of the new master key.
        file: where it is, in the directory of keys.
        keys: how many data keys were wrapped anew.
        destroyed: files of master keys that are gone.
    """

    master: str
    file: str
    keys: int
    destroyed: tuple[str, ...]


def rotate_master(
    database: Database, vault: Vault, token: str, progress: Callable[[int], None]
) -> Rotated:
    """Wrap all data keys by a new master key and destroy the old one; or finish doing so.

    Args:
        database: opened with the vault; other processes may use it too.
        vault: of the database.
        token: where the new key is wrapped, as `MasterKeys.make` takes it; empty for a file.
        progress: told how many keys are done.

    Raises:
        Refusal: STALE where a key file, the token or the database refuses.
    """
    files = vault.masters.read()
    target = files[-1] if len(files) > 1 else vault.masters.make(token)
    database.write_now(lambda connection: _rewrap(connection, vault, target, [ROOT]))
    done, after = 1, ROOT
    while True:
        began = time.monotonic()
        some = database.read_now(partial(_next, after=after, target=target))
        if not some:
            break
        database.write_now(partial(_rewrap, vault=vault, target=target, keys=some))
        done, after = done + len(some), some[-1]
        progress(done)
        time.sleep(time.monotonic() - began)  # whoever serves writes as long as this does
    left = database.read_now(lambda connection: _left(connection, target))
    if left:
        raise Refusal(Code.DEFECT, f"{left} keys are not wrapped by the new master key; run again")
    old = [key for key in vault.masters.read() if key.id != target.id]
    for key in old:
        vault.masters.destroy(key)
    return Rotated(target.id, target.file, done, tuple(key.file for key in old))


def _next(connection: Connection, after: int, target: MasterKey) -> list[int]:
    values = {"after": after, "master": target.id, "most": _KEYS_AT_ONCE}
    return list(connection.execute(_OLD_ONES, values).scalars())


def _rewrap(connection: Connection, vault: Vault, target: MasterKey, keys: list[int]) -> None:
    """Wrap those of some keys that still are where they were: one may just have been destroyed."""
    rows = connection.execute(_ROWS, {"keys": keys, "master": target.id}).all()
    changes = [
        {
            "one": row.id,
            "now_wrapped": vault.rewrap(row.id, (row.master, row.wrapped), target),
            "now_by": target.id,
        }
        for row in rows
    ]
    if changes:
        connection.execute(_CHANGE, changes)


def _left(connection: Connection, target: MasterKey) -> int:
    return int(connection.execute(_LEFT, {"master": target.id}).scalar_one())


_key = schema.holder_key.c
_old = (_key.master != bindparam("master")) & _key.wrapped.is_not(None)
_OLD_ONES: Final = (
    select(_key.id)
    .where(_key.id > bindparam("after"), _old)
    .order_by(_key.id)
    .limit(bindparam("most"))
)
_ROWS: Final = select(_key.id, _key.master, _key.wrapped).where(
    _key.id.in_(bindparam("keys", expanding=True)), _old
)
_CHANGE: Final = (
    update(schema.holder_key)
    .where(_key.id == bindparam("one"))
    .values(wrapped=bindparam("now_wrapped"), master=bindparam("now_by"))
)
_LEFT: Final = select(func.count()).select_from(schema.holder_key).where(_old)
