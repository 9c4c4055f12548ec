from datetime import date
from typing import Any

import pytest

from node.errors import Code, Refusal
from node.model.credential import Field, Unit, checked, shown
from tests.world import sample_credential


def test_shows_each_field_as_an_answer_states_it() -> None:
    credential = sample_credential(expires_on=date(2030, 1, 31))
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
    }


def test_shows_nothing_where_there_is_nothing() -> None:
    credential = sample_credential(expires_on=None, units=())
    assert shown(credential, Field.EXPIRES_ON) == ()
    assert shown(credential, Field.UNITS) == ()


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
        {"level_eqf": 1},
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
        ({"level_eqf": 0}, "level_eqf"),
        ({"level_eqf": 9}, "level_eqf"),
        ({"language": "FR"}, "language"),
        ({"awarded_on": date(1991, 3, 14)}, "awarded_on"),
        ({"expires_on": date(2019, 6, 27)}, "expires_on"),
        ({"units": (Unit("U", "x"),) * 201}, "units"),
        ({"units": (Unit("", "x"),)}, "units.code"),
        ({"units": (Unit("U", ""),)}, "units.title"),
    ],
)
def test_names_the_field_that_is_out_of_bounds(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked(sample_credential(**changes))
    assert refusal.value.code is Code.MALFORMED
    assert refusal.value.reason.startswith(f"{field}: ")
