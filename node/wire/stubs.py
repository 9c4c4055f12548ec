"""The generated gRPC service, as the doors and the peers' client use it."""

from node.wire._pb.node_pb2 import (
    DESCRIPTOR,
    CasePartChunk,
    CasePartRequest,
    ConsistencyRequest,
    ConsistencyResponse,
    FollowRequest,
    HeadRequest,
    HeadResponse,
    InclusionRequest,
    InclusionResponse,
    Parcel,
    TrustFileRequest,
    TrustFileResponse,
    WitnessedRequest,
    WitnessedResponse,
    WitnessRequest,
    WitnessResponse,
)
from node.wire._pb.node_pb2_grpc import (
    NodeServiceServicer,
    NodeServiceStub,
    add_NodeServiceServicer_to_server,
)

SERVICE_NAME = DESCRIPTOR.services_by_name["NodeService"].full_name

__all__ = [
    "SERVICE_NAME",
    "CasePartChunk",
    "CasePartRequest",
    "ConsistencyRequest",
    "ConsistencyResponse",
    "FollowRequest",
    "HeadRequest",
    "HeadResponse",
    "InclusionRequest",
    "InclusionResponse",
    "NodeServiceServicer",
    "NodeServiceStub",
    "Parcel",
    "TrustFileRequest",
    "TrustFileResponse",
    "WitnessRequest",
    "WitnessResponse",
    "WitnessedRequest",
    "WitnessedResponse",
    "add_NodeServiceServicer_to_server",
]
