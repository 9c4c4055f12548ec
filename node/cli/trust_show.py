"""`trust show`: the trust list in force at a node."""

from typing import TYPE_CHECKING, Any

import typer

from node.cli.context import Json, act
from node.cli.output import columns, give, in_words, moment, pairs

if TYPE_CHECKING:
    from rich.console import Console

    from node.assembly import OpenedNode
    from node.model.statement import TrustReference
    from node.model.trust import TrustView


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
        for fault in view.faults:
            console.print("[yellow]Note:[/] ", end="")
            console.print(fault, markup=False)

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
        "faults": view.faults,
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
