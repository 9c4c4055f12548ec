"""What an agreement says of recognition: strict and bounded, and nothing in it is prose to parse.

Every rule names the clause that it rests on and what follows where it is not met. All texts are
free of control characters. How lawyers read it: docs/agreements.md.
"""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

_END: Final = r"$(?!\n)"  # a dollar alone also matches before a last line feed

# No control characters, and none that turn the direction of what is shown beside them.
_PRINTED: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*"


def _text(least: int, most: int) -> Meta:
    return Meta(min_length=least, max_length=most, pattern=_PRINTED + _END)


Clause = Annotated[str, _text(1, 80), Meta(description="Where the text says so: Article 13(1)")]
Label = Annotated[str, _text(1, 200)]
Text = Annotated[str, _text(0, 1000)]
Word = Annotated[
    str, Meta(pattern=f"^[a-z0-9][a-z0-9_.-]{{0,39}}{_END}", description="Small letters, digits")
]
Country = Annotated[str, Meta(pattern=f"^[A-Z]{{2}}[0-9]{{0,2}}{_END}", description="Like XA")]
Language = Annotated[str, Meta(pattern=f"^[a-z]{{2,3}}{_END}", description="ISO 639")]
Isco = Annotated[
    str, Meta(pattern=f"^[0-9]{{1,4}}{_END}", description="ISCO-08: a group, or its beginning")
]
Level = Annotated[int, Meta(ge=1, le=10)]
Months = Annotated[int, Meta(ge=1, le=600)]
Framework = Literal["eqf", "aqrf", "sadcqf", "cvq"]
RouteName = Literal[
    "automatic_training",
    "automatic_experience",
    "general_system",
    "registration",
    "partial_access",
    "temporary_service",
]
EffectName = Literal["condition", "measure", "partial", "postpone", "assess", "refuse"]
AwardName = Literal["full_qualification", "unit", "recognised_prior_learning", "licence"]
MethodName = Literal["examination", "practical_test", "portfolio", "continuous", "interview"]
CapacityName = Literal["employed", "self_employed", "manager"]
GroundName = Literal[
    "false_statement", "document_missing_or_false", "changed_circumstances", "not_equivalent"
]
FluencyName = Literal["A1", "A2", "B1", "B2", "C1", "C2"]
DocumentName = Literal[
    "identity",
    "qualification",
    "training_content",
    "experience",
    "registration",
    "good_standing",
    "insurance",
    "health",
    "language",
    "establishment",
    "translation",
]
UnitName = Literal["days", "working_days", "months"]
SilenceName = Literal["granted", "refused", "appealable", "nothing"]
ChooserName = Literal["applicant", "authority"]


class _Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    pass


# --- who decides ---------------------------------------------------------------------------


class Office(_Part, frozen=True, kw_only=True):
    """An office that people can write to."""

    name: Label
    address: Label
    url: Annotated[str, Meta(max_length=300, pattern=rf"^https?://[^\s]+{_END}")]


class BodyEntry(_Part, frozen=True, kw_only=True):
    """One party's competent authority and where its decisions are appealed."""

    party: Country
    authority: Office
    appeal: Office | None = None


class CalendarEntry(_Part, frozen=True, kw_only=True):
    """One party's working days; known from the first day to the last, and not beyond."""

    party: Country
    known_from: date
    known_until: date
    weekend: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=7)], ...],
        Meta(max_length=6, description="1 is Monday"),
    ]
    holidays: Annotated[tuple[date, ...], Meta(max_length=400)] = ()


# --- levels --------------------------------------------------------------------------------


class StepEntry(_Part, frozen=True, kw_only=True, rename={"to": "is"}):
    """One level and what it is in the other framework."""

    level: Label
    to: Level


class CrosswalkEntry(_Part, frozen=True, kw_only=True):
    """Levels of one framework in another one: a reference framework, or a party's own."""

    source: Annotated[
        str,
        Meta(
            pattern=f"^(eqf|aqrf|sadcqf|cvq|[A-Z]{{2}}[0-9]{{0,2}}){_END}",
            description="eqf, aqrf, sadcqf, cvq, or a party: its national levels by their name",
        ),
    ]
    target: Framework
    steps: Annotated[tuple[StepEntry, ...], Meta(min_length=1, max_length=64)]
    report: Annotated[Label, Meta(description="The referencing report that it rests on")]
    dated: date
    provenance: Label


# --- rules ---------------------------------------------------------------------------------


