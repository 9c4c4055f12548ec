"""Where trust lists are fetched from: a web server, a directory, a peer node.

A fetcher is bound to one mirror and takes names as a published repository has them below it, like
`metadata/timestamp.json`. Nothing that it brings is believed here: TUF checks every byte of it.
Fetchers run in a worker thread, and every one of them ends in bounded time.
"""

import asyncio
import concurrent.futures
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, quote, urlsplit

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)
from tuf.ngclient import FetcherInterface
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

import node
from node.errors import Code, Refusal

SILENCE_MAX_S: Final = 10.0
"""How long a web server may be silent."""
_CHUNK_BYTES: Final = 64 * 1024
_LOOKS_EVERY_S: Final = 0.2
_OK: Final = 200
_NOT_FOUND: Final = 404
PeerFile = Callable[[str, str], Awaitable[bytes]]
"""Fetches a file by node id and name."""


class Bounds:
    """What fetching from one mirror may take in all; as a context, it ends whatever hangs."""

    def __init__(self, *, timeout_s: float, file_max_bytes: int, total_max_bytes: int) -> None:
        """Take the bounds; the time counts from now."""
        self.timeout_s = timeout_s
        self._ends_at_s = time.monotonic() + timeout_s
        self._file_max_bytes = file_max_bytes
        self._left_bytes = total_max_bytes
        self._stopped = threading.Event()
        self._sockets: list[socket.socket] = []
        self._closing = ExitStack()
        self._timer = threading.Timer(timeout_s, self.stop)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self.stop()
        self._closing.close()

    def stop(self) -> None:
        """End it from any thread: what waits for a socket wakes up."""
        self._stopped.set()
        for held in tuple(self._sockets):
            try:
                held.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended by itself

    def guard(self, connected: socket.socket) -> None:
        """Let `stop` reach a socket, whatever is wrapped around it afterwards."""
        self._sockets.append(self._closing.enter_context(connected.dup()))
        if self._stopped.is_set():
            self.stop()

    def close_at_end(self, close: Callable[[], object]) -> None:
        """Have something closed when all is over."""
        self._closing.callback(close)

    def check(self) -> None:
        """Refuse to go on.

        Raises:
            SlowRetrievalError: where the time is over.
        """
        if self._stopped.is_set() or time.monotonic() >= self._ends_at_s:
            raise SlowRetrievalError(f"took longer than {self.timeout_s:g} s")

    def bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass on what one file holds, chunk by chunk.

        Signed metadata may itself announce any length, so these bounds stand beside those of TUF.
        """
        size_bytes = 0
        for chunk in chunks:
            self.check()
            size_bytes += len(chunk)
            self._left_bytes -= len(chunk)
            if size_bytes > self._file_max_bytes:
                raise DownloadLengthMismatchError(f"sends more than {self._file_max_bytes} bytes")
            if self._left_bytes < 0:
                raise DownloadLengthMismatchError("sends more than a trust list can hold")
            yield chunk
        self.check()


def require_web_address(url: str) -> SplitResult:
    """Take a web address apart.

    Raises:
        Refusal: MALFORMED where it is no plain http or https address; it may hold a password, so
            it is not told.
    """
    try:
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment or "@" in parts.netloc or parts.port == 0)
        if plain and parts.hostname and parts.scheme in {"http", "https"}:
            return parts
    except ValueError:
        pass
    raise Refusal(
        Code.MALFORMED,
        "trust.mirrors: a web address is like https://trust.example/list, with no user, password, "
        "question mark or number sign in it",
    )


class HttpFetcher(FetcherInterface):
    """Fetches over HTTP or HTTPS: one connection, no proxy, no redirect, nothing unpacked."""

    def __init__(self, url: str, bounds: Bounds) -> None:
        """Take the address below which the names are.

        Raises:
            Refusal: MALFORMED where it is no plain http or https address.
        """
        parts = require_web_address(url)
        kind = _GuardedHttps if parts.scheme == "https" else _GuardedHttp
        self._bounds = bounds
        self._path = parts.path.rstrip("/")
        self._connection = kind(bounds, parts.hostname or "", parts.port)
        self._unread: BaseHTTPResponse | None = None
        bounds.close_at_end(self._close)

    def _fetch(self, url: str) -> Iterator[bytes]:
        self._bounds.check()
        if self._unread is not None:  # somebody had enough of the last one
            self._close()
        try:
            response = self._unread = self._get(url)
        except (HTTPError, http.client.HTTPException, OSError) as error:
            self._close()
            self._bounds.check()
            raise DownloadError(_network_reason(error)) from error
        if response.status != _OK:
            self._close()
            where = " and points elsewhere" if response.headers.get("Location") else ""
            raise DownloadHTTPError(
                f"answers with status {response.status}{where}", response.status
            )
        return self._bounds.bounded(self._chunks(response))

    def _get(self, name: str) -> BaseHTTPResponse:
        """Send the request; a connection kept from the last one may have died meanwhile."""
        kept = self._connection.sock is not None
        try:
            return self._send(name)
        except (HTTPError, http.client.HTTPException, OSError):
            self._connection.close()
            self._bounds.check()
            if not kept:
                raise
        return self._send(name)

    def _send(self, name: str) -> BaseHTTPResponse:
        self._connection.request(
            "GET",
            f"{self._path}/{quote(name, safe='/%')}",
            headers={"User-Agent": f"symbolon/{node.__version__}", "Accept-Encoding": "identity"},
            preload_content=False,
            decode_content=False,
        )
        return self._connection.getresponse()

    def _chunks(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        try:
            # `read1` returns what is there; waiting for a full chunk could take for ever.
            while chunk := response.read1(_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (HTTPError, http.client.HTTPException, OSError) as error:
            self._close()
            self._bounds.check()
            raise DownloadError(_network_reason(error)) from error
        self._unread = None

    def _close(self) -> None:
        """Close the connection, and what of a response is still held open by its reader."""
        if self._unread is not None:
            self._unread.close()
            self._unread = None
        self._connection.close()


class DirectoryFetcher(FetcherInterface):
    """Reads a published repository from a directory."""

    def __init__(self, directory: Path, bounds: Bounds) -> None:
        """Take the directory that holds `metadata` and `targets`."""
        self._directory = directory
        self._bounds = bounds

    def _fetch(self, url: str) -> Iterator[bytes]:
        self._bounds.check()
        path = self._directory / url
        if not self._directory.is_dir():
            raise DownloadError("there is no such directory")
        if not path.is_file():
            raise DownloadHTTPError(f"has no {url}", _NOT_FOUND)
        return self._bounds.bounded(_file_chunks(path))


class PeerFetcher(FetcherInterface):
    """Asks a peer node, over the same mutual TLS as every question."""

    def __init__(
        self, peer: str, ask: PeerFile, loop: asyncio.AbstractEventLoop, bounds: Bounds
    ) -> None:
        """Take the peer's node id, who asks it, and the loop in which that runs."""
        self._peer = peer
        self._ask = ask
        self._loop = loop
        self._bounds = bounds

    def _fetch(self, url: str) -> Iterator[bytes]:
        self._bounds.check()

        async def ask() -> bytes:
            return await self._ask(self._peer, url)

        asked = asyncio.run_coroutine_threadsafe(ask(), self._loop)
        try:
            while not concurrent.futures.wait((asked,), _LOOKS_EVERY_S).done:
                self._bounds.check()
            content = asked.result()
        except Refusal as refusal:
            if refusal.code is Code.UNKNOWN:
                raise DownloadHTTPError(refusal.reason, _NOT_FOUND) from None
            raise DownloadError(refusal.reason) from None
        except concurrent.futures.CancelledError:
            raise DownloadError("the node is stopping") from None
        finally:
            asked.cancel()
        return self._bounds.bounded(iter((content,)))


class _GuardedHttp(HTTPConnection):
    def __init__(self, bounds: Bounds, host: str, port: int | None) -> None:
        super().__init__(host, port, timeout=min(SILENCE_MAX_S, bounds.timeout_s))
        self._bounds = bounds

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self._bounds.guard(connected)
        return connected


class _GuardedHttps(HTTPSConnection):
    def __init__(self, bounds: Bounds, host: str, port: int | None) -> None:
        super().__init__(
            host,
            port,
            timeout=min(SILENCE_MAX_S, bounds.timeout_s),
            ssl_context=ssl.create_default_context(),
        )
        self._bounds = bounds

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self._bounds.guard(connected)
        return connected


def _network_reason(error: Exception) -> str:
    """Say what went wrong on the way, without what urllib3 tells of its own objects."""
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return f"is silent for more than {SILENCE_MAX_S:g} s"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached: {error.strerror}"
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return f"cannot be reached: {cause.strerror}"
    return f"cannot be reached ({type(error).__name__})"


def _file_chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
