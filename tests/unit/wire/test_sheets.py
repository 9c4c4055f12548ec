import io
import json
import unicodedata
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec
import pytest

from node.errors import Code, Refusal
from node.model.credential import (
    AssessmentMethod,
    AwardType,
    Credential,
    Details,
    Status,
    Unit,
)
from node.wire.rows import COLUMNS, OPTIONAL, REQUIRED, Unfit, parse_credential, spell_credential
from node.wire.sheets import LINE_SIZE_MAX_BYTES, Row, open_sheet, read_csv, read_json
from tests.world import (
    sample_credential,
    sample_detail_values,
    sample_details,
    sample_values,
)

_HEADER = ",".join(REQUIRED) + "\n"
_GOOD = ",".join(str(value) for value in sample_values().values()) + "\n"
_DEMO = Path(__file__).parents[3] / "deploy" / "demo"


def _csv(content: str | bytes) -> list[Row]:
    data = content.encode() if isinstance(content, str) else content
    return list(read_csv(io.BytesIO(data)))


def _json(content: object) -> list[Row]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return list(read_json(io.BytesIO(data)))


def _faults(values: dict[str, object]) -> Sequence[tuple[str, str]]:
    with pytest.raises(Unfit) as unfit:
        parse_credential(values)
    assert unfit.value.code is Code.MALFORMED
    return [(fault.field, fault.reason) for fault in unfit.value.faults]


def _reason(content: str | bytes, *, name: str = "registry.csv") -> str:
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(Refusal) as refusal:
        list(open_sheet(name, io.BytesIO(data)))
    assert refusal.value.code is Code.MALFORMED
    return refusal.value.reason


@pytest.mark.parametrize(("name", "rows"), [("xa.csv", 2000), ("xb.json", 1400), ("xc.csv", 2000)])
def test_reads_every_row_of_the_demo_registries(name: str, rows: int) -> None:
    with (_DEMO / name).open("rb") as stream:
        credentials = [parse_credential(row.values) for row in open_sheet(name, stream)]
    assert len(credentials) == rows
    assert len({credential.number for credential in credentials}) == rows


def test_reads_the_same_credential_from_csv_and_from_json() -> None:
    in_json = sample_values(
        level_eqf=4,
        expires_on=None,
        units=[
            {"code": "U-101", "title": "Sécurité au travail"},
            {"code": "U-201", "title": "Soudage MIG/MAG"},
        ],
    )
    for row in (*_csv(_HEADER + _GOOD), *_json([in_json])):
        assert not row.faults
        assert parse_credential(row.values) == sample_credential()


def test_reads_every_kind_of_award_status_and_assessment() -> None:
    for award_type in AwardType:
        for status in Status:
            for method in AssessmentMethod:
                credential = parse_credential(
                    sample_values(
                        award_type=award_type.name.lower(),
                        status=status.name.lower(),
                        assessment_method=method.name.lower(),
                    )
                )
                assert credential.award_type is award_type
                assert credential.status is status
                assert credential.assessment_method is method


# --- CSV -----------------------------------------------------------------------------------


def test_numbers_rows_by_the_line_they_begin_on() -> None:
    quoted = _GOOD.replace("Soudeur", '"Sou\ndeur"').replace("Certificat professionnel : ", "")
    rows = _csv(_HEADER + _GOOD + "\n" + quoted + _GOOD)
    assert [row.number for row in rows] == [2, 4, 6]


def test_takes_columns_in_any_order() -> None:
    columns = sorted(REQUIRED)
    line = ",".join(str(sample_values()[column]) for column in columns)
    (row,) = _csv(f"{','.join(columns)}\n{line}\n")
    assert parse_credential(row.values) == sample_credential()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_reads_what_spreadsheet_programs_write(delimiter: str, line_end: str, bom: str) -> None:
    content = bom + (_HEADER + _GOOD).replace(",", delimiter).replace("\n", line_end)
    (row,) = _csv(content)
    assert parse_credential(row.values) == sample_credential()


def test_reads_a_stream_of_text_as_well() -> None:
    (row,) = read_csv(io.StringIO("\ufeff" + _HEADER + _GOOD))
    assert parse_credential(row.values) == sample_credential()


def test_passes_over_rows_without_any_content() -> None:
    assert [row.number for row in _csv(_HEADER + "\n" + "," * 14 + "\n" + _GOOD)] == [4]


