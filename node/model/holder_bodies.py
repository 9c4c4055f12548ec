"""What is said on a holder's behalf beside share codes: watches, complaints, records handed out."""

from enum import IntEnum

from msgspec import Struct

WATCH_SIZE_BYTES = 16
"""Random bytes that name a standing consent."""


class Complaint(IntEnum):
    """What a holder says is wrong."""

    WRONG_CONTENT = 1
    WRONG_STATUS = 2
    NOT_MINE = 3
    UNEXPECTED_ACCESS = 4
    OTHER = 5


class Watcher(Struct, frozen=True, gc=False):
    """Who may follow a credential, as a query from its home node would name it."""

    node: str
    legal_name: str
    register_id: str


class WatchGiven(Struct, frozen=True, gc=False):
    """A holder lets one requester follow a credential's status, until a time.

    Attributes:
        watch: 16 random bytes, by which it is ended.
        credential: number of the credential.
        expires_at: microseconds UTC.
    """

    watch: bytes
    credential: str
    watcher: Watcher
    expires_at: int


class ContestRaised(Struct, frozen=True, gc=False):
    """A holder says that something about a credential is wrong.

    Attributes:
        credential: number of the credential.
        entry: position of the entry that is contested; None for what the credential says now.
        text: in the holder's words.
    """

    credential: str
    entry: int | None
    complaint: Complaint
    text: str


class RecordExported(Struct, frozen=True, gc=False):
    """A holder was given the record of what this node holds: the SHA-256 of its content."""

    digest: bytes
