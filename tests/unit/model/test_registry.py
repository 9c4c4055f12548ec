import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.credential import Field, Status
from node.model.decide import Consent, Facts
from node.model.registry import RegistryState
from node.model.statement import (
    AgreementReference,
    Answer,
    Body,
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    NoAnswer,
    Outcome,
    Purpose,
    Query,
    Requester,
    Rule,
    ShareCodeSelector,
    StatusChanged,
    TrustAdopted,
    TrustReference,
)
from tests.world import DAY_US, START, sample_credential

_SELECTOR = ShareCodeSelector(b"d" * 32, b"p" * 32)
_GIVEN = ConsentGiven(
    code_digest=b"d" * 32,
    holder_proof=b"p" * 32,
    credential="XA-2019-000001",
    purpose=Purpose.EMPLOYMENT,
    fields=(Field.TITLE,),
    uses=2,
    expires_at=START + DAY_US,
    requester="",
)
_QUERY = Query(
    audience="XA",
    nonce=bytes(16),
    purpose=Purpose.EMPLOYMENT,
    selector=_SELECTOR,
    wanted=(Field.TITLE,),
    requester=Requester("Stahlbau Muster", "XB-REG-7", "construction"),
    answer_by=START + 60_000_000,
    agreement=AgreementReference("xa-xb", 1),
)


def _answer(outcome: Outcome) -> Answer:
    rule = Rule.NO_AGREEMENT if outcome is Outcome.REFUSED else None
    return Answer(bytes(32), outcome, rule, (), 2, START, START + 1)


@pytest.fixture
def state() -> RegistryState:
    state = RegistryState()
    state.apply(0, CredentialRegistered(sample_credential()))
    state.apply(1, _GIVEN)
    return state


def test_holds_nothing_before_the_first_entry() -> None:
    assert RegistryState().facts(_SELECTOR, 0) == Facts(None, None, 0)


def test_holds_what_was_registered_and_consented(state: RegistryState) -> None:
    consent = Consent(_GIVEN, ended=False, uses_spent=0)
    assert state.facts(_SELECTOR, 2) == Facts(consent, sample_credential(), 2)
    assert state.position == 2


def test_another_share_code_shows_nothing(state: RegistryState) -> None:
    assert state.facts(ShareCodeSelector(b"e" * 32, b"p" * 32), 2) == Facts(None, None, 2)


def test_a_status_is_the_one_last_stated(state: RegistryState) -> None:
    for index, status in enumerate((Status.SUSPENDED, Status.ACTIVE, Status.REVOKED), start=2):
        state.apply(index, StatusChanged("XA-2019-000001", status, "decided"))
        assert state.facts(_SELECTOR, index + 1).credential == sample_credential(status=status)


def test_a_record_stated_anew_replaces_the_old_one(state: RegistryState) -> None:
    anew = sample_credential(title="Soudeuse", status=Status.SUPERSEDED)
    state.apply(2, CredentialRegistered(anew))
    assert state.facts(_SELECTOR, 3).credential == anew


@pytest.mark.parametrize("cause", ConsentEnd)
def test_a_share_code_ends_for_good(state: RegistryState, cause: ConsentEnd) -> None:
    state.apply(2, ConsentEnded(b"d" * 32, cause))
    state.apply(3, _GIVEN)
    assert state.facts(_SELECTOR, 4).consent == Consent(_GIVEN, ended=True, uses_spent=0)


@pytest.mark.parametrize("outcome", Outcome)
def test_only_an_answer_that_showed_the_credential_spends_a_use(
    state: RegistryState, outcome: Outcome
) -> None:
    state.apply(2, _answer(outcome), _QUERY)
    state.apply(3, _answer(outcome), _QUERY)
    spent = 0 if outcome in {Outcome.NOT_CONFIRMED, Outcome.REFUSED} else 2
    assert state.facts(_SELECTOR, 4).consent == Consent(_GIVEN, ended=False, uses_spent=spent)


def test_an_answer_spends_the_share_code_of_its_own_query(state: RegistryState) -> None:
    other = replace(_QUERY, selector=ShareCodeSelector(b"e" * 32, b"p" * 32))
    state.apply(2, _answer(Outcome.CONFIRMED), other)
    consent = state.facts(_SELECTOR, 3).consent
    assert consent is not None
    assert consent.uses_spent == 0


def test_an_answer_that_spends_needs_its_query(state: RegistryState) -> None:
    state.apply(2, _answer(Outcome.NOT_CONFIRMED))
    with pytest.raises(Refusal) as refusal:
        state.apply(3, _answer(Outcome.REVOKED))
    assert refusal.value.code is Code.DEFECT


def test_events_about_what_is_not_there_change_nothing() -> None:
    state = RegistryState()
    state.apply(0, StatusChanged("XA-7", Status.REVOKED, "decided"))
    state.apply(1, ConsentEnded(b"d" * 32, ConsentEnd.REVOKED))
    state.apply(2, _answer(Outcome.CONFIRMED), _QUERY)
    assert (state.credentials, state.consents) == ({}, {})


def test_other_statements_move_only_the_position(state: RegistryState) -> None:
    before = state.facts(_SELECTOR, 9)
    others: tuple[Body, ...] = (
        _QUERY,
        NoAnswer(bytes(32), Code.PEER_SILENT),
        Conclusion(bytes(32), bytes(32), Outcome.CONFIRMED),
        TrustAdopted(TrustReference(1, bytes(32))),
    )
    for index, body in enumerate(others, start=5):
        state.apply(index, body)
    assert state.position == 9
    assert state.facts(_SELECTOR, 9) == before


def test_never_goes_back_behind_its_position(state: RegistryState) -> None:
    for attempt in (lambda: state.apply(1, _GIVEN), lambda: state.facts(_SELECTOR, 1)):
        with pytest.raises(Refusal) as refusal:
            attempt()
        assert refusal.value.code is Code.DEFECT
