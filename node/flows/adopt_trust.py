"""Adopting a newer trust list.

1. read it and check it against the federation's root
2. never go back: a lower version, or the same version with other content, is refused
3. journal TrustAdopted, with the list itself for the archive
4. publish it to every reader at once
"""

from node.errors import Code, Refusal
from node.flows.ports import Clock, Draft, Ledger, Trust
from node.model.statement import Statement, TrustAdopted
from node.wire.codec import encode_statement


async def adopt_trust(ledger: Ledger, trust: Trust, node: str, clock: Clock) -> bool:
    """Adopt the trust list that is there; returns whether it is a new one.

    Raises:
        Refusal: STALE where there is none, UNAUTHENTICATED or MALFORMED where it fails its
            checks, CONFLICT where it would go back; what was in force stays in force.
    """
    bundle, view = trust.read()  # 1
    view.node(node)
    last = await ledger.adopted()
    if last is not None and last != view.reference:  # 2
        if view.reference.version < last.version:
            raise Refusal(
                Code.CONFLICT,
                f"the trust list has version {view.reference.version}, but version "
                f"{last.version} has been adopted before",
            )
        if view.reference.version == last.version:
            raise Refusal(
                Code.CONFLICT, f"there are two different trust lists of version {last.version}"
            )
    if last != view.reference:
        body = TrustAdopted(view.reference)
        statement = encode_statement(Statement(node, clock(), view.reference, body))
        try:
            await ledger.append([Draft(body, statement, bundle=bundle)])  # 3
        except Refusal as refusal:
            # Another process of this node may have been quicker.
            if refusal.code is not Code.CONFLICT or await ledger.adopted() != view.reference:
                raise
    trust.publish(view)  # 4
    return last != view.reference
