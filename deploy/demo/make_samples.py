#!/usr/bin/env python3
"""Make the registry exports of the demo federation, always the same bytes.

Usage: ``make_samples.py [DIRECTORY]``; without a directory the files beside this script are
written anew. Chance comes from one seeded generator, words and names from ``words.json``.
"""

import csv
import io
import json
import random
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final, NamedTuple, TypedDict, cast

HERE: Final = Path(__file__).resolve().parent
SEED: Final = 2026
FIRST_AWARD: Final = date(1985, 1, 1)
FIRST_LICENCE: Final = date(2009, 1, 1)
LAST_AWARD: Final = date(2026, 6, 30)
AGE_MINIMUM_YEARS: Final = 18
AGE_MAXIMUM_YEARS: Final = 67
LICENCE_TERMS_YEARS: Final = (5, 10, 15)
LAST_PAPER_YEAR: Final = 1999  # until then XC numbered in another form, on paper

# JSON repeats every key in every row, so XB is shorter to keep its file below 700 KB.
RECORD_COUNT: Final = {"XA": 2_000, "XB": 1_400, "XC": 2_000}

COLUMNS: Final = (
    "number",
    "holder_name",
    "birth_date",
    "issuer",
    "title",
    "award_type",
    "isco08",
    "level_national",
    "level_eqf",
    "awarded_on",
    "expires_on",
    "status",
    "assessment_method",
    "language",
    "units",
)

STATUSES: Final = {"active": 95, "suspended": 2, "revoked": 2, "superseded": 1}

# Award type, then its weight for a trade without and with a licence.
AWARD_TYPES: Final = {
    "full_qualification": (66, 48),
    "unit": (16, 8),
    "recognised_prior_learning": (18, 8),
    "licence": (0, 36),
}

ASSESSMENT_METHODS: Final = {
    "full_qualification": ("examination", "practical_test", "continuous"),
    "unit": ("practical_test", "continuous"),
    "recognised_prior_learning": ("portfolio", "interview", "practical_test"),
    "licence": ("examination", "practical_test"),
}


class Trade(NamedTuple):
    """One ISCO-08 unit group, with what the samples need to know of it."""

    isco08: str
    isco_title: str  # English title of the unit group; for readers of this table
    sector: str
    eqf_low: int
    eqf_high: int
    weight: int


TRADES: Final = (
    Trade("3115", "Mechanical engineering technicians", "machinery", 5, 5, 2),
    Trade("3123", "Construction supervisors", "building", 5, 6, 2),
    Trade("3221", "Nursing associate professionals", "care", 4, 5, 6),
    Trade("3434", "Chefs", "food", 5, 5, 2),
    Trade("5120", "Cooks", "food", 3, 4, 6),
    Trade("5131", "Waiters", "food", 2, 3, 3),
    Trade("5141", "Hairdressers", "personal", 3, 4, 4),
    Trade("5142", "Beauticians and related workers", "personal", 3, 4, 2),
    Trade("5311", "Child care workers", "care", 3, 4, 3),
    Trade("5321", "Health care assistants", "care", 3, 4, 6),
    Trade("5322", "Home-based personal care workers", "care", 2, 3, 4),
    Trade("7112", "Bricklayers and related workers", "building", 3, 4, 5),
    Trade("7114", "Concrete placers, concrete finishers and related workers", "building", 2, 3, 3),
    Trade("7115", "Carpenters and joiners", "building", 3, 4, 5),
    Trade("7121", "Roofers", "building", 3, 4, 2),
    Trade("7122", "Floor layers and tile setters", "building", 3, 4, 3),
    Trade("7123", "Plasterers", "building", 3, 3, 2),
    Trade("7126", "Plumbers and pipe fitters", "building", 3, 4, 6),
    Trade("7127", "Air conditioning and refrigeration mechanics", "electrical", 4, 4, 4),
    Trade("7131", "Painters and related workers", "building", 3, 3, 3),
    Trade("7212", "Welders and flamecutters", "metal", 3, 4, 8),
    Trade("7213", "Sheet-metal workers", "metal", 3, 4, 3),
    Trade("7214", "Structural-metal preparers and erectors", "metal", 3, 4, 3),
    Trade("7222", "Toolmakers and related workers", "metal", 4, 5, 2),
    Trade("7223", "Metal working machine tool setters and operators", "metal", 3, 4, 4),
    Trade("7231", "Motor vehicle mechanics and repairers", "machinery", 3, 4, 6),
    Trade(
        "7233",
        "Agricultural and industrial machinery mechanics and repairers",
        "machinery",
        3,
        4,
        4,
    ),
    Trade("7411", "Building and related electricians", "electrical", 4, 4, 8),
    Trade("7412", "Electrical mechanics and fitters", "electrical", 3, 4, 4),
    Trade("7413", "Electrical line installers and repairers", "electrical", 3, 4, 2),
    Trade("7421", "Electronics mechanics and servicers", "electrical", 4, 5, 3),
    Trade(
        "7422",
        "Information and communications technology installers and servicers",
        "electrical",
        3,
        4,
        2,
    ),
    Trade("7511", "Butchers, fishmongers and related food preparers", "food", 3, 3, 3),
    Trade("7512", "Bakers, pastry-cooks and confectionery makers", "food", 3, 4, 4),
    Trade("8322", "Car, taxi and van drivers", "transport", 2, 2, 3),
    Trade("8331", "Bus and tram drivers", "transport", 3, 3, 3),
    Trade("8332", "Heavy truck and lorry drivers", "transport", 3, 3, 8),
    Trade("8342", "Earthmoving and related plant operators", "transport", 2, 3, 4),
    Trade("8343", "Crane, hoist and related plant operators", "transport", 3, 3, 3),
    Trade("8344", "Lifting truck operators", "transport", 2, 2, 4),
    Trade("9312", "Civil engineering labourers", "building", 1, 2, 3),
    Trade("9313", "Building construction labourers", "building", 1, 2, 3),
)

