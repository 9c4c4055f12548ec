"""What a verified document says, as a row: its members by their paths, read by a mapping.

`credentialSubject.achievement.name` is a path; items of a list are counted from 0. Of a moment the
day counts, as its signer wrote it.
"""

import re
from typing import Any, Final

from node.wire.import_mapping import DATES, ColumnMapping
from node.wire.sheets import Row

_MOMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T[0-9:.]+(Z|[+-][0-9:]+)?")


def row_of_document(number: int, content: dict[str, Any], mapping: ColumnMapping) -> Row:
    """Return a document as a row; of what the mapping does not name nothing is taken."""
    values: dict[str, object] = {}
    came: dict[str, object] = {}
    for column, path in mapping.columns.items():
        found = _at(content, path)
        came[path] = found
        if column in DATES and isinstance(found, str) and (moment := _MOMENT.fullmatch(found)):
            found = moment[1]
        values[column] = found
    return Row(number, mapping.translated(values), (), came)


def _at(content: object, path: str) -> object:
    for step in path.split("."):
        if isinstance(content, dict):
            content = content.get(step)
        elif isinstance(content, list) and step.isascii() and step.isdigit():
            content = content[int(step)] if int(step) < len(content) else None
        else:
            return None
    return content if not isinstance(content, dict) else None
