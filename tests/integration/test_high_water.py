"""The file outside the database that remembers the largest checkpoint signed."""

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from node.errors import Code, Refusal
from node.model.note import Checkpoint, Ed25519Signer, sign_checkpoint
from node.store.high_water import HighWaterFile
from node.store.keys import add_witness_keys, make_keys, read_keys

SIGNER = Ed25519Signer("xa.example/journal", bytes(range(32)))


def note(size: int) -> bytes:
    root = sha256(b"root %d" % size).digest()
    return sign_checkpoint(Checkpoint("xa.example/journal", size, root), [SIGNER], 0)


def test_a_file_rises_and_never_falls(tmp_path: Path) -> None:
    file = HighWaterFile(tmp_path / "high")
    assert file.read() == b""
    for size, kept in ((5, 5), (3, 5), (5, 5), (6, 6)):
        file.rise(note(size))
        assert file.read() == note(kept)
    assert [path.name for path in tmp_path.iterdir()] == ["high"]


def test_without_a_path_nothing_is_kept() -> None:
    nowhere = HighWaterFile(None)
    nowhere.rise(note(5))
    assert nowhere.read() == b""


def test_what_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for file in (HighWaterFile(tmp_path / "folder"), HighWaterFile(tmp_path / "no" / "file")):
        with pytest.raises(Refusal) as caught:
            file.rise(note(5))
        assert caught.value.code is Code.STALE
        assert str(tmp_path) not in caught.value.reason


def test_a_node_without_witness_keys_reads_and_gets_some(tmp_path: Path) -> None:
    made = make_keys(tmp_path, "XA", datetime(2026, 11, 23, tzinfo=UTC))
    assert read_keys(tmp_path) == made
    for path in tmp_path.glob("witness-*"):
        assert path.stat().st_mode & 0o777 == 0o600
        path.unlink()
    older = read_keys(tmp_path)
    assert (older.witness, older.journal) == ((), made.journal)
    assert older.cosigners("xa.example/journal", post_quantum=True) == []
    again = add_witness_keys(tmp_path)
    assert (again.file, made.witness[0].file) == ("witness", "witness")
    assert again != made.witness[0]
    names = {one.verifier.name for one in read_keys(tmp_path).cosigners("o", post_quantum=True)}
    assert names == {"o/witness"}
