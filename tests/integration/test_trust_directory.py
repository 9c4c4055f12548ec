"""A node's local copy of the trust list: what is read of it, and when it counts."""

import shutil
from pathlib import Path

import pytest
from tuf.api.metadata import MetaFile, Timestamp

from node.errors import Code, Refusal
from node.model.trust import TrustBundle
from node.model.trust_metadata import METADATA_SIZE_MAX_BYTES, listed_paths
from node.store.trust_files import TrustDirectory, read_bundle, read_root, write_bundle
from tests.federation import (
    DAY_US,
    START,
    compose,
    make_root,
    moment,
    role_signer,
    sign,
)
from tests.federation import trust_files as sample_files
from tests.world import FakeClock

ROOT = make_root()


def stamp(bundle: TrustBundle, expires_at: int = START + DAY_US, version: int = 1) -> bytes:
    """Sign a timestamp that names the snapshot of a bundle."""
    entry = MetaFile.from_data(version, bundle.metadata["snapshot.json"], ["sha256"])
    timestamp = Timestamp(version=9, expires=moment(expires_at), snapshot_meta=entry)
    return sign(timestamp, [role_signer("timestamp")])


def opened(directory: Path, clock: FakeClock | None = None) -> TrustDirectory:
    """Return the trust directory of a node that trusts the sample federation's root."""
    return TrustDirectory(directory, ROOT, clock or FakeClock())


def refused(directory: Path, code: Code) -> str:
    """Check that a local copy is refused as a whole, and return why."""
    with pytest.raises(Refusal) as refusal:
        opened(directory).read()
    assert refusal.value.code is code
    return refusal.value.reason


def test_reads_back_the_list_that_was_written(tmp_path: Path) -> None:
    bundle = compose(sample_files())
    write_bundle(bundle, tmp_path, stamp(bundle))
    read, view = opened(tmp_path).read()
    assert read == bundle
    assert view.nodes.keys() == {"XA", "XB", "XC"}
    assert view.faults == ()


def test_a_list_expires_with_its_timestamp_and_not_before(tmp_path: Path) -> None:
    bundle, clock = compose(sample_files()), FakeClock()
    write_bundle(bundle, tmp_path)
    _, without = opened(tmp_path, clock).read()
    assert without.expires_at == START + 30 * DAY_US
    write_bundle(bundle, tmp_path, stamp(bundle))
    _, view = opened(tmp_path, clock).read()
    assert view.expires_at == view.roles["timestamp"].expires_at == START + DAY_US
    clock.advance(2 * 24 * 60 * 60)
    _, stale = opened(tmp_path, clock).read()
    with pytest.raises(Refusal, match="has expired"):
        stale.require_fresh(clock())
    write_bundle(bundle, tmp_path, stamp(bundle, START + 60 * DAY_US))
    _, later = opened(tmp_path, clock).read()
    assert later.expires_at == START + 30 * DAY_US


def test_a_timestamp_of_another_snapshot_or_key_is_refused(tmp_path: Path) -> None:
    bundle, newer = compose(sample_files()), compose(sample_files(), version=2)
    write_bundle(bundle, tmp_path, stamp(newer))
    assert "snapshot.json" in refused(tmp_path, Code.UNAUTHENTICATED)
    write_bundle(bundle, tmp_path, make_root())
    assert "timestamp.json" in refused(tmp_path, Code.MALFORMED)


def test_looks_at_no_file_that_no_role_lists(tmp_path: Path) -> None:
    bundle = compose(sample_files())
    write_bundle(bundle, tmp_path)
    for stray in ("targets/nodes/XD/node.json", "targets/notes.json", "metadata/notes.json"):
        path = tmp_path / stray
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"what somebody left there")
    assert opened(tmp_path).read()[0] == bundle


def test_what_a_country_lists_in_vain_is_left_out_of_what_is_adopted(tmp_path: Path) -> None:
    write_bundle(compose(sample_files()), tmp_path)
    (tmp_path / "targets" / "nodes" / "XB" / "node.json").write_bytes(b"{}")
    (tmp_path / "metadata" / "country-XC.json").write_bytes(b"{}")
    bundle, view = opened(tmp_path).read()
    assert view.nodes.keys() == {"XA"}
    assert "nodes/XB/node.json" not in bundle.files
    assert "country-XC.json" not in bundle.metadata
    assert not any("/XC/" in path for path in bundle.files)
    assert opened(tmp_path).restore(bundle, START).nodes == view.nodes


@pytest.mark.parametrize("name", ["metadata", "metadata/snapshot.json", "metadata/targets.json"])
def test_a_copy_without_its_metadata_says_where_it_belongs(tmp_path: Path, name: str) -> None:
    write_bundle(compose(sample_files()), tmp_path)
    gone = tmp_path / name
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    assert str(tmp_path) in refused(tmp_path, Code.STALE)


def test_a_file_beyond_its_bound_is_not_even_read(tmp_path: Path) -> None:
    write_bundle(compose(sample_files()), tmp_path)
    with (tmp_path / "metadata" / "targets.json").open("ab") as file:
        file.truncate(METADATA_SIZE_MAX_BYTES + 1)
    assert "targets.json" in refused(tmp_path, Code.MALFORMED)


def test_an_expired_list_is_refused_and_the_one_in_force_stays(tmp_path: Path) -> None:
    clock = FakeClock()
    write_bundle(compose(sample_files()), tmp_path)
    directory = opened(tmp_path, clock)
    _, view = directory.read()
    directory.publish(view)
    clock.advance(31 * 24 * 60 * 60)
    with pytest.raises(Refusal) as refusal:
        directory.read()
    assert refusal.value.code is Code.STALE
    assert directory.view() is view


def test_a_copy_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresher puts a whole new directory in place of the old one."""
    here, newer = tmp_path / "trust", compose(sample_files(), version=2)
    write_bundle(compose(sample_files()), here)
    write_bundle(newer, tmp_path / "next")
    replaced: list[Path] = []

    def replacing(metadata: dict[str, bytes]) -> set[str]:
        if not replaced:
            replaced.append(here.rename(tmp_path / "last"))
            (tmp_path / "next").rename(here)
        return listed_paths(metadata)

    monkeypatch.setattr("node.store.trust_files.listed_paths", replacing)
    assert read_bundle(here)[0] == newer


def test_the_trusted_root_is_checked_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    with pytest.raises(Refusal) as refusal:
        read_root(path)
    assert refusal.value.code is Code.STALE
    path.write_bytes(ROOT)
    assert read_root(path) == ROOT
    path.write_bytes(make_root(signed_by=[role_signer("snapshot")]))
    with pytest.raises(Refusal) as refusal:
        read_root(path)
    assert refusal.value.code is Code.UNAUTHENTICATED
