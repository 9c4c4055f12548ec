"""The port `Ledger`, one contract for all that stand behind it: in memory, and SQL on disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from node.errors import Code, Refusal
from node.flows.ports import (
    AdoptedList,
    Counterpart,
    Draft,
    Evidence,
    Question,
    Recorded,
    verification_id,
)
from node.model.credential import Status
from node.model.decide import Facts
from node.model.seal import Sealed, commitment
from node.model.share_code import make
from node.model.statement import (
    Answer,
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    CredentialRegistered,
    NoAnswer,
    Outcome,
    Statement,
    StatusChanged,
    TrustAdopted,
    TrustReference,
)
from node.wire.codec import encode_statement
from tests.federation import DAY_US, START, origin
from tests.ledgers import (
    CODE,
    TRUST,
    Deciding,
    Shelf,
    Xb,
    asked,
    draft,
    given,
    holds,
    kept_in,
    read,
    registry,
)
from tests.nodes import Log
from tests.world import sample_credential, sample_trust


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with kept_in(request, tmp_path) as made:
        yield made


async def refusal_of(work: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await work
    return refused.value


# --- append --------------------------------------------------------------------------------


async def test_appended_statements_stand_in_order_under_one_seal(shelf: Shelf) -> None:
    first = await shelf.ledger.append(registry())
    second = await shelf.ledger.append([asked(1), asked(2)])
    assert [recorded.index for recorded in (*first, *second)] == [0, 1, 2, 3]
    assert [recorded.sealed for recorded in first] == [None, None]
    assert {holds(sealed_in(recorded)) for recorded in second} == {4}
    for recorded, said in zip(second, (asked(1), asked(2)), strict=True):
        sealed = sealed_in(recorded)
        assert (sealed.statement, sealed.index) == (said.statement, recorded.index)
        assert commitment(sealed.statement, sealed.salt) == recorded.commitment
    assert await shelf.ledger.check() == 4


def sealed_in(recorded: Recorded) -> Sealed:
    assert recorded.sealed is not None
    return recorded.sealed


async def test_seals_hold_across_tiles_and_reopenings(shelf: Shelf) -> None:
    sizes = [1, 254, 1, 1, 300, 3]
    for turn, count in enumerate(sizes):
        number = sum(sizes[:turn])
        drafts = [asked(number + n) for n in range(count)]
        recorded = await shelf.ledger.append(drafts)
        assert [holds(sealed_in(one)) for one in recorded] == [number + count] * count
        await shelf.reopen()
    assert await shelf.ledger.check() == sum(sizes)
    seals = [question.sealed for question in await shelf.ledger.open_questions()]
    assert [sealed.index for sealed in seals] == list(range(sum(sizes)))
    assert {holds(sealed) for sealed in seals} == {1, 255, 256, 257, 557, 560}


async def test_appends_that_wait_together_keep_their_own_places(shelf: Shelf) -> None:
    results = await asyncio.gather(*(shelf.ledger.append([asked(n)]) for n in range(100)))
    seals = [sealed_in(one) for (one,) in results]
    assert [sealed.index for sealed in seals] == list(range(100))
    for number, sealed in enumerate(seals):
        holds(sealed)
        assert sealed.statement == asked(number).statement


async def test_an_append_with_one_impossible_statement_leaves_nothing(shelf: Shelf) -> None:
    await shelf.ledger.append(registry())
    impossible = draft(StatusChanged("XA-2019-000009", Status.REVOKED, "never registered"))
    possible = draft(StatusChanged(sample_credential().number, Status.REVOKED, "forged"))
    refused = await refusal_of(shelf.ledger.append([possible, asked(), impossible]))
    assert refused.code is Code.CONFLICT
    assert await shelf.ledger.check() == 2
    assert await shelf.ledger.open_questions() == []
    credential = await shelf.ledger.credential(sample_credential().number)
    assert credential is not None
    assert credential.status is Status.ACTIVE


async def test_one_impossible_append_harms_no_other_that_waits_with_it(shelf: Shelf) -> None:
    impossible = draft(StatusChanged("XA-2019-000009", Status.REVOKED, "never registered"))
    appends = [shelf.ledger.append([asked(n)]) for n in range(10)]
    appends.insert(5, shelf.ledger.append([impossible]))
    results = await asyncio.gather(*appends, return_exceptions=True)
    assert isinstance(results[5], Refusal)
    assert sum(not isinstance(result, BaseException) for result in results) == 10
    assert await shelf.ledger.check() == 10
    assert len(await shelf.ledger.open_questions()) == 10


async def test_append_many_is_lazy_and_counts(shelf: Shelf) -> None:
    told: list[int] = []
    drafts = (asked(number) for number in range(5000))
    assert await shelf.ledger.append_many(drafts, told.append) == 5000
    assert told[-1] == 5000
    assert told == sorted(told)
    assert await shelf.ledger.check() == 5000
    assert await shelf.ledger.append_many(iter([])) == 0
    assert await shelf.ledger.check() == 5000


async def test_append_many_leaves_nothing_where_its_source_fails(shelf: Shelf) -> None:
    await shelf.ledger.append(registry())

    def failing() -> Iterator[Draft]:
        yield from (asked(number) for number in range(2500))
        raise ValueError("row 2501 is wrong")

    with pytest.raises(ValueError, match="row 2501"):
        await shelf.ledger.append_many(failing())
    assert await shelf.ledger.check() == 2
    assert await shelf.ledger.open_questions() == []
    (recorded,) = await shelf.ledger.append([asked()])
    assert recorded.index == 2
    assert holds(sealed_in(recorded)) == 3


# --- answer --------------------------------------------------------------------------------


async def test_an_answer_is_decided_on_the_registry_at_its_own_index(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    xb, judge = Xb(), Deciding()
    replies = await shelf.ledger.answer(xb.questions(3), judge)
    assert [read(reply).outcome for reply in replies] == [Outcome.CONFIRMED] * 3
    for at, reply in enumerate(replies, 2):
        assert isinstance(reply, Sealed)
        assert reply.index == read(reply).registry_position == at
        assert holds(reply) == 5
    assert [facts.position for facts in judge.facts] == [2, 3, 4]
    spent = [facts.consent.uses_spent for facts in judge.facts if facts.consent is not None]
    assert spent == [0, 1, 2]


async def test_an_answer_follows_what_was_said_before_it(shelf: Shelf) -> None:
    xb = Xb()
    await shelf.ledger.append(registry(uses=10))
    number = sample_credential().number
    for status, outcome in (
        (Status.SUSPENDED, Outcome.SUSPENDED),
        (Status.ACTIVE, Outcome.CONFIRMED),
        (Status.REVOKED, Outcome.REVOKED),
    ):
        await shelf.ledger.append([draft(StatusChanged(number, status, "inspection"))])
        (reply,) = await shelf.ledger.answer(xb.questions(), Deciding())
        assert read(reply).outcome is outcome
    await shelf.ledger.append([draft(ConsentEnded(CODE.digest, ConsentEnd.REVOKED))])
    (reply,) = await shelf.ledger.answer(xb.questions(), Deciding())
    assert read(reply).outcome is Outcome.NOT_CONFIRMED


async def test_a_question_is_answered_exactly_once_and_for_ever(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    (question,) = Xb().questions()
    judge = Deciding()
    first, second = await shelf.ledger.answer([question, question], judge)
    assert first == second
    again = await asyncio.gather(*(shelf.ledger.answer([question], judge) for _ in range(5)))
    assert again == [[first]] * 5
    await shelf.ledger.append([asked()])
    await shelf.reopen()
    assert await shelf.ledger.answer([question], judge) == [first]
    assert len(judge.facts) == 1
    assert await shelf.ledger.check() == 4


async def test_one_question_from_many_callers_at_once_is_answered_once(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    (question,) = Xb().questions()
    replies = await asyncio.gather(
        *(shelf.ledger.answer([question], Deciding()) for _ in range(20))
    )
    assert replies == [replies[0]] * 20
    assert await shelf.ledger.check() == 3


@pytest.mark.parametrize("together", [True, False])
async def test_a_code_for_one_use_confirms_one_question_only(shelf: Shelf, together: bool) -> None:
    await shelf.ledger.append(registry(uses=1))
    questions = Xb().questions(5)
    if together:
        replies = list(await shelf.ledger.answer(questions, Deciding()))
    else:
        answered = await asyncio.gather(
            *(shelf.ledger.answer([question], Deciding()) for question in questions)
        )
        replies = [reply for (reply,) in answered]
    outcomes = [read(reply).outcome for reply in replies]
    assert sorted(outcomes) == [Outcome.CONFIRMED, *[Outcome.NOT_CONFIRMED] * 4]
    await shelf.reopen()
    consent = await shelf.ledger.consent(CODE.digest)
    assert consent is not None
    assert consent.uses_spent == 1


async def test_what_a_judge_refuses_is_refused_and_the_rest_answered(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    questions = Xb().questions(3)
    judge = Deciding()

    def refusing(question: Question, facts: Facts) -> Draft:
        if question is questions[1]:
            raise Refusal(Code.BUSY, "over quota", retry_after_s=2.0)
        return judge(question, facts)

    first, second, third = await shelf.ledger.answer(questions, refusing)
    assert isinstance(second, Refusal)
    assert (second.code, second.retry_after_s) == (Code.BUSY, 2.0)
    assert [read(first).registry_position, read(third).registry_position] == [2, 3]
    (again,) = await shelf.ledger.answer([questions[1]], judge)
    assert read(again).outcome is Outcome.CONFIRMED


async def test_a_judge_that_fails_harms_only_its_own_questions(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    one, other = Xb().questions(2)

    def failing(_question: Question, _facts: Facts) -> Draft:
        raise ZeroDivisionError

    results = await asyncio.gather(
        shelf.ledger.answer([one], failing),
        shelf.ledger.answer([other], Deciding()),
        shelf.ledger.append([asked()]),
        return_exceptions=True,
    )
    assert isinstance(results[0], ZeroDivisionError)
    assert not any(isinstance(result, BaseException) for result in results[1:])
    assert await shelf.ledger.check() == 4


# --- forks ---------------------------------------------------------------------------------


async def test_two_roots_for_one_size_are_a_fork_then_and_from_then_on(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    honest, twin = Xb(seed=1), Xb(seed=2)
    (shown,), (hidden,) = honest.questions(), twin.questions()
    (first,) = await shelf.ledger.answer([shown], Deciding())
    assert read(first).outcome is Outcome.CONFIRMED
    (refused,) = await shelf.ledger.answer([hidden], Deciding())
    assert isinstance(refused, Refusal)
    assert refused.code is Code.UNTRUSTED
    assert shelf.ledger.forked_journals() == {origin("XB")}
    ((peer, kind, content),) = await shelf.evidence()
    assert (peer, kind) == ("XB", "fork")
    assert hidden.counterpart.sealed.checkpoint in content
    await shelf.reopen()
    assert shelf.ledger.forked_journals() == {origin("XB")}
    for log in (honest, twin):
        (refused,) = await shelf.ledger.answer(log.questions(), Deciding())
        assert isinstance(refused, Refusal)
        assert refused.code is Code.UNTRUSTED
    assert await shelf.ledger.check() == 3


async def test_a_fork_within_one_batch_is_seen_as_well(shelf: Shelf) -> None:
    await shelf.ledger.append(registry(uses=10))
    (shown,), (hidden,) = Xb(seed=1).questions(), Xb(seed=2).questions()
    replies = await shelf.ledger.answer([shown, hidden], Deciding())
    assert isinstance(replies[1], Refusal)
    assert shelf.ledger.forked_journals() == {origin("XB")}
    assert [kind for _, kind, _ in await shelf.evidence()] == ["fork"]


async def test_a_forked_answer_is_not_concluded(shelf: Shelf) -> None:
    one, other = await shelf.ledger.append([asked(1), asked(2)])
    await shelf.ledger.append([concluded(one, Log("XB", seed=1))])
    refused = await refusal_of(shelf.ledger.append([concluded(other, Log("XB", seed=2))]))
    assert refused.code is Code.UNTRUSTED
    assert shelf.ledger.forked_journals() == {origin("XB")}
    assert [one.commitment for one in await shelf.ledger.open_questions()] == [other.commitment]


# --- questions of our own ------------------------------------------------------------------


def answered(recorded: Recorded, log: Log) -> Counterpart:
    """Let XB answer a query of XA's."""
    answer = Answer(
        recorded.commitment, Outcome.CONFIRMED, None, (), log.size, START + 1, START + DAY_US
    )
    said = Statement("XB", START + 1, TRUST.view.reference, answer)
    (sealed,) = log.seal(encode_statement(said))
    return log.counterpart(sealed)


