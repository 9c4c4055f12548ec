"""What a newer text of an agreement changes on recognition, and for whom; a phrase for each.

Each phrase goes on where "The agreement xa-xb" begins. All is said in English, as other changes of
a trust list are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

from node.model.recognition import form
from node.model.recognition.explain import measure_in_words, office_in_words, rule_in_words
from node.model.recognition.wording import MESSAGES, PLURALS
from node.model.trust_files import AgreementFile


class English:
    """English as it stands in the code. It is what `explain` calls a voice."""

    def say(self, code: str, **values: str) -> str:
        """Return a sentence with its values filled in."""
        return MESSAGES[code].format(**values)

    def count(self, code: str, number: int) -> str:
        """Return what goes with a number."""
        return PLURALS[code][number != 1].format(number=number)

    def day(self, day: date) -> str:
        """Return a day."""
        return day.isoformat()

    def all_of(self, words: Sequence[str]) -> str:
        """Return words as a list."""
        return _joined(words, "and")

    def one_of(self, words: Sequence[str]) -> str:
        """Return words as a choice."""
        return _joined(words, "or")

    def language_name(self, code: str) -> str:
        """Return the code: names of languages are the catalogues'."""
        return code


_VOICE = English()


def _joined(words: Sequence[str], last: str) -> str:
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def recognition_changes(old: AgreementFile, new: AgreementFile) -> Iterator[str]:
    """Say what changes on recognition from one text to the next."""
    before, after = old.recognition, new.recognition
    if before == after:
        return
    if after is None:
        yield "says nothing about recognition any more"
        return
    if before is None:
        routes = [_named(route, new) for route in after.routes]
        yield f"now says something about recognition: {_VOICE.all_of(routes)}"
        return
    told = [
        *_bodies(before, after),
        *_crosswalks(before, after),
        *_routes(before, after, old, new),
    ]
    yield from told or ["words its part on recognition otherwise"]


def _named(route: form.RouteEntry, file: AgreementFile) -> str:
    homes, hosts = route.homes or file.parties, route.hosts or file.parties
    return f"{route.id} (from {_VOICE.all_of(homes)} to {_VOICE.one_of(hosts)})"


# --- of the whole --------------------------------------------------------------------------


def _bodies(old: form.RecognitionPart, new: form.RecognitionPart) -> Iterator[str]:
    before = {body.party: body for body in old.bodies}
    for body in new.bodies:
        was = before.get(body.party)
        if was is None or was.authority != body.authority:
            yield f"now says: {office_in_words(body.authority, body.party, _VOICE)}"
        if body.appeal != (None if was is None else was.appeal):
            where = "nowhere" if body.appeal is None else f"at {body.appeal.name}"
            yield f"lets decisions of {body.party} be appealed {where}"


def _crosswalks(old: form.RecognitionPart, new: form.RecognitionPart) -> Iterator[str]:
    def keyed(part: form.RecognitionPart) -> dict[str, form.CrosswalkEntry]:
        return {f"{one.source} as {one.target}": one for one in part.crosswalks}

    before, after = keyed(old), keyed(new)
    for name, crosswalk in after.items():
        if before.get(name) == crosswalk:
            continue
        was = {step.level: step.to for step in (before[name].steps if name in before else ())}
        steps = [
            f"{step.level} is {step.to}"
            for step in crosswalk.steps
            if was.get(step.level) != step.to
        ]
        gone = [f"{level} is nothing" for level in was if level not in _levels(crosswalk)]
        said = _VOICE.all_of([*steps, *gone]) or f"by {crosswalk.report}"
        yield f"reads levels of {name} anew: {said}"
    for name in before:
        if name not in after:
            yield f"no longer reads levels of {name}; what rests on that is unknown from then on"


def _levels(crosswalk: form.CrosswalkEntry) -> set[str]:
    return {step.level for step in crosswalk.steps}


# --- of routes -----------------------------------------------------------------------------


