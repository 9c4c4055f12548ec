"""Spelling: protobuf bytes to values and back, refusals to statuses; the only user of `_pb`."""
