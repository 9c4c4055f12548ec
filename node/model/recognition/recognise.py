"""What a qualification is worth in another country, by an agreement: a pure function.

1. the agreement: it says something of recognition, it is in force, both nodes are parties
2. each route: it leads from home to host and covers the occupation
3. each rule of a route that does: met, not met or unknown; experience may stand in
4. the outcome of each route, and the best of them: it follows from the reasons alone
5. what comes with that route: measures, documents, time limits, who decides, who hears appeals

It is total: whatever can be parsed leads to a verdict. What is not known is never guessed.
"""

from datetime import date
from typing import Final

from node.model.recognition.claims import Application, Claims
from node.model.recognition.form import (
    CalendarEntry,
    ClocksEntry,
    DocumentEntry,
    MeasureEntry,
    RouteEntry,
)
from node.model.recognition.rules import Case, experience
from node.model.recognition.spans import day_of, ends_on
from node.model.recognition.tables import CompiledAgreement, CompiledEntry, CompiledRoute
from node.model.recognition.verdict import (
    Deadline,
    DocumentAsked,
    OutcomeName,
    Reason,
    RouteFound,
    StateName,
    Verdict,
    WhyName,
    outcome_of,
    total,
)
from node.model.statement import Outcome

_ISCO08_DIGITS: Final = 4
_SAYS_NOTHING: Final = frozenset({Outcome.NOT_CONFIRMED, Outcome.REFUSED})
_STANDING: Final = {outcome: (outcome.name.lower(),) for outcome in Outcome}
_CONFIRMED: Final = _STANDING[Outcome.CONFIRMED]


def recognise(
    agreement: CompiledAgreement, claims: Claims, application: Application, as_of: int
) -> Verdict:
    """Judge a credential by an agreement, at a time (microseconds UTC)."""
    today = day_of(as_of)
    reasons = _agreement(agreement, claims, application, today)  # 1
    looked: list[RouteFound] = []
    files: dict[str, RouteEntry] = {}
    if all(reason.state == "met" for reason in reasons):
        for route in agreement.routes:
            found = _route(route, agreement, claims, application, today)  # 2, 3
            file = files[route.file.id] = route.file
            outcome = outcome_of(file.route, found)  # 4
            looked.append(RouteFound(file.id, file.route, file.clause, outcome))
            reasons += found
    outcome, best = total(looked, reasons)
    used = None if outcome == "not_covered" else files.get(best)
    lodged_on = application.lodged_on
    start = today if lodged_on is None else lodged_on
    body = agreement.bodies.get(application.host)
    calendar = agreement.calendars.get(application.host)
    measures = () if used is None else _measures(used, outcome, reasons)
    return Verdict(  # 5
        agreement=agreement.id,
        version=agreement.version,
        home=claims.home,
        host=application.host,
        as_of=as_of,
        outcome=outcome,
        counted_from=start,
        reasons=tuple(reasons),
        lodged=lodged_on is not None and lodged_on <= today,
        route=best,
        routes=tuple(looked),
        measures=measures,
        chooser=used.chooser if used is not None and measures else None,
        documents=() if used is None else _documents(used, reasons, application),
        fees=(
            ()
            if used is None
            else tuple([fee for fee in used.fees if fee.party == application.host])
        ),
        deadlines=(
            ()
            if used is None
            else _deadlines(used.clocks, start, application.decided_on, calendar, outcome)
        ),
        silence=None if used is None else used.clocks.silence,
        authority=None if body is None else body.authority,
        appeal=None if body is None else body.appeal,
    )


# --- 1. the agreement ----------------------------------------------------------------------


def _agreement(
    agreement: CompiledAgreement, claims: Claims, application: Application, today: date
) -> list[Reason]:
    clause = agreement.instrument
    home, host = claims.home, application.host
    both = home != host and {home, host} <= agreement.parties
    since, until = agreement.in_force_from, agreement.in_force_until
    ended = until is not None and today > until
    in_force = not ended and today >= since
    span = (since.isoformat(), "" if until is None else until.isoformat())
    if agreement.barred is not None:
        said = agreement.barred
    else:
        said = Reason("recognition", clause, "met", "not_covered")
    return [
        said,
        Reason(
            "in_force",
            clause,
            "met" if in_force else "not_met",
            "not_covered",
            span,
            (today.isoformat(),),
            "" if in_force else "ended" if ended else "not_yet",
        ),
        Reason("parties", clause, "met" if both else "not_met", "not_covered", (), (home, host)),
    ]


# --- 2. what a route covers ----------------------------------------------------------------


def _route(
    route: CompiledRoute,
    agreement: CompiledAgreement,
    claims: Claims,
    application: Application,
    today: date,
) -> list[Reason]:
    covered, entry = _coverage(route, claims, application.host)
    if entry is None:
        return [covered]
    case = Case(claims, application, today, entry.isco08, agreement.crosswalks)
    return [covered, _standing(route.file, claims), *_rules(route.file.id, entry, case)]


