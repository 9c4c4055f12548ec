"""The JSON Schemas of the files under a trust list's roles, written from their definitions.

python -m tests.trust_schemas writes trust_lists/schemas anew.
"""

from pathlib import Path

import msgspec

from node.model.trust_files import KINDS, json_schema

SCHEMAS = Path(__file__).parents[1] / "trust_lists" / "schemas"


def schemas() -> dict[str, bytes]:
    """Return the schemas by file name, as they are to be committed."""
    return {
        f"{name}.schema.json": msgspec.json.format(msgspec.json.encode(json_schema(name)), indent=2)
        + b"\n"
        for name in KINDS
    }


def write() -> None:
    """Write every schema."""
    SCHEMAS.mkdir(exist_ok=True)
    for name, content in schemas().items():
        (SCHEMAS / name).write_bytes(content)


if __name__ == "__main__":
    write()
