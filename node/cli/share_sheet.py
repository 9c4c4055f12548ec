"""A share code on one page: for the holder to keep, and to show to whoever may use it.

The code is kept nowhere, so it is printed when it is made or never. Fonts come with the product.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.cli.output import in_words, words
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from node.model.credential import Credential, Field
    from node.model.decide import Consent
    from node.model.share_code import ShareCode

FORMATS: Final = ("pdf", "svg")
_TEMPLATE: Final = Path(__file__).with_suffix(".typ")
_DAY_LENGTH: Final = 10
_GIVE: Final = (
    "Give this code, and your date of birth, to the employer or authority that should check your "
    "qualification. Without your date of birth it opens nothing."
)
_END: Final = (
    "Who asks with it, and when, is written down. You can see that, and the authority that gave "
    "you this page can end the code at once: tell them its id."
)
_KEEP: Final = "Keep this page as you keep a key. The code is stored nowhere else."
_ADVICE: Final = [_GIVE, _END, _KEEP]


def require_sheet(file: Path) -> str:
    """Return the format of a sheet, by how the name of its file ends, before anything is made.

    Raises:
        Refusal: MALFORMED where it ends otherwise, CONFLICT where there is such a file, UNKNOWN
            where what prints is not installed.
    """
    from node.audit.paper import typst_module

    ending = file.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise Refusal(Code.MALFORMED, "--print: must name a file that ends in .pdf or .svg")
    if file.exists():
        raise Refusal(Code.CONFLICT, f"--print: {file} is there already; it is never overwritten")
    typst_module()
    return ending


def print_sheet(
    code: "ShareCode", consent: "Consent", credential: "Credential", ending: str
) -> bytes:
    """Return the page, as PDF or SVG.

    Raises:
        Refusal: UNKNOWN where no font has the script of a text.
    """
    import msgspec

    from node.audit.paper import FONTS, typst_module

    given = _given(code, consent, credential)
    page: bytes = typst_module().compile(
        str(_TEMPLATE),
        root=str(_TEMPLATE.parent),
        format=ending,
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        sys_inputs={"given": msgspec.json.encode(given).decode()},
        **({"pdf_standards": ["a-2a"]} if ending == "pdf" else {}),
    )
    return page


def _given(code: "ShareCode", consent: "Consent", credential: "Credential") -> dict[str, Any]:
    from node.audit.paper import fonts_for, is_right_to_left
    from node.model.credential import Field

    granted = consent.given
    uses = "once" if granted.uses == 1 else f"{granted.uses} times"
    everything = len(granted.fields) == len(Field)
    fields = "everything" if everything else _listed(granted.fields)
    rows = [
        ("Your name", credential.holder_name),
        ("It shows", credential.title),
        ("To", f"only {granted.requester}" if granted.requester else "whoever you give it to"),
        ("For", granted.purpose.name.lower()),
        ("They see", fields),
        ("It works", f"{uses}, until {in_words(granted.expires_at)[:_DAY_LENGTH]}"),
    ]
    return {
        "title": "Your share code",
        "code": str(code),
        "picture": _picture(str(code)),
        "fonts": fonts_for(value for _, value in rows),
        "rows": [
            {"label": label, "value": {"text": value, "rtl": is_right_to_left(value)}}
            for label, value in rows
        ],
        "advice": _ADVICE,
        "id": f"Id {code.digest.hex()[:12]}",
    }


def _picture(text: str) -> str:
    """Return the QR code of a share code, as SVG."""
    import segno

    made: str = segno.make(text, error="q", micro=False).svg_inline(border=0)
    return made.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _listed(fields: "Sequence[Field]") -> str:
    """Return what is shown, as its holder would say it."""
    from node.model.credential import Field

    names = ("your name" if one is Field.HOLDER_NAME else words(one.name) for one in fields)
    return ", ".join(name if name[1].isupper() else name[0].lower() + name[1:] for name in names)
