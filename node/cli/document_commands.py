"""`document`: credentials as open documents: exported, and verified offline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from node.cli.context import (
    Json,
    Number,
    act,
    add,
    add_group,
    caller,
    read_bounded,
    replace_file,
    settings_of,
)
from node.cli.journal_reading import Ground, Role, reader
from node.cli.life_commands import person
from node.cli.output import columns, give
from node.cli.verdicts import COLOURS
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.documents.verify import Known, Verified

_SIZE_MAX_BYTES: Final = 2 << 20
_STATUS: Final = {"PASS": 0, "FAIL": 1, "INDETERMINATE": 4}
FormatName = Literal["vc", "ob3", "vc-jwt", "sd-jwt-vc", "europass"]
SuiteName = Literal["eddsa-rdfc-2022", "eddsa-jcs-2022"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    own = "symbolon --data xa document"
    document = add_group(
        app,
        "document",
        "Credentials as open documents: W3C VC 2.0, Open Badges 3.0, SD-JWT VC, Europass.",
        f"{own} export XA-2019-000001 --as vc --for 'Asked for by the holder' --out award.json",
    )
    add(
        document,
        "export",
        export,
        f"{own} export XA-2019-000001 --as ob3 --for 'Asked for by the holder' --out award.json",
        f"{own} export XA-2019-000001 --as sd-jwt-vc --holder-key wallet.jwk --for 'Wallet' "
        "--out award.sd-jwt",
    )
    add(
        document,
        "verify",
        verify,
        "symbolon document verify award.json --did-document did.json --status-list revoked.json",
    )
    add(document, "did-document", did_document, f"{own} did-document --out did.json")
    add(document, "status-list", status_list, f"{own} status-list revocation --out revoked.json")
    add(document, "new-key", new_key, f"{own} new-key")


def export(
    context: typer.Context,
    number: Number,
    *,
    kind: Annotated[FormatName, typer.Option("--as", help="The format.")],
    ground: Ground,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE", help="Where it goes.")],
    suite: Annotated[
        SuiteName, typer.Option(help="How vc and ob3 are signed (Data Integrity cryptosuite).")
    ] = "eddsa-rdfc-2022",
    holder_key: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="JWK",
            help="Public key of the holder's wallet, which alone can show the sd-jwt-vc.",
        ),
    ] = None,
    role: Role = "",
    as_json: Json = False,
) -> None:
    """Write a credential as an open document that others verify without this node.

    It is the holder's: hand it to nobody else. Who took it and what for is journalled first. The
    document names status lists, where readers see at once when the credential is revoked or
    suspended. A file for Europass is unsigned; Europass seals what it imports. It takes a
    registrar, where the settings name any.
    """

    async def work(node: "OpenedNode") -> bytes:
        from node.assembly import documents

        made = documents(caller(context).data, node)
        from node.documents.data_integrity import Suite
        from node.documents.shapes import Format
        from node.documents.strict_json import read_object
        from node.flows.documents import Wanted

        bound_to = None if holder_key is None else read_object(_read(holder_key), "--holder-key")
        _ensure_key(caller(context).data / node.settings.store.keys)
        wanted = Wanted(
            number,
            Format(kind),
            reader(role),
            ground,
            Suite(suite),
            bound_to,
            person(role or "registrar"),
        )
        return await made.export(wanted)

    content = act(context, work, stating=True)
    replace_file(out, lambda fresh: fresh.write_bytes(content))
    give(
        as_json,
        {"file": str(out), "format": kind, "size_bytes": len(content)},
        lambda console: console.print(f"[bold green]✓[/] {kind}: {len(content):,} bytes written"),
    )


def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The document.")
    ],
    *,
    did_documents: Annotated[
        list[Path] | None,
        typer.Option(
            "--did-document",
            exists=True,
            dir_okay=False,
            help="DID document of an issuer you trust; may be repeated.",
        ),
    ] = None,
    status_lists: Annotated[
        list[Path] | None,
        typer.Option(
            "--status-list",
            exists=True,
            dir_okay=False,
            help="Status list that the document names; may be repeated.",
        ),
    ] = None,
    audience: Annotated[
        str | None, typer.Option(help="Whom the holder must have shown it to (aud, domain).")
    ] = None,
    nonce: Annotated[
        str | None, typer.Option(help="What the holder was given to show it with.")
    ] = None,
    at: Annotated[
        str, typer.Option(help="Verify as of this time, RFC 3339.", show_default="now")
    ] = "",
    presentation: Annotated[
        bool, typer.Option("--presentation", help="FILE is a W3C verifiable presentation.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify a document of any format, offline: form, contexts, issuer, signature, time, status.

    Nothing is fetched. Exit status 1 where a check fails, 4 where one could not be made because
    the issuer's DID document or a status list is not at hand.
    """
    _require_extra()
    from node.documents.verify import verify as verify_credential
    from node.documents.verify import verify_presentation

    known = _known(did_documents or [], status_lists or [], at, audience, nonce)
    check = verify_presentation if presentation else verify_credential
    found = check(_read(file), known)
    give(as_json, _content(found), lambda console: _show(console, found))
    if found.verdict.value != "PASS":
        raise typer.Exit(_STATUS[found.verdict.value])


