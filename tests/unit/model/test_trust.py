"""Resolving a trust list: what its files say, and what is looked up in it."""

from datetime import date
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.credential import AwardType
from node.model.statement import AgreementReference, Purpose
from node.model.trust import (
    Accreditation,
    IssuersFile,
    OneSided,
    TrustView,
    resolve,
)
from node.model.trust_files import AccreditationEntry
from tests.federation import (
    DAY_US,
    SECOND_US,
    START,
    agreement_files,
    changed_agreement,
    compose,
    expiring,
    issuers_file,
    moment,
    trust_files,
)
from tests.trust_cases import AGREED, ROOT, edited, only_spoilt, refused, seen

# --- what it says --------------------------------------------------------------------------


def test_resolves_the_sample_federation_without_a_fault() -> None:
    view = seen()
    assert view.faults == view.missing == ()
    assert view.one_sided == ()
    assert view.nodes.keys() == view.members.keys() == view.frameworks.keys() == {"XA", "XB", "XC"}
    assert view.name == "Federation of Tests"
    assert view.reference.version == 1
    assert view.expires_at == START + 30 * DAY_US
    assert view.roles["country-XB"].expires_at == view.nodes["XB"].expires_at
    assert view.roles.keys() >= {"root", "targets", "snapshot"}
    assert len(view.node_by_pin) == 3
    assert view.frameworks["XA"].levels == {"NQF 4": {"eqf": 4}, "5": {"eqf": 5}}


def test_names_the_snapshot_as_the_list() -> None:
    bundle = compose(trust_files(), version=7)
    view = resolve(bundle, ROOT, START)
    assert view.reference.version == 7
    again = resolve(compose(trust_files(), version=8), ROOT, START)
    assert again.reference.digest != view.reference.digest


def test_finds_the_agreement_that_covers_the_purpose_or_else_the_newest() -> None:
    files = trust_files()
    files |= agreement_files("XA", "XB", id="older", version=1, purposes=["licensing"])
    files |= agreement_files("XA", "XB", id="newer", version=3, purposes=[])
    files = changed_agreement(files, "xa-xb", purposes=["employment"])
    view = seen(files)

    def found(purpose: Purpose) -> str:
        agreement = view.agreement_for("XB", "XA", purpose, START)
        assert agreement is not None
        return agreement.id

    assert [found(purpose) for purpose in Purpose] == ["xa-xb", "older", "newer"]
    assert view.agreement_named("XA", "XB", AgreementReference("newer", 3), START) is not None
    assert view.agreement_named("XA", "XB", AgreementReference("newer", 2), START) is None
    assert view.agreement_for("XA", "XA", Purpose.EMPLOYMENT, START) is None


def test_an_agreement_counts_for_every_pair_of_its_parties() -> None:
    files = trust_files() | agreement_files("XA", "XB", "XC", id="three", version=9)
    view = seen(files)
    for one, other in (("XA", "XB"), ("XB", "XC"), ("XC", "XA")):
        agreement = view.agreement_for(one, other, Purpose.EMPLOYMENT, START)
        assert agreement is not None
        assert agreement.id == "three"


def test_an_agreement_counts_from_its_first_day_to_the_end_of_its_last() -> None:
    day = {"in_force_from": "2026-11-23", "in_force_until": "2026-11-23"}
    view = seen(changed_agreement(trust_files(), "xa-xb", **day))
    midnight = START - 9 * 60 * 60 * SECOND_US
    for at, counts in (
        (midnight - 1, False),
        (midnight, True),
        (midnight + DAY_US - 1, True),
        (midnight + DAY_US, False),
    ):
        assert (view.agreement_named("XA", "XB", AGREED, at) is not None) is counts


@pytest.mark.parametrize("change", ["drop", "alter"])
def test_an_agreement_that_one_party_lists_alone_is_in_force_for_nobody(change: str) -> None:
    files = trust_files()
    path = "agreements/XB/xa-xb.json"
    if change == "drop":
        del files[path]
    else:
        files[path] = files[path].replace(b'"version":1', b'"version":2')
    view = seen(files)
    assert view.faults == ()
    assert view.agreement_for("XA", "XB", Purpose.EMPLOYMENT, START) is None
    assert view.agreement_for("XA", "XC", Purpose.EMPLOYMENT, START) is not None
    assert OneSided("xa-xb", ("XA",), ("XB",)) in view.one_sided
    assert len(view.one_sided) == (1 if change == "drop" else 2)


def test_nobody_can_bind_a_country_that_is_not_in_the_federation() -> None:
    content = next(iter(agreement_files("XA", "XD").values()))
    view = seen(trust_files() | {"agreements/XA/xa-xd.json": content})
    assert view.faults == ()
    assert view.one_sided == (OneSided("xa-xd", ("XA",), ("XD",)),)


def test_an_agreement_ends_where_the_first_of_its_parties_roles_expires() -> None:
    soon = START + SECOND_US
    view = seen(change=expiring("country-XB", soon))
    assert view.agreement_named("XA", "XB", AGREED, soon - 1) is not None
    assert view.agreement_named("XA", "XB", AGREED, soon) is None


def test_a_later_versions_file_under_a_countrys_own_path_is_left_alone() -> None:
    view = seen(trust_files() | {"issuers/XA/crosswalk.json": b"\xff", "etsi.json": b"{}"})
    assert view.faults == ()


# --- issuers -------------------------------------------------------------------------------


