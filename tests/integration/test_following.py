"""Following across the border: XA has the registry, an employer of XB hears what changes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from node import assembly
from node.audit.examined import Aim
from node.audit.findings import Check, Report, Verdict, render_lines
from node.audit.inquest import inquire
from node.errors import Code
from node.flows.follow import Following
from node.flows.notice_ports import Follower, HeardNotice
from node.model.credential import Status
from node.model.holder_bodies import Watcher, WatchGiven
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.seal import Sealed
from node.model.statement import BODY_NUMBERS, Person
from node.wire.parcel import Item, Refused
from tests.erasing import EMPLOYER, Pair, credential, paired
from tests.federation import make_root

NUMBER = "XA-2019-000001"
OFFICER = Person("anna", "officer")
WATCHER = Watcher("XB", "Harbour Steel", EMPLOYER.requester.register_id)
_NOTICE, _TAKEN = BODY_NUMBERS[StatusNotice], BODY_NUMBERS[NoticeTaken]


class Followed:
    """A pair of nodes, what a holder of XA lets XB's employer follow, and what comes of it."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    async def give(self, number: str = NUMBER, watcher: Watcher = WATCHER) -> WatchGiven:
        """Let the employer follow a credential."""
        watching = self.pair.running["XA"].opened.holding.watching
        return await watching.give(number, watcher, valid_days=365)

    async def add(self, given: WatchGiven) -> Follower:
        """Let the employer follow it."""
        following = self.pair.running["XB"].peering.following
        return await following.add(EMPLOYER, "XA", given.watch.hex())

    async def change(self, status: Status, number: str = NUMBER) -> None:
        """Change a credential's status at XA, and let XA say what there is to say."""
        registry = self.pair.running["XA"].opened.registry
        await registry.change_status(number, status, "court order", by=OFFICER)
        await self.tell()

    async def tell(self) -> int:
        """Let XA say what there is to say."""
        return await self.pair.running["XA"].peering.notifying.tell()

    async def hear(self, follower: Follower, count: int) -> list[str]:
        """Wait until so many notices have come; returns all their outcomes."""
        heard: Sequence[HeardNotice] = []
        after = -1
        following = self.pair.running["XB"].peering.following
        while len(heard) < count:
            found = await following.heard(follower, after, 10.0)
            assert found, f"only {len(heard)} of {count} came"
            heard = [*heard, *found]
            after = found[-1].position
        return [one.outcome for one in heard]

    async def again(self, *nodes: str) -> None:
        """Let time pass, and nodes open the streams that are missing."""
        self.pair.federation.clock.advance(31)
        for node in nodes or ("XB",):
            await self.pair.running[node].peering.following.tend()


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[Followed]:
    async with paired(tmp_path) as pair:
        await pair.register(credential(NUMBER))
        yield Followed(pair)


async def test_an_employer_hears_at_once_where_a_credential_stands_and_what_becomes_of_it(
    followed: Followed,
) -> None:
    follower = await followed.add(await followed.give())
    assert await followed.tell() == 1
    assert await followed.hear(follower, 1) == ["confirmed"]
    await followed.change(Status.SUSPENDED)
    await followed.change(Status.ACTIVE)
    await followed.change(Status.REVOKED)
    expected = ["confirmed", "suspended", "confirmed", "revoked"]
    assert await followed.hear(follower, 4) == expected


async def test_nothing_is_said_again_while_nothing_changes(followed: Followed) -> None:
    await followed.give()
    assert await followed.tell() == 1
    followed.pair.federation.clock.advance(120)
    assert await followed.tell() == 0
    await followed.pair.register(credential("XA-2019-000002"))
    assert await followed.tell() == 0
    assert followed.pair.kinds("XA").count(_NOTICE) == 1


