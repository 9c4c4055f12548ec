"""What the journals of several nodes say of each other, place by place.

Whatever one journal holds of another must stand in the other, at the same place. That makes the
two ends of an exchange agree, and shows an answer or a query that its own node left out; and the
checkpoints that a node showed its peers must be of the tree that it gave the auditor.
"""

from node.audit.findings import Check, Finding, Findings, Place, Verdict
from node.audit.known import Known
from node.audit.slips import (
    Group,
    HoldsSlip,
    SaysSlip,
    ShownSlip,
    SignsSlip,
    read_place_key,
)


def compare_position(key: bytes, group: Group, known: Known, findings: Findings) -> None:
    """Look up in a journal what others hold of one of its positions."""
    node, position = read_place_key(key)
    end = known.by_node[node]
    said: bytes | None = None
    for address, slip in group:
        if isinstance(slip, SaysSlip):
            if said is None:
                said = slip.commitment
            elif said != slip.commitment:
                findings.failed(
                    Check.BOTH_SIDES,
                    known.place(address.journal, position),
                    "two journals given for this node differ here",
                )
        elif isinstance(slip, HoldsSlip):
            place = known.place(address.journal, slip.index)
            if said == slip.commitment:
                findings.passed(Check.BOTH_SIDES)
            elif position >= end.size:
                findings.undetermined(
                    Check.BOTH_SIDES,
                    place,
                    f"rests on {end.origin}[{position}], but that journal was given only "
                    f"up to {end.size}; export it again",
                )
            else:
                findings.failed(
                    Check.BOTH_SIDES,
                    place,
                    f"rests on {end.origin}[{position}], but that journal as given says "
                    "something else there",
                )


def compare_checkpoints(key: bytes, group: Group, known: Known, findings: Findings) -> None:
    """Compare the trees of one size that a node signed, in its journal and for its peers."""
    node, size = read_place_key(key)
    end = known.by_node[node]
    own: bytes | None = None
    first: Place | None = None
    seen: set[bytes] = set()
    for address, slip in group:
        if isinstance(slip, SignsSlip):
            own = slip.root
            continue
        if not isinstance(slip, ShownSlip) or slip.root in seen:
            continue
        seen.add(slip.root)
        place = known.place(address.journal, slip.index)
        if first is not None:
            sentence = f"{node} signed two different trees of size {size}: here and at {first}"
            findings.add(_forked(place, sentence, node))
            continue
        first = place
        if own == slip.root:
            findings.passed(Check.ONE_TREE)
        elif own is not None:
            sentence = (
                f"{end.origin} showed its peer another tree of size {size} than is in the "
                "journal it gave"
            )
            findings.add(_forked(place, sentence, node))
        elif size <= end.size:
            findings.undetermined(
                Check.ONE_TREE,
                place,
                f"the journal given for {end.origin} holds no checkpoint of size {size}",
            )


def _forked(place: Place, sentence: str, node: str) -> Finding:
    return Finding(Check.ONE_TREE, Verdict.FAIL, place, sentence, at_fault=(node,))
