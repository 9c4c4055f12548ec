"""Receipts under cosigned checkpoints, and evidence of forks as files, between real nodes."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from node.audit.evidence import check_evidence
from node.audit.findings import Check, Report, Verdict
from node.audit.receipt import check_receipt
from node.cli.app import run
from node.errors import Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Employer, Verification
from node.model.cosignature import AddCheckpoint
from node.model.credential import Field
from node.model.fork import Fork
from node.model.share_code import ShareCode
from node.model.statement import Purpose
from node.model.trust import extract
from node.settings import FILE_NAME
from node.wire.evidence import ForkEvidence, decode_evidence, encode_evidence
from node.wire.receipt import decode_receipt
from tests.federation import (
    SECOND_US,
    START,
    SampleTrust,
    journal_signers,
    make_root,
    node_file,
    origin,
    sample_trust,
    trust_files,
)
from tests.neighbours import Neighbours, neighbours
from tests.nodes import BORN, REQUESTER, Home, Log
from tests.scenes import staged

ROOT = make_root()


class Desk:
    """An employer at XB, who asks about a worker of XA."""

    def __init__(self, three: Neighbours, key: str, code: ShareCode) -> None:
        self.three = three
        self.key = key
        self.code = code
        self.employer = Employer("", REQUESTER)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.three.running['XB'].http_port}"

    async def ask(self) -> Verification:
        asking = self.three.running["XB"].asking
        return await asking.ask(
            self.employer, Inquiry(self.code, BORN, Purpose.EMPLOYMENT, tuple(Field))
        )

    async def receipt(self, asked: Verification) -> bytes:
        headers = {"Authorization": f"Bearer {self.key}"}
        path = f"{self.url}/v1/verifications/{asked.id}/receipt"
        async with aiohttp.ClientSession() as session, session.get(path, headers=headers) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.read()

    async def collect(self) -> None:
        for node in ("XA", "XB"):
            await self.three.collect(node)


async def desk_at(three: Neighbours) -> Desk:
    employers = three.running["XB"].opened.employers
    made = await employers.create(REQUESTER, three.federation.clock())
    desk = Desk(three, made[1], await three.share("XA"))
    desk.employer = await employers.authenticate(desk.key)
    return desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with neighbours(tmp_path, witnesses_required=2) as three:
        yield await desk_at(three)


def verdict(report: Report, check: Check) -> Verdict:
    return next(one.verdict for one in report.checks if one.check is check)


async def test_a_receipt_is_undetermined_until_its_witnesses_have_cosigned(desk: Desk) -> None:
    asked = await desk.ask()
    early = check_receipt(await desk.receipt(asked), ROOT).report
    assert early.verdict is Verdict.INDETERMINATE
    assert {finding.check for finding in early.findings} == {Check.WITNESSES}
    assert "0 of the 2 witnesses" in early.findings[0].sentence
    await desk.collect()
    late = check_receipt(await desk.receipt(asked), ROOT)
    assert late.report.verdict is Verdict.PASS
    assert late.facts is not None


async def test_a_receipt_encloses_what_checks_its_witnesses_and_no_more(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.collect()
    receipt = decode_receipt(await desk.receipt(asked))
    (bundle,) = receipt.trust
    assert sorted(path for path in bundle.files if path.startswith("nodes/")) == [
        "nodes/XA/node.json",
        "nodes/XB/node.json",
        "nodes/XC/node.json",
    ]
    assert not any(path.startswith(("issuers/", "agreements/")) for path in bundle.files)


async def test_the_answers_proof_is_kept_when_its_node_has_gone_silent(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.collect()
    first = await desk.receipt(asked)
    await desk.three.stop("XA")
    assert check_receipt(await desk.receipt(asked), ROOT).report.verdict is Verdict.PASS
    other = await desk.receipt(asked)
    assert decode_receipt(other).answer == decode_receipt(first).answer


async def test_a_receipt_comes_without_a_silent_nodes_cosignatures(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.collect()
    await desk.three.stop("XA")
    report = check_receipt(await desk.receipt(asked), ROOT).report
    assert report.verdict is Verdict.INDETERMINATE
    assert [finding.place.journal for finding in report.findings] == ["answer"]


async def test_a_receipt_of_a_federation_without_a_policy_passes_at_once(tmp_path: Path) -> None:
    async with neighbours(tmp_path) as three:
        desk = await desk_at(three)
        asked = await desk.ask()
        assert check_receipt(await desk.receipt(asked), ROOT).report.verdict is Verdict.PASS
        await desk.collect()
        late = check_receipt(await desk.receipt(asked), ROOT).report
        assert late.verdict is Verdict.PASS


async def test_a_false_cosignature_fails_a_receipt_and_a_missing_one_does_not(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.collect()
    data = await desk.receipt(asked)
    content = json.loads(data)
    lines = content["query"]["proof"].split("\n")
    at = next(number for number, line in enumerate(lines) if "xc.symbolon.example" in line)
    for changed, expected in (
        ([*lines[:at], *lines[at + 1 :]], Verdict.INDETERMINATE),
        ([*lines[:at], lines[at][:-6] + "AAAA" + lines[at][-2:], *lines[at + 1 :]], Verdict.FAIL),
    ):
        content["query"]["proof"] = "\n".join(changed)
        written = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
        assert verdict(check_receipt(written, ROOT).report, Check.WITNESSES) is expected


# --- receipt upgrade -----------------------------------------------------------------------


def upgrade(desk: Desk, tmp_path: Path, file: Path) -> list[str]:
    (tmp_path / "key").write_text(desk.key)
    (tmp_path / "root.json").write_bytes(ROOT)
    return [
        *("receipt", "upgrade", str(file), "--node-url", desk.url, "--json"),
        *("--key-file", str(tmp_path / "key"), "--root", str(tmp_path / "root.json")),
    ]


async def in_thread(arguments: list[str]) -> int:
    return await asyncio.to_thread(run, arguments)


async def test_upgrade_adds_the_cosignatures_that_have_arrived(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = await desk.ask()
    file = tmp_path / "receipt.json"
    file.write_bytes(await desk.receipt(asked))
    before = file.read_bytes()
    arguments = upgrade(desk, tmp_path, file)
    assert await in_thread(arguments) == 4
    assert json.loads(capsys.readouterr().out)["changed"] is False
    assert file.read_bytes() == before
    await desk.collect()
    assert await in_thread(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["changed"], told["verdict"]) == (True, "PASS")
    upgraded = file.read_bytes()
    assert check_receipt(upgraded, ROOT).report.verdict is Verdict.PASS
    assert await in_thread(arguments) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False
    assert file.read_bytes() == upgraded


async def test_upgrade_refuses_what_is_no_receipt_of_this_node(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, other = await desk.ask(), await desk.ask()
    file = tmp_path / "receipt.json"
    mine = json.loads(await desk.receipt(asked))
    mixed = {**mine, "answer": json.loads(await desk.receipt(other))["answer"]}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(mixed), indent=2) + b"\n")
    before = file.read_bytes()
    assert await in_thread(upgrade(desk, tmp_path, file)) == 3
    assert json.loads(capsys.readouterr().out)["code"] == "peer_false"
    file.write_bytes(b"%PDF-1.7 and so on")
    assert await in_thread(upgrade(desk, tmp_path, file)) == 2
    capsys.readouterr()
    file.write_bytes(before)
    desk.key = "of-nobody"
    assert await in_thread(upgrade(desk, tmp_path, file)) == 3
    assert json.loads(capsys.readouterr().out)["code"] == "unauthenticated"
    assert file.read_bytes() == before


# --- evidence ------------------------------------------------------------------------------


def write_settings(home: Home) -> None:
    """Write down a node's settings as `init` does, that a command finds it."""
    node, listen = home.settings.node, home.settings.listen
    (home.data / FILE_NAME).write_text(
        f'[node]\nid = "{node.id}"\nauthority = "{node.authority}"\norigin = "{node.origin}"\n'
        f'[listen]\ngrpc = "{listen.grpc}"\nhttp = "{listen.http}"\n'
        f'endpoint = "{listen.endpoint}"\n'
    )


