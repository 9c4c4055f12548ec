"""Adopting a newer trust list.

1. read it and check it against the trusted root; this node must be on it
2. never go back: a lower version, or the same version with other content, is refused, unless a
   newer root vouches for it (the federation recovers from a stolen snapshot key)
3. journal TrustAdopted, with the list itself for the archive
4. publish it to every reader at once
"""

import asyncio
from typing import Final

from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.ports import AdoptedList, Clock, Draft, Ledger, Trust
from node.model.statement import Statement, TrustAdopted
from node.model.trust import TrustBundle, TrustView, newest_root_version
from node.wire.codec import encode_statement

RESTORED_COUNTS_FOR_US: Final = 24 * 60 * 60 * 1_000_000


async def adopt_trust(ledger: Ledger, trust: Trust, node: str, clock: Clock) -> bool:
    """Adopt the trust list that is there; returns whether it is a new one.

    Raises:
        Refusal: STALE where there is none or it has expired, UNAUTHENTICATED or MALFORMED where
            it fails its checks, UNKNOWN where this node is not on it, CONFLICT where it would go
            back; what was in force stays in force.
    """
    # In a thread of its own: a large federation takes seconds, and questions must not wait so long.
    bundle, view = await asyncio.to_thread(trust.read)  # 1
    _require_listed(view, node)
    last = await ledger.adopted()
    if last == view.reference:
        trust.publish(await _as_adopted(ledger, trust, bundle, view))  # 4
        return False
    if last is not None and view.reference.version <= last.version:  # 2
        await _require_newer_root(ledger, view)
    body = TrustAdopted(view.reference)
    statement = encode_statement(Statement(node, clock(), view.reference, body))
    try:
        await ledger.append([Draft(body, statement, bundle=bundle)])  # 3
    except Refusal as refusal:
        # Another process of this node may have been quicker.
        if refusal.code is not Code.CONFLICT or await ledger.adopted() != view.reference:
            raise
        view = await _as_adopted(ledger, trust, bundle, view)
    trust.publish(view)  # 4
    return True


async def adopt_or_restore(ledger: Ledger, trust: Trust, node: str, clock: Clock) -> Refusal | None:
    """Adopt the trust list that is there or else put the one adopted last in force again.

    That one may have expired: then nothing is asked or answered, but what is journalled can be
    shown and proved. It counts for a day after it was adopted, as long as a timestamp does: the
    archive has none that says it is still the newest. Returns why the list that is there was not
    adopted.

    Raises:
        Refusal: that reason, where none has been adopted before.
    """
    try:
        await adopt_trust(ledger, trust, node, clock)
    except Refusal as refusal:
        last = await ledger.adopted_list()
        if last is None:
            raise
        view = trust.restore(last.bundle, last.adopted_at)
        counts_until = min(view.expires_at, last.adopted_at + RESTORED_COUNTS_FOR_US)
        trust.publish(replace(view, expires_at=counts_until))
        return refusal
    return None


def _require_listed(view: TrustView, node: str) -> None:
    try:
        view.node(node)
    except Refusal as refusal:
        fault = next((fault for fault in view.faults if fault.startswith(f"country-{node}:")), "")
        reason = f"{refusal.reason}: {fault}" if fault else refusal.reason
        raise Refusal(refusal.code, reason) from None


async def _require_newer_root(ledger: Ledger, view: TrustView) -> None:
    last = await _adopted_list(ledger)
    if view.root_version > newest_root_version(last.bundle):
        return
    version, last_version = view.reference.version, last.reference.version
    if version < last_version:
        raise Refusal(
            Code.CONFLICT,
            f"the trust list has version {version}, but version {last_version} has been adopted "
            "before",
        )
    raise Refusal(Code.CONFLICT, f"there are two different trust lists of version {version}")


async def _as_adopted(
    ledger: Ledger, trust: Trust, bundle: TrustBundle, view: TrustView
) -> TrustView:
    """Return the view of a list as it was adopted.

    A country that could not be had then and can be had now is not in the archive: an audit would
    decide otherwise than this node. It counts from the next version on.
    """
    last = await _adopted_list(ledger)
    if bundle.files == last.bundle.files and _but_roots(bundle) == _but_roots(last.bundle):
        return view
    restored = trust.restore(last.bundle, last.adopted_at)
    return replace(
        restored, expires_at=view.expires_at, root_version=view.root_version, roles=view.roles
    )


def _but_roots(bundle: TrustBundle) -> dict[str, bytes]:
    return {
        name: content
        for name, content in bundle.metadata.items()
        if not name.endswith(".root.json")
    }


async def _adopted_list(ledger: Ledger) -> AdoptedList:
    last = await ledger.adopted_list()
    if last is None:
        raise Refusal(Code.DEFECT, "the archive lacks the trust list that was adopted")
    return last
