"""What mirrors, publishers and countries may try: every attack that TUF is made against."""

import asyncio
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import Signer
from tuf.api.metadata import TargetFile

from node.errors import Refusal
from tests.federation import role_signer, sign
from tests.refreshing import ISSUERS, OTHER_ISSUERS, Scene
from tests.repository import Repository, answering, in_days, mirror_of


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


# --- rollback, freeze, mix and match -------------------------------------------------------


async def test_an_older_timestamp_is_refused_as_going_back(settled: Scene) -> None:
    old = settled.repository.served["metadata/timestamp.json"]
    settled.repository.write(ISSUERS, OTHER_ISSUERS)
    await settled.fetch()
    settled.mirror.served = {**settled.repository.served, "metadata/timestamp.json": old}
    assert "goes back" in await settled.refuse()


async def test_an_older_snapshot_is_refused_as_going_back(settled: Scene) -> None:
    repository = settled.repository
    old = repository.timestamp.snapshot_meta
    repository.publish("country-XB")
    await settled.fetch()
    repository.timestamp.version += 1
    repository.timestamp.snapshot_meta = old
    repository.put("timestamp")
    assert "goes back" in await settled.refuse()


@pytest.mark.parametrize("role", ["targets", "country-XB"])
async def test_older_targets_are_refused_even_with_the_publishers_keys(
    settled: Scene, role: str
) -> None:
    repository = settled.repository
    old = repository.snapshot.meta[f"{role}.json"]
    repository.publish(role)
    await settled.fetch()
    repository.snapshot.meta[f"{role}.json"] = old
    repository.publish()
    assert "goes back" in await settled.refuse()


async def test_a_publisher_cannot_drop_a_country(settled: Scene) -> None:
    del settled.repository.snapshot.meta["country-XB.json"]
    settled.repository.publish()
    assert "country-XB.json" in await settled.refuse()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
async def test_what_has_expired_is_refused_however_new(settled: Scene, role: str) -> None:
    signed = getattr(settled.repository, role)
    signed.expires = in_days(-1)
    settled.repository.publish(*[role] if role == "targets" else [])
    assert "expired" in await settled.refuse()


async def test_an_expired_root_is_refused_and_recovered_from(settled: Scene) -> None:
    repository = settled.repository
    repository.root.expires = in_days(-1)
    repository.publish_root()
    assert "expired" in await settled.refuse()
    repository.root.expires = in_days(365)
    repository.publish_root()
    await settled.fetch()
    assert settled.view().root_version == 3


@pytest.mark.parametrize("role", ["snapshot", "targets", "country-XB"])
async def test_files_of_different_times_are_never_mixed(settled: Scene, role: str) -> None:
    served = settled.repository.served
    old = served[f"metadata/1.{role}.json"]
    settled.repository.publish("targets", "country-XB")
    settled.mirror.served = {**served, f"metadata/2.{role}.json": old}
    assert "another file than the signed metadata names" in await settled.refuse()


async def test_a_file_that_is_missing_at_the_mirror_leaves_nothing_half_done(
    settled: Scene,
) -> None:
    settled.repository.write(ISSUERS, OTHER_ISSUERS)
    digest = hashlib.sha256(OTHER_ISSUERS).hexdigest()
    name = f"targets/issuers/XB/{digest}.issuers.json"
    settled.mirror.instead[name] = answering(404)
    assert "status 404" in await settled.refuse()
    settled.mirror.instead.clear()
    settled.mirror.served = {**settled.repository.served, name: b'{"issuers":[]} '}
    assert "another file" in await settled.refuse()
    settled.mirror.served = {**settled.repository.served, name: b'{"issuers": [ ]}'}
    assert "more than it should" in await settled.refuse()


async def test_a_mirror_that_withholds_a_countrys_role_cannot_expel_it(settled: Scene) -> None:
    settled.repository.publish("country-XB")
    settled.mirror.instead["metadata/2.country-XB.json"] = answering(404)
    assert "status 404" in await settled.refuse()