def command(home: Path, *arguments: str) -> list[str]:
    return ["--data", str(home), *arguments, "--json"]


async def test_a_fork_is_listed_exported_and_verified_by_a_stranger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with staged(tmp_path) as scene:
        await scene.ask()
        twin = Log("XB", clock=scene.federation.clock, seed=2)
        twin.seal(*[b"something else"] * scene.log.size)
        body = AddCheckpoint(0, b"", twin.note()).render()
        with pytest.raises(Refusal):
            await scene.running.peering.witnessing.add_checkpoint(body)
        home = scene.home
        write_settings(home)
        capsys.readouterr()
        out, root = tmp_path / "xb.evidence.json", tmp_path / "root.json"
        root.write_bytes(ROOT)
        assert await in_thread(command(home.data, "evidence", "list")) == 0
        (listed,) = json.loads(capsys.readouterr().out)["evidence"]
        assert (listed["number"], listed["kind"], listed["node"]) == (1, "fork", "XB")
        assert listed["origin"] == origin("XB")
        export = command(home.data, "evidence", "export", "1", "--out", str(out))
        assert await in_thread(export) == 0
        assert await in_thread(export) == 3
        assert await in_thread([*export[:4], "2", "--out", str(tmp_path / "2"), "--json"]) == 3
        capsys.readouterr()
    verify = ["evidence", "verify", str(out), "--root", str(root), "--json"]
    assert await in_thread(verify) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "PASS"
    assert told["facts"]["node"] == "XB"
    assert [head["size"] for head in told["facts"]["heads"]] == [scene.log.size] * 2
    await in_thread([*verify[:-1]])
    assert "Authority of XB (XB)" in capsys.readouterr().out


