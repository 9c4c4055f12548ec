"""The one vocabulary of failure.

Refusal
  the reason why a node would not do something, with a stable code

A "no" about a credential is not a refusal: it is an outcome inside a sealed answer.
"""

from enum import StrEnum


class Code(StrEnum):
    """Stable refusal codes; also metric labels, gRPC details and problem types."""

    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    UNTRUSTED = "untrusted"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"
    BUSY = "busy"
    STALE = "stale"
    PEER_SILENT = "peer_silent"
    PEER_FALSE = "peer_false"
    DEFECT = "defect"
    ERASED = "erased"


class Refusal(Exception):  # noqa: N818 - the field's word; it is not a programming error
    """Why a node would not do what it was asked.

    Attributes:
        code: what kind of refusal.
        reason: one sentence for people: which field, what was found, the way out. Holds no
            personal data, because it may be logged and sent.
        retry_after_s: seconds after which trying again makes sense, or None.
    """

    def __init__(self, code: Code, reason: str, retry_after_s: float | None = None) -> None:
        """Refuse with a code, a sentence and, where it helps, a time to return."""
        super().__init__(code, reason, retry_after_s)
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        """Return the code and the reason."""
        return f"{self.code}: {self.reason}"