# Trades that nobody may practise unlicensed, by ISCO-08 code.
LICENSED: Final = frozenset(
    {"3221", "7126", "7127", "7212", "7411", "7413", "8322", "8331", "8332", "8342", "8343", "8344"}
)


class NameParts(TypedDict):
    """Given and family names that go together."""

    given: list[str]
    family: list[str]


class NameGroup(TypedDict):
    """Names of one language, how often it is drawn, and the order of its parts."""

    weight: int
    pattern: str
    she: NameParts
    he: NameParts


class Issuer(TypedDict):
    """A body that awards, in one language, for some sectors."""

    name: str
    language: str
    sectors: list[str]


class Unit(TypedDict):
    """One unit of learning that a credential covers."""

    code: str
    title: str


class Record(TypedDict):
    """One credential, its keys in the order of the export; dates are YYYY-MM-DD."""

    number: str
    holder_name: str
    birth_date: str
    issuer: str
    title: str
    award_type: str
    isco08: str
    level_national: str
    level_eqf: int
    awarded_on: str
    expires_on: str
    status: str
    assessment_method: str
    language: str
    units: list[Unit]


class Country(TypedDict):
    """What a country's export is made of; ``levels`` are its names for EQF 1 to 8."""

    levels: list[str]
    schools: list[Issuer]
    licensing: list[Issuer]
    unit_prefix: str
    names: list[NameGroup]
    story: list[Record]


class Words(TypedDict):
    """The whole of ``words.json``; inner keys are trades, sectors, unit codes, languages."""

    XA: Country
    XB: Country
    XC: Country
    titles: dict[str, dict[str, str]]
    trades: dict[str, dict[str, str]]
    units: dict[str, dict[str, dict[str, str]]]