def evidence(**changes: Any) -> ForkEvidence:
    trust = sample_trust()
    one, other = Log("XB", seed=1), Log("XB", seed=2)
    for log in (one, other):
        log.seal(b"some", b"statement")
    made = ForkEvidence(
        "XB",
        trust.view.expires_at - 86_400 * SECOND_US,
        Fork(one.note(), other.note()),
        extract(trust.bundle, ["XB"]),
    )
    return msgspec.structs.replace(made, **changes)


def verdicts(made: ForkEvidence | bytes) -> dict[Check, Verdict]:
    data = made if isinstance(made, bytes) else encode_evidence(made)
    report = check_evidence(data, ROOT).report
    return {one.check: one.verdict for one in report.checks}


def test_evidence_holds_by_itself_and_reads_back_as_written() -> None:
    made = evidence()
    assert set(verdicts(made).values()) == {Verdict.PASS}
    assert decode_evidence(encode_evidence(made)) == made


def test_two_heads_that_agree_prove_nothing() -> None:
    log = Log("XB")
    log.seal(b"some", b"statement")
    found = verdicts(evidence(fork=Fork(log.note(), log.note())))
    assert found[Check.FORK] is Verdict.FAIL
    assert found[Check.FORK_HEADS] is Verdict.PASS


def test_heads_that_the_owner_has_not_signed_prove_nothing() -> None:
    one = Log("XB")
    forged = Log("XB", signers=journal_signers("XB", 2), seed=3)
    for log in (one, forged):
        log.seal(b"some", b"statement")
    found = verdicts(evidence(fork=Fork(one.note(), forged.note())))
    assert (found[Check.FORK], found[Check.FORK_HEADS]) == (Verdict.PASS, Verdict.FAIL)


def test_evidence_against_another_node_than_it_names_proves_nothing() -> None:
    trust = sample_trust()
    found = verdicts(evidence(node="XA", trust=extract(trust.bundle, ["XA"])))
    assert found[Check.FORK_HEADS] is Verdict.FAIL
    assert verdicts(evidence(node="XA"))[Check.TRUST_LIST] is Verdict.FAIL


def test_keys_that_had_ended_when_the_fork_was_found_leave_it_undetermined() -> None:
    made = evidence()
    ended = datetime.fromtimestamp(START / SECOND_US, UTC) + timedelta(days=1)
    described = node_file("XB")
    keys = tuple(
        msgspec.structs.replace(key, valid_until=ended, retired_because="stolen")
        for key in described.journal.keys
    )
    journal = msgspec.structs.replace(described.journal, keys=keys)
    described = msgspec.structs.replace(described, journal=journal)
    files = {**trust_files(), "nodes/XB/node.json": msgspec.json.encode(described)}
    later = sample_trust(files)
    found = verdicts(msgspec.structs.replace(made, trust=extract(later.bundle, ["XB"])))
    assert found[Check.FORK_HEADS] is Verdict.INDETERMINATE
    assert found[Check.FORK] is Verdict.PASS


def test_no_changed_byte_of_evidence_passes() -> None:
    trust = sample_trust()
    data = encode_evidence(evidence())
    lists = data.index(b'"trust"')
    seen_at = range(data.index(b'"seen_at_us"'), data.index(b'"first"'))
    assert set(verdicts(data).values()) == {Verdict.PASS}
    for place in (*range(0, lists, 3), *range(lists, len(data), 97)):
        if place in seen_at:  # unsigned: another time within the list's own is as good
            continue
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        report = check_evidence(bytes(flipped), ROOT).report
        assert report.verdict is not Verdict.PASS or _only_root_changed(bytes(flipped), trust), (
            place
        )
    for other in (b"", b"{}", data[:-1], data + b"\n", data.replace(b"fork", b"gabel")):
        assert verdicts(other)[Check.FORMAT] is Verdict.FAIL


def _only_root_changed(data: bytes, trust: SampleTrust) -> bool:
    """Tell whether what differs is the enclosed first root, of which the trusted one counts."""
    enclosed = decode_evidence(data).trust
    return enclosed.metadata["1.root.json"] != trust.bundle.metadata["1.root.json"]
