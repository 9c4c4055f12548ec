"""Who does the work of an audit: this process, others on this machine, or a Dask cluster.

All do the same to the same pieces and give back the results in the order of the pieces; at most a
few pieces for each worker are under way at once, so memory does not grow with their number.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

from node.audit.accreditation import IssuerBooks
from node.audit.archive import Views
from node.audit.examine import examine
from node.audit.examined import Examined, Given
from node.audit.join import Joined, join
from node.audit.known import Known
from node.audit.parts import Part
from node.audit.seals import Seals
from node.errors import Code, Refusal

_UNDER_WAY: Final = 2  # pieces for each worker: one in work, one waiting


class Pool(Protocol):
    """Does the work of one audit."""

    def examine(self, parts: Iterable[Part]) -> Iterator[Examined]:
        """Examine parts; results come in their order."""

    def join(self, known: Known, piles: Iterable[bytes]) -> Iterator[Joined]:
        """Bring together what piles hold; results come in their order."""


OpenPool = Callable[[Given], AbstractContextManager[Pool]]
"""Opens a pool for what all parts are examined with."""


class _Worker:
    """Does the work in one thread; remembers signatures that held and lists resolved."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._views = Views(given.lists)
        self._seals = Seals()
        self._books = IssuerBooks(given)

    def examine(self, part: Part) -> Examined:
        return examine(self._given, self._views, self._seals, part)

    def join(self, piece: tuple[Known, bytes]) -> Joined:
        return join(self._given.piles, self._books, *piece)


# --- this process --------------------------------------------------------------------------


class _Here:
    def __init__(self, given: Given) -> None:
        self._worker = _Worker(given)

    def examine(self, parts: Iterable[Part]) -> Iterator[Examined]:
        return map(self._worker.examine, parts)

    def join(self, known: Known, piles: Iterable[bytes]) -> Iterator[Joined]:
        return (self._worker.join((known, pile)) for pile in piles)


@contextmanager
def here(given: Given) -> Iterator[Pool]:
    """Work in this process alone."""
    yield _Here(given)


# --- processes on this machine -------------------------------------------------------------


class _Elsewhere:
    """Hands pieces out and takes results in; `submit` gives what has a `result()`."""

    def __init__(self, submit: Callable[[str, object], Any], workers: int) -> None:
        self._submit = submit
        self._most = workers * _UNDER_WAY

    def examine(self, parts: Iterable[Part]) -> Iterator[Examined]:
        return self._spread("examine", parts)

    def join(self, known: Known, piles: Iterable[bytes]) -> Iterator[Joined]:
        return self._spread("join", ((known, pile) for pile in piles))

    def _spread(self, task: str, pieces: Iterable[object]) -> Iterator[Any]:
        under_way: deque[Any] = deque()
        for piece in pieces:
            under_way.append(self._submit(task, piece))
            if len(under_way) >= self._most:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def processes(count: int) -> OpenPool:
    """Return what opens a pool of so many processes; with one, this process does it all."""
    if count <= 1:
        return here

    @contextmanager
    def pool(given: Given) -> Iterator[Pool]:
        # Fresh processes: one that is forked may hold another thread's locks for ever.
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(count, fresh, _begin, (given,)) as executor:
            yield _Elsewhere(lambda task, piece: executor.submit(_do, task, piece), count)

    return pool


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_PROCESS: list[_Worker] = []
"""The worker of this process, where it is one of a pool."""


def _begin(given: Given) -> None:
    _PROCESS[:] = [_Worker(given)]


def _do(task: str, piece: Any) -> Any:  # noqa: ANN401 - as `Pool` has it
    return getattr(_PROCESS[0], task)(piece)


# --- a Dask cluster ------------------------------------------------------------------------


def dask(address: str) -> OpenPool:
    """Return what opens a pool of the workers of a Dask cluster.

    They need this program, and nothing of the journals: pieces are sent to them.

    Raises:
        Refusal: MALFORMED where Dask is not installed, STALE where the cluster cannot be reached,
            both as soon as the pool is opened.
    """

    @contextmanager
    def pool(given: Given) -> Iterator[Pool]:
        with _connected(address) as client:
            shared = client.scatter(given, broadcast=True, hash=False)

            def submit(task: str, piece: object) -> Any:  # noqa: ANN401 - a future of Dask's
                return client.submit(_do_there, shared, task, piece, pure=False)

            workers = sum(client.nthreads().values())
            yield _Elsewhere(submit, max(workers, 1))

    return pool


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        from distributed import Client  # noqa: PLC0415 - an extra that few need
    except ImportError:
        raise Refusal(
            Code.MALFORMED, "--dask: needs the extra 'cluster': pip install 'symbolon[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=10, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise Refusal(Code.STALE, f"--dask: no cluster answers at {address}: {error}") from None
    with client:
        yield client


_THREAD: Final = threading.local()


def _do_there(given: Given, task: str, piece: object) -> Any:  # noqa: ANN401 - as `Pool` has it
    """Do a piece in a thread of a Dask worker, which may serve several audits in turn."""
    known: tuple[Given, _Worker] | None = getattr(_THREAD, "worker", None)
    if known is None or known[0] is not given:
        known = _THREAD.worker = given, _Worker(given)
    return getattr(known[1], task)(piece)
