"""Two real nodes with a case between them: XB asks and opens, XA answered and decides."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from node.flows.casework import Actor, CaseView, Casework, Enclosure, NewCase, NewStep
from node.model.case_bodies import Author, CaseKind, Ruling, StepKind
from tests.erasing import EMPLOYER, Pair, credential

NUMBER = "XA-2019-000001"
TEXT = "The title on this answer is not the one that Xiomara Quetzalcoatl-Ruiz was awarded"
CRAFTS = Path(__file__).parents[1] / "trust_lists" / "samples" / "sample-crafts.json"
DOOR = Actor(Author.EMPLOYER, EMPLOYER.key_id)
"""Whoever holds the API key that asked."""
OFFICER = Actor(Author.AUTHORITY)
DECIDED = NewStep(
    StepKind.DECIDED, text="We have looked it up", ruling=Ruling.GRANTED, ground="Article 9(2)"
)


def crafts() -> dict[str, Any]:
    """Return what the sample on crafts says of recognition."""
    recognition: dict[str, Any] = json.loads(CRAFTS.read_text("utf-8"))["recognition"]
    return recognition


class Between(Pair):
    """XA and XB, running, with an agreement that has time limits."""

    def casework(self, node: str) -> Casework:
        """Return what people at a node do in cases."""
        return self.running[node].opened.casework

    async def contest(self, **changes: Any) -> bytes:
        """Let an employer at XB contest an answer of XA's; returns the case."""
        code = await self.code(NUMBER)
        asked = await self.ask(code)
        new = NewCase(CaseKind.CONTEST, TEXT, verification=asked.id, route="crafts")
        view = await self.casework("XB").open(DOOR, replace(new, **changes))
        return view.held.case

    async def carry(self, *nodes: str) -> None:
        """Let nodes send and fetch what is open, until nothing more comes of it."""
        while sum([await self.running[node].peering.cases.carry() for node in nodes]):
            pass

    async def settle(self) -> None:
        """Let both nodes have what there is."""
        await self.carry(*self.running)

    async def act(self, node: str, case: bytes, step: NewStep, actor: Actor = OFFICER) -> CaseView:
        """Take a step, and let both nodes have it."""
        view = await self.casework(node).act(actor, case, step)
        await self.settle()
        return view

    async def view(self, node: str, case: bytes) -> CaseView:
        """Return a case as a node's officer sees it."""
        return await self.casework(node).case(OFFICER, case)

    async def timeline(self, node: str, case: bytes) -> list[tuple[int, str, str, int, bytes]]:
        """Return the timeline as a node has it: place, speaker, what, when, commitment."""
        view = await self.view(node, case)
        return [
            (
                one.number,
                one.taken.speaker,
                one.taken.step.kind.name,
                one.taken.said_at,
                one.commitment,
            )
            for one in view.held.timeline
        ]

    async def texts(self, node: str, case: bytes) -> list[bytes]:
        """Return the contents of all parts that a node has."""
        view = await self.view(node, case)
        casework = self.casework(node)
        return [
            await casework.part(OFFICER, case, one.part.digest)
            for one in view.held.parts
            if one.here
        ]


@asynccontextmanager
async def between(base: Path) -> AsyncIterator[Between]:
    """Run XA, with a credential, and XB."""
    pair = Between(base, ("XA", "XB"))
    pair.federation.agree("XA", "XB", recognition=crafts())
    try:
        for node in ("XA", "XB"):
            await pair.start(node)
        await pair.register(credential(NUMBER))
        yield pair
    finally:
        await pair.close()


def enclosure(word: str = "experience", size_bytes: int = 300_000) -> Enclosure:
    """Return a document of several chunks."""
    return Enclosure(word, word.encode() * (size_bytes // len(word)))
