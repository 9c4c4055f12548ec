"""A node that refreshes its trust list from mirrors which a test has in hand."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.flows.ports import Fetched
from node.model.trust import TrustView
from node.peers.mirrors import Mirror as MirrorSetting
from node.peers.mirrors import TrustMirrors
from node.store.trust_files import TrustDirectory
from tests.repository import Mirror, Repository, real_clock

ISSUERS = "issuers/XB/issuers.json"
OTHER_ISSUERS = b'{"issuers": []}'


async def _nobody(node: str, _name: str) -> bytes:
    raise Refusal(Code.PEER_SILENT, f"{node} is not there")


class Scene:
    """A repository, a web server that mirrors it, and a node that refreshes from there."""

    def __init__(self, base: Path, mirror: Mirror, repository: Repository) -> None:
        self.base = base
        self.mirror = mirror
        self.repository = repository
        self.copy = base / "trust"
        self.root = repository.trusted_root
        self.trust = TrustDirectory(self.copy, repository.trusted_root, real_clock)

    async def fetch(
        self,
        *mirrors: str,
        ask_peer: Callable[[str, str], Awaitable[bytes]] = _nobody,
        timeout_s: float = 20.0,
        lenient: bool = False,
    ) -> Fetched:
        """Refresh from these mirrors in order, or from the scene's own."""
        settings = [
            MirrorSetting.parse(mirror, self.base) for mirror in mirrors or (self.mirror.url,)
        ]
        refreshing = TrustMirrors(
            directory=self.copy,
            root=self.root,
            mirrors=settings,
            ask_peer=ask_peer,
            randomness=bytes,  # all alike: sorting leaves the order as it is
            timeout_s=timeout_s,
        )
        return await refreshing.fetch(lenient=lenient)

    def view(self) -> TrustView:
        """Read the local copy as the node would."""
        return self.trust.read()[1]

    def contents(self) -> dict[str, str]:
        """Return a digest of everything below the data directory."""
        return {
            path.relative_to(self.base).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.base.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }

    async def refuse(self, *mirrors: str, timeout_s: float = 20.0) -> str:
        """Refresh in vain: nothing has changed on disk, and the view is what it was."""
        contents, view = self.contents(), self.view()
        with pytest.raises(Refusal) as caught:
            await self.fetch(*mirrors, timeout_s=timeout_s)
        assert self.contents() == contents
        assert self.view() == view
        return caught.value.reason
