"""An archive of adopted trust lists in memory."""

from collections.abc import Sequence

from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.ports import AdoptedList, Adoption, Archive
from tests.federation import SampleTrust


class Adopted(Struct, frozen=True):
    """A list, and when it was adopted."""

    trust: SampleTrust
    at: int


class MemoryArchive(Archive):
    """Lists that were adopted one after the other.

    Attributes:
        read: how many lists were taken out of it.
    """

    def __init__(self, *adopted: Adopted) -> None:
        self._adopted: Sequence[Adopted] = adopted
        self.read = 0

    async def adopted_at(self, at: int) -> tuple[Adoption, Adoption | None]:
        following: Adoption | None = None
        for position, one in reversed(list(enumerate(self._adopted))):
            adoption = Adoption(one.trust.view.reference, one.at, position)
            if one.at <= at:
                return adoption, following
            following = adoption
        raise Refusal(Code.UNKNOWN, "this node had adopted no trust list at that time")

    async def adopted_list(self, adoption: Adoption) -> AdoptedList:
        self.read += 1
        trust = self._adopted[adoption.position].trust
        return AdoptedList(adoption.reference, adoption.adopted_at, trust.bundle)