def test_names_all_columns_that_are_wrong_in_one_refusal() -> None:
    header = _HEADER.replace("isco08", "isco").replace("status", "title").replace("units", "")
    reason = _reason(header + _GOOD)
    assert "missing: 'isco08', 'status', 'units'" in reason
    assert "unknown: '', 'isco'" in reason
    assert "doubled: 'title'" in reason
    assert ", ".join(COLUMNS) in reason


@pytest.mark.parametrize("content", ["", "\n", "no header at all\n"])
def test_refuses_a_file_without_a_header(content: str) -> None:
    assert "missing: 'number', 'holder_name'" in _reason(content)


def test_tells_the_line_that_is_not_utf8() -> None:
    content = (_HEADER + _GOOD + _GOOD).encode().replace("É".encode(), b"\xc9")
    assert _reason(content).startswith("line 2: the text is not UTF-8 (byte 0xc9)")


@pytest.mark.parametrize("delta", [-1, 1])
def test_rejects_a_row_with_another_number_of_columns(delta: int) -> None:
    row = _GOOD.strip() + ",more\n" if delta > 0 else _GOOD.rpartition(",")[0] + "\n"
    broken, good = _csv(_HEADER + row + _GOOD)
    assert broken.faults == (("row", f"has {15 + delta} columns, the header has 15"),)
    assert parse_credential(good.values) == sample_credential()


def test_rejects_a_row_with_a_gigantic_field_and_reads_on() -> None:
    huge, good = _csv(_HEADER + _GOOD.replace("Soudeur", "x" * 300_000) + _GOOD)
    assert [(fault.field, fault.reason) for fault in huge.faults] == [
        ("row", "a field is longer than 131072 characters")
    ]
    assert (good.number, good.faults) == (3, ())


def test_rejects_a_row_with_a_field_too_long_for_its_column() -> None:
    (row,) = _csv(_HEADER + _GOOD.replace("Soudeur", "x" * 100_000))
    assert _faults(dict(row.values)) == [("title", "longer than 300 characters")]


def test_tells_where_a_quote_was_left_open() -> None:
    opened = _GOOD.replace("Certificat", '"Certificat')
    assert _reason(_HEADER + _GOOD + opened + _GOOD * 9).startswith("line 3: ")
    assert "quote that is not closed" in _reason(_HEADER + _GOOD + opened + _GOOD * 2000)


def test_never_takes_quoted_lines_for_rows_after_a_gigantic_field() -> None:
    smuggled = f'"{"x" * 200_000}\n{_GOOD}"'
    assert "line 2" in _reason(_HEADER + _GOOD.replace("Soudeur", smuggled))


def test_refuses_a_line_that_never_ends() -> None:
    content = _HEADER + "x" * (LINE_SIZE_MAX_BYTES + 1)
    assert _reason(content) == f"line 2: longer than {LINE_SIZE_MAX_BYTES} bytes"


@pytest.mark.parametrize("broken", ['"Soudeur" x', "Soud\reur"])
def test_tells_the_line_that_is_not_csv(broken: str) -> None:
    content = _HEADER + _GOOD + _GOOD.replace("Certificat professionnel : Soudeur", broken)
    assert _reason(content).startswith("line 3: the row is not CSV: ")


# --- JSON ----------------------------------------------------------------------------------


def test_reads_an_array_and_lines_of_objects_alike() -> None:
    values = [sample_values("XA-1"), sample_values("XA-2")]
    lines = "\n\n".join(json.dumps(one) for one in values)
    for rows in (_json(values), _json(b"\xef\xbb\xbf" + lines.encode())):
        assert [(row.number, row.values["number"]) for row in rows] == [(1, "XA-1"), (2, "XA-2")]


def test_reads_json_from_a_stream_of_text() -> None:
    (row,) = read_json(io.StringIO("\ufeff" + json.dumps([sample_values()])))
    assert parse_credential(row.values) == sample_credential()


@pytest.mark.parametrize("element", [None, 1, "text", [sample_values()]])
def test_rejects_an_element_that_is_no_object(element: object) -> None:
    broken, good = _json([element, sample_values()])
    assert broken.faults == (("row", "is not a JSON object"),)
    assert parse_credential(good.values) == sample_credential()


