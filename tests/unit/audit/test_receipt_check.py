from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from node.audit.findings import Check, Report, Verdict
from node.audit.receipt import check_receipt
from node.model.credential import Field
from node.model.seal import Sealed
from node.model.statement import Answer, Conclusion, Disclosure, Outcome
from node.model.trust import TrustBundle, extract
from node.wire.receipt import Receipt, decode_receipt, encode_receipt
from tests.federation import expiring, key_entry, make_root, node_file, role_signer
from tests.journals import Border, newer_trust
from tests.world import (
    SECOND_US,
    START,
    journal_signers,
    sample_trust,
    trust_files,
)

ROOT = sample_trust().root
STRANGER = make_root(signers=lambda role: [role_signer(f"another {role}")])
SEALS = (
    ("query", Check.QUERY_SEAL),
    ("answer", Check.ANSWER_SEAL),
    ("conclusion", Check.CONCLUSION_SEAL),
)
WITNESSES = Check.WITNESSES
EVERY_CHECK = {
    Check.FORMAT,
    Check.TRUST_LIST,
    Check.STATEMENT,
    Check.TRUST_REFERENCE,
    Check.QUERY_SEAL,
    Check.ANSWER_SEAL,
    Check.CONCLUSION_SEAL,
    Check.WITNESSES,
    Check.PARTIES,
    Check.ANSWERS_QUERY,
    Check.TIMES,
    Check.DISCLOSURE,
    Check.AGREEMENT_NAMED,
    Check.CONCLUSION,
}


def made(border: Border | None = None, change: Callable[[Answer], Answer] = lambda a: a) -> Receipt:
    """Return the receipt of one exchange."""
    here = border or Border()
    code = here.give(here.register())
    asked, answered, concluded = here.exchange(here.query(code), change=change)
    return here.receipt(asked[0], answered[0], concluded[0])


def checked(receipt: Receipt) -> Report:
    """Check a receipt; every check has a verdict, whatever is wrong."""
    report = check_receipt(encode_receipt(receipt), ROOT).report
    assert {count.check for count in report.checks} == EVERY_CHECK
    return report


def found(report: Report, verdict: Verdict = Verdict.FAIL) -> set[tuple[Check, str]]:
    """Return check and place of every finding of a verdict."""
    return {
        (finding.check, finding.place.journal)
        for finding in report.findings
        if finding.verdict is verdict
    }


def test_passes_a_receipt_and_tells_what_it_says() -> None:
    result = check_receipt(encode_receipt(made()), ROOT)
    assert result.report.verdict is Verdict.PASS
    facts = result.facts
    assert facts is not None
    assert facts.outcome is Outcome.CONFIRMED
    assert dict(msgspec.structs.astuple(shown) for shown in facts.disclosed) == {
        Field.HOLDER_NAME: "Éloïse Marchand-Kerr",
        Field.TITLE: "Certificat professionnel : Soudeur",
        Field.ISCO08: "7212",
        Field.AWARDED_ON: "2019-06-28",
    }
    assert (facts.asking, facts.asking_authority) == ("XA", "Authority of XA")
    assert (facts.answering, facts.answering_authority) == ("XB", "Authority of XB")
    assert facts.requester.register_id == "HRB 4711"
    assert (facts.asked_at, facts.answered_at, facts.concluded_at) == (
        START,
        START + SECOND_US,
        START + 2 * SECOND_US,
    )
    assert facts.trust is not None
    assert facts.trust.version == 1


def test_passes_receipts_of_a_no_as_well() -> None:
    border = Border()
    code = border.give(border.register(), uses=1)
    border.exchange(border.query(code))
    asked, answered, concluded = border.exchange(border.query(code))
    result = check_receipt(
        encode_receipt(border.receipt(asked[0], answered[0], concluded[0])), ROOT
    )
    assert result.report.verdict is Verdict.PASS
    assert result.facts is not None
    assert result.facts.outcome is Outcome.NOT_CONFIRMED


