from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from node.model.credential import Credential, Field, Status
from node.model.decide import GOOD_FOR_US, Consent, Facts, decide, spends_consent
from node.model.history import Phase
from node.model.statement import (
    AgreementReference,
    Answer,
    ConsentGiven,
    Disclosure,
    Outcome,
    Purpose,
    Query,
    Requester,
    Rule,
    ShareCodeSelector,
)
from node.model.trust import Agreement, IssuerBook
from tests.federation import issuer_gone, sample_trust
from tests.world import DAY_US, START, sample_credential

_COMMITMENT = b"c" * 32
_QUERY = Query(
    audience="XA",
    nonce=bytes(16),
    purpose=Purpose.EMPLOYMENT,
    selector=ShareCodeSelector(b"d" * 32, b"p" * 32),
    wanted=(Field.HOLDER_NAME, Field.TITLE, Field.UNITS),
    requester=Requester("Stahlbau Muster", "XB-REG-7", "construction"),
    answer_by=START + 60_000_000,
    agreement=AgreementReference("xa-xb", 1),
)
_AGREEMENT = Agreement(
    "xa-xb", 1, frozenset({"XA", "XB"}), 0, None, frozenset({Purpose.EMPLOYMENT}), START + DAY_US
)
_GIVEN = ConsentGiven(
    code_digest=b"d" * 32,
    holder_proof=b"p" * 32,
    credential="XA-2019-000001",
    purpose=Purpose.EMPLOYMENT,
    fields=tuple(Field),
    uses=2,
    expires_at=START + DAY_US,
    requester="",
)


def _decide(
    credential: Credential | None = None,
    *,
    later: tuple[Phase, ...] = (),
    issuers: IssuerBook | None = None,
    given: Mapping[str, object] | None = None,
    ended: bool = False,
    uses_spent: int = 0,
    agreement: Agreement | None = _AGREEMENT,
    query: Query = _QUERY,
    now: int = START,
) -> Answer:
    consent = Consent(replace(_GIVEN, **(given or {})), ended, uses_spent)
    facts = Facts(consent, credential or sample_credential(), 17, later)
    return decide(query, _COMMITMENT, facts, agreement, now, issuers=issuers)


def test_confirms_an_active_credential_and_shows_what_was_granted() -> None:
    assert _decide(given={"fields": (Field.ISSUER, Field.TITLE, Field.UNITS)}) == Answer(
        query=_COMMITMENT,
        outcome=Outcome.CONFIRMED,
        rule=None,
        disclosed=(
            Disclosure(Field.TITLE, "Certificat professionnel : Soudeur"),
            Disclosure(Field.UNITS, "U-101 Sécurité au travail"),
            Disclosure(Field.UNITS, "U-201 Soudage MIG/MAG"),
        ),
        registry_position=17,
        evaluated_at=START,
        good_until=START + GOOD_FOR_US,
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (Status.ACTIVE, Outcome.CONFIRMED),
        (Status.SUSPENDED, Outcome.SUSPENDED),
        (Status.REVOKED, Outcome.REVOKED),
        (Status.SUPERSEDED, Outcome.SUPERSEDED),
    ],
)
def test_an_outcome_follows_the_status(status: Status, outcome: Outcome) -> None:
    answer = _decide(sample_credential(status=status))
    assert answer.outcome is outcome
    assert answer.disclosed
    assert spends_consent(answer)


def test_a_status_that_was_decided_outweighs_the_calendar() -> None:
    revoked = sample_credential(status=Status.REVOKED, expires_on=date(2020, 1, 1))
    assert _decide(revoked).outcome is Outcome.REVOKED


def test_a_credential_holds_to_the_end_of_its_last_day() -> None:
    midnight = START + 15 * 60 * 60 * 1_000_000  # from nine o'clock
    credential = sample_credential(expires_on=date(2026, 11, 23))
    last = _decide(credential, now=midnight - 1)
    assert (last.outcome, last.good_until) == (Outcome.CONFIRMED, midnight)
    first = _decide(credential, now=midnight)
    assert (first.outcome, first.good_until) == (Outcome.EXPIRED, midnight + GOOD_FOR_US)
    assert spends_consent(first)


@pytest.mark.parametrize(
    ("agreement", "rule"),
    [
        (None, Rule.NO_AGREEMENT),
        (replace(_AGREEMENT, id="xa-xc"), Rule.NO_AGREEMENT),
        (replace(_AGREEMENT, version=2), Rule.NO_AGREEMENT),
        (replace(_AGREEMENT, purposes=frozenset({Purpose.LICENSING})), Rule.PURPOSE_NOT_COVERED),
        (replace(_AGREEMENT, purposes=frozenset()), Rule.PURPOSE_NOT_COVERED),
    ],
)
def test_refuses_by_rule_what_no_agreement_covers(agreement: Agreement | None, rule: Rule) -> None:
    answer = _decide(agreement=agreement)
    assert (answer.outcome, answer.rule, answer.disclosed) == (Outcome.REFUSED, rule, ())
    assert not spends_consent(answer)


