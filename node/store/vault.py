"""Personal data encrypted: each holder's with a key of its own, the rest of a day's with another.

A data key is random, wrapped by the master key and kept in `holder_key`; a holder's is destroyed
with the last of the holder's credentials. What is not known to be about a holder here (queries of
the asking side, copies of answers, conclusions) has one key for each kind and day.

Everything is AES-256-GCM under a random nonce, bound to the journal, the table and the place in
it: a row that is put elsewhere does not open. A statement and its salt are sealed as one.
"""

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from threading import Lock
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, bindparam, func, select, update

from node.errors import Code, Refusal
from node.model.holder import Holder
from node.model.seal import SALT_SIZE_BYTES
from node.store import schema
from node.store.database import VAULT, insert_rows, rows_in
from node.store.master_keys import KEY_SIZE_BYTES, NONCE_SIZE_BYTES, MasterKey, MasterKeys

ROOT: Final = 0
"""Id of the key under which nothing is sealed: holders are looked up by what is derived from it."""
_CACHE_MAX: Final = 8_192
_DAY_US: Final = 86_400 * 1_000_000
_LOOK_UP: Final = b"symbolon look-up of holders"
_LOOK_UP_SIZE_BYTES: Final = 16
_NO_SALT: Final = b""

Stored = Sequence[Any]
"""Position, key id, salt and statement as they are stored: salt is within where there is a key."""


