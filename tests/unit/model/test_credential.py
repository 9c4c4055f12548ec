from datetime import date
from typing import Any

import pytest

from node.errors import Code, Refusal
from node.model import codes
from node.model.credential import (
    Accredited,
    Credits,
    Field,
    NationalCode,
    Renewal,
    Title,
    Unit,
    check_codes,
    checked,
    shown,
)
from tests.world import sample_credential, sample_details


def test_shows_each_field_as_an_answer_states_it() -> None:
    credential = sample_credential(
        expires_on=date(2030, 1, 31), valid_from=date(2019, 7, 1), details=sample_details()
    )
    assert {field: shown(credential, field) for field in Field} == {
        Field.HOLDER_NAME: ("Éloïse Marchand-Kerr",),
        Field.TITLE: ("Certificat professionnel : Soudeur",),
        Field.AWARD_TYPE: ("full_qualification",),
        Field.ISSUER: ("Lycée des métiers de Port-Sauvry",),
        Field.ISCO08: ("7212",),
        Field.LEVEL_NATIONAL: ("NQF 4",),
        Field.LEVEL_EQF: ("4",),
        Field.AWARDED_ON: ("2019-06-28",),
        Field.EXPIRES_ON: ("2030-01-31",),
        Field.ASSESSMENT_METHOD: ("practical_test",),
        Field.LANGUAGE: ("fr",),
        Field.UNITS: ("U-101 Sécurité au travail", "U-201 Soudage MIG/MAG"),
        Field.VALID_FROM: ("2019-07-01",),
        Field.TITLES: ("en Vocational certificate: Welder", "deu Schweißer"),
        Field.ACCREDITATION: ("2010-01-01 Ministry of Tests",),
        Field.ESCO: ("http://data.europa.eu/esco/occupation/8a53f8d1-d995-4a2c-80ee-9ca53bd3a0c2",),
        Field.ISCED_F: ("0715",),
        Field.NATIONAL_CODES: ("XA RNCP 34 567", "FR NSF 254s"),
        Field.LEVEL_AQRF: ("4",),
        Field.LEVEL_SADCQF: ("5",),
        Field.LEVEL_CVQ: ("2",),
        Field.LEARNING_OUTCOMES: ("Welds in every position", "Reads drawings"),
        Field.CREDITS: ("180.5 ECVET",),
        Field.HOURS: ("1200",),
        Field.WORK_BASED_HOURS: ("400",),
        Field.ASSESSMENTS: ("practical_test 2019-06-20", "interview"),
        Field.LANGUAGES: ("fr", "deu"),
        Field.RENEWAL: ("36 8 hours of recertification",),
        Field.PARTS: ("XA-U/1", "XA-U/2"),
        Field.SUPERSEDES: ("XA-2011-000007",),
    }


