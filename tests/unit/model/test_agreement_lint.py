"""Looking an agreement over before it is signed: each kind of mistake, with what lint says."""

import json

import msgspec
import pytest

from node.errors import Refusal
from node.model.lint_files import lint_agreement
from node.model.lint_notes import Finding, Notes
from node.model.recognition.tables import compile_agreement
from node.model.trust_files import FILE_SIZE_MAX_BYTES, AgreementFile, decode_file
from tests.federation import START
from tests.spoilt_agreements import SAMPLES, SPOILT, Change, Text, route, rule, sample


def looked(content: Text, country: str = "", now: int = START) -> list[Finding]:
    """Look a text over as one of its parties lists it."""
    file = decode_file(json.dumps(content).encode(), AgreementFile, "agreement")
    notes = Notes()
    where = f"agreements/{country or file.parties[0]}/{content['id']}.json"
    lint_agreement(file, where, notes, now)
    compile_agreement(file)  # what contradicts itself can be compiled all the same
    return notes.findings


@pytest.mark.parametrize("name", [path.stem for path in sorted(SAMPLES.glob("*.json"))])
def test_finds_nothing_to_mend_in_a_sample(name: str) -> None:
    assert looked(sample(name.removeprefix("sample-"))) == []


@pytest.mark.parametrize(
    ("name", "change", "field", "sentence"),
    SPOILT,
    ids=[f"{number}-{sentence[:40]}" for number, (_, _, _, sentence) in enumerate(SPOILT)],
)
def test_finds_each_kind_of_mistake_and_says_so(
    name: str, change: Change, field: str, sentence: str
) -> None:
    text = sample(name)
    change(text)
    assert (field, sentence) in {(found.field, found.sentence) for found in looked(text)}


def _oversized() -> Text:
    text = sample("general-system")
    needed = [{"code": f"{number:04}{'u' * 90}"} for number in range(40)]
    units = {"rule": "units", "clause": "A", "otherwise": "refuse", "all_of": needed}
    route(text)["rules"] += [units] * 8
    return text


def test_finds_an_agreement_whose_verdicts_would_be_too_long() -> None:
    (found,) = looked(_oversized())
    assert found.field == "recognition"
    assert found.sentence.startswith("A verdict could take 8")
    assert found.sentence.endswith(
        "and 32768 are the most; use fewer rules, or make several agreements of it."
    )


def test_an_agreement_that_is_too_long_is_not_guessed_at() -> None:
    file = msgspec.convert(_oversized(), AgreementFile)
    barred = compile_agreement(file).barred
    assert barred is not None
    assert (barred.state, barred.why) == ("unknown", "too_long")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text["recognition"].pop("languages"), "missing required field `languages`"),
        (lambda text: text["recognition"].update(surprise=1), "unknown field `surprise`"),
        (lambda text: route(text).update(occupations=[]), "length >= 1"),
        (lambda text: rule(text, 0, 0).update(rule="height"), "Invalid value 'height'"),
        (lambda text: rule(text, 0, 0).pop("clause"), "missing required field `clause`"),
        (lambda text: route(text).update(clause="Article 1\n"), r"\.clause`"),
        (lambda text: route(text).update(id="general\n"), r"\.id`"),
        (lambda text: text["recognition"]["bodies"][0].update(party="XA\n"), r"\.party`"),
        (lambda text: route(text, 1)["rules"][1].update(text="\u202e1"), r"\.text`"),
        (lambda text: route(text)["clocks"]["decide"].update(count=0), "`int` >= 1"),
        (lambda text: text.update(note="x" * FILE_SIZE_MAX_BYTES), "over 1048576 bytes"),
        (lambda text: route(text)["occupations"].extend([{"isco08": ["7"]}] * 1000), "<= 1000"),
    ],
)
def test_refuses_an_incomplete_or_oversized_file_with_its_field(change: Change, said: str) -> None:
    text = sample("general-system")
    change(text)
    with pytest.raises(Refusal, match=said):
        decode_file(json.dumps(text).encode(), AgreementFile, "agreement")


def test_refuses_an_agreement_that_its_lister_is_no_party_to() -> None:
    (found, *_) = looked(sample("crafts"), country="XC")
    assert found.sentence == "XC lists it, but is no party to it."
