"""How each kind of rule is looked at: met, not met or unknown, and by what was found.

A rule knows three values. What was not said is unknown, and stays so: unknown or not met is
unknown, unknown or met is met.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from msgspec import Struct

from node.model.recognition import form
from node.model.recognition.claims import Application, Claims, Experience
from node.model.recognition.spans import add_days, add_months, days_covered, days_of_months
from node.model.recognition.verdict import StateName, WhyName

FLUENCY: Final = {name: rank for rank, name in enumerate(("A1", "A2", "B1", "B2", "C1", "C2"))}
_MONTHS_OF_YEAR: Final = 12

Crosswalks = Mapping[str, Sequence[tuple[str, Mapping[str, int]]]]
Checked = tuple[StateName, tuple[str, ...], WhyName, tuple[str, ...]]
"""State, what was found, what made it so, and the measures that make up for what is missing."""


class Case(Struct, frozen=True, gc=False):
    """One credential and one applicant, on one day, under one entry of an agreement."""

    claims: Claims
    application: Application
    today: date
    isco08: tuple[str, ...]
    crosswalks: Crosswalks


def required_of(rule: form.RuleEntry) -> tuple[str, ...]:  # noqa: C901 - a line for each kind
    """Return what a rule requires, as values."""
    match rule:
        case form.LevelRule():
            return (f"{rule.framework}:{rule.least}",)
        case form.AwardRule() | form.AssessmentRule():
            return tuple(map(str, rule.one_of))
        case form.UnitsRule() | form.OutcomesRule():
            return tuple(entry.code for entry in rule.all_of)
        case form.WorkHoursRule():
            return (str(rule.least),)
        case form.ExperienceRule():
            return tuple(map(experience_value, rule.any_of))
        case form.RenewalRule():
            return (str(rule.within_months),)
        case form.DocumentRule():
            return (rule.document,)
        case form.GroundRule():
            return (rule.ground,)
        case form.LimitRule():
            return (rule.text,)
        case form.LanguageRule():
            return (f"{rule.language}:{rule.least}",)
        case form.IssuerRule() | form.NoticeRule():
            return ()


def experience_value(entry: form.ExperienceEntry) -> str:
    """Return experience as a value: months:within years:capacities:months of training."""
    years = entry.within_years or ""
    return f"{entry.months}:{years}:{','.join(entry.capacities)}:{entry.training_months or ''}"


# --- each kind -----------------------------------------------------------------------------

_MET: Final[Checked] = ("met", (), "", ())
_NOT_SHOWN: Final[Checked] = ("unknown", (), "not_shown", ())
_NOT_SAID: Final[Checked] = ("unknown", (), "not_said", ())


def _state(holds: bool, *found: str) -> Checked:  # noqa: FBT001 - what it is about
    return ("met" if holds else "not_met"), found, "", ()


def _level(rule: form.LevelRule, case: Case) -> Checked:
    """Compare levels: in the rule's own framework, or through a crosswalk of the agreement.

    Of several crosswalks that lead there the highest level counts.
    """
    claims, target = case.claims, rule.framework
    for name, level in claims.levels:
        if name == target:
            return _state(level >= rule.least, f"{name}:{level}")
    known = [(name, str(level)) for name, level in claims.levels]
    if claims.level_national is not None:
        known.append((claims.home, claims.level_national))
    if not known:
        return _NOT_SHOWN
    outside, best, found = False, 0, ""
    for source, steps in case.crosswalks.get(target, ()):
        for name, shown in known:
            if name != source:
                continue
            outside = True
            level = steps.get(shown, 0)
            if level > best:
                best, found = level, f"{name}:{shown}"
    if not best:
        return "unknown", (), "outside_crosswalk" if outside else "no_crosswalk", ()
    return _state(best >= rule.least, f"{target}:{best}", found)


def _award(rule: form.AwardRule, case: Case) -> Checked:
    kind = case.claims.award_type
    return _NOT_SHOWN if kind is None else _state(kind in rule.one_of, kind)


def _needed(entries: Iterable[form.NeededEntry], shown: Sequence[str] | None) -> Checked:
    if shown is None:
        return _NOT_SHOWN
    missing = [entry for entry in entries if entry.code not in shown]
    if not missing:
        return _MET
    measures = dict.fromkeys(measure for entry in missing for measure in entry.measures)
    return "not_met", tuple([entry.code for entry in missing]), "", tuple(measures)


def _units(rule: form.UnitsRule, case: Case) -> Checked:
    return _needed(rule.all_of, case.claims.units)


def _outcomes(rule: form.OutcomesRule, case: Case) -> Checked:
    return _needed(rule.all_of, case.claims.learning_outcomes)


def _assessment(rule: form.AssessmentRule, case: Case) -> Checked:
    methods = case.claims.assessment_methods
    if methods is None:
        return _NOT_SHOWN
    known = [method for method in methods if method in rule.one_of]
    return _state(bool(known), *known)


def _work_hours(rule: form.WorkHoursRule, case: Case) -> Checked:
    hours = case.claims.work_based_hours
    return _NOT_SHOWN if hours is None else _state(hours >= rule.least, str(hours))


def _issuer(_rule: form.IssuerRule, case: Case) -> Checked:
    accredited = case.claims.accredited
    return _NOT_SHOWN if accredited is None else _state(accredited)


def _renewal(rule: form.RenewalRule, case: Case) -> Checked:
    """Look at the later of award and renewal; an old award may have been renewed unseen."""
    days = [day for day in (case.claims.awarded_on, case.claims.valid_from) if day is not None]
    if not days:
        return _NOT_SHOWN
    latest = max(days)
    if add_months(latest, rule.within_months) >= case.today:
        return _state(True, latest.isoformat())  # noqa: FBT003 - it holds
    return _NOT_SHOWN if case.claims.valid_from is None else _state(False, latest.isoformat())  # noqa: FBT003 - it does not


def _document(rule: form.DocumentRule, case: Case) -> Checked:
    documents = case.application.documents
    return _NOT_SAID if documents is None else _state(rule.document in documents)


def _notice(_rule: form.NoticeRule, case: Case) -> Checked:
    lodged = case.application.lodged_on
    return _state(lodged is not None and lodged <= case.today)


def _ground(rule: form.GroundRule, case: Case) -> Checked:
    return _state(rule.ground not in case.application.grounds)


def _limit(_rule: form.LimitRule, _case: Case) -> Checked:
    return _state(False)  # noqa: FBT003 - it always goes with it


def _language(rule: form.LanguageRule, case: Case) -> Checked:
    skills = case.application.languages
    if skills is None:
        return _NOT_SAID
    best = max((FLUENCY[one.level] for one in skills if one.language == rule.language), default=-1)
    if best < 0:
        return _state(False)  # noqa: FBT003 - none of it
    return _state(best >= FLUENCY[rule.least], f"{rule.language}:{tuple(FLUENCY)[best]}")


def _experience(rule: form.ExperienceRule, case: Case) -> Checked:
    return experience(rule.any_of, case)


CHECKS: Final[Mapping[type[Struct], Callable[[Any, Case], Checked]]] = {
    form.LevelRule: _level,
    form.AwardRule: _award,
    form.UnitsRule: _units,
    form.OutcomesRule: _outcomes,
    form.AssessmentRule: _assessment,
    form.WorkHoursRule: _work_hours,
    form.ExperienceRule: _experience,
    form.IssuerRule: _issuer,
    form.RenewalRule: _renewal,
    form.DocumentRule: _document,
    form.NoticeRule: _notice,
    form.GroundRule: _ground,
    form.LimitRule: _limit,
    form.LanguageRule: _language,
}

NAMES: Final = frozenset(str(kind.__struct_config__.tag) for kind in CHECKS)
"""The name of every kind of rule."""


# --- experience ----------------------------------------------------------------------------


def experience(alternatives: Iterable[form.ExperienceEntry], case: Case) -> Checked:
    """Look whether one of several kinds of experience is there; finds the most days of any."""
    application = case.application
    if application.experience is None:
        return _NOT_SAID
    own = case.isco08
    counted = [one for one in application.experience if own and one.isco08.startswith(own)]
    most, unknown = 0, False
    for entry in alternatives:
        days = _days(entry, counted, case.today)
        most = max(most, days)
        if days < days_of_months(entry.months):
            continue
        training = application.training_months
        if not entry.training_months or (training or 0) >= entry.training_months:
            return _state(True, str(days))  # noqa: FBT003 - it holds
        unknown = unknown or training is None
    return ("unknown", (str(most),), "not_said", ()) if unknown else _state(False, str(most))  # noqa: FBT003 - it does not


def _days(entry: form.ExperienceEntry, counted: Iterable[Experience], today: date) -> int:
    years = entry.within_years
    since = date.min if years is None else add_days(add_months(today, -years * _MONTHS_OF_YEAR), 1)
    capacities = entry.capacities
    spans = [
        (one.since, one.until) for one in counted if not capacities or one.capacity in capacities
    ]
    return days_covered(spans, since, today) if spans else 0
