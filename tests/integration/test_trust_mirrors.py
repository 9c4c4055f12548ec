"""What a node takes from its mirrors, and how it keeps that."""

import fcntl
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.peers.mirrors import Mirror as MirrorSetting
from tests.federation import role_signer
from tests.refreshing import ISSUERS, OTHER_ISSUERS, Scene
from tests.repository import Repository, answering, mirror_of, write_published


@pytest.fixture
def repository() -> Repository:
    return Repository()


@pytest.fixture
def scene(tmp_path: Path, repository: Repository) -> Iterator[Scene]:
    with mirror_of(repository.served) as mirror:
        yield Scene(tmp_path, mirror, repository)


@pytest.fixture
async def settled(scene: Scene) -> Scene:
    """Return a scene in which the first list has arrived."""
    await scene.fetch()
    scene.mirror.requests.clear()
    return scene


# --- what goes well ------------------------------------------------------------------------


async def test_fetches_a_whole_list_from_a_web_server(scene: Scene) -> None:
    fetched = await scene.fetch()
    assert (fetched.mirror, fetched.changed, fetched.faults) == (scene.mirror.url, True, ())
    view = scene.view()
    assert set(view.nodes) == {"XA", "XB", "XC"}
    assert view.faults == ()
    assert set(view.roles) >= {"root", "targets", "snapshot", "timestamp", "country-XA"}


async def test_a_refresh_with_nothing_new_costs_two_small_requests(settled: Scene) -> None:
    contents = settled.contents()
    assert not (await settled.fetch()).changed
    assert settled.mirror.requests == ["metadata/2.root.json", "metadata/timestamp.json"]
    assert settled.contents() == contents


async def test_only_what_has_changed_is_fetched(settled: Scene) -> None:
    settled.repository.write(ISSUERS, OTHER_ISSUERS)
    assert (await settled.fetch()).changed
    digest = hashlib.sha256(OTHER_ISSUERS).hexdigest()
    assert settled.mirror.requests == [
        "metadata/2.root.json",
        "metadata/timestamp.json",
        "metadata/2.snapshot.json",
        "metadata/2.country-XB.json",
        f"targets/issuers/XB/{digest}.issuers.json",
    ]
    assert settled.view().reference.version == 2


async def test_files_that_are_no_longer_listed_are_removed(settled: Scene) -> None:
    del settled.repository.files[ISSUERS]
    settled.repository.publish("country-XB")
    await settled.fetch()
    assert not (settled.copy / "targets" / ISSUERS).exists()
    assert ("XB", "xb-college") not in settled.view().issuers


async def test_a_country_that_is_expelled_leaves_no_file_behind(settled: Scene) -> None:
    delegations = settled.repository.targets.delegations
    assert delegations is not None
    assert delegations.roles is not None
    del delegations.roles["country-XC"]
    settled.repository.publish("targets")
    await settled.fetch()
    assert not [name for name in settled.contents() if "XC" in name]
    assert "XC" not in settled.view().nodes


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}"])
async def test_fetches_from_a_directory_as_well(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory, form: str
) -> None:
    published = tmp_path_factory.mktemp("published")
    write_published(scene.repository.served, published)
    mirror = form.format(published)
    assert (await scene.fetch(mirror)).mirror == mirror
    assert set(scene.view().nodes) == {"XA", "XB", "XC"}
    assert scene.mirror.requests == []


async def test_fetches_from_a_peer_as_well(scene: Scene) -> None:
    asked: list[str] = []

    async def ask(node: str, name: str) -> bytes:
        asked.append(node)
        content = scene.repository.served.get(name)
        if content is None:
            raise Refusal(Code.UNKNOWN, f"has no {name}")
        return content

    await scene.fetch("peer:XB", ask_peer=ask)
    assert set(asked) == {"XB"}
    assert set(scene.view().nodes) == {"XA", "XB", "XC"}


async def test_a_node_several_roots_behind_follows_each(settled: Scene) -> None:
    repository = settled.repository
    for number in (2, 3, 4):
        repository.rotate("root", role_signer("root", number))
    repository.rotate("timestamp", role_signer("timestamp", 2))
    repository.rotate("snapshot", role_signer("snapshot", 2))
    repository.publish("country-XA")
    await settled.fetch()
    assert settled.view().root_version == 6
    assert settled.view().reference.version == 2
    roots = settled.copy / "metadata" / "root_history"
    assert len(list(roots.iterdir())) == 6


async def test_a_country_may_have_other_keys_from_now_on(settled: Scene) -> None:
    repository = settled.repository
    delegations = repository.targets.delegations
    assert delegations is not None
    old = role_signer("country-XB")
    repository.targets.revoke_key(old.public_key.keyid, "country-XB")
    repository.signers["country-XB"] = [role_signer("country-XB", 2)]
    repository.admit("XB")
    repository.publish("targets", "country-XB")
    await settled.fetch()
    assert "XB" in settled.view().nodes
    repository.signers["country-XB"] = [old]
    repository.publish("country-XB")
    fetched = await settled.fetch()
    assert [fault.partition(":")[0] for fault in fetched.faults] == ["country-XB"]


