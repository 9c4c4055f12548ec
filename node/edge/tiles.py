"""The journal's public tiles over HTTP, as C2SP tlog-tiles lays them out.

They never change once they are there, so every cache on the way may keep them for ever. Entries
are commitments: nothing here tells of a person.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from node.errors import Code, Refusal
from node.model.tiles import TilePath

TILE_TYPE: Final = "application/octet-stream"
HASHES_ROUTE: Final = "/journal/tile/{level}/{index}"
ENTRIES_ROUTE: Final = "/journal/tile/entries/{index}"
_PREFIX: Final = "/journal/"
_HEADERS: Final = {
    "Server": "symbolon",
    "X-Content-Type-Options": "nosniff",
    "Content-Type": TILE_TYPE,
    "Cache-Control": "public, max-age=31536000, immutable",
}

ReadTile = Callable[[TilePath], Awaitable[bytes]]
"""Returns a tile or an entry bundle; refuses as UNKNOWN what no signed checkpoint covers."""


def add_tiles(router: web.UrlDispatcher, read: ReadTile) -> None:
    """Add the routes of tiles and entry bundles."""

    async def tile(request: web.Request) -> web.Response:
        try:
            # As it was sent: a percent sign would be a second spelling of a path that has one.
            path = TilePath.parse(request.rel_url.raw_path.removeprefix(_PREFIX))
        except Refusal as refusal:
            raise Refusal(Code.UNKNOWN, refusal.reason) from None
        return web.Response(body=await read(path), headers=_HEADERS)

    router.add_get(ENTRIES_ROUTE.replace("}", ":.+}"), tile)
    router.add_get("/journal/tile/{level:[0-9]+}/{index:.+}", tile)
