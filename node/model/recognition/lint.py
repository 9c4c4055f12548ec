"""What is wrong with an agreement's recognition part, before somebody signs it.

Contradictions, gaps, rules that nothing can reach, directions that only one side has, time limits
that cannot be kept, crosswalks that lead in a circle, verdicts that would be too long.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

from node.model.codes import LANGUAGES, LEVELS_MAX
from node.model.lint_notes import Notes
from node.model.occupations import ISCO08
from node.model.recognition import form
from node.model.recognition.lint_crosswalks import lint_crosswalks
from node.model.recognition.rules import NAMES
from node.model.recognition.spans import day_of
from node.model.recognition.tables import longest_verdict
from node.model.recognition.verdict import VERDICT_SIZE_MAX_BYTES
from node.model.trust_files import AgreementFile

_RANK: Final = {
    name: rank
    for rank, name in enumerate(("condition", "measure", "partial", "postpone", "assess", "refuse"))
}
_DAYS: Final = {"days": 1, "working_days": 1, "months": 31}
_MONTHS_OF_YEAR: Final = 12
_Placed = tuple[str, form.RuleEntry]


def lint_recognition(file: AgreementFile, path: str, notes: Notes, now: int) -> None:
    """Look at what an agreement says of recognition; a bare one says nothing wrong."""
    part = file.recognition
    if part is None:
        return
    parties = frozenset(file.parties)
    _lint_bodies(part, parties, path, notes)
    _lint_calendars(part, parties, path, notes, now)
    lint_crosswalks(part, parties, path, notes)
    _lint_directions(part, file.parties, path, notes)
    seen: dict[str, int] = {}
    for number, route in enumerate(part.routes):
        where = f"recognition.routes[{number}]"
        other = seen.setdefault(route.id, number)
        if other != number:
            notes.error(
                path,
                f"{where}.id",
                f"routes[{other}] is called {route.id} too; only one of them can count.",
            )
        _Route(route, part, parties, path, where, notes).look()
    if (size := longest_verdict(part)) > VERDICT_SIZE_MAX_BYTES:
        notes.error(
            path,
            "recognition",
            f"A verdict could take {size} bytes, and {VERDICT_SIZE_MAX_BYTES} are the most; use "
            "fewer rules, or make several agreements of it.",
        )
    for code in part.languages:
        if code not in LANGUAGES:
            notes.error(path, "recognition.languages", f"ISO 639 has no language {code}.")


# --- of the whole --------------------------------------------------------------------------


def _lint_bodies(
    part: form.RecognitionPart, parties: frozenset[str], path: str, notes: Notes
) -> None:
    where = "recognition.bodies"
    named = [body.party for body in part.bodies]
    for party in sorted(parties.difference(named)):
        notes.error(path, where, f"{party} has no competent authority; nobody could decide there.")
    for number, body in enumerate(part.bodies):
        if body.party not in parties:
            notes.error(path, f"{where}[{number}]", f"{body.party} is no party to the agreement.")
        elif body.party in named[:number]:
            notes.error(path, f"{where}[{number}]", f"{body.party} stands twice; keep one entry.")
        if body.appeal is None:
            notes.warning(
                path,
                f"{where}[{number}].appeal",
                f"Nobody can read where decisions of {body.party} are appealed; name the body.",
            )


def _lint_calendars(
    part: form.RecognitionPart, parties: frozenset[str], path: str, notes: Notes, now: int
) -> None:
    today = day_of(now)
    for number, calendar in enumerate(part.calendars):
        where = f"recognition.calendars[{number}]"
        if calendar.party not in parties:
            notes.error(path, where, f"{calendar.party} is no party to the agreement.")
        if any(other.party == calendar.party for other in part.calendars[:number]):
            notes.error(path, where, f"{calendar.party} has two calendars; keep one.")
        if calendar.known_until < calendar.known_from:
            notes.error(path, where, "It ends before it begins; correct one of the dates.")
        elif calendar.known_until < today:
            notes.warning(
                path,
                f"{where}.known_until",
                f"The working days of {calendar.party} are known until {calendar.known_until}; "
                "time limits can be computed no more.",
            )


def _lint_directions(
    part: form.RecognitionPart, parties: Sequence[str], path: str, notes: Notes
) -> None:
    """Look for what leads from one party to another, and not back."""
    led = {
        (home, host)
        for route in part.routes
        for home in route.homes or parties
        for host in route.hosts or parties
        if home != host
    }
    for one, other in combinations(sorted(set(parties)), 2):
        ways = ((one, other) in led, (other, one) in led)
        if ways == (False, False):
            notes.warning(
                path,
                "recognition.routes",
                f"No route leads from {one} to {other} or back; both are parties for nothing.",
            )
        elif ways != (True, True):
            home, host = (one, other) if ways[0] else (other, one)
            notes.warning(
                path,
                "recognition.routes",
                f"A route leads from {home} to {host} and none back: the text is one-sided.",
            )


# --- of one route --------------------------------------------------------------------------


class _Route:
    """Looks at one route; not a value."""

    def __init__(  # noqa: PLR0913, PLR0917 - the route, and where it stands
        self,
        route: form.RouteEntry,
        part: form.RecognitionPart,
        parties: frozenset[str],
        path: str,
        where: str,
        notes: Notes,
    ) -> None:
        self._route = route
        self._part = part
        self._parties = parties
        self._path = path
        self._where = where
        self._notes = notes
        self._measures = {measure.id: measure for measure in route.measures}

    def look(self) -> None:
        self._look_at_parties()
        self._look_at_occupations()
        self._look_at_measures()
        self._look_at_documents()
        self._look_at_clocks()
        shared = self._placed("rules", self._route.rules)
        for place, rule in shared:
            self._look_at_rule(place, rule)
        self._look_at_pairs(shared, ())
        for number, entry in enumerate(self._route.occupations):
            own = self._placed(f"occupations[{number}].rules", entry.rules)
            for place, rule in own:
                self._look_at_rule(place, rule)
            self._look_at_pairs(own, shared)

    def _error(self, place: str, sentence: str) -> None:
        self._notes.error(self._path, f"{self._where}.{place}", sentence)

    def _warning(self, place: str, sentence: str) -> None:
        self._notes.warning(self._path, f"{self._where}.{place}", sentence)

    @staticmethod
    def _placed(place: str, rules: Iterable[form.RuleEntry]) -> list[_Placed]:
        return [(f"{place}[{number}]", rule) for number, rule in enumerate(rules)]

    def _look_at_parties(self) -> None:
        route = self._route
        for name, countries in (("homes", route.homes), ("hosts", route.hosts)):
            for country in countries:
                if country not in self._parties:
                    self._error(name, f"{country} is no party to the agreement.")
        for number, fee in enumerate(route.fees):
            if fee.party not in self._parties:
                self._error(f"fees[{number}]", f"{fee.party} is no party to the agreement.")
        if len(ends := set(route.homes) | set(route.hosts)) == 1 and route.homes and route.hosts:
            self._error("hosts", f"It leads from {min(ends)} to itself; nobody can reach it.")

    def _look_at_occupations(self) -> None:
        excluded = tuple(code for entry in self._route.excluded for code in entry.isco08)
        seen: dict[object, int] = {}
        for number, entry in enumerate(self._route.occupations):
            place = f"occupations[{number}]"
            codes: list[object] = [*entry.isco08, *entry.esco]
            codes += [(one.country, one.scheme, one.code) for one in entry.national_codes]
            if not codes:
                self._error(place, "It names no occupation; nobody can reach its rules.")
            for code in codes:
                other = seen.setdefault(code, number)
                if other != number:
                    shown = " ".join(code) if isinstance(code, tuple) else code
                    self._error(
                        place,
                        f"{shown} stands here and in occupations[{other}] with rules of its own; "
                        "only one of them can count.",
                    )
            if unknown := [code for code in entry.isco08 if code not in ISCO08]:
                self._error(f"{place}.isco08", f"ISCO-08 has no {', '.join(unknown[:5])}.")
            gone = [code for code in entry.isco08 if excluded and code.startswith(excluded)]
            if gone and len(gone) == len(codes):
                self._warning(place, f"{', '.join(gone[:5])}: left out by excluded; unreachable.")

    def _look_at_measures(self) -> None:
        route = self._route
        used = {
            measure
            for rules in (route.rules, *(entry.rules for entry in route.occupations))
            for rule in rules
            for measure in _measures_of(rule)
        }
        most = route.adaptation_months_most
        for number, measure in enumerate(route.measures):
            place = f"measures[{number}]"
            if measure.id in [other.id for other in route.measures[:number]]:
                self._error(place, f"{measure.id} stands twice; give one another id.")
            elif measure.id not in used:
                self._warning(place, f"No rule leads to {measure.id}; take it out or name it.")
            if isinstance(measure, form.AdaptationMeasure) and most and measure.months > most:
                self._error(
                    place,
                    f"{measure.months} months of adaptation, and the route allows {most}.",
                )
        if len(used & self._measures.keys()) > 1 and route.chooser is None:
            self._warning("chooser", "Nobody can read who chooses among the measures.")

    def _look_at_documents(self) -> None:
        for number, entry in enumerate(self._route.documents):
            for name in entry.shows:
                if name not in NAMES:
                    self._error(f"documents[{number}].shows", f"There is no rule called {name}.")

    # --- clocks ---------------------------------------------------------------------------

    def _look_at_clocks(self) -> None:
        clocks = self._route.clocks
        acknowledge, decide = clocks.acknowledge, clocks.decide
        if decide is None:
            self._error("clocks.decide", "There is no time limit for the decision.")
            if clocks.extend is not None:
                self._error("clocks.extend", "It extends a time limit that there is not.")
            if clocks.silence is not None:
                self._error("clocks.silence", "Without a time limit there is no silence.")
        elif clocks.silence is None:
            self._warning("clocks.silence", "Nobody can read what it means if no decision comes.")
        if acknowledge and decide and _days(acknowledge) > _days(decide):
            self._error(
                "clocks.acknowledge", "It may be acknowledged later than it must be decided."
            )
        if clocks.appeal is None:
            self._warning("clocks.appeal", "Nobody can read until when one can appeal.")
        postpones = any(
            rule.otherwise == "postpone"
            for rules in (self._route.rules, *(one.rules for one in self._route.occupations))
            for rule in rules
        )
        if postpones and clocks.postpone is None:
            self._error("clocks.postpone", "A decision may be postponed, and without an end.")
        self._look_at_working_days()

    def _look_at_working_days(self) -> None:
        clocks = self._route.clocks
        named = {calendar.party for calendar in self._part.calendars}
        for name in ("acknowledge", "decide", "extend", "appeal", "postpone"):
            clock: form.ClockEntry | None = getattr(clocks, name)
            if clock is None or clock.unit != "working_days":
                continue
            hosts = set(self._route.hosts) or self._parties
            for party in sorted(hosts - named):
                self._error(
                    f"clocks.{name}",
                    f"It counts working days, and there is no calendar of {party}.",
                )

    # --- rules ----------------------------------------------------------------------------

    def _look_at_rule(self, place: str, rule: form.RuleEntry) -> None:
        for measure in _measures_of(rule):
            if measure not in self._measures:
                self._error(place, f"{measure} is not among the measures of this route.")
        if rule.otherwise == "measure" and not _measures_of(rule):
            self._error(place, "It leads to a measure and names none.")
        alternatives = rule.any_of if isinstance(rule, form.ExperienceRule) else ()
        for entry in (*rule.or_experience, *alternatives):
            if entry.within_years and entry.months > entry.within_years * _MONTHS_OF_YEAR:
                self._error(
                    place,
                    f"{entry.months} months of experience do not fit into "
                    f"{entry.within_years} years.",
                )
        match rule:
            case form.LevelRule() if rule.least > LEVELS_MAX[rule.framework]:
                self._error(
                    place,
                    f"{rule.framework} has {LEVELS_MAX[rule.framework]} levels; nobody has level "
                    f"{rule.least}.",
                )
            case form.LanguageRule() if rule.otherwise != "condition":
                self._error(
                    place,
                    "Language is looked at after recognition, so it can only be a condition.",
                )
            case form.LanguageRule() if rule.language not in LANGUAGES:
                self._error(place, f"ISO 639 has no language {rule.language}.")
            case form.DocumentRule() if rule.document not in [
                entry.document for entry in self._route.documents
            ]:
                self._error(
                    place,
                    f"The document {rule.document} is required here, and documents does not let "
                    "anybody ask for it.",
                )
            case _:
                pass

    def _look_at_pairs(self, own: Sequence[_Placed], shared: Sequence[_Placed]) -> None:
        """Look at rules that hold together: two of one kind may contradict or hide each other."""
        pairs = [*combinations(own, 2), *((other, one) for one in own for other in shared)]
        for (there, first), (place, second) in pairs:
            if isinstance(first, form.LevelRule) and isinstance(second, form.LevelRule):
                self._look_at_levels((there, first), (place, second))
            elif isinstance(first, form.AwardRule) and isinstance(second, form.AwardRule):
                self._look_at_choices(there, place, first.one_of, second.one_of, "award")
            elif isinstance(first, form.AssessmentRule) and isinstance(second, form.AssessmentRule):
                self._look_at_choices(there, place, first.one_of, second.one_of, "assessment")

    def _look_at_choices(
        self, there: str, place: str, first: Iterable[str], second: Iterable[str], what: str
    ) -> None:
        if set(first).isdisjoint(second):
            self._error(place, f"No {what} can meet both this rule and {there}.")

    def _look_at_levels(
        self, one: tuple[str, form.LevelRule], other: tuple[str, form.LevelRule]
    ) -> None:
        (there, first), (place, second) = one, other
        if first.framework != second.framework:
            return
        if first.least == second.least:
            if first.otherwise != second.otherwise:
                self._error(
                    place,
                    f"Level {second.least} leads to {second.otherwise} here and to "
                    f"{first.otherwise} in {there}; these contradict each other.",
                )
            return
        (low_place, low), (high_place, high) = sorted(
            ((there, first), (place, second)), key=lambda found: found[1].least
        )
        if not high.or_experience and _RANK[high.otherwise] >= _RANK[low.otherwise]:
            self._warning(
                low_place,
                f"Whoever lacks level {low.least} lacks level {high.least} in {high_place} too, "
                "which leads to no less; this rule is unreachable.",
            )


def _days(clock: form.ClockEntry) -> int:
    return clock.count * _DAYS[clock.unit]


def _measures_of(rule: form.RuleEntry) -> tuple[str, ...]:
    needed = rule.all_of if isinstance(rule, form.UnitsRule | form.OutcomesRule) else ()
    return (*rule.measures, *(measure for entry in needed for measure in entry.measures))
