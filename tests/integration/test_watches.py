"""What an employer follows: over HTTP, and posted to an address."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator

from node.edge import openapi
from node.edge.watches import watch_paths
from node.errors import Code, Refusal
from node.flows.notice_ports import Follower
from node.flows.post_notices import TRIES_MAX, Posting, checked_url
from node.model.credential import Status
from node.model.statement import Person
from node.peers.webhooks import HttpHooks
from tests.erasing import EMPLOYER, credential, paired
from tests.integration.command_line import run
from tests.integration.test_following import NUMBER, WATCHER, Followed
from tests.world import FakeClock

OFFICER = Person("anna", "officer")
SECRET = "a secret of the employer's"
_DAY_S = 86_400


class Employer:
    """An employer of XB with an API key, and the API."""

    def __init__(self, base: str, key: str, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.key = key
        self._headers = {"Authorization": f"Bearer {key}"}
        self._session = session

    async def call(self, method: str, path: str = "", **options: Any) -> tuple[int, Any]:
        """Call the API; returns status and body."""
        url = f"{self.base}/v1/watches{path}"
        async with self._session.request(method, url, headers=self._headers, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None


@asynccontextmanager
async def employed(followed: Followed, register_id: str) -> AsyncIterator[Employer]:
    running = followed.pair.running["XB"]
    requester = replace(EMPLOYER.requester, register_id=register_id)
    _, key = await running.opened.employers.create(requester, followed.pair.federation.clock())
    async with aiohttp.ClientSession() as session:
        yield Employer(f"http://127.0.0.1:{running.http_port}", key, session)


@pytest.fixture
async def followed(tmp_path: Path) -> AsyncIterator[Followed]:
    async with paired(tmp_path) as pair:
        await pair.register(credential(NUMBER))
        yield Followed(pair)


@pytest.fixture
async def employer(followed: Followed) -> AsyncIterator[Employer]:
    async with employed(followed, WATCHER.register_id) as one:
        yield one


async def test_an_employer_follows_and_waits_for_what_is_told(
    followed: Followed, employer: Employer
) -> None:
    given = await followed.give()
    status, made = await employer.call("POST", json={"node": "XA", "watch": given.watch.hex()})
    assert (status, made["secret"], made["followed"]["webhook"]) == (201, "", "none")
    one = f"/{made['followed']['id']}"
    await followed.tell()
    status, first = await employer.call("GET", f"{one}/notices?wait_s=10")
    assert (status, [told["outcome"] for told in first["notices"]]) == (200, ["confirmed"])
    await followed.change(Status.REVOKED)
    _, then = await employer.call("GET", f"{one}/notices?wait_s=10&after={first['next_after']}")
    assert [told["outcome"] for told in then["notices"]] == ["revoked"]
    _, all_of_them = await employer.call("GET")
    assert all_of_them == {"watches": [made["followed"]]}
    assert await employer.call("DELETE", one) == (204, None)
    assert await employer.call("GET") == (200, {"watches": []})
    assert (await employer.call("GET", f"{one}/notices"))[0] == 404


async def test_what_another_employer_follows_is_not_there(
    followed: Followed, employer: Employer
) -> None:
    given = await followed.give()
    body = {"node": "XA", "watch": given.watch.hex()}
    _, made = await employer.call("POST", json=body)
    one = f"/{made['followed']['id']}"
    await followed.tell()
    async with employed(followed, "XB-HRB-99") as other:
        assert (await other.call("DELETE", one))[0] == 404
        assert (await other.call("GET", f"{one}/notices"))[0] == 404
        status, theirs = await other.call("POST", json=body)  # knows the id, is not who was named
        assert status == 201
        await employer.call("GET", f"{one}/notices?wait_s=10")
        path = f"/{theirs['followed']['id']}/notices"
        assert (await other.call("GET", path))[1]["notices"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"node": "XA", "watch": "ab"}, 400),
        ({"node": "XB", "watch": "ab" * 16}, 400),
        ({"node": "XZ", "watch": "ab" * 16}, 404),
        ({"node": "XA", "watch": "ab" * 16, "url": "http://example.org/"}, 400),
        ({"node": "XA", "watch": "ab" * 16, "more": 1}, 400),
    ],
)
async def test_refuses_to_follow_what_cannot_be(
    employer: Employer, body: dict[str, str], status: int
) -> None:
    assert (await employer.call("POST", json=body))[0] == status


async def test_refuses_to_follow_the_same_twice(employer: Employer) -> None:
    body = {"node": "XA", "watch": "ab" * 16}
    assert (await employer.call("POST", json=body))[0] == 201
    assert (await employer.call("POST", json=body))[0] == 409


async def test_whoever_waits_is_let_go_when_the_node_stops(
    followed: Followed, employer: Employer
) -> None:
    _, made = await employer.call("POST", json={"node": "XA", "watch": "ab" * 16})
    door = followed.pair.running["XB"].peering.following
    door.let_go()
    path = f"/{made['followed']['id']}/notices?wait_s=30"
    assert (await employer.call("GET", path))[1]["notices"] == []


def test_the_description_of_the_door_is_valid() -> None:
    document = openapi.document("XB", watch_paths())
    OpenAPIV31SpecValidator(document).validate()


# --- posting -------------------------------------------------------------------------------


class Receiver:
    """A web server of an employer's: keeps what was posted, and answers what it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.posts: list[tuple[dict[str, str], bytes]] = []

    async def receive(self, request: web.Request) -> web.Response:
        self.posts.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


