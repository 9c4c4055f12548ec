"""An agreement or a verdict as sentences, in the language of whoever reads them.

A voice knows the language; here is what has to be said. Names, clauses, codes and the texts of
conditions are the agreement's own and stay as they are.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, Protocol

from msgspec import Struct

from node.model.recognition import form
from node.model.recognition.rules import experience_value, required_of
from node.model.recognition.verdict import Deadline, Reason, Verdict
from node.model.trust_files import AgreementFile

_FRAMEWORKS: Final = {"eqf": "EQF", "aqrf": "AQRF", "sadcqf": "SADCQF", "cvq": "CVQ"}
_WORDS: Final = {
    "award": "award",
    "assessment": "method",
    "document": "document",
    "ground": "ground",
    "standing": "standing",
}
_LENGTHS: Final = {"work_hours": "unit.hours", "renewal": "unit.months"}
_MISSING: Final = frozenset({"units", "learning_outcomes"})
_DATES: Final = frozenset({"in_force", "renewal"})


class Voice(Protocol):
    """A language: what it says for a code of `wording`, and how it writes days and lists."""

    def say(self, code: str, **values: str) -> str:
        """Return a sentence with its values filled in."""

    def count(self, code: str, number: int) -> str:
        """Return what goes with a number."""

    def day(self, day: date) -> str:
        """Return a day."""

    def all_of(self, words: Sequence[str]) -> str:
        """Return words as a list: A, B and C."""

    def one_of(self, words: Sequence[str]) -> str:
        """Return words as a choice: A, B or C."""

    def language_name(self, code: str) -> str:
        """Return the name of a language."""


class Line(Struct, frozen=True):
    """A sentence, and how deep it stands under others."""

    depth: int
    text: str


class ExplainedReason(Struct, frozen=True):
    """One rule that was looked at, in words."""

    rule: str
    clause: str
    state: str
    required: str
    found: str = ""
    why: str = ""
    route: str = ""


class Explained(Struct, frozen=True):
    """A verdict in words; what there is nothing to say of is empty."""

    outcome: str
    route: str
    reasons: tuple[ExplainedReason, ...]
    measures: tuple[str, ...]
    chooser: str
    documents: tuple[str, ...]
    fees: tuple[str, ...]
    counted_from: str
    deadlines: tuple[str, ...]
    silence: str
    authority: str
    appeal: str


# --- values --------------------------------------------------------------------------------


def _level(value: str) -> str:
    name, _, level = value.partition(":")
    return f"{_FRAMEWORKS.get(name, name)} {level}"


def _language(value: str, voice: Voice) -> str:
    name, _, level = value.partition(":")
    return f"{voice.language_name(name)} {level}"


def _experience(value: str, voice: Voice) -> str:
    months, years, capacities, training = value.split(":")
    parts = [voice.say("experience.months", length=voice.count("unit.months", int(months)))]
    if years:
        length = voice.count("unit.years", int(years))
        parts.append(voice.say("experience.within", length=length))
    if capacities:
        names = [voice.say(f"capacity.{name}") for name in capacities.split(",")]
        parts.append(voice.say("experience.capacity", capacities=voice.one_of(names)))
    if training:
        length = voice.count("unit.months", int(training))
        parts.append(voice.say("experience.training", length=length))
    return "; ".join(parts)


def _values(rule: str, values: Sequence[str], voice: Voice) -> str:
    """Return what a rule requires."""
    if rule in _WORDS:
        return voice.one_of([voice.say(f"{_WORDS[rule]}.{value}") for value in values])
    if rule in _LENGTHS:
        return voice.count(_LENGTHS[rule], int(values[0]))
    if rule == "level":
        return voice.one_of([_level(value) for value in values])
    if rule == "language":
        return voice.one_of([_language(value, voice) for value in values])
    if rule == "experience":
        return voice.one_of([_experience(value, voice) for value in values])
    return voice.all_of(values)


def _required(rule: str, values: Sequence[str], voice: Voice) -> str:
    if rule != "in_force":
        return voice.say(f"rule.{rule}", required=_values(rule, values, voice))
    since, until = (date.fromisoformat(value) if value else None for value in values)
    if since is None:
        return ""
    if until is None:
        return voice.say("rule.in_force", since=voice.day(since))
    return voice.say("rule.in_force_until", since=voice.day(since), until=voice.day(until))


def _found(reason: Reason, voice: Voice) -> str:
    values = reason.found
    if not values:
        return ""
    if reason.rule in _MISSING:
        return voice.say("found.missing", found=voice.all_of(values))
    if reason.rule in _DATES:
        found = voice.day(date.fromisoformat(values[0]))
    elif reason.rule == "experience":
        found = voice.count("unit.days", int(values[0]))
    elif reason.rule == "level" and len(values) > 1:
        found = voice.say("found.through", level=_level(values[0]), source=_level(values[1]))
    else:
        found = _values(reason.rule, values, voice)
    return voice.say("found.found", found=found)


# --- a verdict -----------------------------------------------------------------------------


def explain_verdict(verdict: Verdict, voice: Voice) -> Explained:
    """Return a verdict in words."""
    best = next((one for one in verdict.routes if one.id == verdict.route), None)
    authority, appeal = verdict.authority, verdict.appeal
    counted = "deadline.lodged" if verdict.lodged else "deadline.assumed"
    documents = tuple(_document(one.document, one.clause, voice) for one in verdict.documents)
    return Explained(
        outcome=voice.say(f"outcome.{verdict.outcome}"),
        route="" if best is None else _clause(voice.say(f"route.{best.route}"), best.clause),
        reasons=tuple(_reason(reason, voice) for reason in verdict.reasons),
        measures=tuple(measure_in_words(one, voice) for one in verdict.measures),
        chooser="" if verdict.chooser is None else voice.say(f"chooser.{verdict.chooser}"),
        documents=documents or ((voice.say("document.none"),) if verdict.deadlines else ()),
        fees=tuple(_fee(fee, voice) for fee in verdict.fees),
        counted_from=(
            voice.say(counted, day=voice.day(verdict.counted_from)) if verdict.deadlines else ""
        ),
        deadlines=tuple(_deadline(one, voice) for one in verdict.deadlines),
        silence="" if verdict.silence is None else _silence(verdict.silence, voice),
        authority="" if authority is None else _office("authority", authority, voice),
        appeal="" if appeal is None else _office("appeal", appeal, voice),
    )


def _reason(reason: Reason, voice: Voice) -> ExplainedReason:
    return ExplainedReason(
        rule=reason.rule,
        clause=reason.clause,
        state=voice.say(f"state.{reason.state}"),
        required=_required(reason.rule, reason.required, voice),
        found=_found(reason, voice),
        why=voice.say(f"why.{reason.why}") if reason.why else "",
        route=reason.route,
    )


def _clause(text: str, clause: str) -> str:
    return f"{text} ({clause})"


def measure_in_words(entry: form.MeasureEntry, voice: Voice) -> str:
    """Return a measure in words."""
    match entry:
        case form.AdaptationMeasure():
            length = voice.count("unit.months", entry.months)
            text = voice.say("measure.adaptation_period", length=length)
        case form.AptitudeMeasure():
            length = voice.count("unit.months", entry.offered_within_months)
            text = voice.say("measure.aptitude_test", length=length)
        case form.BridgeMeasure():
            text = voice.say("measure.bridging_unit", unit=entry.unit)
    return _clause(text, entry.clause)


def _document(name: str, clause: str, voice: Voice) -> str:
    return _clause(voice.say(f"document.{name}"), clause)


def _fee(fee: form.FeeEntry, voice: Voice) -> str:
    text = voice.say("fee.most", party=fee.party, amount=fee.amount, currency=fee.currency)
    return _clause(text, fee.clause)


def _deadline(deadline: Deadline, voice: Voice) -> str:
    limit = deadline.limit
    clock = voice.say(f"clock.{deadline.clock}")
    length = voice.count(f"unit.{limit.unit}", limit.count)
    if deadline.on is not None:
        text = voice.say("deadline.on", clock=clock, day=voice.day(deadline.on), length=length)
    elif deadline.clock == "appeal":
        text = voice.say("deadline.after_decision", clock=clock, length=length)
    else:
        text = voice.say("deadline.unknown", clock=clock, length=length)
    return _clause(text, limit.clause)


def _silence(silence: form.SilenceEntry, voice: Voice) -> str:
    return _clause(voice.say(f"silence.{silence.means}"), silence.clause)


def _office(what: str, office: form.Office, voice: Voice, **values: str) -> str:
    return voice.say(
        f"office.{what}", name=office.name, address=office.address, url=office.url, **values
    )


# --- an agreement --------------------------------------------------------------------------


def explain_agreement(file: AgreementFile, voice: Voice) -> tuple[Line, ...]:
    """Return an agreement in words: what it says of recognition, rule by rule."""
    lines = [Line(0, f"{file.title} ({file.id}, {file.version})")]
    if file.note:
        lines.append(Line(0, file.note))
    parties = voice.all_of(file.parties)
    lines.append(
        Line(0, voice.say("agreement.between", parties=parties, instrument=file.instrument))
    )
    until = "" if file.in_force_until is None else file.in_force_until.isoformat()
    since = file.in_force_from.isoformat()
    lines.append(Line(0, _required("in_force", (since, until), voice)))
    part = file.recognition
    if part is None:
        lines.append(Line(0, voice.say("agreement.bare")))
    else:
        lines += [Line(0, text) for text in _around(part, voice)]
        for route in part.routes:
            lines += _route(route, file, voice)
    return tuple(lines)


def _around(part: form.RecognitionPart, voice: Voice) -> Iterator[str]:
    names = [voice.language_name(code) for code in part.languages]
    yield voice.say("agreement.languages", languages=voice.all_of(names))
    for body in part.bodies:
        yield office_in_words(body.authority, body.party, voice)
        if body.appeal is not None:
            yield _office("appeal", body.appeal, voice)
    for crosswalk in part.crosswalks:
        source = _FRAMEWORKS.get(crosswalk.source, crosswalk.source)
        yield voice.say(
            "agreement.crosswalk",
            source=source,
            target=_FRAMEWORKS[crosswalk.target],
            steps=", ".join(f"{step.level} → {step.to}" for step in crosswalk.steps),
            report=crosswalk.report,
            dated=voice.day(crosswalk.dated),
        )
    for calendar in part.calendars:
        yield voice.say(
            "agreement.calendar",
            party=calendar.party,
            since=voice.day(calendar.known_from),
            until=voice.day(calendar.known_until),
        )


def _route(route: form.RouteEntry, file: AgreementFile, voice: Voice) -> Iterator[Line]:
    yield Line(0, _clause(voice.say(f"route.{route.route}"), route.clause))
    homes, hosts = route.homes or file.parties, route.hosts or file.parties
    yield Line(
        1, voice.say("agreement.from_to", homes=voice.all_of(homes), hosts=voice.one_of(hosts))
    )
    for excluded in route.excluded:
        text = voice.say("agreement.excluded", codes=voice.all_of(excluded.isco08))
        yield Line(1, _clause(text, excluded.clause))
    if route.rules:
        yield Line(1, voice.say("agreement.all_occupations"))
        yield from _rules(route.rules, route, voice)
    for entry in route.occupations:
        codes = [*entry.isco08, *entry.esco]
        codes += [f"{one.country} {one.scheme} {one.code}" for one in entry.national_codes]
        yield Line(1, voice.say("agreement.occupations", codes=voice.all_of(codes)))
        yield from _rules(entry.rules, route, voice)
    for text in _comes_with(route, voice):
        yield Line(1, text)


def office_in_words(office: form.Office, party: str, voice: Voice) -> str:
    """Return a party's competent authority in words."""
    return _office("authority_of", office, voice, party=party)