class Vault:
    """The data keys of one database, in memory as far as they are in use.

    Ciphers are shared by the threads that read; new keys are made in write transactions only.
    """

    def __init__(
        self,
        origin: str,
        masters: MasterKeys,
        randomness: Callable[[int], bytes] = os.urandom,
        *,
        token: str = "",
        cached: int = _CACHE_MAX,
    ) -> None:
        """Take the journal's origin, which everything is bound to, and the master keys.

        Args:
            origin: of the journal.
            masters: wrap the data keys.
            randomness: of keys and nonces.
            token: in which a master key is made where there is none; empty for a file.
            cached: how many data keys are in memory at most.
        """
        self._token = token
        self.masters = masters
        self._bound = f"{origin}|"
        self._randomness = randomness
        self._cached = cached
        self._ciphers: OrderedDict[int, AESGCM] = OrderedDict()
        self._lock = Lock()
        self._look_up = b""
        self._day = -1
        self._of_day: dict[int, int] = {}  # of the day that writes went to last, by kind

    # --- keys ---

    def prepare(self, connection: Connection) -> None:
        """Make the root key where it is not there yet, within a write transaction."""
        if not self.open(connection):
            self.make(connection)
            self.open(connection)

    def make(self, connection: Connection) -> None:
        """Make the root key in a database without one, and a master key where there is none."""
        if not self.masters.exist():
            self.masters.make(self._token)
        master = self.masters.read()[-1]
        fresh = self._randomness(KEY_SIZE_BYTES)
        insert_rows(
            connection,
            schema.holder_key,
            [(ROOT, master.id, self._wrap(master, ROOT, fresh), 0, None)],
        )

    def open(self, connection: Connection) -> bool:
        """Check that the master key is the one that the database needs.

        Returns whether there is a root key in it.

        Raises:
            Refusal: STALE where no key file holds the master key, DEFECT where it does not fit.
        """
        row = connection.execute(_KEY, {"of": ROOT}).one_or_none()
        if row is None:
            return False
        root = self.unwrap(ROOT, row.master, row.wrapped)
        self._look_up = HKDF(hashes.SHA256(), KEY_SIZE_BYTES, None, _LOOK_UP).derive(root)
        return True

    def forget(self) -> None:
        """Forget all ciphers: some may be of keys that a transaction made and took back."""
        with self._lock:
            self._ciphers.clear()
            self._of_day = {}

    def look_up(self, holder: Holder) -> bytes:
        """Return by what a holder is found: a keyed hash of name and birth date."""
        said = f"{holder.birth_date.isoformat()}|{holder.name}".encode()
        return hmac.digest(self._look_up, said, hashlib.sha256)[:_LOOK_UP_SIZE_BYTES]

    def new_keys(self, connection: Connection, made: Sequence[tuple[int, str | None]]) -> list[int]:
        """Make data keys in a write transaction; returns their ids, which ascend.

        Args:
            connection: of the transaction.
            made: for each key how many credentials it is for, or what else.
        """
        if not made:
            return []
        root = connection.execute(_KEY, {"of": ROOT}).one()
        first: int = connection.execute(_LAST).scalar_one() + 1
        master = self.masters.of(root.master)  # of the root: the one in force
        fresh = self._randomness(KEY_SIZE_BYTES * len(made))
        rows, ciphers = [], {}
        for number, (credentials, made_for) in enumerate(made):
            key = fresh[number * KEY_SIZE_BYTES : (number + 1) * KEY_SIZE_BYTES]
            wrapped = self._wrap(master, first + number, key)
            rows.append((first + number, master.id, wrapped, credentials, made_for))
            ciphers[first + number] = AESGCM(key)
        insert_rows(connection, schema.holder_key, rows)
        self._remember(ciphers)
        return list(ciphers)

    def keys_of_day(
        self, connection: Connection, kinds: Collection[int], now: int
    ) -> dict[int, int]:
        """Return the ids of the keys for what is said of some kinds today; makes those missing."""
        day = now // _DAY_US
        if day == self._day and self._of_day.keys() >= set(kinds):
            return self._of_day
        names = {f"{day}/{kind}": kind for kind in kinds}
        found = dict(rows_in(connection, _OF, schema.holder_key.c.made_for, names))
        missing = [name for name in names if name not in found]
        made = self.new_keys(connection, [(0, name) for name in missing])
        found |= zip(missing, made, strict=True)
        of_day = {kind: found[name] for name, kind in names.items()}
        self._of_day = {**self._of_day, **of_day} if day == self._day else of_day
        self._day = day
        return of_day

    def destroy(self, connection: Connection, keys: Iterable[int]) -> None:
        """Destroy data keys: what is sealed with them opens nowhere any more."""
        for key in keys:
            connection.execute(_DESTROY, {"one": key})
            with self._lock:
                self._ciphers.pop(key, None)

    def unwrap(self, key: int, master: str, wrapped: bytes | None) -> bytes:
        """Return a data key.

        Raises:
            Refusal: STALE where no key file holds the master key, DEFECT where it was destroyed or
                is of another database.
        """
        if wrapped is None:
            raise Refusal(Code.DEFECT, f"the key {key} was destroyed, and something needs it still")
        nonce, rest = wrapped[:NONCE_SIZE_BYTES], wrapped[NONCE_SIZE_BYTES:]
        try:
            return self.masters.of(master).cipher.decrypt(nonce, rest, self._place("key", key))
        except InvalidTag:
            raise Refusal(
                Code.DEFECT,
                f"the key {key} does not open with master key {master}: its row was changed, or is "
                "another database's",
            ) from None

    def rewrap(self, key: int, row: tuple[str, bytes], master: MasterKey) -> bytes:
        """Return a data key, wrapped so far as `row` says, wrapped by another master key."""
        return self._wrap(master, key, self.unwrap(key, *row))

    def _wrap(self, master: MasterKey, key: int, content: bytes) -> bytes:
        nonce = self._randomness(NONCE_SIZE_BYTES)
        return nonce + master.cipher.encrypt(nonce, content, self._place("key", key))

    def _of(self, connection: Connection, wanted: Collection[int]) -> dict[int, AESGCM]:
        """Return ciphers by key id, read from the table where they are not in memory."""
        found: dict[int, AESGCM] = {}
        missing = []
        with self._lock:
            ciphers = self._ciphers
            for key in wanted:
                cipher = ciphers.get(key)
                if cipher is None:
                    missing.append(key)
                else:
                    ciphers.move_to_end(key)
                    found[key] = cipher
        if missing:
            rows = rows_in(connection, _WRAPPED, schema.holder_key.c.id, missing)
            read = {row[0]: AESGCM(self.unwrap(*row)) for row in rows}
            if read.keys() != set(missing):
                raise Refusal(Code.DEFECT, "holder_key: a key that something needs is not there")
            self._remember(read)
            found |= read
        return found

    def _remember(self, fresh: dict[int, AESGCM]) -> None:
        with self._lock:
            self._ciphers.update(fresh)
            while len(self._ciphers) > self._cached:
                self._ciphers.popitem(last=False)

    # --- what is sealed ---

    def seal(
        self, connection: Connection, table: str, parts: Sequence[tuple[int | str, int, bytes]]
    ) -> list[bytes]:
        """Seal parts of (place in the table, key id, content)."""
        ciphers = self._of(connection, {key for _, key, _ in parts})
        # One step fewer in this loop is felt in every exchange.
        randomness, size = self._randomness(NONCE_SIZE_BYTES * len(parts)), NONCE_SIZE_BYTES
        starts = range(0, len(randomness), size)
        bound = f"{self._bound}{table}|"
        sealed = []
        for at, (place, key, content) in zip(starts, parts, strict=True):
            nonce = randomness[at : at + size]
            encrypt = ciphers[key].encrypt
            sealed.append(nonce + encrypt(nonce, content, f"{bound}{place}".encode()))
        return sealed

    def open_parts(
        self, connection: Connection, table: str, parts: Sequence[tuple[int | str, int, bytes]]
    ) -> list[bytes]:
        """Open parts of (place in the table, key id, sealed content).

        Raises:
            Refusal: DEFECT where one was changed or belongs elsewhere.
        """
        ciphers = self._of(connection, {key for _, key, _ in parts})
        bound, first = f"{self._bound}{table}|", NONCE_SIZE_BYTES
        try:
            return [
                ciphers[key].decrypt(sealed[:first], sealed[first:], f"{bound}{place}".encode())
                for place, key, sealed in parts
            ]
        except (InvalidTag, ValueError):
            raise self._changed(ciphers, table, parts) from None

    def _changed(
        self, ciphers: dict[int, AESGCM], table: str, parts: Sequence[tuple[int | str, int, bytes]]
    ) -> Refusal:
        for place, key, sealed in parts:
            nonce, rest = sealed[:NONCE_SIZE_BYTES], sealed[NONCE_SIZE_BYTES:]
            try:
                ciphers[key].decrypt(nonce, rest, self._place(table, place))
            except (InvalidTag, ValueError):
                where = f"its row {place}" if isinstance(place, int) else "a row"
                return Refusal(
                    Code.DEFECT,
                    f"{table}: {where} does not open: it was changed, or belongs elsewhere",
                )
        return Refusal(Code.DEFECT, f"{table}: a row does not open")

    def _place(self, table: str, place: int | str) -> bytes:
        return f"{self._bound}{table}|{place}".encode()


