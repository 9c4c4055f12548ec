"""Replay of answers about credentials that change, and of issuers that come and go."""

from datetime import date

from msgspec.structs import replace

from node.audit.findings import Check, Verdict
from node.model.credential import Status
from node.model.statement import (
    Answer,
    CredentialAmended,
    CredentialRenewed,
    CredentialSuperseded,
    Outcome,
    Person,
    RevocationGround,
    RevocationProposed,
    Rule,
    StatusChanged,
)
from node.wire.codec import decode_statement
from tests.federation import issuer_changed
from tests.journals import XB, Border, audited, found
from tests.world import SECOND_US, sample_details

BY = Person("clerk", "officer")


def _answers(border: Border) -> list[tuple[Outcome, Rule | None]]:
    bodies = [decode_statement(entry.statement).body for entry in border.answering.entries]
    return [(body.outcome, body.rule) for body in bodies if isinstance(body, Answer)]


def test_passes_answers_before_and_after_a_change_takes_effect() -> None:
    border = Border()
    credential = border.register(details=sample_details())
    code = border.give(credential)
    since = border.now + 30 * SECOND_US
    later = StatusChanged(credential.number, Status.SUSPENDED, "x", since, BY)
    border.answering.say(later, border.now)
    border.exchange(border.query(code))
    border.step(60)
    border.exchange(border.query(code))
    assert [outcome for outcome, _ in _answers(border)] == [Outcome.CONFIRMED, Outcome.SUSPENDED]
    assert audited(border).findings == ()


def test_passes_a_whole_life() -> None:
    border = Border()
    credential = border.register(expires_on=date(2026, 12, 31))
    number, code = credential.number, border.give(credential, uses=20)
    border.register()
    amended = replace(credential, title="Soudeuse", details=sample_details())
    life = (
        CredentialAmended(amended, "Misspelt", 0, BY),
        CredentialRenewed(number, date(2031, 12, 31), "Course", 0, BY),
        StatusChanged(number, Status.SUSPENDED, "x", 0, BY),
        StatusChanged(number, Status.ACTIVE, "x", 0, BY),
        RevocationProposed(number, RevocationGround.FRAUD, "x", 0, BY),
        CredentialSuperseded(number, "XB-2019-000002", "Reissued", 0, BY),
    )
    for event in life:
        border.answering.say(event, border.step())
        border.exchange(border.query(code))
    assert audited(border).findings == ()
    assert {outcome for outcome, _ in _answers(border)} == {
        Outcome.CONFIRMED,
        Outcome.SUSPENDED,
        Outcome.SUPERSEDED,
    }


def test_finds_a_change_that_cannot_follow_on_what_there_is() -> None:
    border = Border()
    number = border.register().number
    border.answering.say(StatusChanged(number, Status.REVOKED, "x"), border.now)
    index = border.answering.say(StatusChanged(number, Status.ACTIVE, "x"), border.step())
    border.answering.commit(border.now)
    report = audited(border)
    assert found(report) == {(Check.REGISTRY, XB, index)}
    assert "is revoked, which is final" in report.findings[0].sentence


def test_passes_answers_about_awards_of_an_issuer_before_and_after_it_was_withdrawn() -> None:
    border = Border()
    early = border.give(border.register(awarded_on=date(2015, 6, 1)), uses=5)
    late = border.give(border.register(awarded_on=date(2019, 6, 28)), uses=5)
    border.exchange(border.query(early), border.query(late))
    withdrawn = issuer_changed("XB", withdrawn_since=date(2018, 1, 1), reason="closed")
    for journal in (border.answering, border.asking):
        journal.adopt(withdrawn, border.step())
        journal.commit(border.now)
    border.exchange(border.query(early), border.query(late))
    assert _answers(border) == [
        (Outcome.CONFIRMED, None),
        (Outcome.CONFIRMED, None),
        (Outcome.CONFIRMED, None),
        (Outcome.REFUSED, Rule.ISSUER_NOT_ACCREDITED),
    ]
    assert audited(border).findings == ()


def test_finds_an_answer_that_confirms_what_its_issuer_could_not_award() -> None:
    border = Border()
    code = border.give(border.register(isco08="7411"))
    asked = border.put([border.query(code)])
    border.step()

    def lie(answer: Answer) -> Answer:
        return replace(answer, outcome=Outcome.CONFIRMED, rule=None)

    (index,) = border.answer(asked, lie)
    border.conclude(asked, [index])
    report = audited(border)
    assert (Check.RECOMPUTED, XB, index) in found(report)
    finding = next(one for one in report.findings if one.check is Check.RECOMPUTED)
    assert finding.verdict is Verdict.FAIL
    assert "says CONFIRMED, but the registry gives REFUSED" in finding.sentence