def _routes(
    old: form.RecognitionPart,
    new: form.RecognitionPart,
    old_file: AgreementFile,
    new_file: AgreementFile,
) -> Iterator[str]:
    before = {route.id: route for route in old.routes}
    after = {route.id: route for route in new.routes}
    for name, route in after.items():
        if name not in before:
            yield f"has a new route, {_named(route, new_file)}"
        elif before[name] != route:
            named, was = _named(route, new_file), _named(before[name], old_file)
            if named != was:
                yield f"has the route {named} now, before: {was}"
            yield from (f"on the route {named} {change}" for change in _route(before[name], route))
    for name, route in before.items():
        if name not in after:
            yield f"has no route {_named(route, old_file)} any more"


def _route(old: form.RouteEntry, new: form.RouteEntry) -> Iterator[str]:
    if old.route != new.route:
        yield f"leads to {new.route.replace('_', ' ')}, before: {old.route.replace('_', ' ')}"
    yield from _occupations(_by_code(old), _by_code(new))
    yield from _each("leaves out", _left_out(old), _left_out(new), str)
    yield from _each("compensates with", old.measures, new.measures, _measure)
    if old.chooser != new.chooser:
        yield f"lets the {new.chooser or 'nobody'} choose the measure, before: {old.chooser}"
    yield from _each("lets ask for", old.documents, new.documents, lambda one: one.document)
    yield from _each(
        "charges", old.fees, new.fees, lambda one: f"{one.amount} {one.currency} in {one.party}"
    )
    yield from _clocks(old.clocks, new.clocks)


def _left_out(route: form.RouteEntry) -> list[str]:
    return [code for entry in route.excluded for code in entry.isco08]


def _measure(measure: form.MeasureEntry) -> str:
    return measure_in_words(measure, _VOICE)


def _by_code(route: form.RouteEntry) -> dict[str, tuple[str, ...]]:
    """Return what each occupation has to meet, in words; nothing of those left out."""
    excluded = tuple(code for entry in route.excluded for code in entry.isco08)
    found: dict[str, tuple[str, ...]] = {}
    for entry in route.occupations:
        rules = tuple(rule_in_words(rule, _VOICE) for rule in (*route.rules, *entry.rules))
        for code in entry.isco08:
            if not (excluded and code.startswith(excluded)):
                found.setdefault(code, rules)
        for uri in entry.esco:
            found.setdefault(uri, rules)
        for one in entry.national_codes:
            found.setdefault(f"{one.country} {one.scheme} {one.code}", rules)
    return found


def _occupations(
    old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    if came := [code for code in new if code not in old]:
        yield f"now covers the occupations {_VOICE.all_of(came)}"
    if gone := [code for code in old if code not in new]:
        yield f"no longer covers the occupations {_VOICE.all_of(gone)}"
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for code, rules in new.items():
        was = old.get(code, rules)
        if was != rules:
            asked = tuple(rule for rule in rules if rule not in was)
            dropped = tuple(rule for rule in was if rule not in rules)
            groups.setdefault((asked, dropped), []).append(code)
    for (asked, dropped), codes in groups.items():
        parts = [f"now asks “{'” and “'.join(asked)}”"] if asked else []
        parts += [f"no longer asks “{'” and “'.join(dropped)}”"] if dropped else []
        said = " and ".join(parts) or "asks the same in another order"
        yield f"for the occupations {_VOICE.all_of(codes)} {said}"


def _each(
    verb: str, old: Iterable[object], new: Iterable[object], words: Callable[..., str]
) -> Iterator[str]:
    before, after = list(old), list(new)
    if came := [words(one) for one in after if one not in before]:
        yield f"now {verb} {_VOICE.all_of(came)}"
    if gone := [words(one) for one in before if one not in after]:
        yield f"no longer {verb} {_VOICE.all_of(gone)}"


def _clocks(old: form.ClocksEntry, new: form.ClocksEntry) -> Iterator[str]:
    for name in ("acknowledge", "decide", "extend", "postpone", "appeal"):
        was, now = _length(getattr(old, name)), _length(getattr(new, name))
        if was != now:
            yield f"has for {_VOICE.say(f'clock.{name}').lower()} {now}, before: {was}"
    if old.silence != new.silence:
        means = "unknown" if new.silence is None else new.silence.means
        yield f"takes silence as {means}, before: {old.silence.means if old.silence else 'unknown'}"


def _length(clock: form.ClockEntry | None) -> str:
    return "no limit" if clock is None else _VOICE.count(f"unit.{clock.unit}", clock.count)