def rule_in_words(rule: form.RuleEntry, voice: Voice) -> str:
    """Return what a rule requires, what stands in for it and what follows, in one line."""
    parts = [_required(_name(rule), required_of(rule), voice)]
    if rule.or_experience:
        entries = [_experience(experience_value(entry), voice) for entry in rule.or_experience]
        parts.append(voice.say("rule.or_experience", required=voice.one_of(entries)))
    if _name(rule) != "limit":
        parts.append(voice.say(f"effect.{_effect(rule)}"))
    return " ".join(parts)


def _name(rule: form.RuleEntry) -> str:
    return str(rule.__struct_config__.tag)


def _effect(rule: form.RuleEntry) -> str:
    return "condition" if isinstance(rule, form.LanguageRule) else rule.otherwise


def _rules(rules: Sequence[form.RuleEntry], route: form.RouteEntry, voice: Voice) -> Iterator[Line]:
    measures = {measure.id: measure for measure in route.measures}
    for rule in rules:
        yield Line(2, _clause(_required(_name(rule), required_of(rule), voice), rule.clause))
        if rule.or_experience:
            entries = [_experience(experience_value(entry), voice) for entry in rule.or_experience]
            yield Line(3, voice.say("rule.or_experience", required=voice.one_of(entries)))
        if _name(rule) != "limit":
            yield Line(3, voice.say(f"effect.{_effect(rule)}"))
        ids = dict.fromkeys(
            (*rule.measures, *(one for entry in _needed(rule) for one in entry.measures))
        )
        told = [measure_in_words(measures[one], voice) for one in ids if one in measures]
        if told:
            yield Line(3, voice.say("measure.heading", measures=voice.one_of(told)))