class Samples:
    """The maker of all three exports, drawing on one generator in a fixed order."""

    def __init__(self, words: Words, chance: random.Random) -> None:
        """Take the words and the only source of chance."""
        self._words = words
        self._chance = chance

    def records(self, code: str, country: Country, count: int) -> list[Record]:
        """Make ``count`` records, the story's first, the others by date of award."""
        numbers = Numbers(code, self._chance)
        drawn = sorted(
            (self._record(country) for _ in range(count - len(country["story"]))),
            key=lambda record: record["awarded_on"],
        )
        for record in drawn:
            record["number"] = numbers(int(record["awarded_on"][:4]))
        return country["story"] + drawn

    def _record(self, country: Country) -> Record:
        trade = self._chance.choices(TRADES, [trade.weight for trade in TRADES])[0]
        award_type = self._weighted(
            {name: weights[trade.isco08 in LICENSED] for name, weights in AWARD_TYPES.items()}
        )
        licence = award_type == "licence"
        bodies = country["licensing"] if licence else country["schools"]
        issuer = self._chance.choice([body for body in bodies if trade.sector in body["sectors"]])
        language = issuer["language"]
        units = [] if licence else self._units(trade, award_type, language, country["unit_prefix"])
        level_national = country["levels"][self._chance.randint(trade.eqf_low, trade.eqf_high) - 1]
        awarded_on = self._award_date(licensed=licence)
        return {
            "number": "",
            "holder_name": self._holder_name(country["names"]),
            "birth_date": self._birth_date(awarded_on).isoformat(),
            "issuer": issuer["name"],
            "title": self._words["titles"][language][award_type].format(
                trade=self._words["trades"][trade.isco08][language],
                unit=units[0]["title"] if units else "",
            ),
            "award_type": award_type,
            "isco08": trade.isco08,
            "level_national": level_national,
            # A national level that spans several of the EQF is referenced to the lowest of them.
            "level_eqf": country["levels"].index(level_national) + 1,
            "awarded_on": awarded_on.isoformat(),
            "expires_on": self._expiry(awarded_on).isoformat() if licence else "",
            "status": self._weighted(STATUSES),
            "assessment_method": self._chance.choice(ASSESSMENT_METHODS[award_type]),
            "language": language,
            "units": units,
        }

    def _weighted(self, weights: Mapping[str, int]) -> str:
        return self._chance.choices(list(weights), list(weights.values()))[0]

    def _units(self, trade: Trade, award_type: str, language: str, prefix: str) -> list[Unit]:
        own = self._words["units"][trade.sector]
        count = 1 if award_type == "unit" else self._chance.randint(1, 3)
        offered = own if award_type == "unit" else self._words["units"]["common"] | own
        return [
            {"code": prefix + code, "title": offered[code][language]}
            for code in sorted(self._chance.sample(list(offered), count))
        ]

    def _holder_name(self, groups: Sequence[NameGroup]) -> str:
        group = self._chance.choices(groups, [group["weight"] for group in groups])[0]
        own = self._chance.choice((group["she"], group["he"]))
        drawn = {
            "{given_he}": group["he"]["given"],
            "{given}": own["given"],
            "{family}": own["family"],
        }
        name = group["pattern"]
        for part, choices in drawn.items():
            while part in name:
                fresh = [choice for choice in choices if choice not in name.split()]
                name = name.replace(part, self._chance.choice(fresh), 1)
        return unicodedata.normalize("NFC", name)

    def _award_date(self, *, licensed: bool) -> date:
        first = FIRST_LICENCE if licensed else FIRST_AWARD
        span_days = (LAST_AWARD - first).days
        # The later of two draws: registries hold more of what was awarded lately.
        day = max(self._chance.randint(0, span_days), self._chance.randint(0, span_days))
        return first + timedelta(days=day)

    def _birth_date(self, awarded_on: date) -> date:
        # The lower of two draws: most people learn their trade young.
        ages = range(AGE_MINIMUM_YEARS, AGE_MAXIMUM_YEARS + 1)
        age_years = min(self._chance.choice(ages), self._chance.choice(ages))
        return years_after(awarded_on, -age_years) - timedelta(days=self._chance.randint(0, 364))

    def _expiry(self, awarded_on: date) -> date:
        return years_after(awarded_on, self._chance.choice(LICENCE_TERMS_YEARS))


class Numbers:
    """Unique credential numbers of one country, rising within each year."""

    def __init__(self, code: str, chance: random.Random) -> None:
        """Start the numbers of country ``code``."""
        self._code = code
        self._chance = chance
        self._last_by_year: dict[int, int] = {}

    def __call__(self, year: int) -> str:
        """Give the next number of ``year``."""
        number = self._last_by_year.get(year, 1_000) + self._chance.randint(1, 40)
        self._last_by_year[year] = number
        if self._code == "XC" and year <= LAST_PAPER_YEAR:
            return f"XC-R/{year}/{number:05}"
        return f"{self._code}-{year}-{number:06}"


def years_after(day: date, years: int) -> date:
    """Move a date by whole years; 29 February becomes 28 February where it must."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def to_csv(records: Sequence[Record]) -> str:
    """Spell records as CSV with a header; units are joined by `` | ``."""
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    rows.writeheader()
    for record in records:
        units = " | ".join(f"{unit['code']} {unit['title']}" for unit in record["units"])
        rows.writerow({**record, "units": units})
    return text.getvalue()


def to_json(records: Sequence[Record]) -> str:
    """Spell records as a JSON array, one record a line."""
    lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def sample_files() -> Iterator[tuple[str, str]]:
    """Give the name and text of each export."""
    words = cast("Words", json.loads((HERE / "words.json").read_text("utf-8")))
    samples = Samples(words, random.Random(SEED))  # noqa: S311 - samples, not secrets
    countries = {"XA": words["XA"], "XB": words["XB"], "XC": words["XC"]}
    for code, country in countries.items():
        records = samples.records(code, country, RECORD_COUNT[code])
        if code == "XB":
            yield "xb.json", to_json(records)
        else:
            yield f"{code.lower()}.csv", to_csv(records)


def main(arguments: Sequence[str]) -> None:
    """Write the exports to the directory named, or beside this script."""
    directory = Path(arguments[0]) if arguments else HERE
    for name, text in sample_files():
        (directory / name).write_text(text, "utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
