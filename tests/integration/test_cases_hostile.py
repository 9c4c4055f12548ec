"""Cases with a node that does not keep to the protocol: nothing comes of it, and it is shown."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from msgspec.structs import replace

from node.assembly import adopt
from node.errors import Code, Refusal
from node.flows.casework import CaseView, NewCase
from node.model.case_bodies import (
    Author,
    CaseKind,
    CaseOpening,
    CaseReceived,
    CaseStep,
    Ruling,
    StepKind,
    Subject,
    SubjectKind,
)
from node.model.cases import Phase, Terms, encode_terms
from node.model.seal import Sealed, commitment
from node.wire.case_documents import Content, encrypt_part, new_identity
from node.wire.codec import decode_statement
from node.wire.parcel import Item, Refused, decode_parcel, encode_parcel
from node.wire.stubs import CasePartRequest
from tests.casework import DECIDED, OFFICER
from tests.federation import DAY_US
from tests.nodes import CALL_TIMEOUT_S, Log, false_node
from tests.scenes import Scene, staged

CASE = b"\x11" * 16
NAMED = Content("credential", b"XA-2019-000001", bytes(32))
SECRET, RECIPIENT = new_identity()
OPENING = CaseOpening(
    CaseKind.CONTEST,
    Subject(SubjectKind.CREDENTIAL, NAMED.part.digest),
    "XA",
    "xa-xb",
    1,
    "",
    encode_terms(Terms()),
    RECIPIENT,
)
OPENED = CaseStep(
    CASE, "XA", StepKind.OPENED, Author.AUTHORITY, parts=(NAMED.part,), opening=OPENING
)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(tmp_path) as running:
        yield running


async def send(scene: Scene, *items: Item) -> list[Item]:
    """Send steps as XB."""
    reply = await scene.xb.stub.Case(encode_parcel(items), timeout=CALL_TIMEOUT_S)
    return decode_parcel(reply)


async def said(scene: Scene, step: CaseStep, **changes: Any) -> Item:
    """Say a step as XB, and return what XA makes of it."""
    (item,) = await send(scene, scene.seal(scene.statement(step, **changes)))
    return item


def receipt(item: Item) -> CaseReceived:
    assert isinstance(item, Sealed), item
    body = decode_statement(item.statement).body
    assert isinstance(body, CaseReceived)
    return body


def refusal(item: Item) -> Code:
    assert isinstance(item, Refused), item
    return item.code


async def view(scene: Scene) -> CaseView:
    return await scene.running.opened.casework.case(OFFICER, CASE)


async def test_a_replayed_step_gets_the_same_receipt_and_changes_nothing(scene: Scene) -> None:
    step = scene.seal(scene.statement(OPENED))
    first = await send(scene, step)
    size = await scene.running.opened.ledger.heights()
    (again,) = await send(scene, step)
    assert isinstance(again, Sealed)
    assert isinstance(first[0], Sealed)
    assert (again.statement, again.salt) == (first[0].statement, first[0].salt)
    assert await scene.running.opened.ledger.heights() == size
    assert len((await view(scene)).held.steps) == 1


@pytest.mark.parametrize(
    "step",
    [
        CaseStep(CASE, "XA", StepKind.ACKNOWLEDGED, Author.AUTHORITY),
        replace(
            CaseStep(CASE, "XA", StepKind.DECIDED, Author.AUTHORITY),
            ruling=Ruling.GRANTED,
            ground="Article 1",
        ),
        CaseStep(CASE, "XA", StepKind.APPEALED, Author.AUTHORITY),
        CaseStep(CASE, "XA", StepKind.WITHDRAWN, Author.EMPLOYER),
        CaseStep(CASE, "XA", StepKind.ERASED, Author.AUTHORITY, ground="Article 17"),
        CaseStep(CASE, "XA", StepKind.LAPSED, Author.AUTHORITY, ruling=Ruling.GRANTED),
        OPENED,
    ],
    ids=lambda step: step.kind.name,
)
async def test_a_step_out_of_turn_is_not_taken_and_the_receipt_says_why(
    scene: Scene, step: CaseStep
) -> None:
    assert receipt(await said(scene, OPENED)).number == 1
    answer = receipt(await said(scene, step))
    assert answer.number == 0
    assert answer.reason
    found = await view(scene)
    assert (found.progress.phase, len(found.held.timeline)) == (Phase.OPENED, 1)


async def test_a_step_of_no_case_or_of_somebody_elses_is_as_unknown(scene: Scene) -> None:
    other = await scene.running.opened.casework.open(
        OFFICER,
        NewCase(CaseKind.CONTEST, "Why", credential="XC-2019-000001", peer="XC"),
    )
    words = set()
    for case in (CASE, other.held.case):
        answer = await said(scene, CaseStep(case, "XA", StepKind.WITHDRAWN, Author.AUTHORITY))
        assert refusal(answer) is Code.UNKNOWN
        assert isinstance(answer, Refused)
        words.add(answer.reason)
    assert len(words) == 1
    assert len((await scene.running.opened.casework.case(OFFICER, other.held.case)).held.steps) == 1


async def test_a_forged_step_is_refused(scene: Scene) -> None:
    forged = Log("XB", clock=scene.federation.clock, signers=Log("XC").signers, seed=9)
    (step,) = forged.seal(scene.statement(OPENED))
    good = scene.seal(scene.statement(OPENED))
    changed = replace(good, statement=good.statement[:-1] + b"x")
    codes = [refusal(item) for item in await send(scene, step, changed)]
    assert codes == [Code.UNAUTHENTICATED, Code.UNAUTHENTICATED]
    assert refusal(await said(scene, OPENED, speaker="XC")) is Code.UNTRUSTED
    assert await scene.running.opened.casework.cases(OFFICER) == []


_ANSWER = Subject(SubjectKind.ANSWER, bytes(32), 1)
_LIMITS = encode_terms(Terms(documents=("identity",)))


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (replace(OPENED, audience="XC"), Code.UNTRUSTED),
        (replace(OPENED, number=1), Code.MALFORMED),
        (replace(OPENED, opening=replace(OPENING, agreement="other")), Code.UNTRUSTED),
        (replace(OPENED, opening=replace(OPENING, terms=_LIMITS)), Code.UNTRUSTED),
        (replace(OPENED, opening=replace(OPENING, terms=b"{ }")), Code.MALFORMED),
        (replace(OPENED, opening=replace(OPENING, route="crafts")), Code.UNKNOWN),
        (replace(OPENED, opening=replace(OPENING, decider="XC")), Code.CONFLICT),
        (replace(OPENED, opening=replace(OPENING, decider="XB")), Code.CONFLICT),
        (replace(OPENED, parts=()), Code.CONFLICT),
        (replace(OPENED, parts=(), opening=replace(OPENING, subject=_ANSWER)), Code.UNKNOWN),
    ],
)
async def test_a_case_that_rests_on_nothing_is_not_opened(
    scene: Scene, step: CaseStep, code: Code
) -> None:
    assert refusal(await said(scene, step)) is code
    assert await scene.running.opened.casework.cases(OFFICER) == []


@pytest.mark.parametrize("days", [-8, 1])
async def test_a_backdated_or_postdated_case_is_not_opened(scene: Scene, days: int) -> None:
    assert refusal(await said(scene, OPENED, said_at=scene.now + days * DAY_US)) is Code.STALE


async def test_only_who_decides_gives_steps_their_places(scene: Scene) -> None:
    await said(scene, OPENED)
    step = CaseStep(CASE, "XA", StepKind.WITHDRAWN, Author.AUTHORITY, number=2)
    assert refusal(await said(scene, step)) is Code.CONFLICT


async def test_a_document_is_given_only_to_the_other_node_of_its_case(scene: Scene) -> None:
    await said(scene, OPENED)
    other = await scene.running.opened.casework.open(
        OFFICER, NewCase(CaseKind.CONTEST, "Why", credential="XC-2019-000001", peer="XC")
    )
    wanted = [(CASE, NAMED.part.digest), (other.held.case, other.held.parts[0].part.digest)]
    for case, digest in [*wanted, (b"", b""), (CASE, b"")]:
        request = CasePartRequest(case_id=case, digest=digest)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            _ = [one async for one in scene.xb.stub.CasePart(request, timeout=CALL_TIMEOUT_S)]
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


# --- the other node decides, and lies ------------------------------------------------------


class Decider:
    """XB as the test plays it: what it replies to steps of XA's."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.changes: dict[str, Any] = {}
        self.item: Item | None = None

    async def reply(self, steps: list[Sealed]) -> bytes:
        step = decode_statement(steps[0].statement).body
        assert isinstance(step, CaseStep)
        stands_for = commitment(steps[0].statement, steps[0].salt)
        body = replace(CaseReceived(step.case, stands_for, 1, RECIPIENT), **self.changes)
        item = self.item or self.scene.seal(self.scene.statement(body))
        return encode_parcel([item]).SerializeToString()


