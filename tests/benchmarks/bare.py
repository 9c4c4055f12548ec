"""The bare baselines: echoes as anyone would write them, each end a process of its own.

They run on the standard event loop and know nothing of the product, which tunes its own process;
`--uvloop` shows how much of that is the event loop.

    python -m tests.benchmarks.bare grpc-serve KEYS PEER_KEYS
    python -m tests.benchmarks.bare grpc-call KEYS PEER_KEYS PORT PROCESS CALLERS SECONDS
    python -m tests.benchmarks.bare http-serve
    python -m tests.benchmarks.bare http-call URL CALLERS SECONDS < REQUESTS

A server prints its port and serves until standard input ends; a caller prints what it measured.
`serving` and `calling` start such processes.
"""

import argparse
import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import msgspec
import psutil
from aiohttp import web

from tests.benchmarks.load import Rate, drive

PAYLOAD_SIZE_BYTES = 900
# Past some hundred calls at once a bare grpc.aio server cancels some; the others wait here.
_CALLS_MAX = 512


async def grpc_serve(keys: Path, peer: Path) -> None:
    """Serve a unary echo over mutual TLS; replies what it was sent."""

    async def echo(request: bytes, _context: Any) -> bytes:
        return request

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("echo", {"Echo": handler}),)
    )
    pair = [((keys / "tls.key.pem").read_bytes(), (keys / "tls.cert.pem").read_bytes())]
    credentials = grpc.ssl_server_credentials(pair, (peer / "tls.cert.pem").read_bytes(), True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    await _serve(port)


async def grpc_call(
    keys: Path, peer: Path, served: tuple[int, int], callers: int, seconds: float
) -> None:
    """Call the echo from so many callers at once; `served` is its port and process."""
    port, server = served
    credentials = grpc.ssl_channel_credentials(
        (peer / "tls.cert.pem").read_bytes(),
        (keys / "tls.key.pem").read_bytes(),
        (keys / "tls.cert.pem").read_bytes(),
    )
    options = (("grpc.ssl_target_name_override", f"{peer.parent.name.lower()}.symbolon"),)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        call = channel.unary_unary("/echo/Echo", None, None)
        payload, room = bytes(PAYLOAD_SIZE_BYTES), asyncio.Semaphore(_CALLS_MAX)

        async def echo() -> None:
            async with room:
                await call(payload)

        await drive(echo, callers, seconds / 4)
        both = (psutil.Process(), psutil.Process(server))
        _tell(await drive(echo, callers, seconds, both))


async def http_serve() -> None:
    """Serve an HTTP echo; replies what it was sent."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    application = web.Application()
    application.router.add_post("/", echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await _serve(runner.addresses[0][1])


async def http_call(url: str, callers: int, seconds: float) -> None:
    """POST the requests that standard input gives, as JSON: headers, and bodies in turn."""
    given = json.loads(sys.stdin.readline())
    bodies = itertools.cycle([body.encode() for body in given["bodies"]])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post() -> None:
            async with session.post(url, data=next(bodies), headers=given["headers"]) as response:
                content = await response.read()
                if response.status != 200:
                    raise RuntimeError(f"HTTP {response.status}: {content[:200]!r}")

        await drive(post, callers, seconds / 4)
        _tell(await drive(post, callers, seconds))


async def _serve(port: int) -> None:
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def _tell(rate: Rate) -> None:
    print(msgspec.json.encode(rate).decode(), flush=True)


@asynccontextmanager
async def serving(*arguments: object) -> AsyncIterator[tuple[int, int]]:
    """Start a server; yields its port and the number of its process."""
    process = await _start(arguments)
    if process.stdout is None or process.stdin is None:
        raise RuntimeError("the bare process has no pipes")
    port = int(await asyncio.wait_for(process.stdout.readline(), 60))
    try:
        yield port, process.pid
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 60)


async def calling(*arguments: object, given: bytes = b"") -> Rate:
    """Start a caller, wait for its end, and return what it measured."""
    process = await _start(arguments)
    told, _ = await asyncio.wait_for(process.communicate(given), 600)
    if process.returncode != 0:
        raise RuntimeError(f"the bare caller ended with {process.returncode}")
    return msgspec.json.decode(told, type=Rate)


async def _start(arguments: tuple[object, ...]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.bare"),
        *map(str, arguments),
        stdin=pipe,
        stdout=pipe,
    )


def main() -> None:
    """Run one end of an echo."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bare", description=__doc__)
    parser.add_argument("end", choices=["grpc-serve", "grpc-call", "http-serve", "http-call"])
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--uvloop", action="store_true")
    arguments = parser.parse_args()
    match arguments.end, arguments.rest:
        case "grpc-serve", [keys, peer]:
            work = grpc_serve(Path(keys), Path(peer))
        case "grpc-call", [keys, peer, port, process, callers, seconds]:
            work = grpc_call(
                Path(keys), Path(peer), (int(port), int(process)), int(callers), float(seconds)
            )
        case "http-serve", []:
            work = http_serve()
        case "http-call", [url, callers, seconds]:
            work = http_call(url, int(callers), float(seconds))
        case _:
            parser.error("see --help for what each end takes")
    if arguments.uvloop:
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)


if __name__ == "__main__":
    main()
