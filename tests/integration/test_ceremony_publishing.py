"""What a federation publishes: keys that change, and what clients see in between."""

import shutil
from pathlib import Path

import pytest

from tests.integration.ceremony import Ceremony, found_with_xa, refused
from tests.integration.command_line import call, done


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published federation with XA as its member; tests that change it take a copy."""
    place = tmp_path_factory.mktemp("founded")
    found_with_xa(place)
    return place


@pytest.fixture
def ceremony(founded: Path, tmp_path: Path) -> Ceremony:
    return Ceremony(Path(shutil.copytree(founded, tmp_path / "place")))


# --- keys that change ----------------------------------------------------------------------


def test_a_new_root_needs_the_old_keys_and_the_new_ones(ceremony: Ceremony) -> None:
    client = ceremony.client()
    client.refresh()
    said = done(
        *("trust", "rotate", ceremony.directory, "root"),
        *("--remove", ceremony.public("anna"), "--remove", ceremony.keyid("ben")[:8]),
        *("--add", ceremony.public("new"), "--threshold", "2"),
    )["staged"][0]
    assert [one["missing"] for one in said["signatures"]] == [3, 2]
    assert any(line.startswith("root: key anna (") for line in said["changes"])
    assert "root: 2 have to sign instead of 3." in said["changes"]
    ceremony.signed(root=("new", "cleo"))
    reason = refused(3, "unauthenticated", *ceremony.publishing())
    assert reason == "not published: root lacks 2 of 3 signatures, by anna or ben or dan or eve"
    ceremony.signed(root=("anna", "ben"))
    assert ceremony.publish()["roles"] == {"root": 2, "timestamp": 2}
    ceremony.client().refresh()
    ceremony.client("newcomer").refresh()


def test_new_country_keys_sign_what_the_country_says(ceremony: Ceremony) -> None:
    done(
        *("trust", "rotate", ceremony.directory, "XA"),
        *("--remove", ceremony.public("ida"), "--add", ceremony.public("kim")),
    )
    assert {path.stem for path in (ceremony.directory / "staged").iterdir()} == {
        *("targets", "country-XA"),
    }
    ceremony.signed(targets=("fay", "gus"), country_XA=("jan",))
    file, key = ceremony.carry("country-XA", "ida")
    refused(3, "untrusted", "trust", "sign", file, "--key", key, "--yes")
    ceremony.signed(country_XA=("kim",))
    ceremony.publish()
    assert ceremony.fetch("nodes/XA/node.json") is not None
    words: tuple[str | Path, ...] = (
        "trust",
        "rotate",
        ceremony.directory,
        "XA",
        "--remove",
        ceremony.public("ida"),
    )
    assert "has no such key" in refused(3, "unknown", *words)


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_a_client_in_between_never_finds_a_publishers_key_half_changed(
    ceremony: Ceremony, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.store import publication

    ceremony.client().refresh()
    done(
        *("trust", "rotate", ceremony.directory, role),
        *("--remove", ceremony.public(role), "--add", ceremony.public("new")),
    )
    ceremony.signed(root=("anna", "ben", "cleo"))
    reason = refused(3, "unauthenticated", *ceremony.publishing())
    assert f"{role} lacks 1 of 1 signatures" in reason
    write, written = publication.replace_content, []

    def writes_and_looks(path: Path, content: bytes) -> None:
        write(path, content)
        written.append(path.name)
        ceremony.client("fresh" + str(len(written))).refresh()
        ceremony.client().refresh()

    monkeypatch.setattr(publication, "replace_content", writes_and_looks)
    said = ceremony.publish(f"--{role}-key", ceremony.key("new"))
    assert said["seamless"]
    assert written[-2:] == ["timestamp.json", "2.root.json"]
    monkeypatch.undo()
    ceremony.key(role).write_bytes(ceremony.key("new").read_bytes())
    ceremony.public(role).write_bytes(ceremony.public("new").read_bytes())
    ceremony.publish()
    ceremony.client().refresh()


# --- publishing ----------------------------------------------------------------------------


def test_publishing_with_nothing_staged_renews_the_timestamp_only(ceremony: Ceremony) -> None:
    before = sorted((ceremony.directory / "published").rglob("*.json"))
    assert ceremony.publish()["roles"] == {"timestamp": 2}
    assert sorted((ceremony.directory / "published").rglob("*.json")) == before
    ceremony.client().refresh()


def test_a_list_that_waits_for_one_country_does_not_hold_up_the_others(
    ceremony: Ceremony,
) -> None:
    done("trust", "renew", ceremony.directory, "XA", "targets")
    ceremony.signed(targets=("fay", "gus"))
    refused(3, "unauthenticated", *ceremony.publishing())
    assert ceremony.publish("--renew-only")["roles"] == {"timestamp": 2}
    roles = ceremony.publish("--leave", "XA")["roles"]
    assert roles == {"targets": 2, "snapshot": 2, "timestamp": 3}
    assert ceremony.staged("country-XA").exists()


def test_brings_a_web_servers_directory_up_to_date(ceremony: Ceremony, tmp_path: Path) -> None:
    server = tmp_path / "server"
    ceremony.publish("--to", server)
    done("trust", "renew", ceremony.directory, "XA")
    ceremony.signed(country_XA=("ida", "jan"))
    ceremony.publish("--to", server)
    client = ceremony.client("server-client", server)
    client.refresh()
    info = client.get_targetinfo("nodes/XA/node.json")
    assert info is not None
    here = {path.relative_to(server) for path in server.rglob("*.json")}
    published = ceremony.directory / "published"
    assert here == {path.relative_to(published) for path in published.rglob("*.json")}


def test_only_the_publishers_keys_sign_what_is_newest(ceremony: Ceremony) -> None:
    words: tuple[str | Path, ...] = (
        "trust",
        "publish",
        ceremony.directory,
        "--snapshot-key",
        ceremony.key("snapshot"),
    )
    words = (*words, "--timestamp-key", ceremony.key("snapshot"))
    assert "no key of timestamp" in refused(3, "untrusted", *words)


def test_one_command_at_a_time_and_only_where_there_is_a_federation(
    ceremony: Ceremony, tmp_path: Path
) -> None:
    import fcntl

    with (ceremony.directory / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        reason = refused(4, "busy", "trust", "renew", ceremony.directory, "XA")
    assert "at work" in reason
    (tmp_path / "empty").mkdir()
    reason = refused(3, "unknown", "trust", "staged", tmp_path / "empty")
    assert "new-federation" in reason
    said = call("trust", "new-federation", ceremony.directory, "--json")
    assert said.status == 2
