"""The holder's own view, over HTTP, of a real node that a peer asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from node.audit.record import check_record
from node.errors import Code, Refusal
from node.flows.holder import MINUTES
from node.model.credential import Field
from node.model.share_code import make
from node.model.statement import (
    AgreementReference,
    AuditAccess,
    CredentialRegistered,
    Outcome,
    Person,
    Purpose,
    WatchEnded,
)
from node.settings import QuotaSettings
from node.wire.codec import decode_statement
from node.wire.record import decode_record
from tests.federation import make_root
from tests.nodes import BORN, REQUESTER, say, selector
from tests.scenes import Scene, staged
from tests.world import sample_credential

OWN, OWN_TOO, OTHERS = "XA-2019-000001", "XA-2024-000002", "XA-2021-000007"
CLERK = Person("anna", "registrar")
OFFICER = Person("olga", "officer")
SECRET = "Wahid Al-Sharif"


class Desk(Struct):
    """A node with two credentials of one holder and one of another, and a client of its door."""

    scene: Scene
    client: aiohttp.ClientSession
    token: str = ""

    @property
    def node(self) -> Any:
        return self.scene.running.opened

    async def get(self, path: str, **parameters: Any) -> Any:
        response = await self.call("GET", path, params=parameters)
        assert response.status == 200, await response.text()
        return await response.json()

    async def call(self, method: str, path: str, **beside: Any) -> aiohttp.ClientResponse:
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.client.request(method, f"/v1/holder/{path}", headers=headers, **beside)

    async def entrust(self, number: str = OWN, **wanted: Any) -> str:
        _, token = await self.node.holding.entrusting.issue(
            number, BORN, CLERK, **{"minutes": MINUTES, **wanted}
        )
        return str(token)


@asynccontextmanager
async def desk_at(base: Path, quota: QuotaSettings | None = None) -> AsyncIterator[Desk]:
    async with staged(base, quota=quota) as scene:
        mine = sample_credential(OWN).holder_name
        shouted = replace(sample_credential(OWN_TOO), holder_name=f"  {mine.upper()} ")
        others = replace(sample_credential(OTHERS), holder_name=SECRET)
        await say(
            scene.running.opened,
            scene.federation.clock,
            map(CredentialRegistered, (shouted, others)),
        )
        url = f"http://127.0.0.1:{scene.running.http_port}"
        async with aiohttp.ClientSession(url) as client:
            desk = Desk(scene, client)
            desk.token = await desk.entrust()
            yield desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(tmp_path) as desk:
        yield desk


async def _problem(response: aiohttp.ClientResponse) -> tuple[int, str, str]:
    problem = await response.json(content_type="application/problem+json")
    return response.status, problem["type"].rpartition(":")[2], problem["detail"]


# --- the token -----------------------------------------------------------------------------


async def test_a_token_shows_every_credential_of_its_holder_and_no_other(desk: Desk) -> None:
    mine = (await desk.get("credentials"))["credentials"]
    assert [one["number"] for one in mine] == [OWN, OWN_TOO]
    assert SECRET not in str(mine)


async def test_a_token_can_be_good_for_one_credential_only(desk: Desk) -> None:
    desk.token = await desk.entrust(only=True)
    mine = (await desk.get("credentials"))["credentials"]
    assert [one["number"] for one in mine] == [OWN]
    assert (await _problem(await desk.call("POST", "codes", json=_code(OWN_TOO))))[0] == 404


async def test_a_token_is_given_to_nobody_born_on_another_day(desk: Desk) -> None:
    entrusting = desk.node.holding.entrusting
    size = await desk.node.reader.size()
    refusals = []
    for number, born in ((OWN, BORN + timedelta(days=1)), ("XA-0", BORN)):
        with pytest.raises(Refusal) as refused:
            await entrusting.issue(number, born, CLERK, minutes=MINUTES)
        refusals.append((refused.value.code, refused.value.reason))
    assert len(set(refusals)) == 1
    assert refusals[0][0] is Code.UNKNOWN
    assert await desk.node.reader.size() == size


async def test_who_gives_a_token_is_journalled_and_to_whom_is_not(desk: Desk) -> None:
    (entry,) = await desk.node.reader.entries(await desk.node.reader.size() - 1, 1)
    assert isinstance(entry.statement.body, AuditAccess)
    assert entry.statement.body.reader == "registrar anna"
    assert OWN not in str(entry.statement.body)


async def test_a_token_counts_for_its_minutes_and_no_longer(desk: Desk) -> None:
    desk.scene.federation.clock.advance(MINUTES * 60 - 1)
    assert (await desk.call("GET", "credentials")).status == 200
    desk.scene.federation.clock.advance(1)
    status, code, _ = await _problem(await desk.call("GET", "credentials"))
    assert (status, code) == (401, "unauthenticated")


async def test_a_revoked_token_counts_no_more_at_once(desk: Desk) -> None:
    (held,) = await desk.node.holding.entrusting.list()
    await desk.node.holding.entrusting.revoke(held.id)
    assert (await desk.call("GET", "credentials")).status == 401
    with pytest.raises(Refusal) as refused:
        await desk.node.holding.entrusting.revoke(held.id)
    assert refused.value.code is Code.UNKNOWN


@pytest.mark.parametrize("token", ["", "symbolon_holder_x", "symbolon_" + "a" * 43, "x" * 300])
async def test_nothing_is_told_without_a_token_that_counts(desk: Desk, token: str) -> None:
    desk.token = token
    for path in ("credentials", "codes", "watches", "accesses", "contests", "export"):
        assert (await desk.call("GET", path)).status == 401


async def test_a_token_is_kept_nowhere(desk: Desk) -> None:
    files = [path.read_bytes() for path in desk.scene.home.data.rglob("*") if path.is_file()]
    assert not any(desk.token.encode() in content for content in files)


async def test_a_token_is_used_only_so_often(tmp_path: Path) -> None:
    quota = QuotaSettings(holder_burst=2, holder_per_s=0.1)
    async with desk_at(tmp_path, quota) as desk:
        seen = [(await desk.call("GET", "codes")).status for _ in range(3)]
        assert seen == [200, 200, 429]
        desk.scene.federation.clock.advance(10)
        assert (await desk.call("GET", "codes")).status == 200


async def test_metrics_know_the_routes_and_no_holder(desk: Desk) -> None:
    code = await desk.node.sharing.create(OWN, Purpose.EMPLOYMENT, (Field.TITLE,))
    assert (await desk.call("DELETE", f"codes/{code.digest.hex()}")).status == 204
    text = await (await desk.client.get("/metrics")).text()
    assert 'route="/v1/holder/codes/{id}",status="204"' in text
    assert not any(secret in text for secret in (desk.token, OWN, code.digest.hex()))


# --- share codes ---------------------------------------------------------------------------


def _code(number: str = OWN, **changes: Any) -> dict[str, Any]:
    return {"credential": number, "purpose": "employment", "fields": ["title"], **changes}


async def test_a_code_that_its_holder_made_is_used_counted_and_revoked(desk: Desk) -> None:
    response = await desk.call("POST", "codes", json=_code(uses=2, days=7))
    assert response.status == 201
    made = await response.json()
    code = make_code(made["share_code"])
    answer = await desk.scene.ask(selector=selector(code))
    assert [one.field for one in answer.disclosed] == [Field.TITLE]
    (listed,) = [one for one in (await desk.get("codes"))["share_codes"] if one["uses"] == 2]
    assert (listed["uses_spent"], listed["state"]) == (1, "open")
    path = f"codes/{listed['id']}"
    assert (await desk.call("DELETE", path)).status == 204
    assert (await desk.scene.ask(selector=selector(code))).outcome is Outcome.NOT_CONFIRMED
    assert (await _problem(await desk.call("DELETE", path)))[:2] == (409, "conflict")


def make_code(text: str) -> Any:
    from node.model.share_code import parse

    return parse(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"uses": 0},
        {"days": 3_651},
        {"fields": []},
        {"fields": ["title", "title"]},
        {"purpose": "curiosity"},
        {"requester": "a\nb"},
    ],
)
async def test_a_consent_out_of_bounds_is_refused_and_not_journalled(
    desk: Desk, changes: dict[str, Any]
) -> None:
    size = await desk.node.reader.size()
    response = await desk.call("POST", "codes", json=_code(**changes))
    status, code, detail = await _problem(response)
    assert (status, code) == (400, "malformed")
    assert next(iter(changes)) in detail
    assert await desk.node.reader.size() == size


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"credential": 1}',
        b'{"more": 1}',
        b"\xff",
        b'{"uses":1,"uses":2}',
        b"[" * 16_000,
    ],
)
async def test_a_body_that_is_none_is_refused_and_never_repeated(desk: Desk, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {desk.token}", "Content-Type": "application/json"}
    response = await desk.client.post("/v1/holder/codes", data=body, headers=headers)
    assert (await _problem(response))[:2] == (400, "malformed")


# --- watches -------------------------------------------------------------------------------

_WATCH = {"node": "XB", "legal_name": "Werft Nord", "register_id": "XB-HRB-1", "days": 30}


async def test_a_holder_lets_one_requester_follow_and_takes_it_back_at_once(desk: Desk) -> None:
    response = await desk.call("POST", "watches", json={"credential": OWN, **_WATCH})
    made = await response.json()
    assert (response.status, made["state"], made["node"]) == (201, "open", "XB")
    now = desk.scene.now
    (watch,) = await desk.node.ledger.holders.watches([OWN])
    watch.require_open("XB", "XB-HRB-1", now)
    for node, register_id, at in (
        ("XC", "XB-HRB-1", now),
        ("XB", "XB-HRB-2", now),
        ("XB", "XB-HRB-1", watch.given.expires_at),
    ):
        with pytest.raises(Refusal, match="untrusted: watch: there is no such consent"):
            watch.require_open(node, register_id, at)
    assert (await desk.call("DELETE", f"watches/{made['id']}")).status == 204
    (watch,) = await desk.node.ledger.holders.watches([OWN])
    with pytest.raises(Refusal, match="untrusted: watch: there is no such consent"):
        watch.require_open("XB", "XB-HRB-1", now)
    assert (await desk.get("watches"))["watches"][0]["state"] == "revoked"
    assert (await desk.call("DELETE", f"watches/{made['id']}")).status == 409


async def test_the_end_of_a_watch_that_ran_out_is_stated_once(desk: Desk) -> None:
    await desk.call("POST", "watches", json={"credential": OWN, **_WATCH, "days": 1})
    desk.scene.federation.clock.advance(24 * 60 * 60)
    desk.scene.federation.publish()
    assert await desk.node.holding.watching.end_lapsed() == 1
    assert await desk.node.holding.watching.end_lapsed() == 0
    (entry,) = await desk.node.reader.entries(await desk.node.reader.size() - 1, 1)
    assert isinstance(entry.statement.body, WatchEnded)


async def test_nobody_is_let_follow_from_a_country_that_is_no_member(desk: Desk) -> None:
    response = await desk.call("POST", "watches", json={"credential": OWN, **_WATCH, "node": "XZ"})
    assert response.status >= 400
    assert await desk.node.ledger.holders.watches([OWN]) == []


# --- who asked about me --------------------------------------------------------------------


async def test_the_access_record_names_who_asked_what_for_and_which_fields(desk: Desk) -> None:
    code = await desk.scene.share(uses=1, fields=(Field.TITLE, Field.ISCO08))
    await desk.scene.ask(selector=selector(code))
    await desk.scene.ask(selector=selector(code))  # used up
    wrong = replace(selector(code), holder_proof=bytes(32))
    await desk.scene.ask(selector=wrong)
    await desk.scene.ask(selector=selector(make("XA", bytes(range(3, 13)))))  # nobody's
    found = (await desk.get("accesses"))["accesses"]
    assert [one["outcome"] for one in found] == ["not_confirmed", "not_confirmed", "confirmed"]
    newest, _, first = found
    assert first["shown"] == ["title", "isco08"]
    assert newest["shown"] == []
    assert (first["asked_by"], first["register_id"], first["node"], first["purpose"]) == (
        REQUESTER.legal_name,
        REQUESTER.register_id,
        "XB",
        "employment",
    )
    assert sample_credential().title not in str(found)


async def test_a_question_that_no_agreement_covers_is_in_the_access_record(desk: Desk) -> None:
    code = await desk.scene.share()
    await desk.scene.ask(selector=selector(code), agreement=AgreementReference("xa-xb", 9))
    (found,) = (await desk.get("accesses"))["accesses"]
    assert (found["outcome"], found["rule"]) == ("refused", "no_agreement")


async def test_the_access_record_comes_in_pages_and_between_two_times(desk: Desk) -> None:
    code, clock = await desk.scene.share(uses=100), desk.scene.federation.clock
    for _ in range(5):
        await desk.scene.ask(selector=selector(code))
        clock.advance(60)
    whole = (await desk.get("accesses"))["accesses"]
    seen, before = [], None
    while True:
        window = {"limit": 2} if before is None else {"limit": 2, "before": before}
        page = await desk.get("accesses", **window)
        assert len(page["accesses"]) <= 2
        seen += page["accesses"]
        before = page["next_before"]
        if before is None:
            break
    assert seen == whole
    assert len(whole) == 5
    middle = await desk.get(
        "accesses", since=whole[3]["answered_at"], until=whole[1]["answered_at"]
    )
    assert middle["accesses"] == whole[2:4]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "before=-1", "before=01", "since=yesterday", "x=1",
              "limit=1&limit=2"],
)  # fmt: skip
async def test_a_window_that_is_none_is_refused(desk: Desk, query: str) -> None:
    assert (await _problem(await desk.call("GET", f"accesses?{query}")))[:2] == (400, "malformed")


async def test_the_access_record_follows_the_journal_wherever_it_was_left(desk: Desk) -> None:
    code = await desk.scene.share(uses=100)
    await desk.node.ledger.holders.follow()
    await desk.scene.ask(selector=selector(code))
    await desk.node.ledger.holders.follow()
    await desk.scene.ask(selector=selector(code))
    assert len((await desk.get("accesses"))["accesses"]) == 2
    rows = desk.scene.home.rows("SELECT credential, position FROM access")
    assert [number for number, _ in rows] == [OWN, OWN]


# --- third parties -------------------------------------------------------------------------


async def test_what_is_somebody_elses_is_answered_as_what_is_nobodys(desk: Desk) -> None:
    sharing, mine = desk.node.sharing, desk.token
    theirs = await sharing.create(OTHERS, Purpose.EMPLOYMENT, (Field.TITLE,))
    desk.token = await desk.entrust(OTHERS)
    made = await desk.call("POST", "watches", json={"credential": OTHERS, **_WATCH})
    watch = (await made.json())["id"]
    await desk.scene.ask(selector=selector(theirs))
    (seen,) = (await desk.get("accesses"))["accesses"]
    desk.token = mine
    contest = {"complaint": "other", "text": "What is this?"}
    pairs = {
        "code": (
            ("DELETE", f"codes/{theirs.digest.hex()}", None),
            ("DELETE", f"codes/{'0' * 64}", None),
        ),
        "watch": (("DELETE", f"watches/{watch}", None), ("DELETE", f"watches/{'0' * 32}", None)),
        "new code": (("POST", "codes", _code(OTHERS)), ("POST", "codes", _code("XA-0"))),
        "new watch": (
            ("POST", "watches", {"credential": OTHERS, **_WATCH}),
            ("POST", "watches", {"credential": "XA-0", **_WATCH}),
        ),
        "contest": (
            ("POST", "contests", {"credential": OTHERS, **contest}),
            ("POST", "contests", {"credential": "XA-0", **contest}),
        ),
        "entry": (
            ("POST", "contests", {"credential": OWN, "entry": seen["index"], **contest}),
            ("POST", "contests", {"credential": OWN, "entry": 10**9, **contest}),
        ),
    }
    size = await desk.node.reader.size()
    for name, requests in pairs.items():
        answers = []
        for method, path, body in requests:
            response = await desk.call(method, path, json=body)
            headers = {key: value for key, value in response.headers.items() if key != "Date"}
            answers.append((response.status, headers, await response.read()))
        assert answers[0] == answers[1], name
        assert answers[0][0] == 404, name
    assert await desk.node.reader.size() == size


async def test_counts_tell_nothing_of_others(desk: Desk) -> None:
    async def seen() -> list[Any]:
        paths = ("credentials", "codes", "watches", "accesses", "contests")
        return [await desk.get(path) for path in paths]

    before = await seen()
    theirs = await desk.node.sharing.create(OTHERS, Purpose.EMPLOYMENT, (Field.TITLE,))
    await desk.scene.ask(selector=selector(theirs))
    assert await seen() == before


# --- complaints and the record -------------------------------------------------------------


async def test_a_complaint_stands_in_the_journal_and_its_text_goes_with_the_record(
    desk: Desk,
) -> None:
    said = {
        "credential": OWN,
        "complaint": "wrong_content",
        "text": "My name is written with an accent: Éloïse-Unique",
    }
    response = await desk.call("POST", "contests", json=said)
    assert response.status == 201
    (found,) = (await desk.get("contests"))["contests"]
    assert found["text"] == said["text"]
    (known,) = await desk.node.holding.holders.contests(None)
    assert known.index == found["index"] == (await response.json())["index"]
    await desk.call("POST", "watches", json={"credential": OWN, **_WATCH})
    await desk.node.erasure.erasing.erase_record([OWN], "Art. 17 GDPR", OFFICER)
    assert await desk.node.holding.holders.contests(None) == []
    assert await desk.node.ledger.holders.watches([OWN]) == []
    held = (path.read_bytes() for path in desk.scene.home.data.rglob("*") if path.is_file())
    assert not any("Éloïse-Unique".encode() in content for content in held)
    assert [one["number"] for one in (await desk.get("credentials"))["credentials"]] == [OWN_TOO]


async def test_an_access_is_contested_by_its_index(desk: Desk) -> None:
    code = await desk.scene.share()
    await desk.scene.ask(selector=selector(code))
    (access,) = (await desk.get("accesses"))["accesses"]
    said = {"credential": OWN, "complaint": "unexpected_access", "text": "Who is that?"}
    response = await desk.call("POST", "contests", json={**said, "entry": access["index"]})
    assert response.status == 201
    (found,) = (await desk.get("contests"))["contests"]
    assert found["entry"] == access["index"]


async def test_the_record_proves_itself_with_nothing_but_the_root(desk: Desk) -> None:
    code = await desk.scene.share()
    await desk.scene.ask(selector=selector(code))
    await desk.call("POST", "watches", json={"credential": OWN, **_WATCH})
    response = await desk.call("GET", "export")
    data = await response.read()
    assert "attachment" in response.headers["Content-Disposition"]
    report = check_record(data, make_root()).report
    assert report.verdict.value == "PASS", report
    record = decode_record(data).record
    assert [one["number"] for one in record.credentials] == [OWN, OWN_TOO]
    assert (len(record.accesses), len(record.watches)) == (1, 1)
    statement = decode_statement(decode_record(data).sealed.statement)
    assert OWN.encode() not in msgspec.json.encode(statement.body)


async def test_a_record_that_was_changed_fails(desk: Desk) -> None:
    data = await (await desk.call("GET", "export")).read()
    title = sample_credential().title.encode()
    forged = data.replace(title, b"Surgeon", 1)
    assert forged != data
    report = check_record(forged, make_root()).report
    assert report.verdict.value == "FAIL"
    assert "record" in {one.check.value for one in report.findings}
    other = check_record(data[:-1], make_root()).report
    assert other.verdict.value == "FAIL"
