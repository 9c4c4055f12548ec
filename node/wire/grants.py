"""What of a journal is granted to somebody, as messages carry it."""

from typing import Any, Final

from node.errors import Code, Refusal
from node.model.bounds import exactly, number
from node.model.merkle import SIZE_MAX
from node.model.statement import BODY_FIRST, BODY_LAST, AuditAccess, Grant
from node.wire._pb import node_pb2 as pb

RECIPIENTS_MAX: Final = 64
DIGEST_SIZE_BYTES: Final = 32
_KINDS_MAX: Final = 32


def write_grant(message: Any, grant: Grant | None) -> None:  # noqa: ANN401 - what has a grant
    """Write a grant into a message's field `grant`, where there is one."""
    if grant is not None:
        message.grant.start, message.grant.end = grant.start, grant.end
        message.grant.kinds.extend(grant.kinds)


def read_grant(message: Any, name: str) -> Grant | None:  # noqa: ANN401 - what has a grant
    """Return the grant of a message's field `grant`; None where there is none.

    Raises:
        Refusal: MALFORMED where it grants nothing, or is not written the one way.
    """
    if not message.HasField("grant"):
        return None
    grant: pb.Grant = message.grant
    end = number(grant.end, f"{name}.grant.end", 1, SIZE_MAX)
    start = number(grant.start, f"{name}.grant.start", 0, end - 1)
    kinds = tuple(grant.kinds)
    if len(kinds) > _KINDS_MAX or list(kinds) != sorted(set(kinds)):
        raise Refusal(Code.MALFORMED, f"{name}.grant.kinds: must ascend, at most {_KINDS_MAX}")
    for kind in kinds:
        number(kind, f"{name}.grant.kinds", BODY_FIRST, BODY_LAST)
    return Grant(start, end, kinds)


def write_access_grant(message: pb.AuditAccess, access: AuditAccess) -> None:
    """Write what an access takes away, and for whom it is encrypted."""
    write_grant(message, access.grant)
    message.recipients.extend(access.recipients)


def read_access_grant(message: pb.AuditAccess, name: str) -> tuple[Grant | None, tuple[bytes, ...]]:
    """Return what an access takes away, and for whom it is encrypted.

    Raises:
        Refusal: MALFORMED where either is not written the one way.
    """
    recipients = tuple(message.recipients)
    if len(recipients) > RECIPIENTS_MAX or list(recipients) != sorted(set(recipients)):
        raise Refusal(Code.MALFORMED, f"{name}.recipients: must ascend, at most {RECIPIENTS_MAX}")
    for recipient in recipients:
        exactly(recipient, f"{name}.recipients", DIGEST_SIZE_BYTES)
    return read_grant(message, name), recipients
