"""Following between real processes: what changes is heard in a moment, and once, whoever dies."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from node import assembly
from node.flows.notice_ports import Follower
from node.flows.ports import Draft
from node.model.credential import Status
from node.model.holder_bodies import Watcher
from node.model.statement import CredentialRegistered, Outcome, Person, Statement
from node.wire.codec import encode_statement
from tests.e2e.test_kill import Home, found, reserved_port
from tests.killing import zygote
from tests.world import sample_credential

WATCHER = Watcher("XA", "Harbour Steel", "XA-HRB-7")
OFFICER = Person("anna", "officer")
HEARD_WITHIN_S = 2.0
_WITHIN_S = 40.0


async def follow(homes: dict[str, Home]) -> None:
    """Register a credential at XB, let an employer of XA follow it, and let them do so."""
    credential = sample_credential()
    async with assembly.opened_node(homes["XB"].data, homes["XB"].settings) as node:
        await assembly.adopt(node)
        body = CredentialRegistered(credential)
        statement = Statement("XB", assembly.clock(), node.trust.view().reference, body)
        await node.ledger.append([Draft(body, encode_statement(statement))])
        given = await node.holding.watching.give(credential.number, WATCHER, valid_days=30)
    async with assembly.opened_node(homes["XA"].data, homes["XA"].settings) as node:
        await assembly.adopt(node)
        follower = Follower(
            "ab" * 12, "key-1", WATCHER.register_id, "XB", given.watch, assembly.clock()
        )
        await node.ledger.notices.add(follower)


async def change(home: Home, status: Status) -> None:
    """Change the credential's status as the command line does: from a process beside the node."""
    async with assembly.opened_node(home.data, home.settings) as node:
        await assembly.adopt_or_restore_list(node)
        number = sample_credential().number
        await node.registry.change_status(number, status, "court order", by=OFFICER)


def heard(home: Home) -> list[Outcome]:
    """Return what a node was told, in order."""
    with closing(sqlite3.connect(home.data / "node.db")) as connection:
        rows = connection.execute("SELECT outcome FROM notice_taken ORDER BY position")
        return [Outcome(outcome) for (outcome,) in rows]


async def until_heard(home: Home, count: int) -> float:
    """Wait until a node was told so often; returns how long that took, in seconds."""
    began = time.monotonic()
    async with asyncio.timeout(_WITHIN_S):
        while len(heard(home)) < count:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_a_change_is_heard_in_two_seconds_and_once_whoever_is_killed(tmp_path: Path) -> None:
    with reserved_port() as port:
        homes = found(tmp_path, port)
        xa, xb = homes["XA"], homes["XB"]
        await follow(homes)
        async with zygote() as nodes:
            running = {home: await nodes.start(home.data, 1) for home in (xa, xb)}
            for process in running.values():
                await nodes.ready(process)
            await until_heard(xa, 1)

            await change(xb, Status.SUSPENDED)
            assert await until_heard(xa, 2) < HEARD_WITHIN_S

            await nodes.kill(running[xa])
            await change(xb, Status.ACTIVE)
            running[xa] = await nodes.start(xa.data, 2)
            await until_heard(xa, 3)

            await nodes.kill(running[xb])
            await change(xb, Status.REVOKED)
            running[xb] = await nodes.start(xb.data, 3)
            await until_heard(xa, 4)
            await nodes.kill(*running.values())
    expected = [Outcome.CONFIRMED, Outcome.SUSPENDED, Outcome.CONFIRMED, Outcome.REVOKED]
    assert heard(xa) == expected