def concluded(recorded: Recorded, log: Log) -> Draft:
    """Return the conclusion of a query of XA's, answered by XB."""
    counterpart = answered(recorded, log)
    body = Conclusion(recorded.commitment, counterpart.commitment, Outcome.CONFIRMED)
    return draft(body, START + 2, counterpart=counterpart, settles=recorded.index)


def unanswered(recorded: Recorded, **beside: Any) -> Draft:
    body = NoAnswer(recorded.commitment, Code.PEER_SILENT)
    return draft(body, START + 2, settles=recorded.index, **beside)


def id_of(recorded: Recorded) -> str:
    return verification_id(recorded.index, recorded.commitment)


async def test_open_questions_are_those_neither_concluded_nor_given_up(shelf: Shelf) -> None:
    recorded = await shelf.ledger.append([asked(n) for n in range(4)])
    await shelf.ledger.append([concluded(recorded[1], Log("XB")), unanswered(recorded[2])])
    await shelf.reopen()
    left = await shelf.ledger.open_questions()
    assert [one.commitment for one in left] == [recorded[0].commitment, recorded[3].commitment]
    assert [one.sealed for one in left] == [recorded[0].sealed, recorded[3].sealed]
    assert {(one.asked_at, one.key_id) for one in left} == {(START, "key-1")}
    assert left[1].query == asked(3).body
    rest = await shelf.ledger.open_questions({recorded[0].commitment})
    assert [one.commitment for one in rest] == [recorded[3].commitment]


