"""The story that the demo plays: eight steps, each of which checks that it came out right."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import date
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import aiohttp
from msgspec import Struct

from node import assembly
from node.cli.demo_employers import Employer, Reply
from node.cli.demo_federation import Federation, NationalNode, Samples
from node.cli.demo_forgery import raise_level
from node.cli.demo_load import QUESTIONS, Corridor, allow_connections, prepare, rush
from node.cli.demo_processes import Finished
from node.cli.demo_telling import Telling, duration
from node.errors import Refusal
from node.flows.ports import Draft
from node.model import share_code
from node.model.credential import Field
from node.model.share_code import ShareCode
from node.model.statement import ConsentGiven, Purpose, Statement
from node.wire.codec import encode_statement
from node.wire.export import SUFFIX

WELDER: Final = "XA-2019-000001"
DRIVER: Final = "XA-2018-000002"
ELECTRICIAN: Final = "XA-2020-000003"
COOK: Final = "XB-2019-000002"
RECEIPT: Final = "welder.receipt.json"
USES: Final = 1_000
_SECOND_US: Final = 1_000_000
_CODE_VALID_S: Final = (1, 4, 16)
_ANSWERED_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.05
_TELLS_APART: Final = frozenset(
    {"id", "receipt", "asked_at", "answered_at", "evaluated_at", "good_until", "registry_position"}
)

Facts = dict[str, Any]


class WentWrongError(Exception):
    """A step did not come out as it must: what was expected, and what was found."""


class Step(Struct, frozen=True):
    """A step that was played, and what came of it."""

    name: str
    title: str
    right: bool
    result: str
    took_s: float
    facts: Facts


class Stage:
    """What the steps share: the federation, its employers, and who tells the story."""

    def __init__(
        self,
        federation: Federation,
        samples: Samples,
        session: aiohttp.ClientSession,
        telling: Telling,
    ) -> None:
        """Take the parts."""
        self.federation = federation
        self.samples = samples
        self.session = session
        self.telling = telling
        self.employers: dict[str, Employer] = {}
        self.welder_code: ShareCode | None = None
        self.receipt_path = ""

    @property
    def question_file(self) -> Path:
        """Where a question about the welder is, for whoever tries the nodes afterwards."""
        return self.federation.directory / "question.json"

    def node(self, name: str) -> NationalNode:
        """Return a country's node."""
        return self.federation.nodes[name]

    async def share(self, number: str, *, uses: int = USES) -> tuple[ShareCode, date]:
        """Make a share code as its holder would; returns it with the holder's birth date."""
        async with self.node(number[:2]).opened() as opened:
            code = await opened.sharing.create(
                number, Purpose.EMPLOYMENT, tuple(Field), uses=uses, valid_days=1
            )
            return code, await _birth_date(opened, number)

    async def run(self, *arguments: str | Path) -> Finished:
        """Run a command."""
        return await self.federation.processes.run(*arguments)


async def confirmed_welder(stage: Stage) -> tuple[str, Facts]:
    """A welder is confirmed, and the receipt kept."""
    telling, employer = stage.telling, stage.employers["XC"]
    code, born = await stage.share(WELDER)
    stage.welder_code = code
    telling.say(
        f"Éloïse Marchand-Kerr learned welding in Aurelia and applies at {employer.name} in "
        f"Cassara. She gives them the share code {code} and her birth date, {born}. They ask "
        "Cassara's node, which asks Aurelia's."
    )
    reply = await employer.ask(code, born)
    answer = _outcome(reply, "confirmed")
    shown = answer["disclosed"]
    _same("holder", shown.get("holder_name"), "Éloïse Marchand-Kerr")
    _same("occupation", shown.get("isco08"), "7212")
    telling.quote("Aurelia", f"CONFIRMED  {shown['holder_name']}", reply.took_s)
    telling.say(
        f"{shown['title']} · occupation {shown['isco08']} (ISCO-08) · EQF level "
        f"{shown['level_eqf']} · awarded {shown['awarded_on']}"
    )
    stage.receipt_path = str(answer["receipt"])
    receipt = await employer.get(stage.receipt_path)
    _same("status of the receipt", receipt.status, HTTPStatus.OK)
    _receipt_file(stage).write_bytes(receipt.body)
    telling.say(
        "Both journals hold the exchange, and the employer keeps a receipt of "
        f"{len(receipt.body):,} bytes that proves it without any node.",
        quietly=True,
    )
    return "confirmed, with a receipt", {
        "outcome": answer["outcome"],
        "ask_s": reply.took_s,
        "receipt_size_bytes": len(receipt.body),
    }


