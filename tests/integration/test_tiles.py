"""Tiles as a node serves them over HTTP: what the signed checkpoint covers, and nothing more."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import Connection, delete
from yarl import URL

from node.edge import rest
from node.errors import Code, Refusal
from node.model.tiles import ENTRIES, TilePath, parse_bundle
from node.store import schema
from node.store.tile_directory import CHECKPOINT_FILE
from tests.integration.http_door import Behind
from tests.tiles import TiledJournal, journal_of, walk

SIZE = 300


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[TiledJournal]:
    with journal_of(tmp_path / "node.db", SIZE) as made:
        yield made


class _Served(Behind):
    """A door that shows the tiles of a real journal."""

    def __init__(self, journal: TiledJournal) -> None:
        super().__init__()
        self._journal = journal

    async def head(self) -> bytes:
        with self._journal.tiles.snapshot() as public:
            return public.note

    async def tile(self, path: TilePath) -> bytes:
        return await self._journal.tiles.read(path)


@pytest.fixture
async def client(journal: TiledJournal) -> AsyncIterator[aiohttp.ClientSession]:
    doors = rest.application(_Served(journal).doors())
    async with (
        rest.listening(doors, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def get(client: aiohttp.ClientSession, path: str) -> tuple[int, bytes]:
    async with client.get(f"/journal/{path}") as response:
        return response.status, await response.read()


async def test_what_is_served_is_what_is_exported(
    client: aiohttp.ClientSession, journal: TiledJournal, tmp_path: Path
) -> None:
    journal.export(tmp_path / "tiles")
    walk(tmp_path / "tiles")
    compared = 0
    for path in (tmp_path / "tiles").rglob("*"):
        if path.is_file():
            name = path.relative_to(tmp_path / "tiles").as_posix()
            assert await get(client, name) == (200, path.read_bytes())
            compared += 1
    assert compared == 6


async def test_a_mirror_made_over_http_is_a_whole_tile_directory(
    client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    names = [CHECKPOINT_FILE]
    names += ["tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/0/001.p/44"]
    for name in [*names, "tile/1/000.p/1"]:
        status, content = await get(client, name)
        assert status == 200
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert walk(tmp_path).size == SIZE


async def test_any_width_is_served_up_to_what_is_signed(
    client: aiohttp.ClientSession, journal: TiledJournal
) -> None:
    whole = (await get(client, "tile/0/001.p/44"))[1]
    for width in range(1, 45):
        assert await get(client, f"tile/0/001.p/{width}") == (200, whole[: 32 * width])
        status, bundle = await get(client, f"tile/entries/001.p/{width}")
        assert status == 200
        assert len(parse_bundle(bundle, width)) == width
    for path in ("tile/0/001.p/45", "tile/entries/001.p/45", "tile/0/001", "tile/1/000.p/2"):
        assert (await get(client, path))[0] == 404
    journal.extend(3, sign=False)
    assert (await get(client, "tile/0/001.p/45"))[0] == 404, "no signed checkpoint covers it"
    journal.extend(1)
    assert (await get(client, "tile/0/001.p/48"))[0] == 200
    assert (await get(client, "tile/0/000.p/255"))[0] == 200, "a partial one of a full tile"


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/x000/000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000/",
        "tile/entries",
        "tile/entries/",
        "tile/entries/1",
        "tile/0/%30%30%30",
        "tile/0/000%2Ep/3",
        "tile/0/x001%2F000",
        "tile/9/000.p/1",
        "tile/0/x999/x999/999",
        "tile/-1/000",
    ],
)
async def test_every_other_path_is_not_there(client: aiohttp.ClientSession, path: str) -> None:
    url = URL(f"{str(client._base_url).rstrip('/')}/journal/{path}", encoded=True)
    async with client.get(url) as response:
        assert response.status == 404
        assert (await response.json())["type"] == "urn:symbolon:refusal:unknown"
        assert response.headers["Cache-Control"] == "no-store"


async def test_tiles_are_kept_for_ever_and_checkpoints_for_a_moment(
    client: aiohttp.ClientSession,
) -> None:
    for path in ("tile/0/000", "tile/0/001.p/44", "tile/entries/000", "tile/entries/001.p/44"):
        async with client.get(f"/journal/{path}") as response:
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert response.headers["Content-Type"] == "application/octet-stream"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "Set-Cookie" not in response.headers
    async with client.get("/journal/checkpoint") as response:
        assert response.headers["Cache-Control"] == "public, max-age=1"
        assert response.content_type == "text/plain"


async def test_head_requests_tell_size_and_no_content(client: aiohttp.ClientSession) -> None:
    for path, size_bytes in (("tile/0/001.p/44", 44 * 32), ("tile/entries/000", 256 * 34)):
        async with client.head(f"/journal/{path}") as response:
            assert (response.status, response.content_length) == (200, size_bytes)
            assert await response.read() == b""
    async with client.head("/journal/tile/0/001.p/45") as response:
        assert response.status == 404


async def test_entries_are_served_when_statement_and_salt_are_gone(
    client: aiohttp.ClientSession, journal: TiledJournal
) -> None:
    before = await get(client, "tile/entries/000")
    journal.database.write_now(lambda connection: connection.execute(delete(schema.entry)))
    assert await get(client, "tile/entries/000") == before


async def test_a_tile_that_the_disk_has_lost_is_a_defect_and_not_served(
    journal: TiledJournal,
) -> None:
    for table, path in ((schema.tile, TilePath(0, 0)), (schema.bundle, TilePath(ENTRIES, 0))):
        emptied = delete(table)
        journal.database.write_now(partial(Connection.execute, statement=emptied))
        with pytest.raises(Refusal) as refused:
            await journal.tiles.read(path)
        assert refused.value.code is Code.DEFECT
