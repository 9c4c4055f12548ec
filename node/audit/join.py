"""Bringing together what the parts of journals left for one another, one pile at a time."""

from msgspec import Struct

from node.audit.both_sides import compare_checkpoints, compare_position
from node.audit.decided import follow_credential, follow_share_code
from node.audit.exchanges import follow_exchange
from node.audit.findings import Findings
from node.audit.known import Known
from node.audit.registry_report import follow_issuer
from node.audit.series import Series
from node.audit.slips import Kind, Written, groups


class Joined(Struct):
    """What came of one pile; `slips` are for the credentials, by pile."""

    findings: Findings
    series: Series
    slips: dict[int, bytearray]


def join(piles: int, known: Known, pile: bytes) -> Joined:
    """Bring together what one pile holds."""
    findings, series, written = Findings(), Series(), Written(piles)
    for kind, key, group in groups(pile):
        match kind:
            case Kind.EXCHANGE:
                follow_exchange(group, known, findings, series)
            case Kind.POSITION:
                compare_position(key, group, known, findings)
            case Kind.SIZE:
                compare_checkpoints(key, group, known, findings)
            case Kind.SHARE_CODE:
                follow_share_code(group, known, findings, written)
            case Kind.ISSUER:
                follow_issuer(group, known, findings)
            case Kind.CREDENTIAL:
                follow_credential(group, known, findings)
    return Joined(findings, series, written.by_pile)