async def wrong_birth_date(stage: Stage) -> tuple[str, Facts]:
    """The welder's code with a wrong birth date confirms nothing."""
    code = stage.welder_code
    if code is None:
        raise WentWrongError("the first step made no share code")
    stage.telling.say(
        "Somebody found the slip of paper with her code and asks with a birth date of their own "
        "guess, 1991-04-13."
    )
    reply = await stage.employers["XC"].ask(code, date(1991, 4, 13))
    answer = _outcome(reply, "not_confirmed")
    _same("disclosed", answer["disclosed"], {})
    stage.telling.quote("Aurelia", "NOT CONFIRMED", reply.took_s)
    stage.telling.say(
        "Not a word more, on purpose: whether the code, the date or the purpose was wrong would "
        "help whoever guesses. The code alone opens nothing.",
        quietly=True,
    )
    return "not confirmed, nothing shown", {"outcome": answer["outcome"], "ask_s": reply.took_s}


async def revoked_licence(stage: Stage) -> tuple[str, Facts]:
    """A revoked licence says so."""
    telling, employer = stage.telling, stage.employers["XB"]
    code, born = await stage.share(DRIVER)
    telling.say(
        f"Tomáš Halvorek applies at {employer.name} in Borvenia with an Aurelian truck driver's "
        "licence. His authority revoked it; the paper in his hand does not know."
    )
    reply = await employer.ask(code, born)
    answer = _outcome(reply, "revoked")
    telling.quote("Aurelia", f"REVOKED  {answer['disclosed'].get('title')}", reply.took_s)
    telling.say(f"In the employer's words: {answer['meaning']}", quietly=True)
    return "revoked, and says so", {"outcome": answer["outcome"], "ask_s": reply.took_s}


async def expired_share_code(stage: Stage) -> tuple[str, Facts]:
    """A share code opens its credential until it runs out, and nothing afterwards."""
    telling, employer = stage.telling, stage.employers["XC"]
    for valid_s in _CODE_VALID_S:  # a busy machine may need longer than a second to ask
        code, born, expires_at = await _short_lived_code(stage.node("XA"), valid_s)
        before = await employer.ask(code, born)
        if before.json().get("outcome") == "confirmed":
            break
    _outcome(before, "confirmed")
    telling.say(
        "Ayşe Demirbahçe let the shipyard see her electrician's licence, with a code that lasts "
        f"{valid_s} s. Asked at once:"
    )
    telling.quote("Aurelia", "CONFIRMED  Ayşe Demirbahçe", before.took_s)
    await asyncio.sleep(max(0.0, (expires_at - assembly.clock()) / _SECOND_US))
    reply = await employer.ask(code, born)
    answer = _outcome(reply, "not_confirmed")
    telling.say("The same question, the same code and date, once that time is over:")
    telling.quote("Aurelia", "NOT CONFIRMED", reply.took_s)
    unlike = await employer.ask(_fresh_code("XA"), born)
    _same(
        "the answer to a code that never was, but for its times",
        {name: value for name, value in unlike.json().items() if name not in _TELLS_APART},
        {name: value for name, value in answer.items() if name not in _TELLS_APART},
    )
    telling.say(
        "A code that never existed gets this very answer too: from outside, run out, used up, "
        "withdrawn and invented look the same.",
        quietly=True,
    )
    return "confirmed in time, not afterwards", {
        "outcome_before": "confirmed",
        "outcome": answer["outcome"],
        "valid_s": valid_s,
        "ask_s": reply.took_s,
    }


async def node_that_is_down(stage: Stage) -> tuple[str, Facts]:
    """A question to a node that is down is kept, and answered once it is back."""
    telling, employer, asked = stage.telling, stage.employers["XA"], stage.node("XB")
    code, born = await stage.share(COOK)
    asked.kill(stage.federation.processes)
    telling.say(
        f"{employer.name} in Aurelia wants to hire the cook Νικόλαος Μαγειράκος from Borvenia. "
        "Just before they ask, Borvenia's node loses power (SIGKILL)."
    )
    try:
        reply = await employer.ask(code, born)
        _same("HTTP status", reply.status, HTTPStatus.ACCEPTED)
        body = reply.json()
        _same("state", body["state"], "open")
        telling.quote("Aurelia", "202 Accepted, the question is open", reply.took_s)
        telling.say(f"In the employer's words: {body['meaning']}", quietly=True)
    finally:
        asked.start(stage.federation.processes)
    back_s = await asked.ready(stage.session)
    back_at_s = perf_counter()
    telling.say(f"The power is back; the node is up again after {duration(back_s)}.")
    answer = await _until_answered(employer, reply.headers["Location"])
    waited_s = perf_counter() - back_at_s
    _same("outcome", answer["outcome"], "confirmed")
    telling.quote(
        "Borvenia",
        f"CONFIRMED  {answer['disclosed']['holder_name']}, {answer['disclosed']['title']}",
        waited_s,
    )
    telling.say(
        "Nobody asked again: Aurelia's node kept the sealed question in its journal and sent the "
        "same bytes once more.",
        quietly=True,
    )
    return "202, then confirmed by itself", {
        "status": reply.status,
        "outcome": answer["outcome"],
        "back_after_s": back_s,
        "answered_after_s": waited_s,
    }


