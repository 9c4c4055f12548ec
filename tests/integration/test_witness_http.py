"""The witness over HTTP: every status of C2SP tlog-witness, by a real socket."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator

from node.assembly import adopt
from node.edge import rest
from node.edge.witness import ADD_ROUTE, CHECKPOINT_ROUTE, SIZE_TYPE, WitnessDoor, witness_paths
from node.errors import Code, Refusal
from node.model.cosignature import REQUEST_SIZE_MAX_BYTES, AddCheckpoint
from node.model.fork import head_of
from node.model.note import Checkpoint, sign_checkpoint, split_note
from node.model.quota import Allowance
from node.settings import QuotaSettings, WitnessSettings
from tests.federation import journal_signers, origin
from tests.integration.http_door import Behind
from tests.nodes import Log
from tests.scenes import Scene, staged
from tests.world import FakeClock

TEXT = "text/plain; charset=utf-8"
HASH = b"A" * 43 + b"=\n"
OPEN = WitnessSettings(over_http=True)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(tmp_path, witness=OPEN) as scene:
        yield scene


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{scene.running.http_port}") as session:
        yield session


async def add(client: aiohttp.ClientSession, body: bytes) -> tuple[int, str, bytes]:
    async with client.post(ADD_ROUTE, data=body) as response:
        return response.status, response.headers["Content-Type"], await response.read()


async def status(client: aiohttp.ClientSession, body: bytes) -> int:
    return (await add(client, body))[0]


async def latest(client: aiohttp.ClientSession, name: str) -> tuple[int, bytes]:
    path = CHECKPOINT_ROUTE.format(origin=sha256(name.encode()).hexdigest())
    async with client.get(path) as response:
        return response.status, await response.read()


def grow(scene: Scene, count: int = 4) -> bytes:
    scene.log.seal(*[b"statement"] * count)
    return scene.log.note()


def request(log: Log, old: int) -> bytes:
    """Return a request to cosign the newest head, with the right proof."""
    path = log._tree.consistency(old) if 0 < old < log.size else b""
    return AddCheckpoint(old, path, log.note()).render()


def cosigned(scene: Scene) -> list[tuple[object, ...]]:
    return scene.home.rows("SELECT size FROM peer_head")


# --- 200 -----------------------------------------------------------------------------------


async def test_a_head_is_cosigned_and_stored_before_it_is_answered(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    note = grow(scene)
    told, content_type, lines = await add(client, request(scene.log, 0))
    assert (told, content_type) == (200, TEXT)
    assert scene.home.rows("SELECT size, cosignatures FROM peer_head") == [(4, lines)]
    view = scene.running.opened.trust.view()
    assert view.cosigners(view.node("XB"), note + lines) == {"XA"}
    grow(scene, 300)
    assert await status(client, request(scene.log, 4)) == 200
    assert await status(client, request(scene.log, 304)) == 200
    assert cosigned(scene) == [(304,)]


async def test_the_head_cosigned_last_is_read_by_the_digest_of_its_origin(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    assert (await latest(client, origin("XB")))[0] == 404
    for old in (0, 4):
        grow(scene)
        body = request(scene.log, old)
        lines = (await add(client, body))[2]
        assert await latest(client, origin("XB")) == (200, AddCheckpoint.parse(body).note + lines)
    assert (await latest(client, "nobody.example/journal"))[0] == 404
    for path in ("/witness/00/checkpoint", f"/witness/{'A' * 64}/checkpoint"):
        async with client.get(path) as response:
            assert response.status == 404


async def test_signature_lines_of_strangers_are_passed_over(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    strangers = split_note(Log("XD").note())[0] + b"\n"
    stranger_lines = Log("XD").note().removeprefix(strangers)
    grow(scene)
    assert await status(client, request(scene.log, 0) + stranger_lines) == 200


# --- 400, 403, 404 -------------------------------------------------------------------------


async def test_400_for_whatever_is_no_request(scene: Scene, client: aiohttp.ClientSession) -> None:
    note = grow(scene)
    wrong = {
        "nothing": b"",
        "no empty line": b"old 0\n" + note.replace(b"\n\n", b"\n"),
        "no old line": b"\n" + note,
        "a sign": b"old +0\n\n" + note,
        "a leading zero": b"old 00\n\n" + note,
        "old over new": b"old 5\n\n" + note,
        "64 hashes": b"old 1\n" + HASH * 64 + b"\n" + note,
        "a short hash": b"old 1\nAAAA\n\n" + note,
        "CRLF": request(scene.log, 0).replace(b"\n", b"\r\n"),
        "one byte too many": request(scene.log, 0).ljust(REQUEST_SIZE_MAX_BYTES + 1, b"\n"),
        "many bytes too many": b"\n" * (8 * REQUEST_SIZE_MAX_BYTES),
    }
    for why, body in wrong.items():
        assert await status(client, body) == 400, why
    assert cosigned(scene) == []


async def test_403_where_the_owner_did_not_sign(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    note = grow(scene)
    at_s = scene.now // 1_000_000
    head = head_of(note)
    retired = sign_checkpoint(head, journal_signers("XB", 2), at_s)
    (last, *_) = note.splitlines(keepends=True)[-1:]
    broken = note.replace(last, last.replace(last[-20:-1], bytes(reversed(last[-20:-1]))))
    altered = note.replace(b"\n4\n", b"\n5\n")
    half = sign_checkpoint(head, scene.log.signers[:1], at_s)
    for wrong in (retired, altered, half):
        assert await status(client, AddCheckpoint(0, b"", wrong).render()) == 403
    assert await status(client, b"old 0\n\n" + broken) in {400, 403}
    assert cosigned(scene) == []


async def test_403_while_a_member_is_suspended(scene: Scene, client: aiohttp.ClientSession) -> None:
    scene.federation.suspend("XB")
    scene.federation.publish()
    await adopt(scene.running.opened)
    grow(scene)
    assert await status(client, request(scene.log, 0)) == 403


async def test_404_for_a_journal_that_is_no_peers(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    grow(scene)
    own = await scene.running.opened.ledger.checkpoint()
    stranger = scene.log.note(origin_name="xd.example/journal")
    for note in (own, stranger):
        assert await status(client, AddCheckpoint(0, b"", note).render()) == 404


# --- 409 -----------------------------------------------------------------------------------


async def test_409_with_the_size_cosigned_last_for_a_request_from_elsewhere(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    grow(scene)
    assert await add(client, request(scene.log, 3)) == (409, SIZE_TYPE, b"0\n")
    await add(client, request(scene.log, 0))
    grow(scene)
    for old in (0, 3, 5, 8):
        assert await add(client, request(scene.log, old)) == (409, SIZE_TYPE, b"4\n")
    assert cosigned(scene) == [(4,)]


async def test_409_also_for_a_fork_that_goes_on_from_elsewhere_and_it_is_kept(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    grow(scene)
    await add(client, request(scene.log, 0))
    other = Log("XB", clock=scene.federation.clock, seed=2)
    other.seal(*[b"another"] * 4)
    assert await add(client, request(other, 0)) == (409, SIZE_TYPE, b"4\n")
    assert scene.home.rows("SELECT kind FROM evidence") == [("fork",)]


@pytest.mark.parametrize("larger_first", [True, False])
async def test_of_two_racing_heads_the_later_one_is_never_rolled_back(
    scene: Scene, client: aiohttp.ClientSession, larger_first: bool
) -> None:
    grow(scene)
    await add(client, request(scene.log, 0))
    for _ in range(5):
        start = scene.log.size
        grow(scene, 1)
        one = request(scene.log, start)
        grow(scene, 3)
        two = request(scene.log, start)
        bodies = (two, one) if larger_first else (one, two)
        async with aiohttp.ClientSession(client._base_url) as second:
            told = await asyncio.gather(
                add(client, bodies[0]), add(second, bodies[1]), add(client, bodies[0])
            )
        (winner,) = {
            AddCheckpoint.parse(body).checkpoint.size
            for body, (code, _, _) in zip((*bodies, bodies[0]), told, strict=True)
            if code == 200
        }
        assert cosigned(scene) == [(winner,)]
        assert {(code, body) for code, _, body in told if code != 200} == {(409, b"%d\n" % winner)}
        await add(client, request(scene.log, winner))


# --- 422 -----------------------------------------------------------------------------------


async def test_422_for_a_proof_that_does_not_lead_there(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    grow(scene)
    await add(client, request(scene.log, 0))
    grow(scene)
    path, note = scene.log._tree.consistency(4), scene.log.note()
    for wrong in (b"", path[::-1], path[:-32], path + bytes(32), bytes(len(path))):
        assert await status(client, AddCheckpoint(4, wrong, note).render()) == 422
    assert cosigned(scene) == [(4,)]


async def test_422_for_a_proof_from_nothing_and_for_an_empty_tree_with_another_root(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    note = grow(scene)
    assert await status(client, b"old 0\n" + HASH + b"\n" + note) == 422
    body = b"old 0\n\n" + note.replace(b"\n4\n", b"\n0\n")
    assert await status(client, body) == 422


async def test_422_for_two_roots_of_one_size_and_403_ever_after(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    grow(scene)
    await add(client, request(scene.log, 0))
    forked = Checkpoint(origin("XB"), 4, sha256(b"another").digest())
    note = sign_checkpoint(forked, scene.log.signers, scene.now // 1_000_000)
    assert await status(client, AddCheckpoint(4, b"", note).render()) == 422
    assert scene.home.rows("SELECT kind FROM evidence") == [("fork",)]
    grow(scene)
    assert await status(client, request(scene.log, 4)) == 403


async def test_422_for_less_than_came_with_a_statement(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    grow(scene)
    smaller = request(scene.log, 0)
    await scene.ask()
    scene.federation.clock.advance(61)
    assert await status(client, smaller) == 422


# --- what else stands at the door ----------------------------------------------------------


async def test_a_disk_that_refuses_cosigns_nothing(
    scene: Scene, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_work: object) -> None:
        raise Refusal(Code.STALE, "the disk is full")

    grow(scene)
    monkeypatch.setattr(scene.running.opened.ledger._database, "write", refuse)
    assert await status(client, request(scene.log, 0)) == 503
    assert cosigned(scene) == []


async def test_each_address_may_ask_only_so_often(tmp_path: Path) -> None:
    quota = QuotaSettings(query_burst=2.0, query_per_s=0.001)
    async with (
        staged(tmp_path, witness=OPEN, quota=quota) as scene,
        aiohttp.ClientSession(f"http://127.0.0.1:{scene.running.http_port}") as client,
    ):
        grow(scene)
        told = [await status(client, request(scene.log, 4 * n)) for n in (0, 1, 1)]
        assert told == [200, 200, 429]
        assert (await latest(client, origin("XB")))[0] == 429


async def test_without_the_setting_there_is_no_such_path(tmp_path: Path) -> None:
    async with (
        staged(tmp_path) as scene,
        aiohttp.ClientSession(f"http://127.0.0.1:{scene.running.http_port}") as client,
    ):
        grow(scene)
        assert await status(client, request(scene.log, 0)) == 404
        assert cosigned(scene) == []
        async with client.get("/openapi.json") as response:
            assert not witness_paths().keys() & (await response.json())["paths"].keys()


async def test_the_description_has_the_paths_that_the_door_has(
    scene: Scene, client: aiohttp.ClientSession
) -> None:
    async with client.get("/openapi.json") as response:
        document = await response.json()
    OpenAPIV31SpecValidator(document).validate()
    door = WitnessDoor(scene.running.peering.witnessing, FakeClock(), Allowance(1.0, 1.0))
    bare = rest.application(Behind().doors()).router.resources()
    served = rest.application(replace(Behind().doors(), witness=door)).router.resources()
    added = {one.canonical for one in served} - {one.canonical for one in bare}
    assert added == witness_paths().keys()
    assert added <= document["paths"].keys()
