"""Symbolon: sealed verification of vocational credentials between national nodes."""

import os

__version__ = "0.1.0"

# TLS 1.3 only. gRPC for Python has no setting for the lowest version; but with no TLS 1.2 suite
# that fits our ECDSA certificates, 1.2 cannot be agreed on. It is read once, when grpc loads.
os.environ.setdefault("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384")
