"""An agreement, compiled once into what a judgement looks up.

Whatever can be parsed can be compiled: what contradicts itself is `lint`'s to say, before anybody
signs it. Here the first of two routes with one id counts, and the first of two entries for one
code; a measure that is not there makes up for nothing.
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct

from node.model.recognition.form import (
    BodyEntry,
    CalendarEntry,
    CrosswalkEntry,
    OccupationEntry,
    RecognitionPart,
    RouteEntry,
    RuleEntry,
)
from node.model.recognition.rules import CHECKS, Case, Checked, required_of
from node.model.recognition.verdict import VERDICT_SIZE_MAX_BYTES, Reason, ReasonEffect
from node.model.trust_files import AgreementFile

_AFTER_RECOGNITION: Final = frozenset({"language", "limit"})
_AROUND_BYTES: Final = 4096  # names of offices, the limits, and what stands around it all
_AROUND_RULE_BYTES: Final = 320


class CompiledRule(Struct, frozen=True, gc=False):
    """A rule, how it is looked at, and what is said of it whatever is found."""

    rule: RuleEntry
    name: str
    clause: str
    effect: ReasonEffect
    required: tuple[str, ...]
    check: Callable[[RuleEntry, Case], Checked]


class CompiledEntry(Struct, frozen=True, gc=False):
    """Occupations of a route, and the rules for them: the route's, then their own."""

    isco08: tuple[str, ...]
    rules: tuple[CompiledRule, ...]


class CompiledRoute(Struct, frozen=True, gc=False):
    """A route; `beginnings` are what codes of it or of what it excludes begin with."""

    file: RouteEntry
    homes: frozenset[str]
    hosts: frozenset[str]
    isco08: dict[str, CompiledEntry]
    beginnings: frozenset[str]
    esco: dict[str, CompiledEntry]
    national: dict[tuple[str, str, str], CompiledEntry]
    excluded: dict[str, str]


class CompiledAgreement(Struct, frozen=True, gc=False):
    """An agreement as judgements use it; made by `compile_agreement`.

    `crosswalks` are by source and target; `barred` is why its recognition part cannot be used.
    """

    id: str
    version: int
    instrument: str
    parties: frozenset[str]
    in_force_from: date
    in_force_until: date | None
    routes: tuple[CompiledRoute, ...]
    crosswalks: dict[str, tuple[tuple[str, dict[str, int]], ...]]
    bodies: dict[str, BodyEntry]
    calendars: dict[str, CalendarEntry]
    barred: Reason | None


def compile_agreement(file: AgreementFile) -> CompiledAgreement:
    """Compile an agreement; a bare one, which says nothing of recognition, as well."""
    part = file.recognition
    barred: Reason | None = None
    if part is None:
        barred = Reason("recognition", file.instrument, "not_met", "not_covered")
    elif longest_verdict(part) > VERDICT_SIZE_MAX_BYTES:
        barred = Reason("recognition", file.instrument, "unknown", "not_covered", why="too_long")
    used = None if barred is not None else part
    routes: dict[str, CompiledRoute] = {}
    for route in used.routes if used else ():
        if route.id not in routes:
            routes[route.id] = _route(route, file.parties)
    return CompiledAgreement(
        id=file.id,
        version=file.version,
        instrument=file.instrument,
        parties=frozenset(file.parties),
        in_force_from=file.in_force_from,
        in_force_until=file.in_force_until,
        routes=tuple(routes.values()),
        crosswalks=_crosswalks(used.crosswalks if used else ()),
        bodies={entry.party: entry for entry in reversed(used.bodies if used else ())},
        calendars={entry.party: entry for entry in reversed(used.calendars if used else ())},
        barred=barred,
    )


def longest_verdict(part: RecognitionPart) -> int:
    """Return how many bytes a verdict under it can have at most, roughly and rather too many."""
    size = _AROUND_BYTES
    for route in part.routes:
        size += _size(route.rules) + max(_size(entry.rules) for entry in route.occupations)
        around = (route.clause, route.measures, route.documents, route.fees, route.clocks)
        size += len(msgspec.json.encode(around))
    return size


def _size(rules: tuple[RuleEntry, ...]) -> int:
    """What is required stands in a reason; what is found is no longer than that and a bit."""
    return 2 * len(msgspec.json.encode(rules)) + _AROUND_RULE_BYTES * len(rules)


def _route(route: RouteEntry, parties: Iterable[str]) -> CompiledRoute:
    isco08: dict[str, CompiledEntry] = {}
    esco: dict[str, CompiledEntry] = {}
    national: dict[tuple[str, str, str], CompiledEntry] = {}
    shared = tuple(map(_rule, route.rules))
    for entry in route.occupations:
        compiled = _entry(entry, shared)
        for code in entry.isco08:
            isco08.setdefault(code, compiled)
        for uri in entry.esco:
            esco.setdefault(uri, compiled)
        for one in entry.national_codes:
            national.setdefault((one.country, one.scheme, one.code), compiled)
    excluded = {code: entry.clause for entry in route.excluded for code in entry.isco08}
    return CompiledRoute(
        file=route,
        homes=frozenset(route.homes or parties),
        hosts=frozenset(route.hosts or parties),
        isco08=isco08,
        beginnings=frozenset(
            code[:length] for code in (*isco08, *excluded) for length in range(1, len(code))
        ),
        esco=esco,
        national=national,
        excluded=excluded,
    )


def _entry(entry: OccupationEntry, shared: tuple[CompiledRule, ...]) -> CompiledEntry:
    return CompiledEntry(entry.isco08, (*shared, *map(_rule, entry.rules)))


def _rule(rule: RuleEntry) -> CompiledRule:
    name = str(rule.__struct_config__.tag)
    return CompiledRule(
        rule=rule,
        name=name,
        clause=rule.clause,
        effect="condition" if name in _AFTER_RECOGNITION else rule.otherwise,
        required=required_of(rule),
        check=CHECKS[type(rule)],
    )


def _crosswalks(
    entries: Iterable[CrosswalkEntry],
) -> dict[str, tuple[tuple[str, dict[str, int]], ...]]:
    """Return the crosswalks by what they lead to; the first of two from one framework counts."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for entry in entries:
        steps = {step.level: step.to for step in reversed(entry.steps)}
        found.setdefault(entry.target, {}).setdefault(entry.source, steps)
    return {target: tuple(sources.items()) for target, sources in found.items()}
