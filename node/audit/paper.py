"""Receipts on paper: a PDF for people, with the receipt itself attached for machines.

PDF/A-3, so that it can be kept for decades; the same receipt makes the same bytes. Only a receipt
that holds is printed. Fonts come with the product, never from the machine that prints.
"""

import hashlib
import io
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from node.audit.findings import Verdict
from node.audit.receipt import CheckedReceipt, ReceiptFacts
from node.errors import Code, Refusal
from node.model.statement import Outcome
from node.wire.receipt import RECEIPT_SIZE_MAX_BYTES

PAPER_SIZE_MAX_BYTES: Final = 16 << 20
ATTACHED_AS: Final = "receipt.json"
_HERE: Final = Path(__file__).parent
FONTS: Final = _HERE / "fonts"
_TEMPLATE: Final = _HERE / "receipt.typ"
_PDF: Final = b"%PDF-"
_COLOURS: Final = {Outcome.CONFIRMED: "#1a6b35", Outcome.SUSPENDED: "#8a5a00"}
_OTHER_COLOUR: Final = "#9b1c1c"
_SENTENCES: Final = {
    Outcome.CONFIRMED: "The credential is on the register of the answering authority, and valid.",
    Outcome.SUSPENDED: "The answering authority has suspended the credential.",
    Outcome.REVOKED: "The answering authority has revoked the credential.",
    Outcome.EXPIRED: "The credential is on the register; its time is over.",
    Outcome.SUPERSEDED: "The credential has been replaced by another one.",
    Outcome.NOT_CONFIRMED: "The answering authority confirms nothing for this code.",
    Outcome.REFUSED: "The answering authority may not answer this question.",
}
_SCRIPTS: Final = {
    "LATIN": "",
    "GREEK": "",
    "CYRILLIC": "",
    "COPTIC": "",
    "ARABIC": "Arabic",
    "ARMENIAN": "Armenian",
    "BENGALI": "Bengali",
    "DEVANAGARI": "Devanagari",
    "ETHIOPIC": "Ethiopic",
    "GEORGIAN": "Georgian",
    "GUJARATI": "Gujarati",
    "GURMUKHI": "Gurmukhi",
    "HEBREW": "Hebrew",
    "KANNADA": "Kannada",
    "KHMER": "Khmer",
    "LAO": "Lao",
    "MALAYALAM": "Malayalam",
    "MYANMAR": "Myanmar",
    "SINHALA": "Sinhala",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "THAI": "Thai",
}
"""Scripts by the first word of their characters' Unicode names, with the font of each."""


def is_paper(data: bytes) -> bool:
    """Tell whether a file is a PDF, by its beginning."""
    return data.startswith(_PDF)


def print_receipt(data: bytes, checked: CheckedReceipt) -> bytes:
    """Return a receipt as PDF.

    Args:
        data: the receipt, byte for byte.
        checked: what checking these bytes found.

    Raises:
        Refusal: UNTRUSTED where the receipt does not hold, UNKNOWN where what prints is not
            installed or no font has the script of a text.
    """
    facts = checked.facts
    if facts is None or checked.report.verdict is Verdict.FAIL:
        raise Refusal(
            Code.UNTRUSTED, "the receipt does not hold, so it is not printed; verify it to see why"
        )
    typst = typst_module()
    given = _given(data, facts, complete=checked.report.verdict is Verdict.PASS)
    pdf: bytes = typst.compile(
        str(_TEMPLATE),
        root=str(_HERE),
        format="pdf",
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        sys_inputs={"given": msgspec.json.encode(given).decode(), "receipt": data.decode()},
        pdf_standards=["a-3a"],
        timestamp=facts.concluded_at // 1_000_000,
    )
    return pdf


def read_paper(pdf: bytes) -> bytes:
    """Return the receipt that a PDF carries; what is printed around it proves nothing.

    Raises:
        Refusal: MALFORMED where it carries none, UNKNOWN where what reads is not installed.
    """
    try:
        import pypdf  # noqa: PLC0415 - an extra
    except ImportError:
        raise _not_installed() from None
    try:
        reader = pypdf.PdfReader(io.BytesIO(pdf))
        attached = reader.attachments.get(ATTACHED_AS, [])
    except (pypdf.errors.PyPdfError, ValueError, KeyError, TypeError, RecursionError):
        raise Refusal(Code.MALFORMED, "the file is no PDF that can be read") from None
    if len(attached) != 1:
        raise Refusal(
            Code.MALFORMED,
            f"the PDF carries no {ATTACHED_AS}; a copy that lost its attachment proves nothing, "
            "ask for the file as it was made",
        )
    data: bytes = attached[0]
    return data[: RECEIPT_SIZE_MAX_BYTES + 1]


