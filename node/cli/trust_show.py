"""`trust show`: the trust list in force at a node, now or at a time in the past."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, act
from node.cli.output import columns, give, in_words, moment, pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from node.assembly import OpenedNode
    from node.flows.past_trust import InForce
    from node.model.statement import TrustReference
    from node.model.trust import JournalKey, Node, TrustView


def show(
    context: typer.Context,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="What was in force then: 2026-11-23T09:00:00Z, or a day, which means its end.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the trust list that is in the node's trust directory, and which one was adopted.

    With --as-of, the one that this node had adopted at that time, from its archive: the nodes and
    the keys that counted then, the agreements in force, the issuers that stood.
    """
    if as_of is not None:
        _show_past(context, as_of, as_json)
        return
    from node.assembly import clock

    async def work(opened: "OpenedNode") -> "tuple[TrustView, TrustReference | None]":
        _, view = opened.trust.read()
        return view, await opened.ledger.adopted()

    view, adopted = act(context, work)
    now = clock()
    content = {
        **_content(view, None),
        "expired": view.expires_at <= now,
        "adopted": adopted == view.reference,
        "adopted_version": None if adopted is None else adopted.version,
    }
    until = in_words(view.expires_at)
    expired = f"{until}: it has expired, and nothing is asked or answered"
    rows: list[tuple[str, object]] = [
        ("Version", view.reference.version),
        ("Digest", view.reference.digest.hex()),
        ("Expires", expired if content["expired"] else until),
        ("Adopted", _adoption(view, adopted)),
        ("Seals", ", ".join(content["seals_required"])),
    ]
    give(as_json, content, lambda console: _show(console, content, rows, view.faults))


def _show_past(context: typer.Context, as_of: str, as_json: bool) -> None:
    from node.assembly import clock
    from node.flows.past_trust import PastTrust
    from node.model.moments import parse_as_of

    at = parse_as_of(as_of, "--as-of", clock())

    async def work(opened: "OpenedNode") -> "InForce":
        return await PastTrust(opened.archive, opened.trust).at(at)

    found = act(context, work)
    view, adoption, following = found.view, found.adoption, found.following
    content = {
        **_content(view, at),
        "as_of": moment(at),
        "expired": view.expires_at <= at,
        "adopted_at": moment(adoption.adopted_at),
        "adopted_position": adoption.position,
        "replaced_at": None if following is None else moment(following.adopted_at),
        "replaced_position": None if following is None else following.position,
        "replaced_by": None if following is None else following.reference.version,
    }
    replaced = "by none yet"
    if following is not None:
        replaced = (
            f"{in_words(following.adopted_at)}, by version {following.reference.version} "
            f"(journal entry {following.position})"
        )
    until = in_words(view.expires_at)
    expired = f"{until}: it had expired, and nothing was asked or answered"
    rows: list[tuple[str, object]] = [
        ("As of", in_words(at)),
        ("Version", view.reference.version),
        ("Digest", view.reference.digest.hex()),
        ("Adopted", f"{in_words(adoption.adopted_at)} (journal entry {adoption.position})"),
        ("Replaced", replaced),
        ("Expires", expired if content["expired"] else until),
        ("Seals", ", ".join(content["seals_required"])),
    ]
    give(as_json, content, lambda console: _show(console, content, rows, view.faults))


def _show(
    console: "Console",
    content: dict[str, Any],
    rows: "list[tuple[str, object]]",
    faults: "Sequence[str]",
) -> None:
    console.print(pairs(rows))
    nodes = [
        (
            one["node"],
            f"{one['authority']} (suspended)" if one["suspended"] else one["authority"],
            one["endpoint"],
            one["origin"],
            " ".join(key["key_id"] for key in one["journal_keys"]),
        )
        for one in content["nodes"]
    ]
    console.print(columns(("Node", "Authority", "Endpoint", "Journal", "Keys"), nodes))
    agreements = [
        (one["id"], one["version"], " ".join(one["parties"]), ", ".join(one["covers"]))
        for one in content["agreements"]
    ]
    console.print(columns(("Agreement", "Version", "Parties", "Covers"), agreements))
    issuers = [(one["country"], one["id"], one["name"]) for one in content["issuers"]]
    console.print(columns(("Country", "Issuer", "Name"), issuers))
    for fault in faults:
        console.print("[yellow]Note:[/] ", end="")
        console.print(fault, markup=False)


def _adoption(view: "TrustView", adopted: "TrustReference | None") -> str:
    if adopted is None:
        return "not yet; 'symbolon serve' does it"
    if adopted == view.reference:
        return "yes"
    return f"not this one yet, but version {adopted.version}"


def _content(view: "TrustView", at: int | None) -> dict[str, Any]:
    """Return what a list says; where a time is given, only what counted then."""
    agreements = {
        (agreement.id, agreement.version): agreement
        for between in view.agreements.values()
        for agreement in between
        if at is None or agreement.in_force(at)
    }
    return {
        "version": view.reference.version,
        "digest": view.reference.digest.hex(),
        "expires_at": moment(view.expires_at),
        "seals_required": sorted(_kind(kind.name) for kind in view.seals_required),
        "nodes": [_node(view, node, at) for node in view.nodes.values()],
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
        "issuers": [
            {"country": issuer.country, "id": issuer.id, "name": issuer.name}
            for issuer in view.issuers.values()
            if at is None or issuer.stands(at)
        ],
    }


def _node(view: "TrustView", node: "Node", at: int | None) -> dict[str, Any]:
    member = view.members.get(node.country)
    since = None if member is None else member.suspended_since
    return {
        "node": node.id,
        "country": node.country,
        "authority": node.authority,
        "endpoint": node.endpoint,
        "origin": node.origin,
        "suspended": since is not None and (at is None or since <= at),
        "journal_keys": [
            {
                "key_id": key.verifier.key_id.hex(),
                "kind": _kind(key.verifier.kind.name),
                "valid_from": moment(key.valid_from),
                "valid_until": None if key.valid_until is None else moment(key.valid_until),
                "retired_because": key.retired_because,
            }
            for key in node.journal_keys
            if at is None or _counts(key, at)
        ],
    }


def _counts(key: "JournalKey", at: int) -> bool:
    return key.valid_from <= at and (key.valid_until is None or at < key.valid_until)


def _kind(name: str) -> str:
    return {"MLDSA44": "ml-dsa-44"}.get(name, name.lower())
