"""Cosignatures in exports: a false one is a fault, and a quorum that is missing is told."""

from functools import cache

import msgspec
from msgspec.structs import replace

from node.audit.findings import Check, Finding, Report, Verdict
from node.model.cosignature import CosignatureSigner, Cosigner, cosign, witness_name
from node.model.note import Checkpoint, Mldsa44Signer, split_note
from node.wire.export import OwnCheckpoint, Record
from tests.federation import (
    NODES,
    SampleTrust,
    key_entry,
    node_file,
    origin,
    sample_trust,
    trust_files,
)
from tests.journals import XB, Border, audited
from tests.world import SECOND_US

WITNESSES = tuple(node for node in NODES if node != "XB")


def cosigners(node_id: str) -> list[Cosigner]:
    seed, name = f"witness {node_id}".encode(), witness_name(origin(node_id))
    return [
        CosignatureSigner(name, seed.ljust(32, b"1")),
        Mldsa44Signer(name, seed.ljust(32, b"2")),
    ]


@cache
def trust(required: int) -> SampleTrust:
    """Return a federation whose nodes are witnesses."""
    files = trust_files()
    for node in NODES:
        keys = tuple(key_entry(node, one) for one in cosigners(node))
        described = replace(node_file(node), witness=keys)
        files[f"nodes/{node}/node.json"] = msgspec.json.encode(described)
    policy = {"seals_required": ["ed25519", "ml-dsa-44"], "witnesses_required": required}
    return sample_trust(files | {"policy.json": msgspec.json.encode(policy)})


def cosigned(record: OwnCheckpoint, now: int, *witnesses: str) -> OwnCheckpoint:
    checkpoint = Checkpoint.parse(split_note(record.note)[0])
    lines = [cosign(checkpoint, cosigners(one), now // SECOND_US) for one in witnesses]
    return replace(record, note=record.note + b"".join(lines))


def journal(
    required: int, hours: int, *witnesses: str, back: int = 0
) -> tuple[Border, list[Record]]:
    """Return a journal over some hours, cosigned at its newest checkpoint or so many `back`."""
    border = Border(trust=trust(required))
    for _ in range(hours + 1):
        border.register()
        border.answering.commit(border.step(3600))
    sizes = sorted(note.size for note in border.answering.notes)
    chosen = sizes[-1 - back]
    return border, [
        cosigned(one, border.now, *witnesses)
        if isinstance(one, OwnCheckpoint) and one.size == chosen
        else one
        for one in border.answering.records()
    ]


def witnessed(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.check is Check.WITNESSES]


def test_a_quorum_under_the_newest_checkpoint_passes() -> None:
    border, records = journal(2, 1, *WITNESSES[:2])
    report = audited(border, records)
    assert report.verdict is Verdict.PASS
    (count,) = [one for one in report.checks if one.check is Check.WITNESSES]
    assert (count.passed, count.made) == (1, 1)


def test_a_quorum_that_is_missing_is_undetermined() -> None:
    border, records = journal(2, 1, WITNESSES[0])
    report = audited(border, records)
    assert report.verdict is Verdict.INDETERMINATE
    (finding,) = witnessed(report)
    assert (finding.place.journal, finding.sentence) == (
        XB,
        "2 witnesses are required, and 1 have cosigned the newest checkpoint; none before it",
    )


def test_a_quorum_that_is_hours_old_is_undetermined() -> None:
    border, records = journal(1, 2, WITNESSES[0], back=2)
    (finding,) = witnessed(audited(border, records))
    assert finding.verdict is Verdict.INDETERMINATE
    assert finding.sentence.endswith("1 before it carry as many")


def test_the_newest_minutes_may_wait_for_their_witnesses() -> None:
    border, records = journal(1, 1, WITNESSES[0])
    before = len(border.answering.notes)
    border.register()
    border.answering.commit(border.step(60))
    newer = list(border.answering.records())
    old = {one.size: one for one in records if isinstance(one, OwnCheckpoint)}
    given = [old.get(one.size, one) if isinstance(one, OwnCheckpoint) else one for one in newer]
    assert len(border.answering.notes) == before + 1
    assert audited(border, given).verdict is Verdict.PASS


def _another(letter: bytes) -> bytes:
    """Return another letter of base64, so that the line is false and not malformed."""
    return b"B" if letter == b"A" else b"A"


def test_a_false_cosignature_of_a_listed_witness_is_a_fault() -> None:
    border, records = journal(1, 1, WITNESSES[0])
    forged = [
        replace(one, note=one.note[:-4] + _another(one.note[-4:-3]) + one.note[-3:])
        if isinstance(one, OwnCheckpoint) and b"/witness " in one.note
        else one
        for one in records
    ]
    assert forged != records
    assert {one.verdict for one in witnessed(audited(border, forged))} >= {Verdict.FAIL}


def test_lines_of_nobody_on_the_list_are_passed_over() -> None:
    border, records = journal(0, 1, "XQ")
    report = audited(border, records)
    assert report.verdict is Verdict.PASS
    assert not witnessed(report)
