from collections.abc import Callable

import pytest
from msgspec.structs import replace

from node.audit.findings import Check, Verdict
from node.errors import Code
from node.model.credential import Field
from node.model.statement import (
    AgreementReference,
    Answer,
    Conclusion,
    Disclosure,
    NoAnswer,
    Outcome,
    Purpose,
)
from node.wire.codec import decode_statement
from node.wire.export import (
    CounterpartRecord,
)
from tests.federation import changed_agreement
from tests.journals import (
    XA,
    XB,
    Border,
    altered,
    audited,
    found,
    newer_trust,
    one_exchange,
    sentence,
)
from tests.world import (
    SECOND_US,
    sample_trust,
    trust_files,
)


def lying(change: Callable[[Answer], Answer]) -> tuple[Border, int, int]:
    """Return a border whose answering node lies once; indices of answer and conclusion."""
    border = Border()
    code = border.give(border.register())
    border.exchange(border.query(code))
    _, answered, concluded = border.exchange(border.query(code), change=change)
    return border, answered[0], concluded[0]


# --- answers -------------------------------------------------------------------------------


def test_finds_an_answer_that_the_registry_does_not_give() -> None:
    border, answered, _ = lying(
        lambda answer: replace(answer, outcome=Outcome.NOT_CONFIRMED, disclosed=())
    )
    report = audited(border)
    assert found(report) == {(Check.RECOMPUTED, XB, answered)}
    assert sentence(report, Check.RECOMPUTED) == (
        "says NOT_CONFIRMED, but the registry gives CONFIRMED"
    )


def _promoted(answer: Answer) -> Answer:
    return replace(answer, disclosed=(Disclosure(Field.TITLE, "Doctor"), *answer.disclosed[1:]))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        pytest.param(lambda a: replace(a, disclosed=a.disclosed[1:]), "disclosed", id="fewer"),
        pytest.param(_promoted, "disclosed", id="other"),
        pytest.param(lambda a: replace(a, good_until=a.good_until + 1), "good_until", id="longer"),
    ],
)
def test_compares_an_answer_field_by_field(change: Callable[[Answer], Answer], name: str) -> None:
    border, answered, _ = lying(change)
    report = audited(border)
    assert found(report) == {(Check.RECOMPUTED, XB, answered)}
    assert sentence(report, Check.RECOMPUTED) == f"the registry gives another {name}"


def test_finds_a_share_code_used_once_too_often() -> None:
    border = Border()
    code = border.give(border.register(), uses=1)
    border.exchange(border.query(code))
    first = decode_statement(border.answering.entries[-1].statement).body
    assert isinstance(first, Answer)
    shown = first.disclosed
    _, answered, _ = border.exchange(
        border.query(code),
        change=lambda a: replace(a, outcome=Outcome.CONFIRMED, disclosed=shown),
    )
    assert found(audited(border)) == {(Check.RECOMPUTED, XB, answered[0])}


def test_finds_an_answer_about_another_place_and_time() -> None:
    border, answered, concluded = lying(
        lambda answer: replace(
            answer,
            registry_position=answer.registry_position - 1,
            evaluated_at=answer.evaluated_at - 1,
        )
    )
    assert found(audited(border)) == {
        (Check.RECOMPUTED, XB, answered),
        (Check.ANSWERS_QUERY, XB, answered),
        (Check.TIMES, XB, answered),
        (Check.ANSWERS_QUERY, XA, concluded),
        (Check.TIMES, XA, concluded),
    }


def test_finds_an_answer_to_another_query_than_the_one_beside_it() -> None:
    border, answered, concluded = lying(lambda answer: replace(answer, query=bytes(32)))
    assert found(audited(border)) == {
        (Check.RECOMPUTED, XB, answered),
        (Check.ANSWERS_QUERY, XB, answered),
        (Check.ANSWERS_QUERY, XA, concluded),
    }


def test_finds_an_answer_that_shows_what_was_not_asked() -> None:
    border, answered, concluded = lying(
        lambda a: replace(a, disclosed=(*a.disclosed, Disclosure(Field.LANGUAGE, "fr")))
    )
    report = audited(border)
    assert found(report) == {
        (Check.RECOMPUTED, XB, answered),
        (Check.DISCLOSURE, XB, answered),
        (Check.DISCLOSURE, XA, concluded),
    }
    assert "language" in "".join(finding.sentence for finding in report.findings)


def test_finds_a_query_answered_twice_with_different_words() -> None:
    border, asked, answered, _ = one_exchange()
    again = border.answer([asked])
    border.step()
    report = audited(border)
    assert found(report) == {(Check.ANSWERED_ONCE, XB, again[0])}
    assert str(answered) in sentence(report, Check.ANSWERED_ONCE)


def test_cannot_recompute_an_answer_without_its_query() -> None:
    border = Border()
    code = border.give(border.register(), uses=1)
    _, answered, _ = border.exchange(border.query(code))
    _, spent, _ = border.exchange(border.query(code))
    records = altered(
        border.answering.records(), CounterpartRecord, answered[0], lambda _record: None
    )
    report = audited(border, records)
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {
        (Check.RECOMPUTED, XB, answered[0]),
        (Check.RECOMPUTED, XB, spent[0]),
    }


