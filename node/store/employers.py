"""API keys: who may ask at this node. Kept as digests, looked up many at a time."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select, update

from node.errors import Code, Refusal
from node.flows.coalesce import Coalescer
from node.flows.ports import Employer
from node.model.bounds import text
from node.model.statement import Requester
from node.store import schema
from node.store.database import Database, insert_rows

_PREFIX: Final = "symbolon_"
_KEY_SIZE_BYTES: Final = 32
_KEY_LENGTH_MAX: Final = 100
_BATCH_MAX: Final = 512
_WAITING_MAX: Final = 16_384


class ApiKey(Struct, frozen=True):
    """An API key as its node lists it; times in microseconds UTC."""

    id: str
    requester: Requester
    created_at: int
    revoked_at: int | None


class SqlEmployers:
    """The port `Employers` on the node's database."""

    def __init__(self, database: Database, randomness: Callable[[int], bytes]) -> None:
        """Take the database and a source of randomness fit for keys."""
        self._database = database
        self._randomness = randomness
        self._look_ups: Coalescer[bytes, Employer] = Coalescer(
            self._look_up, batch_max=_BATCH_MAX, waiting_max=_WAITING_MAX
        )

    async def authenticate(self, key: str) -> Employer:
        """Return who holds a key; a revoked one counts no more at once."""
        if not key.startswith(_PREFIX) or len(key) > _KEY_LENGTH_MAX:
            raise _unauthenticated()
        return await self._look_ups.submit(_digest(key))

    async def create(self, requester: Requester, now: int) -> tuple[str, str]:
        """Make a key for an employer; returns its id and the key, which is kept nowhere.

        Raises:
            Refusal: MALFORMED where a field of the requester is out of bounds.
        """
        text(requester.legal_name, "legal_name", 200)
        text(requester.register_id, "register_id", 64)
        text(requester.sector, "sector", 64)
        secret = base64.urlsafe_b64encode(self._randomness(_KEY_SIZE_BYTES)).rstrip(b"=").decode()
        key = f"{_PREFIX}{secret}"
        key_id = self._randomness(6).hex()
        row = (
            key_id,
            _digest(key),
            requester.legal_name,
            requester.register_id,
            requester.sector,
            now,
            None,
        )
        await self._database.write(
            lambda connection: insert_rows(connection, schema.api_key, [row])
        )
        return key_id, key

    async def revoke(self, key_id: str, now: int) -> None:
        """Revoke a key.

        Raises:
            Refusal: UNKNOWN where there is no such key, or it is revoked already.
        """

        def work(connection: Connection) -> int:
            return connection.execute(_REVOKE, {"of": key_id, "now": now}).rowcount

        if await self._database.write(work) != 1:
            raise Refusal(Code.UNKNOWN, f"there is no API key {key_id!r} in force")

    async def keys(self) -> Sequence[ApiKey]:
        """Return all keys, oldest first."""

        def work(connection: Connection) -> list[ApiKey]:
            return [
                ApiKey(
                    row.id,
                    Requester(row.legal_name, row.register_id, row.sector),
                    row.created_at,
                    row.revoked_at,
                )
                for row in connection.execute(_ALL)
            ]

        return await self._database.read(work)

    async def _look_up(self, digests: list[bytes]) -> list[Employer | BaseException]:
        def work(connection: Connection) -> dict[bytes, Employer]:
            rows = connection.execute(_IN_FORCE, {"digests": list(set(digests))})
            return {
                row.digest: Employer(row.id, Requester(row.legal_name, row.register_id, row.sector))
                for row in rows
            }

        found = await self._database.read(work)
        return [found.get(digest) or _unauthenticated() for digest in digests]


def _digest(key: str) -> bytes:
    """Hash a key; it has 256 random bits, so a fast hash is enough and equality leaks nothing."""
    return hashlib.sha256(b"symbolon/api-key/v1\x00" + key.encode()).digest()


def _unauthenticated() -> Refusal:
    return Refusal(
        Code.UNAUTHENTICATED,
        "the API key is missing, unknown or revoked; send 'Authorization: Bearer symbolon_…'",
    )


_IN_FORCE: Final = select(schema.api_key).where(
    schema.api_key.c.digest.in_(bindparam("digests", expanding=True)),
    schema.api_key.c.revoked_at.is_(None),
)
_REVOKE: Final = (
    update(schema.api_key)
    .where(schema.api_key.c.id == bindparam("of"), schema.api_key.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_ALL: Final = select(schema.api_key).order_by(schema.api_key.c.created_at)
