"""Cases across the border: opening one, answering one, and who has to do what until when."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.context import Json, act, add, add_group, read_bounded, replace_file
from node.cli.output import columns, give, in_words, pairs, words
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.case_ports import HeldStep
    from node.flows.casework import Actor, CaseView, Enclosure

CASE: Final = "3f9a2c71"
Case = Annotated[str, typer.Argument(metavar="CASE", help="Id of the case, or how it begins.")]
Text = Annotated[
    Path | None, typer.Option("--text", help="File with what is said in words (UTF-8).")
]
Documents = Annotated[
    list[str] | None,
    typer.Option(
        "--document", help="A kind and a file, like experience=letter.pdf; as often as needed."
    ),
]
As = Annotated[
    str, typer.Option("--as", help="In whose name: person, employer or authority.", metavar="ROLE")
]


def register(app: typer.Typer) -> None:
    """Add the group `case`."""
    line = "symbolon --data xa case"
    group = add_group(
        app, "case", "Contests, appeals and recognition across the border.", f"{line} list"
    )
    about = "--text why.txt --route crafts --as person"
    add(
        group,
        "open",
        open_case,
        f"{line} open contest --verification 00000000000000a1… {about}",
        f"{line} open recognition --credential XB-2019-000001 --node XB --here {about}",
    )
    add(group, "list", list_cases, f"{line} list", f"{line} list --due --json")
    add(group, "show", show_case, f"{line} show {CASE}")
    add(group, "acknowledge", acknowledge, f"{line} acknowledge {CASE}")
    add(group, "ask-documents", ask_documents, f"{line} ask-documents {CASE} experience identity")
    add(
        group,
        "attach",
        attach,
        f"{line} attach {CASE} --document experience=letter.pdf --as person",
    )
    add(group, "extend", extend, f'{line} extend {CASE} --ground "Article 4d(3)" --text why.txt')
    add(
        group,
        "decide",
        decide,
        f'{line} decide {CASE} granted --ground "Article 9(2)" --text decision.txt',
    )
    add(group, "appeal", appeal, f"{line} appeal {CASE} --text why.txt --as person")
    add(group, "withdraw", withdraw, f"{line} withdraw {CASE} --as person")
    add(group, "documents", documents, f"{line} documents {CASE} --out letters")
    add(group, "erase", erase, f'{line} erase {CASE} --rule "Art. 17(1)(a) GDPR" --yes')


def open_case(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="contest, appeal or recognition.")],
    *,
    text: Annotated[Path, typer.Option("--text", help="File that says why (UTF-8).")],
    verification: Annotated[
        str, typer.Option("--verification", help="Id of an answered verification of this node.")
    ] = "",
    credential: Annotated[str, typer.Option("--credential", help="Or a credential's number,")] = "",
    node_id: Annotated[str, typer.Option("--node", help="and the other country's node.")] = "",
    here: Annotated[
        bool, typer.Option("--here", help="The authority of this node decides; else the other's.")
    ] = False,
    route: Annotated[
        str, typer.Option("--route", help="Route of the agreement, for its time limits.")
    ] = "",
    agreement: Annotated[
        str, typer.Option("--agreement", help="Id of the agreement; else the one in force.")
    ] = "",
    document: Documents = None,
    role: As = "authority",
    as_json: Json = False,
) -> None:
    """Open a case: contest an answer, appeal against a verdict, or apply for recognition.

    What is said in words and the documents stand beside the journal, which holds their digests
    only. The node sends them, encrypted, to the authority of the other country.
    """
    from node.flows.casework import NewCase
    from node.model.case_bodies import CaseKind

    new = NewCase(
        kind=_member(CaseKind, kind, "kind"),
        text=_text(text),
        verification=verification,
        credential=credential,
        peer=node_id,
        here=here,
        route=route,
        agreement=agreement,
        documents=_enclosures(document),
    )
    actor = _actor(role)
    _show(act(context, lambda node: node.casework.open(actor, new), stating=True), as_json)


def list_cases(
    context: typer.Context,
    *,
    due: Annotated[
        bool, typer.Option("--due", help="Only those with a time limit near or passed here.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show all cases of this node, or what is due."""
    from node.flows.casework import OFFICER

    async def work(node: "OpenedNode") -> "list[CaseView]":
        views = await node.casework.cases(OFFICER)
        if not due:
            return views
        wanted = {one.case for one in await node.casework.reminders()}
        return [view for view in views if view.held.case in wanted]

    views = act(context, work)

    def show(console: "Console") -> None:
        rows = [
            (
                view.held.case.hex()[:12],
                words(view.progress.opening.kind.name),
                view.held.peer,
                view.progress.decider,
                in_words(view.held.steps[0].taken.said_at),
                _stands(view),
                _next(view),
            )
            for view in views
        ]
        headings = ("Case", "Kind", "With", "Decides", "Opened", "Stands", "Until")
        console.print(columns(headings, rows))

    give(as_json, {"cases": [summary(view) for view in views]}, show)


