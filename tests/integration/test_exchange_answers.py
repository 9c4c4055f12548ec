"""Forks, trust lists, quotas, and answers exactly once: a real node and a peer over a socket."""

import asyncio
import base64
import hashlib
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from node.assembly import adopt
from node.errors import Code, Refusal
from node.model.credential import Field
from node.model.note import KeyKind
from node.model.seal import Sealed
from node.model.share_code import ShareCode, make
from node.model.statement import (
    AgreementReference,
    Answer,
    CredentialRegistered,
    Outcome,
    Purpose,
    Requester,
    Rule,
)
from node.settings import QuotaSettings
from node.wire.codec import decode_statement
from tests.federation import SECOND_US, expiring, origin
from tests.nodes import Federation, Log, Rejected, dialled_as, query_to, say, selector, serving
from tests.scenes import Scene, answer_in, refused, staged
from tests.world import sample_credential

OTHER_REQUESTER = Requester("Anderes Werk", "XB-HRB-2", "C25")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(tmp_path) as scene:
        yield scene


# --- 7 and 10: exactly once ----------------------------------------------------------------


async def test_replays_get_the_same_sealed_answer_and_change_nothing(scene: Scene) -> None:
    sealed = scene.seal()
    (first,) = await scene.xb.exchange(sealed)
    before = await scene.state()
    assert await scene.xb.exchange(sealed) == [first]
    assert await scene.xb.exchange(sealed, sealed) == [first, first]
    scene.seal()
    assert await scene.xb.exchange(scene.log.seal_again(sealed)) == [first]
    assert await scene.state() == before


async def test_one_query_twice_in_a_parcel_is_answered_once(scene: Scene) -> None:
    sealed = scene.seal()
    size, _ = await scene.running.opened.ledger.heights()
    first, second = await scene.xb.exchange(sealed, sealed)
    assert first == second
    assert (await scene.running.opened.ledger.heights())[0] == size + 1


async def test_one_query_in_many_parcels_at_once_is_answered_once(scene: Scene) -> None:
    sealed = scene.seal()
    size, _ = await scene.running.opened.ledger.heights()
    replies = await asyncio.gather(*(scene.xb.exchange(sealed) for _ in range(20)))
    assert isinstance(replies[0][0], Sealed)
    assert all(reply == replies[0] for reply in replies)
    assert (await scene.running.opened.ledger.heights())[0] == size + 1


async def test_an_answered_query_gets_its_answer_long_after_five_minutes(scene: Scene) -> None:
    answered, late = scene.seal(), scene.seal()
    (first,) = await scene.xb.exchange(answered)
    scene.federation.clock.advance(6 * 60)
    assert await scene.xb.exchange(answered) == [first]
    refused(Code.STALE, await scene.xb.exchange(late))