async def test_a_question_is_settled_once_whatever_waits_with_it(shelf: Shelf) -> None:
    recorded = await shelf.ledger.append([asked(n) for n in range(3)])
    log = Log("XB")
    await shelf.ledger.append([concluded(recorded[0], log)])
    results = await asyncio.gather(
        shelf.ledger.append([unanswered(recorded[0])]),
        shelf.ledger.append([concluded(recorded[1], log)]),
        shelf.ledger.append([unanswered(recorded[2])]),
        shelf.ledger.append([unanswered(recorded[2])]),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, Refusal)]
    assert [refusal.code for refusal in refused] == [Code.CONFLICT] * 2
    assert await shelf.ledger.open_questions() == []
    assert await shelf.ledger.check() == 6
    found = await shelf.ledger.verification(id_of(recorded[0]), "key-1")
    assert found is not None
    assert found.no_answer is None


async def test_nothing_is_settled_that_was_never_asked(shelf: Shelf) -> None:
    never = Recorded(0, bytes(32), None)
    assert (await refusal_of(shelf.ledger.append([unanswered(never)]))).code is Code.CONFLICT
    assert await shelf.ledger.check() == 0


async def test_a_verification_is_its_own_keys_only(shelf: Shelf) -> None:
    (recorded,) = await shelf.ledger.append([asked()])
    of = id_of(recorded)
    found = await shelf.ledger.verification(of, "key-1")
    assert found is not None
    assert (found.id, found.key_id, found.peer) == (of, "key-1", "XB")
    assert (found.asked_at, found.answer, found.no_answer) == (START, None, None)
    others = [of.upper() if of.upper() != of else "", of[:-1], of + "00", "f" * 48, "nothing", ""]
    others += [verification_id(recorded.index, bytes(32)), verification_id(1, recorded.commitment)]
    for wanted, key_id in ((of, "key-2"), (of, ""), *((other, "key-1") for other in others)):
        assert await shelf.ledger.verification(wanted, key_id) is None
        assert await shelf.ledger.exchanged(wanted, key_id) is None


