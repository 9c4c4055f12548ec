from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from node.model.credential import Credential
from node.model.decide import GOOD_FOR_US, Consent, Facts, decide, spends_consent
from node.model.statement import (
    ConsentGiven,
    Outcome,
    Purpose,
    Query,
    Requester,
    Rule,
    ShareCodeSelector,
    Statement,
    TrustReference,
)
from node.model.trust import Agreement
from node.wire.codec import INDEX_MAX, TIME_MAX_US, decode_statement, encode_statement
from tests.strategies import consents_given, credentials, digests, queries

_NOWS = st.integers(1, TIME_MAX_US - GOOD_FOR_US)
_POSITIONS = st.integers(0, INDEX_MAX)


@st.composite
def _agreements(draw: st.DrawFn, query: Query) -> Agreement | None:
    return draw(
        st.none()
        | st.builds(
            Agreement,
            id=st.just(query.agreement.id) | st.text(),
            version=st.just(query.agreement.version) | st.integers(1, 9),
            parties=st.just(frozenset({"XA", "XB"})),
            in_force_from=st.just(0),
            in_force_until=st.none(),
            purposes=st.frozensets(st.sampled_from(Purpose)),
        )
    )


@st.composite
def _consents(draw: st.DrawFn, query: Query) -> Consent:
    """Draw a consent that fits the query in some respects, perhaps in all."""
    given_ = draw(consents_given)
    fitting = {
        "code_digest": query.selector.code_digest,
        "holder_proof": query.selector.holder_proof,
        "purpose": query.purpose,
        "requester": query.requester.register_id,
    }
    kept = draw(st.sets(st.sampled_from(sorted(fitting))))
    return Consent(
        replace(given_, **{name: fitting[name] for name in kept}),
        draw(st.booleans()),
        draw(st.integers(0, 3)),
    )


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Query, bytes, Facts, Agreement | None, int]:
    now = draw(_NOWS)
    query = draw(queries(now))
    facts = Facts(
        draw(st.none() | _consents(query)), draw(st.none() | credentials()), draw(_POSITIONS)
    )
    return query, draw(digests), facts, draw(_agreements(query)), now


@given(_cases())
def test_decides_every_case_and_twice_the_same(
    case: tuple[Query, bytes, Facts, Agreement | None, int],
) -> None:
    query, commitment, facts, agreement, now = case
    answer = decide(query, commitment, facts, agreement, now)
    assert decide(*case) == answer
    assert (answer.query, answer.registry_position) == (commitment, facts.position)
    assert answer.evaluated_at == now < answer.good_until <= now + GOOD_FOR_US
    assert (answer.rule is not None) == (answer.outcome is Outcome.REFUSED)


@given(_cases())
def test_every_answer_can_be_said_and_read(
    case: tuple[Query, bytes, Facts, Agreement | None, int],
) -> None:
    answer = decide(*case)
    statement = Statement("XA", answer.evaluated_at, TrustReference(1, bytes(32)), answer)
    assert decode_statement(encode_statement(statement)).body == answer


@given(_cases())
def test_shows_only_what_is_wanted_granted_and_held(
    case: tuple[Query, bytes, Facts, Agreement | None, int],
) -> None:
    query, _, facts, agreement, _ = case
    answer = decide(*case)
    shown = [disclosure.field for disclosure in answer.disclosed]
    assert shown == sorted(shown)
    if spends_consent(answer):
        assert facts.consent is not None
        assert facts.credential is not None
        assert agreement is not None
        assert set(shown) <= set(query.wanted) & set(facts.consent.given.fields)
    else:
        assert shown == []


@given(_cases())
def test_refuses_exactly_where_no_agreement_covers_it(
    case: tuple[Query, bytes, Facts, Agreement | None, int],
) -> None:
    query, _, _, agreement, _ = case
    relied_on = agreement is not None and agreement.reference == query.agreement
    covered = agreement is not None and query.purpose in agreement.purposes
    expected = Rule.NO_AGREEMENT if not relied_on else None if covered else Rule.PURPOSE_NOT_COVERED
    assert decide(*case).rule is expected


