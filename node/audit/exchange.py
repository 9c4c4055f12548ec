"""What must hold between a query, its answer and its conclusion.

Each function names the faults of one check; none means that it holds.
"""

from collections.abc import Iterator
from typing import Final, Self

from msgspec import Struct

from node.errors import Refusal
from node.model.credential import Field
from node.model.statement import (
    Answer,
    Conclusion,
    Outcome,
    Query,
    Statement,
    TrustReference,
)
from node.model.trust import TrustView

CLOCK_TOLERANCE_US: Final = 60 * 1_000_000
ANSWERED_AFTER_MAX_US: Final = 5 * 60 * 1_000_000
"""An answering node refuses a query that was said longer ago."""


class Asked(Struct, frozen=True, gc=False):
    """A query as it was said: by whom, when, where in its journal, and what it asks for."""

    index: int
    speaker: str
    said_at: int
    trust: TrustReference
    commitment: bytes
    audience: str
    wanted: tuple[Field, ...]
    answer_by: int

    @classmethod
    def of(cls, index: int, stands_for: bytes, statement: Statement, query: Query) -> Self:
        """Return a query as a statement says it; `stands_for` is its commitment."""
        said = statement.speaker, statement.said_at, statement.trust
        return cls(index, *said, stands_for, query.audience, query.wanted, query.answer_by)


class Answered(Struct, frozen=True, gc=False):
    """An answer as it was said: by whom, when, where in its journal, and what it says."""

    index: int
    speaker: str
    said_at: int
    trust: TrustReference
    commitment: bytes
    query: bytes
    outcome: Outcome
    shown: tuple[Field, ...]
    registry_position: int
    evaluated_at: int

    @classmethod
    def of(cls, index: int, stands_for: bytes, statement: Statement, answer: Answer) -> Self:
        """Return an answer as a statement says it; `stands_for` is its commitment."""
        return cls(
            index,
            statement.speaker,
            statement.said_at,
            statement.trust,
            stands_for,
            answer.query,
            answer.outcome,
            tuple([disclosure.field for disclosure in answer.disclosed]),
            answer.registry_position,
            answer.evaluated_at,
        )


class Concluded(Struct, frozen=True, gc=False):
    """A conclusion as it was said: by whom, when, where in its journal, and on what it rests."""

    index: int
    speaker: str
    said_at: int
    query: bytes
    answer: bytes
    outcome: Outcome

    @classmethod
    def of(cls, index: int, statement: Statement, conclusion: Conclusion) -> Self:
        """Return a conclusion as a statement says it."""
        said = conclusion.query, conclusion.answer, conclusion.outcome
        return cls(index, statement.speaker, statement.said_at, *said)


def membership_faults(trust: TrustView, node: str, at: int) -> list[str]:
    """The node could be asked or answered at that time: a member, not suspended, not expired."""
    try:
        trust.member(node, at)
    except Refusal as refusal:
        return [refusal.reason]
    return []


def party_faults(query: Asked, answer: Answered) -> Iterator[str]:
    """The node that was asked answered, and it is another one than asked."""
    if query.audience == query.speaker:
        yield f"{query.speaker} asks itself"
    if answer.speaker != query.audience:
        yield f"{answer.speaker} answers what {query.audience} was asked"


def pairing_faults(query: Asked, answer: Answered) -> Iterator[str]:
    """The answer names this query, and its own position in its journal."""
    if answer.query != query.commitment:
        yield "the answer is to another query"
    if answer.registry_position != answer.index:
        yield (
            f"the answer says it was decided at position {answer.registry_position}, "
            f"but stands at {answer.index}"
        )


def deadline_faults(query: Asked, answer: Answered) -> Iterator[str]:
    """The answer was said between the query and its deadline, as the asking node accepts it."""
    yield from _clock_faults(query, answer)
    if answer.said_at > query.answer_by + CLOCK_TOLERANCE_US:
        yield "the answer was said after the query's deadline"


def freshness_faults(query: Asked, answer: Answered) -> Iterator[str]:
    """The query was still fresh when it was answered, as the answering node accepts it."""
    yield from _clock_faults(query, answer)
    if answer.said_at > query.said_at + ANSWERED_AFTER_MAX_US:
        yield "the query was answered more than five minutes after it was said"


def disclosure_faults(query: Asked, answer: Answered) -> Iterator[str]:
    """The answer shows no field that the query did not want."""
    unasked = {field for field in answer.shown if field not in query.wanted}
    if unasked:
        names = ", ".join(sorted(field.name.lower() for field in unasked))
        yield f"the answer shows what was not asked for: {names}"


def conclusion_faults(query: Asked, answer: Answered, conclusion: Concluded) -> Iterator[str]:
    """The conclusion names this query and this answer, and repeats its outcome."""
    if conclusion.speaker != query.speaker:
        yield f"{conclusion.speaker} concludes what {query.speaker} asked"
    if conclusion.query != query.commitment:
        yield "the conclusion is of another query"
    if conclusion.answer != answer.commitment:
        yield "the conclusion rests on another answer"
    if conclusion.outcome is not answer.outcome:
        yield f"the conclusion says {conclusion.outcome.name}, the answer {answer.outcome.name}"
    earliest = max(query.said_at, answer.said_at) - CLOCK_TOLERANCE_US
    if conclusion.said_at < earliest:
        yield "the conclusion was said before the query or its answer"


def _clock_faults(query: Asked, answer: Answered) -> Iterator[str]:
    if answer.evaluated_at != answer.said_at:
        yield "the answer was evaluated at another time than it was said"
    if answer.said_at < query.said_at - CLOCK_TOLERANCE_US:
        yield "the answer was said before the query"