async def test_a_concluded_exchange_holds_three_seals_and_the_list(shelf: Shelf) -> None:
    await shelf.ledger.append([draft(TrustAdopted(TRUST.view.reference), bundle=TRUST.bundle)])
    (recorded,) = await shelf.ledger.append([asked()])
    of = id_of(recorded)
    assert await shelf.ledger.exchanged(of, "key-1") is None
    conclusion = concluded(recorded, Log("XB"))
    await shelf.ledger.append([conclusion])
    await shelf.reopen()
    exchanged = await shelf.ledger.exchanged(of, "key-1")
    assert exchanged is not None
    assert conclusion.counterpart is not None
    assert exchanged.query == recorded.sealed
    assert exchanged.answer == conclusion.counterpart.sealed
    assert exchanged.conclusion.statement == conclusion.statement
    assert holds(exchanged.conclusion) == 3
    assert exchanged.trust == (TRUST.bundle,)
    assert await shelf.ledger.exchanged(of, "key-2") is None
    found = await shelf.ledger.verification(of, "key-1")
    assert found is not None
    assert (found.answer, found.answered_at) == (read(exchanged.answer), START + 2)


async def test_a_question_given_up_says_why_and_has_no_exchange(shelf: Shelf) -> None:
    (recorded,) = await shelf.ledger.append([asked()])
    evidence = Evidence("XB", origin("XB"), "false_answer", b"as it came")
    await shelf.ledger.append([unanswered(recorded, evidence=evidence)])
    of = id_of(recorded)
    found = await shelf.ledger.verification(of, "key-1")
    assert found is not None
    assert (found.answer, found.answered_at, found.no_answer) == (None, None, "peer_silent")
    assert await shelf.ledger.exchanged(of, "key-1") is None
    assert await shelf.evidence() == [("XB", "false_answer", b"as it came")]


