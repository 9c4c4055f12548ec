"""`trust`: the federation's key, its signed trust list, and the one in force at a node.

First form: one key signs a directory of files.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.context import (
    Json,
    act,
    add,
    add_group,
    fingerprint,
    read_root,
    replace_file,
)
from node.cli.output import columns, give, in_words, moment, pairs
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.model.note import Ed25519Signer
    from node.model.statement import TrustReference
    from node.model.trust import TrustView

_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_DAYS_MAX: Final = 3_650
_KEY_NAME: Final = "federation.symbolon/trust"
_INTERIM: Final = "First form, with one key: an update replaces it by keys of several operators."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    trust = add_group(
        app, "trust", f"The federation's trust list. {_INTERIM}", "symbolon --data xa trust show"
    )
    add(trust, "new-key", new_key, "symbolon trust new-key federation.key")
    add(trust, "sign", sign, "symbolon trust sign trust --key federation.key --days 30")
    add(trust, "show", show, "symbolon --data xa trust show")


def new_key(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the secret goes; FILE.vkey is public.")
    ],
    name: Annotated[str, typer.Option(help="Name of the key, in every signature.")] = _KEY_NAME,
    as_json: Json = False,
) -> None:
    """Make the federation's key: FILE for its operator alone, FILE.vkey for every node.

    First form, with one key: an update replaces it by keys of several operators.
    """
    from node.model.note import Ed25519Signer
    from node.store.keys import make_seed

    public = _public(file)
    if public.exists():
        raise Refusal(Code.CONFLICT, f"{public} is there already; a key is never overwritten")
    Ed25519Signer(name, bytes(32))  # refuses a wrong name before anything is written
    verifier = Ed25519Signer(name, make_seed(file)).verifier
    public.write_text(f"{verifier}\n", "ascii")
    public.chmod(0o644)  # every node reads it, under whatever user it runs
    content = {
        "secret": str(file),
        "public": str(public),
        "verifier": str(verifier),
        "fingerprint": fingerprint(verifier).replace(" ", ""),
    }
    rows: list[tuple[str, object]] = [
        ("Secret", f"{file} (keep it offline; who has it makes trust lists)"),
        ("Public", f"{public} (for every node: symbolon init --root)"),
        ("Fingerprint", fingerprint(verifier)),
    ]

    def show_key(console: "Console") -> None:
        console.print(f"[bold green]✓[/] Key [bold]{name}[/] is made")
        console.print(pairs(rows))

    give(as_json, content, show_key)


def sign(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIRECTORY",
            exists=True,
            file_okay=False,
            help="Holds nodes/*/node.json, agreements/*.json, policy.json; gets list.note.",
        ),
    ],
    key: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The federation's secret key.")
    ],
    version: Annotated[
        int | None, typer.Option(min=1, help="Version of the list.", show_default="last + 1")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=_DAYS_MAX, help="Days until it expires.")] = 30,
    as_json: Json = False,
) -> None:
    """Check a trust list directory and sign it.

    First form, with one key: an update replaces it by keys of several operators.
    """
    from node.assembly import clock
    from node.model.trust import LIST_NAME, compose, resolve

    signer = _signer(key)
    last = _last_version(directory, signer)
    if version is not None and version <= last:
        raise Refusal(
            Code.CONFLICT,
            f"--version: {version} is not above {last}, and nodes never go back; "
            "leave it out to take the next",
        )
    note = directory / LIST_NAME
    files = {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*.json"))
    }
    _require_only_ours(files)
    now = clock()
    bundle = compose(files, version or last + 1, now, now + days * _DAY_US, signer)
    view = resolve(bundle, signer.verifier)
    replace_file(note, lambda fresh: fresh.write_bytes(bundle.note))
    note.chmod(0o644)  # it is public, and other users' nodes read it

    def show_list(console: "Console") -> None:
        console.print(
            f"[bold green]✓[/] Trust list version [bold]{view.reference.version}[/] is signed: "
            f"{len(view.nodes)} nodes, {len(files)} files"
        )
        console.print(f"  It counts until {in_words(view.expires_at)}.")

    give(as_json, {"list": str(note), **_content(view)}, show_list)


def show(context: typer.Context, as_json: Json = False) -> None:
    """Show the trust list that is in the node's trust directory, and which one was adopted."""
    from node.assembly import clock

    async def work(opened: "OpenedNode") -> "tuple[TrustView, TrustReference | None]":
        _, view = opened.trust.read()
        return view, await opened.ledger.adopted()

    view, adopted = act(context, work)
    expired = view.expires_at <= clock()
    content = {
        **_content(view),
        "expired": expired,
        "adopted": adopted == view.reference,
        "adopted_version": None if adopted is None else adopted.version,
    }

    def show_list(console: "Console") -> None:
        until = in_words(view.expires_at)
        rows: list[tuple[str, object]] = [
            ("Version", view.reference.version),
            ("Digest", view.reference.digest.hex()),
            ("Issued", in_words(view.issued_at)),
            ("Expires", f"{until}: it has expired, and nothing is asked or answered")
            if expired
            else ("Expires", until),
            ("Adopted", _adoption(view, adopted)),
            ("Seals", ", ".join(content["seals_required"])),
        ]
        console.print(pairs(rows))
        nodes = [
            (node.id, node.authority, node.endpoint, node.origin) for node in view.nodes.values()
        ]
        console.print(columns(("Node", "Authority", "Endpoint", "Journal"), nodes))
        agreements = [
            (entry["id"], entry["version"], " ".join(entry["parties"]), ", ".join(entry["covers"]))
            for entry in content["agreements"]
        ]
        console.print(columns(("Agreement", "Version", "Parties", "Covers"), agreements))

    give(as_json, content, show_list)


