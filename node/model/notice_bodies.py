"""What is said of a credential that a holder lets somebody follow."""

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from node.model.statement import Outcome


class StatusNotice(Struct, frozen=True, gc=False):
    """Where a credential stands since now, for one who may follow it; names no person.

    Attributes:
        audience: node id of the follower's home node.
        watch: the standing consent, 16 bytes.
        register_id: of the follower, at that node.
        outcome: never NOT_CONFIRMED or REFUSED.
        expires_at: when the consent ends if it is not taken back before, microseconds UTC.
    """

    audience: str
    watch: bytes
    register_id: str
    outcome: "Outcome"
    expires_at: int


class NoticeTaken(Struct, frozen=True, gc=False):
    """The node that was told checked this notice, by its commitment, and took it."""

    notice: bytes
    watch: bytes
    register_id: str
    outcome: "Outcome"
