"""Laws of what the HTTP API reads: whatever comes, it is read or refused."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.edge.bodies import read_inquiry
from node.errors import Code, Refusal
from node.model import share_code
from node.model.credential import Field
from node.model.statement import Purpose

_CODES = st.binary(min_size=10, max_size=10).map(lambda drawn: share_code.make("XB", drawn))
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    _CODES,
    st.dates(),
    st.sampled_from(Purpose),
    st.sets(st.sampled_from(Field), min_size=1),
)
def test_reads_back_every_question_that_can_be_asked(
    code: share_code.ShareCode, birth_date: date, purpose: Purpose, wanted: set[Field]
) -> None:
    body = {
        "share_code": str(code),
        "birth_date": birth_date.isoformat(),
        "purpose": purpose.name.lower(),
        "wanted": [field.name.lower() for field in wanted],
    }
    inquiry = read_inquiry(json.dumps(body).encode())
    assert (inquiry.share_code, inquiry.birth_date, inquiry.purpose) == (code, birth_date, purpose)
    assert inquiry.wanted == tuple(sorted(wanted))


@given(
    st.binary()
    | _ANYTHING.map(lambda drawn: json.dumps(drawn).encode())
    | st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(("share_code", "birth_date", "purpose", "wanted"), _ANYTHING),
    ).map(lambda drawn: json.dumps(drawn).encode())
)
def test_refuses_everything_else_as_malformed(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_inquiry(body)
    assert caught.value.code is Code.MALFORMED


@given(_CODES, st.integers(min_value=0, max_value=31), st.sampled_from(["share_code", "purpose"]))
def test_refuses_control_characters_wherever_they_stand(
    code: share_code.ShareCode, control: int, field: str
) -> None:
    body = {"share_code": str(code), "birth_date": "1991-03-14", "purpose": "employment"}
    body[field] += "@"
    raw = json.dumps(body).encode().replace(b"@", bytes([control]))
    with pytest.raises(Refusal) as caught:
        read_inquiry(raw)
    assert caught.value.code is Code.MALFORMED