def did_document(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE", help="Where it goes.")],
    as_json: Json = False,
) -> None:
    """Write this node's DID document: the keys that readers verify its documents with."""

    async def work(node: "OpenedNode") -> bytes:
        import json

        from node.assembly import documents

        return json.dumps(documents(caller(context).data, node).did_document(), indent=1).encode()

    _write(out, act(context, work), as_json=as_json)


def status_list(
    context: typer.Context,
    purpose: Annotated[
        Literal["revocation", "suspension"], typer.Argument(metavar="PURPOSE", help="Which list.")
    ],
    *,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE", help="Where it goes.")],
    number: Annotated[int, typer.Option("--list", min=0, help="Which one of them.")] = 0,
    as_json: Json = False,
) -> None:
    """Write a status list as it is now, for readers without a network."""

    async def work(node: "OpenedNode") -> bytes:
        from node.assembly import documents

        made = documents(caller(context).data, node)
        from node.documents.status_list import StatusPurpose

        return await made.status_list(number, StatusPurpose(purpose))

    _write(out, act(context, work), as_json=as_json)


def new_key(context: typer.Context, as_json: Json = False) -> None:
    """Make the key that signs documents from now on; a running node sees it at once.

    Keys made before stay in the DID document, so that what they signed still verifies. One that
    somebody else may have is taken out by deleting its file: then nothing it signed verifies.
    """
    data, settings = settings_of(context)
    from node.store.keys import add_document_key

    name = add_document_key(data / settings.store.keys)
    give(as_json, {"key": name}, lambda console: console.print(f"[bold green]✓[/] {name} signs"))


def _ensure_key(directory: Path) -> None:
    from node.store.keys import add_document_key, read_document_keys

    if not read_document_keys(directory):
        add_document_key(directory)


def _write(out: Path, content: bytes, *, as_json: bool) -> None:
    replace_file(out, lambda fresh: fresh.write_bytes(content))
    give(
        as_json,
        {"file": str(out), "size_bytes": len(content)},
        lambda console: console.print(f"[bold green]✓[/] {len(content):,} bytes written"),
    )


def _require_extra() -> None:
    from importlib.util import find_spec

    if not all(find_spec(name) for name in ("joserfc", "pyld", "rfc8785")):
        raise Refusal(Code.MALFORMED, "document: install symbolon[documents]")


def _read(path: Path) -> bytes:
    return read_bounded(path, _SIZE_MAX_BYTES)


def _known(
    did_documents: list[Path],
    status_lists: list[Path],
    at: str,
    audience: str | None,
    nonce: str | None,
) -> "Known":
    from node.assembly import clock
    from node.documents.did import read_did_document
    from node.documents.strict_json import read_object
    from node.documents.verify import Known
    from node.model.moments import parse_moment

    keys = {}
    for path in did_documents:
        keys.update(read_did_document(_read(path))[1])
    lists = {}
    for path in status_lists:
        content = _read(path)
        lists[str(read_object(content, "--status-list").get("id"))] = content
    now = parse_moment(at, "--at") if at else clock()
    return Known(keys, now, lists, audience, nonce)


def _content(found: "Verified") -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "format": found.format,
        "issuer": found.issuer,
        "findings": [
            {
                "check": finding.check.value,
                "verdict": finding.verdict.value,
                "reason": finding.sentence,
            }
            for finding in found.findings
        ],
    }


def _show(console: "Console", found: "Verified") -> None:
    from rich.text import Text

    rows = [
        (
            Text(one.verdict.value, f"bold {COLOURS[one.verdict.value]}"),
            one.check.value,
            one.sentence,
        )
        for one in found.findings
    ]
    if found.issuer:
        console.print(f"Issuer: {found.issuer}", markup=False)
    console.print(columns(("Verdict", "Check", "What was found"), rows))
    console.print(Text(found.verdict.value, f"bold {COLOURS[found.verdict.value]}"))