async def test_a_notice_said_while_the_other_node_was_down_is_heard_once(
    followed: Followed,
) -> None:
    follower = await followed.add(await followed.give())
    await followed.tell()
    await followed.hear(follower, 1)
    await followed.pair.stop("XB")
    await followed.change(Status.REVOKED)
    await followed.pair.start("XB")
    await followed.again()
    assert await followed.hear(follower, 2) == ["confirmed", "revoked"]
    assert followed.pair.kinds("XB").count(_TAKEN) == 2


async def test_following_goes_on_after_the_telling_node_was_down(followed: Followed) -> None:
    follower = await followed.add(await followed.give())
    await followed.tell()
    await followed.hear(follower, 1)
    await followed.pair.stop("XA")
    await followed.pair.start("XA")
    await followed.change(Status.SUSPENDED)
    await followed.again()
    assert await followed.hear(follower, 2) == ["confirmed", "suspended"]
    assert followed.pair.kinds("XB").count(_TAKEN) == 2


async def test_a_consent_that_was_taken_back_tells_nothing_more_not_even_what_was_said(
    followed: Followed,
) -> None:
    given = await followed.give()
    other = await followed.give()
    await followed.tell()
    watching = followed.pair.running["XA"].opened.holding.watching
    await watching.revoke([NUMBER], given.watch.hex())
    ended, open_still = await followed.add(given), await followed.add(other)
    await followed.change(Status.REVOKED)
    assert await followed.hear(open_still, 2) == ["confirmed", "revoked"]
    assert await followed.pair.running["XB"].peering.following.heard(ended, -1) == []
    assert followed.pair.kinds("XB").count(_TAKEN) == 2


async def test_nobody_but_the_named_requester_hears(followed: Followed) -> None:
    somebody = await followed.give(watcher=Watcher("XB", "Somebody else", "XB-HRB-99"))
    own = await followed.give()
    theirs, mine = await followed.add(somebody), await followed.add(own)
    await followed.tell()
    await followed.hear(mine, 1)
    assert await followed.pair.running["XB"].peering.following.heard(theirs, -1) == []


async def test_nothing_is_said_to_a_node_that_is_suspended(followed: Followed) -> None:
    await followed.give()
    followed.pair.federation.suspend("XB")
    await followed.pair.tell()
    assert await followed.tell() == 0
    followed.pair.federation.suspend("XB", suspended=False)
    await followed.pair.tell()
    followed.pair.federation.clock.advance(61)
    assert await followed.tell() == 1


async def test_a_thousand_watches_come_through_one_stream(followed: Followed) -> None:
    given = [await followed.give() for _ in range(1_000)]
    follower = await followed.add(given[-1])
    assert await followed.tell() == 1_000
    await followed.hear(follower, 1)
    await followed.change(Status.REVOKED)
    await followed.hear(follower, 2)
    assert followed.pair.kinds("XB").count(_TAKEN) == 2_000
    assert followed.pair.running["XB"].peering.following.tally["taken"] == 2_000


