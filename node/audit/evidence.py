"""Checking evidence of a fork with nothing but the federation's root.

1. the file reads strictly
2. the enclosed trust list follows from the root, and names the node and its journal's keys
3. both heads are of that journal, signed with every kind of its keys that the list requires
4. they contradict each other: no one tree can have had both

Where all holds, whoever has those keys has signed two histories; nobody else could have. A head
under keys that no longer counted when the fork was found is INDETERMINATE: they may have been
stolen since.
"""

from typing import Final

from msgspec import Struct

from node.audit.findings import Check, Findings, Place, Report
from node.errors import Refusal
from node.model.fork import head_of, require_contradiction
from node.model.note import Checkpoint, open_checkpoint
from node.model.trust import Node, TrustView, resolve
from node.wire.evidence import ForkEvidence, decode_evidence

_WHOLE: Final = Place("evidence")


class EvidenceFacts(Struct, frozen=True):
    """What evidence says, for people; it counts only where its report is PASS.

    Attributes:
        node: whose journal it is.
        authority: its name on the trust list; empty where that does not hold.
        origin: of the journal.
        sizes: of both heads.
        roots: of both heads.
        seen_at: when the fork was found, microseconds UTC.
    """

    node: str
    authority: str
    origin: str
    sizes: tuple[int, int]
    roots: tuple[bytes, bytes]
    seen_at: int


class CheckedEvidence(Struct, frozen=True):
    """The report on evidence and, where it could be read, what it says."""

    report: Report
    facts: EvidenceFacts | None


def check_evidence(data: bytes, root: bytes) -> CheckedEvidence:
    """Check evidence against a trusted root of the federation; every check has a verdict."""
    findings = Findings()
    try:
        evidence = decode_evidence(data)  # 1
        heads = head_of(evidence.fork.first), head_of(evidence.fork.second)
    except Refusal as refusal:
        findings.failed(Check.FORMAT, _WHOLE, refusal.reason)
        for check in (Check.TRUST_LIST, Check.FORK_HEADS, Check.FORK):
            findings.undetermined(check, _WHOLE, "the evidence cannot be read")
        return CheckedEvidence(findings.report(), None)
    findings.passed(Check.FORMAT)
    node, view = _listed(evidence, root, findings)  # 2
    if node is None or view is None:
        findings.undetermined(Check.FORK_HEADS, _WHOLE, "no trust list names the journal's keys")
    else:
        for name, note in (("first", evidence.fork.first), ("second", evidence.fork.second)):
            _check_head(view, node, Place(name), note, evidence.seen_at, findings)  # 3
    _check_fork(*heads, evidence.fork.path, findings)  # 4
    facts = EvidenceFacts(
        node=evidence.node,
        authority="" if node is None else node.authority,
        origin=heads[0].origin,
        sizes=(heads[0].size, heads[1].size),
        roots=(heads[0].root, heads[1].root),
        seen_at=evidence.seen_at,
    )
    return CheckedEvidence(findings.report(), facts)


def _listed(
    evidence: ForkEvidence, root: bytes, findings: Findings
) -> tuple[Node | None, TrustView | None]:
    try:
        view = resolve(evidence.trust, root, evidence.seen_at)
        node = view.node(evidence.node)
    except Refusal as refusal:
        findings.failed(Check.TRUST_LIST, _WHOLE, refusal.reason)
        return None, None
    findings.judge(Check.TRUST_LIST, _WHOLE, view.faults)
    return node, view


def _check_head(  # noqa: PLR0913, PLR0917 - one head, and what it is held against
    view: TrustView, node: Node, place: Place, note: bytes, at: int, findings: Findings
) -> None:
    try:
        view.open_checkpoint(node, note, at)
    except Refusal as refusal:
        try:
            by = open_checkpoint(
                note, node.origin, [key.verifier for key in node.journal_keys]
            ).signed_by
        except Refusal:
            by = ()
        if view.seals_required <= {key.kind for key in by}:
            findings.undetermined(
                Check.FORK_HEADS,
                place,
                "is signed by keys of the journal that did not count when the fork was found",
            )
        else:
            findings.failed(Check.FORK_HEADS, place, refusal.reason)
        return
    findings.passed(Check.FORK_HEADS)


def _check_fork(first: Checkpoint, second: Checkpoint, path: bytes, findings: Findings) -> None:
    try:
        require_contradiction(first, second, path)
    except Refusal as refusal:
        findings.failed(Check.FORK, _WHOLE, refusal.reason)
    else:
        findings.passed(Check.FORK)
