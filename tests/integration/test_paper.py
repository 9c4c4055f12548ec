"""Receipts on paper: read by people, checked by machines, the same bytes every time."""

import io
from pathlib import Path
from typing import Any

import pypdf
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from node.audit.paper import is_paper, print_receipt, read_paper
from node.audit.receipt import check_receipt
from node.cli.app import app
from node.errors import Code, Refusal
from node.wire.receipt import decode_receipt, encode_receipt
from tests.federation import sample_trust
from tests.journals import Border

ROOT = sample_trust().root
ARABIC, HINDI = "محمد بن علي", "वेल्डर"


def receipt(**credential: Any) -> bytes:
    """Return the receipt of one confirmed exchange about such a credential."""
    border = Border()
    code = border.give(border.register(**credential))
    asked, answered, concluded = border.exchange(border.query(code))
    return encode_receipt(border.receipt(asked[0], answered[0], concluded[0]))


def printed(data: bytes) -> bytes:
    return print_receipt(data, check_receipt(data, ROOT))


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def test_the_pdf_says_what_the_receipt_says() -> None:
    text = text_of(printed(receipt(title="Elektrikerin")))
    for expected in ("Confirmed", "Elektrikerin", "7212", "Authority of XB (XB)", "employment"):
        assert expected in text


def test_the_pdf_carries_the_receipt_byte_for_byte() -> None:
    data = receipt()
    pdf = printed(data)
    assert is_paper(pdf)
    assert not is_paper(data)
    assert read_paper(pdf) == data


def test_the_same_receipt_makes_the_same_bytes() -> None:
    data = receipt()
    assert printed(data) == printed(data)


def test_the_pdf_is_fit_for_archives() -> None:
    reader: Any = pypdf.PdfReader(io.BytesIO(printed(receipt())))
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    fonts = {font for page in reader.pages for font in page["/Resources"]["/Font"].values()}
    assert fonts
    for font in fonts:
        descendant = font.get_object()["/DescendantFonts"][0].get_object()
        assert {"/FontFile2", "/FontFile3"} & descendant["/FontDescriptor"].get_object().keys()


@pytest.mark.parametrize("name", [ARABIC, HINDI, "Нестор Літописець", "ΑΝΝΑ", "ሰላም", "Ƒʊ́tʊ́"])
def test_names_in_many_scripts_are_set_in_fonts_that_have_them(name: str) -> None:
    pdf = printed(receipt(holder_name=name))
    assert pdf
    # A character that no font has is set as glyph 0 of some font; it has no text behind it.
    assert "\ufffd" not in text_of(pdf)


def test_a_script_without_a_font_is_refused_and_never_shown_as_boxes() -> None:
    with pytest.raises(Refusal) as refused:
        printed(receipt(holder_name="田中 花子"))
    assert refused.value.code is Code.UNKNOWN
    assert "cjk" in refused.value.reason


def test_text_is_never_markup() -> None:
    name = '#panic("x") $1/0$ *bold* @ref'
    assert name in text_of(printed(receipt(holder_name=name)))


def test_a_receipt_that_does_not_hold_is_not_printed() -> None:
    held = decode_receipt(receipt())
    data = encode_receipt(replace(held, answer=replace(held.answer, salt=bytes(32))))
    with pytest.raises(Refusal) as refused:
        printed(data)
    assert refused.value.code is Code.UNTRUSTED


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.7\n%%EOF", b"%PDF-" + bytes(1000)])
def test_a_broken_pdf_is_malformed(data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_paper(data)
    assert refused.value.code is Code.MALFORMED


def test_a_pdf_that_lost_its_attachment_proves_nothing() -> None:
    writer = pypdf.PdfWriter()
    for page in pypdf.PdfReader(io.BytesIO(printed(receipt()))).pages:
        writer.add_page(page)
    stripped = io.BytesIO()
    writer.write(stripped)
    with pytest.raises(Refusal) as refused:
        read_paper(stripped.getvalue())
    assert refused.value.code is Code.MALFORMED


def test_printing_and_verifying_by_command(tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_bytes(receipt())
    (tmp_path / "root.json").write_bytes(ROOT)
    run = CliRunner()
    root = ["--root", str(tmp_path / "root.json")]
    done = run.invoke(app, ["receipt", "print", str(tmp_path / "receipt.json"), *root])
    assert done.exit_code == 0, done.output
    pdf = tmp_path / "receipt.pdf"
    verified = run.invoke(app, ["receipt", "verify", str(pdf), *root])
    assert verified.exit_code == 0, verified.output
    assert "PASS" in verified.output
    again = run.invoke(app, ["receipt", "print", str(tmp_path / "receipt.json"), *root])
    assert again.exit_code != 0