async def test_an_answered_query_gets_its_answer_after_a_restart(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        sealed = scene.seal()
        (first,) = await scene.xb.exchange(sealed)
    async with (
        serving(scene.home) as running,
        dialled_as("XB", scene.home, running.grpc_port) as xb,
    ):
        size = await running.opened.ledger.check()
        assert await xb.exchange(sealed) == [first]
        assert await running.opened.ledger.check() == size


async def test_an_answer_stands_in_the_journal_at_the_position_it_names(scene: Scene) -> None:
    (reply,) = await scene.xb.exchange(scene.seal())
    assert isinstance(reply, Sealed)
    statement = decode_statement(reply.statement)
    assert isinstance(statement.body, Answer)
    assert statement.body.registry_position == reply.index
    assert statement.body.evaluated_at == statement.said_at == scene.now
    rows = scene.home.rows("SELECT statement, salt FROM entry WHERE position = ?", reply.index)
    assert rows == [(reply.statement, reply.salt)]


async def test_a_code_for_one_use_confirms_one_of_many_at_once(scene: Scene) -> None:
    code = await scene.share(uses=1)
    answers = await asyncio.gather(*(scene.ask(selector=selector(code)) for _ in range(10)))
    outcomes = [answer.outcome for answer in answers]
    assert outcomes.count(Outcome.CONFIRMED) == 1
    assert outcomes.count(Outcome.NOT_CONFIRMED) == 9


# --- 9: one and the same answer to whoever guesses -----------------------------------------


async def codes_that_open_nothing(scene: Scene) -> dict[str, ShareCode]:
    """Make share codes of which each fails for another reason."""
    sharing = scene.running.opened.sharing
    expired = await scene.share(valid_days=1)
    scene.federation.clock.advance(2 * 24 * 60 * 60)
    revoked, spent = await scene.share(), await scene.share(uses=1)
    await sharing.revoke(revoked)
    assert (await scene.ask(selector=selector(spent))).outcome is Outcome.CONFIRMED
    licensing = await sharing.create(sample_credential().number, Purpose.LICENSING, tuple(Field))
    return {
        "unknown": make("XA", bytes(10)),
        "expired": expired,
        "revoked": revoked,
        "spent": spent,
        "other purpose": licensing,
        "other requester": await scene.share(requester="XB-HRB-3"),
    }


async def test_not_confirmed_is_one_and_the_same_whatever_the_reason(scene: Scene) -> None:
    codes = await codes_that_open_nothing(scene)
    born_another_day = scene.code.holder_proof(date(1980, 1, 1))
    selectors = {name: selector(code) for name, code in codes.items()}
    selectors["birth date"] = replace(selector(scene.code), holder_proof=born_another_day)
    queries = [
        scene.seal(scene.statement(scene.query(selector=selected)))
        for selected in selectors.values()
    ]
    answers: list[Answer] = []
    sizes: set[int] = set()
    for reply in await scene.xb.exchange(*queries):
        assert isinstance(reply, Sealed)
        sizes.add(len(reply.statement))
        answers.append(answer_in([reply]))
    assert [answer.outcome for answer in answers] == [Outcome.NOT_CONFIRMED] * 7
    assert len({replace(one, query=b"", registry_position=0) for one in answers}) == 1
    assert len(sizes) == 1


async def test_a_wrong_guess_spends_no_use_of_a_code(scene: Scene) -> None:
    code = await scene.share(uses=1)
    wrong = replace(selector(code), holder_proof=bytes(32))
    assert (await scene.ask(selector=wrong)).outcome is Outcome.NOT_CONFIRMED
    assert (await scene.ask(selector=selector(code))).outcome is Outcome.CONFIRMED


# --- 6: agreements -------------------------------------------------------------------------

NO_AGREEMENT = (Outcome.REFUSED, Rule.NO_AGREEMENT)
NOT_COVERED = (Outcome.REFUSED, Rule.PURPOSE_NOT_COVERED)


async def test_an_agreement_named_wrongly_is_refused_under_seal(scene: Scene) -> None:
    for reference in (AgreementReference("xa-xb", 2), AgreementReference("xa-xc", 1)):
        answer = await scene.ask(agreement=reference)
        assert (answer.outcome, answer.rule) == NO_AGREEMENT
        assert answer.disclosed == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"in_force_until": "2026-11-22"}, NO_AGREEMENT),
        ({"in_force_from": "2026-11-24"}, NO_AGREEMENT),
        ({"purposes": ["licensing"]}, NOT_COVERED),
    ],
)
async def test_what_no_agreement_covers_is_refused_under_seal(
    scene: Scene, changes: dict[str, object], expected: tuple[Outcome, Rule]
) -> None:
    scene.federation.agree("XA", "XB", **changes)
    scene.federation.publish()
    assert await adopt(scene.running.opened)
    answer = await scene.ask()
    assert (answer.outcome, answer.rule) == expected
    consent = await scene.running.opened.ledger.consent(scene.code.digest)
    assert consent is not None
    assert consent.uses_spent == 0