def show_case(context: typer.Context, case: Case, as_json: Json = False) -> None:
    """Show a case: its timeline, its time limits, and what has been said."""
    from node.flows.casework import OFFICER

    async def work(node: "OpenedNode") -> "tuple[CaseView, list[str]]":
        view = await node.casework.find(OFFICER, case)
        texts = [
            (await node.casework.part(OFFICER, view.held.case, one.part.digest)).decode(
                "utf-8", "replace"
            )
            for one in view.held.parts
            if one.here and one.part.word in {"text", "credential"}
        ]
        return view, texts

    view, texts = act(context, work)
    _show(view, as_json, texts)


def acknowledge(
    context: typer.Context, case: Case, text: Text = None, as_json: Json = False
) -> None:
    """Say that a case has come and is being looked at."""
    _step(context, case, "acknowledged", "authority", as_json=as_json, text=text)


def ask_documents(
    context: typer.Context,
    case: Case,
    kinds: Annotated[list[str], typer.Argument(help="Kinds of documents, as in the agreement.")],
    text: Text = None,
    as_json: Json = False,
) -> None:
    """Ask for documents: those that the agreement lists for its route, and no others."""
    _step(
        context,
        case,
        "documents_asked",
        "authority",
        as_json=as_json,
        text=text,
        wanted=tuple(kinds),
    )


def attach(
    context: typer.Context,
    case: Case,
    *,
    document: Documents = None,
    text: Text = None,
    role: As = "authority",
    as_json: Json = False,
) -> None:
    """Supply documents, asked for or not."""
    _step(
        context,
        case,
        "documents_supplied",
        role,
        as_json=as_json,
        text=text,
        documents=_enclosures(document),
    )


def extend(
    context: typer.Context,
    case: Case,
    ground: Annotated[str, typer.Option(help="What allows it, like Article 4d(3).")],
    text: Text = None,
    as_json: Json = False,
) -> None:
    """Take more time to decide: once, and as much as the agreement gives."""
    _step(context, case, "extended", "authority", as_json=as_json, text=text, ground=ground)


def decide(
    context: typer.Context,
    case: Case,
    ruling: Annotated[str, typer.Argument(help="granted, partly-granted or refused.")],
    *,
    ground: Annotated[str, typer.Option(help="What it rests on, like Article 9(2).")],
    text: Annotated[Path, typer.Option("--text", help="File with the reasons (UTF-8).")],
    document: Documents = None,
    as_json: Json = False,
) -> None:
    """Decide a case, or an appeal."""
    from node.model.case_bodies import Ruling

    _step(
        context,
        case,
        "decided",
        "authority",
        as_json=as_json,
        text=text,
        ground=ground,
        ruling=_member(Ruling, ruling, "ruling"),
        documents=_enclosures(document),
    )


def appeal(
    context: typer.Context,
    case: Case,
    *,
    text: Annotated[Path, typer.Option("--text", help="File that says why (UTF-8).")],
    document: Documents = None,
    role: As = "person",
    as_json: Json = False,
) -> None:
    """Appeal against a decision, or against silence where the agreement says that one may."""
    enclosed = _enclosures(document)
    _step(context, case, "appealed", role, as_json=as_json, text=text, documents=enclosed)


def withdraw(
    context: typer.Context, case: Case, role: As = "person", as_json: Json = False
) -> None:
    """Withdraw a case that is not decided."""
    _step(context, case, "withdrawn", role, as_json=as_json)


