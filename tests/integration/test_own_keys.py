"""Which of its own keys a node uses: what it presents over TLS, and what signs its journal."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.trust import TrustView
from node.model.trust_entries import Certificate, JournalKey, Node
from node.store.keys import (
    KeyFiles,
    add_certificate,
    add_journal_keys,
    delete_keys,
    make_keys,
    read_keys,
)
from node.store.own_keys import SIGNS_ON_US, JournalSigners, TlsIdentities
from tests.federation import SECOND_US, START, FixedTrust
from tests.world import FakeClock

_NOW = datetime.fromtimestamp(START // SECOND_US, UTC)
_ORIGIN = "xa.example/journal"
_HOUR_US = 3600 * SECOND_US


@pytest.fixture
def keys(tmp_path: Path) -> KeyFiles:
    return make_keys(tmp_path, "XA", _NOW)


def _with_node(trust: FixedTrust, **changes: object) -> TrustView:
    """Return the list in force with another description of XA."""
    view = trust.view()
    node: Node = replace(view.node("XA"), **changes)
    return replace(view, nodes={**view.nodes, "XA": node})


def test_presents_the_oldest_while_the_list_names_none(keys: KeyFiles, tmp_path: Path) -> None:
    add_certificate(tmp_path, "XA", _NOW)
    identities = TlsIdentities(tmp_path, "XA", FixedTrust(), FakeClock())
    assert identities.now().certificate_pem == keys.tls[0].certificate_pem
    assert identities.now().key_pem == keys.tls[0].key_pem


def test_presents_the_newest_that_counts_from_the_moment_it_does(
    keys: KeyFiles, tmp_path: Path
) -> None:
    trust, clock = FixedTrust(), FakeClock()
    identities = TlsIdentities(tmp_path, "XA", trust, clock)
    fresh = add_certificate(tmp_path, "XA", _NOW)
    far = START + 1_000 * _HOUR_US
    since = clock() + _HOUR_US
    certificates = (
        Certificate(b"", keys.tls[0].pin, START, since + _HOUR_US, far),
        Certificate(b"", fresh.pin, since, None, far),
    )
    trust.publish(_with_node(trust, certificates=certificates))
    assert identities.now().certificate_pem == keys.tls[0].certificate_pem
    assert identities.now().until == since
    clock.advance(3601)
    assert identities.now().certificate_pem == fresh.certificate_pem


def test_a_next_key_that_others_can_read_is_told_once_and_not_presented(
    keys: KeyFiles, tmp_path: Path
) -> None:
    trust = FixedTrust()
    identities = TlsIdentities(tmp_path, "XA", trust, FakeClock())
    add_certificate(tmp_path, "XA", _NOW)
    (tmp_path / "tls-2.key.pem").chmod(0o644)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert identities.now().certificate_pem == keys.tls[0].certificate_pem
    assert [log["event"] for log in logs] == ["key_file_unreadable"]


def test_a_certificate_that_is_still_being_written_is_read_with_a_later_look(
    keys: KeyFiles, tmp_path: Path
) -> None:
    trust = FixedTrust()
    identities = TlsIdentities(tmp_path, "XA", trust, FakeClock())
    fresh = add_certificate(tmp_path, "XA", _NOW)
    (tmp_path / "tls-2.cert.pem").write_bytes(fresh.certificate_pem[:300])
    trust.publish(
        _with_node(trust, certificates=(Certificate(b"", fresh.pin, START, None, START),))
    )
    assert identities.now().certificate_pem == keys.tls[0].certificate_pem
    (tmp_path / "tls-2.cert.pem").write_bytes(fresh.certificate_pem)
    assert identities.now().certificate_pem == fresh.certificate_pem


def test_a_renewal_never_overwrites_and_reads_back_in_order(keys: KeyFiles, tmp_path: Path) -> None:
    second = add_certificate(tmp_path, "XA", _NOW), add_journal_keys(tmp_path)
    third = add_certificate(tmp_path, "XA", _NOW), add_journal_keys(tmp_path)
    found = read_keys(tmp_path)
    assert found.tls == (keys.tls[0], second[0], third[0])
    assert found.journal == (keys.journal[0], second[1], third[1])
    delete_keys(tmp_path, [keys.tls[0], second[0], keys.journal[0], second[1]])
    assert read_keys(tmp_path) == replace(keys, journal=(third[1],), tls=(third[0],))
    assert add_journal_keys(tmp_path).file == "journal-4"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_what_an_interrupted_renewal_left_is_passed_over(keys: KeyFiles, tmp_path: Path) -> None:
    add_certificate(tmp_path, "XA", _NOW)
    add_journal_keys(tmp_path)
    (tmp_path / "tls-2.cert.pem").unlink()
    (tmp_path / "journal-2-ed25519.seed").unlink()
    assert read_keys(tmp_path) == keys
    assert add_certificate(tmp_path, "XA", _NOW).file == "tls-3"
    assert add_journal_keys(tmp_path).file == "journal-3"


def test_keys_are_made_once(keys: KeyFiles, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        make_keys(tmp_path, "XA", _NOW + timedelta(days=1))
    assert refusal.value.code is Code.CONFLICT
    assert read_keys(tmp_path) == keys


def test_old_and_new_journal_keys_sign_until_the_old_ones_have_ended_for_a_while(
    keys: KeyFiles, tmp_path: Path
) -> None:
    trust, clock = FixedTrust(), FakeClock()
    signing = JournalSigners(
        tmp_path, node="XA", origin=_ORIGIN, post_quantum=True, trust=trust, clock=clock
    )
    old = [signer.verifier for signer in keys.signers(_ORIGIN, post_quantum=True)]
    assert [signer.verifier for signer in signing.now()] == old
    seeds = add_journal_keys(tmp_path)
    new = [signer.verifier for signer in seeds.signers(_ORIGIN, post_quantum=True)]
    assert [signer.verifier for signer in signing.now()] == [*old, *new]
    until = clock() + _HOUR_US
    listed = (
        *(JournalKey(key, START, until, "renewal") for key in old),
        *(JournalKey(key, START, None) for key in new),
    )
    trust.publish(_with_node(trust, journal_keys=listed))
    clock.advance((_HOUR_US + SIGNS_ON_US) // SECOND_US - 1)
    assert [signer.verifier for signer in signing.now()] == [*old, *new]
    clock.advance(2)
    assert [signer.verifier for signer in signing.now()] == new


def test_a_journal_whose_keys_have_all_ended_is_signed_all_the_same(
    tmp_path: Path,
) -> None:
    trust, clock = FixedTrust(), FakeClock()
    make_keys(tmp_path, "XA", _NOW)
    add_journal_keys(tmp_path)
    both = [one.verifier for one in read_keys(tmp_path).signers(_ORIGIN, post_quantum=True)]
    ended = tuple(JournalKey(key, START - 2, START - 1, "lost") for key in both)
    trust.publish(_with_node(trust, journal_keys=ended))
    clock.advance(24 * 3600)
    signing = JournalSigners(
        tmp_path, node="XA", origin=_ORIGIN, post_quantum=True, trust=trust, clock=clock
    )
    assert [signer.verifier for signer in signing.now()] == both