def test_finds_an_answer_to_a_query_that_was_stale_or_from_the_future() -> None:
    border = Border()
    code = border.give(border.register())
    late = border.put([border.query(code)])
    border.step(301)
    too_late = border.answer(late)
    border.step(100)
    early = border.put([border.query(code)])
    border.now -= 61 * SECOND_US
    too_early = border.answer(early)
    report = audited(border, border.answering.records())
    assert found(report) == {(Check.TIMES, XB, too_late[0]), (Check.TIMES, XB, too_early[0])}


def test_finds_a_peer_query_whose_seal_does_not_hold() -> None:
    border, _, answered, _ = one_exchange()

    def reseal(**changes: object) -> Callable[[CounterpartRecord], CounterpartRecord]:
        return lambda record: replace(record, sealed=replace(record.sealed, **changes))

    for change in (
        reseal(salt=bytes(32)),
        reseal(index=0),
        reseal(path=bytes(32)),
        reseal(checkpoint=border.asking.notes[0].note),
        reseal(checkpoint=border.answering.notes[-1].note),
        lambda record: replace(record, peer="XC"),
        lambda record: replace(record, peer="XD"),
    ):
        records = altered(border.answering.records(), CounterpartRecord, answered, change)
        assert (Check.QUERY_SEAL, XB, answered) in found(audited(border, records))


def test_finds_a_peer_statement_beside_the_wrong_entry() -> None:
    border, _, answered, _ = one_exchange()
    records = altered(
        border.answering.records(),
        CounterpartRecord,
        answered,
        lambda record: replace(record, index=answered - 1),
    )
    report = audited(border, records)
    assert found(report) == {(Check.ENTRY_ORDER, XB, answered - 1)}
    assert found(report, Verdict.INDETERMINATE) == {(Check.RECOMPUTED, XB, answered)}


def test_finds_an_answer_that_rests_on_no_query() -> None:
    border, asked, answered, concluded = one_exchange()
    conclusion = border.asking.seal(concluded)
    assert asked < concluded
    records = altered(
        border.answering.records(),
        CounterpartRecord,
        answered,
        lambda record: replace(record, sealed=conclusion),
    )
    assert (Check.PARTIES, XB, answered) in found(audited(border, records))


# --- asking --------------------------------------------------------------------------------


def test_finds_a_conclusion_that_says_something_else() -> None:
    border = Border()
    code = border.give(border.register())
    lies: list[Callable[[Conclusion], Conclusion]] = [
        lambda conclusion: replace(conclusion, outcome=Outcome.REVOKED),
        lambda conclusion: replace(conclusion, answer=bytes(32)),
    ]
    places = set()
    for lie in lies:
        asked = border.put([border.query(code)])
        answered = border.answer(asked)
        places.add((Check.CONCLUSION, XA, border.conclude(asked, answered, lie)[0]))
    assert found(audited(border)) == places


def test_finds_a_query_that_is_settled_twice_or_was_never_asked() -> None:
    border, asked, answered, _ = one_exchange()
    again = border.conclude([asked], [answered])
    commitment = border.asking.commitment(asked)
    given_up = border.asking.say(NoAnswer(commitment, Code.PEER_SILENT), border.now)
    never = border.asking.say(NoAnswer(bytes(32), Code.PEER_SILENT), border.now)
    border.asking.commit(border.now)
    assert found(audited(border)) == {
        (Check.SETTLED, XA, index) for index in (again[0], given_up, never)
    }


def test_cannot_check_a_conclusion_without_its_answer() -> None:
    border, _, _, concluded = one_exchange()
    records = altered(border.asking.records(), CounterpartRecord, concluded, lambda _record: None)
    report = audited(border, records)
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {(Check.CONCLUSION, XA, concluded)}


def test_tells_a_query_still_open_from_one_forgotten() -> None:
    border, *_ = one_exchange()
    index = border.put([border.query(border.give(border.register()))])[0]
    border.answering.commit(border.now)
    report = audited(border)
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {(Check.SETTLED, XA, index)}
    border.asking.adopt(newer_trust(), border.step(11 * 60))
    border.asking.commit(border.now)
    assert found(audited(border)) == {(Check.SETTLED, XA, index)}


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": "XD"},
        {"audience": "XA"},
        {"agreement": AgreementReference("xa-xb", 2)},
        {"agreement": AgreementReference("xa-xc", 1)},
        {"purpose": Purpose.LICENSING},
    ],
    ids=["stranger", "itself", "version", "other", "purpose"],
)
def test_finds_a_query_without_an_agreement_that_covers_it(
    changes: dict[str, object],
) -> None:
    purposes = ["employment", "enrolment"]
    files = changed_agreement(trust_files(), "xa-xb", purposes=purposes)
    border = Border(trust=sample_trust(files))
    query = replace(border.query(border.give(border.register())), **changes)
    border.answering.commit(border.now)
    index = border.put([query])[0]
    assert (Check.AGREEMENT, XA, index) in found(audited(border))


def test_finds_an_answer_taken_after_its_deadline() -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.step(10 + 61)
    answered = border.answer(asked)
    concluded = border.conclude(asked, answered)
    assert found(audited(border)) == {(Check.TIMES, XA, concluded[0])}


def test_finds_a_conclusion_said_before_its_answer() -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.step(100)
    answered = border.answer(asked)
    border.now -= 90 * SECOND_US
    concluded = border.conclude(asked, answered)
    assert (Check.CONCLUSION, XA, concluded[0]) in found(audited(border))
