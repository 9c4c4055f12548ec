"""What is wrong with an agreement's crosswalks between frameworks of levels."""

from collections.abc import Iterator, Mapping
from itertools import islice, pairwise

from node.model.codes import LEVELS_MAX
from node.model.lint_notes import Notes
from node.model.recognition import form

_Steps = Mapping[str, int]
_Onward = dict[str, list[tuple[str, _Steps]]]
_Walk = list[tuple[str, str]]


def lint_crosswalks(
    part: form.RecognitionPart, parties: frozenset[str], path: str, notes: Notes
) -> None:
    """Look at each crosswalk by itself, then at what several of them say together."""
    found: dict[tuple[str, str], tuple[int, _Steps]] = {}
    for number, crosswalk in enumerate(part.crosswalks):
        where = f"recognition.crosswalks[{number}]"
        _lint_one(crosswalk, parties, path, where, notes)
        ends = crosswalk.source, crosswalk.target
        if ends in found:
            notes.error(
                path,
                where,
                f"crosswalks[{found[ends][0]}] leads from {ends[0]} to {ends[1]} too; keep one.",
            )
        else:
            found[ends] = number, {step.level: step.to for step in crosswalk.steps}
    for route in _circles(found):
        notes.error(
            path,
            f"recognition.crosswalks[{found[route[0][0], route[1][0]][0]}]",
            "The crosswalks lead in a circle to another level: "
            f"{' → '.join(f'{name} {level}' for name, level in route)}.",
        )


def _lint_one(
    crosswalk: form.CrosswalkEntry, parties: frozenset[str], path: str, where: str, notes: Notes
) -> None:
    source, target = crosswalk.source, crosswalk.target
    if source == target:
        notes.error(path, where, f"It leads from {source} to itself.")
    if source not in LEVELS_MAX and source not in parties:
        notes.error(path, where, f"{source} is no party to the agreement.")
    levels = [step.level for step in crosswalk.steps]
    if len(set(levels)) != len(levels):
        notes.error(path, f"{where}.steps", "A level stands twice; keep one step for each.")
    for step in crosswalk.steps:
        if step.to > LEVELS_MAX[target]:
            notes.error(
                path,
                f"{where}.steps",
                f"{target} has {LEVELS_MAX[target]} levels, not {step.to}.",
            )
    if source not in LEVELS_MAX:
        return
    numbers = {str(level) for level in range(1, LEVELS_MAX[source] + 1)}
    if strange := [level for level in levels if level not in numbers]:
        notes.error(
            path,
            f"{where}.steps",
            f"{source} has levels 1 to {LEVELS_MAX[source]}, not {strange[0]}.",
        )
        return
    ordered = sorted(crosswalk.steps, key=lambda step: int(step.level))
    for lower, higher in pairwise(ordered):
        if higher.to < lower.to:
            notes.error(
                path,
                f"{where}.steps",
                f"{source} {higher.level} leads to less than {source} {lower.level}; a higher "
                "level must never be worth less.",
            )


def _circles(
    found: Mapping[tuple[str, str], tuple[int, _Steps]],
) -> Iterator[_Walk]:
    """Yield one walk for each circle that comes back to a higher level than it began with."""
    onward: _Onward = {}
    for (source, target), (_, steps) in found.items():
        onward.setdefault(source, []).append((target, steps))
    for source in sorted(onward.keys() & LEVELS_MAX.keys()):
        levels = sorted({level for _, steps in onward[source] for level in steps})
        walks = (_circle([(source, level)], onward) for level in levels if level.isdigit())
        yield from islice(filter(None, walks), 1)


def _circle(walk: _Walk, onward: _Onward) -> _Walk | None:
    """Return the walk onward to where it began, if that is to a higher level.

    A circle is walked from the framework whose name comes first, so that it is found once.
    """
    (home, level), (name, at) = walk[0], walk[-1]
    passed = {one for one, _ in walk}
    for target, steps in onward.get(name, ()):
        if at not in steps:
            continue
        here = [*walk, (target, str(steps[at]))]
        if target == home and steps[at] > int(level):
            return here
        if target > home and target not in passed:
            found = _circle(here, onward)
            if found is not None:
                return found
    return None