def documents(
    context: typer.Context,
    case: Case,
    out: Annotated[
        Path | None, typer.Option("--out", help="Directory to write them to; else a list.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the texts and documents of a case, or write them to files."""
    from node.flows.casework import OFFICER

    async def work(node: "OpenedNode") -> "tuple[CaseView, dict[str, bytes]]":
        view = await node.casework.find(OFFICER, case)
        contents = {}
        for number, one in enumerate(view.held.parts, 1):
            if one.here and out is not None:
                name = f"{number:03}-{one.part.word}"
                contents[name] = await node.casework.part(OFFICER, view.held.case, one.part.digest)
        return view, contents

    view, contents = act(context, work)
    if out is not None:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in contents.items():
            replace_file(out / name, partial(_write, content))

    def show(console: "Console") -> None:
        rows = [
            (one.part.word, f"{one.part.size_bytes:,}", _whereabouts(view, here=one.here))
            for one in view.held.parts
        ]
        console.print(columns(("Kind", "Bytes", "Is"), rows))
        if out is not None:
            console.print(f"{len(contents)} written to {out}", markup=False)

    give(as_json, {**summary(view), "written": sorted(contents)}, show)


def erase(
    context: typer.Context,
    case: Case,
    *,
    rule: Annotated[str, typer.Option(help="What demands it: the law, or the decision.")],
    yes: Annotated[bool, typer.Option("--yes", help="Erase; nothing brings it back.")] = False,
    as_json: Json = False,
) -> None:
    """Erase the texts and documents of a case that is over, here and at the other node.

    The steps stay in both journals: they name nobody.
    """
    if not yes:
        raise Refusal(Code.MALFORMED, "--yes: say that it is meant; nothing brings it back")
    _step(context, case, "erased", "authority", as_json=as_json, ground=rule)


# --- what they share -----------------------------------------------------------------------


def _step(
    context: typer.Context,
    case: str,
    kind: str,
    role: str,
    *,
    as_json: bool,
    text: Path | None = None,
    **said: Any,  # noqa: ANN401 - the fields of a NewStep
) -> None:
    from node.flows.casework import OFFICER, NewStep
    from node.model.case_bodies import StepKind

    new: NewStep = NewStep(StepKind[kind.upper()], text="" if text is None else _text(text), **said)
    actor = _actor(role)

    async def work(node: "OpenedNode") -> "CaseView":
        found = await node.casework.find(OFFICER, case)
        return await node.casework.act(actor, found.held.case, new)

    _show(act(context, work, stating=True), as_json)


def _actor(role: str) -> "Actor":
    from node.flows.casework import Actor
    from node.model.case_bodies import Author

    return Actor(_member(Author, role, "--as"))


def _member(kinds: Any, name: str, what: str) -> Any:  # noqa: ANN401 - an enumeration and its member
    found = kinds.__members__.get(name.upper().replace("-", "_"))
    if found is None:
        known = ", ".join(one.lower().replace("_", "-") for one in kinds.__members__)
        raise Refusal(Code.MALFORMED, f"{what}: {name} is not known; known are {known}")
    return found


def _text(path: Path) -> str:
    try:
        return _content(path).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, f"{path}: is no UTF-8 text") from None


def _content(path: Path) -> bytes:
    from node.model.case_bodies import PART_SIZE_MAX_BYTES

    return read_bounded(path, PART_SIZE_MAX_BYTES)


def _enclosures(given: Sequence[str] | None) -> "tuple[Enclosure, ...]":
    from node.flows.casework import Enclosure

    found = []
    for one in given or ():
        word, equals, path = one.partition("=")
        if not equals:
            raise Refusal(Code.MALFORMED, f"--document: {one} is no kind=file")
        found.append(Enclosure(word, _content(Path(path))))
    return tuple(found)


def _show(view: "CaseView", as_json: bool, texts: Sequence[str] = ()) -> None:
    def show(console: "Console") -> None:
        opening = view.progress.opening
        rows = [
            ("Case", view.held.case.hex()),
            ("Kind", words(opening.kind.name)),
            ("With", view.held.peer),
            ("Decides", opening.decider),
            ("Agreement", f"{opening.agreement} version {opening.version} {opening.route}".strip()),
            ("Stands", _stands(view)),
        ]
        rows += [(words(one.clock), _limit(one.on, one.clause)) for one in view.standing.limits]
        console.print(pairs(rows))
        headings = ("", "When", "Who", "Step", "Ground", "On its way")
        console.print(columns(headings, [_row(one) for one in view.held.steps]))
        for text in texts:
            console.print(text, markup=False)

    give(as_json, {**summary(view), "texts": list(texts)}, show)


def _row(step: "HeldStep") -> tuple[object, ...]:
    said = step.taken.step
    what = words(said.kind.name)
    if said.ruling is not None:
        what = f"{what}: {said.ruling.name.lower().replace('_', ' ')}"
    if said.wanted:
        what = f"{what}: {', '.join(said.wanted)}"
    who = f"{said.author.name.lower()}, {step.taken.speaker}"
    way = step.told or ("" if step.settled else "not received yet")
    return step.number or "-", in_words(step.taken.said_at), who, what, said.ground, way


def _stands(view: "CaseView") -> str:
    now = view.standing
    if now.ruling is None:
        return "no decision in time; may be appealed" if now.silent else words(now.phase)
    ruling = words(now.ruling.name).lower()
    how = "by silence: " if now.by_silence else f"{words(now.phase)}: "
    return how + ruling


def _next(view: "CaseView") -> str:
    return "; ".join(f"{one.clock} {one.on or 'not known'}" for one in view.standing.limits)


def _limit(on: object, clause: str) -> str:
    return f"{on or 'not known: the calendar ends before'} ({clause})"


def _write(content: bytes, fresh: Path) -> None:
    fresh.write_bytes(content)


def _whereabouts(view: "CaseView", *, here: bool) -> str:
    if here:
        return "here"
    return "erased" if view.progress.erased else "on its way"


def summary(view: "CaseView") -> Mapping[str, Any]:
    """Return a case as JSON has it, without what was said in words."""
    import msgspec

    from node.edge.case_bodies import case_body

    found: Mapping[str, Any] = msgspec.to_builtins(case_body(view))
    return found
