"""Audits judge each entry by the trust list in force then, as it counted when it was adopted."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from securesystemslib.signer import Signer

from node.audit.findings import Check, Verdict
from node.model.statement import Answer
from node.model.trust import TrustBundle, resolve
from tests.federation import (
    DAY_US,
    SECOND_US,
    START,
    SampleTrust,
    changed_agreement,
    compose,
    expiring,
    make_root,
    moment,
    role_signer,
    sample_trust,
    trust_files,
)
from tests.journals import XA, XB, Border, audited, found, sentence
from tests.trust_cases import ROOT, edited

SOON = START + 3 * SECOND_US


def exchanged(border: Border) -> tuple[int, int]:
    """Exchange once about a fresh credential; returns where it was asked and answered."""
    code = border.give(border.register())
    asked, answered, _ = border.exchange(border.query(code))
    return asked[0], answered[0]


def adopted_by_both(border: Border, trust: SampleTrust) -> None:
    """Let both nodes follow another list from now on."""
    for journal in (border.asking, border.answering):
        journal.adopt(trust, border.now)
        journal.commit(border.now)
    border.step()


def test_passes_journals_that_outlive_many_lists_and_their_expiry() -> None:
    border = Border(trust=sample_trust(expires_at=START + DAY_US))
    for version in range(2, 7):
        exchanged(border)
        border.step(24 * 60 * 60 - 10)
        adopted_by_both(border, sample_trust(version=version, expires_at=border.now + DAY_US))
    exchanged(border)
    assert audited(border).verdict is Verdict.PASS


def test_decides_again_by_the_agreement_in_force_then_and_not_by_the_newest() -> None:
    border = Border()
    exchanged(border)
    ended = changed_agreement(trust_files(), "xa-xb", in_force_until="2026-11-22")
    adopted_by_both(border, sample_trust(ended, version=2))
    assert audited(border).verdict is Verdict.PASS
    border.answer(border.put([border.query(border.give(border.register()))]))
    assert found(audited(border)) == {(Check.AGREEMENT, XA, len(border.asking.entries) - 1)}


def test_an_answer_under_an_ended_agreement_fails_and_the_one_before_stays_right() -> None:
    border = Border()
    code = border.give(border.register())
    said: list[Answer] = []

    def remember(answer: Answer) -> Answer:
        said.append(answer)
        return answer

    _, before, _ = border.exchange(border.query(code), change=remember)
    ended = changed_agreement(trust_files(), "xa-xb", in_force_until="2026-11-22")
    adopted_by_both(border, sample_trust(ended, version=2))
    border.exchange(
        border.query(code),
        change=lambda answer: replace(
            answer,
            outcome=said[0].outcome,
            rule=None,
            disclosed=said[0].disclosed,
            good_until=answer.evaluated_at + (said[0].good_until - said[0].evaluated_at),
        ),
    )
    report = audited(border)
    failed = {(check, index) for check, journal, index in found(report) if journal == XB}
    after = len(border.answering.entries) - 1
    assert failed == {(Check.RECOMPUTED, after)}
    assert sentence(report, Check.RECOMPUTED) == ("says CONFIRMED, but the registry gives REFUSED")
    assert before[0] not in {index for _, index in failed}


def test_finds_what_was_asked_of_a_suspended_node_and_answered_to_one() -> None:
    for country, check, journal, place in (
        ("XB", Check.AGREEMENT, XA, 0),
        ("XA", Check.PARTIES, XB, 1),
    ):
        members = [
            {"country": one, "since": "2026-01-01"}
            | ({"suspended_since": moment(SOON).isoformat()} if one == country else {})
            for one in ("XA", "XB", "XC")
        ]
        border = Border(trust=sample_trust(edited("federation.json", members=members)))
        exchanged(border)
        report = audited(border)
        assert report.verdict is Verdict.PASS
        at = exchanged(border)
        report = audited(border)
        assert found(report) == {(check, journal, at[place])}
        assert "suspended" in sentence(report, check)


def test_finds_what_was_said_after_the_countrys_own_role_had_expired() -> None:
    border = Border(trust=sample_trust(change=expiring("country-XA", SOON)))
    exchanged(border)
    assert audited(border).verdict is Verdict.PASS
    asked, _ = exchanged(border)
    report = audited(border)
    assert (Check.TRUST_REFERENCE, XA, asked) in found(report)
    assert (Check.TRUST_REFERENCE, XA, asked - 1) not in found(report)


def test_finds_a_list_adopted_after_it_had_expired() -> None:
    border = Border()
    index = border.asking.adopt(sample_trust(version=2, expires_at=START), border.now)
    border.asking.commit(border.now)
    report = audited(border)
    assert found(report) == {(Check.TRUST_REFERENCE, XA, index)}
    assert "had expired" in sentence(report, Check.TRUST_REFERENCE)


def test_a_countrys_own_fault_is_nobody_elses_finding() -> None:
    broken = trust_files() | {"nodes/XC/node.json": b"{}"}
    border = Border(trust=sample_trust(broken))
    assert border.trust.view.faults
    exchanged(border)
    assert audited(border).verdict is Verdict.PASS


@pytest.mark.parametrize("part", ["country-XC.json", "nodes/XC/node.json"])
def test_what_is_left_out_of_an_enclosed_list_leaves_the_audit_open(part: str) -> None:
    border = Border()
    exchanged(border)
    short = dropped(border.trust.bundle, part)
    records = (short if one == border.trust.bundle else one for one in border.asking.records())
    report = audited(border, records)
    assert found(report, Verdict.INDETERMINATE) >= {(Check.TRUST_LIST, XA, None)}
    assert part in sentence(report, Check.TRUST_LIST)
    assert report.verdict is Verdict.INDETERMINATE


def dropped(bundle: TrustBundle, part: str) -> TrustBundle:
    """Return a bundle without a country's metadata and files, or without one file."""
    country = part.removeprefix("country-").removesuffix(".json")
    return TrustBundle(
        {name: content for name, content in bundle.metadata.items() if name != part},
        {
            path: content
            for path, content in bundle.files.items()
            if path != part and f"/{country}/" not in path
        },
    )


