"""Arbitrary agreements, credentials and applicants, for laws about recognition."""

from datetime import date, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from node.model.recognition.claims import (
    Application,
    Claims,
    Experience,
    LanguageSkill,
    NationalOccupation,
)
from node.model.statement import Outcome
from node.model.trust_files import AgreementFile

PARTIES = ("XA", "XB", "XC")
CODES = ("7", "72", "721", "7212", "7411", "5120", "3")
FRAMEWORKS = ("eqf", "aqrf", "sadcqf", "cvq")
AWARDS = ("full_qualification", "unit", "recognised_prior_learning", "licence")
METHODS = ("examination", "practical_test", "portfolio", "continuous", "interview")
EFFECTS = ("condition", "measure", "partial", "postpone", "assess", "refuse")
DOCUMENTS = ("identity", "qualification", "experience", "language")
GROUNDS = ("false_statement", "document_missing_or_false", "not_equivalent")
CAPACITIES = ("employed", "self_employed", "manager")
MEASURES = ("adaptation", "test", "bridge")
UNITS = ("U-1", "U-2", "U-3")
DAYS = st.dates(date(1990, 1, 1), date(2030, 12, 31))
NOW = st.integers(1_704_100_000_000_000, 1_860_000_000_000_000)
"""Mostly while the agreements are in force."""
_ESCO = "http://data.europa.eu/esco/occupation/1"


def _some(values: tuple[str, ...], least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=len(values), unique=True)


