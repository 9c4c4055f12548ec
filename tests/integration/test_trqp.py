"""Trust registry queries over HTTP: anybody may ask, within bounds."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from node.flows.past_trust import PastTrust
from node.flows.query_trust import QueryingTrust
from node.model.quota import Allowance
from tests.archives import MemoryArchive
from tests.integration.http_door import Behind, client_of
from tests.world import FakeClock

AWARD = {
    "entity_id": "xa-college",
    "authority_id": "XA",
    "action": "award",
    "resource": "7212/4/full_qualification",
}
ANSWER = {
    "entity_id": "XB",
    "authority_id": "federation",
    "action": "answer",
    "resource": "qualifications",
}


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def client(behind: Behind) -> AsyncIterator[aiohttp.ClientSession]:
    async with client_of(behind) as session:
        yield session


async def _asked(client: aiohttp.ClientSession, path: str, body: object) -> tuple[int, Any]:
    async with client.post(f"/trqp/{path}", json=body) as response:
        return response.status, json.loads(await response.read())


async def test_tells_without_a_key_who_may_award_what(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    status, body = await _asked(client, "authorization", AWARD)
    reference = behind.trust.view().reference
    assert status == 200
    assert body == {
        **AWARD,
        "authorized": True,
        "message": "Lycée des métiers de Port-Sauvry is accredited by Ministry of Tests "
        "from 2010-01-01.",
        "time_evaluated": "2026-11-23T09:00:00Z",
        "trust_list": {"version": 1, "digest": reference.digest.hex()},
    }
    status, body = await _asked(client, "authorization", AWARD | {"entity_id": "nobody"})
    assert (status, body["authorized"]) == (200, False)


async def test_tells_whom_the_federation_and_its_members_recognise(
    client: aiohttp.ClientSession,
) -> None:
    status, body = await _asked(client, "recognition", ANSWER)
    assert (status, body["recognized"]) == (200, True)
    agreed = {**ANSWER, "authority_id": "XC", "resource": "licensing"}
    status, body = await _asked(client, "recognition", agreed)
    assert (status, body["recognized"]) == (200, False)
    assert "does not cover this purpose" in body["message"]


async def test_answers_as_of_the_time_that_is_asked_about(client: aiohttp.ClientSession) -> None:
    context = {"time": "2026-11-22T12:00:00+02:00", "locator": "anything"}
    status, body = await _asked(client, "recognition", {**ANSWER, "context": context})
    assert (status, body["recognized"]) == (200, True)
    assert (body["time_requested"], body["context"]) == (context["time"], context)
    for time in ("2026-11-01T00:00:00Z", "2026-11-24T00:00:00Z"):
        asked = {**ANSWER, "context": {"time": time}}
        status, problem = await _asked(client, "recognition", asked)
        assert (status, problem["type"]) == (404, "urn:symbolon:refusal:unknown")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"context": {"time": ""}}, 400),
        ({"context": {"time": "yesterday"}}, 400),
        ({"context": {"time": "2026-11-22"}}, 400),
        ({"context": {"x": 1}}, 400),
        ({"context": {str(number): "" for number in range(17)}}, 400),
        ({"action": "issue"}, 400),
        ({"entity_id": ""}, 400),
        ({"entity_id": "x" * 129}, 400),
        ({"authority_id": "XQ"}, 404),
        ({"resource": "welding"}, 404),
        ({"something": "else"}, 200),
    ],
)
async def test_refuses_what_is_no_query_as_a_problem(
    client: aiohttp.ClientSession, changes: dict[str, object], status: int
) -> None:
    found, body = await _asked(client, "authorization", AWARD | changes)
    assert found == status
    assert ("detail" in body) is (status != 200)


async def test_refuses_a_body_with_a_field_twice_and_one_that_is_no_json(
    client: aiohttp.ClientSession,
) -> None:
    for data in (b'{"action": "award", "action": "ask"}', b"{", b"\xff", b"[" * 9000):
        headers = {"Content-Type": "application/json"}
        async with client.post("/trqp/authorization", data=data, headers=headers) as response:
            assert response.status == 400
    async with client.post("/trqp/authorization", data=b"x") as response:
        assert response.status == 415


async def test_one_address_may_ask_only_so_often(behind: Behind) -> None:
    behind.queries = QueryingTrust(
        behind.trust, PastTrust(MemoryArchive(), behind.trust), FakeClock(), Allowance(2.0, 0.1)
    )
    async with client_of(behind) as client:
        statuses = [(await _asked(client, "recognition", ANSWER))[0] for _ in range(3)]
        assert statuses == [200, 200, 429]
        async with client.post("/trqp/recognition", json=ANSWER) as response:
            assert response.headers["Retry-After"] == "10"