class ExperienceEntry(_Part, frozen=True, kw_only=True):
    """So much experience in the occupation, in one of these capacities, with that much training.

    Without `within_years` it may lie at any time; without `capacities` any of them will do.
    """

    months: Months
    within_years: Annotated[int, Meta(ge=1, le=60)] | None = None
    capacities: Annotated[tuple[CapacityName, ...], Meta(max_length=3)] = ()
    training_months: Annotated[int, Meta(ge=0, le=600)] = 0


Alternatives = Annotated[tuple[ExperienceEntry, ...], Meta(max_length=6)]


class _Rule(_Part, frozen=True, kw_only=True, tag_field="rule"):
    """A clause, and what follows where it is not met and no experience stands in for it."""

    clause: Clause
    otherwise: EffectName
    measures: Annotated[tuple[Word, ...], Meta(max_length=4)] = ()
    or_experience: Alternatives = ()


class LevelRule(_Rule, frozen=True, kw_only=True, tag="level"):
    """A level of a reference framework, at least."""

    framework: Framework
    least: Level


class AwardRule(_Rule, frozen=True, kw_only=True, tag="award"):
    """One of these kinds of award."""

    one_of: Annotated[tuple[AwardName, ...], Meta(min_length=1, max_length=4)]


class NeededEntry(_Part, frozen=True, kw_only=True):
    """A unit or learning outcome that must be covered; what makes up for it where it is not."""

    code: Annotated[str, _text(1, 100)]
    measures: Annotated[tuple[Word, ...], Meta(max_length=4)] = ()


_Needed = Annotated[tuple[NeededEntry, ...], Meta(min_length=1, max_length=40)]


class UnitsRule(_Rule, frozen=True, kw_only=True, tag="units"):
    """All of these units, by their code."""

    all_of: _Needed


class OutcomesRule(_Rule, frozen=True, kw_only=True, tag="learning_outcomes"):
    """All of these learning outcomes, as the credential words them."""

    all_of: _Needed


class AssessmentRule(_Rule, frozen=True, kw_only=True, tag="assessment"):
    """Assessed by one of these methods."""

    one_of: Annotated[tuple[MethodName, ...], Meta(min_length=1, max_length=5)]


class WorkHoursRule(_Rule, frozen=True, kw_only=True, tag="work_hours"):
    """Hours of learning at work, at least."""

    least: Annotated[int, Meta(ge=1, le=100_000)]


class ExperienceRule(_Rule, frozen=True, kw_only=True, tag="experience"):
    """One of these kinds of experience."""

    any_of: Annotated[tuple[ExperienceEntry, ...], Meta(min_length=1, max_length=6)]


class IssuerRule(_Rule, frozen=True, kw_only=True, tag="issuer"):
    """Awarded by an issuer accredited for the occupation and level on the day of the award."""


class RenewalRule(_Rule, frozen=True, kw_only=True, tag="renewal"):
    """Awarded or renewed within so many months."""

    within_months: Months


class DocumentRule(_Rule, frozen=True, kw_only=True, tag="document"):
    """A document that the application must hold."""

    document: DocumentName


class NoticeRule(_Rule, frozen=True, kw_only=True, tag="notice"):
    """The applicant has lodged a notice, or applied."""


class GroundRule(_Rule, frozen=True, kw_only=True, tag="ground"):
    """The host authority has not raised this ground."""

    ground: GroundName


class LimitRule(_Rule, frozen=True, kw_only=True, tag="limit"):
    """A condition that always goes with it, in the agreement's own words."""

    text: Annotated[str, _text(1, 300)]


class LanguageRule(_Rule, frozen=True, kw_only=True, tag="language"):
    """A language (ISO 639) at a level of the CEFR; looked at after recognition, never before."""

    language: Language
    least: FluencyName


RuleEntry = (
    LevelRule
    | AwardRule
    | UnitsRule
    | OutcomesRule
    | AssessmentRule
    | WorkHoursRule
    | ExperienceRule
    | IssuerRule
    | RenewalRule
    | DocumentRule
    | NoticeRule
    | GroundRule
    | LimitRule
    | LanguageRule
)
_Rules = Annotated[tuple[RuleEntry, ...], Meta(max_length=24)]


# --- routes --------------------------------------------------------------------------------


class NationalCodeEntry(_Part, frozen=True, kw_only=True):
    """An occupation in a scheme of one country."""

    country: Country
    scheme: Annotated[str, _text(1, 64)]
    code: Annotated[str, _text(1, 64)]