def test_never_passes_a_receipt_with_any_byte_flipped() -> None:
    files = trust_files(nodes=("XA", "XB")) | {"policy.json": b'{"seals_required": ["ed25519"]}'}
    border = Border(trust=sample_trust(files))
    for journal in (border.asking, border.answering):
        journal.signers = journal_signers(journal.node_id)[:1]
    receipt = made(border)
    # The first root is the trusted one itself: what is enclosed of it says nothing.
    trust = replace(receipt.trust[0], metadata=dict(receipt.trust[0].metadata))
    del trust.metadata["1.root.json"]
    data = encode_receipt(replace(receipt, trust=(trust,)))
    assert check_receipt(data, ROOT).report.verdict is Verdict.PASS
    lists = data.index(b'"trust"')
    for place in (*range(lists), *range(lists, len(data), 7)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        report = check_receipt(bytes(flipped), ROOT).report
        assert report.verdict is Verdict.FAIL, place


def test_gives_every_check_a_verdict_when_nothing_can_be_read() -> None:
    result = check_receipt(b"no receipt", ROOT)
    assert found(result.report) == {(Check.FORMAT, "receipt")}
    assert {count.check for count in result.report.checks} == EVERY_CHECK
    assert result.report.verdict is Verdict.FAIL
    assert result.facts is None


def test_refuses_the_trust_list_of_another_federation() -> None:
    report = check_receipt(encode_receipt(made()), STRANGER).report
    assert found(report) == {(Check.TRUST_LIST, "receipt")}
    assert {check for check, _ in found(report, Verdict.INDETERMINATE)} == {
        Check.TRUST_REFERENCE,
        Check.QUERY_SEAL,
        Check.ANSWER_SEAL,
        Check.CONCLUSION_SEAL,
        Check.WITNESSES,
    }


def test_refuses_a_trust_list_file_that_was_altered() -> None:
    receipt = made()
    (trust,) = receipt.trust
    files = dict(trust.files)
    files["policy.json"] = b'{"seals_required": []}'
    report = checked(replace(receipt, trust=(TrustBundle(trust.metadata, files),)))
    assert found(report) == {(Check.TRUST_LIST, "receipt")}


def test_refuses_a_receipt_without_the_description_of_a_node() -> None:
    receipt = made()
    report = checked(replace(receipt, trust=(extract(receipt.trust[0], ["XA"]),)))
    assert found(report) == {(Check.ANSWER_SEAL, "answer")}


def test_cannot_judge_statements_under_another_version_of_the_list() -> None:
    receipt = made()
    newer = extract(newer_trust().bundle, ("XA", "XB"))
    report = checked(replace(receipt, trust=(newer,)))
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, Verdict.INDETERMINATE) == {
        (check, part) for part, seal in SEALS for check in (Check.TRUST_REFERENCE, seal, WITNESSES)
    }


def test_passes_a_receipt_made_while_the_peer_was_ahead_with_a_newer_list() -> None:
    border = Border()
    code = border.give(border.register())
    asked = border.put([border.query(code)])
    border.answering.adopt(newer_trust(), border.step())
    answered = border.answer(asked)
    border.step()
    concluded = border.conclude(asked, answered)
    receipt = border.receipt(asked[0], answered[0], concluded[0])
    assert len(receipt.trust) == 1
    assert checked(receipt).verdict is Verdict.PASS


def test_passes_a_receipt_made_while_a_newer_list_was_adopted() -> None:
    border = Border()
    code = border.give(border.register())
    asked = border.put([border.query(code)])
    border.answering.adopt(newer_trust(version=3), border.step())
    answered = border.answer(asked)
    border.asking.adopt(newer_trust(version=3), border.step())
    concluded = border.conclude(asked, answered)
    receipt = border.receipt(asked[0], answered[0], concluded[0])
    assert len(receipt.trust) == 2
    assert checked(receipt).verdict is Verdict.PASS
    without = replace(receipt, trust=receipt.trust[1:])
    assert found(checked(without), Verdict.INDETERMINATE) == {(Check.TRUST_REFERENCE, "query")}