def test_rejects_an_element_with_an_unknown_key() -> None:
    (row,) = _json([sample_values(colour="mauve")])
    assert row.faults[0].field == "row"
    assert row.faults[0].reason.startswith("has a key that is not known")
    assert "mauve" not in row.faults[0].reason


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[", 1),
        (b"[\n{},\n{]", 3),
        (b"[{}]\nmore", 2),
        (b"{}\n\n{", 3),
        (b"{}\nhallo", 2),
        (b"[" * 200_000, 1),
        (b'{"number":' * 200_000, 1),
        (b'[\n"\xff"]', 2),
        (b'["\\ud800"]', 1),
    ],
)
def test_tells_the_line_that_is_not_json(content: bytes, line: int) -> None:
    assert _reason(content, name="registry.json").startswith(f"line {line}: ")


@pytest.mark.parametrize("content", [b"", b" \n", b"[]", b"\xef\xbb\xbf[ ]"])
def test_an_empty_json_file_holds_no_rows(content: bytes) -> None:
    assert _json(content) == []


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [True, 1.5, {"a": 1}, [[]], [{"code": 1, "title": "x"}]])
def test_a_wrong_json_type_is_a_fault_of_its_field(column: str, value: object) -> None:
    ((field, _reason),) = _faults(sample_values(**{column: value}))
    assert field == column


def test_optional_fields_may_be_absent_from_json() -> None:
    values = sample_values()
    del values["expires_on"], values["units"]
    assert parse_credential(values) == sample_credential(units=())


# --- choosing ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "a.tsv", "export", "-", "a.txt"])
def test_chooses_csv_by_name_or_content(name: str) -> None:
    (row,) = open_sheet(name, io.BytesIO((_HEADER + _GOOD).encode()))
    assert parse_credential(row.values) == sample_credential()


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.ndjson", "export", "-", "a.txt"])
def test_chooses_json_by_name_or_content(name: str) -> None:
    content = b"\xef\xbb\xbf \n" + json.dumps([sample_values()]).encode()
    (row,) = open_sheet(name, io.BytesIO(content))
    assert parse_credential(row.values) == sample_credential()


# --- fields --------------------------------------------------------------------------------


def test_strips_texts_and_brings_them_into_normal_form() -> None:
    decomposed = unicodedata.normalize("NFD", "Éloïse Marchand-Kerr")
    assert decomposed != "Éloïse Marchand-Kerr"
    credential = parse_credential(
        sample_values(
            holder_name=f"\u00a0 {decomposed} \t",
            units=f" U-1   {unicodedata.normalize('NFD', 'Sécurité')} |U-2 x ",
            level_eqf=" 4 ",
            status=" active ",
        )
    )
    assert credential.holder_name == "Éloïse Marchand-Kerr"
    assert credential.units == (Unit("U-1", "Sécurité"), Unit("U-2", "x"))


def test_an_expiry_date_is_read_where_there_is_one() -> None:
    assert parse_credential(sample_values(expires_on="2030-02-28")).expires_on == date(2030, 2, 28)


def test_tells_every_fault_of_a_row_at_once() -> None:
    faults = _faults(
        sample_values(
            number="welder 7",
            holder_name=" ",
            birth_date="14.03.1991",
            award_type="diploma",
            isco08="72122",
            level_eqf="9",
            language="French",
            units="U-1 one | U-2",
        )
    )
    assert sorted(field for field, _ in faults) == [
        "award_type",
        "birth_date",
        "holder_name",
        "isco08",
        "language",
        "level_eqf",
        "number",
        "units",
    ]
    assert ("holder_name", "is missing") in faults
    assert ("units", "title: is missing") in faults


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", ""),
        ("number", "1234"),
        ("number", "XA-" + "1" * 60),
        ("holder_name", "x" * 201),
        ("holder_name", "Éloïse\x00"),
        ("holder_name", "Éloïse\nMarchand"),
        ("birth_date", "1991-02-30"),
        ("birth_date", "19910314"),
        ("birth_date", "1991-W11-4"),
        ("birth_date", "１９９１-03-14"),
        ("issuer", ""),
        ("title", "\x00"),
        ("award_type", "full qualification"),
        ("isco08", "72.12"),
        ("level_national", "x" * 65),
        ("level_eqf", "0"),
        ("level_eqf", "four"),
        ("level_eqf", "٤"),
        ("level_eqf", "4.0"),
        ("level_eqf", 10**30),
        ("awarded_on", "1991-03-14"),
        ("expires_on", "2019-06-27"),
        ("expires_on", "never"),
        ("status", "valid"),
        ("assessment_method", ""),
        ("language", "f"),
        ("units", "|"),
        ("units", "U-1"),
        ("units", "x" * 65 + " title"),
        ("units", " | ".join(["U x"] * 201)),
        ("units", [{"code": "U-1"}]),
        ("units", [{"code": "U-1", "title": "x", "more": ""}]),
        ("units", [{"code": "U" * 64, "title": "é" * 300}] * 190),
    ],
)
def test_names_the_one_field_that_is_wrong(column: str, value: object) -> None:
    ((field, reason),) = _faults(sample_values(**{column: value}))
    assert field == column
    assert reason


