"""Laws of cases: where one stands is total, never goes back, and is the fold of its steps."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import Code, Refusal
from node.model.case_bodies import (
    Author,
    CaseKind,
    CaseOpening,
    CasePart,
    CaseStep,
    Ruling,
    StepKind,
    Subject,
    SubjectKind,
)
from node.model.cases import (
    Phase,
    Progress,
    Taken,
    Terms,
    decode_terms,
    deemed_ruling,
    encode_terms,
    late_days,
    opened,
    progress_of,
    require_allowed,
    standing,
    take,
)
from node.model.recognition.form import CalendarEntry, ClocksEntry
from node.model.recognition.spans import day_of
from node.wire.case_documents import Content, decrypt_part, encrypt_part, new_identity

DAY_US = 86_400_000_000
START = 1_795_424_400_000_000
PART = CasePart(b"p" * 32, 7, "text")
RECIPIENT = "age1" + "q" * 58
_CLOCK = st.fixed_dictionaries(
    {
        "count": st.integers(1, 60),
        "unit": st.sampled_from(("days", "working_days", "months")),
        "clause": st.just("Article 1"),
    }
)
_CLOCKS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("acknowledge", "decide", "extend", "appeal"), _CLOCK),
        "silence": st.fixed_dictionaries(
            {
                "means": st.sampled_from(("granted", "refused", "appealable", "nothing")),
                "clause": st.just("Article 2"),
            }
        ),
    },
)
_CALENDAR = st.none() | st.builds(
    lambda days: CalendarEntry(
        party="XA",
        known_from=date(2026, 1, 1),
        known_until=date(2027, 6, 30),
        weekend=(6, 7),
        holidays=tuple(sorted(days)),
    ),
    st.sets(st.dates(date(2026, 11, 1), date(2027, 6, 30)), max_size=20),
)
TERMS = st.builds(
    lambda clocks, calendar, documents: Terms(
        msgspec.convert(clocks, ClocksEntry), calendar, documents
    ),
    _CLOCKS,
    _CALENDAR,
    st.none() | st.just(("experience", "identity")),
)


def opening(terms: Terms) -> CaseOpening:
    subject = Subject(SubjectKind.ANSWER, b"s" * 32, 3)
    return CaseOpening(
        CaseKind.CONTEST, subject, "XA", "xa-xb", 1, "crafts", encode_terms(terms), RECIPIENT
    )


def first(terms: Terms) -> Taken:
    step = CaseStep(
        b"c" * 16, "XA", StepKind.OPENED, Author.PERSON, parts=(PART,), opening=opening(terms)
    )
    return Taken("XB", START, step)


@st.composite
def steps(draw: st.DrawFn) -> Taken:
    speaker = draw(st.sampled_from(("XA", "XB")))
    kind = draw(st.sampled_from(StepKind))
    ruled = kind in {StepKind.DECIDED, StepKind.LAPSED}
    step = CaseStep(
        b"c" * 16,
        "XB" if speaker == "XA" else "XA",
        kind,
        draw(st.sampled_from((Author.PERSON, Author.EMPLOYER, Author.AUTHORITY))),
        ruling=draw(st.sampled_from(Ruling)) if ruled else None,
        ground="Article 3",
        wanted=draw(st.sampled_from((("experience",), ("identity",), ("language",)))),
    )
    return Taken(speaker, START + draw(st.integers(-1, 900)) * DAY_US, step)


def allowed(progress: Progress, taken: Taken) -> bool:
    try:
        require_allowed(progress, taken)
    except Refusal:
        return False
    return True


def timeline(terms: Terms, proposed: list[Taken]) -> list[Taken]:
    """Return what of some steps is taken, in their order."""
    found = [first(terms)]
    progress = opened(found[0])
    for one in proposed:
        if allowed(progress, one):
            found.append(one)
            progress = take(progress, one)
    return found


@given(TERMS, st.lists(steps(), max_size=25), st.dates(date(2020, 1, 1), date(2100, 1, 1)))
def test_a_case_stands_somewhere_on_every_day(
    terms: Terms, proposed: list[Taken], today: date
) -> None:
    taken = timeline(terms, proposed)
    progress = progress_of(taken)
    now = standing(progress, today)
    assert progress.steps == len(taken)
    assert (now.ruling is None) == (
        progress.ruling is None and deemed_ruling(progress, today) is None
    )
    assert all(late_days(progress_of(taken[:at]), one) >= 0 for at, one in enumerate(taken) if at)


@given(TERMS, st.lists(steps(), max_size=25))
def test_a_timeline_is_the_fold_of_its_steps(terms: Terms, proposed: list[Taken]) -> None:
    taken = timeline(terms, proposed)
    progress = opened(taken[0])
    for one in taken[1:]:
        require_allowed(progress, one)
        progress = take(progress, one)
    assert progress == progress_of(taken)


@given(TERMS, st.lists(steps(), max_size=25))
def test_what_is_over_stays_over(terms: Terms, proposed: list[Taken]) -> None:
    taken = timeline(terms, proposed)
    kinds = [one.step.kind for one in taken]
    assert kinds.count(StepKind.OPENED) == 1
    assert kinds.count(StepKind.ACKNOWLEDGED) <= 1
    assert kinds.count(StepKind.EXTENDED) <= 1
    assert kinds.count(StepKind.APPEALED) <= 1
    assert kinds.count(StepKind.DECIDED) <= 2
    for end in (StepKind.WITHDRAWN, StepKind.ERASED):
        if end in kinds:
            after = kinds[kinds.index(end) + 1 :]
            assert set(after) <= ({StepKind.ERASED} if end is StepKind.WITHDRAWN else set())


@given(TERMS, st.lists(steps(), max_size=25), st.integers(0, 900), st.integers(0, 900))
def test_silence_is_never_taken_back(
    terms: Terms, proposed: list[Taken], days: int, more: int
) -> None:
    progress = progress_of(timeline(terms, proposed))
    today = day_of(START) + timedelta(days=days)
    later = today + timedelta(days=more)
    if (deemed := deemed_ruling(progress, today)) is not None:
        assert deemed_ruling(progress, later) is deemed
    if standing(progress, today).closed:
        assert standing(progress, later).closed
    passed = {one.clock for one in standing(progress, today).limits if one.passed}
    still = {one.clock for one in standing(progress, later).limits if one.passed}
    if deemed_ruling(progress, later) is None:
        assert passed <= still


@given(TERMS, st.lists(steps(), max_size=25))
def test_only_the_deciding_authority_decides(terms: Terms, proposed: list[Taken]) -> None:
    theirs = {
        StepKind.ACKNOWLEDGED,
        StepKind.DOCUMENTS_ASKED,
        StepKind.EXTENDED,
        StepKind.DECIDED,
        StepKind.LAPSED,
    }
    for one in timeline(terms, proposed):
        if one.step.kind in theirs:
            assert (one.speaker, one.step.author) == ("XA", Author.AUTHORITY)
        elif one.step.kind is not StepKind.ERASED:
            assert one.speaker == "XB"


@given(TERMS)
def test_terms_that_decode_encode_to_the_same_bytes(terms: Terms) -> None:
    assert encode_terms(decode_terms(encode_terms(terms))) == encode_terms(terms)
    assert progress_of([first(terms)]).phase is Phase.OPENED


@given(st.binary(min_size=1, max_size=300), st.integers(0, 10_000))
def test_a_document_survives_its_way_and_no_changed_byte(content: bytes, at: int) -> None:
    secret, recipient = new_identity()
    given_ = Content("text", content, bytes(32))
    sealed = bytearray(encrypt_part(recipient, given_.salt, content))
    assert decrypt_part(secret, bytes(sealed), given_.part) == (bytes(32), content)
    sealed[at % len(sealed)] ^= 1
    with pytest.raises(Refusal) as refused:
        decrypt_part(secret, bytes(sealed), given_.part)
    assert refused.value.code is Code.PEER_FALSE
