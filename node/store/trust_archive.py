"""The archive of adopted trust lists: which one was in force when, byte for byte."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, select

from node.errors import Code, Refusal
from node.flows.ports import AdoptedList, Adoption
from node.model.statement import TrustReference
from node.model.trust import TrustBundle
from node.store import schema
from node.store.database import Database
from node.store.trust_files import decode_bundle
from node.wire.codec import decode_statement


class TrustArchive:
    """The port `Archive` on the node's database; the contracts are there."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def adoptions(self) -> Sequence[Adoption]:
        """Return every adoption, oldest first."""
        return await self._database.read(lambda connection: list(_newest_first(connection))[::-1])

    async def adopted_at(self, at: int) -> tuple[Adoption, Adoption | None]:
        """Return the adoption that was the last one at a time, and the one that came next."""

        def work(connection: Connection) -> tuple[Adoption, Adoption | None]:
            following: Adoption | None = None
            for adoption in _newest_first(connection):
                if adoption.adopted_at <= at:
                    return adoption, following
                following = adoption
            raise Refusal(
                Code.UNKNOWN,
                "this node had adopted no trust list at that time; ask for a later one",
            )

        return await self._database.read(work)

    async def adopted_list(self, adoption: Adoption) -> AdoptedList:
        """Return the trust list of an adoption."""

        def work(connection: Connection) -> bytes:
            found = connection.execute(_BUNDLE, {"of": adoption.reference.digest}).scalar_one()
            return bytes(found)

        blob = await self._database.read(work)
        return AdoptedList(adoption.reference, adoption.adopted_at, decode_bundle(blob))

    async def bundle(self, version: int) -> TrustBundle:
        """Return an adopted list by its version; of several, the one adopted last.

        Raises:
            Refusal: UNKNOWN where this node has never adopted that version.
        """

        def work(connection: Connection) -> bytes | None:
            found = connection.execute(_OF_VERSION, {"of": version}).scalars().first()
            return None if found is None else bytes(found)

        blob = await self._database.read(work)
        if blob is None:
            known = [adoption.reference.version for adoption in await self.adoptions()]
            raise Refusal(
                Code.UNKNOWN,
                f"this node has never adopted version {version}; it has "
                + (", ".join(map(str, known[-20:])) if known else "adopted none yet"),
            )
        return decode_bundle(blob)


def _newest_first(connection: Connection) -> Iterator[Adoption]:
    for row in connection.execute(_ADOPTED):
        statement = decode_statement(bytes(row.statement))
        yield Adoption(TrustReference(row.version, row.digest), statement.said_at, row.adopted)


_ADOPTED: Final = (
    select(
        schema.trust_list.c.version,
        schema.trust_list.c.digest,
        schema.trust_list.c.adopted,
        schema.entry.c.statement,
    )
    .join_from(
        schema.trust_list, schema.entry, schema.trust_list.c.adopted == schema.entry.c.position
    )
    .order_by(schema.trust_list.c.adopted.desc())
)
_BUNDLE: Final = select(schema.trust_list.c.bundle).where(
    schema.trust_list.c.digest == bindparam("of")
)
_OF_VERSION: Final = (
    select(schema.trust_list.c.bundle)
    .where(schema.trust_list.c.version == bindparam("of"))
    .order_by(schema.trust_list.c.adopted.desc())
)