def test_shows_nothing_where_there_is_nothing() -> None:
    credential = sample_credential(expires_on=None, units=(), level_eqf=0)
    empty = {field for field in Field if shown(credential, field) == ()}
    assert empty == {Field.EXPIRES_ON, Field.UNITS, Field.LEVEL_EQF, *range(13, 31)}


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "XA-" + "1" * 56},
        {"number": "XA12-A/1.2-3"},
        {"holder_name": "x" * 200},
        {"holder_name": "ነጋሽ"},
        {"holder_name": "O\u2019Neill\u00a0Jr\u200d."},
        {"isco08": "7"},
        {"isco08": "0110"},
        {"level_eqf": 0},
        {"level_eqf": 1},
        {"valid_from": date(2030, 1, 1), "expires_on": date(2030, 1, 1)},
        {"details": sample_details()},
        {"details": sample_details(learning_outcomes=("x" * 500,) * 100)},
        {"details": sample_details(level_aqrf=8, level_sadcqf=10, level_cvq=5)},
        {"details": sample_details(hours=0, work_based_hours=100_000)},
        {"level_eqf": 8},
        {"language": "fil"},
        {"awarded_on": date(1991, 3, 15)},
        {"expires_on": date(2019, 6, 28)},
        {"units": (Unit("U", "x"),) * 200},
    ],
)
def test_accepts_a_credential_at_its_bounds(changes: dict[str, Any]) -> None:
    credential = sample_credential(**changes)
    assert checked(credential) is credential


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": ""}, "number"),
        ({"number": "XA-" + "1" * 57}, "number"),
        ({"number": "xa-1"}, "number"),
        ({"number": "XA-1\n"}, "number"),
        ({"number": "XA--1"}, "number"),
        ({"holder_name": ""}, "holder_name"),
        ({"holder_name": "x" * 201}, "holder_name"),
        ({"holder_name": "a\x00b"}, "holder_name"),
        ({"holder_name": "a\u2028b"}, "holder_name"),
        ({"holder_name": "a\ud800b"}, "holder_name"),
        ({"issuer": ""}, "issuer"),
        ({"title": "x" * 301}, "title"),
        ({"isco08": ""}, "isco08"),
        ({"isco08": "72121"}, "isco08"),
        ({"isco08": "٧٢"}, "isco08"),
        ({"level_national": ""}, "level_national"),
        ({"level_eqf": -1}, "level_eqf"),
        ({"level_eqf": 9}, "level_eqf"),
        ({"language": "FR"}, "language"),
        ({"awarded_on": date(1991, 3, 14)}, "awarded_on"),
        ({"expires_on": date(2019, 6, 27)}, "expires_on"),
        ({"units": (Unit("U", "x"),) * 201}, "units"),
        ({"units": (Unit("", "x"),)}, "units.code"),
        ({"units": (Unit("U", ""),)}, "units.title"),
        ({"valid_from": date(2030, 1, 2), "expires_on": date(2030, 1, 1)}, "valid_from"),
    ],
)
def test_names_the_field_that_is_out_of_bounds(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked(sample_credential(**changes))
    assert refusal.value.code is Code.MALFORMED
    assert refusal.value.reason.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"titles": (Title("en", "x"),) * 25}, "titles"),
        ({"titles": (Title("EN", "x"),)}, "titles.language"),
        ({"titles": (Title("en", ""),)}, "titles.text"),
        ({"accreditation": Accredited(date(2010, 1, 1), "")}, "accreditation.by"),
        ({"esco": "x" * 201}, "esco"),
        ({"isced_f": "07155"}, "isced_f"),
        ({"national_codes": (NationalCode("xa", "S", "1"),)}, "national_codes.country"),
        ({"national_codes": (NationalCode("XA", "S S", "1"),)}, "national_codes.scheme"),
        ({"national_codes": (NationalCode("XA", "S", "1" * 65),)}, "national_codes.code"),
        ({"level_aqrf": 9}, "level_aqrf"),
        ({"level_sadcqf": 11}, "level_sadcqf"),
        ({"level_cvq": 6}, "level_cvq"),
        ({"learning_outcomes": ("x" * 501,)}, "learning_outcomes"),
        ({"learning_outcomes": ("x",) * 101}, "learning_outcomes"),
        ({"credits": Credits("-1", "ECTS")}, "credits.points"),
        ({"credits": Credits("1", "")}, "credits.scheme"),
        ({"hours": 100_001}, "hours"),
        ({"work_based_hours": 1201}, "work_based_hours"),
        ({"languages": ("french",)}, "languages"),
        ({"renewal": Renewal(0, "x")}, "renewal.every_months"),
        ({"renewal": Renewal(12, "")}, "renewal.rule"),
        ({"parts": ("one",)}, "parts"),
        ({"parts": ("XA-1", "XA-1")}, "parts"),
        ({"parts": ("XA-2019-000001",)}, "parts"),
        ({"supersedes": "XA-2019-000001"}, "parts"),
        ({"supersedes": "one"}, "supersedes"),
    ],
)
def test_names_the_detail_that_is_out_of_bounds(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked(sample_credential(details=sample_details(**changes)))
    assert refusal.value.code is Code.MALFORMED
    assert refusal.value.reason.startswith(f"{field}: ")


def test_knows_the_codes_of_a_sample() -> None:
    check_codes(sample_credential(details=sample_details()))


@pytest.mark.parametrize(
    ("changes", "details", "field"),
    [
        ({"isco08": "7219"}, {}, "isco08"),
        ({"language": "xx"}, {}, "language"),
        ({}, {"titles": (Title("zzz", "x"),)}, "titles.language"),
        ({}, {"languages": ("qqq",)}, "languages"),
        ({}, {"national_codes": (NationalCode("UK", "S", "1"),)}, "national_codes.country"),
        ({}, {"isced_f": "11"}, "isced_f"),
        ({}, {"isced_f": "065"}, "isced_f"),
        ({}, {"isced_f": "0751"}, "isced_f"),
        ({}, {"isced_f": "7"}, "isced_f"),
        ({}, {"esco": "http://data.europa.eu/esco/skill/8a53f8d1"}, "esco"),
    ],
)
def test_refuses_a_code_that_no_table_has(
    changes: dict[str, Any], details: dict[str, Any], field: str
) -> None:
    credential = sample_credential(**changes, details=sample_details(**details))
    assert checked(credential) is credential
    with pytest.raises(Refusal) as refusal:
        check_codes(credential)
    assert refusal.value.code is Code.MALFORMED
    assert refusal.value.reason.startswith(f"{field}: ")


def test_ships_the_tables_as_large_as_their_sources_say() -> None:
    assert (len(codes.COUNTRIES), len(codes.LANGUAGES)) == (249, 184 + 7923)
    assert (len(codes.ISCED_F), sum(map(len, codes.ISCED_F.values()))) == (11, 29)
