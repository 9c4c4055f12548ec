"""Exported documents: whose they are, and their places in the status lists.

A place is never given again, also when its document's credential was erased: what stands on its
bit then is that the authority says nothing of it any more.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, bindparam, exists, func, insert, select

from node.flows.document_ports import Ended
from node.model.credential import Status
from node.store import schema
from node.store.database import Database
from node.store.registry_rows import credential_at

_FULL_AT: Final = 2  # the part of a list's places that is given, so that a free one is soon found
_PLACE_SIZE_BYTES: Final = 8


class SqlDocuments:
    """The port `ExportedDocuments` on the node's database."""

    def __init__(self, database: Database) -> None:
        """Work on a database."""
        self._database = database

    async def give_place(
        self, credential: str, entries: int, randomness: Callable[[int], bytes]
    ) -> int:
        """Take a free place at random in the newest list, and note whose document has it."""

        def work(connection: Connection) -> int:
            first = connection.execute(_NEWEST).scalar_one() or 0
            first -= first % entries
            given = connection.execute(_GIVEN, {"first": first, "end": first + entries})
            if given.scalar_one() >= entries // _FULL_AT:
                first += entries
            while True:
                place = first + int.from_bytes(randomness(_PLACE_SIZE_BYTES)) % entries
                if connection.execute(_TAKEN, {"at": place}).first() is None:
                    break
            connection.execute(insert(schema.document_place).values(place=place))
            connection.execute(insert(schema.document).values(place=place, credential=credential))
            return place

        return await self._database.write(work)

    async def ended(self, first: int, end: int, now: int) -> Ended | None:
        """Return which places of a range say what; None where none of it was ever given."""

        def work(connection: Connection) -> Ended | None:
            span = {"first": first, "end": end}
            if connection.execute(_ANY, span).first() is None:
                return None
            revoked, suspended = set(), set()
            for place, number in connection.execute(_NOT_PLAIN, span):
                found = None if number is None else credential_at(connection, number, now)
                if found is None or found.status in {Status.REVOKED, Status.SUPERSEDED}:
                    revoked.add(place)
                elif found.status is Status.SUSPENDED:
                    suspended.add(place)
            return Ended(frozenset(revoked), frozenset(suspended))

        return await self._database.read(work)


_place = schema.document_place.c.place
_within = (_place >= bindparam("first"), _place < bindparam("end"))
_NEWEST: Final = select(func.max(_place))
_GIVEN: Final = select(func.count()).select_from(schema.document_place).where(*_within)
_ANY: Final = select(_place).where(*_within).limit(1)
_TAKEN: Final = select(_place).where(_place == bindparam("at"))
_NOT_PLAIN: Final = (
    select(_place, schema.credential.c.number)
    .select_from(
        schema.document_place.outerjoin(
            schema.document, schema.document.c.place == _place
        ).outerjoin(schema.credential, schema.credential.c.number == schema.document.c.credential)
    )
    .where(
        *_within,
        schema.credential.c.number.is_(None)
        | (schema.credential.c.status != Status.ACTIVE.value)
        # What is said to follow is encrypted: whatever an event ever changed is looked at.
        | exists().where(schema.registry_event.c.number == schema.credential.c.number),
    )
)
