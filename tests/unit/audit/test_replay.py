import io
from collections import Counter
from itertools import islice

import msgspec
from msgspec.structs import replace

from node.audit.findings import Check, Verdict
from node.model.seal import Sealed
from node.model.statement import (
    Answer,
    Outcome,
)
from node.wire.codec import decode_statement
from node.wire.export import CounterpartRecord, Header, OwnCheckpoint, write_records
from node.wire.export_reading import read_records
from tests.federation import key_entry
from tests.journals import (
    XA,
    XB,
    Border,
    altered,
    audited,
    every_outcome,
    found,
    one_exchange,
    until,
)
from tests.replaying import replay
from tests.world import (
    SampleTrust,
    journal_signers,
    sample_trust,
    trust_files,
)

# --- journals that are true ----------------------------------------------------------------


def test_passes_two_journals_with_every_outcome() -> None:
    border = every_outcome()
    report = audited(border)
    assert report.verdict is Verdict.PASS
    assert report.findings == ()
    bodies = [decode_statement(entry.statement).body for entry in border.answering.entries]
    outcomes = Counter(body.outcome for body in bodies if isinstance(body, Answer))
    assert set(outcomes) == set(Outcome)
    made = {count.check: count.passed for count in report.checks}
    assert made[Check.RECOMPUTED] == outcomes.total() == made[Check.QUERY_SEAL]
    assert made[Check.CONCLUSION] == outcomes.total() == made[Check.ANSWER_SEAL]
    assert made[Check.STATEMENT] == len(border.asking.entries) + len(border.answering.entries)
    assert made[Check.CHECKPOINT_ROOT] == len(border.asking.notes) + len(border.answering.notes)


def test_tells_what_each_journal_held() -> None:
    border = every_outcome()
    asking, answering = audited(border).journals
    assert (asking.node, asking.origin, asking.entries) == ("XA", XA, len(border.asking.entries))
    assert asking.size == answering.size - 1 == len(border.asking.entries)
    assert (asking.answers, asking.conclusions) == (0, 11)
    assert (answering.answers, answering.conclusions) == (11, 0)


def test_passes_each_journal_by_itself_from_its_file() -> None:
    border = every_outcome()
    for journal in (border.asking, border.answering):
        stream = io.BytesIO()
        write_records(journal.records(), stream)
        stream.seek(0)
        report = audited(border, read_records(stream))
        assert report.verdict is Verdict.PASS
        assert Check.BOTH_SIDES not in {count.check for count in report.checks}


def changing_keys(seconds: int) -> SampleTrust:
    """Return a trust list by which XA and XB have new keys, and only those, after some time."""
    change_at = f"2026-11-23T09:00:{seconds:02}Z"
    files = trust_files()
    for node_id in ("XA", "XB"):
        path = f"nodes/{node_id}/node.json"
        content = msgspec.json.decode(files[path])
        for key in content["journal"]["keys"]:
            key["valid_until"] = change_at
        content["journal"]["keys"] += [
            msgspec.to_builtins(key_entry(node_id, signer)) | {"valid_from": change_at}
            for signer in journal_signers(node_id, 2)
        ]
        files[path] = msgspec.json.encode(content)
    return sample_trust(files)


def with_new_keys(border: Border) -> None:
    """Let both nodes sign with their new keys."""
    border.asking.signers = journal_signers("XA", 2)
    border.answering.signers = journal_signers("XB", 2)


def test_passes_journals_whose_nodes_changed_their_keys() -> None:
    border = Border(trust=changing_keys(3))
    code = border.give(border.register())
    border.exchange(border.query(code))
    with_new_keys(border)
    border.exchange(border.query(code))
    assert audited(border).verdict is Verdict.PASS


def test_finds_seals_made_with_a_key_before_or_after_its_time() -> None:
    border = Border(trust=changing_keys(2))
    code = border.give(border.register())
    asked = border.put([border.query(code)])
    border.step()
    answered = border.answer(asked)
    border.step()
    early = border.put([border.query(code)])
    with_new_keys(border)
    concluded = border.conclude(asked, answered)
    assert found(audited(border)) == {
        (Check.CHECKPOINT_SIGNATURE, XA, early[0]),
        (Check.ANSWER_SEAL, XA, concluded[0]),
    }