def _coverage(
    route: CompiledRoute, claims: Claims, host: str
) -> tuple[Reason, CompiledEntry | None]:
    """Find the entry that says most of the occupation; None where it is not, or unknown."""
    file, code = route.file, claims.isco08
    shown = () if code is None else (code,)

    def found(state: StateName, why: WhyName = "", clause: str = file.clause) -> Reason:
        return Reason("covered", clause, state, "not_covered", (), shown, why, (), file.id)

    if claims.home not in route.homes or host not in route.hosts:
        return found("not_met", "direction"), None
    entry = None if claims.esco is None else route.esco.get(claims.esco)
    for one in claims.national_codes if entry is None else ():
        entry = entry or route.national.get((one.country, one.scheme, one.code))
    if code is None:
        return (found("unknown", "not_shown"), None) if entry is None else (found("met"), entry)
    for length in range(_ISCO08_DIGITS, 0, -1):
        if (clause := route.excluded.get(code[:length])) is not None:
            return found("not_met", "excluded", clause), None
    if entry is None and code in route.beginnings:
        return found("unknown", "less_exact"), None
    for length in range(_ISCO08_DIGITS, 0, -1):
        entry = entry or route.isco08.get(code[:length])
    return (found("not_met"), None) if entry is None else (found("met"), entry)


# --- 3. its rules --------------------------------------------------------------------------


def _standing(route: RouteEntry, claims: Claims) -> Reason:
    outcome = claims.outcome
    if outcome in _SAYS_NOTHING:
        return Reason(
            "standing", route.clause, "unknown", "refuse", _CONFIRMED, (), "not_shown", (), route.id
        )
    state: StateName = "met" if outcome is Outcome.CONFIRMED else "not_met"
    found = _STANDING[outcome]
    return Reason("standing", route.clause, state, "refuse", _CONFIRMED, found, "", (), route.id)


def _rules(route: str, entry: CompiledEntry, case: Case) -> list[Reason]:
    reasons = []
    for compiled in entry.rules:
        rule = compiled.rule
        state, found, why, measures = compiled.check(rule, case)
        if state != "met" and rule.or_experience:
            instead = experience(rule.or_experience, case)[0]
            if instead == "met":
                state, why, measures = "met", "by_experience", ()
            elif instead == "unknown" and state == "not_met":
                state, why, measures = "unknown", "experience_not_said", ()
        if state == "not_met" and rule.measures:
            measures = tuple(dict.fromkeys((*rule.measures, *measures)))
        reasons.append(
            Reason(
                compiled.name,
                compiled.clause,
                state,
                compiled.effect,
                compiled.required,
                found,
                why,
                measures,
                route,
            )
        )
    return reasons


# --- 5. what comes with a route ------------------------------------------------------------


def _measures(
    route: RouteEntry, outcome: OutcomeName, reasons: list[Reason]
) -> tuple[MeasureEntry, ...]:
    if outcome != "compensation":
        return ()
    wanted = {
        measure
        for reason in reasons
        if reason.route == route.id and reason.state == "not_met" and reason.effect == "measure"
        for measure in reason.measures
    }
    return tuple([measure for measure in route.measures if measure.id in wanted])


def _documents(
    route: RouteEntry, reasons: list[Reason], application: Application
) -> tuple[DocumentAsked, ...]:
    """Return what was not handed in yet and could still show something; nothing else."""
    supplied = application.documents or ()
    still = {
        reason.rule for reason in reasons if reason.route == route.id and reason.state != "met"
    }

    def may_show(entry: DocumentEntry) -> bool:
        return not entry.shows or not still.isdisjoint(entry.shows)

    return tuple(
        [
            DocumentAsked(entry.document, entry.clause)
            for entry in route.documents
            if entry.document not in supplied and may_show(entry)
        ]
    )


def _deadlines(
    clocks: ClocksEntry,
    start: date,
    decided_on: date | None,
    calendar: CalendarEntry | None,
    outcome: OutcomeName,
) -> tuple[Deadline, ...]:
    """Return the time limits; extending begins where deciding ends, an appeal with a decision."""
    deadlines: list[Deadline] = []
    if clocks.acknowledge is not None:
        on = ends_on(start, clocks.acknowledge, calendar)
        deadlines.append(Deadline("acknowledge", clocks.acknowledge, on))
    decide = None
    if clocks.decide is not None:
        decide = ends_on(start, clocks.decide, calendar)
        deadlines.append(Deadline("decide", clocks.decide, decide))
    if clocks.extend is not None:
        later = None if decide is None else ends_on(decide, clocks.extend, calendar)
        deadlines.append(Deadline("extend", clocks.extend, later))
    if clocks.postpone is not None and outcome == "postponed":
        on = ends_on(start, clocks.postpone, calendar)
        deadlines.append(Deadline("postpone", clocks.postpone, on))
    if clocks.appeal is not None:
        last = None if decided_on is None else ends_on(decided_on, clocks.appeal, calendar)
        deadlines.append(Deadline("appeal", clocks.appeal, last))
    return tuple(deadlines)
