"""Issuers and levels of a country, as a trust list has them: who may award what, and when.

`accreditation_of` is asked where a credential enters the registry, and for every answer about it.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import text
from node.model.codes import LEVELS_MAX
from node.model.credential import AwardType, Credential
from node.model.trust_entries import day_start
from node.model.trust_files import AccreditationEntry, FrameworkFile, IssuerEntry, IssuersFile

_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_award_day: Final = lru_cache(maxsize=16_384)(day_start)


class Accreditation(Struct, frozen=True):
    """What an issuer may award; `isco08` are whole occupations or what they begin with."""

    isco08: tuple[str, ...]
    levels_eqf: frozenset[int]
    award_types: frozenset[AwardType]
    since: int
    until: int | None
    by: str
    levels_national: frozenset[str] = frozenset()


class Issuer(Struct, frozen=True):
    """Who awards credentials in a country; `expires_at` is the expiry of the country's role."""

    id: str
    country: str
    name: str
    accreditations: tuple[Accreditation, ...]
    suspended_since: int | None
    withdrawn_since: int | None
    reason: str
    expires_at: int

    def stands(self, at: int) -> bool:
        """Tell whether it is neither suspended nor withdrawn at a time."""
        suspended, withdrawn = self.suspended_since, self.withdrawn_since
        return (suspended is None or at < suspended) and (withdrawn is None or at < withdrawn)

    def accreditation_for(
        self,
        isco08: str,
        level_eqf: int,
        award_type: AwardType,
        at: int,
        level_national: str = "",
    ) -> Accreditation | None:
        """Return the accreditation for an award that counts at a time, the newest of several."""
        if not self.stands(at):
            return None
        found: Accreditation | None = None
        for entry in self.accreditations:
            if (
                entry.since <= at
                and (entry.until is None or at < entry.until)
                and (level_eqf in entry.levels_eqf or level_national in entry.levels_national)
                and award_type in entry.award_types
                and isco08.startswith(entry.isco08)
                and (found is None or entry.since > found.since)
            ):
                found = entry
        return found


class IssuerBook(Struct, frozen=True):
    """The issuers of one country, by their identifier and by their name."""

    by_word: dict[str, tuple[Issuer, ...]]

    @classmethod
    def of(cls, issuers: Iterable[Issuer]) -> "IssuerBook":
        """Return the book of these issuers; several may have one name."""
        by_word: dict[str, tuple[Issuer, ...]] = {}
        for issuer in issuers:
            for word in {issuer.id, issuer.name}:
                by_word[word] = (*by_word.get(word, ()), issuer)
        return cls(by_word)

    def accreditation_of(self, credential: Credential) -> Accreditation | None:
        """Return the accreditation that an award rests on; None where its issuer had none for it.

        It counts if it did at any time of the day of the award, in UTC.
        """
        begins = _award_day(credential.awarded_on)
        for issuer in self.by_word.get(credential.issuer, ()):
            for at in (begins, begins + _DAY_US - 1):
                found = issuer.accreditation_for(
                    credential.isco08,
                    credential.level_eqf,
                    credential.award_type,
                    at,
                    credential.level_national,
                )
                if found is not None:
                    return found
        return None


class Framework(Struct, frozen=True):
    """A country's levels by their national name, each with what it is referenced to.

    `levels` has for each national level the levels by reference framework: eqf, aqrf, sadcqf,
    cvq.
    """

    name: str
    levels: dict[str, dict[str, int]]
    provenance: str


# --- from files ----------------------------------------------------------------------------


def _day_start(day: date | None) -> int | None:
    return None if day is None else day_start(day)


def _day_end(day: date | None) -> int | None:
    return None if day is None else day_start(day) + _DAY_US


def make_issuers(file: IssuersFile, country: str, expires_at: int) -> list[Issuer]:
    """Make the issuers of a country.

    Raises:
        Refusal: MALFORMED where two have one id, or a text holds control characters.
    """
    issuers = [_make_issuer(entry, country, expires_at) for entry in file.issuers]
    if len({issuer.id for issuer in issuers}) != len(issuers):
        raise Refusal(Code.MALFORMED, "two issuers have the same id")
    return issuers


def _make_issuer(entry: IssuerEntry, country: str, expires_at: int) -> Issuer:
    return Issuer(
        id=text(entry.id, "issuer id", 64),
        country=country,
        name=text(entry.name, f"issuer {entry.id!r}: name", 200),
        accreditations=tuple(map(_make_accreditation, entry.accredited)),
        suspended_since=_day_start(entry.suspended_since),
        withdrawn_since=_day_start(entry.withdrawn_since),
        reason=text(entry.reason, f"issuer {entry.id!r}: reason", 1000, empty=True),
        expires_at=expires_at,
    )


def _make_accreditation(entry: AccreditationEntry) -> Accreditation:
    if not entry.levels_eqf and not entry.levels_national:
        raise Refusal(Code.MALFORMED, "an accreditation must name levels")
    return Accreditation(
        isco08=entry.isco08,
        levels_eqf=frozenset(entry.levels_eqf),
        award_types=frozenset(AwardType[name.upper()] for name in entry.award_types),
        since=day_start(entry.since),
        until=_day_end(entry.until),
        by=text(entry.by, "accredited by", 200),
        levels_national=frozenset(entry.levels_national),
    )


def make_framework(file: FrameworkFile) -> Framework:
    """Make a country's framework of levels.

    Raises:
        Refusal: MALFORMED where a level stands twice, or is referenced to nothing.
    """
    levels = {
        entry.national: {
            name: level
            for name in LEVELS_MAX
            for level in (getattr(entry, name),)
            if level is not None
        }
        for entry in file.levels
    }
    if not all(levels.values()):
        raise Refusal(Code.MALFORMED, "a national level is referenced to no other framework")
    if len(levels) != len(file.levels):
        raise Refusal(Code.MALFORMED, "a national level stands twice")
    return Framework(text(file.name, "name", 200), levels, file.provenance)