# --- statements ----------------------------------------------------------------------------


def vault_of(connection: Connection) -> Vault:
    """Return the vault of the database that a connection is to.

    Raises:
        Refusal: DEFECT where it was opened without one.
    """
    vault = connection.get_execution_options().get(VAULT)
    if not isinstance(vault, Vault):
        raise Refusal(Code.DEFECT, "the database was opened without its keys")
    return vault


def sealed_statements(
    connection: Connection, table: str, rows: Sequence[tuple[int, int | None, bytes, bytes]]
) -> list[tuple[int | None, bytes | None, bytes]]:
    """Return key, salt and statement as they are stored, for (position, key, salt, statement)."""
    parts = [(at, key, salt + said) for at, key, salt, said in rows if key is not None]
    if not parts:
        return [(None, salt, statement) for _, _, salt, statement in rows]
    sealed = iter(vault_of(connection).seal(connection, table, parts))
    return [
        (None, salt, statement) if key is None else (key, None, next(sealed))
        for _, key, salt, statement in rows
    ]


def open_statements(
    connection: Connection, table: str, rows: Sequence[Stored]
) -> list[tuple[bytes, bytes] | tuple[None, None]]:
    """Return salt and statement of rows as they are stored; None for both of what was erased.

    Raises:
        Refusal: DEFECT where a row was changed or belongs elsewhere.
    """
    parts = [
        (position, key, statement)
        for position, key, _, statement in rows
        if key is not None and statement is not None
    ]
    opened = iter(vault_of(connection).open_parts(connection, table, parts) if parts else ())
    found: list[tuple[bytes, bytes] | tuple[None, None]] = []
    for _, key, salt, statement in rows:
        if statement is None:
            found.append((None, None))
        elif key is None:
            found.append((bytes(salt or _NO_SALT), bytes(statement)))
        else:
            both = next(opened)
            found.append((both[:SALT_SIZE_BYTES], both[SALT_SIZE_BYTES:]))
    return found


_key = schema.holder_key.c
_KEY: Final = select(_key.master, _key.wrapped).where(_key.id == bindparam("of"))
_LAST: Final = select(func.max(_key.id))
_WRAPPED: Final = select(_key.id, _key.master, _key.wrapped)
_OF: Final = select(_key.made_for, _key.id)
_DESTROY: Final = (
    update(schema.holder_key)
    .where(_key.id == bindparam("one"))
    .values(wrapped=None, credentials=0, made_for=None)
)
