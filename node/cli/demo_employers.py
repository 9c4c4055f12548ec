"""The demo's employers, who ask at their home node over HTTP, as an HR system would."""

from collections.abc import Mapping
from datetime import date
from time import perf_counter
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import Struct

from node.cli.demo_federation import NationalNode
from node.model.share_code import ShareCode
from node.model.statement import Requester
from node.store.keys import write_secret

_JSON: Final = {"Content-Type": "application/json"}
REQUESTERS: Final = {
    "XA": Requester("Auberge de Port-Sauvry", "AU-40127", "I56"),
    "XB": Requester("Spedition Hohenlau", "HRB 2217", "H49"),
    "XC": Requester("Bagong Dalampasigan Shipyard", "CS-2003-118", "C30"),
    "XD": Requester("Padaria do Porto Novo", "DM-3301", "C10"),
}


class Reply(Struct, frozen=True):
    """What came back over HTTP: status, headers, body and the seconds it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float

    def json(self) -> dict[str, Any]:
        """Return the body as the JSON object that it is."""
        return msgspec.json.decode(self.body, type=dict[str, Any])


class Employer:
    """An employer of one country, with an API key of that country's node.

    Attributes:
        name: as the holder will see it.
        url: of its home node.
        key_file: holds its API key, for `symbolon ask`; readable by its owner only.
        header_file: holds the header with the key, for `curl`; readable by its owner only.
    """

    def __init__(self, node: NationalNode, key: str, session: aiohttp.ClientSession) -> None:
        """Take its home node and API key."""
        self.name = REQUESTERS[node.country.node].legal_name
        self.url = node.url
        self.key_file = node.data / "employer.key"
        self.header_file = node.data / "employer.header"
        self._session = session
        self._headers = {"Authorization": f"Bearer {key}"}
        write_secret(self.key_file, f"{key}\n".encode())
        write_secret(self.header_file, f"Authorization: Bearer {key}\n".encode())

    @classmethod
    async def of(cls, node: NationalNode, session: aiohttp.ClientSession) -> "Employer":
        """Make the employer of a country, and its API key."""
        key = await node.make_key(REQUESTERS[node.country.node])
        return cls(node, key, session)

    async def ask(self, code: ShareCode, birth_date: date) -> Reply:
        """Ask about the holder of a share code, for employment."""
        started_s = perf_counter()
        async with self._session.post(
            f"{self.url}/v1/verifications",
            data=question(code, birth_date),
            headers={**self._headers, **_JSON},
        ) as response:
            body = await response.read()
            took_s = perf_counter() - started_s
            return Reply(response.status, response.headers, body, took_s)

    async def get(self, path: str) -> Reply:
        """Fetch something at the home node."""
        started_s = perf_counter()
        async with self._session.get(f"{self.url}{path}", headers=self._headers) as response:
            body = await response.read()
            took_s = perf_counter() - started_s
            return Reply(response.status, response.headers, body, took_s)


def question(code: ShareCode, birth_date: date) -> str:
    """Return the body of a question, for employment."""
    return msgspec.json.encode(
        {"share_code": str(code), "birth_date": birth_date, "purpose": "employment"}
    ).decode()
