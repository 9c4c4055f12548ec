"""What must hold between a query, its answer and its conclusion.

Each function names the faults of one check; none means that it holds.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from node.errors import Refusal
from node.model.statement import Answer, Conclusion, Query, Statement
from node.model.trust import TrustView

CLOCK_TOLERANCE_US: Final = 60 * 1_000_000
ANSWERED_AFTER_MAX_US: Final = 5 * 60 * 1_000_000
"""An answering node refuses a query that was said longer ago."""


class Asked(Struct, frozen=True):
    """A query as it was said: its place in the asking node's journal and its commitment."""

    statement: Statement
    query: Query
    commitment: bytes
    index: int


class Answered(Struct, frozen=True):
    """An answer as it was said: its place in the answering node's journal and its commitment."""

    statement: Statement
    answer: Answer
    commitment: bytes
    index: int


def membership_faults(trust: TrustView, node: str, at: int) -> list[str]:
    """The node could be asked or answered at that time: a member, not suspended, not expired."""
    try:
        trust.member(node, at)
    except Refusal as refusal:
        return [refusal.reason]
    return []


def party_faults(asked: Asked, answered: Answered) -> Iterator[str]:
    """The node that was asked answered, and it is another one than asked."""
    asker, audience = asked.statement.speaker, asked.query.audience
    if audience == asker:
        yield f"{asker} asks itself"
    if answered.statement.speaker != audience:
        yield f"{answered.statement.speaker} answers what {audience} was asked"


def pairing_faults(asked: Asked, answered: Answered) -> Iterator[str]:
    """The answer names this query, and its own position in its journal."""
    answer = answered.answer
    if answer.query != asked.commitment:
        yield "the answer is to another query"
    if answer.registry_position != answered.index:
        yield (
            f"the answer says it was decided at position {answer.registry_position}, "
            f"but stands at {answered.index}"
        )


def deadline_faults(asked: Asked, answered: Answered) -> Iterator[str]:
    """The answer was said between the query and its deadline, as the asking node accepts it."""
    yield from _clock_faults(asked, answered)
    if answered.statement.said_at > asked.query.answer_by + CLOCK_TOLERANCE_US:
        yield "the answer was said after the query's deadline"


def freshness_faults(asked: Asked, answered: Answered) -> Iterator[str]:
    """The query was still fresh when it was answered, as the answering node accepts it."""
    yield from _clock_faults(asked, answered)
    if answered.statement.said_at > asked.statement.said_at + ANSWERED_AFTER_MAX_US:
        yield "the query was answered more than five minutes after it was said"


def disclosure_faults(asked: Asked, answered: Answered) -> Iterator[str]:
    """The answer shows no field that the query did not want."""
    wanted = asked.query.wanted
    unasked = {item.field for item in answered.answer.disclosed if item.field not in wanted}
    if unasked:
        names = ", ".join(sorted(field.name.lower() for field in unasked))
        yield f"the answer shows what was not asked for: {names}"


def conclusion_faults(
    asked: Asked, answered: Answered, concluded: Statement, conclusion: Conclusion
) -> Iterator[str]:
    """The conclusion names this query and this answer, and repeats its outcome."""
    if concluded.speaker != asked.statement.speaker:
        yield f"{concluded.speaker} concludes what {asked.statement.speaker} asked"
    if conclusion.query != asked.commitment:
        yield "the conclusion is of another query"
    if conclusion.answer != answered.commitment:
        yield "the conclusion rests on another answer"
    if conclusion.outcome is not answered.answer.outcome:
        yield (
            f"the conclusion says {conclusion.outcome.name}, "
            f"the answer {answered.answer.outcome.name}"
        )
    earliest = max(asked.statement.said_at, answered.statement.said_at) - CLOCK_TOLERANCE_US
    if concluded.said_at < earliest:
        yield "the conclusion was said before the query or its answer"


def _clock_faults(asked: Asked, answered: Answered) -> Iterator[str]:
    said_at = answered.statement.said_at
    if answered.answer.evaluated_at != said_at:
        yield "the answer was evaluated at another time than it was said"
    if said_at < asked.statement.said_at - CLOCK_TOLERANCE_US:
        yield "the answer was said before the query"