class Proxy:
    """A network between two nodes that can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def open(self, port: int = 0) -> int:
        """Let connections through; returns the port."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def cut(self) -> None:
        """Break every connection, and take no other."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, to_writer]
        await asyncio.gather(self._pipe(reader, to_writer), self._pipe(to_reader, writer))

    @staticmethod
    async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


async def test_following_goes_on_once_the_network_is_back(followed: Followed) -> None:
    pair = followed.pair
    proxy = Proxy(pair.running["XA"].grpc_port)
    port = await proxy.open()
    pair.federation.move("XA", port)
    pair.federation.publish()
    for running in pair.running.values():
        await assembly.adopt(running.opened)
    follower = await followed.add(await followed.give())
    await followed.tell()
    await followed.hear(follower, 1)
    await proxy.cut()
    await followed.change(Status.SUSPENDED)
    await followed.change(Status.REVOKED)
    following = pair.running["XB"].peering.following
    assert await following.heard(follower, -1) != []
    await proxy.open(port)
    while len(await following.heard(follower, -1)) < 3:
        await followed.again()
        await following.heard(follower, 10**9, 0.2)
    assert await followed.hear(follower, 3) == ["confirmed", "suspended", "revoked"]
    assert pair.kinds("XB").count(_TAKEN) == 3
    await proxy.cut()


class FalsePeers:
    """A peer that streams what a test puts there."""

    def __init__(self, *batches: Sequence[Item]) -> None:
        self._batches = batches
        self.ended = asyncio.Event()

    async def follow(self, node: str, start: int) -> AsyncIterator[Sequence[Item]]:
        """Yield what the test says, whatever was asked for."""
        del node, start
        try:
            for batch in self._batches:
                yield batch
        finally:
            self.ended.set()


async def heard_from(followed: Followed, *batches: Sequence[Item]) -> Following:
    """Let XB hear what a false XA streams."""
    opened, peers = followed.pair.running["XB"].opened, FalsePeers(*batches)
    following = Following(
        node="XB",
        ledger=opened.ledger,
        books=opened.ledger.notices,
        peers=peers,
        trust=opened.trust,
        clock=followed.pair.federation.clock,
        randomness=bytes,
    )
    await following.add(EMPLOYER, "XA", "ab" * 16)
    await peers.ended.wait()
    await following.close()
    return following


async def notices_to(followed: Followed, node: str) -> list[Sealed]:
    """Return what XA has to say to a node."""
    ledger, now = followed.pair.running["XA"].opened.ledger, followed.pair.federation.clock()
    return list(await ledger.notices.notices(node, 0, now, 100))


async def test_the_same_notice_counts_once_however_often_it_comes(followed: Followed) -> None:
    await followed.give()
    await followed.give()
    await followed.tell()
    first, second = await notices_to(followed, "XB")
    batches = [first, first], [second, first], [first, second], [second]
    following = await heard_from(followed, *batches)
    assert following.tally == {"taken": 2}
    assert followed.pair.kinds("XB").count(_TAKEN) == 2


async def test_a_notice_to_another_node_is_not_taken(followed: Followed) -> None:
    await followed.give(watcher=Watcher("XC", "Carla", "XC-1"))
    await followed.tell()
    following = await heard_from(followed, await notices_to(followed, "XC"))
    assert following.tally == {Code.PEER_FALSE.value: 1}
    assert _TAKEN not in followed.pair.kinds("XB")


async def test_a_notice_whose_seal_does_not_hold_is_not_taken(followed: Followed) -> None:
    await followed.give()
    await followed.tell()
    (notice,) = await notices_to(followed, "XB")
    forged = replace(notice, statement=notice.statement[:-1] + b"\x01")
    following = await heard_from(followed, [forged])
    kept = followed.pair.homes["XB"].rows("SELECT peer, kind FROM evidence")
    assert kept == [("XA", "false_notice")]
    assert following.tally == {Code.UNAUTHENTICATED.value: 1}
    assert _TAKEN not in followed.pair.kinds("XB")


async def test_a_refusal_in_place_of_a_notice_ends_the_stream(followed: Followed) -> None:
    following = await heard_from(followed, [Refused(Code.BUSY, "no", None)])
    assert following.tally == {Code.PEER_FALSE.value: 1}


async def audited(pair: Pair, *nodes: str) -> Report:
    journals = []
    for node in nodes:
        ledger = pair.running[node].opened.ledger
        await ledger.sign_head()
        journals.append(list(ledger.records()))
    return inquire(journals, [make_root()], frozenset([Aim.REPLAY, Aim.RECONCILE])).report


async def test_replay_of_both_journals_holds_with_notices_in_them(followed: Followed) -> None:
    follower = await followed.add(await followed.give())
    await followed.tell()
    await followed.change(Status.REVOKED)
    await followed.hear(follower, 2)
    for nodes in (["XA"], ["XB"], ["XA", "XB"]):
        report = await audited(followed.pair, *nodes)
        assert report.verdict is Verdict.PASS, render_lines(report)
    seals = [one for one in report.checks if one.check is Check.NOTICE_SEAL]
    assert [one.passed for one in seals] == [2]