class OccupationEntry(_Part, frozen=True, kw_only=True):
    """Occupations, and the rules for them beside those of the route.

    Of several that fit the one that says most counts: an ESCO occupation before a national code,
    a national code before ISCO-08, more digits before fewer.
    """

    isco08: Annotated[tuple[Isco, ...], Meta(max_length=64)] = ()
    esco: Annotated[
        tuple[Annotated[str, Meta(max_length=200, pattern=rf"^https?://[^\s]+{_END}")], ...],
        Meta(max_length=32),
    ] = ()
    national_codes: Annotated[tuple[NationalCodeEntry, ...], Meta(max_length=32)] = ()
    rules: _Rules = ()


class ExcludedEntry(_Part, frozen=True, kw_only=True):
    """Occupations that a route leaves out, whatever else covers them."""

    clause: Clause
    isco08: Annotated[tuple[Isco, ...], Meta(min_length=1, max_length=64)]


class AdaptationMeasure(
    _Part, frozen=True, kw_only=True, tag_field="measure", tag="adaptation_period"
):
    """Work under supervision for so many months."""

    id: Word
    clause: Clause
    months: Months


class AptitudeMeasure(_Part, frozen=True, kw_only=True, tag_field="measure", tag="aptitude_test"):
    """A test, to be offered within so many months."""

    id: Word
    clause: Clause
    offered_within_months: Months


class BridgeMeasure(_Part, frozen=True, kw_only=True, tag_field="measure", tag="bridging_unit"):
    """A unit to be taken in the host country."""

    id: Word
    clause: Clause
    unit: Annotated[str, _text(1, 100)]


MeasureEntry = AdaptationMeasure | AptitudeMeasure | BridgeMeasure


class ClockEntry(_Part, frozen=True, kw_only=True):
    """How long something may take."""

    count: Annotated[int, Meta(ge=1, le=1000)]
    unit: UnitName
    clause: Clause


class SilenceEntry(_Part, frozen=True, kw_only=True):
    """What it means where the time for the decision passes without one."""

    means: SilenceName
    clause: Clause


class ClocksEntry(_Part, frozen=True, kw_only=True):
    """Times for: acknowledging, deciding, deciding later than that, appealing."""

    acknowledge: ClockEntry | None = None
    decide: ClockEntry | None = None
    extend: ClockEntry | None = None
    appeal: ClockEntry | None = None
    postpone: ClockEntry | None = None
    silence: SilenceEntry | None = None


class DocumentEntry(_Part, frozen=True, kw_only=True):
    """A document that may be asked for; with `shows`, only where one of these rules is open."""

    document: DocumentName
    clause: Clause
    shows: Annotated[
        tuple[Annotated[str, Meta(pattern=f"^[a-z_]{{1,20}}{_END}")], ...], Meta(max_length=14)
    ] = ()


class FeeEntry(_Part, frozen=True, kw_only=True):
    """What a party may ask for at most, all in all."""

    party: Country
    amount: Annotated[str, Meta(pattern=rf"^[0-9]{{1,7}}(\.[0-9]{{2}})?{_END}")]
    currency: Annotated[str, Meta(pattern=f"^[A-Z]{{3}}{_END}", description="ISO 4217")]
    clause: Clause


class RouteEntry(_Part, frozen=True, kw_only=True):
    """One way to recognition: for which occupations, from where to where, by which rules.

    Without `homes` or `hosts` these are all parties.
    """

    id: Word
    route: RouteName
    clause: Clause
    occupations: Annotated[tuple[OccupationEntry, ...], Meta(min_length=1, max_length=1000)]
    homes: Annotated[tuple[Country, ...], Meta(max_length=64)] = ()
    hosts: Annotated[tuple[Country, ...], Meta(max_length=64)] = ()
    excluded: Annotated[tuple[ExcludedEntry, ...], Meta(max_length=32)] = ()
    rules: _Rules = ()
    measures: Annotated[tuple[MeasureEntry, ...], Meta(max_length=40)] = ()
    chooser: ChooserName | None = None
    adaptation_months_most: Months | None = None
    documents: Annotated[tuple[DocumentEntry, ...], Meta(max_length=16)] = ()
    fees: Annotated[tuple[FeeEntry, ...], Meta(max_length=64)] = ()
    clocks: ClocksEntry = ClocksEntry()


class RecognitionPart(_Part, frozen=True, kw_only=True):
    """What two or more countries have agreed on recognition."""

    languages: Annotated[tuple[Language, ...], Meta(min_length=1, max_length=24)]
    bodies: Annotated[tuple[BodyEntry, ...], Meta(max_length=64)]
    routes: Annotated[tuple[RouteEntry, ...], Meta(min_length=1, max_length=12)]
    crosswalks: Annotated[tuple[CrosswalkEntry, ...], Meta(max_length=80)] = ()
    calendars: Annotated[tuple[CalendarEntry, ...], Meta(max_length=64)] = ()
