"""Trust registry queries: who may award, ask and answer, as of a time."""

from typing import Any

import pytest

from node.errors import Code, Refusal
from node.model.trqp import Finding, TrustQuestion, authorized, recognized
from node.model.trust import TrustView
from tests.federation import (
    COLLEGE,
    DAY_US,
    START,
    changed_agreement,
    expiring,
    moment,
    trust_files,
)
from tests.trust_cases import edited, seen

AWARD = TrustQuestion("xa-college", "XA", "award", "7212/4/full_qualification")
ASK = TrustQuestion("XB", "XC", "ask", "employment")
MEMBER = TrustQuestion("XB", "federation", "answer", "qualifications")


def asked(question: TrustQuestion, view: TrustView | None = None, at: int = START) -> Finding:
    rule = recognized if question.action == "answer" else authorized
    return rule(view or seen(), question, at)


def like(question: TrustQuestion, **changes: str) -> TrustQuestion:
    fields = {name: getattr(question, name) for name in question.__struct_fields__}
    return TrustQuestion(**(fields | changes))


# --- award ---------------------------------------------------------------------------------


def test_an_issuer_may_award_what_it_is_accredited_for() -> None:
    assert asked(AWARD) == Finding(
        True, f"{COLLEGE} is accredited by Ministry of Tests from 2010-01-01."
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": "7112/4/full_qualification"},
        {"resource": "7212/5/full_qualification"},
        {"resource": "7212/4/licence"},
        {"entity_id": "xb-college"},
        {"entity_id": "nobody"},
        {"authority_id": "XB"},
    ],
)
def test_an_issuer_may_award_nothing_else(changes: dict[str, str]) -> None:
    assert not asked(like(AWARD, **changes)).holds


def test_an_accreditation_counts_from_its_first_day_to_its_end() -> None:
    entry = {
        "id": "xa-college",
        "name": "College",
        "withdrawn_since": "2026-06-01",
        "accredited": [
            {
                "isco08": ["72"],
                "levels_eqf": [4],
                "award_types": ["full_qualification"],
                "from": "2010-01-01",
                "by": "Ministry",
            }
        ],
    }
    view = seen(edited("issuers/XA/issuers.json", issuers=[entry]))
    finding = asked(AWARD, view)
    assert (finding.holds, "withdrawn" in finding.message) == (False, True)
    assert asked(AWARD, view, START - 200 * DAY_US).holds  # before the summer


def test_an_issuer_falls_with_its_countrys_membership() -> None:
    finding = asked(AWARD, seen(suspended("XA")))
    assert (finding.holds, "suspended" in finding.message) == (False, True)


# --- ask and answer ------------------------------------------------------------------------


def test_a_country_may_ask_what_an_agreement_covers() -> None:
    assert asked(ASK) == Finding(True, "The agreement xb-xc, version 1, covers this purpose.")
    finding = asked(like(ASK, resource="licensing"))
    assert finding == Finding(False, "The agreement xb-xc, version 1, does not cover this purpose.")
    assert asked(like(ASK, action="answer")).holds


def test_an_agreement_that_has_ended_covers_nothing_from_then_on() -> None:
    ended = seen(changed_agreement(trust_files(), "xb-xc", in_force_until="2026-11-22"))
    finding = asked(ASK, ended)
    assert finding == Finding(False, "XC and XB have no agreement in force.")
    assert asked(ASK, ended, START - DAY_US).holds


def suspended(country: str) -> dict[str, bytes]:
    members: list[dict[str, Any]] = [
        {"country": one, "since": "2026-01-01"} for one in ("XA", "XB", "XC")
    ]
    for member in members:
        if member["country"] == country:
            member["suspended_since"] = moment(START).isoformat()
    return edited("federation.json", members=members)


@pytest.mark.parametrize("country", ["XB", "XC"])
def test_a_suspended_country_neither_asks_nor_is_asked(country: str) -> None:
    view = seen(suspended(country))
    assert not asked(ASK, view).holds
    assert asked(ASK, view, START - 1).holds


def test_nobody_agrees_with_themselves_or_with_strangers() -> None:
    assert not asked(like(ASK, entity_id="XC")).holds
    assert not asked(like(ASK, entity_id="XQ")).holds


# --- the federation ------------------------------------------------------------------------


def test_the_federation_recognises_its_members_in_good_standing() -> None:
    assert asked(MEMBER) == Finding(True, "Authority of XB is a member in good standing.")
    assert not asked(like(MEMBER, entity_id="XQ")).holds
    assert not asked(MEMBER, seen(suspended("XB"))).holds
    expired = seen(change=expiring("country-XB", START + DAY_US))
    finding = asked(MEMBER, expired, START + DAY_US)
    assert (finding.holds, "expired" in finding.message) == (False, True)


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (like(AWARD, resource="7212"), "resource"),
        (like(AWARD, resource="7212/4/doctorate"), "resource"),
        (like(AWARD, authority_id="XQ"), "authority_id"),
        (like(ASK, resource="tourism"), "resource"),
        (like(ASK, authority_id="federation"), "authority_id"),
        (like(MEMBER, resource="employment"), "resource"),
        (like(ASK, action="issue"), "action"),
    ],
)
def test_what_no_authority_knows_is_unknown(question: TrustQuestion, field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        asked(question)
    assert refusal.value.code is Code.UNKNOWN
    assert refusal.value.reason.startswith(f"{field}: ")