async def test_a_stolen_publishers_key_is_recovered_from_by_a_newer_root(settled: Scene) -> None:
    repository = settled.repository
    repository.timestamp.version = 1_000_000
    repository.snapshot.version = 1_000_000
    repository.publish()
    await settled.fetch()
    repository.rotate("timestamp", role_signer("timestamp", 2))
    repository.rotate("snapshot", role_signer("snapshot", 2))
    repository.timestamp.version = repository.snapshot.version = 2
    repository.publish("country-XA")
    await settled.fetch()
    assert settled.view().reference.version == 3


# --- mirrors -------------------------------------------------------------------------------


async def test_a_lying_mirror_is_passed_over_for_an_honest_one(settled: Scene) -> None:
    lies = dict.fromkeys(settled.repository.served, b"{}")
    settled.repository.publish("country-XB")
    with mirror_of(lies) as lying:
        fetched = await settled.fetch(lying.url, "peer:XC", settled.mirror.url)
        assert lying.requests
    assert fetched.mirror == settled.mirror.url
    assert settled.view().reference.version == 2


async def test_a_defect_at_one_mirror_does_not_keep_it_from_the_next(settled: Scene) -> None:
    async def broken(_node: str, _name: str) -> bytes:
        raise ZeroDivisionError

    settled.repository.publish("country-XB")
    fetched = await settled.fetch("peer:XC", settled.mirror.url, ask_peer=broken)
    assert fetched.mirror == settled.mirror.url


async def test_the_reason_of_every_mirror_is_told(settled: Scene) -> None:
    settled.mirror.instead["metadata/timestamp.json"] = answering(503)
    gone = settled.base.parent / "gone"
    reason = await settled.refuse(settled.mirror.url, str(gone), "http://127.0.0.1:9/list")
    assert f"{settled.mirror.url}: answers with status 503" in reason
    assert f"{gone}: there is no such directory" in reason
    assert "http://127.0.0.1:9/list: cannot be reached: Connection refused" in reason


async def test_no_redirect_is_followed(settled: Scene) -> None:
    with mirror_of(settled.repository.served) as elsewhere:
        there = f"{elsewhere.url}/metadata/timestamp.json"
        settled.mirror.instead["metadata/timestamp.json"] = answering(302, Location=there)
        assert "status 302 and points elsewhere" in await settled.refuse()
        assert elsewhere.requests == []


async def test_no_proxy_of_the_environment_is_used(
    settled: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirror_of({}) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await settled.fetch()
        assert proxy.requests == []


@pytest.mark.parametrize(
    "mirror",
    [
        "",
        "peer:xb",
        "peer:",
        "ftp://trust.example/list",
        "https://user:secret@trust.example/list",
        "https://trust.example/list?a=b",
        "https://",
        "https://trust.example:port/",
    ],
)
async def test_an_address_that_is_no_mirror_is_refused(scene: Scene, mirror: str) -> None:
    with pytest.raises(Refusal, match=r"trust\.mirrors") as caught:
        MirrorSetting.parse(mirror, scene.base)
    assert "secret" not in caught.value.reason


# --- the local copy ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "metadata/timestamp.json",
        "metadata/snapshot.json",
        "metadata/targets.json",
        "metadata/country-XB.json",
        "metadata/root_history/1.root.json",
        f"targets/{ISSUERS}",
    ],
)
async def test_a_damaged_local_copy_heals_itself(settled: Scene, name: str) -> None:
    (settled.copy / name).write_bytes(b"damaged")
    assert (await settled.fetch()).changed
    assert settled.view().faults == ()
    assert set(settled.view().nodes) == {"XA", "XB", "XC"}


async def test_half_a_replacement_is_undone(settled: Scene) -> None:
    contents = settled.contents()
    settled.copy.rename(settled.base / "trust.replaced")
    assert not (await settled.fetch()).changed
    assert settled.mirror.requests == ["metadata/2.root.json", "metadata/timestamp.json"]
    assert settled.contents() == contents


async def test_two_processes_do_not_refresh_one_copy_at_once(settled: Scene) -> None:
    with (settled.base / "trust.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (settled.base / "trust.fetched").mkdir()
        assert "another process" in await settled.refuse()
        assert (settled.base / "trust.fetched").exists()  # it is the other one's
    await settled.fetch()


async def test_a_trusted_root_that_is_none_starts_nothing(scene: Scene) -> None:
    scene.root = b"{}"
    with pytest.raises(Refusal, match="offers no sound metadata"):
        await scene.fetch()
    assert scene.contents() == {}
