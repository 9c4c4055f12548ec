"""An HTTP door on a free port of loopback, with nothing behind it but what a test puts there."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from node.audit.paper import print_receipt
from node.audit.receipt import check_receipt
from node.edge import rest
from node.edge.bodies import SHARE_CODE_EXAMPLE, Fitness
from node.edge.metrics import Gauges
from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.past_trust import PastTrust
from node.flows.ports import Draft, Employer, Employers, Exchanged, Verification
from node.flows.query_trust import QueryingTrust
from node.model.credential import Field
from node.model.quota import Allowance
from node.model.statement import (
    AgreementReference,
    Answer,
    Body,
    Conclusion,
    Disclosure,
    Outcome,
    Purpose,
    Query,
    Requester,
    ShareCodeSelector,
    Statement,
)
from node.model.tiles import ENTRIES, TilePath
from node.wire.codec import encode_statement
from tests.archives import Adopted, MemoryArchive
from tests.federation import DAY_US
from tests.world import START, FakeClock, FixedTrust, MemoryLedger

KEY = "symbolon-test-key"
OTHER_KEY = "symbolon-other-key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
QUESTION = {
    "share_code": SHARE_CODE_EXAMPLE,
    "birth_date": "1991-03-14",
    "purpose": "employment",
}
_REQUESTER = Requester("Werft Nord", "XA-1", "shipbuilding")
_EMPLOYERS = {KEY: Employer("key-1", _REQUESTER), OTHER_KEY: Employer("key-2", _REQUESTER)}
QUERY = Query(
    audience="XB",
    nonce=bytes(range(16)),
    purpose=Purpose.EMPLOYMENT,
    selector=ShareCodeSelector(bytes(32), bytes(32)),
    wanted=tuple(Field),
    requester=_REQUESTER,
    answer_by=START + 300_000_000,
    agreement=AgreementReference("xa-xb", 1),
)
CONFIRMED = Answer(
    query=bytes(32),
    outcome=Outcome.CONFIRMED,
    rule=None,
    disclosed=(Disclosure(Field.TITLE, "Soudeur"), Disclosure(Field.UNITS, "U-101 Sécurité")),
    registry_position=0,
    evaluated_at=START,
    good_until=START + 86_400_000_000,
)
OPEN = Verification("0123456789abcdef" * 3, "key-1", "XB", QUERY, START, None, None, None)
ANSWERED = msgspec.structs.replace(OPEN, answer=CONFIRMED, answered_at=START + 50_000)
UNANSWERED = msgspec.structs.replace(OPEN, no_answer=Code.PEER_SILENT.value)

Ask = Callable[[Employer, Inquiry], Awaitable[Verification]]


class TwoEmployers(Employers):
    """Two employers with one key each."""

    async def authenticate(self, key: str) -> Employer:
        if key not in _EMPLOYERS:
            raise Refusal(Code.UNAUTHENTICATED, "this API key is not known or was revoked")
        return _EMPLOYERS[key]


class Shelf(MemoryLedger):
    """A ledger whose verifications and receipts a test puts on a shelf."""

    def __init__(self) -> None:
        super().__init__("XA", FakeClock())
        self.verifications: dict[str, Verification] = {}
        self.receipts: dict[str, Exchanged] = {}

    def put(self, verification: Verification) -> None:
        self.verifications[verification.id] = verification

    async def verification(self, verification_id: str, key_id: str) -> Verification | None:
        found = self.verifications.get(verification_id)
        return found if found is not None and found.key_id == key_id else None

    async def exchanged(self, verification_id: str, key_id: str) -> Exchanged | None:
        found = await self.verification(verification_id, key_id)
        return None if found is None else self.receipts.get(verification_id)


class Behind:
    """What is behind the door: the flow's result, the shelf, fitness, counters.

    Attributes:
        result: what `ask` returns or raises.
        inquiries: what was asked, by whom.
    """

    def __init__(self) -> None:
        self.result: Verification | Exception = ANSWERED
        self.inquiries: list[tuple[Employer, Inquiry]] = []
        self.shelf = Shelf()
        self.trust = FixedTrust()
        self.fitness = Fitness(fit=True, checks={"journal": "writable"})
        self.tally: Counter[tuple[str, str]] = Counter()
        past = PastTrust(MemoryArchive(Adopted(self.trust.newest, START - DAY_US)), self.trust)
        self.queries = QueryingTrust(self.trust, past, FakeClock(), Allowance(1e6, 1e6))
        self.tiles = {TilePath(0, 0, 3): bytes(96), TilePath(ENTRIES, 0, 3): b"\0\0" * 3}

    async def ask(self, employer: Employer, inquiry: Inquiry) -> Verification:
        self.inquiries.append((employer, inquiry))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    async def check(self) -> Fitness:
        return self.fitness

    async def measure(self) -> Gauges:
        return Gauges(journal_size=3, open_questions=1)

    async def head(self) -> bytes:
        return self.shelf.checkpoint

    async def upgraded(self, exchanged: Exchanged) -> Exchanged:
        return exchanged

    def paper(self, receipt: bytes) -> bytes:
        return print_receipt(receipt, check_receipt(receipt, self.trust.newest.root))

    async def tile(self, path: TilePath) -> bytes:
        if path not in self.tiles:
            raise Refusal(Code.UNKNOWN, "no signed checkpoint covers this tile")
        return self.tiles[path]

    def doors(self, ask: Ask | None = None) -> rest.Doors:
        return rest.Doors(
            node="XA",
            ask=ask or self.ask,
            asked=self.tally,
            answered=self.tally,
            ledger=self.shelf,
            employers=TwoEmployers(),
            trust=self.trust,
            clock=FakeClock(),
            fitness=self.check,
            gauges=self.measure,
            checkpoint=self.head,
            queries=self.queries,
            tile=self.tile,
            trust_age_us=lambda: 7_900_000,
            paper=self.paper,
            upgraded=self.upgraded,
        )


@asynccontextmanager
async def client_of(behind: Behind) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve what is behind, and yield a client with no key of its own."""
    async with (
        rest.listening(rest.application(behind.doors()), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        yield client


async def sample_exchange(trust: FixedTrust) -> Exchanged:
    """Seal a query, its answer and its conclusion in the journals of XA and XB."""
    asking, answering = MemoryLedger("XA", FakeClock()), MemoryLedger("XB", FakeClock())
    reference = trust.view().reference

    def said(speaker: str, body: Body) -> Draft:
        return Draft(body, encode_statement(Statement(speaker, START, reference, body)))

    query = (await asking.append([said("XA", QUERY)]))[0].commitment
    answer = msgspec.structs.replace(
        CONFIRMED, query=query, outcome=Outcome.NOT_CONFIRMED, disclosed=()
    )
    answered = (await answering.append([said("XB", answer)]))[0].commitment
    await asking.append([said("XA", Conclusion(query, answered, answer.outcome))])
    return Exchanged(asking.seal(0), answering.seal(0), asking.seal(1), (trust.newest.bundle,))
