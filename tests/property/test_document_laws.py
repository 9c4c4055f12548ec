"""Laws of open documents: nothing that was changed passes, nothing at all makes a verifier fall."""

import copy
import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.documents.data_integrity import Suite
from node.documents.did import (
    base64url,
    multibase,
    read_base64url,
    read_did_document,
    read_multibase,
)
from node.documents.shapes import Format
from node.documents.status_list import ENTRIES, StatusPurpose, is_set, status_subject
from node.documents.verify import Verdict, verify
from node.errors import Refusal
from tests.documents import DID_DOCUMENT, SIGNED, known, made, status_lists

_LISTS = status_lists()
_MADE: dict[tuple[Format, Suite], bytes] = {
    (kind, suite): made(kind, suite) for kind in SIGNED for suite in Suite
}
_SAID: dict[tuple[Format, Suite], Any] = {
    at: verify(content, known(_LISTS)).content for at, content in _MADE.items()
}
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container with each of its keys."""
    if isinstance(value, dict):
        keys: list[Any] = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    else:
        return []
    return [(value, key) for key in keys] + [one for key in keys for one in _places(value[key])]


@settings(max_examples=150, deadline=None)
@given(at=st.sampled_from(sorted(_MADE)), place=st.integers(0), byte=st.integers(1, 255))
def test_no_changed_byte_makes_a_document_say_something_else(
    at: tuple[Format, Suite], place: int, byte: int
) -> None:
    changed = bytearray(_MADE[at])
    changed[place % len(changed)] ^= byte
    found = verify(bytes(changed), known(_LISTS))
    assert found.verdict is not Verdict.PASS or found.content == _SAID[at]


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([Format.VC, Format.OPEN_BADGE]),
    suite=st.sampled_from(list(Suite)),
    seed=st.integers(0, 1_000_000),
    value=_VALUES,
)
def test_no_value_in_any_place_makes_a_verifier_fall(
    kind: Format, suite: Suite, seed: int, value: object
) -> None:
    document = copy.deepcopy(json.loads(_MADE[kind, suite]))
    holder, key = random.Random(seed).choice(_places(document))
    holder[key] = value
    found = verify(json.dumps(document).encode(), known(_LISTS))
    assert found.verdict is not Verdict.PASS or found.content == _SAID[kind, suite]


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([Format.VC_JWT, Format.SD_JWT]),
    member=st.sampled_from(["alg", "typ", "kid", "cty", "iss", "crit", "jwk"]),
    claim=st.sampled_from(["iss", "nbf", "exp", "vct", "cnf", "_sd", "credentialStatus", "type"]),
    values=st.tuples(_VALUES, _VALUES),
)
def test_no_value_in_a_token_makes_a_verifier_fall(
    kind: Format, member: str, claim: str, values: tuple[object, object]
) -> None:
    token, tilde, rest = _MADE[kind, Suite.JCS].decode().partition("~")
    header, claims, signature = token.split(".")
    spelled = [
        base64url(json.dumps({**json.loads(read_base64url(part, "part")), name: value}).encode())
        for part, name, value in ((header, member, values[0]), (claims, claim, values[1]))
    ]
    found = verify((".".join((*spelled, signature)) + tilde + rest).encode(), known(_LISTS))
    assert found.verdict is not Verdict.PASS


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1_000_000), value=_VALUES)
def test_no_value_in_a_did_document_makes_its_reader_fall(seed: int, value: object) -> None:
    document = copy.deepcopy(DID_DOCUMENT)
    holder, key = random.Random(seed).choice(_places(document))
    holder[key] = value
    try:
        did, keys = read_did_document(json.dumps(document).encode())
    except Refusal:
        return
    assert all(method.startswith(f"{did}#") for method in keys)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200) | st.text(alphabet='ey.~JAB{}[]":,-_', max_size=60))
def test_nothing_at_all_makes_a_verifier_fall(content: bytes | str) -> None:
    data = content.encode() if isinstance(content, str) else content
    assert verify(data, known(_LISTS)).verdict is Verdict.FAIL


@given(data=st.binary(max_size=80))
def test_what_is_spelled_in_base58_or_base64url_reads_back(data: bytes) -> None:
    assert read_multibase(multibase(data), "data") == data
    assert read_base64url(base64url(data), "data") == data


@given(text=st.text(alphabet="AQgw01_-=+/ \n", max_size=9))
def test_bytes_have_one_spelling_in_base64url(text: str) -> None:
    try:
        found = read_base64url(text, "data")
    except Refusal:
        return
    assert base64url(found) == text


@settings(max_examples=25, deadline=None)
@given(places=st.frozensets(st.integers(0, ENTRIES - 1), max_size=40), other=st.integers(0))
def test_a_list_says_of_each_place_what_it_was_told(places: frozenset[int], other: int) -> None:
    subject = status_subject("https://xa.example/1", StatusPurpose.REVOCATION, places)
    for place in {*places, other % ENTRIES}:
        assert is_set(subject, "revocation", place) is (place in places)
