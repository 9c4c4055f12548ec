"""The committed JSON Schemas are those of the files that nodes read."""

import re
from typing import Any

import msgspec
import pytest
from jsonschema_rs import ValidationError, meta, validator_for

from node.errors import Refusal
from node.model.trust_entries import require_own_origin
from node.model.trust_files import KINDS, decode_file, json_schema
from tests.federation import agreement_files, trust_files
from tests.trust_schemas import SCHEMAS, schemas

SAMPLES = {
    "federation": "federation.json",
    "policy": "policy.json",
    "node": "nodes/XA/node.json",
    "issuers": "issuers/XA/issuers.json",
    "framework": "issuers/XA/framework.json",
    "agreement": "agreements/XA/xa-xb.json",
}


def sample(name: str) -> Any:
    """Return the sample federation's file of a kind."""
    if name == "scheme":  # in the sources only
        return msgspec.json.decode((SCHEMAS.parent / "etsi" / "scheme.json").read_bytes())
    return msgspec.json.decode(trust_files()[SAMPLES[name]])


def test_committed_schemas_are_up_to_date_with_what_nodes_read() -> None:
    committed = {path.name: path.read_bytes() for path in SCHEMAS.iterdir()}
    assert committed == schemas(), "run 'python -m tests.trust_schemas'"


@pytest.mark.parametrize("name", KINDS)
def test_every_schema_accepts_the_sample_federations_file(name: str) -> None:
    meta.validate(json_schema(name))
    validator_for(json_schema(name)).validate(sample(name))


@pytest.mark.parametrize("name", KINDS)
def test_schema_and_reader_both_refuse_a_field_that_they_do_not_know(name: str) -> None:
    content = sample(name) | {"surprise": 1}
    with pytest.raises(ValidationError, match="surprise"):
        validator_for(json_schema(name)).validate(content)
    with pytest.raises(Refusal, match="surprise"):
        decode_file(msgspec.json.encode(content), KINDS[name], SAMPLES.get(name, name))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"parties": ["XA"]},
        {"parties": ["XA", "Xb"]},
        {"purposes": ["tourism"]},
        {"in_force_from": "2024-13-01"},
        {"title": ""},
        {"id": "Große"},
    ],
)
def test_schema_and_reader_agree_on_what_an_agreement_must_be(changes: dict[str, object]) -> None:
    (content, *_) = agreement_files("XA", "XB").values()
    changed = msgspec.json.decode(content) | changes
    with pytest.raises(Refusal):
        decode_file(msgspec.json.encode(changed), KINDS["agreement"], "agreement")
    with pytest.raises(ValidationError):
        validator_for(json_schema("agreement"), validate_formats=True).validate(changed)


@pytest.mark.parametrize("name", ["journal", "XA.symbolon/journal", "xa/journal", "example.org/xa"])
def test_the_schema_refuses_an_origin_that_cannot_be_the_nodes_own(name: str) -> None:
    content = sample("node")
    content["journal"]["origin"] = name
    with pytest.raises(ValidationError, match=re.escape(name)):
        validator_for(json_schema("node")).validate(content)
    with pytest.raises(Refusal, match="must begin with the node's id"):
        require_own_origin(name, "XA")
