"""Verdicts and agreements in words, in bytes, compared and counted."""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import ValidationError, validator_for

from node.errors import Code, Refusal
from node.model.diff_countries import agreement_changes
from node.model.lint_files import lint_agreement
from node.model.lint_notes import Notes
from node.model.recognition import form, verdict
from node.model.recognition.claims import Application, Claims, Experience
from node.model.recognition.explain import explain_agreement, explain_verdict
from node.model.recognition.form import RecognitionPart
from node.model.recognition.recognise import recognise
from node.model.recognition.rules import NAMES
from node.model.recognition.simulate import CELL_LEAST, claims_of_credential, simulate, withheld
from node.model.recognition.tables import compile_agreement
from node.model.recognition.verdict import OUTCOMES, Verdict, decode_verdict, encode_verdict
from node.model.recognition.wording import MESSAGES, PLURALS
from node.model.statement import Outcome
from node.model.trust_files import AgreementFile, json_schema
from node.wire.catalogues import LANGUAGES, catalogue
from tests.agreements import NOW, agreements, applications, claims
from tests.federation import START
from tests.spoilt_agreements import SAMPLES, Text, route, rule, sample
from tests.world import sample_credential


def file_of(text: Text) -> AgreementFile:
    """Return a text as it is read from a file."""
    return msgspec.json.decode(json.dumps(text).encode(), type=AgreementFile)


def electrician(**changes: object) -> Claims:
    """Return what an answer shows of an electrician whose training lacks two units."""
    shown = Claims(
        home="XA",
        outcome=Outcome.CONFIRMED,
        isco08="7411",
        award_type="full_qualification",
        levels=(("eqf", 4),),
        units=("EL-1",),
        accredited=True,
    )
    return msgspec.structs.replace(shown, **changes)


def judged(application: Application, **changes: object) -> Verdict:
    """Judge the electrician by the sample of a general system."""
    agreement = compile_agreement(file_of(sample("general-system")))
    return recognise(agreement, electrician(**changes), application, START)


LODGED = Application(
    "XB", experience=(), languages=(), documents=("identity",), lodged_on=date(2026, 11, 2)
)


# --- the form ------------------------------------------------------------------------------


