"""The trust list as it was: the view that a node had in force at a time in the past.

1. which list had been adopted last by then, from the journal
2. the list itself, from the archive
3. resolve it as of its adoption, as the node did

Resolving takes a while, so the last few are kept, and one is resolved at a time.
"""

import asyncio
from typing import Final

from msgspec import Struct

from node.flows.ports import Adoption, Archive, Trust
from node.model.statement import TrustReference
from node.model.trust import TrustView

_VIEWS_MAX: Final = 4


class InForce(Struct, frozen=True):
    """The list that was in force at a time: its view, its adoption, and the one after it."""

    view: TrustView
    adoption: Adoption
    following: Adoption | None


class PastTrust:
    """Looks up trust lists of the past."""

    def __init__(self, archive: Archive, trust: Trust) -> None:
        """Take the archive, and what resolves a list of it."""
        self._archive = archive
        self._trust = trust
        self._views: dict[TrustReference, TrustView] = {}
        self._resolving = asyncio.Lock()

    async def at(self, at: int) -> InForce:
        """Return what was in force at a time (microseconds UTC).

        Whether it had expired by then is for the caller to see: `view.expires_at`.

        Raises:
            Refusal: UNKNOWN where this node had adopted no list yet.
        """
        adoption, following = await self._archive.adopted_at(at)  # 1
        async with self._resolving:
            view = self._views.pop(adoption.reference, None)
            if view is None:
                found = await self._archive.adopted_list(adoption)  # 2
                view = await asyncio.to_thread(  # 3
                    self._trust.restore, found.bundle, found.adopted_at
                )
            self._views[adoption.reference] = view  # the newest stands last
            while len(self._views) > _VIEWS_MAX:
                del self._views[next(iter(self._views))]
        return InForce(view, adoption, following)