def _needed(rule: form.RuleEntry) -> tuple[form.NeededEntry, ...]:
    return rule.all_of if isinstance(rule, form.UnitsRule | form.OutcomesRule) else ()


def _comes_with(route: form.RouteEntry, voice: Voice) -> Iterator[str]:
    if route.adaptation_months_most is not None:
        length = voice.count("unit.months", route.adaptation_months_most)
        yield voice.say("measure.adaptation_most", length=length)
    if route.chooser is not None:
        yield voice.say(f"chooser.{route.chooser}")
    documents = []
    for entry in route.documents:
        text = voice.say(f"document.{entry.document}")
        if entry.shows:
            text = voice.say("document.shows", document=text)
        documents.append(_clause(text, entry.clause))
    if documents:
        yield voice.say("document.heading", documents=voice.all_of(documents))
    for fee in route.fees:
        yield _fee(fee, voice)
    clocks = route.clocks
    for name in ("acknowledge", "decide", "extend", "postpone", "appeal"):
        clock = getattr(clocks, name)
        if clock is not None:
            length = voice.count(f"unit.{clock.unit}", clock.count)
            label = voice.say(f"clock.{name}")
            yield _clause(voice.say("deadline.limit", clock=label, length=length), clock.clause)
    if clocks.silence is not None:
        yield _silence(clocks.silence, voice)