# --- the registry --------------------------------------------------------------------------


async def test_the_registry_gives_back_what_was_registered(shelf: Shelf) -> None:
    full = sample_credential()
    bare = sample_credential("XA-2019-000002", units=(), expires_on=date(2030, 1, 1))
    await shelf.ledger.append_many(draft(CredentialRegistered(one)) for one in (full, bare))
    await shelf.reopen()
    assert await shelf.ledger.credential(full.number) == full
    assert await shelf.ledger.credential(bare.number) == bare
    assert await shelf.ledger.credential("XA-2019-000003") is None
    numbers = [f"XA-2019-{number:06}" for number in range(1200)]
    assert await shelf.ledger.known_numbers(numbers) == {full.number, bare.number}
    assert await shelf.ledger.known_numbers([]) == set()


async def test_a_credential_is_registered_once(shelf: Shelf) -> None:
    await shelf.ledger.append(registry())
    again = draft(CredentialRegistered(sample_credential(title="Another")))
    assert (await refusal_of(shelf.ledger.append([again]))).code is Code.CONFLICT
    assert await shelf.ledger.credential(sample_credential().number) == sample_credential()


async def test_consents_come_oldest_first_and_lapse_at_their_expiry(shelf: Shelf) -> None:
    codes = [make("XA", bytes([number] * 10)) for number in range(4)]
    expiries = [START + 30, START + 10, START + 20, START + 10]
    await shelf.ledger.append([draft(CredentialRegistered(sample_credential()))])
    for code, expires_at in zip(codes, expiries, strict=True):
        await shelf.ledger.append([draft(given(code, expires_at=expires_at))])
    await shelf.ledger.append([draft(ConsentEnded(codes[3].digest, ConsentEnd.REVOKED))])
    consents = await shelf.ledger.consents(sample_credential().number)
    assert [consent.given.code_digest for consent in consents] == [one.digest for one in codes]
    assert [consent.ended for consent in consents] == [False, False, False, True]
    assert await shelf.ledger.lapsed_consents(START + 9, 10) == []
    assert await shelf.ledger.lapsed_consents(START + 10, 10) == [codes[1].digest]
    lapsed = await shelf.ledger.lapsed_consents(START + 30, 10)
    assert {code.digest for code in codes[:3]} == set(lapsed)
    assert len(await shelf.ledger.lapsed_consents(START + 30, 2)) == 2


async def test_a_share_code_ends_once(shelf: Shelf) -> None:
    await shelf.ledger.append(registry())
    ended = draft(ConsentEnded(CODE.digest, ConsentEnd.EXPIRED))
    await shelf.ledger.append([ended])
    assert (await refusal_of(shelf.ledger.append([ended]))).code is Code.CONFLICT
    assert await shelf.ledger.check() == 3


async def test_the_trust_list_in_force_is_the_one_adopted_last(shelf: Shelf) -> None:
    assert (await shelf.ledger.adopted(), await shelf.ledger.adopted_list()) == (None, None)
    for version in (1, 2):
        trust = sample_trust(version=version)
        await shelf.ledger.append([draft(TrustAdopted(trust.view.reference), bundle=trust.bundle)])
        assert await shelf.ledger.adopted() == trust.view.reference
        archived = AdoptedList(trust.view.reference, START, trust.bundle)
        assert await shelf.ledger.adopted_list() == archived
    await shelf.reopen()
    assert await shelf.ledger.adopted() == trust.view.reference
    bare = draft(TrustAdopted(TrustReference(3, bytes(32))))
    assert (await refusal_of(shelf.ledger.append([bare]))).code is Code.DEFECT
