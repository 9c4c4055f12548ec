"""The holder's page: `/holder`, for a telephone, without a script.

The token is typed once. It travels in the body of every request and is never in an address, a
cookie or a log; whoever does not know it can have nothing sent in the holder's name.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import IntEnum
from html import escape
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from node.errors import Code, Refusal
from node.flows.holder import HolderView
from node.flows.holder_ports import AccessWindow, Held
from node.flows.share import USES_MAX, VALID_DAYS, VALID_DAYS_MAX
from node.model.credential import Field
from node.model.holder_bodies import Complaint
from node.model.statement import Purpose
from node.wire.holder_statements import COMPLAINT_LENGTH_MAX
from node.wire.record import HeldAccess, HeldContest, HeldShareCode, HeldWatch
from node.wire.refusals import HTTP_STATUS

PAGE_PATH: Final = "/holder"
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_FORM_SIZE_MAX_BYTES: Final = 16 * 1024
_FIELDS_MAX: Final = 16
_ACCESSES: Final = 100
_STYLE: Final = (
    "body{font:1.05rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:42rem;padding:1rem;"
    "color:#1c1c1c;background:#fff}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem;"
    "border-bottom:1px solid #ccc}article{border:1px solid #ccc;border-radius:.5rem;padding:.6rem "
    ".8rem;margin:.7rem 0}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;"
    "margin:0}dt{color:#595959}dd{margin:0;overflow-wrap:anywhere}label{display:block;margin:.6rem "
    "0}input,select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}button"
    "{font:inherit;padding:.5rem 1rem;margin-top:.5rem}.said{border-inline-start:.3rem solid "
    "#1a6b35;padding:.4rem .8rem;background:#eef6f0}.wrong{border-color:#9b1c1c;background:#faeeee}"
    ".code{font:bold 1.3rem ui-monospace,monospace}"
)
_HEADERS: Final = {
    "Server": "symbolon",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=utf-8",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
}
_SHOWN: Final = (
    *("number", "holder_name", "title", "issuer", "status", "awarded_on", "expires_on"),
    *("level_national", "isco08"),
)

ReadForm = Callable[[web.Request, int], Awaitable[bytes]]
Form = dict[str, str]
_Kind = TypeVar("_Kind", bound=IntEnum)


class HolderPage:
    """The page and what can be done on it."""

    def __init__(self, view: HolderView, read: ReadForm) -> None:
        """Take the flow, and what returns a request's body within bounds."""
        self._view = view
        self._read = read

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the page."""
        router.add_get(PAGE_PATH, self._ask_for_token, allow_head=False)
        router.add_post(PAGE_PATH, self._answer)

    async def _ask_for_token(self, _: web.Request) -> web.Response:
        return _page(_token_form())

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            form = await self._form(request)
            held = await self._view.authenticate(form.get("token", "").strip())
        except Refusal as refusal:
            return _page(_told(refusal.reason, wrong=True) + _token_form(), refusal.code)
        if form.get("act") == "record":
            name = 'attachment; filename="my-record.symbolon-record.json"'
            headers = {
                **_HEADERS,
                "Content-Type": "application/json",
                "Content-Disposition": name,
            }
            return web.Response(body=await self._view.export(held), headers=headers)
        try:
            said, code = await self._act(form, held), None
        except Refusal as refusal:
            said, code = _told(refusal.reason, wrong=True), refusal.code
        return _page(said + await self._shown(held, form["token"].strip()), code)

    async def _form(self, request: web.Request) -> Form:
        if request.content_type != _FORM_TYPE:
            raise Refusal(Code.MALFORMED, "this page sends a form, and nothing else is taken")
        body = await self._read(request, _FORM_SIZE_MAX_BYTES)
        if len(body) > _FORM_SIZE_MAX_BYTES:
            raise Refusal(Code.MALFORMED, "what was sent is too long")
        try:
            pairs = parse_qsl(
                body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX,
                errors="strict",
            )  # fmt: skip
        except ValueError:
            raise Refusal(Code.MALFORMED, "what was sent is no form") from None
        return dict(pairs)

    async def _act(self, form: Form, held: Held) -> str:
        """Do what a button says; returns what to tell."""
        match form.get("act", ""):
            case "end-code":
                await self._view.revoke_share_code(held, form.get("id", ""))
                return _told("The share code opens nothing any more.")
            case "end-watch":
                await self._view.watching.revoke(held.credentials, form.get("id", ""))
                return _told("Nobody is told by that any more.")
            case "make":
                code = await self._view.sharing.create(
                    self._view.require_own(held, form.get("credential", "")),
                    _named(Purpose, form.get("purpose", ""), "purpose"),
                    tuple(Field),
                    uses=_whole(form.get("uses", ""), "uses"),
                    valid_days=_whole(form.get("days", ""), "days"),
                    requester=form.get("requester", "").strip(),
                )
                return _told(
                    "This is your share code. Write it down: it is not shown again.",
                    f'<p class="code">{escape(str(code))}</p>',
                )
            case "contest":
                entry = form.get("entry", "").strip()
                await self._view.contest(
                    held,
                    form.get("credential", ""),
                    _named(Complaint, form.get("complaint", ""), "complaint"),
                    form.get("text", ""),
                    _whole(entry, "entry") if entry else None,
                )
                return _told("The authority has it.")
        return ""

    async def _shown(self, held: Held, token: str) -> str:
        hidden = f'<input type="hidden" name="token" value="{escape(token)}">'
        accesses, more = await self._view.accesses(held, AccessWindow(_ACCESSES))
        codes = await self._view.share_codes(held)
        watches = await self._view.watches(held)
        contests = await self._view.contests(held)
        older = "<p>There are older ones; the signed record has them.</p>" if more else ""
        return "".join(
            (
                _section("My qualifications", map(_credential, await self._view.credentials(held))),
                _section("Who asked about me", map(_access, accesses)),
                older,
                _section("My share codes", (_code(one, hidden) for one in codes)),
                _make_form(held.credentials, hidden),
                _section("Who is told of changes", (_watch(one, hidden) for one in watches)),
                _section("What I said is wrong", map(_contest, contests)),
                _contest_form(held.credentials, hidden),
                "<h2>Take it away</h2>",
                _form("record", "Download my signed record", hidden),
            )
        )


# --- parts of the page ---------------------------------------------------------------------


def _page(content: str, refused: Code | None = None) -> web.Response:
    status = 200 if refused is None else HTTP_STATUS[refused]
    html = (
        '<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>My record</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>My record</h1>{content}</main></body></html>"
    )
    return web.Response(body=html.encode(), status=status, headers=_HEADERS)


def _token_form() -> str:
    return (
        f'<form method="post" action="{PAGE_PATH}" autocomplete="off">'
        "<label>The token that your authority gave you"
        '<input type="password" name="token" required maxlength="100" autofocus></label>'
        "<button>Show what is about me</button></form>"
        "<p>It opens your own record for some minutes. Nobody else's can be seen with it.</p>"
    )


def _told(sentence: str, further: str = "", *, wrong: bool = False) -> str:
    kind = "said wrong" if wrong else "said"
    return f'<div class="{kind}" role="status"><p>{escape(sentence)}</p>{further}</div>'


def _section(title: str, articles: Iterable[str]) -> str:
    return f"<h2>{escape(title)}</h2>{''.join(articles) or '<p>None.</p>'}"


def _article(rows: Iterable[tuple[str, object]], further: str = "") -> str:
    listed = "".join(
        f'<dt>{escape(name)}</dt><dd dir="auto">{escape(str(value))}</dd>'
        for name, value in rows
        if value not in {None, ""}
    )
    return f"<article><dl>{listed}</dl>{further}</article>"


def _form(act: str, button: str, *parts: str) -> str:
    return (
        f'<form method="post" action="{PAGE_PATH}" autocomplete="off">{"".join(parts)}'
        f'<input type="hidden" name="act" value="{act}"><button>{escape(button)}</button></form>'
    )


def _words(name: str) -> str:
    text = name.replace("_", " ").replace("isco08", "ISCO-08").replace("eqf", "EQF")
    return text[:1].upper() + text[1:]


def _credential(one: dict[str, object]) -> str:
    return _article((_words(name), one.get(name)) for name in _SHOWN)


def _access(one: HeldAccess) -> str:
    return _article(
        (
            ("Who", f"{one.asked_by} ({one.register_id}), through {one.node}"),
            ("When", f"{one.answered_at:%Y-%m-%d %H:%M} UTC"),
            ("For", one.purpose),
            ("Answer", _words(one.outcome)),
            ("Was shown", ", ".join(map(_words, one.shown)) or "nothing"),
            ("About", one.credential),
            ("Index", one.index),
        )
    )


def _code(one: HeldShareCode, hidden: str) -> str:
    end = f'{hidden}<input type="hidden" name="id" value="{escape(one.id)}">'
    return _article(
        (
            ("Id", one.id[:12]),
            ("State", _words(one.state)),
            ("Shows", one.credential),
            ("For", one.purpose),
            ("Used", f"{one.uses_spent} of {one.uses}"),
            ("Until", f"{one.expires_at:%Y-%m-%d}"),
            ("Only for", one.requester),
        ),
        _form("end-code", "End it now", end) if one.state in {"open", "used_up"} else "",
    )


def _watch(one: HeldWatch, hidden: str) -> str:
    end = f'{hidden}<input type="hidden" name="id" value="{escape(one.id)}">'
    return _article(
        (
            ("Who", f"{one.legal_name} ({one.register_id}), {one.node}"),
            ("About", one.credential),
            ("State", _words(one.state)),
            ("Until", f"{one.expires_at:%Y-%m-%d}"),
        ),
        _form("end-watch", "End it now", end) if one.state == "open" else "",
    )


def _contest(one: HeldContest) -> str:
    return _article(
        (
            ("When", f"{one.raised_at:%Y-%m-%d %H:%M} UTC"),
            ("About", one.credential),
            ("What", _words(one.complaint)),
            ("Index", one.entry),
            ("Text", one.text),
        )
    )


def _make_form(numbers: Sequence[str], hidden: str) -> str:
    whole = f'<input name="uses" type="number" min="1" max="{USES_MAX}" value="1" required>'
    days = (
        f'<input name="days" type="number" min="1" max="{VALID_DAYS_MAX}" value="{VALID_DAYS}" '
        "required>"
    )
    return "<h3>Make a share code</h3>" + _form(
        "make",
        "Make it",
        hidden,
        _select("Qualification", "credential", numbers),
        _select("What for", "purpose", [one.name.lower() for one in Purpose]),
        f"<label>How many times it works{whole}</label>",
        f"<label>For how many days{days}</label>",
        "<label>Only for this employer (number in the business register; empty: anybody)"
        '<input name="requester" maxlength="64"></label>',
    )


def _contest_form(numbers: Sequence[str], hidden: str) -> str:
    return "<h3>Say that something is wrong</h3>" + _form(
        "contest",
        "Tell the authority",
        hidden,
        _select("Qualification", "credential", numbers),
        _select("What is wrong", "complaint", [one.name.lower() for one in Complaint]),
        '<label>Index of who asked, if it is about that<input name="entry" inputmode="numeric" '
        'maxlength="19"></label>',
        f'<label>In your words<textarea name="text" required rows="4" dir="auto" '
        f'maxlength="{COMPLAINT_LENGTH_MAX}"></textarea></label>',
    )


def _select(label: str, name: str, values: Sequence[str]) -> str:
    options = "".join(
        f'<option value="{escape(one)}">{escape(one if "-" in one else _words(one))}</option>'
        for one in values
    )
    return f'<label>{escape(label)}<select name="{name}">{options}</select></label>'


def _named(kind: type[_Kind], name: str, field: str) -> _Kind:
    try:
        return kind[name.upper()]
    except KeyError:
        raise Refusal(Code.MALFORMED, f"{field}: choose one of those that are there") from None


def _whole(digits: str, field: str) -> int:
    if digits.isascii() and digits.isdigit() and len(digits) < 20:  # noqa: PLR2004 - as 2**62 has
        return int(digits)
    raise Refusal(Code.MALFORMED, f"{field}: must be a whole number")
