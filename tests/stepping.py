"""What a node asks of SQLite, step by step: any one of them fails, or is the last thing it does.

A step is what the driver is told: a statement of a transaction, its BEGIN, its COMMIT, the copy of
the log into the database. Nobody keeps a list of them: a run in which nothing fails counts them.
"""

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import Enum
from functools import partial
from typing import Any, TypeVar

import pytest

from node.store import engines
from node.store.database import Database

_Result = TypeVar("_Result")
KILLED = 9


class How(Enum):
    """What becomes of a step."""

    FAILED = "it is not done, and says so"
    PERSISTED = "it is done, and says that it is not"
    KILLED_BEFORE = "the process ends before it"
    KILLED_AFTER = "the process ends when it is done, and nobody hears of it"


def in_a_copy(work: Callable[[], object]) -> int:
    """Run work in a copy of this process, and return how that ended.

    The copy collects no garbage: it has none of the threads of gRPC, and what belongs to them must
    not be taken apart in it.
    """
    process_id = os.fork()
    if process_id == 0:
        gc.disable()
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])


class Steps:
    """Counts steps from `begin` to `end`, and lets one of them go wrong.

    Attributes:
        names: the steps so far, by the first words that the driver was told.
    """

    def __init__(self, at: int | None = None, how: How = How.FAILED) -> None:
        self.names: list[str] = []
        self._at = at
        self._how = how
        self._counting = False

    def begin(self) -> None:
        self._counting = True

    @contextmanager
    def going_wrong(self, at: int | None = None, how: How = How.FAILED) -> Iterator[None]:
        """Count anew for a while, and let another step go wrong."""
        self.names, self._at, self._how = [], at, how
        self.begin()
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        self._counting = False

    def take(self, name: str, step: Callable[[], _Result]) -> _Result:
        """Do a step, or what is to become of it."""
        if not self._counting:
            return step()
        number = len(self.names)
        self.names.append(name)
        if number != self._at:
            return step()
        if self._how in {How.PERSISTED, How.KILLED_AFTER}:
            step()
        if self._how in {How.KILLED_BEFORE, How.KILLED_AFTER}:
            os._exit(KILLED)
        raise sqlite3.OperationalError("disk I/O error")


class _Cursor(sqlite3.Cursor):
    steps: Steps

    def execute(self, sql: str, parameters: Any = (), /) -> "_Cursor":
        run = partial(super().execute, sql, parameters)
        try:
            self.steps.take(" ".join(sql.split()[:3]), run)
        except sqlite3.Error:
            self.close()  # as after a failure of its own: nothing of the statement stays open
            raise
        return self


class _Connection(sqlite3.Connection):
    steps: Steps

    def cursor(self, _factory: object = None) -> _Cursor:  # type: ignore[override]
        made = super().cursor(_Cursor)
        made.steps = self.steps
        return made

    def commit(self) -> None:
        self.steps.take("COMMIT", super().commit)


class _AtOnce:
    """Copies the log in the thread that asks for it, so that its step has a number."""

    def submit(self, work: Callable[[], object]) -> Future[object]:
        done: Future[object] = Future()
        try:
            done.set_result(work())
        except sqlite3.Error as error:  # as the other thread keeps it to itself
            done.set_exception(error)
        return done

    def shutdown(self) -> None:
        pass


@contextmanager
def stepping(steps: Steps) -> Iterator[None]:
    """Let whatever is opened inside be counted."""

    class Counted(_Connection):
        pass

    Counted.steps = steps
    connect = sqlite3.dbapi2.connect

    def opened(*arguments: Any, **named: Any) -> Any:
        return connect(*arguments, **{**named, "factory": Counted})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3.dbapi2, "connect", opened)
        yield


def copying_at_once(database: Database, *, copied: bool) -> None:
    """Have the log copied with the next transaction, in the thread that writes.

    With `copied` the first copy was made, and the writer's own is due.
    """
    sqlite: Any = database._engines
    sqlite._copier.shutdown()
    sqlite._copier = _AtOnce()
    sqlite._copied = copied
    sqlite._transactions = engines._COPY_EVERY - 1