# --- 8: quotas -----------------------------------------------------------------------------


async def test_a_peer_over_its_quota_is_told_when_to_return(tmp_path: Path) -> None:
    async with staged(tmp_path, quota=QuotaSettings(peer_burst=2, peer_per_s=0.5)) as scene:
        sealed = scene.seal()
        (first,) = await scene.xb.exchange(sealed)
        await scene.ask(requester=OTHER_REQUESTER)
        late, before = scene.seal(), await scene.state()
        busy = refused(Code.BUSY, await scene.xb.exchange(late))
        assert busy.retry_after_s == pytest.approx(2.0)
        assert await scene.xb.exchange(sealed) == [first]
        assert await scene.state() == before
        scene.federation.clock.advance(2.0)
        assert answer_in(await scene.xb.exchange(late)).outcome is Outcome.CONFIRMED


async def test_a_requester_over_its_quota_keeps_no_other_out(tmp_path: Path) -> None:
    async with staged(tmp_path, quota=QuotaSettings(requester_burst=1, requester_per_s=1)) as scene:
        await scene.ask()
        refused(Code.BUSY, await scene.xb.exchange(scene.seal()))
        assert (await scene.ask(requester=OTHER_REQUESTER)).outcome is Outcome.CONFIRMED


async def test_guessing_codes_runs_dry_far_sooner_than_asking(tmp_path: Path) -> None:
    quota = QuotaSettings(requester_burst=50, requester_per_s=1)
    async with staged(tmp_path, quota=quota) as scene:
        for guess in range(3):
            answer = await scene.ask(selector=selector(make("XA", bytes([guess] * 10))))
            assert answer.outcome is Outcome.NOT_CONFIRMED
        before = await scene.state()
        busy = refused(Code.BUSY, await scene.xb.exchange(scene.seal()))
        assert busy.retry_after_s == pytest.approx(14.0)
        assert await scene.state() == before


async def test_a_parcel_of_guesses_is_not_cheaper_than_guesses_alone(tmp_path: Path) -> None:
    quota = QuotaSettings(requester_burst=50, requester_per_s=1)
    async with staged(tmp_path, quota=quota) as scene:
        guesses = [
            scene.seal(scene.statement(scene.query(selector=selector(make("XA", bytes([n] * 10))))))
            for n in range(20)
        ]
        replies = await scene.xb.exchange(*guesses)
        assert [isinstance(reply, Sealed) for reply in replies] == [True] * 3 + [False] * 17


# --- 4: forks ------------------------------------------------------------------------------


def forked_twin(scene: Scene) -> Log:
    """Return another journal of XB's, as long as the one it showed so far, or empty."""
    twin = Log("XB", clock=scene.federation.clock, seed=2)
    while twin.size < scene.log.size - 4:
        twin.seal(*[b"something else"] * 4)
    return twin


async def untrusted(scene: Scene) -> None:
    """Check that XB is trusted no more, whatever it sends."""
    before = await scene.state()
    with pytest.raises(Rejected) as rejection:
        await scene.xb.exchange(scene.seal())
    assert (rejection.value.status, rejection.value.code) == ("PERMISSION_DENIED", Code.UNTRUSTED)
    assert await scene.state() == before


async def test_a_forked_journal_is_trusted_no_more_even_after_a_restart(tmp_path: Path) -> None:
    async with staged(tmp_path) as scene:
        honest = scene.seal()
        await scene.xb.exchange(honest)
        twin = forked_twin(scene)
        forked = twin.seal(b"before", scene.statement(), b"after", b"last")[1]
        before = await scene.state()
        refused(Code.UNTRUSTED, await scene.xb.exchange(forked))
        assert await scene.state() == before
        await untrusted(scene)
        assert scene.running.opened.ledger.forked_journals() == {origin("XB")}
    ((peer, kind, content),) = scene.home.rows("SELECT peer, kind, content FROM evidence")
    assert (peer, kind) == ("XB", "fork")
    assert honest.checkpoint in content
    assert forked.checkpoint in content
    async with (
        serving(scene.home) as running,
        dialled_as("XB", scene.home, running.grpc_port) as xb,
    ):
        scene.running, scene.xb = running, xb
        await untrusted(scene)