async def thousand_at_once(stage: Stage) -> tuple[str, Facts]:
    """A thousand questions at once get the answers that the registries give."""
    telling = stage.telling
    corridors = [
        Corridor(stage.employers[home], stage.node(away), stage.samples.registries[away])
        for home, away in (("XC", "XA"), ("XA", "XB"), ("XB", "XC"))
    ]
    started_s = perf_counter()
    questions = await prepare(corridors)
    telling.say(
        f"A thousand holders have made a share code each ({duration(perf_counter() - started_s)} "
        f"for all). Now all are asked about in the same moment, over {allow_connections():,} HTTP "
        "connections, in every country about another one."
    )
    done = await rush(questions)
    p50_s, p95_s, p99_s = (done.percentile_s(percent) for percent in (50, 95, 99))
    telling.quote(
        "All three",
        f"{len(done.answered):,} answers, {done.per_s:,.0f} a second · p50 {duration(p50_s)} · "
        f"p95 {duration(p95_s)} · p99 {duration(p99_s)}",
        done.took_s,
    )
    counts = ", ".join(f"{count:,} {name}" for name, count in done.outcomes.items())
    telling.say(
        f"Each was journalled and sealed by two nodes, on disk before it left, and held against "
        f"the sample file: {counts}. Askers and nodes share this machine's processors. One for "
        "each script that a name is written in:"
    )
    telling.table(
        ("credential", "ISCO", "answer", "after>", "holder"),
        [
            (
                one.question.credential.number,
                one.question.credential.isco08,
                one.outcome,
                duration(one.reply.took_s),
                one.question.credential.holder_name,
            )
            for one in done.one_of_each_script()
        ],
    )
    if done.wrong:
        raise WentWrongError(
            f"{len(done.wrong)} of {QUESTIONS} answers are not what the sample file says; first "
            f"{done.wrong[0]}"
        )
    return f"{done.per_s:,.0f} answers a second, p99 {duration(p99_s)}", {
        "questions": len(done.answered),
        "wrong": len(done.wrong),
        "outcomes": done.outcomes,
        "took_s": done.took_s,
        "per_s": done.per_s,
        "p50_s": p50_s,
        "p95_s": p95_s,
        "p99_s": p99_s,
    }


async def tampered_receipt(stage: Stage) -> tuple[str, Facts]:
    """A forged receipt is refused, the true one is not."""
    telling, file = stage.telling, _receipt_file(stage)
    if not file.exists():
        raise WentWrongError("the first step brought no receipt")
    forged = raise_level(file.read_bytes())
    forged_file = file.with_name("welder-forged.receipt.json")
    forged_file.write_bytes(forged.content)
    telling.say(
        f"Another applicant edits a copy of the welder's receipt. One byte is enough, number "
        f"{forged.at:,} of {len(forged.content):,}: it now says EQF {forged.level}, where Aurelia "
        f"said {forged.level_before}. Any inspector can check both files offline, with nothing but "
        "the federation's public key."
    )
    root = ("--root", stage.federation.root, "--json")
    true = await stage.run("receipt", "verify", file, *root)
    false = await stage.run("receipt", "verify", forged_file, *root)
    _verdict(true, 0, "PASS")
    _verdict(false, 1, "FAIL")
    findings = [
        f"{one['journal']}[{one['index']}] {one['check']}: {one['sentence']}"
        for one in false.json()["findings"]
        if one["verdict"] == "FAIL"
    ]
    telling.quote("welder.receipt.json", "PASS", true.took_s)
    telling.quote("welder-forged.receipt.json", "FAIL", false.took_s)
    telling.say("The changed answer is no longer the one in Aurelia's journal.")
    for finding in findings:
        telling.say(finding, quietly=True)
    return "the true one PASS, the forged one FAIL", {
        "true": "PASS",
        "forged": "FAIL",
        "byte": forged.at,
        "findings": findings,
    }


async def audit_replay(stage: Stage) -> tuple[str, Facts]:
    """All three journals replay."""
    telling = stage.telling
    files = await asyncio.gather(
        *(_export(stage, node) for node in stage.federation.nodes.values())
    )
    telling.say(
        "An auditor has taken all three journals away and replays them offline: every signature "
        "and every seal, every answer computed again from the registry as it was then, and one "
        "journal against the others."
    )
    done = await stage.run("audit", "replay", *files, "--root", stage.federation.root, "--json")
    report = done.json()
    _verdict(done, 0, "PASS")
    telling.table(
        ("journal", "entries>", "answers given>", "questions concluded>"),
        [
            (
                one["origin"],
                f"{one['entries']:,}",
                f"{one['answers']:,}",
                f"{one['conclusions']:,}",
            )
            for one in report["journals"]
        ],
    )
    checks = sum(one["passed"] for one in report["checks"])
    entries = sum(one["entries"] for one in report["journals"])
    telling.quote("Auditor", f"PASS  {checks:,} checks over {entries:,} entries", done.took_s)
    return f"PASS, {checks:,} checks", {
        "verdict": "PASS",
        "checks": checks,
        "entries": entries,
        "journals": report["journals"],
    }


