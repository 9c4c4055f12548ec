"""What the HTTP API reads and says."""

import json
from datetime import date
from typing import get_args

import msgspec
import pytest
from msgspec import Struct

from node.edge.bodies import (
    HTTP_REFUSALS,
    SHARE_CODE_EXAMPLE,
    TITLES,
    FieldName,
    OutcomeName,
    PurposeName,
    RuleName,
    read_inquiry,
    verification_body,
)
from node.errors import Code, Refusal
from node.flows.ports import Verification
from node.model.credential import Field
from node.model.share_code import parse
from node.model.statement import (
    AgreementReference,
    Answer,
    Disclosure,
    Outcome,
    Purpose,
    Query,
    Requester,
    Rule,
    ShareCodeSelector,
)
from tests.world import START

_QUERY = Query(
    audience="XB",
    nonce=bytes(16),
    purpose=Purpose.EMPLOYMENT,
    selector=ShareCodeSelector(bytes(32), bytes(32)),
    wanted=tuple(Field),
    requester=Requester("Werft Nord", "XA-1", "shipbuilding"),
    answer_by=START + 300_000_000,
    agreement=AgreementReference("xa-xb", 1),
)
_OPEN = Verification("0" * 48, "key", "XB", _QUERY, START, None, None, None)
_CONFIRMED = Answer(
    query=bytes(32),
    outcome=Outcome.CONFIRMED,
    rule=None,
    disclosed=(
        Disclosure(Field.TITLE, "Soudeur"),
        Disclosure(Field.UNITS, "U-101 Sécurité"),
        Disclosure(Field.UNITS, "U-201 Soudage"),
    ),
    registry_position=7,
    evaluated_at=START + 40_000,
    good_until=START + 86_400_000_000,
)


def _answered(answer: Answer) -> Verification:
    return msgspec.structs.replace(_OPEN, answer=answer, answered_at=START + 50_000)


def _request(**changes: object) -> bytes:
    fields = {
        "share_code": SHARE_CODE_EXAMPLE,
        "birth_date": "1991-03-14",
        "purpose": "employment",
        **changes,
    }
    return json.dumps(fields).encode()


def _refused(body: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read_inquiry(body)
    assert caught.value.code is Code.MALFORMED
    return caught.value.reason


@pytest.mark.parametrize(
    ("names", "members"),
    [(FieldName, Field), (PurposeName, Purpose), (OutcomeName, Outcome), (RuleName, Rule)],
)
def test_names_in_json_are_those_of_the_model(names: object, members: type) -> None:
    known = [member.name.lower() for member in members]  # type: ignore[attr-defined]
    assert list(get_args(names)) == known


def test_each_refusal_code_has_a_title() -> None:
    assert TITLES.keys() == set(Code)
    assert {code for code, _ in HTTP_REFUSALS.values()} <= set(Code)


def test_reads_an_inquiry_about_everything_unless_told_what_is_wanted() -> None:
    inquiry = read_inquiry(_request())
    assert inquiry.share_code == parse(SHARE_CODE_EXAMPLE)
    assert inquiry.birth_date == date(1991, 3, 14)
    assert inquiry.purpose is Purpose.EMPLOYMENT
    assert inquiry.wanted == tuple(Field)


def test_puts_wanted_fields_into_the_order_of_the_protocol() -> None:
    inquiry = read_inquiry(_request(wanted=["units", "title"]))
    assert inquiry.wanted == (Field.TITLE, Field.UNITS)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"share_code": 7}, "share_code: expected `str`, got `int`"),
        ({"share_code": ""}, "share_code: expected `str` of length >= 1"),
        ({"share_code": "X" * 65}, "share_code: expected `str` of length <= 64"),
        (
            {
                "share_code": SHARE_CODE_EXAMPLE[:-1]
                + ("8" if SHARE_CODE_EXAMPLE[-1] == "9" else "9")
            },
            "share_code: a letter or digit is wrong",
        ),
        ({"birth_date": "14.3.1991"}, "birth_date: must be a date, YYYY-MM-DD"),
        ({"birth_date": "1991-02-29"}, "birth_date: must be a date, YYYY-MM-DD"),
        ({"purpose": "curiosity"}, "purpose: must be one of employment, licensing, enrolment"),
        ({"wanted": []}, "wanted: must name each field once, and at least one"),
        ({"wanted": ["title", "title"]}, "wanted: must name each field once"),
        ({"wanted": ["salary"]}, "wanted[0]: must be one of holder_name, "),
        ({"wanted": None}, "wanted: expected `array`, got `null`"),
        ({"name": "x"}, "the body: has a field that is not known; known are share_code, "),
    ],
)
def test_refuses_a_wrong_field_and_names_it(changes: dict[str, object], reason: str) -> None:
    assert _refused(_request(**changes)).startswith(reason)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        b'{"share_code": "\xff"}',
        b'{"share_code": "\\ud800"}',
        _request() + b"{}",
    ],
)
def test_refuses_what_is_no_json(body: bytes) -> None:
    assert _refused(body) == "the body is not JSON in UTF-8"