@pytest.mark.parametrize("kind", ["role", "file"])
async def test_a_country_that_no_mirror_has_is_left_out_only_in_need(
    settled: Scene, kind: str
) -> None:
    settled.repository.files[ISSUERS] = OTHER_ISSUERS
    settled.repository.publish("country-XB", "country-XC")
    digest = hashlib.sha256(OTHER_ISSUERS).hexdigest()
    name = {
        "role": "metadata/2.country-XB.json",
        "file": f"targets/issuers/XB/{digest}.issuers.json",
    }[kind]
    settled.mirror.instead[name] = answering(404)
    await settled.refuse()
    fetched = await settled.fetch(lenient=True)
    assert fetched.faults == ("country-XB: cannot be had: answers with status 404",)
    view = settled.view()
    assert set(view.nodes) == {"XA", "XC"}
    assert view.roles["country-XC"].version == 2
    settled.mirror.instead.clear()
    assert (await settled.fetch()).faults == ()
    assert set(settled.view().nodes) == {"XA", "XB", "XC"}


async def test_in_need_another_mirror_that_has_everything_goes_first(settled: Scene) -> None:
    settled.repository.publish("country-XB")
    lacking = dict(settled.repository.served)
    del lacking["metadata/2.country-XB.json"]
    with mirror_of(lacking) as other:
        fetched = await settled.fetch(other.url, settled.mirror.url, lenient=True)
    assert (fetched.mirror, fetched.faults) == (settled.mirror.url, ())


# --- signatures and keys -------------------------------------------------------------------


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
async def test_a_role_below_its_threshold_is_refused(settled: Scene, role: str) -> None:
    repository = settled.repository
    both: list[Signer] = [role_signer(role), role_signer(role, 2)]
    repository.rotate(role, *both)
    repository.signers[role] = both[:1]
    repository.publish("targets")
    assert "too few of the right keys" in await settled.refuse()
    repository.signers[role] = both
    repository.publish("targets")
    await settled.fetch()
    assert settled.view().reference.version == 3


async def test_a_root_that_the_last_one_has_not_signed_is_refused(settled: Scene) -> None:
    root = settled.repository.root
    root.version += 1
    root.revoke_key(role_signer("root").public_key.keyid, "root")
    root.add_key(role_signer("root", 9).public_key, "root")
    forged = sign(root, [role_signer("root", 9)])
    settled.repository.served["metadata/2.root.json"] = forged
    assert "too few of the right keys" in await settled.refuse()


async def test_a_root_that_skips_a_version_is_refused(settled: Scene) -> None:
    repository = settled.repository
    repository.publish_root()
    repository.publish_root()
    third = repository.served["metadata/3.root.json"]
    settled.mirror.served = {**repository.served, "metadata/2.root.json": third}
    assert "does not belong" in await settled.refuse()


async def test_a_root_that_is_withheld_makes_later_keys_worthless(settled: Scene) -> None:
    repository = settled.repository
    repository.rotate("timestamp", role_signer("timestamp", 2))
    repository.publish_root()
    repository.publish()
    settled.mirror.instead["metadata/2.root.json"] = answering(404)
    assert "too few of the right keys" in await settled.refuse()


async def test_a_stolen_publishers_key_forges_nothing_of_a_country(settled: Scene) -> None:
    repository = settled.repository
    repository.signers["country-XB"] = [role_signer("snapshot"), role_signer("timestamp")]
    repository.files[ISSUERS] = OTHER_ISSUERS
    repository.publish("country-XB")
    fetched = await settled.fetch()
    assert [fault.partition(":")[0] for fault in fetched.faults] == ["country-XB"]
    view = settled.view()
    assert set(view.nodes) == {"XA", "XC"}
    assert OTHER_ISSUERS not in settled.trust.read()[0].files.values()


# --- a country at fault spoils only itself -------------------------------------------------


