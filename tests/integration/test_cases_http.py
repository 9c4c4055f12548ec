"""Cases over HTTP: for the API key that opened them, and for nobody else."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from node.model.case_bodies import PART_SIZE_MAX_BYTES
from node.model.statement import Requester
from tests.casework import NUMBER, OFFICER, Between, between

ABOUT = {"what": "credential", "number": NUMBER, "node": "XA"}
ASKING = {"kind": "recognition", "text": "Please", "about": ABOUT}
OTHER = Requester("Somebody Else", "XB-OTH-1", "F43")
_SEED = 20_261_123


def _about(about: bytes) -> bytes:
    return b'{"kind": "contest", "text": "x", "about": {%s}}' % about


@asynccontextmanager
async def client(pair: Between, requester: Requester) -> AsyncIterator[aiohttp.ClientSession]:
    running = pair.running["XB"]
    _, key = await running.opened.employers.create(requester, pair.federation.clock())
    base = f"http://127.0.0.1:{running.http_port}"
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(base, headers=headers) as session:
        yield session


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Between]:
    async with between(tmp_path) as running:
        yield running


async def _json(response: aiohttp.ClientResponse, status: int = 200) -> dict[str, Any]:
    found: dict[str, Any] = await response.json(content_type=None)
    assert response.status == status, found
    assert response.headers["Cache-Control"] == "no-store"
    return found


async def test_an_employer_opens_a_case_supplies_a_document_and_withdraws(pair: Between) -> None:
    async with client(pair, Requester("Harbour", "XB-HRB-7", "C25")) as session:
        async with session.post("/v1/cases", json={**ASKING, "here": True}) as response:
            opened = await _json(response, 201)
            where = response.headers["Location"]
        assert where == f"/v1/cases/{opened['id']}"
        assert (opened["phase"], opened["decider"]) == ("opened", "XB")
        content = b"%PDF" * 10_000
        async with session.post(f"{where}/documents?kind=experience", data=content) as response:
            supplied = await _json(response)
        assert [one["kind"] for one in supplied["documents"]] == [
            "text",
            "credential",
            "experience",
        ]
        digest = supplied["documents"][-1]["digest"]
        async with session.get(f"{where}/documents/{digest}") as response:
            assert await response.read() == content
        async with session.post(f"{where}/steps", json={"step": "appeal"}) as response:
            assert (await _json(response, 409))["title"]
        async with session.post(f"{where}/steps", json={"step": "withdraw"}) as response:
            assert (await _json(response))["phase"] == "withdrawn"
        async with session.get("/v1/cases") as response:
            assert [one["id"] for one in (await _json(response))["cases"]] == [opened["id"]]
        await pair.settle()
        theirs = await pair.timeline("XA", bytes.fromhex(opened["id"]))
        assert [what for _, _, what, *_ in theirs] == [
            "OPENED",
            "DOCUMENTS_SUPPLIED",
            "WITHDRAWN",
        ]


async def test_what_is_another_keys_is_as_what_there_is_not(pair: Between) -> None:
    async with client(pair, Requester("Harbour", "XB-HRB-7", "C25")) as session:
        async with session.post("/v1/cases", json=ASKING) as response:
            case = (await _json(response, 201))["id"]
        async with session.get(f"/v1/cases/{case}") as response:
            digest = (await _json(response))["documents"][0]["digest"]
    async with client(pair, OTHER) as session:
        for one in (case, "0" * 32):
            for path in (f"/v1/cases/{one}", f"/v1/cases/{one}/documents/{digest}"):
                async with session.get(path) as response:
                    problem = await _json(response, 404)
                assert problem["detail"] == "case: there is none with this id that you may see"
            body = {"step": "withdraw"}
            async with session.post(f"/v1/cases/{one}/steps", json=body) as response:
                await _json(response, 404)
            documents = f"/v1/cases/{one}/documents?kind=experience"
            async with session.post(documents, data=b"x") as response:
                await _json(response, 404)
        async with session.get("/v1/cases") as response:
            assert (await _json(response)) == {"cases": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"kind": "contest"}', 400),
        (_about(b'"what": "credential", "number": "1", "node": "XX"'), 404),
        (_about(b'"what": "verification", "id": "00"'), 404),
        (_about(b'"what": "verification", "id": "00", "id": "01"'), 400),
        (_about(b'"what": "nothing"'), 400),
        (b'{"kind": "contest", "text": "x"}', 400),
    ],
)
async def test_refuses_a_case_that_is_wrong(pair: Between, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    async with (
        client(pair, OTHER) as session,
        session.post("/v1/cases", data=body, headers=headers) as response,
    ):
        await _json(response, status)


async def test_refuses_a_document_that_is_too_large_or_empty_or_of_no_kind(pair: Between) -> None:
    async with client(pair, OTHER) as session:
        async with session.post("/v1/cases", json=ASKING) as response:
            where = f"/v1/cases/{(await _json(response, 201))['id']}/documents"
        for path, content in (
            (f"{where}?kind=experience", bytes(PART_SIZE_MAX_BYTES + 1)),
            (f"{where}?kind=experience", b""),
            (f"{where}?kind=Über", b"x"),
            (where, b"x"),
        ):
            async with session.post(path, data=io.BytesIO(content)) as response:
                await _json(response, 400)
    (view,) = await pair.casework("XB").cases(OFFICER)
    assert len(view.held.steps) == 1


async def test_every_route_keeps_to_its_description_whatever_is_sent(pair: Between) -> None:
    async with client(pair, OTHER) as session:
        async with session.post("/v1/cases", json=ASKING) as response:
            await _json(response, 201)
        authorized = {"Authorization": session.headers["Authorization"]}
    port = pair.running["XB"].http_port
    assert await asyncio.to_thread(_fuzz, port, authorized) == []


def _fuzz(port: int, authorized: dict[str, str]) -> list[str]:
    """Send what the description allows and what it does not; returns what failed."""
    config = SchemathesisConfig(seed=_SEED)
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json", config=config)
    schema.config.update(headers=authorized, workers=1, continue_on_failure=True)
    schema.config.generation.update(
        max_examples=10, deterministic=True, no_shrink=True, database="none"
    )
    failures: list[str] = []
    for event in from_schema(schema.include(path_regex="^/v1/cases")).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(str(event))
        if isinstance(event, events.ScenarioFinished):
            failures += _failed(event)
    return failures


def _failed(event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                request = event.recorder.cases[case_id].value
                yield f"{event.label} {check.name}: {check.failure_info.failure} ({request!r})"
