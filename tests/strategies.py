"""Arbitrary values of the model, within the bounds that the codec keeps."""

from datetime import date

from hypothesis import strategies as st

from node.errors import Code
from node.model.codes import LANGUAGES
from node.model.credential import (
    NO_DETAILS,
    Accredited,
    Assessment,
    AssessmentMethod,
    AwardType,
    Credential,
    Credits,
    Details,
    Field,
    NationalCode,
    Renewal,
    Status,
    Title,
    Unit,
)
from node.model.holder_bodies import (
    Complaint,
    ContestRaised,
    RecordExported,
    Watcher,
    WatchGiven,
)
from node.model.notice import TELLABLE
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.occupations import ISCO08
from node.model.statement import (
    ANSWER_WITHIN_MAX_US,
    BODY_FIRST,
    BODY_LAST,
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
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    Disclosure,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    Grant,
    KeptExchange,
    KeptFor,
    NoAnswer,
    Outcome,
    Person,
    Purpose,
    Query,
    Requester,
    RevocationGround,
    RevocationProposed,
    Rule,
    ShareCodeSelector,
    SharedExchange,
    Statement,
    StatusChanged,
    TrustAdopted,
    TrustReference,
    WatchEnded,
)
from node.wire.codec import INDEX_MAX, TIME_MAX_US, USES_MAX
from tests.case_strategies import of_cases

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


dates = st.dates()
isced_fields = st.sampled_from(["00", "011", "0715", "0788", "10", "1041", "0912"])
occupations = st.sampled_from(sorted(ISCO08))
languages = st.sampled_from(sorted(LANGUAGES))
words = st.from_regex(r"[A-Za-z0-9:./_-]{1,64}", fullmatch=True)
details = st.builds(
    Details,
    titles=st.lists(st.builds(Title, languages, texts(300)), max_size=3).map(tuple),
    accreditation=st.none() | st.builds(Accredited, dates, texts(200)),
    esco=st.just("") | st.uuids().map(lambda one: f"http://data.europa.eu/esco/occupation/{one}"),
    isced_f=st.just("") | isced_fields,
    national_codes=st.lists(
        st.builds(NationalCode, st.sampled_from(["FR", "DE", "XA"]), words, texts(64)), max_size=3
    ).map(tuple),
    level_aqrf=st.integers(0, 8),
    level_sadcqf=st.integers(0, 10),
    level_cvq=st.integers(0, 5),
    learning_outcomes=st.lists(texts(500), max_size=3).map(tuple),
    credits=st.none()
    | st.builds(Credits, st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,2})?", fullmatch=True), texts(64)),
    hours=st.just(100_000) | st.just(0),
    work_based_hours=st.integers(0, 100_000),
    assessments=st.lists(
        st.builds(Assessment, st.sampled_from(AssessmentMethod), st.none() | dates), max_size=3
    ).map(tuple),
    languages=st.lists(languages, max_size=3).map(tuple),
    renewal=st.none() | st.builds(Renewal, st.integers(1, 1200), texts(500)),
    parts=st.lists(numbers, max_size=3, unique=True).map(tuple),
    supersedes=st.just("") | numbers,
)