async def test_two_checkpoints_of_one_size_in_one_parcel_are_a_fork(scene: Scene) -> None:
    twin = forked_twin(scene)
    one, other = scene.seal(), twin.seal(b"before", scene.statement(), b"after", b"last")[1]
    replies = await scene.xb.exchange(one, other)
    refused(Code.UNTRUSTED, replies[1:])
    assert scene.running.opened.ledger.forked_journals() == {origin("XB")}
    await untrusted(scene)


async def test_a_fork_of_one_peer_is_no_other_peers_trouble(scene: Scene) -> None:
    twin = forked_twin(scene)
    await scene.xb.exchange(scene.seal(), twin.seal(b"1", b"2", b"3", b"4")[0])
    query = query_to("XA", "XC", scene.now, selector=selector(scene.code))
    (sealed,) = Log("XC").seal(scene.statement(query, speaker="XC"))
    async with dialled_as("XC", scene.home, scene.running.grpc_port) as xc:
        assert answer_in(await xc.exchange(sealed)).outcome is Outcome.CONFIRMED


async def test_the_same_checkpoint_signed_again_later_is_no_fork(scene: Scene) -> None:
    sealed = scene.seal()
    (first,) = await scene.xb.exchange(sealed)
    scene.federation.clock.advance(5)
    again = scene.log.seal_again(sealed)
    assert again.checkpoint != sealed.checkpoint
    assert await scene.xb.exchange(again) == [first]
    assert scene.running.opened.ledger.forked_journals() == frozenset()


# --- the trust list ------------------------------------------------------------------------


async def test_nothing_is_answered_under_an_expired_trust_list(scene: Scene) -> None:
    scene.federation.clock.advance(31 * 24 * 60 * 60)
    before = await scene.state()
    with pytest.raises(Rejected) as rejection:
        await scene.xb.exchange(scene.seal())
    assert (rejection.value.status, rejection.value.code) == ("FAILED_PRECONDITION", Code.STALE)
    assert await scene.state() == before
    scene.federation.publish()
    assert await adopt(scene.running.opened)
    assert (await scene.ask()).outcome is Outcome.CONFIRMED


async def test_an_agreement_that_one_side_alone_lists_is_not_in_force(scene: Scene) -> None:
    path = "agreements/XB/xa-xb.json"
    changed = msgspec.json.decode(scene.federation.files[path]) | {"version": 2}
    scene.federation.files[path] = msgspec.json.encode(changed)
    scene.federation.publish()
    assert await adopt(scene.running.opened)
    assert scene.running.opened.trust.view().faults == ()
    for version in (1, 2):
        answer = await scene.ask(agreement=AgreementReference("xa-xb", version))
        assert (answer.outcome, answer.rule) == NO_AGREEMENT


async def test_a_suspended_peer_is_answered_nothing_until_it_is_reinstated(scene: Scene) -> None:
    assert (await scene.ask()).outcome is Outcome.CONFIRMED
    scene.federation.suspend("XB")
    scene.federation.publish()
    assert await adopt(scene.running.opened)
    await untrusted(scene)
    scene.federation.suspend("XB", suspended=False)
    scene.federation.publish()
    assert await adopt(scene.running.opened)
    assert (await scene.ask()).outcome is Outcome.CONFIRMED


