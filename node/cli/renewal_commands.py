"""`certificate` and `journal renew-keys`: a node's own keys, renewed before they have to be."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.context import Json, act, add, add_group, replace_file, settings_of
from node.cli.join_command import Out, described_now, require_new, show_request, write_request
from node.cli.node_commands import NODE_FILE
from node.cli.output import columns, give, moment
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from node.assembly import OpenedNode
    from node.model.renewal import Handover
    from node.model.trust import Node
    from node.model.trust_files import NodeFile
    from node.settings import Settings
    from node.store.keys import JournalSeeds, WitnessSeeds

    _Seeds = JournalSeeds | WitnessSeeds

_RENEW: Final = "symbolon --data xa certificate renew --out xa.join.json"
_REASON_LENGTH_MAX: Final = 1_000
FromDays = Annotated[
    int, typer.Option(min=0, max=365, help="From when the new one counts, in days from now.")
]
OverlapDays = Annotated[
    int, typer.Option(min=0, max=365, help="How many days more the old one counts as well.")
]
AtOnce = Annotated[
    bool, typer.Option("--at-once", help="The old one was stolen: it ends now, the new one counts.")
]


def register(app: typer.Typer) -> None:
    """Add the group `certificate`."""
    certificate = add_group(
        app, "certificate", "The TLS certificate that peers know this node by.", _RENEW
    )
    add(certificate, "renew", renew_certificate, _RENEW)
    add(certificate, "show", show_certificates, "symbolon --data xa certificate show")


def renew_certificate(
    context: typer.Context,
    *,
    out: Out,
    from_days: FromDays = 3,
    overlap_days: OverlapDays = 7,
    at_once: AtOnce = False,
    as_json: Json = False,
) -> None:
    """Make the next TLS key and certificate, and a join request that lists both.

    The node presents the new one by itself from the moment at which the trust list says that it
    counts; nothing restarts. The files of an old one are deleted by the renewal after its end.
    """
    from node.assembly import clock
    from node.model.renewal import with_next_certificate
    from node.store.keys import add_certificate, delete_keys

    data, settings = settings_of(context)
    require_new(out)
    now = clock()
    handover = _handover(now, from_days, overlap_days, at_once=at_once)

    async def work(opened: "OpenedNode") -> dict[str, Any]:
        pairs, listed = opened.keys.tls, _listed(opened)
        if not at_once and not listed.accepts(pairs[-1].pin, now):
            raise _still_under_way("certificate")
        gone = [pair for pair in pairs if not listed.accepts(pair.pin, now)]
        keys = data / settings.store.keys
        fresh = add_certificate(keys, settings.node.id, moment(now))
        described = with_next_certificate(
            described_now(data, settings), fresh.listed, handover, [pair.listed for pair in gone]
        )
        content = _hand_over(data, described, out, handover)
        delete_keys(keys, gone)
        return {**content, "made": fresh.file, "deleted": [pair.file for pair in gone]}

    content = act(context, work, stating=True)
    give(as_json, content, lambda console: _show(console, content, "certificate"))


def renew_journal_keys(
    context: typer.Context,
    *,
    out: Out,
    reason: Annotated[
        str, typer.Option(help="Why the old ones are retired; it stands on the trust list.")
    ],
    witness: Annotated[
        bool,
        typer.Option("--witness", help="Instead of these, the keys that cosign peers' journals."),
    ] = False,
    from_days: FromDays = 3,
    overlap_days: OverlapDays = 7,
    at_once: AtOnce = False,
    as_json: Json = False,
) -> None:
    """Make the journal's next keys, retire the old ones, and write a join request that says so.

    Old and new keys sign side by side until the old ones end; nothing restarts. Retired keys stay
    on the trust list, so that what they signed still verifies; their files are deleted by the
    renewal after their end.
    """
    from node.assembly import clock
    from node.model.bounds import text
    from node.model.renewal import with_next_journal_keys, with_next_witness_keys
    from node.store.keys import add_journal_keys, add_witness_keys, delete_keys

    data, settings = settings_of(context)
    require_new(out)
    text(reason, "--reason", _REASON_LENGTH_MAX)
    now = clock()
    handover = _handover(now, from_days, overlap_days, at_once=at_once)
    what = "witness keys" if witness else "journal keys"

    async def work(opened: "OpenedNode") -> dict[str, Any]:
        own = opened.keys.witness if witness else opened.keys.journal
        newest_counts, gone = _look_at(opened, own, now)
        if not at_once and not newest_counts:
            raise _still_under_way(what)
        keys = data / settings.store.keys
        fresh = add_witness_keys(keys) if witness else add_journal_keys(keys)
        with_next = with_next_witness_keys if witness else with_next_journal_keys
        described = with_next(
            described_now(data, settings),
            _lines(fresh, settings),
            handover,
            reason,
            [line for seeds in gone for line in _lines(seeds, settings)],
        )
        content = _hand_over(data, described, out, handover)
        delete_keys(keys, gone)
        return {**content, "made": fresh.file, "deleted": [seeds.file for seeds in gone]}

    content = act(context, work, stating=True)
    give(as_json, content, lambda console: _show(console, content, what))


def show_certificates(context: typer.Context, as_json: Json = False) -> None:
    """Show the node's own certificates, and what the trust list in force says of each."""
    from node.assembly import clock

    async def work(opened: "OpenedNode") -> list[dict[str, Any]]:
        listed, now = _listed(opened), clock()
        entries = {one.spki_digest: one for one in listed.certificates}
        found: list[dict[str, Any]] = []
        for pair in opened.keys.tls:
            entry = entries.get(pair.pin)
            found.append(
                {
                    "file": pair.file,
                    "pin": pair.pin.hex(),
                    "not_after": pair.certificate.not_valid_after_utc,
                    "valid_from": None if entry is None else moment(entry.valid_from),
                    "valid_until": None
                    if entry is None or entry.valid_until is None
                    else moment(entry.valid_until),
                    "counts": listed.accepts(pair.pin, now),
                    "presented": False,
                }
            )
        newest = next((one for one in reversed(found) if one["counts"]), found[0])
        newest["presented"] = True
        return found

    found = act(context, work, stating=True)

    def show(console: "Console") -> None:
        rows = [
            (
                one["file"],
                one["pin"][:16],
                _day(one["valid_from"], "not listed"),
                _day(one["valid_until"], "no end"),
                _day(one["not_after"], ""),
                "presented" if one["presented"] else "",
            )
            for one in found
        ]
        heads = ("File", "SHA-256", "Listed from", "Listed until", "Made until", "")
        console.print(columns(heads, rows))

    give(as_json, {"certificates": found}, show)


