"""The one table of refusals: code to gRPC status, HTTP status and wire number.

gRPC statuses are named, not imported: flows and audit spell refusals too, and see no driver.
"""

import re
from typing import Final

from node.errors import Code, Refusal
from node.wire._pb import node_pb2 as pb

GRPC_STATUS: Final[dict[Code, str]] = {
    Code.MALFORMED: "INVALID_ARGUMENT",
    Code.UNAUTHENTICATED: "UNAUTHENTICATED",
    Code.UNTRUSTED: "PERMISSION_DENIED",
    Code.UNKNOWN: "NOT_FOUND",
    Code.CONFLICT: "ALREADY_EXISTS",
    Code.BUSY: "RESOURCE_EXHAUSTED",
    Code.STALE: "FAILED_PRECONDITION",
    Code.PEER_SILENT: "UNAVAILABLE",
    Code.PEER_FALSE: "ABORTED",
    Code.DEFECT: "INTERNAL",
    Code.ERASED: "OUT_OF_RANGE",
}
HTTP_STATUS: Final[dict[Code, int]] = {
    Code.MALFORMED: 400,
    Code.UNAUTHENTICATED: 401,
    Code.UNTRUSTED: 403,
    Code.UNKNOWN: 404,
    Code.CONFLICT: 409,
    Code.BUSY: 429,
    Code.STALE: 503,
    Code.PEER_SILENT: 504,
    Code.PEER_FALSE: 502,
    Code.DEFECT: 500,
    Code.ERASED: 410,
}
CODE_TRAILER: Final = "symbolon-refusal"
WITNESSED_TRAILER: Final = "symbolon-witnessed-size"
WITNESSED_SIZE: Final = re.compile("0|[1-9][0-9]{0,18}")
REASON_WITHHELD: Final = "something went wrong inside the node; its operator finds it in the log"
_TO_WIRE: Final[dict[Code, int]] = {
    code: pb.RefusalCode.Value(f"REFUSAL_CODE_{code.name}") for code in Code
}
_FROM_WIRE: Final = {number: code for code, number in _TO_WIRE.items()}
_FROM_GRPC: Final = {status: code for code, status in GRPC_STATUS.items()}


def to_wire_code(code: Code) -> int:
    """Return the protocol's number of a code."""
    return _TO_WIRE[code]


def from_wire_code(number: int) -> Code:
    """Return the code of a protocol number; one that we do not know is a defect of the peer."""
    return _FROM_WIRE.get(number, Code.DEFECT)


def from_grpc(status: str, trailers: dict[str, str], reason: str) -> Refusal:
    """Read a peer's refusal from a gRPC status name; the trailer's code is exact where given."""
    named = trailers.get(CODE_TRAILER, "")
    if named in set(Code):
        return Refusal(Code(named), reason)
    if status == "DEADLINE_EXCEEDED":
        return Refusal(Code.PEER_SILENT, "the peer did not answer in time")
    return Refusal(_FROM_GRPC.get(status, Code.PEER_SILENT), reason)
