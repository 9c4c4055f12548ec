"""Two real nodes for erasing: XA has the registry, XB asked about it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from node.flows.ask import Inquiry
from node.flows.ports import Employer, Verification
from node.model.credential import Credential, Field
from node.model.share_code import ShareCode
from node.model.statement import CredentialRegistered, Person, Purpose, Requester
from tests.neighbours import Neighbours
from tests.nodes import say
from tests.world import sample_credential

EMPLOYER = Employer("key-1", Requester("Harbour Steel", "XB-HRB-7", "C25"))
RULE = "Art. 17(1)(b) GDPR"
OFFICER = Person("anna", "officer")
HOLDER = "Xiomara Quetzalcoatl-Ruiz"
"""A name that nothing else has."""


def credential(number: str, holder: str = HOLDER) -> Credential:
    """Return a credential of a holder."""
    return replace(sample_credential(number), holder_name=holder)


class Pair(Neighbours):
    """XA and XB, running."""

    async def register(self, *credentials: Credential) -> None:
        """Enter credentials into XA's registry."""
        xa = self.running["XA"].opened
        await say(xa, self.federation.clock, map(CredentialRegistered, credentials))

    async def code(self, number: str, uses: int = 100) -> ShareCode:
        """Make a share code for one of XA's credentials."""
        return await self.running["XA"].opened.sharing.create(
            number, Purpose.EMPLOYMENT, tuple(Field), uses=uses
        )

    async def ask(self, code: ShareCode) -> Verification:
        """Let XB ask XA about a credential."""
        born = sample_credential().birth_date
        inquiry = Inquiry(code, born, Purpose.EMPLOYMENT, tuple(Field))
        return await self.running["XB"].asking.ask(EMPLOYER, inquiry)

    async def send_erasures(self) -> int:
        """Let XA send its open requests."""
        return await self.running["XA"].peering.requesting.send_open()

    def statements(self, node: str) -> list[tuple[int, int, bytes | None]]:
        """Return position, kind and bytes of every entry of a node's journal."""
        rows = self.homes[node].rows("SELECT position, kind, statement FROM entry ORDER BY 1")
        return [(position, kind, statement) for position, kind, statement in rows]

    def holds(self, node: str, trace: bytes) -> bool:
        """Tell whether any statement that a node keeps, its own or a peer's, has some bytes."""
        rows = self.homes[node].rows(
            "SELECT statement FROM entry UNION ALL SELECT statement FROM counterpart"
        )
        return any(trace in said for (said,) in rows if said is not None)

    def kinds(self, node: str) -> list[int]:
        """Return the kind of every entry of a node's journal that is still there."""
        return [kind for _, kind, statement in self.statements(node) if statement is not None]


def files_with(data: Path, traces: Iterable[bytes]) -> dict[str, list[bytes]]:
    """Return which of some bytes stand in which file of a directory, as they are on the disk."""
    contents = {path.name: path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}
    wanted = list(traces)
    found = {name: [one for one in wanted if one in held] for name, held in contents.items()}
    return {name: held for name, held in found.items() if held}


@asynccontextmanager
async def paired(base: Path) -> AsyncIterator[Pair]:
    """Run XA and XB."""
    pair = Pair(base, ("XA", "XB"))
    try:
        for node in ("XA", "XB"):
            await pair.start(node)
        yield pair
    finally:
        await pair.close()