# --- not confirmed -------------------------------------------------------------------------

_Cause = Callable[[Query, Consent, int], Consent | None]


def _changed(consent: Consent, **changes: object) -> Consent:
    return replace(consent, given=replace(consent.given, **changes))


_CAUSES: dict[str, _Cause] = {
    "no such share code": lambda _query, _consent, _now: None,
    "ended": lambda _query, consent, _now: replace(consent, ended=True),
    "spent": lambda _query, consent, _now: replace(consent, uses_spent=consent.given.uses),
    "expires this instant": lambda _query, consent, now: _changed(consent, expires_at=now),
    "expired long ago": lambda _query, consent, _now: _changed(consent, expires_at=1),
    "wrong holder proof": lambda _query, consent, _now: _changed(
        consent, holder_proof=bytes(byte ^ 1 for byte in consent.given.holder_proof)
    ),
    "other purpose": lambda query, consent, _now: _changed(
        consent, purpose=next(purpose for purpose in Purpose if purpose is not query.purpose)
    ),
    "other requester": lambda query, consent, _now: _changed(
        consent, requester=query.requester.register_id + "2"
    ),
}


def _opening(query: Query, credential: Credential, now: int) -> Consent:
    return Consent(
        ConsentGiven(
            code_digest=query.selector.code_digest,
            holder_proof=query.selector.holder_proof,
            credential=credential.number,
            purpose=query.purpose,
            fields=query.wanted,
            uses=1,
            expires_at=now + 1,
            requester=query.requester.register_id,
        ),
        ended=False,
        uses_spent=0,
    )


def _agreement(query: Query) -> Agreement:
    return Agreement(
        query.agreement.id,
        query.agreement.version,
        frozenset({"XA", "XB"}),
        0,
        None,
        frozenset(Purpose),
        2**62,
    )


@given(
    data=st.data(),
    now=_NOWS,
    credential=credentials().map(lambda one: replace(one, valid_from=None)),
    causes=st.sets(st.sampled_from(sorted(_CAUSES)), min_size=1),
    held=st.booleans(),
)
def test_not_confirmed_is_one_and_the_same_for_every_cause(
    *, data: st.DataObject, now: int, credential: Credential, causes: set[str], held: bool
) -> None:
    commitment, position = data.draw(digests), data.draw(_POSITIONS)
    query = data.draw(queries(now))
    agreement = _agreement(query)
    opening = _opening(query, credential, now)
    confirmed = decide(query, commitment, Facts(opening, credential, position), agreement, now)
    assert spends_consent(confirmed)
    consent: Consent | None = opening
    for cause in sorted(causes):
        if consent is not None:
            consent = _CAUSES[cause](query, consent, now)
    facts = Facts(consent, credential if held else None, position)
    nobody = decide(query, commitment, Facts(None, None, position), agreement, now)
    assert nobody.outcome is Outcome.NOT_CONFIRMED
    assert decide(query, commitment, facts, agreement, now) == nobody


@given(_NOWS, digests, credentials(), _POSITIONS, st.data())
def test_a_share_code_without_its_credential_confirms_nothing(
    now: int, commitment: bytes, credential: Credential, position: int, data: st.DataObject
) -> None:
    query = data.draw(queries(now))
    opening = _opening(query, credential, now)
    answers = {
        decide(query, commitment, Facts(consent, None, position), _agreement(query), now)
        for consent in (opening, None)
    }
    assert len(answers) == 1


@given(_NOWS, digests, credentials(), st.data())
def test_whoever_asks_with_another_selector_learns_the_same(
    now: int, commitment: bytes, credential: Credential, data: st.DataObject
) -> None:
    query = data.draw(queries(now))
    opening = _opening(query, credential, now)
    stranger = replace(
        query,
        selector=ShareCodeSelector(query.selector.code_digest, data.draw(digests)),
        requester=Requester("Someone", "elsewhere", "care"),
    )
    guessed = decide(stranger, commitment, Facts(opening, credential, 0), _agreement(query), now)
    unknown = decide(stranger, commitment, Facts(None, None, 0), _agreement(query), now)
    assert guessed == unknown
