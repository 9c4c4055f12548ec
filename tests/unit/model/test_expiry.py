"""What of a trust list ends when."""

from datetime import UTC, date, datetime
from pathlib import PurePosixPath

import msgspec
from msgspec.structs import replace

from node.model.expiry import Expiry, ends, expiries
from node.model.trust import TrustView
from tests.federation import (
    DAY_US,
    NODES,
    START,
    certificate_entry,
    changed_agreement,
    issuers_file,
    journal_signers,
    key_entry,
    node_file,
    sample_trust,
    trust_files,
)

_SOON = datetime(2027, 1, 1, tzinfo=UTC)
_LATER = datetime(2028, 1, 1, tzinfo=UTC)


def _at(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def _view(**changes: object) -> TrustView:
    """Return the sample list with another description of XB."""
    described = replace(node_file("XB"), **changes)
    path = PurePosixPath("nodes/XB/node.json")
    return sample_trust({**trust_files(), str(path): msgspec.json.encode(described)}).view


def _found(view: TrustView, kind: str, name: str) -> Expiry | None:
    return next((end for end in expiries(view) if (end.kind, end.name) == (kind, name)), None)


def test_tells_the_end_of_every_role_the_first_first() -> None:
    ends = expiries(sample_trust().view)
    roles = {end.name: end.at for end in ends if end.kind == "role"}
    assert roles.keys() == {
        "root",
        "targets",
        "snapshot",
        *(f"country-{node_id}" for node_id in NODES),
    }
    assert roles["country-XA"] == START + 30 * DAY_US
    assert [end.at for end in ends] == sorted(end.at for end in ends)


def test_a_node_lasts_as_long_as_its_last_certificate() -> None:
    old = replace(certificate_entry("XB"), valid_until=_SOON)
    end = _found(_view(tls=(old,)), "certificate", "XB")
    assert end is not None
    assert end.at == _at(_SOON)
    both = _view(tls=(old, certificate_entry("XB", 2)))
    end = _found(both, "certificate", "XB")
    assert end is not None
    assert end.at == _at(datetime(2100, 1, 1, tzinfo=UTC))


def test_a_journal_key_without_an_end_has_none_to_tell() -> None:
    described = node_file("XB")
    ed25519, mldsa44 = journal_signers("XB")
    view = _view(
        journal=replace(
            described.journal,
            keys=(
                key_entry("XB", ed25519, valid_until=_SOON),
                key_entry("XB", journal_signers("XB", 2)[0], valid_until=_LATER),
                key_entry("XB", mldsa44),
            ),
        )
    )
    end = _found(view, "key", "XB ed25519")
    assert end is not None
    assert end.at == _at(_LATER)
    assert _found(view, "key", "XB ml-dsa-44") is None


def test_time_to_act_follows_from_how_long_it_lasts() -> None:
    before = {end.name: end.warn_before_us / DAY_US for end in expiries(sample_trust().view)}
    assert before["root"] == before["targets"] == before["XA"] == 30
    assert before["country-XA"] == 10
    assert before["snapshot"] == 2
    end = Expiry("role", "root", START, 30 * DAY_US)
    assert end.is_near(START - 30 * DAY_US)
    assert not end.is_near(START - 30 * DAY_US - 1)
    assert end.is_near(START + 1)


def test_a_report_also_tells_of_agreements_accreditations_and_single_keys() -> None:
    files = changed_agreement(trust_files(), "xa-xb", in_force_until="2026-12-01")
    files = changed_agreement(files, "xb-xc", in_force_until="2026-11-01")
    (issuer,) = issuers_file("XC").issuers
    ending = replace(issuer.accredited[0], until=date(2026, 12, 24))
    content = {"issuers": [replace(issuer, accredited=(ending,))]}
    files["issuers/XC/issuers.json"] = msgspec.json.encode(content)
    old = replace(certificate_entry("XB"), valid_until=_SOON)
    described = replace(node_file("XB"), tls=(old, certificate_entry("XB", 2)))
    files["nodes/XB/node.json"] = msgspec.json.encode(described)
    view = sample_trust(files).view
    found = {(end.kind, end.name): end for end in ends(view, START)}
    assert found["agreement", "xa-xb"].at == START + 8 * DAY_US + 15 * 3_600 * 1_000_000
    assert found["agreement", "xa-xb"].is_near(START)
    assert ("agreement", "xb-xc") not in found  # it has ended; nobody has to act
    assert not found["accreditation", "XC xc-college"].is_near(START)
    (single,) = [end for end in found.values() if end.at == _at(_SOON)]
    assert (single.kind, single.name.split()[0]) == ("certificate", "XB")
    assert not single.is_near(_at(_SOON) - 1)  # the other one outlasts it


def test_a_report_holds_all_that_health_and_metrics_warn_of() -> None:
    view = sample_trust().view
    assert set(expiries(view)) <= set(ends(view, START))
    assert [end.at for end in ends(view, START)] == sorted(end.at for end in ends(view, START))
