"""`share`: what a holder lets others see of a credential, and takes back."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.context import Json, Number, act, add, add_group, replace_file
from node.cli.output import columns, give, in_words, moment, pairs
from node.cli.watch_commands import register_watches
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.ports import Recorded
    from node.model.credential import Credential, Field
    from node.model.decide import Consent
    from node.model.share_code import ShareCode

_ID_LENGTH: Final = 12


class PurposeName(StrEnum):
    """What a requester asks for, as options name it."""

    EMPLOYMENT = "employment"
    LICENSING = "licensing"
    ENROLMENT = "enrolment"


PURPOSES: Final = "employment, licensing or enrolment"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    share = add_group(
        app,
        "share",
        "Share codes: a holder's consent, in a form that can be read aloud.",
        "symbolon --data xa share create XA-2019-000001 --purpose employment",
    )
    add(
        share,
        "create",
        create,
        "symbolon --data xa share create XA-2019-000001 --purpose employment",
        "symbolon --data xa share create XA-2019-000001 --purpose licensing "
        "--fields title,isco08,level_eqf --uses 3 --days 14 --requester 4711",
        "symbolon --data xa share create XA-2019-000001 --purpose employment --print code.pdf",
    )
    add(
        share,
        "revoke",
        revoke,
        "symbolon --data xa share revoke < code.txt",
        "symbolon --data xa share revoke XA-2019-000001 --id 3f2a9c01b7d4",
    )
    add(share, "list", list_, "symbolon --data xa share list XA-2019-000001")
    register_watches(share)


def read_fields(names: str) -> "tuple[Field, ...]":
    """Read field names separated by commas; none is all.

    Raises:
        Refusal: MALFORMED where a name is not that of a field.
    """
    from node.model.credential import Field

    known = {field.name.lower(): field for field in Field}
    wanted = [name.strip().lower() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise Refusal(
            Code.MALFORMED,
            f"--fields: {', '.join(unknown)} is not known; known are {', '.join(known)}",
        )
    return tuple(known[name] for name in wanted) or tuple(Field)


def create(
    context: typer.Context,
    number: Number,
    *,
    purpose: Annotated[
        PurposeName, typer.Option(metavar="PURPOSE", help=f"What it may be used for: {PURPOSES}.")
    ],
    fields: Annotated[
        str, typer.Option(help="What they may see, by commas.", show_default="all")
    ] = "",
    uses: Annotated[int, typer.Option(help="How many answers may show it.")] = 1,
    days: Annotated[int, typer.Option(help="How many days it opens anything.")] = 90,
    requester: Annotated[
        str, typer.Option(help="Register id of the only requester.", show_default="any")
    ] = "",
    sheet: Annotated[
        Path | None,
        typer.Option("--print", dir_okay=False, help="A page for the holder, with a QR: PDF, SVG."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a share code. It is shown once; the node keeps its digest only.

    With --print it is put on a page for the holder too: now or never.
    """
    from node.cli.share_sheet import print_sheet, require_sheet
    from node.model.statement import Purpose

    shown = read_fields(fields)
    ending = "" if sheet is None else require_sheet(sheet)

    async def work(node: "OpenedNode") -> "tuple[ShareCode, Consent | None, Credential | None]":
        code = await node.sharing.create(
            number,
            Purpose[purpose.name],
            shown,
            uses=uses,
            valid_days=days,
            requester=requester,
        )
        return code, await node.ledger.consent(code.digest), await node.ledger.credential(number)

    code, consent, credential = act(context, work, stating=True)
    if consent is None or credential is None:
        raise Refusal(Code.DEFECT, "the share code was made and is not there")
    if sheet is not None:
        page = print_sheet(code, consent, credential, ending)
        replace_file(sheet, lambda fresh: fresh.write_bytes(page))

    def show(console: "Console") -> None:
        console.print(f"\n  [bold cyan]{code}[/]\n")
        console.print(pairs([*_told(consent), ("Printed to", "" if sheet is None else sheet)]))
        console.print(
            "\nFor the holder only, who gives it on with the date of birth. It is not shown again."
        )

    give(as_json, {"share_code": str(code), **_content(consent)}, show)