FALSE = "SELECT content FROM evidence WHERE kind = 'false_case_receipt'"


@pytest.mark.parametrize(
    "changes",
    [{"step": bytes(32)}, {"case": bytes(16)}],
    ids=["of another step", "of another case"],
)
async def test_a_false_receipt_is_kept_as_evidence_and_the_step_stays_open(
    scene: Scene, changes: dict[str, Any]
) -> None:
    decider = Decider(scene)
    decider.changes = changes
    async with false_node("XB", scene.home, decider.reply) as server:
        scene.federation.move("XB", server.port)
        scene.federation.publish()
        await adopt(scene.running.opened)
        casework, cases = scene.running.opened.casework, scene.running.peering.cases
        new = NewCase(CaseKind.CONTEST, "Why", credential="XB-2019-000001", peer="XB")
        case = (await casework.open(OFFICER, new)).held.case
        assert await cases.send_open() == 0
        scene.federation.clock.advance(31)
        assert await cases.send_open() == 0
        assert 1 <= len(scene.home.rows(FALSE)) <= 2
        (waiting,) = (await casework.case(OFFICER, case)).held.waiting
        assert waiting.tries == 2
        decider.changes = {}
        scene.federation.clock.advance(61)
        assert await cases.send_open() == 1
        with pytest.raises(Refusal, match="only the authority of XB may"):
            await casework.act(OFFICER, case, DECIDED)


