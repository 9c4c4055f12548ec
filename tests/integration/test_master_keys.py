"""Master keys: made, missing, wrong, rotated while the node serves, and kept in a token."""

import asyncio
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from node.assembly import vault_for
from node.errors import Code, Refusal
from node.model.statement import CredentialRegistered
from node.store import rotation
from node.store.master_keys import MasterKeys
from node.store.opening import open_database
from node.store.rotation import Rotated, rotate_master
from node.store.vault import Vault
from tests.erasing import Pair, credential, paired
from tests.federation import origin
from tests.integration.ceremony import PIN, make_token
from tests.integration.command_line import COLUMNS, call, done, found_nodes, rows, run
from tests.ledgers import DiskShelf, draft
from tests.postgres import Postgres

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TOKEN = f"pkcs11:token=store;object=master?module-path={MODULE}&pin-source=store.pin"
NUMBER = "XA-2020-000001"


class KeyedShelf(DiskShelf):
    """A ledger whose master keys are files; each opening of it is a new process's."""

    def __init__(self, place: Path) -> None:
        super().__init__(place / "node.db")
        self.keys = place / "keys"
        self.keys.mkdir()

    async def open(self) -> None:
        self.vault = self.other()
        await super().open()

    def other(self) -> Vault:
        return Vault(origin("XA"), MasterKeys(self.keys))

    def rotate(self) -> Rotated:
        """Rotate as another process does."""
        vault = self.other()
        with closing(open_database(self.path.parent, "node.db", vault)) as database:
            return rotate_master(database, vault, "", lambda _: None)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.keys.iterdir())

    def masters(self) -> set[str]:
        with closing(sqlite3.connect(self.path)) as connection:
            return {master for (master,) in connection.execute("SELECT master FROM holder_key")}


@pytest.fixture
async def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KeyedShelf]:
    """A ledger with twenty holders, whose keys are wrapped anew six at a time."""
    monkeypatch.setattr(rotation, "_KEYS_AT_ONCE", 6)
    shelf = KeyedShelf(tmp_path)
    await shelf.open()
    await shelf.ledger.append([draft(CredentialRegistered(person(n))) for n in range(20)])
    yield shelf
    await shelf.close()


def person(number: int) -> Any:
    return credential(f"XA-2020-{number:06}", f"Person {number}")


# --- rotation ------------------------------------------------------------------------------


async def test_a_node_that_serves_goes_on_with_another_master_key(shelf: KeyedShelf) -> None:
    (before,) = shelf.masters()
    rotated = shelf.rotate()
    assert (rotated.keys, rotated.destroyed) == (21, ("store.key",))
    assert shelf.files() == ["store-2.key"]
    assert shelf.masters() == {rotated.master} != {before}
    shelf.vault.forget()  # as if its room for keys were used up
    assert await shelf.ledger.credential(person(7).number) == person(7)
    await shelf.ledger.append([draft(CredentialRegistered(person(99)))])
    assert shelf.masters() == {rotated.master}
    await shelf.reopen()
    assert await shelf.ledger.credential(person(99).number) == person(99)
    assert shelf.rotate().file == "store-3.key"
    assert shelf.files() == ["store-3.key"]