def _handover(now: int, from_days: int, overlap_days: int, *, at_once: bool) -> "Handover":
    from datetime import timedelta

    from node.model.renewal import Handover

    since = moment(now).replace(microsecond=0)
    if at_once:
        return Handover(since, since)
    since += timedelta(days=from_days)
    return Handover(since, since + timedelta(days=overlap_days))


def _listed(opened: "OpenedNode") -> "Node":
    return opened.trust.view().node(opened.settings.node.id)


def _still_under_way(what: str) -> Refusal:
    return Refusal(
        Code.CONFLICT,
        f"the newest {what} does not count yet on the trust list that this node has, so one "
        "renewal is under way; 'symbolon join' writes its request again, 'symbolon trust refresh' "
        "fetches a newer list, --at-once is for stolen keys",
    )


def _look_at(
    opened: "OpenedNode", own: "Sequence[_Seeds]", now: int
) -> "tuple[bool, list[_Seeds]]":
    """Tell whether the newest of a node's own keys counts, and which sign no more."""
    from node.model.trust_entries import holds
    from node.store.keys import WitnessSeeds
    from node.store.own_keys import SIGNS_ON_US

    listed = _listed(opened)
    entries = {str(key.verifier): key for key in (*listed.journal_keys, *listed.witness_keys)}

    def counts(seeds: "_Seeds", at: int) -> bool:
        found = [entries.get(line) for line in _lines(seeds, opened.settings)]
        return all(one is not None and holds(one.valid_from, one.valid_until, at) for one in found)

    def signs(seeds: "_Seeds") -> bool:
        until = now if isinstance(seeds, WitnessSeeds) else now - SIGNS_ON_US
        return counts(seeds, now) or counts(seeds, until)

    return counts(own[-1], now) if own else False, [one for one in own if not signs(one)]


def _lines(seeds: "_Seeds", settings: "Settings") -> list[str]:
    """Return the keys of some seeds as the trust list holds them."""
    from node.store.keys import WitnessSeeds

    make = seeds.cosigners if isinstance(seeds, WitnessSeeds) else seeds.signers
    signers = make(settings.node.origin, post_quantum=settings.seals.ml_dsa_44)
    return [str(signer.verifier) for signer in signers]


def _hand_over(
    data: Path, described: "NodeFile", out: Path, handover: "Handover"
) -> dict[str, Any]:
    """Keep the new description, and write the request that hands it to the officers."""
    from node.model.federation_files import render

    written = render(described)
    replace_file(data / NODE_FILE, lambda fresh: fresh.write_bytes(written))
    content = write_request(described, out)
    return {**content, "counts_from": handover.since, "old_until": handover.until}


def _show(console: "Console", content: dict[str, Any], what: str) -> None:
    since, until = (_day(content[name], "") for name in ("counts_from", "old_until"))
    console.print(f"[bold green]✓[/] The next {what}: [bold]{content['made']}[/]")
    console.print(f"  New from {since}, old until {until}.")
    for name in content["deleted"]:
        console.print(f"  Deleted, since nobody accepts it any more: {name}")
    show_request(console, content)
    console.print(
        "Once they have signed it and the list is published, the node goes over by itself."
    )


def _day(at: "datetime | None", otherwise: str) -> str:
    return otherwise if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
