"""`holder`: tokens for holders, what they complain about, and their records checked."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import holder_view
from node.cli.context import (
    Json,
    Number,
    Root,
    act,
    add,
    add_group,
    own_root,
    read_bounded,
    read_root,
)
from node.cli.life_commands import person
from node.cli.output import columns, give, in_words, moment, pairs
from node.cli.verdicts import end_with, show_report
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.flows.holder_ports import Held


def register(app: typer.Typer) -> None:
    """Add the commands."""
    own, token = "symbolon --data xa holder", "symbolon --data xa holder token XA-2019-000001"
    holder = add_group(app, "holder", "The holder's own view, and the tokens that open it.", token)
    add(holder, "token", give_token, token, f"{token} --minutes 10 --only --out token.txt")
    add(holder, "tokens", list_tokens, f"{own} tokens")
    add(holder, "revoke-token", revoke_token, f"{own} revoke-token 9f3c02aa71be")
    add(holder, "contests", contests, f"{own} contests")
    add(
        holder,
        "verify",
        verify,
        f"{own} verify record.json",
        "symbolon holder verify record.json --root root.json",
    )
    holder_view.register(holder)


def give_token(
    context: typer.Context,
    number: Number,
    *,
    minutes: Annotated[int, typer.Option(help="How long it counts, at most a day.")] = 30,
    only: Annotated[
        bool, typer.Option("--only", help="For this credential only, not all of its holder's.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write the token here, for its owner only to read."),
    ] = None,
    role: Annotated[
        str, typer.Option("--as", help="Your role in this; it is journalled.")
    ] = "registrar",
    as_json: Json = False,
) -> None:
    """Give a holder a token for their own view, once you have seen who they are.

    The date of birth is typed at a prompt or comes in on standard input: never as an argument,
    where others on the machine could read it. The token is shown once; the node keeps its digest
    only. Look at which credentials it opens: two people may share a name and a date of birth.
    """
    from node.store.keys import write_secret

    if out is not None and out.exists():
        raise Refusal(Code.CONFLICT, f"--out: {out} is there already; it is never overwritten")
    born = _birth_date()
    held, token = act(
        context,
        lambda node: node.holding.entrusting.issue(
            number, born, person(role), minutes=minutes, only=only
        ),
        stating=True,
    )
    content = _content(held)
    if out is not None:
        write_secret(out, f"{token}\n".encode())
        content["out"] = str(out)
    else:
        content["token"] = token

    def show(console: "Console") -> None:
        if out is None:
            console.print(f"\n  [bold cyan]{token}[/]\n", soft_wrap=True)
        rows: list[tuple[str, object]] = [("Opens", one) for one in held.credentials]
        rows += [
            ("Until", in_words(held.expires_at)),
            ("Id", held.id),
            ("Token", "" if out is None else out),
        ]
        console.print(pairs(rows))
        console.print("\nFor the holder only. It is not shown again.")

    give(as_json, content, show)


def list_tokens(context: typer.Context, as_json: Json = False) -> None:
    """List the tokens that holders have, without the tokens themselves."""
    held = act(context, lambda node: node.holding.entrusting.list())

    def show(console: "Console") -> None:
        if not held:
            console.print("There are no tokens.")
            return
        rows = [
            (
                one.id,
                ", ".join(one.credentials),
                in_words(one.created_at),
                in_words(one.expires_at),
                "" if one.revoked_at is None else in_words(one.revoked_at),
            )
            for one in held
        ]
        console.print(columns(("Id", "Opens", "Given", "Until", "Revoked"), rows))

    give(as_json, {"tokens": [_content(one) for one in held]}, show)


def revoke_token(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As 'holder tokens' shows it.")],
    as_json: Json = False,
) -> None:
    """Revoke a holder's token: it counts no more at once."""
    act(context, lambda node: node.holding.entrusting.revoke(token_id))
    give(
        as_json,
        {"id": token_id},
        lambda console: console.print(f"[bold green]✓[/] Token {token_id} counts no more"),
    )


def contests(context: typer.Context, as_json: Json = False) -> None:
    """List what holders said is wrong, the oldest first."""
    from msgspec import to_builtins

    from node.flows.holder import contest_of

    found = act(context, lambda node: node.holding.holders.contests(None))
    listed = [to_builtins(contest_of(one)) for one in found]

    def show(console: "Console") -> None:
        if not found:
            console.print("Nobody has contested anything.")
            return
        rows = [
            (
                one.index,
                in_words(one.raised_at),
                one.credential,
                one.complaint.replace("_", " "),
                "" if one.entry is None else one.entry,
                one.text,
            )
            for one in found
        ]
        console.print(columns(("Entry", "Raised", "Credential", "What", "About", "Text"), rows))

    give(as_json, {"contests": listed}, show)


def verify(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The record.")
    ],
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check a holder's record, with nothing but the federation's root.

    Exit status 0 for PASS, 1 for FAIL, 4 where a check could not be made.
    """
    from node.audit.findings import render_json
    from node.audit.record import check_record
    from node.wire.record import RECORD_SIZE_MAX_BYTES

    data = read_bounded(file, RECORD_SIZE_MAX_BYTES)
    checked = check_record(data, read_root(root or own_root(context)))
    record = checked.record
    facts = None
    if record is not None:
        facts = {
            "node": record.node,
            "authority": record.authority,
            "made_at": record.made_at,
            "credentials": [one.get("number") for one in record.credentials],
            "accesses": len(record.accesses),
        }

    def show(console: "Console") -> None:
        if facts is not None:
            console.print(pairs([(name.replace("_", " "), str(facts[name])) for name in facts]))
        show_report(console, checked.report)

    give(as_json, {**render_json(checked.report), "facts": facts}, show)
    end_with(checked.report.verdict)


def _birth_date() -> date:
    asked = "Date of birth (YYYY-MM-DD)"
    text = typer.prompt(asked, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refusal(Code.MALFORMED, "date of birth: must be a date, YYYY-MM-DD") from None


def _content(held: "Held") -> dict[str, object]:
    return {
        "id": held.id,
        "credentials": list(held.credentials),
        "created_at": moment(held.created_at),
        "expires_at": moment(held.expires_at),
        "revoked_at": None if held.revoked_at is None else moment(held.revoked_at),
    }
