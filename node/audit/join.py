"""Bringing together what the parts of journals left for one another, one pile at a time."""

from msgspec import Struct

from node.audit.accreditation import IssuerBooks
from node.audit.both_sides import compare_checkpoints, compare_position
from node.audit.casework import follow_case
from node.audit.decided import follow_credential, follow_share_code
from node.audit.exchanges import follow_exchange
from node.audit.findings import Findings
from node.audit.gone import follow_absent, follow_gone
from node.audit.known import Known
from node.audit.registry_report import follow_issuer
from node.audit.series import Series
from node.audit.slips import Kind, Written, groups


class Joined(Struct):
    """What came of one pile; `slips` are for later, by pile."""

    findings: Findings
    series: Series
    slips: dict[int, bytearray]


def join(  # noqa: C901 - a line for each kind
    piles: int, books: IssuerBooks, known: Known, pile: bytes
) -> Joined:
    """Bring together what one pile holds."""
    findings, series, written = Findings(), Series(), Written(piles)
    for kind, key, group in groups(pile):
        match kind:
            case Kind.EXCHANGE:
                follow_exchange(group, known, findings, series, written)
            case Kind.POSITION:
                compare_position(key, group, known, findings)
            case Kind.SIZE:
                compare_checkpoints(key, group, known, findings)
            case Kind.SHARE_CODE:
                follow_share_code(group, known, findings, written)
            case Kind.ISSUER:
                follow_issuer(group, known, findings)
            case Kind.ABSENT:
                follow_absent(group, known, findings, written)
            case Kind.CASE:
                follow_case(group, known, findings)
            case Kind.GONE:
                follow_gone(group, known, findings)
            case Kind.CREDENTIAL:
                follow_credential(group, known, books, findings)
    return Joined(findings, series, written.by_pile)
