"""Every row of the tables beside this file: what is known, and what the verdict has to be."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import pytest

from node.model.recognition.claims import Application, Claims, Experience, LanguageSkill
from node.model.recognition.recognise import recognise
from node.model.recognition.tables import CompiledAgreement, compile_agreement
from node.model.recognition.verdict import Reason, Verdict, decode_verdict, encode_verdict
from node.model.statement import Outcome
from node.model.trust_entries import day_start
from node.model.trust_files import AgreementFile, decode_file

_HERE = Path(__file__).parent
_SAMPLES = _HERE.parents[1] / "trust_lists" / "samples"
_NOON_US = 12 * 60 * 60 * 1_000_000
_Value = TypeVar("_Value")


class Example(msgspec.Struct, frozen=True):
    """One row: where it stands, and its cells by column."""

    where: str
    agreement: str
    cells: dict[str, str]


def examples() -> Iterator[Example]:
    """Yield every row of every table."""
    for path in sorted(_HERE.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            for row in reader:
                assert None not in row, f"{path.name} line {reader.line_num}: too many cells"
                assert None not in row.values(), f"{path.name} line {reader.line_num}: too few"
                yield Example(f"{path.name} line {reader.line_num}", path.stem, row)


@cache
def agreement(name: str) -> CompiledAgreement:
    """Return a sample agreement."""
    content = (_SAMPLES / f"{name}.json").read_bytes()
    return compile_agreement(decode_file(content, AgreementFile, name))


def _list(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _known(cell: str, read: Callable[[str], _Value]) -> tuple[_Value, ...] | None:
    """Read a list; empty is unknown, `none` is known to be empty."""
    if not cell:
        return None
    return () if cell == "none" else tuple(map(read, _list(cell)))


def _day(cell: str) -> date | None:
    return date.fromisoformat(cell) if cell else None


def _experience(text: str) -> Experience:
    isco08, since, until, capacity = text.split()
    row = {"isco08": isco08, "since": since, "until": until, "capacity": capacity}
    return msgspec.convert(row, Experience)


def _language(text: str) -> LanguageSkill:
    name, level = text.split()
    return msgspec.convert({"language": name, "level": level}, LanguageSkill)


def judged(cells: dict[str, str], by: CompiledAgreement) -> Verdict:
    """Return the verdict on what a row says is known."""
    levels = [part.split() for part in _list(cells["levels"])]
    training = cells["training_months"]
    claims = Claims(
        home=cells["home"],
        outcome=Outcome[cells["answer"].upper()],
        isco08=cells["occupation"] or None,
        award_type=cells["award"] or None,
        level_national=cells["national_level"] or None,
        levels=tuple((name, int(level)) for name, level in levels),
        units=_known(cells["units"], str),
        assessment_methods=_known(cells["methods"], str),
        work_based_hours=int(cells["work_hours"]) if cells["work_hours"] else None,
        awarded_on=_day(cells["awarded"]),
        valid_from=_day(cells["renewed"]),
        accredited={"yes": True, "no": False, "": None}[cells["accredited"]],
    )
    application = Application(
        host=cells["host"],
        experience=_known(cells["experience"], _experience),
        training_months=0 if training == "none" else int(training) if training else None,
        languages=_known(cells["languages"], _language),
        documents=cast("Any", _known(cells["documents"], str)),
        lodged_on=_day(cells["lodged"]),
        decided_on=_day(cells["decided"]),
        grounds=cast("Any", tuple(_list(cells["grounds"]))),
    )
    at = day_start(date.fromisoformat(cells["on"])) + _NOON_US
    return recognise(by, claims, application, at)


def _told(verdict: Verdict, state: str) -> list[str]:
    def of_best(reason: Reason) -> bool:
        return reason.state == state and reason.route in {"", verdict.route}

    return [f"{reason.rule} {reason.clause}" for reason in verdict.reasons if of_best(reason)]


def said(verdict: Verdict) -> dict[str, list[str]]:
    """Return what a verdict says in the columns of a table."""
    return {
        "outcome": [verdict.outcome],
        "route": [verdict.route] if verdict.route else [],
        "not_met": _told(verdict, "not_met"),
        "unknown": _told(verdict, "unknown"),
        "measures": [measure.id for measure in verdict.measures],
        "may_ask": [str(one.document) for one in verdict.documents],
        "deadlines": [f"{one.clock} {one.on}" for one in verdict.deadlines if one.on is not None],
    }


def mistakes(example: Example) -> str:
    """Return what a row expects otherwise than it is judged, a line for each column."""
    verdict = judged(example.cells, agreement(example.agreement))
    assert decode_verdict(encode_verdict(verdict)) == verdict
    return "\n".join(
        f"{example.where}, {column}: expected {_list(example.cells[column])}, found {found}"
        for column, found in said(verdict).items()
        if sorted(_list(example.cells[column])) != sorted(found)
    )


@pytest.mark.parametrize("example", [pytest.param(one, id=one.where) for one in examples()])
def test_verdict_is_what_the_example_says(example: Example) -> None:
    assert not mistakes(example), f"{example.cells['example']}\n{mistakes(example)}"


def test_every_sample_agreement_has_examples_of_several_outcomes() -> None:
    outcomes: dict[str, set[str]] = {}
    for example in examples():
        outcomes.setdefault(example.agreement, set()).add(example.cells["outcome"])
    assert outcomes.keys() == {path.stem for path in _SAMPLES.glob("*.json")}
    assert all(len(found) >= 4 for found in outcomes.values()), outcomes


def test_a_wrong_example_is_named_with_its_file_and_line() -> None:
    first = next(examples())
    wrong = msgspec.structs.replace(first, cells={**first.cells, "outcome": "deemed"})
    assert re.match(r"sample-crafts.csv line 2, outcome: expected \['deemed'\]", mistakes(wrong))
