"""Cases on the calendar: which day is the last one, and what follows when it has passed."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.case_bodies import (
    PART_SIZE_MAX_BYTES,
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
    Progress,
    Taken,
    Terms,
    decode_terms,
    encode_terms,
    late_days,
    opened,
    require_allowed,
    require_room,
    standing,
    take,
)
from node.model.recognition.form import (
    CalendarEntry,
    ClockEntry,
    ClocksEntry,
    SilenceEntry,
    SilenceName,
)

CALENDAR = CalendarEntry(
    party="XA",
    known_from=date(2026, 1, 1),
    known_until=date(2026, 12, 31),
    weekend=(6, 7),
    holidays=(date(2026, 12, 8), date(2026, 12, 25)),
)


def terms(means: SilenceName = "granted") -> Terms:
    return Terms(
        ClocksEntry(
            acknowledge=ClockEntry(count=5, unit="working_days", clause="Section 19(4)"),
            decide=ClockEntry(count=1, unit="months", clause="Section 21(1)"),
            extend=ClockEntry(count=14, unit="days", clause="Section 21(2)"),
            appeal=ClockEntry(count=28, unit="days", clause="Section 34"),
            silence=SilenceEntry(means=means, clause="Section 21(3)"),
        ),
        CALENDAR,
        ("experience",),
    )


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def begun(on: str = "2026-12-03", terms_: Terms | None = None) -> Progress:
    opening = CaseOpening(
        CaseKind.CONTEST,
        Subject(SubjectKind.ANSWER, bytes(32), 1),
        "XA",
        "xa-xb",
        1,
        "general",
        encode_terms(terms_ or terms()),
        "age1",
    )
    step = CaseStep(bytes(16), "XA", StepKind.OPENED, Author.PERSON, opening=opening)
    return opened(Taken("XB", at(on), step))


def by_xa(kind: StepKind, day: str, ruling: Ruling | None = None) -> Taken:
    return Taken("XA", at(day), CaseStep(bytes(16), "XB", kind, Author.AUTHORITY, ruling=ruling))


def by_person(kind: StepKind, day: str) -> Taken:
    return Taken("XB", at(day), CaseStep(bytes(16), "XA", kind, Author.PERSON))


def limits(progress: Progress, day: str) -> dict[str, str]:
    found = standing(progress, date.fromisoformat(day)).limits
    return {one.clock: str(one.on) for one in found}


def test_working_days_skip_weekends_and_holidays_of_who_decides() -> None:
    # From Thursday: Friday 1, Monday 2, Tuesday is a holiday, Wednesday 3, Thursday 4, Friday 5.
    assert limits(begun(), "2026-12-03") == {"acknowledge": "2026-12-11", "decide": "2027-01-03"}
    late = by_xa(StepKind.ACKNOWLEDGED, "2026-12-14")
    require_allowed(begun(), late)
    assert late_days(begun(), late) == 3
    assert late_days(begun(), by_xa(StepKind.ACKNOWLEDGED, "2026-12-11T23:59:59")) == 0


def test_no_date_is_guessed_beyond_the_calendar() -> None:
    assert limits(begun("2026-12-29"), "2026-12-29")["acknowledge"] == "None"


def test_a_month_ends_on_its_last_day_where_it_has_no_such_day() -> None:
    assert limits(begun("2027-01-31"), "2027-01-31")["decide"] == "2027-02-28"


def test_an_extension_counts_from_the_end_of_the_time_and_comes_once_and_in_time() -> None:
    progress = take(begun(), by_xa(StepKind.ACKNOWLEDGED, "2026-12-04"))
    extended = by_xa(StepKind.EXTENDED, "2027-01-03")
    require_allowed(progress, extended)
    after = take(progress, extended)
    assert limits(after, "2027-01-03") == {"decide": "2027-01-17"}
    for state, day in ((after, "2027-01-04"), (progress, "2027-01-04")):
        with pytest.raises(Refusal) as refused:
            require_allowed(state, by_xa(StepKind.EXTENDED, day))
        assert refused.value.code is Code.CONFLICT


@pytest.mark.parametrize(
    ("means", "ruling", "silent"),
    [
        ("granted", Ruling.GRANTED, False),
        ("refused", Ruling.REFUSED, False),
        ("appealable", None, True),
        ("nothing", None, False),
    ],
)
def test_silence_means_what_the_agreement_says_from_the_next_day_on(
    means: SilenceName, ruling: Ruling | None, silent: bool
) -> None:
    progress = take(begun(terms_=terms(means)), by_xa(StepKind.ACKNOWLEDGED, "2026-12-04"))
    last = standing(progress, date(2027, 1, 3))
    assert (last.ruling, last.silent) == (None, False)
    after = standing(progress, date(2027, 1, 4))
    assert (after.ruling, after.silent, after.by_silence) == (ruling, silent, ruling is not None)
    decided = by_xa(StepKind.DECIDED, "2027-01-04", Ruling.GRANTED)
    appealed = by_person(StepKind.APPEALED, "2027-01-04")
    if ruling is None:
        require_allowed(progress, decided)
        assert late_days(progress, decided) == 1
    else:
        with pytest.raises(Refusal, match="silence has decided the case"):
            require_allowed(progress, decided)
    if ruling is not None or silent:
        require_allowed(progress, appealed)
    else:
        with pytest.raises(Refusal, match="nothing to appeal against"):
            require_allowed(progress, appealed)


def test_an_appeal_comes_within_its_time_and_is_decided_once() -> None:
    progress = take(begun(), by_xa(StepKind.ACKNOWLEDGED, "2026-12-04"))
    progress = take(progress, by_xa(StepKind.DECIDED, "2026-12-10", Ruling.REFUSED))
    assert limits(progress, "2026-12-10") == {"appeal": "2027-01-07"}
    require_allowed(progress, by_person(StepKind.APPEALED, "2027-01-07"))
    with pytest.raises(Refusal, match="the time for an appeal has passed"):
        require_allowed(progress, by_person(StepKind.APPEALED, "2027-01-08"))
    progress = take(progress, by_person(StepKind.APPEALED, "2027-01-07"))
    progress = take(progress, by_xa(StepKind.DECIDED, "2027-03-01", Ruling.GRANTED))
    now = standing(progress, date(2027, 3, 1))
    assert (now.ruling, now.closed) == (Ruling.GRANTED, True)
    with pytest.raises(Refusal):
        require_allowed(progress, by_person(StepKind.APPEALED, "2027-03-02"))


def test_terms_have_one_spelling() -> None:
    spelled = encode_terms(terms())
    assert decode_terms(spelled) == terms()
    for other in (b" " + spelled, b"{}\n", b'{"clocks": 1}', b"\xff", b"x" * 20_000):
        with pytest.raises(Refusal) as refused:
            decode_terms(other)
        assert refused.value.code is Code.MALFORMED


def test_a_third_node_takes_no_step() -> None:
    stranger = replace(by_person(StepKind.WITHDRAWN, "2026-12-04"), speaker="XC")
    with pytest.raises(Refusal, match="no party to the case"):
        require_allowed(begun(), stranger)


def test_a_case_holds_so_much_and_each_document_once() -> None:
    parts = [CasePart(bytes([n]) * 32, PART_SIZE_MAX_BYTES, "experience") for n in range(9)]
    step = replace(by_person(StepKind.DOCUMENTS_SUPPLIED, "2026-12-04").step, parts=(parts[8],))
    require_room(parts[:7], step)
    for held in (parts[:8], parts[8:]):
        with pytest.raises(Refusal) as refused:
            require_room(held, step)
        assert refused.value.code is Code.CONFLICT