def test_judges_a_peer_that_was_ahead_by_the_keys_that_the_conclusion_relies_on() -> None:
    border = Border()
    files = trust_files()
    signers = journal_signers("XB", 2)
    described = node_file("XB")
    keys = tuple(key_entry("XB", signer) for signer in signers)
    journal = replace(described.journal, keys=keys)
    files["nodes/XB/node.json"] = msgspec.json.encode(replace(described, journal=journal))
    code = border.give(border.register())
    asked = border.put([border.query(code)])
    border.answering.adopt(sample_trust(files, version=2), border.step())
    border.answering.signers = signers
    answered = border.answer(asked)
    concluded = border.conclude(asked, answered)
    report = checked(border.receipt(asked[0], answered[0], concluded[0]))
    assert found(report) == {(Check.ANSWER_SEAL, "answer")}


def test_refuses_what_was_said_after_the_countrys_own_role_had_expired() -> None:
    trust = sample_trust(change=expiring("country-XB", START + SECOND_US))
    report = checked(made(Border(trust=trust)))
    assert found(report) == {(Check.TRUST_REFERENCE, "answer")}


def test_refuses_another_list_of_the_same_version() -> None:
    other = extract(newer_trust(1).bundle, ("XA", "XB"))
    report = checked(replace(made(), trust=(other,)))
    assert found(report) == {
        (Check.TRUST_REFERENCE, part) for part in ("query", "answer", "conclusion")
    }


def test_refuses_what_was_said_under_an_expired_list() -> None:
    border = Border(trust=sample_trust(expires_at=START + SECOND_US))
    assert found(checked(made(border))) == {(Check.TRUST_REFERENCE, "answer")}


@pytest.mark.parametrize(("part", "check"), SEALS)
def test_refuses_each_seal_that_does_not_hold(part: str, check: Check) -> None:
    receipt = made()
    sealed: Sealed = getattr(receipt, part)
    other = receipt.answer if part != "answer" else receipt.query
    for broken in (
        replace(sealed, salt=bytes(32)),
        replace(sealed, index=0),
        replace(sealed, path=sealed.path[32:]),
        replace(sealed, path=bytes(len(sealed.path))),
        replace(sealed, checkpoint=other.checkpoint),
        replace(sealed, checkpoint=b"".join(sealed.checkpoint.splitlines(keepends=True)[:5])),
    ):
        assert (check, part) in found(checked(msgspec.structs.replace(receipt, **{part: broken})))


def test_refuses_a_seal_of_keys_that_were_not_valid_then() -> None:
    files = trust_files()
    path = "nodes/XB/node.json"
    files[path] = files[path].replace(b"2026-01-01T00:00:00Z", b"2026-11-24T00:00:00Z")
    border = Border(trust=sample_trust(files))
    assert found(checked(made(border))) == {(Check.ANSWER_SEAL, "answer")}


def test_refuses_the_answer_of_another_exchange() -> None:
    border = Border()
    one, other = made(border), made(border)
    assert found(checked(replace(one, answer=other.answer))) == {
        (Check.ANSWERS_QUERY, "answer"),
        (Check.CONCLUSION, "conclusion"),
    }


def test_refuses_the_query_of_another_exchange() -> None:
    border = Border()
    one, other = made(border), made(border)
    assert found(checked(replace(one, query=other.query))) == {
        (Check.ANSWERS_QUERY, "answer"),
        (Check.CONCLUSION, "conclusion"),
    }


