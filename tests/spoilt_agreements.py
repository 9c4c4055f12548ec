"""Sample agreements, each spoilt in one way, with where and what lint says of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "trust_lists" / "samples"
ROUTE = "recognition.routes[0]"
Text = dict[str, Any]
Change = Callable[[Text], object]


def sample(name: str) -> Text:
    """Return a sample agreement, to be spoilt."""
    content = json.loads((SAMPLES / f"sample-{name}.json").read_text("utf-8"))
    assert isinstance(content, dict)
    return content


def route(text: Text, number: int = 0) -> Text:
    """Return a route of a text."""
    found = text["recognition"]["routes"][number]
    assert isinstance(found, dict)
    return found


def rule(text: Text, entry: int, number: int) -> Text:
    """Return a rule of an entry of the first route."""
    found = route(text)["occupations"][entry]["rules"][number]
    assert isinstance(found, dict)
    return found


def _body(party: str) -> Text:
    office = {"name": "Office", "address": "Street", "url": "https://office.example"}
    return {"party": party, "authority": office, "appeal": office}


def _crosswalk(source: str, target: str, steps: dict[str, int]) -> Text:
    return {
        "source": source,
        "target": target,
        "steps": [{"level": level, "is": to} for level, to in steps.items()],
        "report": "Report",
        "dated": "2024-01-01",
        "provenance": "Sample",
    }


CONTRADICTIONS: list[tuple[str, Change, str, str]] = [
    (
        "general-system",
        lambda text: route(text)["occupations"][1]["isco08"].append("7411"),
        f"{ROUTE}.occupations[1]",
        "7411 stands here and in occupations[0] with rules of its own; only one of them can count.",
    ),
    (
        "general-system",
        lambda text: route(text, 1).update(id="general"),
        "recognition.routes[1].id",
        "routes[0] is called general too; only one of them can count.",
    ),
    (
        "general-system",
        lambda text: rule(text, 0, 1).update(least=3),
        f"{ROUTE}.occupations[0].rules[1]",
        (
            "Level 3 leads to measure here and to refuse in occupations[0].rules[0]; these "
            "contradict each other."
        ),
    ),
    (
        "general-system",
        lambda text: route(text)["occupations"][0]["rules"].append(
            {"rule": "award", "clause": "A", "one_of": ["licence"], "otherwise": "refuse"}
        ),
        f"{ROUTE}.occupations[0].rules[3]",
        "No award can meet both this rule and rules[0].",
    ),
    (
        "general-system",
        lambda text: route(text)["occupations"][2]["rules"].append(
            {"rule": "assessment", "clause": "A", "one_of": ["portfolio"], "otherwise": "assess"}
        ),
        f"{ROUTE}.occupations[2].rules[2]",
        "No assessment can meet both this rule and occupations[2].rules[1].",
    ),
    (
        "general-system",
        lambda text: route(text)["measures"][0].update(months=48),
        f"{ROUTE}.measures[0]",
        "48 months of adaptation, and the route allows 36.",
    ),
    (
        "general-system",
        lambda text: route(text)["rules"][2].update(otherwise="refuse"),
        f"{ROUTE}.rules[2]",
        "Language is looked at after recognition, so it can only be a condition.",
    ),
    (
        "registration",
        lambda text: route(text)["documents"].pop(0),
        f"{ROUTE}.rules[2]",
        (
            "The document registration is required here, and documents does not let anybody ask "
            "for it."
        ),
    ),
]
GAPS: list[tuple[str, Change, str, str]] = [
    (
        "general-system",
        lambda text: text["recognition"]["bodies"].pop(),
        "recognition.bodies",
        "XC has no competent authority; nobody could decide there.",
    ),
    (
        "general-system",
        lambda text: text["recognition"]["bodies"][0].pop("appeal"),
        "recognition.bodies[0].appeal",
        "Nobody can read where decisions of XA are appealed; name the body.",
    ),
    (
        "general-system",
        lambda text: rule(text, 0, 1).pop("measures"),
        f"{ROUTE}.occupations[0].rules[1]",
        "It leads to a measure and names none.",
    ),
    (
        "general-system",
        lambda text: route(text).pop("chooser"),
        f"{ROUTE}.chooser",
        "Nobody can read who chooses among the measures.",
    ),
    (
        "crafts",
        lambda text: route(text)["clocks"].pop("silence"),
        f"{ROUTE}.clocks.silence",
        "Nobody can read what it means if no decision comes.",
    ),
    (
        "crafts",
        lambda text: route(text)["clocks"].pop("appeal"),
        f"{ROUTE}.clocks.appeal",
        "Nobody can read until when one can appeal.",
    ),
    (
        "registration",
        lambda text: route(text)["clocks"].pop("postpone"),
        f"{ROUTE}.clocks.postpone",
        "A decision may be postponed, and without an end.",
    ),
]
UNREACHABLE: list[tuple[str, Change, str, str]] = [
    (
        "general-system",
        lambda text: route(text)["excluded"][0]["isco08"].append("72"),
        f"{ROUTE}.occupations[1]",
        "7212, 7213: left out by excluded; unreachable.",
    ),
    (
        "general-system",
        lambda text: rule(text, 0, 1).update(otherwise="refuse", or_experience=[]),
        f"{ROUTE}.occupations[0].rules[0]",
        (
            "Whoever lacks level 3 lacks level 4 in occupations[0].rules[1] too, which leads to no "
            "less; this rule is unreachable."
        ),
    ),
    (
        "general-system",
        lambda text: route(text)["occupations"].append({"rules": []}),
        f"{ROUTE}.occupations[3]",
        "It names no occupation; nobody can reach its rules.",
    ),
    (
        "general-system",
        lambda text: route(text).update(homes=["XA"], hosts=["XA"]),
        f"{ROUTE}.hosts",
        "It leads from XA to itself; nobody can reach it.",
    ),
    (
        "general-system",
        lambda text: route(text)["measures"].append(
            {"measure": "bridging_unit", "id": "other", "clause": "A", "unit": "X"}
        ),
        f"{ROUTE}.measures[3]",
        "No rule leads to other; take it out or name it.",
    ),
    (
        "regional-certificate",
        lambda text: rule(text, 4, 0).update(least=6),
        f"{ROUTE}.occupations[4].rules[0]",
        "cvq has 5 levels; nobody has level 6.",
    ),
    (
        "crafts",
        lambda text: rule(text, 0, 0)["any_of"][0].update(within_years=5),
        f"{ROUTE}.occupations[0].rules[0]",
        "72 months of experience do not fit into 5 years.",
    ),
]
ONE_SIDED: list[tuple[str, Change, str, str]] = [
    (
        "crafts",
        lambda text: route(text).update(homes=["XA"]),
        "recognition.routes",
        "A route leads from XA to XB and none back: the text is one-sided.",
    ),
    (
        "crafts",
        lambda text: (
            text["parties"].append("XC"),
            text["recognition"]["bodies"].append(_body("XC")),
            route(text).update(homes=["XA", "XB"], hosts=["XA", "XB"]),
        ),
        "recognition.routes",
        "No route leads from XA to XC or back; both are parties for nothing.",
    ),
]
CLOCKS: list[tuple[str, Change, str, str]] = [
    (
        "crafts",
        lambda text: route(text)["clocks"]["acknowledge"].update(count=2, unit="months"),
        f"{ROUTE}.clocks.acknowledge",
        "It may be acknowledged later than it must be decided.",
    ),
    (
        "crafts",
        lambda text: route(text)["clocks"].pop("decide"),
        f"{ROUTE}.clocks.extend",
        "It extends a time limit that there is not.",
    ),
    (
        "crafts",
        lambda text: route(text)["clocks"].pop("decide"),
        f"{ROUTE}.clocks.silence",
        "Without a time limit there is no silence.",
    ),
    (
        "crafts",
        lambda text: route(text)["clocks"].pop("decide"),
        f"{ROUTE}.clocks.decide",
        "There is no time limit for the decision.",
    ),
    (
        "registration",
        lambda text: text["recognition"]["calendars"].pop(),
        f"{ROUTE}.clocks.acknowledge",
        "It counts working days, and there is no calendar of XC.",
    ),
    (
        "registration",
        lambda text: text["recognition"]["calendars"][0].update(known_until="2026-03-01"),
        "recognition.calendars[0].known_until",
        "The working days of XB are known until 2026-03-01; time limits can be computed no more.",
    ),
    (
        "registration",
        lambda text: text["recognition"]["calendars"][0].update(known_until="2025-03-01"),
        "recognition.calendars[0]",
        "It ends before it begins; correct one of the dates.",
    ),
]
CIRCULAR: list[tuple[str, Change, str, str]] = [
    (
        "regional-certificate",
        lambda text: text["recognition"]["crosswalks"].append(
            _crosswalk("cvq", "eqf", {"1": 2, "2": 4})
        ),
        "recognition.crosswalks[2]",
        "The crosswalks lead in a circle to another level: cvq 2 → eqf 4 → cvq 3.",
    ),
    (
        "tourism",
        lambda text: text["recognition"]["crosswalks"].extend(
            [_crosswalk("aqrf", "sadcqf", {"3": 5}), _crosswalk("sadcqf", "eqf", {"5": 4})]
        ),
        "recognition.crosswalks[1]",
        "The crosswalks lead in a circle to another level: aqrf 3 → sadcqf 5 → eqf 4 → aqrf 4.",
    ),
    (
        "tourism",
        lambda text: text["recognition"]["crosswalks"][0].update(source="aqrf"),
        "recognition.crosswalks[0]",
        "It leads from aqrf to itself.",
    ),
    (
        "tourism",
        lambda text: text["recognition"]["crosswalks"].append(_crosswalk("eqf", "aqrf", {"1": 1})),
        "recognition.crosswalks[1]",
        "crosswalks[0] leads from eqf to aqrf too; keep one.",
    ),
    (
        "tourism",
        lambda text: text["recognition"]["crosswalks"][0]["steps"][2].update({"is": 1}),
        "recognition.crosswalks[0].steps",
        "eqf 3 leads to less than eqf 2; a higher level must never be worth less.",
    ),
    (
        "regional-certificate",
        lambda text: text["recognition"]["crosswalks"][0]["steps"][0].update({"is": 7}),
        "recognition.crosswalks[0].steps",
        "cvq has 5 levels, not 7.",
    ),
    (
        "regional-certificate",
        lambda text: text["recognition"]["crosswalks"][0]["steps"][0].update(level="9"),
        "recognition.crosswalks[0].steps",
        "eqf has levels 1 to 8, not 9.",
    ),
    (
        "regional-certificate",
        lambda text: text["recognition"]["crosswalks"][0]["steps"][0].update(level="3"),
        "recognition.crosswalks[0].steps",
        "A level stands twice; keep one step for each.",
    ),
]
FOREIGN: list[tuple[str, Change, str, str]] = [
    (
        "general-system",
        lambda text: route(text).update(homes=["XA", "XB", "XD"]),
        f"{ROUTE}.homes",
        "XD is no party to the agreement.",
    ),
    (
        "general-system",
        lambda text: route(text)["fees"][0].update(party="XD"),
        f"{ROUTE}.fees[0]",
        "XD is no party to the agreement.",
    ),
    (
        "general-system",
        lambda text: text["recognition"]["bodies"].append(_body("XD")),
        "recognition.bodies[3]",
        "XD is no party to the agreement.",
    ),
    (
        "general-system",
        lambda text: text["recognition"]["bodies"].append(_body("XC")),
        "recognition.bodies[3]",
        "XC stands twice; keep one entry.",
    ),
    (
        "registration",
        lambda text: text["recognition"]["calendars"][0].update(party="XD"),
        "recognition.calendars[0]",
        "XD is no party to the agreement.",
    ),
    (
        "registration",
        lambda text: text["recognition"]["calendars"][0].update(party="XC"),
        "recognition.calendars[1]",
        "XC has two calendars; keep one.",
    ),
    (
        "regional-certificate",
        lambda text: text["recognition"]["crosswalks"][1].update(source="XB"),
        "recognition.crosswalks[1]",
        "XB is no party to the agreement.",
    ),
    (
        "general-system",
        lambda text: route(text)["occupations"][1]["isco08"].append("7999"),
        f"{ROUTE}.occupations[1].isco08",
        "ISCO-08 has no 7999.",
    ),
    (
        "general-system",
        lambda text: text["recognition"]["languages"].append("qq"),
        "recognition.languages",
        "ISO 639 has no language qq.",
    ),
    (
        "general-system",
        lambda text: route(text)["rules"][2].update(language="qq"),
        f"{ROUTE}.rules[2]",
        "ISO 639 has no language qq.",
    ),
    (
        "general-system",
        lambda text: rule(text, 0, 1)["measures"].append("unheard"),
        f"{ROUTE}.occupations[0].rules[1]",
        "unheard is not among the measures of this route.",
    ),
    (
        "general-system",
        lambda text: route(text)["measures"][1].update(id="adaptation"),
        f"{ROUTE}.measures[1]",
        "adaptation stands twice; give one another id.",
    ),
    (
        "general-system",
        lambda text: route(text)["documents"][2].update(shows=["height"]),
        f"{ROUTE}.documents[2].shows",
        "There is no rule called height.",
    ),
]
DATES: list[tuple[str, Change, str, str]] = [
    (
        "crafts",
        lambda text: text.update(in_force_until="2026-10-31"),
        "in_force_until",
        "It ended on 2026-10-31; nobody relies on it now.",
    ),
    (
        "crafts",
        lambda text: text.update(in_force_from="2027-01-01"),
        "in_force_from",
        "It is in force only from 2027-01-01.",
    ),
    (
        "crafts",
        lambda text: text.update(in_force_until="2024-01-01"),
        "in_force_until",
        "It ends on 2024-01-01, before it begins on 2025-01-01; correct one of the dates.",
    ),
]

SPOILT = [
    *CONTRADICTIONS,
    *GAPS,
    *UNREACHABLE,
    *ONE_SIDED,
    *CLOCKS,
    *CIRCULAR,
    *FOREIGN,
    *DATES,
]
"""Sample, how it is spoilt, field and sentence of the finding."""
