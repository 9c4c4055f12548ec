"""The holder's routes keep their description, whatever is sent."""

import asyncio
from collections import Counter
from pathlib import Path

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from node.edge import openapi
from node.edge.holder import HOLDER_PATH, holder_paths
from node.model.statement import Person
from node.settings import QuotaSettings
from tests.nodes import BORN
from tests.scenes import staged
from tests.world import sample_credential

_METHODS = {"get", "post", "delete"}
_SEED = 20_261_123


def _fuzz(port: int, token: str) -> tuple[Counter[str], list[str]]:
    config = SchemathesisConfig(seed=_SEED)
    whole = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json", config=config)
    schema = whole.include(path_regex=HOLDER_PATH)
    headers = {"Authorization": f"Bearer {token}"}
    schema.config.update(headers=headers, workers=1, continue_on_failure=True)
    schema.config.generation.update(
        max_examples=15, deterministic=True, no_shrink=True, database="none"
    )
    statuses: Counter[str] = Counter()
    failures: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(str(event))
        if not isinstance(event, events.ScenarioFinished):
            continue
        for interaction in event.recorder.interactions.values():
            if interaction.response is not None:
                statuses[str(interaction.response.status_code)] += 1
        for case_id, checks in event.recorder.checks.items():
            request = event.recorder.cases[case_id].value
            failures += [
                f"{event.label} {check.name}: {check.failure_info.failure} ({request!r})"
                for check in checks
                if check.status is Status.FAILURE and check.failure_info is not None
            ]
    return statuses, failures


async def test_the_holders_routes_keep_their_description_whatever_is_sent(tmp_path: Path) -> None:
    async with staged(tmp_path, quota=QuotaSettings(holder_burst=1e9)) as scene:
        number = sample_credential().number
        _, token = await scene.running.opened.holding.entrusting.issue(
            number, BORN, Person("anna", "registrar"), minutes=60
        )
        statuses, failures = await asyncio.to_thread(_fuzz, scene.running.http_port, token)
    assert failures == []
    assert {"200", "201", "400", "401", "404"} <= statuses.keys()
    assert "500" not in statuses


async def test_every_route_of_the_holder_is_described_and_no_other(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        document = openapi.document("XA", holder_paths())
        described = {
            (path, method)
            for path, item in document["paths"].items()
            for method in item
            if path.startswith(HOLDER_PATH) and method in _METHODS
        }
        assert len(described) == 11
        assert scene.running.http_port