def _adoption(view: "TrustView", adopted: "TrustReference | None") -> str:
    if adopted is None:
        return "not yet; 'symbolon serve' does it"
    if adopted == view.reference:
        return "yes"
    return f"not this one yet, but version {adopted.version}"


def _content(view: "TrustView") -> dict[str, Any]:
    agreements = {
        (agreement.id, agreement.version): agreement
        for between in view.agreements.values()
        for agreement in between
    }
    return {
        "version": view.reference.version,
        "digest": view.reference.digest.hex(),
        "issued_at": moment(view.issued_at),
        "expires_at": moment(view.expires_at),
        "seals_required": sorted(
            {"MLDSA44": "ml-dsa-44"}.get(kind.name, kind.name.lower())
            for kind in view.seals_required
        ),
        "nodes": [
            {
                "node": node.id,
                "country": node.country,
                "authority": node.authority,
                "endpoint": node.endpoint,
                "origin": node.origin,
            }
            for node in view.nodes.values()
        ],
        "agreements": [
            {
                "id": agreement.id,
                "version": agreement.version,
                "parties": sorted(agreement.parties),
                "covers": [purpose.name.lower() for purpose in sorted(agreement.purposes)],
            }
            for agreement in agreements.values()
        ],
    }


def _public(file: Path) -> Path:
    return file.with_name(f"{file.name}.vkey")


def _signer(file: Path) -> "Ed25519Signer":
    """Read the federation's secret key; its name stands in the public one beside it."""
    from node.model.note import Ed25519Signer
    from node.store.keys import read_seed

    verifier = read_root(_public(file))
    signer = Ed25519Signer(verifier.name, read_seed(file))
    if signer.verifier != verifier:
        raise Refusal(Code.CONFLICT, f"{file} and {_public(file)} are not of one key")
    return signer


def _last_version(directory: Path, signer: "Ed25519Signer") -> int:
    from node.model.trust import LIST_NAME, TrustBundle, resolve

    note = directory / LIST_NAME
    if not note.exists():
        return 0
    try:
        return resolve(TrustBundle(note.read_bytes(), {}), signer.verifier).reference.version
    except Refusal as refusal:
        raise Refusal(
            refusal.code, f"{note}: is not a list that this key signed ({refusal.reason})"
        ) from None


def _require_only_ours(files: dict[str, bytes]) -> None:
    from pathlib import PurePosixPath

    known = ("nodes/*/node.json", "agreements/*.json", "policy.json")
    strange = [
        path
        for path in files
        if not any(
            len(PurePosixPath(path).parts) == shape.count("/") + 1
            and PurePosixPath(path).match(shape)
            for shape in known
        )
    ]
    if strange:
        raise Refusal(
            Code.MALFORMED,
            f"DIRECTORY: holds {', '.join(sorted(strange)[:5])}; only {', '.join(known)} "
            "belong on a trust list",
        )
    if not any(path.startswith("nodes/") for path in files):
        raise Refusal(
            Code.MALFORMED, "DIRECTORY: holds no node; put each one's at nodes/<id>/node.json"
        )