class Posted:
    """XB with a follower whose notices are posted to a receiver."""

    def __init__(self, followed: Followed, receiver: Receiver, posting: Posting) -> None:
        self.followed = followed
        self.receiver = receiver
        self.posting = posting
        self.books = followed.pair.running["XB"].opened.ledger.notices

    @property
    def clock(self) -> FakeClock:
        return self.followed.pair.federation.clock

    async def follower(self) -> Follower:
        (found,) = await self.books.followers()
        return found


@pytest.fixture
async def posted(followed: Followed) -> AsyncIterator[Posted]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/{path:.*}", receiver.receive)
    running = followed.pair.running["XB"]
    hooks = HttpHooks(public=False)
    posting = Posting(running.opened.ledger.notices, hooks, followed.pair.federation.clock, bytes)
    given = await followed.give()
    async with TestServer(application) as server:
        url = str(server.make_url("/hook"))
        now = followed.pair.federation.clock()
        follower = Follower(
            *("ab" * 12, "key-1", WATCHER.register_id, "XA", given.watch, now, url, SECRET)
        )
        await running.opened.ledger.notices.add(follower)
        await running.peering.following.tend()
        await followed.tell()
        await followed.hear(follower, 1)
        yield Posted(followed, receiver, posting)
        await hooks.close()


async def test_a_notice_is_posted_once_signed_and_without_any_personal_data(
    posted: Posted,
) -> None:
    assert await posted.posting.post() == 1
    assert await posted.posting.post() == 0
    ((headers, body),) = posted.receiver.posts
    message = headers["Symbolon-Timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
    assert headers["Symbolon-Signature"] == f"v1={expected}"
    assert int(headers["Symbolon-Timestamp"]) == posted.clock() // 1_000_000
    told = json.loads(body)
    assert told.keys() == {"watch", "outcome", "said_at_us", "position"}
    assert (told["watch"], told["outcome"]) == ("ab" * 12, "confirmed")


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_what_is_not_accepted_is_posted_again_later(posted: Posted, status: int) -> None:
    posted.receiver.status = status
    assert await posted.posting.post() == 0
    assert await posted.posting.post() == 0
    assert len(posted.receiver.posts) == 1
    posted.receiver.status = 204
    posted.clock.advance(40)
    assert await posted.posting.post() == 1
    assert (await posted.follower()).tries == 0


async def test_posting_is_given_up_after_about_a_day_and_says_so(posted: Posted) -> None:
    posted.receiver.status = 500
    began = posted.clock()
    for _ in range(TRIES_MAX):
        await posted.posting.post()
        last = await posted.follower()
        posted.clock.advance(max(0, last.next_at - posted.clock()) // 1_000_000 + 1)
    assert (last.dead, posted.posting.dead) == (True, 1)
    assert 0.5 * _DAY_S < (posted.clock() - began) / 1_000_000 < 2 * _DAY_S
    await posted.posting.post()
    assert len(posted.receiver.posts) == TRIES_MAX


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104
        *("[::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "224.0.0.1"),
    ],
)
async def test_nothing_is_posted_to_an_address_that_is_not_public(host: str) -> None:
    hooks = HttpHooks(public=True)
    try:
        with pytest.raises(Refusal) as refused:
            await hooks.post(f"https://{host}/", b"{}", {})
    finally:
        await hooks.close()
    assert refused.value.code is Code.UNTRUSTED


@pytest.mark.parametrize(
    "url",
    [
        *("", "http://example.org/", "ftp://example.org/", "https://", "https:///path"),
        *("https://user@example.org/", "https://u:p@example.org/", "https://example.org/#part"),
        *("https://example.org:0/", "https://example.org:99999/", "https://exa mple.org/"),
        "https://example.org/" + "a" * 500,
    ],
)
def test_refuses_an_address_that_notices_cannot_be_posted_to(url: str) -> None:
    with pytest.raises(Refusal):
        checked_url(url, public=True)


# --- the command line ----------------------------------------------------------------------


async def test_the_command_line_follows_reads_and_ends(
    followed: Followed, employer: Employer, tmp_path: Path
) -> None:
    key_file = tmp_path / "employer.key"
    key_file.write_text(employer.key)
    given = await followed.give()
    await followed.tell()

    async def watch(*arguments: str) -> Any:
        door = ("--node-url", employer.base, "--key-file", str(key_file), "--json")
        finished = await asyncio.to_thread(run, "watch", *arguments, *door)
        assert finished.status == 0, finished.err
        return finished.content

    made = await watch("add", given.watch.hex(), "--node", "XA")
    one = made["followed"]["id"]
    assert [entry["id"] for entry in (await watch("list"))["watches"]] == [one]
    told = await watch("notices", one, "--wait", "10")
    assert [notice["outcome"] for notice in told["notices"]] == ["confirmed"]
    await watch("remove", one)
    assert (await watch("list"))["watches"] == []