_Scene = Callable[[Stage], Awaitable[tuple[str, Facts]]]
_SCENES: Final[tuple[tuple[str, str, _Scene], ...]] = (
    ("confirmed_welder", "A welder crosses the border", confirmed_welder),
    ("wrong_birth_date", "The same code, a wrong birth date", wrong_birth_date),
    ("revoked_licence", "A licence that was revoked", revoked_licence),
    ("expired_share_code", "A share code that runs out", expired_share_code),
    ("node_that_is_down", "A question to a node that is down", node_that_is_down),
    ("thousand_at_once", "One thousand questions at once", thousand_at_once),
    ("tampered_receipt", "A receipt, and a forged one", tampered_receipt),
    ("audit_replay", "An auditor replays all three journals", audit_replay),
)


async def play(stage: Stage) -> list[Step]:
    """Play every step; one that goes wrong stops none of the others."""
    for name, node in stage.federation.nodes.items():
        stage.employers[name] = await Employer.of(node, stage.session)
    steps: list[Step] = []
    for number, (name, title, scene) in enumerate(_SCENES, 1):
        stage.telling.chapter(str(number), title)
        started_s = perf_counter()
        facts: Facts = {}
        try:
            result, facts = await scene(stage)
            right = True
        except (WentWrongError, Refusal, TimeoutError, aiohttp.ClientError, KeyError) as error:
            result, right = f"{type(error).__name__}: {error}", False
        took_s = perf_counter() - started_s
        stage.telling.verdict(right, result, took_s)
        steps.append(Step(name, title, right, result, took_s, facts))
    return steps


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise WentWrongError(f"{what}: expected {expected}, found {found}")


def _outcome(reply: Reply, expected: str) -> dict[str, Any]:
    """Return the body of an answered question, with the outcome that it must have."""
    body = reply.json()
    _same("HTTP status", reply.status, HTTPStatus.OK)
    _same("outcome", body.get("outcome"), expected)
    return body


def _verdict(done: Finished, status: int, verdict: str) -> None:
    _same("verdict", done.json().get("verdict"), verdict)
    _same("exit status", done.status, status)


async def _until_answered(employer: Employer, path: str) -> dict[str, Any]:
    async with asyncio.timeout(_ANSWERED_WITHIN_S):
        while True:
            reply = await employer.get(path)
            body = reply.json()
            _same(
                f"HTTP status of the question ({body.get('detail')})", reply.status, HTTPStatus.OK
            )
            if body["state"] != "open":
                return body
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _export(stage: Stage, node: NationalNode) -> Path:
    file = stage.federation.directory / f"{node.country.node}{SUFFIX}"
    done = await stage.run("--data", node.data, "journal", "export-all", file, "--for", "demo")
    _same(f"exit status of 'journal export-all' ({done.stderr.strip()})", done.status, 0)
    return file


def _receipt_file(stage: Stage) -> Path:
    return stage.federation.directory / RECEIPT


def _fresh_code(node: str) -> ShareCode:
    return share_code.make(node, os.urandom(share_code.RANDOM_SIZE_BYTES))


async def _birth_date(opened: assembly.OpenedNode, number: str) -> date:
    credential = await opened.ledger.credential(number)
    if credential is None:
        raise WentWrongError(f"{number} is not in the registry")
    return credential.birth_date


async def _short_lived_code(node: NationalNode, valid_s: int) -> tuple[ShareCode, date, int]:
    """Journal a consent for seconds; `share create` counts in days, the protocol does not."""
    async with node.opened() as opened:
        born = await _birth_date(opened, ELECTRICIAN)
        code = _fresh_code(node.country.node)
        now = assembly.clock()
        expires_at = now + valid_s * _SECOND_US
        given = ConsentGiven(
            code_digest=code.digest,
            holder_proof=code.holder_proof(born),
            credential=ELECTRICIAN,
            purpose=Purpose.EMPLOYMENT,
            fields=tuple(Field),
            uses=USES,
            expires_at=expires_at,
            requester="",
        )
        trust = opened.trust.view().reference
        statement = encode_statement(Statement(node.country.node, now, trust, given))
        await opened.ledger.append([Draft(given, statement)])
    return code, born, expires_at