async def test_a_country_that_reaches_for_anothers_files_spoils_itself(settled: Scene) -> None:
    repository = settled.repository
    stolen = repository.files["nodes/XA/node.json"]
    repository.write("nodes/XA/node.json", stolen)  # XA goes on meanwhile
    targets = repository.countries["XB"]
    targets.version += 1
    targets.targets["nodes/XA/node.json"] = repository.countries["XA"].targets["nodes/XA/node.json"]
    repository.put("country-XB")
    repository.publish()
    fetched = await settled.fetch()
    assert fetched.faults == ("country-XB: lists nodes/XA/node.json, which is not its own",)
    assert set(settled.view().nodes) == {"XA", "XC"}


@pytest.mark.parametrize(
    "path", ["nodes/XB/../../../../escaped.json", "/escaped.json", "nodes/XB/a\nb.json", "nodes"]
)
async def test_no_path_leads_out_of_the_local_copy(settled: Scene, path: str) -> None:
    repository = settled.repository
    targets = repository.countries["XB"]
    targets.version += 1
    entry = targets.targets.pop(ISSUERS)
    entry.path = path
    targets.targets[path] = entry
    repository.put("country-XB")
    repository.publish()
    before = set(settled.base.parent.rglob("*"))
    fetched = await settled.fetch()
    assert [fault.partition(":")[0] for fault in fetched.faults] == ["country-XB"]
    added = {found.name for found in set(settled.base.parent.rglob("*")) - before}
    assert added <= {"2.root.json"}
    assert set(settled.view().nodes) == {"XA", "XC"}


async def test_a_path_of_the_federation_that_leads_out_is_refused_whole(settled: Scene) -> None:
    targets = settled.repository.targets
    targets.version += 1
    entry = targets.targets.pop("policy.json")
    entry.path = "../policy.json"
    targets.targets["../policy.json"] = entry
    settled.repository.put("targets")
    settled.repository.publish()
    assert "a path that cannot be" in await settled.refuse()


@pytest.mark.parametrize("greed", ["files", "size", "digest"])
async def test_a_country_that_would_take_all_the_room_spoils_itself(
    settled: Scene, greed: str
) -> None:
    targets = settled.repository.countries["XB"]
    targets.version += 1
    for number in range(2_001 if greed == "files" else 17):
        path = f"agreements/XB/a{number}.json"
        entry = TargetFile.from_data(path, b"", ["sha512" if greed == "digest" else "sha256"])
        entry.length = 1 << 20 if greed == "size" else 0
        targets.targets[path] = entry
    settled.repository.put("country-XB")
    settled.repository.publish("country-XC")
    fetched = await settled.fetch()
    assert [fault.partition(" lists")[0] for fault in fetched.faults] == ["country-XB:"]
    assert settled.view().roles["country-XC"].version == 2
    assert set(settled.view().nodes) == {"XA", "XC"}


async def test_the_federation_cannot_list_a_countrys_files(settled: Scene) -> None:
    targets = settled.repository.targets
    targets.version += 1
    path = "nodes/XA/node.json"
    targets.targets[path] = settled.repository.countries["XB"].targets["nodes/XB/node.json"]
    targets.targets[path].path = path
    settled.repository.put("targets")
    settled.repository.publish()
    assert "a country's alone" in await settled.refuse()


async def test_an_expired_country_spoils_only_itself(settled: Scene) -> None:
    settled.repository.countries["XB"].expires = in_days(-1)
    settled.repository.publish("country-XB", "country-XC")
    fetched = await settled.fetch()
    assert [fault.partition(" (")[0] for fault in fetched.faults] == [
        "country-XB: offers what has expired"
    ]
    view = settled.view()
    assert set(view.nodes) == {"XA", "XC"}
    assert view.roles["country-XC"].version == 2


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b'{"signed": 7}', b"\xff\xfe"])
async def test_a_malformed_country_spoils_only_itself(settled: Scene, content: bytes) -> None:
    repository = settled.repository
    repository.countries["XB"].version += 1
    repository.put("country-XB", content)
    repository.publish("country-XC")
    fetched = await settled.fetch()
    assert [fault.partition(":")[0] for fault in fetched.faults] == ["country-XB"]
    view = settled.view()
    assert set(view.nodes) == {"XA", "XC"}
    assert view.roles["country-XC"].version == 2
    repository.publish("country-XB")
    assert (await settled.fetch()).faults == ()
    assert set(settled.view().nodes) == {"XA", "XB", "XC"}