async def test_what_is_registered_half_way_is_wrapped_by_the_new_key(
    shelf: KeyedShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def half_way(connection: Any, after: int, target: Any) -> list[int]:
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        return real(connection, after, target)

    real = rotation._next
    monkeypatch.setattr(rotation, "_next", half_way)
    rotating = asyncio.create_task(asyncio.to_thread(shelf.rotate))
    async with asyncio.timeout(20):
        await began.wait()
    await shelf.ledger.append([draft(CredentialRegistered(person(50)))])
    go_on.set()
    rotated = await rotating
    assert shelf.masters() == {rotated.master}
    await shelf.reopen()
    assert await shelf.ledger.credential(person(50).number) == person(50)


def _at(owner: Any, name: str, call: int, *, done: bool) -> Callable[[pytest.MonkeyPatch], None]:
    """Kill the process at the n-th call of a function, before or after it did its work."""

    def arm(patch: pytest.MonkeyPatch) -> None:
        real, calls = getattr(owner, name), 0

        def killed(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call and not done:
                raise KeyboardInterrupt
            result = real(*arguments, **named)
            if calls == call:
                raise KeyboardInterrupt
            return result

        patch.setattr(owner, name, killed)

    return arm


_KILLED = {
    "the new key is written": _at(MasterKeys, "make", 1, done=True),
    "the root key is being wrapped": _at(Vault, "rewrap", 1, done=False),
    "the root key is wrapped": _at(rotation, "_next", 1, done=False),
    "some keys are wrapped": _at(rotation, "_next", 3, done=False),
    "a key is being wrapped": _at(Vault, "rewrap", 9, done=True),
    "all keys are wrapped": _at(MasterKeys, "destroy", 1, done=False),
    "the old key is renamed": _at(Path, "rename", 2, done=True),
    "the old key is destroyed": _at(MasterKeys, "destroy", 1, done=True),
}


@pytest.mark.parametrize("step", _KILLED)
async def test_a_rotation_that_was_killed_is_finished_by_the_same_command(
    shelf: KeyedShelf, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = shelf.masters()
    with monkeypatch.context() as patch:
        _KILLED[step](patch)
        with pytest.raises(KeyboardInterrupt):
            shelf.rotate()
    await shelf.reopen()
    for number in range(20):
        assert await shelf.ledger.credential(person(number).number) == person(number)
    await shelf.ledger.append([draft(CredentialRegistered(person(30)))])
    rotated = shelf.rotate()
    assert shelf.masters() == {rotated.master} != {before}
    assert shelf.files() == [rotated.file]
    await shelf.reopen()
    assert await shelf.ledger.credential(person(30).number) == person(30)


async def test_questions_are_answered_while_the_key_is_rotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_KEYS_AT_ONCE", 10)
    async with paired(tmp_path) as pair:
        await pair.register(*(person(number) for number in range(300)))
        code = await pair.code(NUMBER)
        rotating = asyncio.create_task(asyncio.to_thread(_rotate, pair))
        asked = 0
        while not rotating.done() or asked < 3:
            answer = (await pair.ask(code)).answer
            assert answer is not None
            assert answer.outcome.value == 1
            asked += 1
        assert rotating.result().keys >= 300
        await pair.stop("XA")
        await pair.start("XA")
        assert (await pair.ask(code)).answer is not None


def _rotate(pair: Pair) -> Rotated:
    home = pair.homes["XA"]
    vault = vault_for(home.data, home.settings)
    with closing(open_database(home.data, "node.db", vault)) as database:
        return rotate_master(database, vault, "", lambda _: None)


async def test_a_backup_from_before_opens_no_more_once_its_master_key_is_destroyed(
    shelf: KeyedShelf, tmp_path: Path
) -> None:
    await shelf.close()
    backup = tmp_path / "backup"
    backup.mkdir()
    shutil.copy2(shelf.path, backup / "node.db")
    await shelf.open()
    shelf.rotate()
    with pytest.raises(Refusal, match="needs key") as refusal:
        open_database(backup, "node.db", shelf.other())
    assert refusal.value.code is Code.STALE


# --- through the command line --------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """XA, with three credentials."""
    found_nodes(tmp_path, "XA")
    (tmp_path / "three.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 3)}")
    done("--data", tmp_path / "XA", "registry", "import", tmp_path / "three.csv")
    return tmp_path / "XA"


def holder(data: Path) -> str:
    shown: str = done("--data", data, "registry", "show", NUMBER)["holder_name"]
    return shown


def test_init_makes_a_master_key_that_only_its_owner_reads(data: Path) -> None:
    file = data / "keys" / "store.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(bytes.fromhex(file.read_text())) == 32


@pytest.mark.parametrize("content", [None, "ab" * 32, "nonsense", "{}"])
def test_a_master_key_that_is_missing_or_another_is_refused(
    data: Path, content: str | None
) -> None:
    file = data / "keys" / "store.key"
    file.unlink()
    if content is not None:
        file.write_text(content)
        file.chmod(0o600)
    said = call("--data", data, "registry", "show", NUMBER, "--json")
    assert (said.status, said.content["code"]) == (4, "stale")
    assert "key" in said.content["reason"]
    assert call("--data", data, "serve", "--json").status == 4


def test_a_database_that_knows_of_no_keys_yet_gets_them_when_it_is_opened(tmp_path: Path) -> None:
    found_nodes(tmp_path, "XA")
    data = tmp_path / "XA"
    (data / "keys" / "store.key").unlink()
    with closing(sqlite3.connect(data / "node.db")) as connection, connection:
        connection.execute("DELETE FROM holder_key")
    assert done("--data", data, "journal", "verify")["verdict"] == "PASS"
    assert (data / "keys" / "store.key").exists()
    (tmp_path / "three.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 3)}")
    done("--data", data, "registry", "import", tmp_path / "three.csv")
    assert holder(data) == "Éloïse Marchand"


def test_the_command_rotates_on_a_server_too(postgres: Postgres, tmp_path: Path) -> None:
    found_nodes(tmp_path, "XA", databases={"XA": postgres.make_database()})
    (tmp_path / "three.csv").write_text(f"{COLUMNS}\n{rows('XA', 1, 3)}")
    data = tmp_path / "XA"
    done("--data", data, "registry", "import", tmp_path / "three.csv")
    before = holder(data)
    rotated = done("--data", data, "database", "rotate-key")
    assert (rotated["file"], rotated["destroyed"]) == ("store-2.key", ["store.key"])
    assert holder(data) == before
    assert done("--data", data, "journal", "verify")["verdict"] == "PASS"


def test_a_move_takes_along_what_is_encrypted(data: Path) -> None:
    before = holder(data)
    done("--data", data, "database", "move", "new.db")
    assert holder(data) == before


def test_the_command_rotates_the_master_key(data: Path) -> None:
    before = holder(data)
    rotated = done("--data", data, "database", "rotate-key")
    assert rotated["destroyed"] == ["store.key"]
    assert (data / "keys" / rotated["file"]).exists()
    assert holder(data) == before
    assert done("--data", data, "journal", "verify")["verdict"] == "PASS"


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    make_token(tmp_path, "store")


@pytest.mark.usefixtures("token")
def test_a_key_in_a_token_wraps_the_master_key(data: Path) -> None:
    pin = data / "keys" / "store.pin"
    pin.write_text(f"{PIN}\n")
    pin.chmod(0o600)
    before = holder(data)
    rotated = done("--data", data, "database", "rotate-key", "--master", TOKEN)
    file = data / "keys" / rotated["file"]
    assert file.read_text().startswith("{")
    assert TOKEN in (data / "symbolon.toml").read_text()
    shown = run("--data", data, "registry", "show", NUMBER, "--json")  # a process of its own
    assert shown.content["holder_name"] == before
    pin.write_text("000000\n")
    refused = run("--data", data, "registry", "show", NUMBER, "--json")
    assert (refused.status, refused.content["code"]) == (4, "stale")
    assert "store/master cannot be used" in refused.content["reason"]
    pin.write_text(f"{PIN}\n")
    back = run("--data", data, "database", "rotate-key", "--master", "file", "--json")
    assert back.content["destroyed"] == [file.name]
    assert holder(data) == before


@pytest.mark.usefixtures("token")
def test_another_token_does_not_open_it(data: Path) -> None:
    pin = data / "keys" / "store.pin"
    pin.write_text(PIN)
    pin.chmod(0o600)
    done("--data", data, "database", "rotate-key", "--master", TOKEN)
    delete = ("softhsm2-util", "--delete-token", "--token", "store")
    subprocess.run(delete, check=True, capture_output=True)
    refused = run("--data", data, "registry", "show", NUMBER, "--json")
    assert (refused.status, refused.content["code"]) == (4, "stale")


@pytest.mark.parametrize(
    "address",
    ["pkcs11:token=a", "hsm:2", "pkcs11:token=a;object=b?module-path=/x", TOKEN + "&slot=1"],
)
def test_an_address_that_is_none_is_refused_and_changes_nothing(data: Path, address: str) -> None:
    said = call("--data", data, "database", "rotate-key", "--master", address, "--json")
    assert (said.status, said.content["code"]) == (2, "malformed")
    assert sorted(path.name for path in (data / "keys").glob("store*")) == ["store.key"]
    assert holder(data)