def test_refuses_deep_nesting_without_climbing_into_it() -> None:
    assert _refused(b"[" * 16_000) == "the body: expected `object`, got `array`"


@pytest.mark.parametrize("name", ["share_code", "\\u0073hare_code"])
def test_refuses_a_field_given_twice(name: str) -> None:
    twice = _request().decode().replace("{", f'{{"{name}": "{SHARE_CODE_EXAMPLE}", ', 1)
    assert _refused(twice.encode()) == "the body has the same field twice"


@pytest.mark.parametrize("field", ["purpose", "wanted", "Éloïse Marchand"])
def test_never_repeats_a_value_or_an_unknown_name_in_a_refusal(field: str) -> None:
    secret = "Éloïse Marchand"
    value = [secret] if field == "wanted" else secret
    assert secret not in _refused(_request(**{field: value}))


def test_shows_a_confirmed_qualification_with_its_fields_and_receipt() -> None:
    body = verification_body(_answered(_CONFIRMED), "Authority of XB")
    shown = json.loads(msgspec.json.encode(body))
    assert shown.pop("meaning").startswith("Authority of XB confirms that this qualification")
    assert shown == {
        "id": "0" * 48,
        "state": "answered",
        "asked_at": "2026-11-23T09:00:00Z",
        "answered_at": "2026-11-23T09:00:00.050000Z",
        "answering_node": "XB",
        "outcome": "confirmed",
        "rule": None,
        "disclosed": {"title": "Soudeur", "units": ["U-101 Sécurité", "U-201 Soudage"]},
        "registry_position": 7,
        "evaluated_at": "2026-11-23T09:00:00.040000Z",
        "good_until": "2026-11-24T09:00:00Z",
        "no_answer": None,
        "receipt": f"/v1/verifications/{'0' * 48}/receipt",
        "trust_age_s": None,
    }


def test_shows_an_open_question_without_anything_that_only_an_answer_has() -> None:
    body = verification_body(_OPEN, "Authority of XB")
    assert body.state == "open"
    assert "until 2026-11-23 09:05 UTC" in body.meaning
    present = {name for name in body.__struct_fields__ if getattr(body, name) is not None}
    assert present == {"id", "state", "asked_at", "answering_node", "disclosed", "meaning"}


class _Said(Struct):
    outcome: Outcome
    rule: Rule | None = None


@pytest.mark.parametrize(
    "said",
    [
        *(_Said(outcome) for outcome in Outcome if outcome is not Outcome.REFUSED),
        *(_Said(Outcome.REFUSED, rule) for rule in Rule),
    ],
    ids=str,
)
def test_says_each_outcome_in_one_sentence(said: _Said) -> None:
    answer = msgspec.structs.replace(_CONFIRMED, outcome=said.outcome, rule=said.rule, disclosed=())
    body = verification_body(_answered(answer), "Authority {of} XB")
    assert body.outcome == said.outcome.name.lower()
    assert body.meaning.startswith("Authority {of} XB ")
    assert body.meaning.endswith(".")
    assert ". " not in body.meaning


@pytest.mark.parametrize("code", list(Code))
def test_says_why_no_answer_came(code: Code) -> None:
    unanswered = msgspec.structs.replace(_OPEN, no_answer=code.value)
    body = verification_body(unanswered, "Authority of XB")
    assert (body.state, body.no_answer, body.receipt) == ("unanswered", code, None)
    assert "this says nothing about the holder" in body.meaning


def test_each_outcome_means_something_else() -> None:
    meanings = {
        verification_body(_answered(answer), "XB").meaning
        for outcome in Outcome
        for rule in (Rule if outcome is Outcome.REFUSED else (None,))
        for answer in (msgspec.structs.replace(_CONFIRMED, outcome=outcome, rule=rule),)
    }
    assert len(meanings) == len(Outcome) - 1 + len(Rule)


def test_shows_a_time_that_a_foreign_node_put_at_the_end_of_all_calendars() -> None:
    answer = msgspec.structs.replace(_CONFIRMED, good_until=253_402_300_800_000_000)
    body = verification_body(_answered(answer), "XB")
    assert json.loads(msgspec.json.encode(body))["good_until"] == "9999-12-31T23:59:59.999999Z"


def test_shows_both_values_of_a_field_that_a_foreign_node_states_twice() -> None:
    twice = (Disclosure(Field.TITLE, "Soudeur"), Disclosure(Field.TITLE, "Welder"))
    answer = msgspec.structs.replace(_CONFIRMED, disclosed=twice)
    assert verification_body(_answered(answer), "XB").disclosed.title == "Soudeur; Welder"
