"""What holds for every test, whatever it is about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import node  # noqa: F401 - before any test imports grpc: it settles which TLS is spoken
from tests.postgres import Postgres, running_postgres

_TESTS = Path(__file__).parent
_WITHOUT_NETWORK = frozenset({"unit", "property"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Close the network to the tests that need none.

    Unix sockets stay open (`--allow-unix-socket` in pyproject.toml): an event loop wakes itself
    through a pair of them.
    """
    for item in items:
        room = item.path.relative_to(_TESTS).parts[0]
        if room in _WITHOUT_NETWORK:
            item.add_marker(pytest.mark.disable_socket)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, for as long as the tests run."""
    with running_postgres() as server:
        yield server
