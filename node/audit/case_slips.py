"""What entries that one node told another rest on, and the slips that steps of cases leave."""

from collections.abc import Iterator
from typing import Final

from node.audit.findings import Check
from node.audit.slips import PlacedSlip, Slip, StepSlip
from node.model.case_bodies import CaseConcluded, CaseReceived, CaseStep
from node.model.statement import (
    Body,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    Statement,
)

RESTS_ON: Final[dict[type[Body], tuple[type[Body], Check]]] = {
    ErasureAcknowledged: (ErasureRequest, Check.ERASURE_SEAL),
    ErasureConcluded: (ErasureAcknowledged, Check.ERASURE_SEAL),
    CaseReceived: (CaseStep, Check.CASE_SEAL),
    CaseConcluded: (CaseReceived, Check.CASE_SEAL),
}
TOLD: Final = (ErasureRequest, CaseStep, *RESTS_ON)
"""What nodes tell each other about erasing and about cases, each with what it rests on."""
_KEY_SIZE_BYTES: Final = 32


def case_slips(
    index: int,
    stands_for: bytes,
    statement: Statement,
    beside: tuple[tuple[int, bytes, Statement], Body, bool] | None,
) -> Iterator[tuple[bytes, Slip]]:
    """Yield key and slip of what an entry says about a case.

    Args:
        index: of the entry.
        stands_for: its commitment.
        statement: what it says.
        beside: the other node's statement that it rests on, and whether its seal holds.
    """
    match statement.body:
        case CaseStep() as step:
            said = statement.speaker, statement.said_at, step, step.number
            yield _key(step.case), StepSlip(index, stands_for, *said)
        case CaseReceived(case=case, step=commitment, number=number):
            if beside is None or not beside[2]:
                return
            (_, received, theirs), body, _ = beside
            if isinstance(body, CaseStep) and (received, body.case) == (commitment, case):
                said = theirs.speaker, theirs.said_at, body, number
                yield _key(case), StepSlip(index, received, *said)
        case CaseConcluded(case=case, step=commitment, receipt=receipt):
            if beside is None or not beside[2]:
                return
            (_, stated, _), body, _ = beside
            if isinstance(body, CaseReceived) and (stated, body.step) == (receipt, commitment):
                yield _key(case), PlacedSlip(commitment, body.number)


def _key(case: bytes) -> bytes:
    return case.ljust(_KEY_SIZE_BYTES, b"\0")