async def test_a_peer_whose_countrys_role_has_expired_is_answered_nothing(scene: Scene) -> None:
    scene.federation.publish(change=expiring("country-XB", scene.now + 60 * SECOND_US))
    assert await adopt(scene.running.opened)
    assert (await scene.ask()).outcome is Outcome.CONFIRMED
    scene.federation.clock.advance(60)
    with pytest.raises(Rejected) as rejection:
        await scene.xb.exchange(scene.seal())
    assert rejection.value.code is Code.STALE


async def test_a_node_restarted_without_its_local_copy_proves_what_it_said(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    home = federation.add("XA")
    federation.publish()
    async with serving(home) as running:
        before = running.opened.trust.view()
    shutil.rmtree(home.data / "trust")
    federation.clock.advance(40 * 24 * 60 * 60)
    async with serving(home) as running:
        assert replace(running.opened.trust.view(), expires_at=before.expires_at) == before
        with pytest.raises(Refusal) as refusal:
            running.opened.trust.view().require_fresh(federation.clock())
        assert refusal.value.code is Code.STALE
        assert await running.opened.ledger.checkpoint()
        federation.publish()
        assert await adopt(running.opened)
        running.opened.trust.view().require_fresh(federation.clock())


SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    b"\x01" + bytes(30) + b"\x80",
]


def verifier_text(name: str, public_key: bytes) -> str:
    """Spell an Ed25519 verifier key without the checks that making one runs."""
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + public_key).digest()[:4]
    return (
        f"{name}+{key_id.hex()}+{base64.b64encode(bytes([KeyKind.ED25519]) + public_key).decode()}"
    )


@pytest.mark.parametrize("public_key", SMALL_ORDER, ids=bytes.hex)
async def test_a_key_of_small_order_costs_its_own_country_its_place(
    scene: Scene, public_key: bytes
) -> None:
    described = scene.federation.node_file("XB")
    weak = replace(described.journal.keys[0], verifier=verifier_text(origin("XB"), public_key))
    journal = replace(described.journal, keys=(weak, *described.journal.keys))
    scene.federation.write_node(replace(described, journal=journal))
    scene.federation.publish()
    assert await adopt(scene.running.opened)
    view = scene.running.opened.trust.view()
    (fault,) = view.faults
    assert fault.startswith("country-XB: ")
    assert "small order" in fault
    assert view.nodes.keys() == {"XA", "XC"}
    with pytest.raises(Rejected) as rejection:
        await scene.xb.exchange(scene.seal())
    assert rejection.value.status in {"UNAVAILABLE", "UNAUTHENTICATED"}


async def test_a_key_that_the_newer_list_retires_counts_no_more(scene: Scene) -> None:
    assert (await scene.ask()).outcome is Outcome.CONFIRMED
    sealed = scene.seal()
    described = scene.federation.node_file("XB")
    until = datetime.fromtimestamp(scene.now // SECOND_US, UTC)
    keys = tuple(replace(key, valid_until=until) for key in described.journal.keys)
    scene.federation.write_node(replace(described, journal=replace(described.journal, keys=keys)))
    scene.federation.publish()
    assert await adopt(scene.running.opened)
    before = await scene.state()
    refused(Code.UNAUTHENTICATED, await scene.xb.exchange(sealed))
    assert await scene.state() == before


async def test_a_node_without_ml_dsa_44_answers_where_policy_allows_it(tmp_path: Path) -> None:
    federation = Federation(tmp_path, post_quantum=False)
    home = federation.add("XA")
    federation.publish()
    async with (
        serving(home) as running,
        dialled_as("XB", home, running.grpc_port) as xb,
    ):
        log = Log("XB")
        log.signers = log.signers[:1]
        scene = Scene(home, running, federation, xb)
        await say(running.opened, federation.clock, [CredentialRegistered(sample_credential())])
        scene.code, scene.log = await scene.share(), log
        (reply,) = await xb.exchange(scene.seal())
        assert isinstance(reply, Sealed)
        assert reply.checkpoint.count("\u2014".encode()) == 1
        assert answer_in([reply]).outcome is Outcome.CONFIRMED