@st.composite
def credentials(draw: st.DrawFn) -> Credential:
    born = draw(st.dates(max_value=date(9990, 1, 1)))
    awarded_on = draw(st.dates(min_value=date.fromordinal(born.toordinal() + 1)))
    number = draw(numbers)
    described = draw(st.just(NO_DETAILS) | details)
    if number in {*described.parts, described.supersedes}:  # no credential names itself
        described = NO_DETAILS
    return Credential(
        number=number,
        holder_name=draw(texts(200)),
        birth_date=born,
        issuer=draw(texts(200)),
        title=draw(texts(300)),
        award_type=draw(st.sampled_from(AwardType)),
        isco08=draw(occupations),
        level_national=draw(texts(64)),
        level_eqf=draw(st.integers(0, 8)),
        awarded_on=awarded_on,
        expires_on=draw(st.none() | st.dates(min_value=awarded_on)),
        status=draw(st.sampled_from(Status)),
        assessment_method=draw(st.sampled_from(AssessmentMethod)),
        language=draw(languages),
        units=tuple(draw(st.lists(units, max_size=4))),
        valid_from=draw(st.none() | st.dates(max_value=awarded_on)),
        details=described,
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


grants = st.builds(
    lambda start, more, kinds: Grant(start, start + more, tuple(sorted(kinds))),
    st.integers(0, 2**61),
    st.integers(1, 2**61),
    st.sets(st.integers(10, 15)),
)
access_filters = st.builds(
    AccessFilter,
    st.booleans(),
    st.none() | node_ids,
    st.none() | times,
    st.none() | times,
    st.none() | st.integers(BODY_FIRST, BODY_LAST),
    st.none() | st.sampled_from(Outcome),
)


exchanges = st.builds(
    SharedExchange, st.integers(0, INDEX_MAX), digests, st.integers(0, INDEX_MAX), digests
)


def erasures() -> st.SearchStrategy[Body]:
    """Return what is said about erasing."""
    positions = st.sets(st.integers(0, INDEX_MAX), min_size=1, max_size=20)
    some = st.lists(exchanges, min_size=1, max_size=5, unique_by=lambda one: one.query_index)
    kept = st.lists(st.builds(KeptExchange, digests, st.sampled_from(KeptFor)), max_size=3)
    return st.one_of(
        st.builds(
            Erasure,
            positions.map(sorted).map(tuple),
            st.integers(BODY_FIRST, BODY_LAST),
            texts(300),
            texts(200),
        ),
        st.builds(
            ErasureRequest,
            node_ids,
            some.map(lambda found: tuple(sorted(found, key=lambda one: one.query_index))),
            texts(300),
            st.none() | times,
        ),
        st.builds(
            ErasureAcknowledged,
            digests,
            st.lists(digests, min_size=1, max_size=3).map(tuple),
            kept.map(tuple),
        ),
        st.builds(ErasureConcluded, digests, digests),
    )


persons = st.none() | st.builds(Person, texts(100), texts(100, 0))
effective = st.just(0) | times
causes = st.sampled_from(RevocationGround)
registry_events = st.one_of(
    st.builds(CredentialRegistered, credentials(), persons),
    st.builds(CredentialAmended, credentials(), texts(500), effective, persons),
    st.builds(
        StatusChanged,
        texts(60),
        st.sampled_from([Status.ACTIVE, Status.SUSPENDED, Status.SUPERSEDED]),
        texts(500),
        effective,
        persons,
    ),
    st.builds(
        StatusChanged,
        texts(60),
        st.just(Status.REVOKED),
        texts(500),
        effective,
        persons,
        st.none() | causes,
    ),
    st.builds(CredentialRenewed, texts(60), dates, texts(500), effective, persons),
    st.builds(CredentialSuperseded, texts(60), texts(60), texts(500), effective, persons),
    st.builds(RevocationProposed, texts(60), causes, texts(500), effective, persons),
)


watches = st.binary(min_size=16, max_size=16)
tellable = st.sampled_from(sorted(TELLABLE))
of_holders = st.one_of(
    st.builds(
        WatchGiven, watches, numbers, st.builds(Watcher, node_ids, texts(200), texts(64)), times
    ),
    st.builds(WatchEnded, watches, st.sampled_from(ConsentEnd)),
    st.builds(
        ContestRaised,
        numbers,
        st.none() | st.integers(0, INDEX_MAX),
        st.sampled_from(Complaint),
        texts(2_000),
    ),
    st.builds(RecordExported, digests),
    st.tuples(node_ids, watches, texts(64), tellable, times).map(lambda one: StatusNotice(*one)),
    st.tuples(digests, watches, texts(64), tellable).map(lambda one: NoticeTaken(*one)),
)


def bodies(said_at: int) -> st.SearchStrategy[Body]:
    """Return bodies of every kind for a statement said at a time."""
    return st.one_of(
        erasures(),
        queries(said_at),
        answers(),
        st.builds(NoAnswer, digests, st.sampled_from(Code)),
        st.builds(Conclusion, digests, digests, st.sampled_from(Outcome)),
        registry_events,
        consents_given,
        st.builds(ConsentEnded, digests, st.sampled_from(ConsentEnd)),
        of_holders,
        of_cases,
        st.builds(TrustAdopted, references),
        st.builds(
            AuditAccess,
            st.sampled_from(AccessKind),
            texts(200),
            texts(500),
            access_filters,
            st.none() | grants,
            st.sets(digests, max_size=3).map(sorted).map(tuple),
        ),
    )


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    said_at = draw(st.integers(1, TIME_MAX_US - ANSWER_WITHIN_MAX_US))
    return Statement(draw(node_ids), said_at, draw(references), draw(bodies(said_at)))
