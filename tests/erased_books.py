"""Erasure in the ledger in memory: what was said is there no more, its commitment is."""

from typing import TYPE_CHECKING

from node.errors import Code, Refusal
from node.model.retention import ERASABLE
from node.model.statement import (
    BODY_NUMBERS,
    ConsentGiven,
    CredentialRegistered,
    Erasure,
)

if TYPE_CHECKING:
    from tests.world import Books


def erase(books: "Books", erasure: Erasure) -> None:
    """Let go of what an Erasure names, and of what it amounted to."""
    if erasure.kind not in ERASABLE:
        raise Refusal(Code.CONFLICT, "never erased")
    for position in erasure.entries:
        require_there(books, position)
        if position >= len(books.entries):
            raise Refusal(Code.CONFLICT, "not there")
        entry = books.entries[position]
        body = entry.draft.body
        if BODY_NUMBERS[type(body)] != erasure.kind:
            raise Refusal(Code.CONFLICT, "of another kind")
        if entry.commitment in books.asked and entry.commitment not in books.settled:
            raise Refusal(Code.CONFLICT, "a question is still open")
        if isinstance(body, CredentialRegistered):
            for held in (books.registry.credentials, books.registry.histories):
                held.pop(body.credential.number, None)
        elif isinstance(body, ConsentGiven):
            books.registry.consents.pop(body.code_digest, None)
        books.erased.add(position)


def require_there(books: "Books", position: int) -> None:
    """Check that an entry was not erased.

    Raises:
        Refusal: ERASED where it was.
    """
    if position in books.erased:
        raise Refusal(Code.ERASED, f"entry {position} was erased")