def _seldom(values: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[list[Any]]:
    return st.integers(0, 7).flatmap(lambda number: st.just([]) if number else values)


def _mostly(value: object, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 7).flatmap(lambda number: st.just(value) if number else values)


_EXPERIENCE = st.fixed_dictionaries(
    {"months": st.integers(1, 120)},
    optional={
        "within_years": st.integers(1, 20),
        "capacities": _some(CAPACITIES, 0),
        "training_months": st.integers(0, 60),
    },
)
_NEEDED = st.lists(
    st.builds(
        lambda code, of: {"code": code, "measures": of}, st.sampled_from(UNITS), _some(MEASURES, 0)
    ),
    min_size=1,
    max_size=3,
)
_KINDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "level": {"framework": st.sampled_from(FRAMEWORKS), "least": st.integers(1, 10)},
    "award": {"one_of": _some(AWARDS)},
    "units": {"all_of": _NEEDED},
    "learning_outcomes": {"all_of": _NEEDED},
    "assessment": {"one_of": _some(METHODS)},
    "work_hours": {"least": st.integers(1, 2000)},
    "experience": {"any_of": st.lists(_EXPERIENCE, min_size=1, max_size=3)},
    "issuer": {},
    "renewal": {"within_months": st.integers(1, 120)},
    "document": {"document": st.sampled_from(DOCUMENTS)},
    "notice": {},
    "ground": {"ground": st.sampled_from(GROUNDS)},
    "limit": {"text": st.text('abc »"\\é', min_size=1, max_size=20)},
    "language": {
        "language": st.sampled_from(("fr", "en")),
        "least": st.sampled_from(("A1", "B1", "C2")),
    },
}


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Return a rule of any kind, as a file spells it."""
    kind = draw(st.sampled_from(tuple(_KINDS)))
    return {
        "rule": kind,
        "clause": draw(st.sampled_from(("Article 1", "Annex II, 3"))),
        "otherwise": draw(st.sampled_from(EFFECTS)),
        "measures": draw(_some(MEASURES, 0)),
        "or_experience": draw(st.lists(_EXPERIENCE, max_size=2)),
        **{name: draw(values) for name, values in _KINDS[kind].items()},
    }


def _clock() -> st.SearchStrategy[dict[str, Any] | None]:
    return st.none() | st.fixed_dictionaries(
        {
            "count": st.integers(1, 40),
            "unit": st.sampled_from(("days", "working_days", "months")),
            "clause": st.just("Article 9"),
        }
    )


_MEASURE_ENTRIES = (
    {"measure": "adaptation_period", "id": "adaptation", "clause": "Article 14", "months": 6},
    {"measure": "aptitude_test", "id": "test", "clause": "Article 14", "offered_within_months": 6},
    {"measure": "bridging_unit", "id": "bridge", "clause": "Article 14", "unit": "U-1"},
)
_ENTRY = st.fixed_dictionaries(
    {
        "isco08": st.just(["7"]) | _some(CODES, 0),
        "esco": st.sampled_from(([], [_ESCO])),
        "national_codes": st.sampled_from(([], [{"country": "XA", "scheme": "N", "code": "1"}])),
        "rules": st.lists(rules(), max_size=2),
    }
)


def _route(number: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "id": st.sampled_from((f"route-{number}", "route-0")),
            "route": st.sampled_from(
                (
                    "automatic_training",
                    "automatic_experience",
                    "general_system",
                    "registration",
                    "partial_access",
                    "temporary_service",
                )
            ),
            "clause": st.just(f"Article {number}"),
            "occupations": st.lists(_ENTRY, min_size=1, max_size=3),
            "homes": _seldom(_some(PARTIES)),
            "hosts": _seldom(_some(PARTIES)),
            "excluded": _seldom(
                st.fixed_dictionaries({"clause": st.just("Article 3"), "isco08": _some(CODES)}).map(
                    lambda entry: [entry]
                )
            ),
            "rules": st.lists(rules(), max_size=4),
            "measures": st.sets(st.sampled_from((0, 1, 2))).map(
                lambda chosen: [_MEASURE_ENTRIES[one] for one in sorted(chosen)]
            ),
            "chooser": st.sampled_from((None, "applicant", "authority")),
            "documents": st.lists(
                st.fixed_dictionaries(
                    {
                        "document": st.sampled_from(DOCUMENTS),
                        "clause": st.just("Article 5"),
                        "shows": st.sampled_from(([], ["level", "units"], ["language"])),
                    }
                ),
                max_size=3,
            ),
            "clocks": st.fixed_dictionaries(
                {
                    **{name: _clock() for name in ("acknowledge", "decide", "extend", "appeal")},
                    "postpone": _clock(),
                    "silence": st.sampled_from((None, {"means": "granted", "clause": "Article 9"})),
                }
            ),
        }
    )


_STEPS = st.dictionaries(st.integers(1, 10).map(str), st.integers(1, 10), min_size=1).map(
    lambda steps: [
        # A higher level never leads to a lower one: lint refuses that.
        {"level": level, "is": to}
        for level, to in zip(sorted(steps, key=int), sorted(steps.values()), strict=True)
    ]
)
_CROSSWALK = st.fixed_dictionaries(
    {
        "source": st.sampled_from((*FRAMEWORKS, "XA")),
        "target": st.sampled_from(FRAMEWORKS),
        "steps": _STEPS,
        "report": st.just("Report"),
        "dated": st.just("2024-01-01"),
        "provenance": st.just("Sample"),
    }
)
_OFFICE = {"name": "Office", "address": "Street 1", "url": "https://office.example"}
_CALENDAR = {
    "party": "XB",
    "known_from": "2010-01-01",
    "known_until": "2030-12-31",
    "weekend": [6, 7],
    "holidays": ["2026-12-25"],
}


@st.composite
def agreements(draw: st.DrawFn) -> AgreementFile:
    """Return an agreement that can be parsed; what it says may contradict itself."""
    routes = [draw(_route(number)) for number in range(draw(st.integers(1, 3)))]
    recognition = {
        "languages": ["en"],
        "bodies": draw(
            st.sampled_from(([], [{"party": "XB", "authority": _OFFICE, "appeal": _OFFICE}]))
        ),
        "routes": routes,
        "crosswalks": draw(st.lists(_CROSSWALK, max_size=3)),
        "calendars": draw(st.sampled_from(([], [_CALENDAR]))),
    }
    file = {
        "id": "xa-xb",
        "version": 1,
        "parties": draw(st.sampled_from((["XA", "XB"], ["XA", "XB", "XC"]))),
        "title": "Agreement",
        "instrument": "Treaty",
        "in_force_from": "2024-01-01",
        "in_force_until": draw(_mostly(None, st.sampled_from(("2027-12-31", "2023-01-01")))),
        "purposes": ["employment"],
        "recognition": draw(_mostly(recognition, st.none())),
    }
    return msgspec.convert(file, AgreementFile)


_SPANS = st.builds(
    lambda isco08, since, days, capacity: Experience(
        isco08, since, since + timedelta(days=days), capacity
    ),
    st.sampled_from(("7212", "7411", "5120", "72")),
    DAYS,
    st.integers(-3, 4000),
    st.sampled_from(CAPACITIES),
)


def experiences() -> st.SearchStrategy[list[Experience]]:
    """Return some experience."""
    return st.lists(_SPANS, max_size=4)


def claims() -> st.SearchStrategy[Claims]:
    """Return what an answer may say of a credential."""
    texts = st.none() | _some(UNITS, 0).map(tuple)
    levels = st.dictionaries(st.sampled_from(FRAMEWORKS), st.integers(1, 10))
    return st.builds(
        Claims,
        home=_mostly("XA", st.sampled_from(PARTIES)),
        outcome=_mostly(Outcome.CONFIRMED, st.sampled_from(Outcome)),
        isco08=_mostly("7212", st.none() | st.sampled_from(CODES)),
        esco=_mostly(None, st.just(_ESCO)),
        national_codes=st.sampled_from(((), (NationalOccupation("XA", "N", "1"),))),
        award_type=st.none() | st.sampled_from(AWARDS),
        level_national=st.none() | st.sampled_from(("1", "3", "Level 2")),
        levels=levels.map(lambda found: tuple(found.items())),
        units=texts,
        learning_outcomes=texts,
        assessment_methods=st.none() | _some(METHODS, 0).map(tuple),
        work_based_hours=st.none() | st.integers(0, 3000),
        awarded_on=st.none() | DAYS,
        valid_from=st.none() | DAYS,
        accredited=st.none() | st.booleans(),
    )


def applications() -> st.SearchStrategy[Application]:
    """Return what an applicant may add."""
    skills = st.builds(
        LanguageSkill, st.sampled_from(("fr", "en")), st.sampled_from(("A1", "B1", "C2"))
    )
    return st.builds(
        Application,
        host=_mostly("XB", st.sampled_from(PARTIES)),
        experience=st.none() | experiences().map(tuple),
        training_months=st.none() | st.integers(0, 80),
        languages=st.none() | st.lists(skills, max_size=2).map(tuple),
        documents=st.none() | _some(DOCUMENTS, 0).map(tuple),
        lodged_on=st.none() | DAYS,
        decided_on=st.none() | DAYS,
        grounds=_some(GROUNDS, 0).map(tuple),
    )