async def test_a_country_that_has_published_nothing_yet_is_named(settled: Scene) -> None:
    settled.repository.admit("XD")
    settled.repository.publish("targets")
    assert (await settled.fetch()).faults == ("country-XD: has published nothing yet",)
    assert set(settled.view().nodes) == {"XA", "XB", "XC"}


# --- malformed, oversized, endless, slow ---------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 10_000, b'{"signed": {}}', b"\x00" * 100, b'"' + b"a" * 99 + b'"']
)
async def test_a_malformed_timestamp_is_refused(settled: Scene, content: bytes) -> None:
    settled.mirror.served = {**settled.repository.served, "metadata/timestamp.json": content}
    assert "offers no sound metadata" in await settled.refuse()


async def test_no_damage_to_metadata_is_a_defect_or_believed(settled: Scene) -> None:
    settled.repository.publish("targets", "country-XB")
    served = settled.repository.served
    dice = random.Random(20261123)
    names = ["metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.targets.json"]
    for _ in range(60):
        name = dice.choice(names)
        content = bytearray(served[name])
        for _ in range(dice.randint(1, 8)):
            place = dice.randrange(len(content))
            content[place : place + dice.randint(0, 3)] = dice.randbytes(dice.randint(0, 3))
        if json.loads(served[name]) == _read(bytes(content)):
            continue  # only white space differs
        settled.mirror.served = {**served, name: bytes(content)}
        assert "a defect" not in await settled.refuse()
    settled.mirror.served = served
    await settled.fetch()


def _read(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return None


async def test_an_oversized_timestamp_is_refused(settled: Scene) -> None:
    settled.mirror.served = {
        **settled.repository.served,
        "metadata/timestamp.json": b" " * 20_000,
    }
    assert "more than it should" in await settled.refuse()


async def test_no_length_that_a_publisher_announces_lifts_the_bound(settled: Scene) -> None:
    repository = settled.repository
    repository.publish()
    meta = repository.timestamp.snapshot_meta
    meta.length = 10**12
    repository.timestamp.version += 1
    repository.put("timestamp")
    settled.mirror.instead["metadata/2.snapshot.json"] = settled.mirror.pour
    assert "more than" in await settled.refuse()


@pytest.mark.parametrize(
    "name", ["metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json"]
)
async def test_endless_data_end_the_refresh(settled: Scene, name: str) -> None:
    settled.repository.publish()
    settled.mirror.instead[name] = settled.mirror.pour
    assert "more than" in await settled.refuse()


@pytest.mark.parametrize("name", ["metadata/2.root.json", "metadata/timestamp.json"])
async def test_slow_data_end_the_refresh_in_time(settled: Scene, name: str) -> None:
    settled.mirror.instead[name] = settled.mirror.trickle
    assert "took longer than 0.3 s" in await settled.refuse(timeout_s=0.3)


async def test_slow_headers_end_the_refresh_in_time(settled: Scene) -> None:
    settled.mirror.instead["metadata/timestamp.json"] = settled.mirror.trickle_headers
    assert "took longer than 0.3 s" in await settled.refuse(timeout_s=0.3)


async def test_a_peer_that_never_answers_ends_the_refresh_in_time(settled: Scene) -> None:
    asked = asyncio.Event()

    async def never(_node: str, _name: str) -> bytes:
        asked.set()
        await asyncio.Event().wait()
        return b""

    with pytest.raises(Refusal, match="took longer than"):
        await settled.fetch("peer:XB", ask_peer=never, timeout_s=0.3)
    assert asked.is_set()


async def test_a_refresh_that_is_cancelled_ends_its_thread(settled: Scene) -> None:
    settled.mirror.instead["metadata/timestamp.json"] = settled.mirror.trickle_headers
    contents = settled.contents()
    fetching = asyncio.create_task(settled.fetch(timeout_s=60))
    async with asyncio.timeout(10):
        await asyncio.to_thread(settled.mirror.trickling.wait)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await asyncio.get_running_loop().shutdown_default_executor()
    assert settled.contents() == contents