def issuing(**changes: Any) -> TrustView:
    """Resolve a list whose one issuer of XA is a changed one."""
    (entry,) = issuers_file("XA").issuers
    file = IssuersFile((replace(entry, **changes),))
    return seen(trust_files() | {"issuers/XA/issuers.json": msgspec.json.encode(file)})


def accredited(view: TrustView, at: int = START, **changes: Any) -> Accreditation | None:
    """Ask whether XA's college may award a unit for metal workers of EQF level 4."""
    award: dict[str, Any] = {
        "isco08": "7212",
        "level_eqf": 4,
        "award_type": AwardType.UNIT,
    } | changes
    return view.accreditation_at("XA", "xa-college", at, **award)


def test_an_issuer_may_award_what_it_is_accredited_for() -> None:
    view = seen()
    found = accredited(view)
    assert found is not None
    assert found.by == "Ministry of Tests"
    assert accredited(view, isco08="72") is not None
    for other in (
        {"isco08": "7112"},
        {"isco08": "7"},
        {"level_eqf": 5},
        {"award_type": AwardType.LICENCE},
    ):
        assert accredited(view, **other) is None
    assert (
        view.accreditation_at(
            "XB", "xa-college", START, isco08="7212", level_eqf=4, award_type=AwardType.UNIT
        )
        is None
    )


def test_an_accreditation_counts_from_its_first_day_to_the_end_of_its_last() -> None:
    entry = AccreditationEntry(
        ("7",), (4,), ("unit",), date(2026, 11, 23), "Ministry", date(2026, 11, 23)
    )
    view = issuing(accredited=(entry,))
    midnight = START - 9 * 60 * 60 * SECOND_US
    times = (midnight - 1, midnight, midnight + DAY_US - 1, midnight + DAY_US)
    assert [accredited(view, at) is not None for at in times] == [False, True, True, False]


@pytest.mark.parametrize("field", ["suspended_since", "withdrawn_since"])
def test_a_suspended_or_withdrawn_issuer_awards_nothing_from_that_day_on(field: str) -> None:
    view = issuing(**{field: date(2026, 11, 23), "reason": "fraud"})
    before = START - DAY_US
    assert accredited(view, before) is not None
    assert view.issuer_at("XA", "xa-college", before) is not None
    assert accredited(view) is None
    assert view.issuer_at("XA", "xa-college", START) is None
    assert view.issuers["XA", "xa-college"].reason == "fraud"


def test_of_overlapping_accreditations_the_newest_counts() -> None:
    entries = tuple(
        AccreditationEntry(("72",), (4,), ("unit",), date(year, 1, 1), f"Ministry of {year}")
        for year in (2012, 2020, 2016)
    )
    found = accredited(issuing(accredited=entries))
    assert found is not None
    assert found.by == "Ministry of 2020"


def test_two_issuers_of_one_id_cost_the_country_its_place() -> None:
    (entry,) = issuers_file("XA").issuers
    twice = IssuersFile((entry, replace(entry, name="Another")))
    files = trust_files() | {"issuers/XA/issuers.json": msgspec.json.encode(twice)}
    only_spoilt(seen(files), "XA", "same id")


# --- members -------------------------------------------------------------------------------


def test_a_member_may_be_asked_and_answered_until_it_is_suspended() -> None:
    members = [
        {"country": "XA", "since": "2026-11-24"},
        {
            "country": "XB",
            "since": "2026-01-01",
            "suspended_since": moment(START).isoformat(),
            "reason": "unpaid",
        },
        {"country": "XC", "since": "2026-01-01"},
    ]
    view = seen(edited("federation.json", members=members))
    assert view.member("XC", START).id == "XC"
    assert view.member("XB", START - 1).id == "XB"
    assert view.node("XB").id == "XB"  # its old seals must verify
    for node, at, code in (
        ("XB", START, Code.UNTRUSTED),
        ("XA", START, Code.UNTRUSTED),
        ("XD", START, Code.UNKNOWN),
        ("XC", START + 30 * DAY_US, Code.STALE),
    ):
        with pytest.raises(Refusal) as refusal:
            view.member(node, at)
        assert refusal.value.code is code


def test_a_country_that_is_no_member_is_left_out() -> None:
    members = [{"country": country, "since": "2026-01-01"} for country in ("XA", "XC")]
    only_spoilt(seen(edited("federation.json", members=members)), "XB", "no member")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("federation.json", b"{}"),
        ("federation.json", b'{"name":"F","members":[],"extra":1}'),
        (
            "federation.json",
            b'{"name":"F","members":[%b,%b]}' % ((b'{"country":"XA","since":"2026-01-01"}',) * 2),
        ),
        ("policy.json", b'{"seals_required": ["rot13"]}'),
        ("policy.json", b"not json"),
    ],
)
def test_a_file_of_the_federation_that_is_wrong_spoils_the_whole_list(
    path: str, content: bytes
) -> None:
    assert path in refused(compose(trust_files() | {path: content}), Code.MALFORMED)


@pytest.mark.parametrize("path", ["federation.json", "policy.json"])
def test_a_whole_list_must_have_the_federations_own_files(path: str) -> None:
    files = trust_files()
    del files[path]
    assert path in refused(compose(files), Code.MALFORMED, whole=True)
    bundle = compose(trust_files())
    del bundle.files[path]
    assert path in refused(bundle, Code.MALFORMED, whole=True)
    assert resolve(bundle, ROOT, START).missing == (path,)
