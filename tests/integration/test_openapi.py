"""The description of the HTTP API: valid, complete, and kept by the real server."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import pytest
import schemathesis
from hypothesis import strategies
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from node.edge import openapi, rest
from node.flows.ask import Inquiry
from node.flows.ports import Employer, Exchanged, Verification
from node.model import share_code
from node.wire.refusals import HTTP_STATUS
from tests.integration.http_door import (
    ANSWERED,
    AUTHORIZED,
    OPEN,
    UNANSWERED,
    Behind,
    client_of,
    sample_exchange,
)
from tests.world import FixedTrust

_SEED = 20_261_123
_METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> openapi.Json:
    return _as_served()


def _as_served() -> openapi.Json:
    written: openapi.Json = msgspec.json.decode(msgspec.json.encode(openapi.document("XA")))
    return written


def _operations(document: openapi.Json) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in _METHODS:
                yield path, method, operation


def test_is_valid_openapi_3_1(document: openapi.Json) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_describes_each_path_that_the_door_has_and_no_other(document: openapi.Json) -> None:
    application = rest.application(Behind().doors())
    served = {
        (resource.canonical, route.method.lower())
        for resource in application.router.resources()
        for route in resource
        if route.method != "HEAD"
    }
    assert served == {(path, method) for path, method, _ in _operations(document)}


def test_each_refusal_is_described_where_a_question_can_meet_it(document: openapi.Json) -> None:
    responses = document["paths"]["/v1/verifications"]["post"]["responses"]
    assert {str(status) for status in HTTP_STATUS.values()} < responses.keys()
    assert {"413", "415"} < responses.keys()


def test_each_operation_has_a_name_of_its_own_and_says_what_it_does(
    document: openapi.Json,
) -> None:
    names = Counter(operation["operationId"] for _, _, operation in _operations(document))
    assert set(names.values()) == {1}
    assert all(operation["summary"] for _, _, operation in _operations(document))


def test_each_example_is_what_its_schema_says(document: openapi.Json) -> None:
    checked = 0
    for content in _contents(document):
        schema = {**content["schema"], "components": document["components"]}
        validator = OAS31Validator(schema, format_checker=oas31_format_checker)
        examples = [example["value"] for example in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        for example in examples:
            validator.validate(example)
            checked += 1
    assert checked >= 15


def test_the_share_code_of_the_examples_is_one(document: openapi.Json) -> None:
    text = msgspec.json.encode(document).decode()
    codes = set(re.findall(r"XB(?:-[0-9A-Z]{4}){4}", text))
    assert [str(share_code.parse(code)) for code in codes] == list(codes)


def _contents(node: object) -> Iterator[dict[str, Any]]:
    """Yield each media type that has a schema."""
    if isinstance(node, dict):
        for name, child in node.items():
            if name == "content" and isinstance(child, dict):
                yield from child.values()
            yield from _contents(child)


async def test_serves_the_description_of_this_node() -> None:
    async with client_of(Behind()) as client:
        response = await client.get("/openapi.json")
        assert response.content_type == "application/json"
        assert (await response.json()) == _as_served()


# --- fuzzing -------------------------------------------------------------------------------


class _AnyAnswer(Behind):
    """Answers, stays open or gives up, by what was asked, and remembers each under its own id.

    Each has a receipt, because schemathesis expects to find whatever belongs to a verification.
    """

    def __init__(self, exchanged: Exchanged) -> None:
        super().__init__()
        self._exchanged = exchanged

    async def ask(self, employer: Employer, inquiry: Inquiry) -> Verification:
        digest = inquiry.share_code.digest
        like = (ANSWERED, OPEN, UNANSWERED)[digest[0] % 3]
        verification = msgspec.structs.replace(like, id=digest[:24].hex(), key_id=employer.key_id)
        self.shelf.put(verification)
        self.shelf.receipts[verification.id] = self._exchanged
        return verification


def _fuzz(port: int) -> tuple[Counter[str], list[str]]:
    """Run every phase of schemathesis; returns scenarios by phase and what failed."""
    codes = strategies.binary(min_size=10, max_size=10).map(
        lambda randomness: str(share_code.make("XB", randomness))
    )
    schemathesis.openapi.format("share-code", codes)
    config = SchemathesisConfig(seed=_SEED)
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json", config=config)
    schema.config.update(headers=dict(AUTHORIZED), workers=1, continue_on_failure=True)
    schema.config.generation.update(
        max_examples=25, deterministic=True, no_shrink=True, database="none"
    )
    scenarios: Counter[str] = Counter()
    failures: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(str(event))
        if isinstance(event, events.ScenarioFinished):
            scenarios[event.phase.value] += 1
            failures += _failed(event)
    return scenarios, failures


def _failed(event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE and check.failure_info is not None:
                request = event.recorder.cases[case_id].value
                yield f"{event.label} {check.name}: {check.failure_info.failure} ({request!r})"


async def test_the_server_keeps_its_description_whatever_is_sent() -> None:
    behind = _AnyAnswer(await sample_exchange(FixedTrust()))
    async with rest.listening(rest.application(behind.doors()), "127.0.0.1", 0) as port:
        scenarios, failures = await asyncio.to_thread(_fuzz, port)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            metrics = await (await client.get("/metrics")).text()
    assert failures == []
    assert {"examples", "coverage", "fuzzing", "stateful"} <= scenarios.keys()
    for route, least in {"": 20, "/{id}": 1, "/{id}/receipt": 1}.items():
        served = f'{{route="/v1/verifications{route}",status="20'
        counts = [line.split()[-1] for line in metrics.splitlines() if served in line]
        assert sum(map(float, counts)) >= least