def _keys(kind: Any) -> Iterator[str]:
    """Yield every key that a part of an agreement may have, and the names of its kinds."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind.__struct_config__.tag is not None:
            yield str(kind.__struct_config__.tag)
        hints = get_type_hints(kind)
        for field in msgspec.structs.fields(kind):
            yield field.encode_name
            yield from _keys(hints[field.name])
    else:
        for inner in get_args(kind):
            yield from _keys(inner)


def test_every_key_of_the_form_is_described_for_engineers() -> None:
    page = (SAMPLES.parents[1] / "docs" / "agreements.md").read_text("utf-8")
    told = set(re.findall(r"`([a-z0-9_]+)(?:\[\])?`", page.partition("## For engineers")[2]))
    assert sorted(set(_keys(RecognitionPart)) - told) == []


def test_every_sample_fits_the_schema_and_a_spoilt_one_does_not() -> None:
    schema = validator_for(json_schema("agreement"), validate_formats=True)
    for path in SAMPLES.glob("*.json"):
        text = sample(path.stem.removeprefix("sample-"))
        schema.validate(text)
        route(text)["clause"] = "Article 1\n"
        with pytest.raises(ValidationError):
            schema.validate(text)


@given(agreements())
def test_whatever_can_be_parsed_fits_the_schema(file: AgreementFile) -> None:
    validator_for(json_schema("agreement"), validate_formats=True).validate(
        msgspec.json.decode(msgspec.json.encode(file))
    )


def test_every_code_that_a_verdict_can_hold_has_its_words() -> None:
    codes = {
        "outcome": OUTCOMES,
        "state": get_args(verdict.StateName),
        "why": [why for why in get_args(verdict.WhyName) if why],
        "route": get_args(form.RouteName),
        "rule": [*NAMES, "covered", "standing", "in_force", "in_force_until", "parties"],
        "effect": get_args(form.EffectName),
        "award": get_args(form.AwardName),
        "method": get_args(form.MethodName),
        "capacity": get_args(form.CapacityName),
        "ground": get_args(form.GroundName),
        "document": get_args(form.DocumentName),
        "clock": get_args(verdict.ClockName),
        "silence": get_args(form.SilenceName),
        "chooser": get_args(form.ChooserName),
        "unit": get_args(form.UnitName),
        "standing": [name.lower() for name in Outcome.__members__ if "ed" in name.lower()],
    }
    silent = {"standing.not_confirmed", "standing.refused"}  # these leave it unknown
    said = MESSAGES.keys() | PLURALS.keys() | silent
    assert [
        f"{kind}.{code}"
        for kind, found in codes.items()
        for code in found
        if f"{kind}.{code}" not in said
    ] == []


def test_every_sample_says_that_it_is_one() -> None:
    for path in SAMPLES.glob("*.json"):
        assert sample(path.stem.removeprefix("sample-"))["note"].startswith("sample: binds nobody")


# --- in words ------------------------------------------------------------------------------


def test_a_verdict_says_in_words_what_is_missing_and_what_follows() -> None:
    said = explain_verdict(judged(LODGED), catalogue("en"))
    assert said.outcome == "Recognised after a compensation measure"
    assert said.measures == (
        "Adaptation period: 12 months (Article 14(1))",
        "Aptitude test, offered within: 6 months (Article 14(7))",
        "Bridging unit: EL-3 (Annex II, 1)",
    )
    assert said.chooser == "The applicant chooses the measure."
    (units,) = [one for one in said.reasons if one.rule == "units" and one.route == "general"]
    assert (units.state, units.clause) == ("Not met", "Annex II, 1")
    assert units.required == "Units that must be covered: EL-1, EL-2 and EL-3."
    assert units.found == "Missing: EL-2 and EL-3."
    assert said.counted_from == "Counted from 2 November 2026, the day of the application."
    assert said.deadlines == (
        "Acknowledgement: by 2 December 2026 (1 month). (Article 51(1))",
        "Decision: by 2 February 2027 (3 months). (Article 51(2))",
        "Extension: by 2 March 2027 (1 month). (Article 51(2))",
        "Appeal: 2 months from the decision. (Article 51(3))",
    )
    assert said.silence == "Where no decision comes in time, that can be appealed. (Article 51(3))"
    assert said.authority.startswith("Competent authority: Borvenian Board of Trades, ")
    assert said.appeal.startswith("Appeals: Borvenian Tribunal of Occupations, ")
    assert said.fees == ("Fee in XB, at most: 95.00 XTS. (Article 52)",)
    assert said.documents[0] == "certificate of the qualification (Article 50(1))"


def test_experience_that_stands_in_is_told_as_such() -> None:
    worked = Experience("7411", date(2020, 1, 1), date(2024, 1, 1))
    found = judged(msgspec.structs.replace(LODGED, experience=(worked,)))
    said = explain_verdict(found, catalogue("fr"))
    (units,) = [one for one in said.reasons if one.rule == "units" and one.route == "general"]
    assert (units.state, units.why) == ("Remplie", "L’expérience en tient lieu.")


def test_what_is_unknown_says_why_it_is() -> None:
    said = explain_verdict(judged(Application("XB"), levels=(("cvq", 3),)), catalogue("en"))
    level = next(one for one in said.reasons if one.rule == "level")
    assert (level.state, level.why) == (
        "Not known",
        "No crosswalk of this agreement leads to that framework.",
    )
    assert said.counted_from.endswith("as if the application were lodged that day.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sample_is_told_whole_in_every_language(language: str) -> None:
    for name in ("general-system", "crafts", "registration", "tourism", "regional-certificate"):
        file = file_of(sample(name))
        lines = explain_agreement(file, catalogue(language))
        part = file.recognition
        assert part is not None
        rules = [one for entry in part.routes for one in entry.rules]
        rules += [one for way in part.routes for entry in way.occupations for one in entry.rules]
        assert sum(1 for line in lines if line.depth == 2) >= len(rules)
        assert all(any(one.clause in line.text for line in lines) for one in rules)


@given(agreements(), claims(), applications(), NOW, st.sampled_from(LANGUAGES))
def test_whatever_can_be_parsed_can_be_told_looked_at_and_compared(
    file: AgreementFile, claimed: Claims, application: Application, now: int, language: str
) -> None:
    voice, notes = catalogue(language), Notes()
    assert explain_agreement(file, voice)
    found = recognise(compile_agreement(file), claimed, application, now)
    told = explain_verdict(found, voice)
    assert len(told.reasons) == len(found.reasons)
    assert all(one.state and one.required for one in told.reasons)
    lint_agreement(file, f"agreements/XA/{file.id}.json", notes, now)
    assert all(found.sentence.endswith(".") for found in notes.findings)
    bare = msgspec.structs.replace(file, recognition=None)
    for before, after in ((file, bare), (bare, file), (file, file)):
        for sentence in agreement_changes("xa-xb", {"XA": before}, {"XA": after}):
            assert sentence.endswith(".")


# --- in bytes ------------------------------------------------------------------------------


def test_refuses_a_verdict_with_another_total_than_its_reasons_lead_to() -> None:
    content = encode_verdict(judged(LODGED))
    for good, bad in (
        (b'"outcome":"compensation"', b'"outcome":"recognised"'),
        (b'"state":"not_met"', b'"state":"met"'),
        (b'"lodged":true,"route":"general"', b'"lodged":true,"route":"partial"'),
    ):
        assert good in content
        with pytest.raises(Refusal, match="does not follow") as refused:
            decode_verdict(content.replace(good, bad))
        assert refused.value.code is Code.MALFORMED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: b" " + content, "not spelled canonically"),
        (lambda content: content.replace(b"{", b'{"format":1,', 1), "spelled canonically"),
        (lambda content: content.replace(b"{", b'{"format":2,', 1), "Invalid enum value 2"),
        (lambda content: content.replace(b"{", b'{"more":1,', 1), "unknown field `more`"),
        (lambda content: content[:-1], "truncated"),
        (lambda content: content + b" " * 40_000, "over 32768 bytes"),
        (lambda content: b"\xff" + content, "malformed"),
    ],
)
def test_refuses_bytes_that_are_no_canonical_verdict(change: object, said: str) -> None:
    assert callable(change)
    with pytest.raises(Refusal, match=said):
        decode_verdict(change(encode_verdict(judged(LODGED))))


def test_a_bare_agreement_covers_nothing_and_says_so() -> None:
    bare = msgspec.structs.replace(file_of(sample("general-system")), recognition=None)
    found = recognise(compile_agreement(bare), electrician(), LODGED, START)
    assert (found.outcome, found.reasons[0].rule) == ("not_covered", "recognition")
    assert found.reasons[0].state == "not_met"


# --- compared ------------------------------------------------------------------------------


def test_a_change_says_for_whom_it_is_one() -> None:
    old, new = sample("general-system"), sample("general-system")
    new["version"] = 2
    rule(new, 0, 1)["least"] = 5
    route(new)["occupations"][1]["isco08"].append("7214")
    route(new)["excluded"][0]["isco08"].append("3112")
    route(new)["clocks"]["decide"]["count"] = 2
    route(new)["clocks"]["silence"]["means"] = "granted"
    route(new)["documents"].pop()
    new["recognition"]["routes"].pop()
    changes = list(agreement_changes("x", {"XA": file_of(old)}, {"XA": file_of(new)}))
    general = "on the route general (from XA, XB and XC to XA, XB or XC)"
    experience = (
        "Experience that stands in for it: experience: 24 months; not longer ago than: 10 years. "
        "Otherwise: a compensation measure."
    )
    assert changes == [
        f"The agreement x {general} now covers the occupations 7214.",
        (
            f"The agreement x {general} for the occupations 7411, 7412 and 7413 now asks “Level, "
            f"at least: EQF 5. {experience}” and no longer asks “Level, at least: EQF 4. "
            f"{experience}”."
        ),
        f"The agreement x {general} now leaves out 3112.",
        f"The agreement x {general} no longer lets ask for language.",
        f"The agreement x {general} has for decision 2 months, before: 3 months.",
        f"The agreement x {general} takes silence as granted, before: appealable.",
        "The agreement x has no route partial (from XA, XB and XC to XA, XB or XC) any more.",
        "The agreement x now says version 2.",
    ]


def test_a_crosswalk_that_changes_says_which_levels() -> None:
    old, new = sample("regional-certificate"), sample("regional-certificate")
    new["recognition"]["crosswalks"][0]["steps"][2]["is"] = 4
    new["recognition"]["crosswalks"].pop()
    assert list(agreement_changes("x", {"XA": file_of(old)}, {"XA": file_of(new)})) == [
        "The agreement x reads levels of eqf as cvq anew: 4 is 4.",
        (
            "The agreement x no longer reads levels of XC as cvq; what rests on that is unknown "
            "from then on."
        ),
    ]


# --- counted -------------------------------------------------------------------------------


def test_counts_below_ten_and_what_would_tell_them_are_withheld() -> None:
    assert withheld({"a": 500, "b": 40}) == {"a": 500, "b": 40}
    assert withheld({"a": 500, "b": 40, "c": 3}) == {"a": 500, "b": None, "c": None}
    assert withheld({"a": 500, "b": 3}) == {"a": None, "b": None}
    assert withheld({"a": 500, "b": 4, "c": 4}) == {"a": None, "b": None, "c": None}
    assert withheld({"a": 500, "b": 8, "c": 4}) == {"a": 500, "b": None, "c": None}
    assert withheld({"a": 9}) == {"a": None}


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=1), st.integers(1, 60)))
def test_no_withheld_count_follows_from_the_others(cells: dict[str, int]) -> None:
    shown = withheld(cells)
    hidden = [cells[name] for name, count in shown.items() if count is None]
    assert all(count is None or count >= CELL_LEAST for count in shown.values())
    assert not hidden or len(hidden) == len(cells) or (len(hidden) > 1 and sum(hidden) >= 10)


def test_a_draft_is_counted_over_a_registry_by_outcome_and_by_rule() -> None:
    agreement = compile_agreement(file_of(sample("general-system")))
    credentials = [electrician() for _ in range(30)]
    credentials += [electrician(units=("EL-1", "EL-2", "EL-3")) for _ in range(20)]
    credentials += [electrician(levels=(("eqf", 2),)) for _ in range(3)]
    found = simulate(agreement, credentials, Application("XB", experience=(), languages=()), START)
    assert found.total == 53
    assert found.outcomes == {"conditional": None, "compensation": 30, "partial_access": None}
    counts = {(one.route, one.rule, one.clause): one for one in found.rules}
    assert counts["general", "units", "Annex II, 1"].not_met == 33
    assert counts["general", "level", "Article 13(3)"].not_met is None


def test_a_credential_of_a_registry_claims_what_an_answer_would_show() -> None:
    credential = sample_credential()
    found = claims_of_credential(credential, START)
    assert (found.home, found.isco08) == (credential.number[:2], credential.isco08)
    assert dict(found.levels) == {"eqf": credential.level_eqf}
    assert found.accredited is None
    expired = msgspec.structs.replace(credential, expires_on=date(2026, 11, 22))
    assert claims_of_credential(expired, START).outcome is Outcome.EXPIRED
