"""A share code on paper: what the holder reads, and what a camera reads."""

import io
from pathlib import Path

import pypdf
import pytest
from msgspec.structs import replace

from node.cli.share_sheet import print_sheet
from node.errors import Refusal
from node.model.credential import Field
from node.model.decide import Consent
from node.model.share_code import ShareCode, make, parse
from tests.integration.command_line import COLUMNS, call, done, found_nodes, rows
from tests.ledgers import given
from tests.world import sample_credential

CODE = make("XA", bytes(range(10)))


def _text(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def _sheet(name: str = "Éloïse Marchand", ending: str = "pdf", code: ShareCode = CODE) -> bytes:
    credential = replace(sample_credential(), holder_name=name)
    consent = Consent(given(code, uses=3), ended=False, uses_spent=0)
    return print_sheet(code, consent, credential, ending)


def test_the_page_says_what_the_code_opens_in_plain_words() -> None:
    text = " ".join(_text(_sheet()).split())
    for expected in (
        str(CODE),
        "Éloïse Marchand",
        sample_credential().title,
        "whoever you give it to",
        "employment",
        "3 times, until",
        CODE.digest.hex()[:12],
    ):
        assert expected in text
    assert len(pypdf.PdfReader(io.BytesIO(_sheet())).pages) == 1


def test_everything_is_shown_where_every_field_is_granted() -> None:
    consent = Consent(given(CODE, fields=tuple(Field), requester="HRB-7"), False, 0)
    text = _text(print_sheet(CODE, consent, sample_credential(), "pdf"))
    assert "everything" in text
    assert "only HRB-7" in text


def test_names_from_right_to_left_are_set_in_their_own_script() -> None:
    fonts = _sheet("محمد بن علي")
    names = {
        str(font)
        for page in pypdf.PdfReader(io.BytesIO(fonts)).pages
        for font in (page["/Resources"]["/Font"].values())  # type: ignore[index]
        for font in (font.get_object()["/BaseFont"],)
    }
    assert any("Arabic" in name for name in names), names


def test_a_script_without_a_font_is_refused_and_not_printed_as_boxes() -> None:
    with pytest.raises(Refusal, match="no font for the script"):
        _sheet("ᚠᚢᚦ")


def test_a_page_is_an_svg_picture_where_that_is_wanted() -> None:
    assert b"<svg" in _sheet(ending="svg")[:200]


def test_the_code_is_printed_when_it_is_made_and_kept_nowhere_else(tmp_path: Path) -> None:
    found_nodes(tmp_path, "XA")
    own, sheet = ("--data", tmp_path / "XA"), tmp_path / "code.pdf"
    (tmp_path / "some.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 1)}")
    done(*own, "registry", "import", tmp_path / "some.csv")
    create = (*own, "share", "create", "XA-2020-000001", "--purpose", "employment")
    made = done(*create, "--print", sheet)
    assert made["share_code"] in _text(sheet.read_bytes())
    assert sheet.stat().st_mode & 0o777 == 0o600
    symbols = parse(made["share_code"]).symbols.encode()
    held = [path.read_bytes() for path in (tmp_path / "XA").rglob("*") if path.is_file()]
    assert not any(symbols in content for content in held)
    for file, code in ((sheet, "conflict"), (tmp_path / "code.txt", "malformed")):
        refused = call(*create, "--print", file, "--json")
        assert refused.content["code"] == code
    assert len(done(*own, "share", "list", "XA-2020-000001")["share_codes"]) == 1