@pytest.mark.parametrize("column", sorted(set(COLUMNS) - OPTIONAL))
def test_a_field_that_is_needed_and_empty_is_missing(column: str) -> None:
    for empty in ("", "  ", None):
        assert _faults(sample_values(**{column: empty})) == [(column, "is missing")]


def test_no_reason_repeats_what_stood_in_a_personal_field() -> None:
    secret = "SECRET-7"
    for column in COLUMNS:
        faults = _faults(sample_values(**{column: f"{secret}\x00" * 80}))
        assert faults
        assert not any(secret in reason for _, reason in faults)


def test_the_refusal_of_a_row_names_all_its_faults() -> None:
    with pytest.raises(Refusal, match=r"language: .*; units: ") as refusal:
        parse_credential(sample_values(language="French", units="U"))
    assert isinstance(refusal.value, Unfit)


def test_a_credential_that_is_read_fits_into_a_statement() -> None:
    units = [{"code": f"U-{place}", "title": "é" * 100} for place in range(200)]
    credential: Credential = parse_credential(sample_values(units=units))
    assert len(credential.units) == 200


# --- details -------------------------------------------------------------------------------


def test_reads_every_detail_from_a_column_of_csv() -> None:
    values = sample_values(**sample_detail_values(valid_from="2019-07-01"))
    line = ",".join(f'"{value}"' for value in values.values())
    (row,) = _csv(f"{','.join(values)}\n{line}\n")
    assert parse_credential(row.values) == sample_credential(
        valid_from=date(2019, 7, 1), details=sample_details()
    )


def test_reads_every_detail_from_json_with_lists_and_numbers() -> None:
    values = {
        name: [part.strip() for part in str(value).split("|")] if "|" in str(value) else value
        for name, value in sample_detail_values(hours=1200).items()
    }
    (row,) = _json([sample_values(**values)])
    assert parse_credential(row.values) == sample_credential(details=sample_details())


def test_a_file_without_the_columns_of_details_says_nothing_of_them() -> None:
    (row,) = _csv(_HEADER + _GOOD)
    assert parse_credential(row.values).details == Details()


def test_a_level_that_is_not_said_is_left_to_the_framework() -> None:
    for empty in ("", " ", None):
        assert parse_credential(sample_values(level_eqf=empty)).level_eqf == 0
    assert _faults(sample_values(level_eqf="0")) == [("level_eqf", "must be 1 to 8")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("isco08", "7219"),
        ("language", "xx"),
        ("titles", "Schweißer"),
        ("titles", "zzz Schweißer"),
        ("accreditation", "Ministry"),
        ("accreditation", "2010-02-30 Ministry"),
        ("esco", "https://example.org/welder"),
        ("isced_f", "99"),
        ("national_codes", "FR NSF"),
        ("national_codes", "UK SOC 5215"),
        ("level_aqrf", "nine"),
        ("level_cvq", "6"),
        ("learning_outcomes", "a |  | b"),
        ("credits", "ECTS"),
        ("hours", "-1"),
        ("work_based_hours", "1201"),
        ("assessments", "written"),
        ("assessments", "interview 2019-13-01"),
        ("languages", "english"),
        ("renewal", "yearly course"),
        ("renewal", "0 course"),
        ("parts", "XA-U/1 | XA-U/1"),
        ("parts", "XA-2019-000001"),
        ("supersedes", "the old one"),
    ],
)
def test_names_the_one_detail_that_is_wrong(column: str, value: str) -> None:
    values = {**sample_values(**sample_detail_values()), column: value}
    ((field, reason),) = _faults(values)
    assert field == column
    assert reason
    assert value not in reason


def test_spells_a_credential_as_it_is_read() -> None:
    credential = sample_credential(valid_from=date(2019, 7, 1), details=sample_details())
    assert parse_credential(json.loads(msgspec.json.encode(spell_credential(credential)))) == (
        credential
    )
    assert "titles" not in spell_credential(sample_credential())
