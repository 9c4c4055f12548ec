"""Handing the trust list on to a peer.

1. the TLS peer is a node of the trust list, with a certificate that counts now: UNAUTHENTICATED
2. the file is one of a published repository: MALFORMED
3. this node has exactly that version of it in use: UNKNOWN

The list in force may have expired: a node that was cut off for long may get the next one from a
peer that was not. A suspended node may read it too: that is how it learns that it may go on.
"""

import asyncio
from collections.abc import Callable

from node.errors import Code, Refusal
from node.flows.ports import Clock, Trust

TrustFile = Callable[[str], bytes]
"""Reads a file of the local copy by its name in a published repository; does 2 and 3."""


class ServingTrust:
    """The answering side of a peer that refreshes its trust list from this node."""

    def __init__(self, node: str, trust: Trust, clock: Clock, read: TrustFile) -> None:
        """Take this node's id, the list in force, and what reads the local copy."""
        self._node = node
        self._trust = trust
        self._clock = clock
        self._read = read

    async def file(self, pin: bytes, name: str) -> bytes:
        """Return one file of the trust list in use.

        Args:
            pin: SHA-256 of the SubjectPublicKeyInfo that the peer proved over TLS.
            name: as in a published repository, like `metadata/timestamp.json`.

        Raises:
            Refusal: see the steps.
        """
        view = self._trust.view()
        peer = view.node_by_pin.get(pin)  # 1
        if peer is None or peer == self._node or not view.node(peer).accepts(pin, self._clock()):
            raise Refusal(Code.UNAUTHENTICATED, "the TLS certificate is of no peer node")
        return await asyncio.to_thread(self._read, name)  # 2, 3