def test_refuses_an_answer_of_a_node_that_was_not_asked() -> None:
    border = Border()
    code = border.give(border.register())
    asked = border.put([replace(border.query(code), audience="XC")])
    answered = border.answer(asked)
    concluded = border.conclude(asked, answered)
    receipt = border.receipt(asked[0], answered[0], concluded[0])
    assert found(checked(receipt)) == {(Check.PARTIES, "answer")}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda a: replace(a, query=bytes(32)), Check.ANSWERS_QUERY),
        (lambda a: replace(a, registry_position=0), Check.ANSWERS_QUERY),
        (lambda a: replace(a, evaluated_at=a.evaluated_at + 1), Check.TIMES),
        (lambda a: replace(a, disclosed=(Disclosure(Field.UNITS, "U-1"),)), Check.DISCLOSURE),
    ],
    ids=["query", "position", "time", "fields"],
)
def test_refuses_an_answer_that_is_not_to_the_point(
    change: Callable[[Answer], Answer], check: Check
) -> None:
    assert found(checked(made(change=change))) == {(check, "answer")}


@pytest.mark.parametrize(("seconds", "held"), [(-61, False), (-60, True), (70, True), (71, False)])
def test_holds_an_answer_to_the_time_of_its_query(seconds: int, held: bool) -> None:
    border = Border()
    code = border.give(border.register())
    asked = border.put([border.query(code)])
    border.step(seconds)
    answered = border.answer(asked)
    border.step(100)
    concluded = border.conclude(asked, answered)
    report = checked(border.receipt(asked[0], answered[0], concluded[0]))
    assert found(report) == (set() if held else {(Check.TIMES, "answer")})


@pytest.mark.parametrize(
    "change",
    [
        lambda conclusion: replace(conclusion, outcome=Outcome.REVOKED),
        lambda conclusion: replace(conclusion, query=bytes(32)),
        lambda conclusion: replace(conclusion, answer=bytes(32)),
    ],
    ids=["outcome", "query", "answer"],
)
def test_refuses_a_conclusion_that_says_something_else(
    change: Callable[[Conclusion], Conclusion],
) -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    answered = border.answer(asked)
    concluded = border.conclude(asked, answered, change)
    report = checked(border.receipt(asked[0], answered[0], concluded[0]))
    assert found(report) == {(Check.CONCLUSION, "conclusion")}


def test_refuses_a_conclusion_said_by_another_node() -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    answered = border.answer(asked)
    conclusion = Conclusion(
        border.asking.commitment(asked[0]),
        border.answering.commitment(answered[0]),
        Outcome.CONFIRMED,
    )
    index = border.answering.say(conclusion, border.step())
    border.answering.commit(border.now)
    receipt = Receipt(
        border.asking.seal(asked[0]),
        border.answering.seal(answered[0]),
        border.answering.seal(index),
        (extract(border.trust.bundle, ("XA", "XB")),),
    )
    assert found(checked(receipt)) == {(Check.CONCLUSION, "conclusion")}


def test_checks_all_the_rest_where_one_statement_cannot_be_read() -> None:
    receipt = made()
    broken = replace(receipt.answer, statement=receipt.answer.statement + b"x")
    report = checked(replace(receipt, answer=broken))
    assert found(report) == {(Check.STATEMENT, "answer")}
    passed = {count.check: count.passed for count in report.checks}
    assert passed[Check.QUERY_SEAL] == passed[Check.CONCLUSION_SEAL] == 1
    assert passed[Check.STATEMENT] == passed[Check.TRUST_REFERENCE] == 2
    assert {check for check, _ in found(report, Verdict.INDETERMINATE)} == {
        Check.TRUST_REFERENCE,
        Check.ANSWER_SEAL,
        Check.WITNESSES,
        Check.PARTIES,
        Check.ANSWERS_QUERY,
        Check.TIMES,
        Check.DISCLOSURE,
        Check.CONCLUSION,
    }


def test_refuses_a_statement_of_the_wrong_kind_in_each_place() -> None:
    receipt = made()
    turned = Receipt(receipt.conclusion, receipt.query, receipt.answer, receipt.trust)
    report = checked(turned)
    assert found(report) == {(Check.STATEMENT, part) for part in ("query", "answer", "conclusion")}


def test_shows_no_facts_where_a_statement_is_missing() -> None:
    receipt = made()
    data = encode_receipt(replace(receipt, answer=receipt.query))
    assert decode_receipt(data).answer == receipt.query
    assert check_receipt(data, ROOT).facts is None
