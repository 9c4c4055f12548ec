"""The HTTP door, through real sockets."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog

from node.audit.paper import read_paper
from node.edge import rest
from node.edge.bodies import Fitness
from node.errors import Code, Refusal
from node.model.credential import Field
from node.model.note import open_checkpoint
from node.wire.receipt import decode_receipt
from node.wire.refusals import HTTP_STATUS, REASON_WITHHELD
from tests.integration.http_door import (
    ANSWERED,
    AUTHORIZED,
    KEY,
    OPEN,
    OTHER_KEY,
    QUESTION,
    UNANSWERED,
    Behind,
    client_of,
    sample_exchange,
)
from tests.world import journal_signers, origin

_ONE = f"/v1/verifications/{OPEN.id}"


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def client(behind: Behind) -> AsyncIterator[aiohttp.ClientSession]:
    async with client_of(behind) as session:
        yield session


async def _problem(response: aiohttp.ClientResponse, status: int, code: Code) -> dict[str, Any]:
    assert response.status == status
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    problem: dict[str, Any] = json.loads(await response.read())
    assert problem["type"] == f"urn:symbolon:refusal:{code.value}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


# --- asking --------------------------------------------------------------------------------


async def test_returns_the_answer_with_its_meaning_and_receipt(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    response = await client.post("/v1/verifications", json=QUESTION, headers=AUTHORIZED)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    body = await response.json()
    assert body["state"] == "answered"
    assert body["disclosed"] == {"title": "Soudeur", "units": ["U-101 Sécurité"]}
    assert body["meaning"].startswith("Authority of XB confirms")
    assert body["receipt"] == f"{_ONE}/receipt"
    assert body["trust_age_s"] == 7
    employer, inquiry = behind.inquiries[0]
    assert employer.key_id == "key-1"
    assert inquiry.wanted == tuple(Field)


async def test_tells_where_to_look_again_while_the_other_node_is_silent(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.result = OPEN
    response = await client.post("/v1/verifications", json=QUESTION, headers=AUTHORIZED)
    assert response.status == 202
    assert response.headers["Location"] == _ONE
    assert int(response.headers["Retry-After"]) >= 1
    assert (await response.json())["state"] == "open"


async def test_says_that_no_answer_will_come(behind: Behind, client: aiohttp.ClientSession) -> None:
    behind.result = UNANSWERED
    response = await client.post("/v1/verifications", json=QUESTION, headers=AUTHORIZED)
    assert response.status == 200
    body = await response.json()
    assert (body["state"], body["no_answer"]) == ("unanswered", "peer_silent")


async def test_names_a_node_that_left_the_trust_list_by_its_id(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.result = msgspec.structs.replace(ANSWERED, peer="XZ")
    response = await client.post("/v1/verifications", json=QUESTION, headers=AUTHORIZED)
    assert (await response.json())["meaning"].startswith("XZ confirms")


# --- reading again -------------------------------------------------------------------------


async def test_shows_a_question_again_to_the_key_that_asked_and_to_no_other(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.shelf.put(ANSWERED)
    response = await client.get(_ONE, headers=AUTHORIZED)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert (await response.json())["outcome"] == "confirmed"
    for path in (_ONE, f"{_ONE}/receipt"):
        other = await client.get(path, headers={"Authorization": f"Bearer {OTHER_KEY}"})
        await _problem(other, 404, Code.UNKNOWN)


async def test_hands_out_a_receipt_that_decodes_and_carries_only_the_trust_it_needs(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.shelf.put(ANSWERED)
    exchanged = behind.shelf.receipts[ANSWERED.id] = await sample_exchange(behind.trust)
    response = await client.get(f"{_ONE}/receipt", headers=AUTHORIZED)
    assert response.status == 200
    assert response.content_type == "application/vnd.symbolon.receipt+json"
    assert response.headers["Content-Disposition"] == (
        f'attachment; filename="{ANSWERED.id}.receipt.json"'
    )
    receipt = decode_receipt(await response.read())
    assert (receipt.query, receipt.answer) == (exchanged.query, exchanged.answer)
    (trust,) = receipt.trust
    assert "country-XC.json" not in trust.metadata
    assert trust.files.keys() == {
        "policy.json",
        "nodes/XA/node.json",
        "nodes/XB/node.json",
    }


async def test_hands_out_the_receipt_on_paper_with_the_receipt_inside(
    client: aiohttp.ClientSession, behind: Behind
) -> None:
    behind.shelf.put(ANSWERED)
    behind.shelf.receipts[ANSWERED.id] = await sample_exchange(behind.trust)
    receipt = await (await client.get(f"{_ONE}/receipt", headers=AUTHORIZED)).read()
    response = await client.get(f"{_ONE}/receipt.pdf", headers=AUTHORIZED)
    assert response.status == 200, await response.text()
    assert response.content_type == "application/pdf"
    assert response.headers["Content-Disposition"] == (
        f'attachment; filename="{ANSWERED.id}.receipt.pdf"'
    )
    assert read_paper(await response.read()) == receipt


async def test_has_no_receipt_while_a_question_is_open(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.shelf.put(OPEN)
    await _problem(await client.get(f"{_ONE}/receipt", headers=AUTHORIZED), 404, Code.UNKNOWN)


async def test_a_receipt_that_cannot_be_written_is_not_the_askers_fault(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.shelf.put(ANSWERED)
    whole = await sample_exchange(behind.trust)
    broken = msgspec.structs.replace(whole.answer, statement=b"broken")
    behind.shelf.receipts[ANSWERED.id] = msgspec.structs.replace(whole, answer=broken)
    await _problem(await client.get(f"{_ONE}/receipt", headers=AUTHORIZED), 500, Code.DEFECT)


# --- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.DEFECT])
async def test_each_refusal_becomes_a_problem_of_its_kind(
    code: Code, behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.result = Refusal(code, "what to do", retry_after_s=0.2)
    response = await client.post("/v1/verifications", json=QUESTION, headers=AUTHORIZED)
    problem = await _problem(response, HTTP_STATUS[code], code)
    assert problem["detail"] == "what to do"
    assert "instance" not in problem
    assert response.headers["Retry-After"] == "1"
    assert ("WWW-Authenticate" in response.headers) == (code is Code.UNAUTHENTICATED)


@pytest.mark.parametrize(
    "error", [ValueError("Éloïse Marchand"), Refusal(Code.DEFECT, "Éloïse Marchand")]
)
async def test_withholds_a_defect_and_logs_it_under_the_id_that_the_problem_carries(
    error: Exception, behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.result = error
    with structlog.testing.capture_logs() as logs:
        response = await client.post("/v1/verifications", json=QUESTION, headers=AUTHORIZED)
    problem = await _problem(response, 500, Code.DEFECT)
    assert problem["detail"] == REASON_WITHHELD
    entry = next(entry for entry in logs if entry["event"] == "http_defect")
    assert problem["instance"] == f"urn:uuid:{entry['id']}"
    assert entry["route"] == "/v1/verifications"
    assert any("http_door.py" in frame for frame in entry["where"])
    if isinstance(error, ValueError):
        assert "Marchand" not in str(logs)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        KEY,
        "Bearer",
        "Bearer ",
        f"Basic {KEY}",
        f"Bearer  {KEY}",
        f"Bearer {KEY}x",
        "Bearer clé",
        "Bearer " + "x" * 300,
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "GET receipt"])
async def test_lets_nobody_in_without_a_key(
    authorization: str, method: str, behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.shelf.put(ANSWERED)
    headers = {"Authorization": authorization} if authorization else {}
    if method == "POST":
        response = await client.post("/v1/verifications", data=b"{", headers=headers)
    else:
        path = f"{_ONE}/receipt" if "receipt" in method else _ONE
        response = await client.get(path, headers=headers)
    await _problem(response, 401, Code.UNAUTHENTICATED)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert behind.inquiries == []


async def test_takes_the_word_bearer_in_any_case(client: aiohttp.ClientSession) -> None:
    headers = {"Authorization": f"bearer {KEY}"}
    assert (await client.post("/v1/verifications", json=QUESTION, headers=headers)).status == 200


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/verifications/", "/v1/verifications/7", f"{_ONE.upper()}", f"{_ONE}/"]
)
async def test_knows_no_other_path(path: str, client: aiohttp.ClientSession) -> None:
    await _problem(await client.get(path, headers=AUTHORIZED), 404, Code.UNKNOWN)


async def test_says_which_methods_a_path_takes(client: aiohttp.ClientSession) -> None:
    response = await client.delete("/v1/verifications", headers=AUTHORIZED)
    await _problem(response, 405, Code.MALFORMED)
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_takes_a_body_of_no_other_type(
    headers: dict[str, str], behind: Behind, client: aiohttp.ClientSession
) -> None:
    body = json.dumps(QUESTION).encode()
    response = await client.post("/v1/verifications", data=body, headers=AUTHORIZED | headers)
    await _problem(response, 415, Code.MALFORMED)
    assert behind.inquiries == []


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
async def test_takes_json_however_its_type_is_spelled(
    content_type: str, client: aiohttp.ClientSession
) -> None:
    headers = AUTHORIZED | {"Content-Type": content_type}
    body = json.dumps(QUESTION).encode()
    assert (await client.post("/v1/verifications", data=body, headers=headers)).status == 200


async def test_takes_no_body_above_16_kib_whether_announced_or_not(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    headers = AUTHORIZED | {"Content-Type": "application/json"}
    whole = json.dumps(QUESTION).encode().ljust(rest.BODY_SIZE_MAX_BYTES)

    async def chunks(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    for body in (whole, chunks(whole)):
        response = await client.post("/v1/verifications", data=body, headers=headers)
        assert response.status == 200
    for body in (whole + b" ", chunks(whole + b" ")):
        response = await client.post("/v1/verifications", data=body, headers=headers)
        await _problem(response, 413, Code.MALFORMED)
    assert len(behind.inquiries) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"birth_date": "1991-03-14"}'])
async def test_refuses_a_body_that_is_no_question(
    body: bytes, behind: Behind, client: aiohttp.ClientSession
) -> None:
    headers = AUTHORIZED | {"Content-Type": "application/json"}
    response = await client.post("/v1/verifications", data=body, headers=headers)
    await _problem(response, 400, Code.MALFORMED)
    assert behind.inquiries == []


async def test_waits_for_a_body_only_so_long(
    behind: Behind, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "_BODY_WITHIN_S", 0.05)
    never = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    headers = AUTHORIZED | {"Content-Type": "application/json"}
    response = await client.post("/v1/verifications", data=stalling(), headers=headers)
    await _problem(response, 400, Code.MALFORMED)
    assert behind.inquiries == []


async def test_keeps_what_a_broken_request_holds_out_of_the_log(
    behind: Behind, caplog: pytest.LogCaptureFixture
) -> None:
    application = rest.application(behind.doors())
    async with rest.listening(application, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\x00key\r\n\r\n")
        with caplog.at_level(logging.DEBUG):
            assert (await reader.readline()).startswith(b"HTTP/1.0 400")
        writer.close()
        await writer.wait_closed()
    assert "secret" not in caplog.text
    assert "Error handling request" in caplog.text


# --- machines ------------------------------------------------------------------------------


async def test_hands_out_the_checkpoint_to_anyone(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    response = await client.get("/journal/checkpoint")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Cache-Control"] == "public, max-age=1"
    verifiers = [signer.verifier for signer in journal_signers("XA")]
    opened = open_checkpoint(await response.read(), origin("XA"), verifiers)
    assert opened.checkpoint.size == len(behind.shelf.entries)


async def test_tells_apart_alive_and_fit(behind: Behind, client: aiohttp.ClientSession) -> None:
    ready = await client.get("/health/ready")
    assert (ready.status, await ready.json()) == (
        200,
        {"fit": True, "checks": {"journal": "writable"}},
    )
    behind.fitness = Fitness(fit=False, checks={"journal": "the disk is full"})
    unfit = await client.get("/health/ready")
    assert (unfit.status, (await unfit.json())["checks"]) == (503, {"journal": "the disk is full"})
    alive = await client.get("/health/alive")
    assert (alive.status, await alive.json()) == (200, {"status": "alive"})


async def test_counts_requests_by_pattern_and_never_by_path(
    behind: Behind, client: aiohttp.ClientSession
) -> None:
    behind.tally["outcome", "confirmed"] = 5
    await client.get(_ONE)
    await client.get("/somewhere/else")
    text = await (await client.get("/metrics")).text()
    route = "/v1/verifications/{id}"
    assert f'symbolon_http_requests_total{{route="{route}",status="401"}} 1.0' in text
    assert 'symbolon_http_requests_total{route="none",status="404"} 1.0' in text
    assert 'symbolon_asked_total{kind="outcome",value="confirmed"} 5.0' in text
    assert "symbolon_journal_size 3.0" in text
    assert OPEN.id not in text
    assert "somewhere" not in text


async def test_does_not_tell_what_it_is_made_of(client: aiohttp.ClientSession) -> None:
    for path in ("/health/alive", "/journal/checkpoint", "/nowhere", "/metrics", "/openapi.json"):
        assert (await client.get(path)).headers["Server"] == "symbolon"


async def test_finishes_what_it_has_begun_before_it_stops(behind: Behind) -> None:
    begun, may_finish = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> Any:
        begun.set()
        await may_finish.wait()
        return ANSWERED

    application = rest.application(behind.doors(slow))
    async with aiohttp.ClientSession() as client:
        serving = rest.listening(application, "127.0.0.1", 0)
        port = await serving.__aenter__()
        url = f"http://127.0.0.1:{port}/v1/verifications"
        asking = asyncio.create_task(client.post(url, json=QUESTION, headers=AUTHORIZED))
        async with asyncio.timeout(10):
            await begun.wait()
        stopping = asyncio.create_task(serving.__aexit__(None, None, None))
        await _closed(port)
        may_finish.set()
        assert (await asking).status == 200
        await stopping


async def _closed(port: int) -> None:
    """Return once nothing listens there any more."""
    with contextlib.suppress(ConnectionError):
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await asyncio.sleep(0)
