"""Two nodes for measuring: XA asks in this process, XB answers in another, all of it real.

python -m tests.benchmarks.two_nodes DIRECTORY    # the answering process
"""

import asyncio
import json
import logging
import resource
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
import structlog
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from node import assembly
from node.assembly import OpenedNode
from node.flows.ports import Draft
from node.model.credential import Field
from node.model.share_code import ShareCode, make, parse
from node.model.statement import ConsentGiven, CredentialRegistered, Purpose, Statement
from node.settings import (
    ListenSettings,
    NodeSettings,
    QuotaSettings,
    SealSettings,
    Settings,
)
from node.store.trust_files import write_bundle
from node.wire.codec import encode_statement
from tests.federation import DAY_US, compose, make_root, origin, trust_files
from tests.world import sample_credential, seeded_randomness

BORN = sample_credential().birth_date
_CREDENTIALS = 2_000
_SETTINGS = "settings.json"
_NO_QUOTA = QuotaSettings(*[1e12] * 8)


class Answering(Struct, frozen=True):
    """The answering process: what it told when it was ready."""

    process: psutil.Process
    codes: tuple[ShareCode, ...]


def make_nodes(base: Path, *, post_quantum: bool) -> dict[str, Path]:
    """Make the data directories of XA and XB, which know each other."""
    files = trust_files()
    if not post_quantum:
        files["policy.json"] = b'{"seals_required": ["ed25519"]}'
    expires_at = assembly.clock() + 30 * DAY_US
    root = make_root(expires_at=expires_at)
    homes = {}
    for node_id in ("XA", "XB"):
        address = f"127.0.0.1:{_free_port()}"
        settings = Settings(
            node=NodeSettings(node_id, f"Authority of {node_id}", origin(node_id)),
            listen=ListenSettings(address, "127.0.0.1:0", address),
            seals=SealSettings(post_quantum),
            quota=_NO_QUOTA,
        )
        home = homes[node_id] = base / node_id
        home.mkdir(parents=True)
        described = assembly.create_node(home, settings)
        (home / _SETTINGS).write_bytes(msgspec.json.encode(settings))
        (home / "root.json").write_bytes(root)
        files[f"nodes/{node_id}/node.json"] = msgspec.json.encode(described)
    bundle = compose(files, expires_at=expires_at, roots=[root])
    for home in homes.values():
        write_bundle(bundle, home / "trust")
    return homes


def read_settings(home: Path) -> Settings:
    """Read back the settings of a node made by `make_nodes`."""
    return msgspec.json.decode((home / _SETTINGS).read_bytes(), type=Settings)


@asynccontextmanager
async def answering_process(homes: dict[str, Path]) -> AsyncIterator[Answering]:
    """Start the answering process; yields once it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.two_nodes",
        str(homes["XB"]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the answering process has no pipes")
    told = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    yield Answering(psutil.Process(process.pid), tuple(parse(code) for code in told["codes"]))
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 60)


async def give_codes(opened: OpenedNode, number: int) -> list[ShareCode]:
    """Register credentials and journal one share code for each, good for ever so many uses."""
    randomness = seeded_randomness(7)
    trust, now = opened.trust.view().reference, assembly.clock()
    node_id = opened.settings.node.id
    codes: list[ShareCode] = []
    bodies: list[CredentialRegistered | ConsentGiven] = []
    for count in range(number):
        credential = replace(sample_credential(), number=f"{node_id}-2020-{count:06}")
        code = make(node_id, randomness(10))
        codes.append(code)
        bodies.append(CredentialRegistered(credential))
        bodies.append(
            ConsentGiven(
                code.digest,
                code.holder_proof(credential.birth_date),
                credential.number,
                Purpose.EMPLOYMENT,
                tuple(Field),
                1_000_000,
                now + DAY_US,
                "",
            )
        )
    await opened.ledger.append_many(
        Draft(body, encode_statement(Statement(node_id, now, trust, body))) for body in bodies
    )
    return codes


def be_quiet() -> None:
    """Log warnings only, to standard error: standard output is for the figures."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def peak_memory_mb(process: psutil.Process | None = None) -> float:
    """Return the peak resident memory of this process, or the memory of another one now."""
    if process is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def _answer(home: Path) -> None:
    settings = read_settings(home)
    assembly.tune_process()
    async with assembly.running_node(home, settings) as running:
        codes = await give_codes(running.opened, _CREDENTIALS)
        told = {
            "codes": [str(code) for code in codes],
        }
        print(json.dumps(told), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(arguments: Sequence[str]) -> None:
    """Answer until standard input ends."""
    be_quiet()
    uvloop.run(_answer(Path(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
