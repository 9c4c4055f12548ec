"""Outward: other nodes over gRPC."""