def typst_module() -> Any:  # noqa: ANN401 - the library's module
    """Return the library that sets pages.

    Raises:
        Refusal: UNKNOWN where it is not installed.
    """
    try:
        import segno  # noqa: F401, PLC0415 - an extra, needed further down
        import typst  # noqa: PLC0415 - an extra
    except ImportError:
        raise _not_installed() from None
    return typst


def _not_installed() -> Refusal:
    return Refusal(
        Code.UNKNOWN, "printing needs more to be installed: pip install 'symbolon[paper]'"
    )


def _given(data: bytes, facts: ReceiptFacts, *, complete: bool) -> dict[str, Any]:
    """Return what the template is told."""
    digest = hashlib.sha256(data).hexdigest()
    shown = [(_words(one.field.name), one.value) for one in facts.disclosed]
    exchange = [
        ("Asked by", f"{facts.requester.legal_name} ({facts.requester.register_id})"),
        ("Purpose", facts.purpose.name.lower()),
        ("Asked through", _node(facts.asking_authority, facts.asking)),
        ("Answered by", _node(facts.answering_authority, facts.answering)),
        ("Under the agreement", f"{facts.agreement.id}, version {facts.agreement.version}"),
        ("Asked", _moment(facts.asked_at)),
        ("Answered", _moment(facts.answered_at)),
        ("Good until", _moment(facts.good_until)),
    ]
    day = datetime.fromtimestamp(facts.concluded_at // 1_000_000, UTC)
    proof = (
        "Question and answer stand in the journals of both authorities, under their signatures. "
        "The attached file proves it by itself, without asking anybody."
    )
    if not complete:
        proof += " Some checks could not be made with what it encloses."
    return {
        "title": "Receipt of a verification",
        "federation": "Symbolon",
        "day": [day.year, day.month, day.day],
        "fonts": fonts_for(value for _, value in (*shown, *exchange)),
        "outcome": {
            "words": _words(facts.outcome.name),
            "sentence": _SENTENCES[facts.outcome],
            "colour": _COLOURS.get(facts.outcome, _OTHER_COLOUR),
        },
        "shown": _rows(shown or [("Fields", "none")]),
        "exchange": _rows(exchange),
        "proof": proof,
        "check": f"symbolon receipt verify FILE.pdf, or the attached {ATTACHED_AS}",
        "fingerprint": f"SHA-256 {' '.join(digest[at : at + 8] for at in range(0, 64, 8))}",
        "code": _code(digest),
    }


def fonts_for(texts: Iterable[str]) -> list[str]:
    """Return the fonts that some texts need, the common one first.

    Raises:
        Refusal: UNKNOWN where a character's script has none: a box in its place would be a lie.
    """
    fonts = dict.fromkeys(["Noto Sans"])
    for character in sorted(set("".join(texts))):
        if unicodedata.category(character)[0] not in "LM":
            continue
        script = unicodedata.name(character, "UNKNOWN").split(" ", 1)[0]
        if script in {"COMBINING", "MODIFIER", "FEMININE", "MASCULINE"}:
            continue
        if script not in _SCRIPTS:
            raise Refusal(
                Code.UNKNOWN,
                f"the product has no font for the script {script.lower()}; use the receipt's file",
            )
        fonts[f"Noto Sans {_SCRIPTS[script]}".strip()] = None
    return list(fonts)


def _code(digest: str) -> str:
    """Return the QR code of the receipt's digest, as SVG."""
    import segno  # noqa: PLC0415 - an extra

    svg: str = segno.make(f"symbolon-receipt:sha256:{digest}", error="m", micro=False).svg_inline(
        border=0
    )
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _rows(rows: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"label": label, "value": {"text": value, "rtl": is_right_to_left(value)}}
        for label, value in rows
    ]


def is_right_to_left(value: str) -> bool:
    """Tell whether the first letter with a direction is written from right to left."""
    strong = (kind for kind in map(unicodedata.bidirectional, value) if kind in {"L", "R", "AL"})
    return next(strong, "L") != "L"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Isco08", "ISCO-08").replace("eqf", "EQF")


def _node(authority: str, node: str) -> str:
    return f"{authority} ({node})" if authority else node


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
