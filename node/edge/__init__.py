"""Doors into the node: what comes in over HTTP and gRPC, and time, which is a caller too."""
