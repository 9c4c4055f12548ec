"""Labels of codes, as their authority loaded them; what is shown, never what is decided by."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from sqlalchemy import Connection, and_, delete, or_, select

from node.store import schema
from node.store.database import Database, insert_rows
from node.wire.labels import Label

_AT_ONCE: Final = 200
_PREFERRED: Final = "en"


class SqlLabels:
    """The table of labels."""

    def __init__(self, database: Database) -> None:
        """Work on a database."""
        self._database = database

    async def load(self, labels: Iterable[Label]) -> int:
        """Take labels in the place of those for the same codes, all or none; returns how many."""
        table = schema.label

        def work(connection: Connection) -> int:
            count, remaining = 0, iter(labels)
            while some := {label[:3]: label for label in islice(remaining, _AT_ONCE)}:
                same = (
                    and_(table.c.scheme == scheme, table.c.code == code, table.c.language == spoken)
                    for scheme, code, spoken in some
                )
                connection.execute(delete(table).where(or_(*same)))
                insert_rows(connection, table, list(some.values()))
                count += len(some)
            return count

        return await self._database.write(work)

    async def find(self, codes: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return labels by scheme and code, English ones where there are several."""
        table, wanted = schema.label, list(codes)
        if not wanted:
            return {}
        among = or_(*(and_(table.c.scheme == one, table.c.code == code) for one, code in wanted))

        def work(connection: Connection) -> dict[tuple[str, str], str]:
            found: dict[tuple[str, str], str] = {}
            ordered = select(table).where(among).order_by(table.c.language.desc())
            for scheme, code, language, label in connection.execute(ordered):
                if language == _PREFERRED or (scheme, code) not in found:
                    found[scheme, code] = label
            return found

        return await self._database.read(work)
