"""A fourth country is admitted to the demo's federation while its nodes run, and expelled again.

The lines are those that the demo prints; the expulsion's signatures travel on copies.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import psutil
import pytest

from node.cli.demo_admission import ASK, SERVE, admission, fourth_node
from node.cli.demo_employers import Employer, question
from node.cli.demo_federation import (
    Federation,
    NationalNode,
    find_samples,
    running_federation,
)
from node.cli.demo_story import WELDER, Stage
from node.cli.demo_telling import Telling
from node.model.share_code import ShareCode
from node.settings import load

_ROOT = Path(__file__).parent.parent.parent
_BAKER = "XD-2018-000001"
_WITHIN_S = 30.0
_JITTER = 1.25
_SLACK_S = 3.0
_ANSWERED_WITHIN_S = 20.0
_LOOK_AGAIN_S = 0.1


class Fourth:
    """The running federation, and what its officers, employers and holders do."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.federation: Federation = stage.federation
        self.session = stage.session
        self.node: NationalNode = fourth_node(self.federation)
        self.lines = {
            one.what: one.command
            for one in admission(self.federation, stage.samples, stage.question_file)
        }

    async def paste(self, start: str) -> str:
        """Paste the lines whose heading starts so into a shell; returns what it printed."""
        (lines,) = (line for what, line in self.lines.items() if what.startswith(start))
        shell = await asyncio.create_subprocess_exec(
            *("sh", "-e", "-c", lines),
            cwd=_ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(shell.communicate(), _WITHIN_S)
        assert (shell.returncode, err) == (0, b""), lines
        return out.decode()

    async def trust(self, *arguments: str | Path) -> None:
        done = await self.federation.processes.run("trust", *arguments)
        assert done.status == 0, done

    async def expel(self) -> None:
        """Expel it; each officer signs a copy at a desk of their own."""
        trust = self.federation.trust
        await self.trust("expel", trust, "XD")
        for officer in self.federation.officers[1:]:
            desk = self.federation.directory / f"{officer}-expels"
            desk.mkdir()
            shutil.copyfile(trust / "staged" / "targets.json", desk / "targets.json")
            key = ("--key", self.federation.key(officer), "--yes")
            await self.trust("sign", desk / "targets.json", *key)
            await self.trust("collect", trust, desk / "targets.json")
        snapshot, timestamp = (self.federation.key(one) for one in ("snapshot", "timestamp"))
        await self.trust("publish", trust, "--snapshot-key", snapshot, "--timestamp-key", timestamp)

    async def checks(self, node: NationalNode) -> dict[str, str]:
        async with self.session.get(f"{node.url}/health/ready") as response:
            found: dict[str, str] = (await response.json())["checks"]
            return found

    async def until_refreshed(self, *nodes: NationalNode, before: dict[str, str]) -> float:
        """Wait until nodes follow another version; returns the seconds that it took."""
        started_s = monotonic()
        for node in nodes:
            while _version(told := (await self.checks(node))["trust_list"]) == before[node.url]:
                assert monotonic() < started_s + _WITHIN_S, told
                await asyncio.sleep(0.05)
        return monotonic() - started_s

    async def until_told(self, node: NationalNode, what: str) -> None:
        """Wait until a node's health says so of the trust list."""
        deadline_s = monotonic() + _WITHIN_S
        while what not in (told := (await self.checks(node))["trust_list"]):
            assert monotonic() < deadline_s, told
            await asyncio.sleep(0.05)

    async def versions(self, *nodes: NationalNode) -> dict[str, str]:
        return {node.url: _version((await self.checks(node))["trust_list"]) for node in nodes}

    def running(self) -> list[tuple[int | None, float]]:
        """Return number and start of every process that serves a node."""
        numbers = [node.process_id for node in self.federation.nodes.values()]
        return [(number, psutil.Process(number).create_time()) for number in numbers]


def _version(told: str) -> str:
    return told.partition(",")[2].partition(",")[0]


@pytest.fixture
async def fourth(tmp_path: Path) -> AsyncIterator[Fourth]:
    samples, telling = find_samples(None), Telling(silent=True)
    async with (
        aiohttp.ClientSession() as session,
        running_federation(tmp_path, samples, session, telling) as federation,
    ):
        yield Fourth(Stage(federation, samples, session, telling))


async def _asked(employer: Employer, code: ShareCode, born: date) -> dict[str, Any]:
    """Ask, and look again while the question is open: the other node may just have started."""
    reply = await employer.ask(code, born)
    told = reply.json()
    async with asyncio.timeout(_ANSWERED_WITHIN_S):
        while told.get("state") == "open":
            await asyncio.sleep(_LOOK_AGAIN_S)
            reply = await employer.get(f"/v1/verifications/{told['id']}")
            told = reply.json()
    return {"status": reply.status, **told}


async def test_a_fourth_country_joins_and_is_expelled_and_nothing_restarts(fourth: Fourth) -> None:
    federation, stage = fourth.federation, fourth.stage
    three = list(federation.nodes.values())
    before, running = await fourth.versions(*three), fourth.running()
    welder, born = await stage.share(WELDER)
    stage.question_file.write_text(question(welder, born))

    await fourth.paste("A fourth country")
    await fourth.paste("Admit it")
    took_s = await fourth.until_refreshed(*three, before=before)
    every_s = load(federation.nodes["XA"].data).schedule.refresh_trust_s
    assert took_s < every_s * _JITTER + _SLACK_S
    await fourth.paste("Bring in")
    node = federation.nodes["XD"] = fourth.node
    assert fourth.lines[SERVE].endswith(f"--data {node.data} serve")
    node.start(federation.processes)
    await node.ready(fourth.session)

    assert "Confirmed" in await fourth.paste(ASK)
    aurelian = await Employer.of(federation.nodes["XA"], fourth.session)
    delmaran = await Employer.of(node, fourth.session)
    baker, baker_born = await stage.share(_BAKER)
    there = await _asked(aurelian, baker, baker_born)
    back = await _asked(delmaran, welder, born)
    assert (there["outcome"], back["outcome"]) == ("confirmed", "confirmed")
    receipts: list[Path] = []
    for employer, answer in ((aurelian, there), (delmaran, back)):
        receipts.append(fourth.federation.directory / f"{len(receipts)}.receipt.json")
        receipts[-1].write_bytes((await employer.get(str(answer["receipt"]))).body)

    before = await fourth.versions(*three)
    await fourth.expel()
    await fourth.until_refreshed(*three, before=before)
    there = await _asked(aurelian, baker, baker_born)
    assert (there["status"], there["detail"]) == (404, "node 'XD' is not on the trust list")
    back = await _asked(delmaran, welder, born)
    assert (back["state"], back["no_answer"]) == ("unanswered", "unauthenticated")
    await fourth.until_told(node, "node 'XD' is not on the trust list")
    for receipt in receipts:
        checked = await federation.processes.run(
            *("receipt", "verify", receipt, "--root", federation.root)
        )
        assert checked.status == 0, checked
    assert fourth.running()[:3] == running
