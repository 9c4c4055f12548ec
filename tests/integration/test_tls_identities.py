"""Which of its own certificates a node presents."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.store.keys import make_keys
from node.store.tls_identities import TlsIdentities, make_next_certificate
from tests.federation import START, FixedTrust
from tests.world import FakeClock

_NOW = datetime.fromtimestamp(START // 1_000_000, UTC)


def test_presents_the_one_in_use_while_the_list_names_no_other(tmp_path: Path) -> None:
    keys = make_keys(tmp_path, "XA", _NOW)
    make_next_certificate(tmp_path, "XA", _NOW)
    identities = TlsIdentities(tmp_path, "XA", FixedTrust(), FakeClock())
    assert identities.now().certificate_pem == keys.tls_certificate_pem
    assert identities.now().key_pem == keys.tls_key_pem


def test_a_next_key_that_others_can_read_is_told_and_not_presented(tmp_path: Path) -> None:
    keys = make_keys(tmp_path, "XA", _NOW)
    trust = FixedTrust()
    identities = TlsIdentities(tmp_path, "XA", trust, FakeClock())
    assert identities.now().certificate_pem == keys.tls_certificate_pem
    make_next_certificate(tmp_path, "XA", _NOW)
    (tmp_path / "tls.next.key.pem").chmod(0o644)
    trust.publish(replace(trust.view()))
    with structlog.testing.capture_logs() as logs:
        assert identities.now().certificate_pem == keys.tls_certificate_pem
    assert [log["event"] for log in logs] == ["tls_key_unreadable"]


def test_a_next_certificate_is_never_overwritten(tmp_path: Path) -> None:
    make_keys(tmp_path, "XA", _NOW)
    make_next_certificate(tmp_path, "XA", _NOW)
    with pytest.raises(Refusal) as refusal:
        make_next_certificate(tmp_path, "XA", _NOW)
    assert refusal.value.code is Code.CONFLICT
