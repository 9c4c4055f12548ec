"""Arbitrary values of the model, within the bounds that the codec keeps."""

from datetime import date

from hypothesis import strategies as st

from node.errors import Code
from node.model.credential import (
    AssessmentMethod,
    AwardType,
    Credential,
    Field,
    Status,
    Unit,
)
from node.model.statement import (
    ANSWER_WITHIN_MAX_US,
    AccessFilter,
    AccessKind,
    AgreementReference,
    Answer,
    AuditAccess,
    Body,
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    Disclosure,
    NoAnswer,
    Outcome,
    Purpose,
    Query,
    Requester,
    Rule,
    ShareCodeSelector,
    Statement,
    StatusChanged,
    TrustAdopted,
    TrustReference,
)
from node.wire.codec import INDEX_MAX, TIME_MAX_US, USES_MAX

node_ids = st.from_regex(r"[A-Z]{2}[0-9]{0,2}", fullmatch=True)
numbers = st.from_regex(r"[A-Z]{2}[0-9]{0,2}-[0-9A-Z][0-9A-Z/.-]{0,55}", fullmatch=True)
digests = st.binary(min_size=32, max_size=32)
times = st.integers(1, TIME_MAX_US)
field_tuples = st.sets(st.sampled_from(Field), min_size=1).map(lambda some: tuple(sorted(some)))


def texts(length_max: int, length_min: int = 1) -> st.SearchStrategy[str]:
    """Return texts without control characters, line separators and lone surrogates."""
    characters = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
    return st.text(characters, min_size=length_min, max_size=length_max)


units = st.builds(Unit, texts(64), texts(300))


@st.composite
def credentials(draw: st.DrawFn) -> Credential:
    born = draw(st.dates(max_value=date(9990, 1, 1)))
    awarded_on = draw(st.dates(min_value=date.fromordinal(born.toordinal() + 1)))
    return Credential(
        number=draw(numbers),
        holder_name=draw(texts(200)),
        birth_date=born,
        issuer=draw(texts(200)),
        title=draw(texts(300)),
        award_type=draw(st.sampled_from(AwardType)),
        isco08=draw(st.from_regex(r"[0-9]{1,4}", fullmatch=True)),
        level_national=draw(texts(64)),
        level_eqf=draw(st.integers(1, 8)),
        awarded_on=awarded_on,
        expires_on=draw(st.none() | st.dates(min_value=awarded_on)),
        status=draw(st.sampled_from(Status)),
        assessment_method=draw(st.sampled_from(AssessmentMethod)),
        language=draw(st.from_regex(r"[a-z]{2,3}", fullmatch=True)),
        units=tuple(draw(st.lists(units, max_size=4))),
    )


@st.composite
def queries(draw: st.DrawFn, said_at: int) -> Query:
    return Query(
        audience=draw(node_ids),
        nonce=draw(st.binary(min_size=16, max_size=16)),
        purpose=draw(st.sampled_from(Purpose)),
        selector=ShareCodeSelector(draw(digests), draw(digests)),
        wanted=draw(field_tuples),
        requester=Requester(draw(texts(200)), draw(texts(64)), draw(texts(64))),
        answer_by=said_at + draw(st.integers(1, ANSWER_WITHIN_MAX_US)),
        agreement=AgreementReference(draw(texts(64)), draw(st.integers(1, 2**31))),
    )


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    outcome = draw(st.sampled_from(Outcome))
    shows = outcome not in {Outcome.NOT_CONFIRMED, Outcome.REFUSED}
    disclosures = st.builds(Disclosure, st.sampled_from(Field), texts(1000))
    return Answer(
        query=draw(digests),
        outcome=outcome,
        rule=draw(st.sampled_from(Rule)) if outcome is Outcome.REFUSED else None,
        disclosed=tuple(draw(st.lists(disclosures, max_size=4))) if shows else (),
        registry_position=draw(st.integers(0, INDEX_MAX)),
        evaluated_at=draw(times),
        good_until=draw(times),
    )


consents_given = st.builds(
    ConsentGiven,
    code_digest=digests,
    holder_proof=digests,
    credential=numbers,
    purpose=st.sampled_from(Purpose),
    fields=field_tuples,
    uses=st.integers(1, USES_MAX),
    expires_at=times,
    requester=texts(64, 0),
)
references = st.builds(TrustReference, st.integers(1, INDEX_MAX), digests)


access_filters = st.builds(
    AccessFilter,
    st.booleans(),
    st.none() | node_ids,
    st.none() | times,
    st.none() | times,
    st.none() | st.integers(10, 19),
    st.none() | st.sampled_from(Outcome),
)


def bodies(said_at: int) -> st.SearchStrategy[Body]:
    """Return bodies of every kind for a statement said at a time."""
    return st.one_of(
        queries(said_at),
        answers(),
        st.builds(NoAnswer, digests, st.sampled_from(Code)),
        st.builds(Conclusion, digests, digests, st.sampled_from(Outcome)),
        st.builds(CredentialRegistered, credentials()),
        st.builds(StatusChanged, texts(60), st.sampled_from(Status), texts(500)),
        consents_given,
        st.builds(ConsentEnded, digests, st.sampled_from(ConsentEnd)),
        st.builds(TrustAdopted, references),
        st.builds(AuditAccess, st.sampled_from(AccessKind), texts(200), texts(500), access_filters),
    )


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    said_at = draw(st.integers(1, TIME_MAX_US - ANSWER_WITHIN_MAX_US))
    return Statement(draw(node_ids), said_at, draw(references), draw(bodies(said_at)))