async def test_a_decision_out_of_turn_by_who_decides_is_not_taken(scene: Scene) -> None:
    opening = replace(OPENING, kind=CaseKind.RECOGNITION, decider="XB")
    step = replace(OPENED, number=1, author=Author.PERSON, opening=opening)
    assert receipt(await said(scene, step)).number == 1
    decided = CaseStep(
        CASE,
        "XA",
        StepKind.DECIDED,
        Author.AUTHORITY,
        number=2,
        ruling=Ruling.REFUSED,
        ground="Article 1",
    )
    answer = receipt(await said(scene, decided))
    assert (answer.number, answer.reason) == (0, "the step may not be taken: the case is opened")
    later = replace(decided, kind=StepKind.ACKNOWLEDGED, ruling=None, ground="", number=4)
    assert refusal(await said(scene, later)) is Code.BUSY
    taken = replace(later, number=2)
    assert receipt(await said(scene, taken)).number == 2
    assert refusal(await said(scene, replace(decided, number=2))) is Code.CONFLICT


async def test_a_document_that_is_another_one_is_not_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await said(scene, OPENED)
    held = (await view(scene)).held
    known = receipt(await said(scene, OPENED)).recipient
    sent: list[bytes] = [
        encrypt_part(known, bytes(32), b"XA-2019-000002"),
        encrypt_part(RECIPIENT, bytes(32), NAMED.content),
        b"age-encryption.org/v1\n",
        b"",
    ]

    async def case_part(_node: str, _case: bytes, _digest: bytes) -> bytes:
        return sent.pop(0)

    exchange = scene.running.peering.cases
    monkeypatch.setattr(exchange._peers, "case_part", case_part)
    while sent:
        assert await exchange.fetch_parts() == 0
        scene.federation.clock.advance(3601)
        assert not (await view(scene)).held.parts[0].here
    sent.append(encrypt_part(known, bytes(32), NAMED.content))
    assert await exchange.fetch_parts() == 1
    assert (await view(scene)).held.parts[0].here
    assert held.peer == "XB"
