"""Real nodes that know each other, all running: what witnesses do needs more than one."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec

from node import assembly
from node.assembly import RunningNode
from node.model.credential import Field
from node.model.fork import head_of
from node.model.note import Checkpoint
from node.model.share_code import ShareCode
from node.model.statement import CredentialRegistered, Purpose
from tests.nodes import Federation, Home, say, serving
from tests.world import sample_credential


class Neighbours:
    """Nodes on loopback; each may be stopped, have its database replaced, and be started again."""

    def __init__(
        self, base: Path, nodes: Sequence[str] = ("XA", "XB", "XC"), **policy: Any
    ) -> None:
        self.federation = Federation(base)
        if policy:
            self.federation.files["policy.json"] = _policy(**policy)
        self.homes = {node: self.federation.add(node) for node in nodes}
        self.running: dict[str, RunningNode] = {}
        self._stacks: dict[str, AsyncExitStack] = {}
        self.federation.publish()

    async def start(self, node: str) -> RunningNode:
        """Start a node, and let everybody know where it is."""
        stack = AsyncExitStack()
        self.running[node] = await stack.enter_async_context(serving(self.homes[node]))
        self._stacks[node] = stack
        await self.tell()
        return self.running[node]

    async def tell(self) -> None:
        """Publish where the running nodes are, and let each adopt it."""
        for node, running in self.running.items():
            self.federation.move(node, running.grpc_port)
        self.federation.publish()
        for running in self.running.values():
            await assembly.adopt(running.opened)

    async def stop(self, node: str) -> None:
        """Stop a node."""
        del self.running[node]
        await self._stacks.pop(node).aclose()

    async def close(self) -> None:
        """Stop every node."""
        for node in list(self.running):
            await self.stop(node)

    async def grow(self, node: str, count: int = 3) -> Checkpoint:
        """Journal statements of a node's own, and return its head."""
        running = self.running[node]
        start = (await running.opened.ledger.heights())[0]
        bodies = [
            CredentialRegistered(sample_credential(f"{node}-2019-{start + n:06}"))
            for n in range(count)
        ]
        await say(running.opened, self.federation.clock, bodies)
        return await self.head(node)

    async def head(self, node: str) -> Checkpoint:
        """Return a node's newest head, signed."""
        return head_of(await self.running[node].opened.ledger.checkpoint())

    async def share(self, node: str, uses: int = 1000) -> ShareCode:
        """Register a credential at a node and make a share code for it."""
        running = self.running[node]
        credential = sample_credential(f"{node}-2018-000001")
        await say(running.opened, self.federation.clock, [CredentialRegistered(credential)])
        return await running.opened.sharing.create(
            credential.number, Purpose.EMPLOYMENT, tuple(Field), uses=uses
        )

    async def collect(self, node: str) -> None:
        """Let a node collect cosignatures, once."""
        await self.running[node].peering.cosigned.collect()

    async def follow(self, node: str) -> None:
        """Let a node follow its peers, once."""
        await self.running[node].peering.witnessing.follow()


def copy_database(home: Home, to: Path) -> None:
    """Copy a node's database as the operator's page tells."""
    with (
        closing(sqlite3.connect(home.data / "node.db")) as live,
        closing(sqlite3.connect(to)) as copy,
    ):
        live.backup(copy)


def put_back(home: Home, copy: Path) -> None:
    """Put a copy of a stopped node's database in its place."""
    for end in ("-wal", "-shm"):
        (home.data / f"node.db{end}").unlink(missing_ok=True)
    shutil.copyfile(copy, home.data / "node.db")


@asynccontextmanager
async def neighbours(
    base: Path, nodes: Sequence[str] = ("XA", "XB", "XC"), **policy: Any
) -> AsyncIterator[Neighbours]:
    """Run nodes that know each other."""
    about = Neighbours(base, nodes, **policy)
    try:
        for node in nodes:
            await about.start(node)
        yield about
    finally:
        await about.close()


def _policy(**policy: Any) -> bytes:
    return msgspec.json.encode({"seals_required": ["ed25519", "ml-dsa-44"], **policy})