def test_tells_its_progress_by_journal() -> None:
    border = every_outcome()
    told: list[tuple[str, int]] = []
    replay(
        [border.asking.records(), border.answering.records()],
        [border.trust.root],
        lambda origin, entries: told.append((origin, entries)),
    )
    assert told[:2] == [(XA, len(border.asking.entries)), (XB, len(border.answering.entries))]


# --- both sides ----------------------------------------------------------------------------


def two_stories(trust: SampleTrust) -> tuple[Border, Border, int, int]:
    """Return two worlds alike but for the last answer; index of that and of its conclusion."""
    told = []
    for lie in (False, True):
        border = Border(trust=trust)
        code = border.give(border.register())
        border.exchange(border.query(code))
        shorter = int(lie)
        _, answered, concluded = border.exchange(
            border.query(code),
            change=lambda a, by=shorter: replace(a, good_until=a.good_until - by),  # type: ignore[misc]
        )
        told.append(border)
    return told[0], told[1], answered[0], concluded[0]


def test_finds_a_node_that_told_its_peer_another_story() -> None:
    honest, other, answered, concluded = two_stories(sample_trust())
    report = audited(honest, honest.asking.records(), other.answering.records())
    assert found(report) == {
        (Check.RECOMPUTED, XB, answered),
        (Check.BOTH_SIDES, XA, concluded),
        (Check.ONE_TREE, XA, concluded),
    }


def test_finds_where_two_journals_of_one_node_part() -> None:
    honest, other, answered, _ = two_stories(sample_trust())
    report = audited(honest, honest.answering.records(), other.answering.records())
    assert (Check.BOTH_SIDES, XB, answered) in found(report)
    again = audited(honest, honest.answering.records(), honest.answering.records())
    assert again.verdict is Verdict.PASS


def test_cannot_compare_with_a_journal_that_was_exported_earlier() -> None:
    border, _, answered, concluded = one_exchange()
    before = border.answering.notes[-2].size
    assert before <= answered
    report = audited(border, border.asking.records(), until(border.answering, before))
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {(Check.BOTH_SIDES, XA, concluded)}


def test_cannot_compare_with_a_checkpoint_that_was_left_out() -> None:
    border = Border()
    code = border.give(border.register())
    border.exchange(border.query(code))
    _, _, concluded = border.exchange(border.query(code))
    left_out = border.answering.notes[-2].size
    records = altered(border.answering.records(), OwnCheckpoint, left_out, lambda _record: None)
    report = audited(border, border.asking.records(), records)
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {(Check.ONE_TREE, XA, concluded[0] - 2)}


# --- files ---------------------------------------------------------------------------------


def test_reports_a_broken_file_and_what_came_before_it() -> None:
    border = every_outcome()
    stream = io.BytesIO()
    write_records(border.answering.records(), stream)
    cut = io.BytesIO(stream.getvalue()[:-100])
    report = audited(border, read_records(cut), border.asking.records())
    assert (Check.FORMAT, XB, None) in found(report)
    assert report.journals[0].entries == len(border.answering.entries)
    assert report.journals[1].size == len(border.asking.entries)


def test_reports_a_file_without_a_header_and_goes_on_to_the_next() -> None:
    border, *_ = one_exchange()
    headless = islice(border.answering.records(), 1, None)
    empty = read_records(io.BytesIO(b""))
    report = audited(border, headless, empty, border.asking.records())
    assert found(report) == {
        (Check.FORMAT, "journal 1", None),
        (Check.FORMAT, "journal 2", None),
    }
    assert [journal.node for journal in report.journals] == ["XA"]


def test_reports_a_second_header_within_a_journal() -> None:
    border, *_ = one_exchange()
    records = [*border.asking.records(), Header("XA", XA)]
    assert found(audited(border, records)) == {(Check.FORMAT, XA, None)}


def test_finds_nothing_in_a_journal_of_nothing() -> None:
    border = Border()
    report = audited(border, [Header("XA", XA)])
    assert found(report) == {(Check.JOURNAL_END, XA, 0)}
    assert replay([], [border.trust.root]).verdict is Verdict.INDETERMINATE


def test_reports_a_peer_statement_that_cannot_be_read() -> None:
    border, _, answered, _ = one_exchange()
    broken = Sealed(b"no statement", bytes(32), 1, b"", border.asking.notes[-1].note)
    records = altered(
        border.answering.records(),
        CounterpartRecord,
        answered,
        lambda record: replace(record, sealed=broken),
    )
    assert {(Check.STATEMENT, XB, answered), (Check.QUERY_SEAL, XB, answered)} <= found(
        audited(border, records)
    )