@pytest.mark.parametrize(
    ("given", "ended", "uses_spent"),
    [
        ({}, True, 0),
        ({}, False, 2),
        ({}, False, 3),
        ({"expires_at": START}, False, 0),
        ({"holder_proof": b"q" * 32}, False, 0),
        ({"purpose": Purpose.LICENSING}, False, 0),
        ({"requester": "XB-REG-8"}, False, 0),
    ],
)
def test_a_share_code_that_opens_nothing_confirms_nothing(
    given: dict[str, object], ended: bool, uses_spent: int
) -> None:
    answer = _decide(given=given, ended=ended, uses_spent=uses_spent)
    nobody = decide(_QUERY, _COMMITMENT, Facts(None, None, 17), _AGREEMENT, START)
    assert answer == nobody
    assert (nobody.outcome, nobody.disclosed) == (Outcome.NOT_CONFIRMED, ())
    assert not spends_consent(nobody)


@pytest.mark.parametrize(
    ("given", "uses_spent"),
    [({}, 1), ({"expires_at": START + 1}, 0), ({"requester": "XB-REG-7"}, 0)],
)
def test_a_share_code_opens_up_to_its_very_bounds(
    given: dict[str, object], uses_spent: int
) -> None:
    assert _decide(given=given, uses_spent=uses_spent).outcome is Outcome.CONFIRMED


def test_nothing_granted_that_was_wanted_still_confirms() -> None:
    answer = _decide(given={"fields": (Field.LANGUAGE,)})
    assert (answer.outcome, answer.disclosed) == (Outcome.CONFIRMED, ())
    assert spends_consent(answer)


# --- what takes effect at another time -----------------------------------------------------


def _suspended_from(since: int) -> tuple[Phase, ...]:
    return (Phase(since, sample_credential(status=Status.SUSPENDED)),)


@pytest.mark.parametrize(
    ("since", "outcome", "good_for"),
    [
        (START + 1, Outcome.CONFIRMED, 1),
        (START, Outcome.SUSPENDED, GOOD_FOR_US),
        (START - 1, Outcome.SUSPENDED, GOOD_FOR_US),
        (START + 2 * GOOD_FOR_US, Outcome.CONFIRMED, GOOD_FOR_US),
    ],
)
def test_a_change_counts_from_when_it_takes_effect_and_no_answer_is_good_beyond(
    since: int, outcome: Outcome, good_for: int
) -> None:
    answer = _decide(later=_suspended_from(since))
    assert (answer.outcome, answer.good_until) == (outcome, START + good_for)


def test_of_several_changes_the_last_that_has_taken_effect_counts() -> None:
    later = (
        *_suspended_from(START - 2),
        Phase(START - 1, sample_credential(title="Soudeuse")),
        Phase(START + 1, sample_credential(status=Status.REVOKED)),
    )
    answer = _decide(later=later)
    assert answer.outcome is Outcome.CONFIRMED
    assert Disclosure(Field.TITLE, "Soudeuse") in answer.disclosed


def test_what_is_not_valid_yet_is_like_what_is_not_there() -> None:
    nobody = decide(_QUERY, _COMMITMENT, Facts(None, None, 17), _AGREEMENT, START)
    tomorrow = date(2026, 11, 24)
    assert _decide(sample_credential(valid_from=tomorrow)) == nobody
    today = date(2026, 11, 23)
    assert _decide(sample_credential(valid_from=today)).outcome is Outcome.CONFIRMED


# --- accreditation -------------------------------------------------------------------------

_BOOK = sample_trust().view.books["XA"]


def test_confirms_an_award_that_its_issuer_was_accredited_for() -> None:
    assert _decide(issuers=_BOOK) == _decide()


@pytest.mark.parametrize(
    "changes",
    [{"issuer": "Academy of Nowhere"}, {"isco08": "7411"}, {"awarded_on": date(2009, 12, 31)}],
)
def test_does_not_confirm_an_award_outside_its_issuers_accreditation(
    changes: dict[str, Any],
) -> None:
    answer = _decide(sample_credential(**changes), issuers=_BOOK)
    assert (answer.outcome, answer.rule) == (Outcome.REFUSED, Rule.ISSUER_NOT_ACCREDITED)
    assert answer.disclosed == ()
    assert not spends_consent(answer)


def test_tells_what_became_of_an_award_before_it_looks_at_its_issuer() -> None:
    for status in (Status.SUSPENDED, Status.REVOKED, Status.SUPERSEDED):
        answer = _decide(sample_credential(isco08="7411", status=status), issuers=_BOOK)
        assert answer.outcome.name == status.name


def test_says_nothing_of_the_issuer_to_whom_the_code_does_not_open_it() -> None:
    answer = _decide(sample_credential(isco08="7411"), issuers=_BOOK, ended=True)
    assert answer.outcome is Outcome.NOT_CONFIRMED


@pytest.mark.parametrize("how", ["withdrawn_since", "suspended_since"])
def test_earlier_awards_of_an_issuer_that_is_gone_stay_good_and_later_ones_do_not(
    how: str,
) -> None:
    book = issuer_gone(how, date(2019, 6, 28)).view.books["XA"]
    before = _decide(sample_credential(awarded_on=date(2019, 6, 27)), issuers=book)
    after = _decide(sample_credential(awarded_on=date(2019, 6, 28)), issuers=book)
    assert (before.outcome, after.rule) == (Outcome.CONFIRMED, Rule.ISSUER_NOT_ACCREDITED)