def test_finds_what_was_altered_in_an_enclosed_list() -> None:
    border = Border()
    exchanged(border)
    bundle = border.trust.bundle
    altered = TrustBundle(bundle.metadata, {**bundle.files, "nodes/XC/node.json": b"{}"})
    records = (altered if one == bundle else one for one in border.asking.records())
    assert found(audited(border, records)) == {(Check.TRUST_LIST, XA, None)}


def test_a_newer_root_may_begin_to_count_versions_anew() -> None:
    def renewed(role: str) -> Sequence[Signer]:
        return [role_signer(role, 2 if role == "snapshot" else 1)]

    border = Border(trust=sample_trust(version=1_000))
    exchanged(border)
    roots = [ROOT, make_root(2, signers=renewed)]
    bundle = compose(trust_files(), signers=renewed, roots=roots)
    adopted_by_both(border, SampleTrust(bundle, resolve(bundle, ROOT, START, whole=True), ROOT))
    exchanged(border)
    assert audited(border).verdict is Verdict.PASS


def test_a_multilateral_agreement_ends_with_the_first_role_of_its_parties_to_expire() -> None:
    """What a third party lets expire changes answers: the audit must see it as the node did."""
    content = trust_files()["agreements/XA/xa-xb.json"].replace(b'["XA","XB"]', b'["XA","XB","XC"]')
    files = trust_files() | {f"agreements/{one}/xa-xb.json": content for one in ("XA", "XB", "XC")}
    border = Border(trust=sample_trust(files, change=expiring("country-XC", SOON)))
    exchanged(border)
    exchanged(border)
    report = audited(border)
    assert {check for check, *_ in found(report)} == {Check.AGREEMENT}
