"""The holder's page: one address, no script, nothing in addresses."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from node.model.statement import CredentialRegistered, Outcome, Person, Requester
from node.wire.record import decode_record
from tests.nodes import BORN, say, selector
from tests.scenes import Scene, staged
from tests.world import sample_credential

OWN, ARABIC = "XA-2019-000001", "XA-2022-000003"
HOSTILE = '<script>alert("1")</script>&amp;'


class Page:
    """What a browser without scripts does."""

    def __init__(self, scene: Scene, client: aiohttp.ClientSession, token: str) -> None:
        self.scene = scene
        self.client = client
        self.token = token

    async def send(self, **form: str) -> tuple[int, str]:
        fields = {"token": self.token, **form}
        response = await self.client.post("/holder", data=fields)
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        return response.status, await response.text()


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with staged(tmp_path) as scene:
        node = scene.running.opened
        arabic = replace(sample_credential(ARABIC), holder_name="محمد بن علي", title=HOSTILE)
        await say(node, scene.federation.clock, [CredentialRegistered(arabic)])
        clerk = Person("anna", "registrar")
        _, token = await node.holding.entrusting.issue(ARABIC, BORN, clerk, minutes=30)
        url = f"http://127.0.0.1:{scene.running.http_port}"
        async with aiohttp.ClientSession(url) as client:
            yield Page(scene, client, token)


async def test_the_page_asks_for_the_token_and_tells_nothing_before(page: Page) -> None:
    response = await page.client.get("/holder")
    html = await response.text()
    assert response.status == 200
    assert '<input type="password" name="token"' in html
    assert "<script" not in html
    assert 'name="viewport"' in html
    page.token = "symbolon_holder_wrong"
    status, html = await page.send()
    assert status == 401
    assert ARABIC not in html


async def test_the_page_shows_what_is_the_holders_and_nothing_is_markup(page: Page) -> None:
    status, html = await page.send()
    assert status == 200
    assert '<dd dir="auto">محمد بن علي</dd>' in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;" in html
    assert OWN not in html


async def test_a_code_made_on_the_page_works_is_seen_and_ends(page: Page) -> None:
    made = {"credential": ARABIC, "purpose": "employment", "uses": "2", "days": "7"}
    status, html = await page.send(act="make", **made)
    assert status == 200
    found = re.search(r'<p class="code">([^<]+)</p>', html)
    assert found is not None
    code = _parse(found[1])
    employer = Requester("Werft & Söhne <Nord>", "HRB-7", "C30")
    answer = await page.scene.ask(selector=selector(code), requester=employer)
    assert answer.outcome is Outcome.CONFIRMED
    _, html = await page.send()
    assert "Werft &amp; Söhne &lt;Nord&gt; (HRB-7), through XB" in html
    status, html = await page.send(act="end-code", id=code.digest.hex())
    assert (status, "opens nothing any more" in html) == (200, True)
    again = await page.scene.ask(selector=selector(code))
    assert again.outcome is Outcome.NOT_CONFIRMED
    status, _ = await page.send(act="end-code", id=code.digest.hex())
    assert status == 409


@pytest.mark.parametrize(
    "form",
    [
        {"act": "make", "credential": OWN, "purpose": "employment", "uses": "1", "days": "1"},
        {"act": "make", "credential": ARABIC, "purpose": "fun", "uses": "1", "days": "1"},
        {"act": "make", "credential": ARABIC, "purpose": "employment", "uses": "x", "days": "1"},
        {"act": "make", "credential": ARABIC, "purpose": "employment", "uses": "0", "days": "1"},
        {"act": "contest", "credential": ARABIC, "complaint": "other", "text": " "},
        {"act": "contest", "credential": ARABIC, "complaint": "other", "text": "x",
         "entry": "9" * 19},
        {"act": "end-code", "id": "0" * 64},
        {"act": "end-watch", "id": "zz"},
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_said_on_the_page_and_not_journalled(
    page: Page, form: dict[str, str]
) -> None:
    size = await page.scene.running.opened.reader.size()
    status, html = await page.send(**form)
    assert status in {400, 404}
    assert 'class="said wrong"' in html
    assert await page.scene.running.opened.reader.size() == size


async def test_a_complaint_and_the_signed_record_come_from_the_page(page: Page) -> None:
    said = {"credential": ARABIC, "complaint": "wrong_content", "text": "First\r\nsecond line"}
    status, html = await page.send(act="contest", **said)
    assert (status, "First second line" in html) == (200, True)
    response = await page.client.post("/holder", data={"token": page.token, "act": "record"})
    record = decode_record(await response.read()).record
    assert [one.text for one in record.contests] == ["First second line"]
    assert "attachment" in response.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded", b"a=%ff"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 40)),
        ("application/x-www-form-urlencoded", b"token=" + b"x" * 20_000),
    ],
)
async def test_what_is_no_form_is_refused(page: Page, content_type: str, body: bytes) -> None:
    headers = {"Content-Type": content_type}
    response = await page.client.post("/holder", data=body, headers=headers)
    assert response.status == 400


def _parse(text: str) -> Any:
    from node.model.share_code import parse

    return parse(text)
