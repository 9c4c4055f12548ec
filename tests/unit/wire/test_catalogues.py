"""Every sentence about recognition, in every language that is shipped."""

import string
from datetime import date
from importlib import resources

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from node.errors import Code, Refusal
from node.model.recognition.wording import MESSAGES, PLURALS
from node.wire.catalogues import LANGUAGES, catalogue

_TRANSLATED = LANGUAGES[1:]
_PLURAL_FORMS = {"fr": 2, "es": 2, "ar": 6, "uk": 3, "tl": 2}


def shipped(language: str) -> Catalog:
    """Return the catalogue of a language as translators see it."""
    with resources.files("node").joinpath("locale", f"{language}.po").open("rb") as stream:
        return read_po(stream, abort_invalid=True)


def _filled(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _expected() -> dict[str, object]:
    return {**MESSAGES, **PLURALS}


def test_ships_a_catalogue_for_each_language_and_no_other() -> None:
    found = {entry.name for entry in resources.files("node").joinpath("locale").iterdir()}
    assert found == {f"{language}.po" for language in _TRANSLATED}


@pytest.mark.parametrize("language", _TRANSLATED)
def test_no_translation_is_missing_or_of_a_sentence_that_has_changed(language: str) -> None:
    found = {message.context: message.id for message in shipped(language) if message.id}
    assert found == _expected()


@pytest.mark.parametrize("language", _TRANSLATED)
def test_every_translation_says_something_and_fills_in_what_the_source_does(language: str) -> None:
    for message in shipped(language):
        if not message.id:
            continue
        assert not message.fuzzy, message.context
        said, many = message.string, not isinstance(message.id, str)
        texts = list(said) if many and said else [str(said or "")]
        assert len(texts) == (_PLURAL_FORMS[language] if many else 1), message.context
        for text in texts:
            assert text, message.context
            assert _filled(text) == _filled(message.id[-1] if many else str(message.id))


@pytest.mark.parametrize("language", _TRANSLATED)
def test_a_voice_says_what_its_catalogue_holds(language: str) -> None:
    voice = catalogue(language)
    assert voice.say("outcome.refused") not in {"", MESSAGES["outcome.refused"]}
    assert voice.count("unit.months", 1)
    assert "3" in voice.count("unit.months", 3)


@pytest.mark.parametrize(
    ("language", "number", "expected"),
    [
        ("en", 1, "1 month"),
        ("en", 2, "2 months"),
        ("fr", 2, "2 mois"),
        ("es", 1, "1 mes"),
        ("uk", 1, "1 місяць"),
        ("uk", 3, "3 місяці"),
        ("uk", 11, "11 місяців"),
        ("uk", 21, "21 місяць"),
        ("tl", 2, "2 buwan"),
        ("ar", 3, "\u20683\u2069 أشهر"),
        ("ar", 11, "\u206811\u2069 شهرًا"),
        ("ar", 100, "\u2068100\u2069 شهر"),
    ],
)
def test_numbers_follow_the_grammar_of_each_language(
    language: str, number: int, expected: str
) -> None:
    assert catalogue(language).count("unit.months", number) == expected


def test_right_to_left_is_marked_and_what_is_filled_in_keeps_its_direction() -> None:
    arabic, english = catalogue("ar"), catalogue("en")
    assert (arabic.direction, english.direction) == ("rtl", "ltr")
    assert arabic.line("x") == "\u200fx"
    assert english.line("x") == "x"
    assert arabic.say("rule.level", required="EQF 4").endswith("\u2068EQF 4\u2069.")
    assert english.say("rule.level", required="EQF 4") == "Level, at least: EQF 4."


def test_days_lists_and_languages_are_written_as_people_do() -> None:
    day = date(2027, 2, 3)
    assert catalogue("en").day(day) == "3 February 2027"
    assert catalogue("fr").day(day) == "3 février 2027"
    assert catalogue("uk").day(day) == "3 лютого 2027\u202fр."
    assert catalogue("tl").day(day) == "Pebrero 3, 2027"
    assert catalogue("es").all_of(["A", "B"]) == "A y B"
    assert catalogue("fr").one_of(["A", "B", "C"]) == "A, B ou C"
    assert catalogue("en").one_of([]) == ""
    assert catalogue("fr").language_name("uk") == "ukrainien"
    assert catalogue("fr").language_name("qqx") == "qqx"


def test_refuses_a_language_that_is_not_shipped() -> None:
    with pytest.raises(Refusal, match="'de' is not shipped") as refused:
        catalogue("de")
    assert refused.value.code is Code.UNKNOWN
