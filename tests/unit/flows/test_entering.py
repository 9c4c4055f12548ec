"""What the trust list says to what enters the registry: levels, and who may award what."""

from datetime import date
from typing import Any

import msgspec
import pytest

from node.errors import Refusal
from node.flows.entering import Entering
from node.flows.import_rows import Rejection
from node.flows.registry import Registry
from node.model.credential import Accredited, AwardType, Details
from node.model.trust import TrustView
from node.wire.rows import Unfit
from node.wire.sheets import Row
from tests.federation import (
    FixedTrust,
    SampleTrust,
    issuer_changed,
    issuer_gone,
    sample_trust,
    trust_files,
)
from tests.world import (
    FakeClock,
    MemoryLedger,
    entered_credential,
    sample_credential,
    sample_values,
)

BY = Accredited(date(2010, 1, 1), "Ministry of Tests")


def _entering(trust: SampleTrust | None = None) -> Entering:
    return Entering((trust or sample_trust()).view, "XA")


def _without(*names: str) -> SampleTrust:
    files = {path: data for path, data in trust_files().items() if path not in names}
    return sample_trust(files)


def _faults(trust: SampleTrust | None = None, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(Unfit) as unfit:
        _entering(trust).entered(sample_credential(**changes))
    return [(fault.field, fault.reason) for fault in unfit.value.faults]


def _framework(*levels: dict[str, object]) -> SampleTrust:
    content = {"name": "Framework", "provenance": "Tests", "levels": levels}
    files = trust_files() | {"issuers/XA/framework.json": msgspec.json.encode(content)}
    return sample_trust(files)


# --- accreditation -------------------------------------------------------------------------


def test_writes_down_the_accreditation_that_the_award_rested_on() -> None:
    assert _entering().entered(sample_credential()) == entered_credential()
    named = sample_credential(issuer="xa-college")
    assert _entering().entered(named).details.accreditation == BY


@pytest.mark.parametrize(
    "changes",
    [
        {"isco08": "7411"},
        {"award_type": AwardType.LICENCE},
        {"level_national": "5", "level_eqf": 5},
        {"awarded_on": date(2009, 12, 31)},
    ],
)
def test_refuses_an_award_that_its_issuer_was_not_accredited_for(changes: dict[str, Any]) -> None:
    ((field, reason),) = _faults(**changes)
    assert field == "issuer"
    assert reason.startswith("was not accredited on the day of the award")


def test_refuses_an_issuer_that_the_list_does_not_have() -> None:
    assert _faults(issuer="Academy of Nowhere") == [
        ("issuer", "is none of the country's issuers on the trust list")
    ]


@pytest.mark.parametrize("how", ["withdrawn_since", "suspended_since"])
def test_earlier_awards_of_an_issuer_that_is_gone_stay_good_and_later_ones_do_not(
    how: str,
) -> None:
    trust = issuer_gone(how, date(2019, 6, 28))
    before = sample_credential(awarded_on=date(2019, 6, 27))
    assert _entering(trust).entered(before).details.accreditation == BY
    ((field, _),) = _faults(trust, awarded_on=date(2019, 6, 28))
    assert field == "issuer"


def test_refuses_an_accreditation_that_is_not_the_one_on_the_list() -> None:
    other = Details(accreditation=Accredited(date(2011, 1, 1), "Ministry of Tests"))
    ((field, reason),) = _faults(details=other)
    assert (field, reason) == (
        "accreditation",
        "is from 2010-01-01 by Ministry of Tests on the trust list",
    )


def test_an_accreditation_by_national_level_covers_a_country_without_eqf() -> None:
    files = dict(trust_files())
    files["issuers/XA/framework.json"] = msgspec.json.encode(
        {"name": "CVQ", "provenance": "Tests", "levels": [{"national": "Level 2", "cvq": 2}]}
    )
    accredited = {
        "isco08": ["72"], "levels_eqf": [], "levels_national": ["Level 2"], "from": "2010-01-01",
        "award_types": ["full_qualification"], "by": "Ministry of Tests",
    }  # fmt: skip
    issuer = {"id": "c", "name": sample_credential().issuer, "accredited": [accredited]}
    files["issuers/XA/issuers.json"] = msgspec.json.encode({"issuers": [issuer]})
    entered = _entering(sample_trust(files)).entered(
        sample_credential(level_national="Level 2", level_eqf=0)
    )
    assert (entered.level_eqf, entered.details.level_cvq) == (0, 2)
    assert entered.details.accreditation == BY


def test_an_accreditation_without_any_level_is_refused() -> None:
    files = dict(trust_files())
    accredited = {
        "isco08": ["72"], "levels_eqf": [], "from": "2010-01-01",
        "award_types": ["unit"], "by": "M",
    }  # fmt: skip
    issuer = {"id": "c", "name": "C", "accredited": [accredited]}
    files["issuers/XA/issuers.json"] = msgspec.json.encode({"issuers": [issuer]})
    faults = sample_trust_faults(files)
    assert any("an accreditation must name levels" in fault for fault in faults)


def sample_trust_faults(files: dict[str, bytes]) -> tuple[str, ...]:
    """Return why countries are left out of a list."""
    view: TrustView = sample_trust(files).view
    return view.faults


# --- levels --------------------------------------------------------------------------------


def test_finds_the_levels_that_are_not_said_by_the_framework() -> None:
    trust = _framework({"national": "NQF 4", "eqf": 4, "aqrf": 3, "sadcqf": 5, "cvq": 2})
    details = _entering(trust).entered(sample_credential(level_eqf=0)).details
    assert (details.level_aqrf, details.level_sadcqf, details.level_cvq) == (3, 5, 2)
    assert _entering(trust).entered(sample_credential(level_eqf=0)).level_eqf == 4


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"level_national": "NQF 9"}, ("level_national", "is no level of Framework")),
        ({"level_eqf": 5}, ("level_eqf", "is level 4 by Framework")),
        (
            {"details": Details(level_aqrf=4)},
            ("level_aqrf", "Framework is not referenced to it"),
        ),
    ],
)
def test_refuses_a_level_that_the_framework_does_not_give(
    changes: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert _faults(**changes) == [fault]


def test_a_level_that_nobody_says_is_missing() -> None:
    trust = _without("issuers/XA/framework.json")
    assert _entering(trust).entered(sample_credential()) == entered_credential()
    ((field, reason),) = _faults(trust, level_eqf=0)
    assert field == "level_eqf"
    assert reason.startswith("is missing")


# --- import --------------------------------------------------------------------------------


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger("XA", FakeClock())


def _registry(ledger: MemoryLedger, trust: SampleTrust | None = None) -> Registry:
    return Registry(ledger, FixedTrust(trust), "XA", FakeClock())


async def test_an_import_rejects_awards_outside_the_accreditation(ledger: MemoryLedger) -> None:
    rows = [
        Row(2, sample_values("XA-1")),
        Row(3, sample_values("XA-2", awarded_on="2009-12-31")),
    ]
    report = await _registry(ledger).import_credentials(rows, keep_good=True)
    assert (report.accepted, report.unchecked) == (1, ())
    (rejection,) = report.rejected
    assert (rejection.row, rejection.field) == (3, "issuer")


async def test_an_import_says_where_nobody_could_look_whether_issuers_were_accredited(
    ledger: MemoryLedger,
) -> None:
    trust = _without("issuers/XA/issuers.json")
    row = Row(2, sample_values("XA-1", issuer="Academy of Nowhere"))
    report = await _registry(ledger, trust).import_credentials([row], keep_good=False)
    assert (report.accepted, report.written) == (1, True)
    (sentence,) = report.unchecked
    assert sentence.startswith("the trust list names no issuers of XA")


async def test_the_same_file_changes_nothing_though_the_list_has_changed(
    ledger: MemoryLedger,
) -> None:
    row = Row(2, sample_values("XA-1", level_eqf=""))
    await _registry(ledger).import_credentials([row], keep_good=False)
    gone = issuer_changed(withdrawn_since=date(2012, 1, 1), reason="closed")
    report = await _registry(ledger, gone).import_credentials([row], keep_good=False)
    assert (report.unchanged, report.rejected) == (1, ())


async def test_parts_and_what_is_superseded_stand_in_the_registry_or_before_in_the_file(
    ledger: MemoryLedger,
) -> None:
    whole = sample_values("XA-9", parts="XA-1 | XA-2", supersedes="XA-3")
    rows = [Row(1, sample_values("XA-1")), Row(2, whole), Row(3, sample_values("XA-2"))]
    registry = _registry(ledger)
    report = await registry.import_credentials(rows, keep_good=True)
    reason = "names a credential that is not there; enter that one first"
    assert report.rejected == (
        Rejection(2, "parts", reason),
        Rejection(2, "supersedes", reason),
    )
    rows = [Row(1, sample_values("XA-3")), Row(2, whole)]
    report = await registry.import_credentials(rows, keep_good=False)
    assert report.accepted == 2
    held = await ledger.credential("XA-9")
    assert held is not None
    assert (held.details.parts, held.details.supersedes) == (("XA-1", "XA-2"), "XA-3")


async def test_issues_nothing_that_names_what_is_not_there(ledger: MemoryLedger) -> None:
    with pytest.raises(Refusal, match="parts: names a credential that is not there"):
        await _registry(ledger).issue(sample_credential(details=Details(parts=("XA-7",))))
