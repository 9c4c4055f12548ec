import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from node.errors import Refusal
from node.model.credential import Credential, Details, Unit, checked
from node.wire.rows import (
    COLUMNS,
    REQUIRED,
    Fault,
    Unfit,
    parse_credential,
    spell_credential,
)
from node.wire.sheets import Row, open_sheet
from tests.strategies import credentials
from tests.world import sample_values


def _plain(text: str, otherwise: str) -> str:
    """Return the text as a sheet gives it back: normal form C, nothing blank around it."""
    return unicodedata.normalize("NFC", text).strip() or otherwise


def _tame(credential: Credential) -> Credential:
    units = [
        Unit(
            _plain(unit.code, "U").split()[0].replace("|", "U"),
            _plain(unit.title.replace("|", ""), "x"),
        )
        for unit in credential.units
    ]
    tamed = {
        name: _plain(getattr(credential, name), "x")
        for name in ("holder_name", "issuer", "title", "level_national")
    }
    details = _tame_details(credential.details)
    return replace(credential, **tamed, units=tuple(units), details=details)


def _tame_details(details: Details) -> Details:
    def item(text: str) -> str:
        return _plain(text.replace("|", ""), "x")

    accreditation, credits_, renewal = details.accreditation, details.credits, details.renewal
    return replace(
        details,
        titles=tuple(replace(one, text=item(one.text)) for one in details.titles),
        accreditation=accreditation and replace(accreditation, by=_plain(accreditation.by, "x")),
        national_codes=tuple(replace(one, code=item(one.code)) for one in details.national_codes),
        learning_outcomes=tuple(map(item, details.learning_outcomes)),
        credits=credits_ and replace(credits_, scheme=_plain(credits_.scheme, "x")),
        renewal=renewal and replace(renewal, rule=_plain(renewal.rule, "x")),
    )


def _fits(credential: Credential) -> bool:
    """Tell whether normal form C, which can lengthen a text, kept it within its bounds."""
    try:
        checked(credential)
    except Refusal:
        return False
    return True


tame_credentials = credentials().map(_tame).filter(_fits)


def _values(credential: Credential) -> dict[str, object]:
    """Return a row of a file: None is written as nothing, what says nothing is left out."""
    spelt = spell_credential(credential)
    return {name: "" if value is None else value for name, value in spelt.items()}


def _read(name: str, data: bytes) -> list[Row]:
    return list(open_sheet(name, io.BytesIO(data)))


_DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t"),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    }
)
_FORMS: st.SearchStrategy[Literal["NFC", "NFD"]] = st.sampled_from(["NFC", "NFD"])


@given(
    st.lists(tame_credentials, max_size=3),
    st.permutations(COLUMNS),
    _DIALECTS,
    st.booleans(),
    _FORMS,
)
def test_reads_back_whatever_was_written_as_csv(
    written: list[Credential],
    columns: list[str],
    dialect: dict[str, Any],
    bom: bool,
    form: Literal["NFC", "NFD"],
) -> None:
    content = io.StringIO(newline="")
    writer = csv.writer(content, **dialect)
    writer.writerow(columns)
    for credential in written:
        values = _values(credential)
        values["units"] = " | ".join(f"{unit.code} {unit.title}" for unit in credential.units)
        cells = [values.get(name, "") for name in columns]
        joined = [" | ".join(cell) if isinstance(cell, list) else str(cell) for cell in cells]
        writer.writerow(unicodedata.normalize(form, cell) for cell in joined)
    text = "\ufeff" * bom + content.getvalue()
    rows = _read("registry.csv", text.encode())
    assert [parse_credential(row.values) for row in rows] == written
    assert not any(row.faults for row in rows)


@given(st.lists(tame_credentials, max_size=3), st.booleans(), st.sampled_from(["a.json", "a"]))
def test_reads_back_whatever_was_written_as_json(
    written: list[Credential], lines: bool, name: str
) -> None:
    elements = [msgspec.json.encode(_values(credential)) for credential in written]
    data = b"\n".join(elements) if lines else b"[" + b",\n".join(elements) + b"]"
    rows = _read(name if written else "a.json", data)
    assert [row.number for row in rows] == list(range(1, len(written) + 1))
    assert [parse_credential(row.values) for row in rows] == written


def _survive(name: str, data: bytes) -> None:
    """Read whatever this is: a file or row that is none is refused, and nothing else happens."""
    reason = "line "
    try:
        for row in open_sheet(name, io.BytesIO(data)):
            assert row.number >= 1
            if not row.faults:
                _judge(row)
    except Refusal as refusal:
        reason = refusal.reason
    assert reason.startswith("line ")


def _judge(row: Row) -> None:
    fields = [fault.field for fault in _faults(row.values)]
    assert len(set(fields)) == len(fields)
    assert set(fields) <= set(COLUMNS)


def _faults(values: Mapping[str, object]) -> Sequence[Fault]:
    try:
        parse_credential(values)
    except Unfit as unfit:
        return unfit.faults
    return ()


_NAMES = st.sampled_from(["a.csv", "a.json", "a"])


@given(_NAMES, st.binary(max_size=300))
def test_survives_arbitrary_bytes_under_any_name(name: str, data: bytes) -> None:
    _survive(name, data)


@given(_NAMES, st.text(max_size=60), st.booleans())
def test_survives_arbitrary_rows_under_a_right_header(name: str, text: str, in_json: bool) -> None:
    head = "" if in_json else ",".join(COLUMNS) + "\n"
    _survive(name, (head + text).encode(errors="surrogatepass"))


_SAMPLE_CSV = (
    ",".join(REQUIRED) + "\n" + (",".join(str(v) for v in sample_values().values()) + "\n") * 2
).encode()
_SAMPLE_JSON = msgspec.json.encode([sample_values(), sample_values()])


@given(st.sampled_from([_SAMPLE_CSV, _SAMPLE_JSON]), st.data())
def test_survives_a_good_file_with_a_few_wrong_bytes(good: bytes, data: st.DataObject) -> None:
    broken = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    _survive("a", bytes(broken))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*COLUMNS, "code", "title", "x"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(COLUMNS), _JSON))
def test_survives_any_json_in_any_field(changes: dict[str, object]) -> None:
    _judge(Row(1, {**sample_values(), **changes}))


@given(st.sampled_from(COLUMNS), st.text(st.sampled_from("ÆØÞ\x00"), min_size=4, max_size=400))
def test_no_reason_ever_repeats_a_value(column: str, value: str) -> None:
    reasons = [fault.reason for fault in _faults(sample_values(**{column: value}))]
    assert not set("".join(reasons)) & set("ÆØÞ\x00")
