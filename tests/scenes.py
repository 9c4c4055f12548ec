"""The scene of most exchanges: one node, XA, running, and one peer, XB, that the test plays."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from node.assembly import RunningNode
from node.errors import Code
from node.model.credential import Field
from node.model.seal import Sealed
from node.model.share_code import ShareCode
from node.model.statement import Answer, Body, CredentialRegistered, Purpose, Query, Statement
from node.wire.codec import decode_statement, encode_statement
from node.wire.parcel import Item, Refused
from tests.nodes import Dial, Federation, Home, Log, dialled_as, query_to, say, selector, serving
from tests.world import sample_credential


class Scene:
    """XA, running with one credential and a share code for it; XB's journal and channel."""

    def __init__(self, home: Home, running: RunningNode, federation: Federation, xb: Dial) -> None:
        self.home = home
        self.running = running
        self.federation = federation
        self.xb = xb
        self.log = Log("XB", clock=federation.clock)
        self.code: ShareCode

    @property
    def now(self) -> int:
        """XA's time, which is XB's too."""
        return self.federation.clock()

    async def share(self, *, fields: Sequence[Field] = tuple(Field), **changes: Any) -> ShareCode:
        """Make a share code for XA's credential."""
        return await self.running.opened.sharing.create(
            sample_credential().number, Purpose.EMPLOYMENT, fields, **{"uses": 100, **changes}
        )

    def query(self, **changes: Any) -> Query:
        """Return a query that XA confirms, with whatever a test changes in it."""
        query = query_to("XA", "XB", self.now, selector=selector(self.code))
        return replace(query, **changes)

    def statement(self, body: Body | None = None, **changes: Any) -> bytes:
        """Return a statement of XB's: the good query where no other body is given."""
        said = Statement("XB", self.now, self.federation.trust, body or self.query())
        return encode_statement(replace(said, **changes))

    def seal(self, statement: bytes | None = None) -> Sealed:
        """Seal a statement in XB's journal; it has neighbours, so that its path is not empty."""
        statement = self.statement() if statement is None else statement
        return self.log.seal(b"before it", statement, b"after it", b"and the last of four")[1]

    async def ask(self, **changes: Any) -> Answer:
        """Send a query as XB and return XA's answer."""
        return answer_in(await self.xb.exchange(self.seal(self.statement(self.query(**changes)))))

    async def state(self) -> object:
        """Return everything of XA's that a refused parcel must leave alone."""
        ledger = self.running.opened.ledger
        number = sample_credential().number
        return (
            await ledger.check(),
            await ledger.checkpoint(),
            await ledger.heights(),
            await ledger.consents(number),
            await ledger.credential(number),
        )


def answer_in(replies: Sequence[Item]) -> Answer:
    """Return the answer in a parcel of one."""
    (reply,) = replies
    assert isinstance(reply, Sealed), reply
    answer = decode_statement(reply.statement).body
    assert isinstance(answer, Answer)
    return answer


def refused(code: Code, replies: Sequence[Item]) -> Refused:
    """Check that a parcel of one was refused with a code."""
    (reply,) = replies
    assert isinstance(reply, Refused), reply
    assert reply.code is code, reply.reason
    return reply


@asynccontextmanager
async def staged(base: Path, **settings: Any) -> AsyncIterator[Scene]:
    """Set the scene under a directory, with whatever settings of XA's a test changes."""
    federation = Federation(base)
    home = federation.add("XA", **settings)
    federation.publish()
    async with (
        serving(home) as running,
        dialled_as("XB", home, running.grpc_port) as xb,
    ):
        scene = Scene(home, running, federation, xb)
        await say(running.opened, federation.clock, [CredentialRegistered(sample_credential())])
        scene.code = await scene.share()
        yield scene
