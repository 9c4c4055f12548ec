"""Sentences, dates and lists in the languages that are shipped (gettext catalogues, CLDR).

The catalogues are `node/locale/*.po`, read as they are: there is nothing to compile, in a checkout
as in an installed package. English is the source and needs none.
"""

import gettext
import io
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

from babel import Locale
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from node.errors import Code, Refusal
from node.model.recognition.wording import MESSAGES, PLURALS

LANGUAGES: Final = ("en", "fr", "es", "ar", "uk", "tl")
"""ISO 639-1; the first is the one that all others translate."""

_LOCALES: Final = {"en": "en_GB", "tl": "fil"}  # CLDR keeps Tagalog as Filipino
_ISOLATED: Final = "\u2068{}\u2069"
_RIGHT_TO_LEFT_MARK: Final = "\u200f"


class Catalogue:
    """One language. It is what `explain` calls a voice.

    Attributes:
        language: its code.
        direction: in which it is written. Where that is from right to left, every sentence begins
            with a mark that says so, and what is filled in keeps a direction of its own.
    """

    def __init__(self, language: str) -> None:
        """Read the catalogue of a language that is shipped."""
        self.language = language
        self._locale = Locale.parse(_LOCALES.get(language, language))
        self.direction: Literal["ltr", "rtl"] = (
            "rtl" if self._locale.text_direction == "rtl" else "ltr"
        )
        self._translations = _translations(language)

    def say(self, code: str, **values: str) -> str:
        """Return a sentence of `MESSAGES` with its values filled in."""
        text = self._translations.pgettext(code, MESSAGES[code])
        return text.format(**{name: self._inside(value) for name, value in values.items()})

    def count(self, code: str, number: int) -> str:
        """Return a message of `PLURALS` with its number."""
        one, many = PLURALS[code]
        text = self._translations.npgettext(code, one, many, number)
        return text.format(number=self._inside(str(number)))

    def line(self, text: str) -> str:
        """Return a text as a line of its own, its direction marked where a reader needs that."""
        return f"{_RIGHT_TO_LEFT_MARK}{text}" if self.direction == "rtl" else text

    def day(self, day: date) -> str:
        """Return a day as people write it."""
        return format_date(day, "long", self._locale)

    def all_of(self, words: Sequence[str]) -> str:
        """Return a list of words: A, B and C."""
        return format_list(words, "standard", self._locale) if words else ""

    def one_of(self, words: Sequence[str]) -> str:
        """Return a choice of words: A, B or C."""
        return format_list(words, "or", self._locale) if words else ""

    def language_name(self, code: str) -> str:
        """Return the name of a language, or its code where there is none."""
        return str(self._locale.languages.get(code, code))

    def _inside(self, value: str) -> str:
        return _ISOLATED.format(value) if self.direction == "rtl" else value


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> Catalogue:
    """Return the catalogue of a language.

    Raises:
        Refusal: UNKNOWN where it is not shipped.
    """
    if language not in LANGUAGES:
        raise Refusal(
            Code.UNKNOWN, f"language: {language!r} is not shipped; take one of {LANGUAGES}"
        )
    return Catalogue(language)


def _translations(language: str) -> gettext.NullTranslations:
    if language == LANGUAGES[0]:
        return gettext.NullTranslations()
    source = resources.files("node").joinpath("locale", f"{language}.po").read_bytes()
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(source), locale=_LOCALES.get(language, language)))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