def _told(consent: "Consent") -> list[tuple[str, object]]:
    given = consent.given
    return [
        ("Purpose", given.purpose.name.lower()),
        ("Shows", _fields_in_words(consent)),
        ("Uses", given.uses),
        ("Until", in_words(given.expires_at)),
        ("Only for", given.requester),
        ("Id", given.code_digest.hex()[:_ID_LENGTH]),
    ]


def revoke(
    context: typer.Context,
    number: Annotated[
        str,
        typer.Argument(
            metavar="[NUMBER]", help="The credential's number, with --id.", show_default=False
        ),
    ] = "",
    identity: Annotated[
        str, typer.Option("--id", help="How its id begins, as 'share list' shows it.")
    ] = "",
    as_json: Json = False,
) -> None:
    """End a share code at once: the code is asked for, or its --id is given.

    The code itself is never an argument, where others on the machine could read it: it is typed
    at the prompt, or comes in on standard input.
    """
    if bool(number) != bool(identity):
        raise Refusal(Code.MALFORMED, "NUMBER and --id belong together; give both or neither")
    if identity:
        recorded = act(
            context, lambda node: node.sharing.revoke_listed(number, identity), stating=True
        )
    else:
        from node.model.share_code import parse

        code = parse(typer.prompt("Share code", err=True) if sys.stdin.isatty() else _read_line())
        recorded = act(context, lambda node: node.sharing.revoke(code), stating=True)
    _say_ended(recorded, as_json)


def list_(context: typer.Context, number: Number, as_json: Json = False) -> None:
    """List the share codes of a credential, by id: the codes themselves are kept nowhere."""
    from node.assembly import clock

    consents = act(context, lambda node: node.sharing.list(number))
    now = clock()
    listed = [{**_content(consent), "state": _state(consent, now)} for consent in consents]

    def show(console: "Console") -> None:
        if not consents:
            console.print("There are no share codes of this credential.")
            return
        rows = [
            (
                consent.given.code_digest.hex()[:_ID_LENGTH],
                _state(consent, now),
                consent.given.purpose.name.lower(),
                f"{consent.uses_spent} of {consent.given.uses}",
                in_words(consent.given.expires_at)[:10],
                consent.given.requester or "any",
                _fields_in_words(consent),
            )
            for consent in consents
        ]
        names = ("Id", "State", "Purpose", "Used", "Until", "Only for", "Shows")
        console.print(columns(names, rows))

    give(as_json, {"number": number, "share_codes": listed}, show)


def _say_ended(recorded: "Recorded", as_json: bool) -> None:
    give(
        as_json,
        {"index": recorded.index},
        lambda console: console.print(
            "[bold green]✓[/] The share code opens nothing any more: "
            f"entry {recorded.index} of the journal"
        ),
    )


def _state(consent: "Consent", now: int) -> str:
    from node.flows.holder import share_code_of

    return share_code_of(consent, now).state.replace("_", " ")


def _fields_in_words(consent: "Consent") -> str:
    from node.model.credential import Field

    fields = consent.given.fields
    if len(fields) == len(Field):
        return "all fields"
    return ", ".join(field.name.lower() for field in fields)


def _content(consent: "Consent") -> dict[str, object]:
    given = consent.given
    return {
        "id": given.code_digest.hex(),
        "purpose": given.purpose.name.lower(),
        "fields": [field.name.lower() for field in given.fields],
        "uses": given.uses,
        "uses_spent": consent.uses_spent,
        "expires_at": moment(given.expires_at),
        "requester": given.requester,
    }


def _read_line() -> str:
    return sys.stdin.readline().strip()
