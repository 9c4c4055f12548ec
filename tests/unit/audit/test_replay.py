import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import msgspec
import pytest
from msgspec.structs import replace

from node.audit.findings import Check, Report, Verdict
from node.audit.replay import replay
from node.errors import Code
from node.model.credential import Field, Status
from node.model.note import Checkpoint, sign_checkpoint
from node.model.seal import Sealed
from node.model.statement import (
    Answer,
    Conclusion,
    ConsentEnd,
    ConsentEnded,
    Disclosure,
    NoAnswer,
    Outcome,
    Purpose,
    Query,
    StatusChanged,
    TrustAdopted,
)
from node.model.trust import TrustBundle
from node.wire.codec import decode_statement, encode_statement
from node.wire.export import (
    CounterpartRecord,
    Entry,
    Header,
    OwnCheckpoint,
    Record,
    read_records,
    write_records,
)
from tests.journals import Border, Journal, every_outcome, newer_trust
from tests.world import (
    DAY_US,
    SECOND_US,
    START,
    SampleTrust,
    federation_signer,
    journal_signers,
    sample_trust,
    trust_files,
)

XA, XB = "xa.symbolon.example/journal", "xb.symbolon.example/journal"
Found = set[tuple[Check, str, int | None]]


def audited(border: Border, *journals: Iterable[Record]) -> Report:
    """Replay both journals of a border, or those given."""
    given = journals or (border.asking.records(), border.answering.records())
    return replay(given, [border.trust.root])


def found(report: Report, verdict: Verdict = Verdict.FAIL) -> Found:
    """Return check and place of every finding of a verdict."""
    return {
        (finding.check, finding.place.journal, finding.place.index)
        for finding in report.findings
        if finding.verdict is verdict
    }


def sentence(report: Report, check: Check) -> str:
    """Return the one finding of a check, in words."""
    sentences = [finding.sentence for finding in report.findings if finding.check is check]
    assert len(sentences) == 1
    return sentences[0]


def altered(
    records: Iterable[Record], kind: type[Record], index: int, change: Callable[..., Record | None]
) -> Iterator[Record]:
    """Yield records with one changed or, where `change` gives none, left out."""
    for record in records:
        place = record.size if isinstance(record, OwnCheckpoint) else getattr(record, "index", None)
        if type(record) is kind and place == index:
            instead = change(record)
            if instead is not None:
                yield instead
        else:
            yield record


def one_exchange() -> tuple[Border, int, int, int]:
    """Return a border with one exchange, and its three indices."""
    border = Border()
    code = border.give(border.register())
    asked, answered, concluded = border.exchange(border.query(code))
    return border, asked[0], answered[0], concluded[0]


def lying(change: Callable[[Answer], Answer]) -> tuple[Border, int, int]:
    """Return a border whose answering node lies once; indices of answer and conclusion."""
    border = Border()
    code = border.give(border.register())
    border.exchange(border.query(code))
    _, answered, concluded = border.exchange(border.query(code), change=change)
    return border, answered[0], concluded[0]


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


def test_passes_a_journal_whose_node_changed_its_keys() -> None:
    change_at = "2026-11-23T09:00:02Z"
    files = trust_files()
    for node_id in ("XA", "XB"):
        path = f"nodes/{node_id}/node.json"
        content = msgspec.json.decode(files[path])
        for key in content["journal"]["keys"]:
            key["valid_until"] = change_at
        content["journal"]["keys"] += [
            {"verifier": str(signer.verifier), "valid_from": change_at}
            for signer in journal_signers(node_id, 2)
        ]
        files[path] = msgspec.json.encode(content)
    trust = sample_trust(files)
    border = Border(trust=trust)
    code = border.give(border.register())
    asked = border.put([border.query(code)])
    border.step()
    answered = border.answer(asked)
    border.step()
    border.asking.signers, border.answering.signers = (
        journal_signers(node_id, 2) for node_id in ("XA", "XB")
    )
    # What is concluded now rests on an answer sealed with the key of before: retired too soon.
    border.conclude(asked, answered)
    border.exchange(border.query(code))
    report = audited(border)
    assert found(report) == {(Check.ANSWER_SEAL, XA, 2)}
    assert report.checks != ()


def test_tells_its_progress_by_journal() -> None:
    border = every_outcome()
    told: list[tuple[str, int]] = []
    replay(
        [border.asking.records(), border.answering.records()],
        [border.trust.root],
        lambda origin, entries: told.append((origin, entries)),
    )
    assert told == [(XA, len(border.asking.entries)), (XB, len(border.answering.entries))]


# --- entries and checkpoints ---------------------------------------------------------------


def test_finds_an_entry_that_was_altered_after_it_was_sealed() -> None:
    border = every_outcome()
    index = len(border.answering.entries) - 3

    def later(entry: Entry) -> Entry:
        statement = decode_statement(entry.statement)
        return replace(
            entry, statement=encode_statement(replace(statement, said_at=statement.said_at + 1))
        )

    report = audited(border, altered(border.answering.records(), Entry, index, later))
    covered = max(note.size for note in border.answering.notes if note.size <= index)
    assert (Check.CHECKPOINT_ROOT, XB, covered) in found(report)
    assert {place[0] for place in found(report)} <= {
        Check.CHECKPOINT_ROOT,
        Check.RECOMPUTED,
        Check.TIMES,
    }
    assert {check for check, _, _ in found(report, Verdict.INDETERMINATE)} == {
        Check.CHECKPOINT_ROOT
    }


def test_finds_a_salt_that_is_not_the_one_committed() -> None:
    border = every_outcome()
    records = altered(
        border.answering.records(), Entry, 3, lambda entry: replace(entry, salt=bytes(32))
    )
    assert found(audited(border, records)) == {(Check.CHECKPOINT_ROOT, XB, 1)}


def test_finds_an_entry_that_was_removed() -> None:
    border = every_outcome()
    records = altered(border.answering.records(), Entry, 3, lambda _entry: None)
    report = audited(border, records)
    assert {(Check.ENTRY_ORDER, XB, 3), (Check.CHECKPOINT_ROOT, XB, 1)} <= found(report)
    assert sentence(report, Check.ENTRY_ORDER) == "entries 3 to 3 are missing"


def test_finds_two_entries_that_were_swapped() -> None:
    border = every_outcome()
    entries = border.answering.entries
    first, second = entries[5], entries[6]
    moved = altered(
        altered(border.answering.records(), Entry, 5, lambda _entry: replace(second, index=5)),
        Entry,
        6,
        lambda entry: replace(first, index=6) if entry is second else entry,
    )
    assert (Check.CHECKPOINT_ROOT, XB, 1) in found(audited(border, moved))
    records = list(border.answering.records())
    here, there = records.index(first), records.index(second)
    records[here], records[there] = second, first
    report = audited(border, records)
    assert {(Check.ENTRY_ORDER, XB, 5), (Check.CHECKPOINT_ROOT, XB, 1)} <= found(report)


def test_finds_an_end_that_no_checkpoint_covers() -> None:
    border, *_ = one_exchange()
    border.asking.say(border.query(border.give(border.register())), border.now)
    report = audited(border, border.asking.records())
    end = len(border.asking.entries)
    assert found(report) == {(Check.JOURNAL_END, XA, end - 1)}


def test_finds_a_checkpoint_that_others_signed() -> None:
    border = every_outcome()
    last = border.answering.notes[-1]

    def forged(record: OwnCheckpoint) -> OwnCheckpoint:
        checkpoint = Checkpoint(XB, record.size, bytes(32))
        return OwnCheckpoint(
            record.size, sign_checkpoint(checkpoint, journal_signers("XB", 2), START // SECOND_US)
        )

    report = audited(border, altered(border.answering.records(), OwnCheckpoint, last.size, forged))
    place = (XB, last.size - 1)
    assert found(report) == {(Check.CHECKPOINT_SIGNATURE, *place)}
    assert found(report, Verdict.INDETERMINATE) == {(Check.CHECKPOINT_ROOT, *place)}


def test_finds_a_checkpoint_of_other_entries_signed_by_the_node_itself() -> None:
    border = every_outcome()
    first, last = border.answering.notes[1], border.answering.notes[-1]

    def other(record: OwnCheckpoint) -> OwnCheckpoint:
        checkpoint = Checkpoint(XB, record.size, bytes(32))
        return OwnCheckpoint(
            record.size, sign_checkpoint(checkpoint, journal_signers("XB"), START // SECOND_US)
        )

    records = altered(border.answering.records(), OwnCheckpoint, last.size, other)
    assert [check for check, *_ in found(audited(border, records))] == [Check.CHECKPOINT_ROOT]
    records = altered(
        border.answering.records(),
        OwnCheckpoint,
        last.size,
        lambda _: replace(first, size=last.size),
    )
    assert (Check.CHECKPOINT_ROOT, XB, last.size - 1) in found(audited(border, records))


def test_finds_a_checkpoint_with_one_of_its_two_signatures() -> None:
    border, *_ = one_exchange()
    last = border.asking.notes[-1]
    alone = b"".join(last.note.splitlines(keepends=True)[:5])
    records = altered(
        border.asking.records(), OwnCheckpoint, last.size, lambda _: replace(last, note=alone)
    )
    report = audited(border, records)
    assert found(report) == {(Check.CHECKPOINT_SIGNATURE, XA, last.size - 1)}
    assert "MLDSA44" in sentence(report, Check.CHECKPOINT_SIGNATURE)


def test_finds_a_checkpoint_out_of_its_place() -> None:
    border, *_ = one_exchange()
    records = list(border.asking.records())
    first, second = (records.index(note) for note in border.asking.notes[1:3])
    records[first], records[second] = records[second], records[first]
    assert (Check.CHECKPOINT_ORDER, XA, border.asking.notes[2].size - 1) in found(
        audited(border, records)
    )


def test_finds_a_forged_checkpoint_of_the_empty_journal() -> None:
    border, *_ = one_exchange()
    forged = border.answering.notes[0]
    records = altered(border.asking.records(), OwnCheckpoint, 0, lambda _: forged)
    assert found(audited(border, records)) == {(Check.CHECKPOINT_SIGNATURE, XA, 0)}


# --- every statement -----------------------------------------------------------------------


def test_finds_a_statement_that_does_not_read_strictly() -> None:
    border, asked, *_ = one_exchange()
    records = altered(
        border.asking.records(),
        Entry,
        asked,
        lambda entry: replace(entry, statement=entry.statement + b"\xa2\x06\x01x"),
    )
    assert (Check.STATEMENT, XA, asked) in found(audited(border, records))


def test_finds_a_statement_that_another_node_says() -> None:
    border, *_ = one_exchange()
    border.asking.node_id = "XC"
    index = border.asking.say(TrustAdopted(newer_trust().view.reference), border.now)
    border.asking.node_id = "XA"
    border.asking.bundles.append(newer_trust().bundle)
    border.asking.commit(border.now)
    assert (Check.SPEAKER, XA, index) in found(audited(border))


def test_finds_a_statement_that_was_backdated() -> None:
    border, *_ = one_exchange()
    event = StatusChanged("XB-2019-000001", Status.REVOKED, "a test")
    near = border.answering.say(event, border.now - 59 * SECOND_US)
    index = border.answering.say(event, border.now - 3 * DAY_US)
    border.answering.commit(border.now)
    report = audited(border)
    assert near < index
    assert found(report) == {(Check.TIME_ORDER, XB, index)}


def test_finds_a_statement_under_a_trust_list_never_adopted() -> None:
    border, *_ = one_exchange()
    border.answering.trust = newer_trust()
    index = border.answering.say(ConsentEnded(bytes(32), ConsentEnd.REVOKED), border.now)
    border.answering.commit(border.now)
    assert (Check.TRUST_REFERENCE, XB, index) in found(audited(border))


def test_finds_a_statement_under_a_trust_list_long_left() -> None:
    border, *_ = one_exchange()
    event = StatusChanged("XB-2019-000001", Status.REVOKED, "a test")
    border.answering.adopt(newer_trust(), border.now)
    border.answering.trust = border.trust
    border.answering.say(event, border.step(59))
    index = border.answering.say(event, border.step(10))
    border.answering.commit(border.now)
    assert found(audited(border)) == {(Check.TRUST_REFERENCE, XB, index)}


def test_finds_a_trust_list_adopted_backwards() -> None:
    border, *_ = one_exchange()
    border.answering.adopt(newer_trust(3), border.now)
    index = border.answering.adopt(newer_trust(2), border.step())
    border.answering.commit(border.now)
    report = audited(border)
    assert (Check.TRUST_REFERENCE, XB, index) in found(report)
    assert "back" in "".join(finding.sentence for finding in report.findings)


def test_finds_what_was_asked_and_answered_under_an_expired_list() -> None:
    border = Border(trust=sample_trust(expires_at=START + 3 * SECOND_US))
    code = border.give(border.register())
    border.exchange(border.query(code))
    asked, answered, _ = border.exchange(border.query(code))
    assert found(audited(border)) == {
        (Check.TRUST_REFERENCE, XA, asked[0]),
        (Check.TRUST_REFERENCE, XB, answered[0]),
    }


def test_finds_a_trust_list_that_is_not_the_federations() -> None:
    border, *_ = one_exchange()
    stranger = federation_signer()
    report = replay([border.asking.records()], [journal_signers("XC")[0].verifier])
    assert (Check.TRUST_LIST, XA, None) in found(report)
    assert report.verdict is Verdict.FAIL
    both = [journal_signers("XC")[0].verifier, stranger.verifier]
    assert replay([border.asking.records()], both).verdict is Verdict.PASS
    assert replay([border.asking.records()], []).verdict is Verdict.FAIL


def test_finds_a_trust_list_from_which_an_agreement_was_left_out() -> None:
    border = Border()
    bundle = border.trust.bundle
    files = {path: file for path, file in bundle.files.items() if "xa-xb" not in path}
    short = TrustBundle(bundle.note, files)
    records = (short if record == bundle else record for record in border.answering.records())
    assert found(audited(border, records)) == {(Check.TRUST_LIST, XB, None)}


def test_finds_two_trust_lists_of_one_version() -> None:
    border, *_ = one_exchange()
    border.asking.bundles.append(newer_trust(1).bundle)
    assert found(audited(border)) == {(Check.TRUST_LIST, XA, None)}


def test_cannot_judge_what_was_said_under_a_list_left_out_of_the_file() -> None:
    border = every_outcome()
    border.answering.bundles.pop()
    report = audited(border, border.answering.records())
    assert {check for check, *_ in found(report, Verdict.INDETERMINATE)} == {
        Check.TRUST_REFERENCE,
        Check.QUERY_SEAL,
        Check.RECOMPUTED,
    }
    assert found(report) == set()


def test_finds_a_journal_that_is_not_its_owners() -> None:
    border, *_ = one_exchange()
    for header in (Header("XC", XA), Header("XA", XB), Header("XD", XA)):
        records = [header, *islice(border.asking.records(), 1, None)]
        assert (Check.OWNER, header.origin, 0) in found(audited(border, records))


# --- answers -------------------------------------------------------------------------------


def test_finds_an_answer_that_the_registry_does_not_give() -> None:
    border, answered, _ = lying(
        lambda answer: replace(answer, outcome=Outcome.NOT_CONFIRMED, disclosed=())
    )
    report = audited(border)
    assert found(report) == {(Check.RECOMPUTED, XB, answered)}
    assert sentence(report, Check.RECOMPUTED) == (
        "says NOT_CONFIRMED, but the registry gives CONFIRMED"
    )


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda a: replace(a, disclosed=a.disclosed[1:]), "disclosed"),
        (lambda a: replace(a, good_until=a.good_until + 1), "good_until"),
        (
            lambda a: replace(a, disclosed=(Disclosure(Field.TITLE, "Doctor"), *a.disclosed[1:])),
            "disclosed",
        ),
    ],
)
def test_compares_an_answer_field_by_field(change: Callable[[Answer], Answer], name: str) -> None:
    border, answered, _ = lying(change)
    report = audited(border)
    assert found(report) == {(Check.RECOMPUTED, XB, answered)}
    assert sentence(report, Check.RECOMPUTED) == f"the registry gives another {name}"


def test_finds_a_share_code_used_once_too_often() -> None:
    border = Border()
    code = border.give(border.register(), uses=1)
    border.exchange(border.query(code))
    first = decode_statement(border.answering.entries[-1].statement).body
    assert isinstance(first, Answer)
    shown = first.disclosed
    _, answered, _ = border.exchange(
        border.query(code),
        change=lambda a: replace(a, outcome=Outcome.CONFIRMED, disclosed=shown),
    )
    assert found(audited(border)) == {(Check.RECOMPUTED, XB, answered[0])}


def test_finds_an_answer_about_another_place_and_time() -> None:
    border, answered, concluded = lying(
        lambda answer: replace(
            answer,
            registry_position=answer.registry_position - 1,
            evaluated_at=answer.evaluated_at - 1,
        )
    )
    assert found(audited(border)) == {
        (Check.RECOMPUTED, XB, answered),
        (Check.ANSWERS_QUERY, XB, answered),
        (Check.TIMES, XB, answered),
        (Check.ANSWERS_QUERY, XA, concluded),
        (Check.TIMES, XA, concluded),
    }


def test_finds_an_answer_to_another_query_than_the_one_beside_it() -> None:
    border, answered, concluded = lying(lambda answer: replace(answer, query=bytes(32)))
    assert found(audited(border)) == {
        (Check.RECOMPUTED, XB, answered),
        (Check.ANSWERS_QUERY, XB, answered),
        (Check.ANSWERS_QUERY, XA, concluded),
    }


def test_finds_an_answer_that_shows_what_was_not_asked() -> None:
    border, answered, concluded = lying(
        lambda a: replace(a, disclosed=(*a.disclosed, Disclosure(Field.LANGUAGE, "fr")))
    )
    report = audited(border)
    assert found(report) == {
        (Check.RECOMPUTED, XB, answered),
        (Check.DISCLOSURE, XB, answered),
        (Check.DISCLOSURE, XA, concluded),
    }
    assert "language" in "".join(finding.sentence for finding in report.findings)


def test_finds_a_query_answered_twice_with_different_words() -> None:
    border, asked, answered, _ = one_exchange()
    again = border.answer([asked])
    border.step()
    report = audited(border)
    assert found(report) == {(Check.ANSWERED_ONCE, XB, again[0])}
    assert str(answered) in sentence(report, Check.ANSWERED_ONCE)


def test_cannot_recompute_an_answer_without_its_query() -> None:
    border = Border()
    code = border.give(border.register(), uses=1)
    _, answered, _ = border.exchange(border.query(code))
    _, spent, _ = border.exchange(border.query(code))
    records = altered(
        border.answering.records(), CounterpartRecord, answered[0], lambda _record: None
    )
    report = audited(border, records)
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {
        (Check.RECOMPUTED, XB, answered[0]),
        (Check.RECOMPUTED, XB, spent[0]),
    }


def test_finds_an_answer_to_a_query_that_was_stale_or_from_the_future() -> None:
    border = Border()
    code = border.give(border.register())
    late = border.put([border.query(code)])
    border.step(301)
    too_late = border.answer(late)
    border.step(100)
    early = border.put([border.query(code)])
    border.now -= 61 * SECOND_US
    too_early = border.answer(early)
    report = audited(border, border.answering.records())
    assert found(report) == {(Check.TIMES, XB, too_late[0]), (Check.TIMES, XB, too_early[0])}


def test_finds_a_peer_query_whose_seal_does_not_hold() -> None:
    border, _, answered, _ = one_exchange()

    def reseal(**changes: object) -> Callable[[CounterpartRecord], CounterpartRecord]:
        return lambda record: replace(record, sealed=replace(record.sealed, **changes))

    for change in (
        reseal(salt=bytes(32)),
        reseal(index=0),
        reseal(path=bytes(32)),
        reseal(checkpoint=border.asking.notes[0].note),
        reseal(checkpoint=border.answering.notes[-1].note),
        lambda record: replace(record, peer="XC"),
        lambda record: replace(record, peer="XD"),
    ):
        records = altered(border.answering.records(), CounterpartRecord, answered, change)
        assert (Check.QUERY_SEAL, XB, answered) in found(audited(border, records))


def test_finds_a_peer_statement_beside_the_wrong_entry() -> None:
    border, _, answered, _ = one_exchange()
    records = altered(
        border.answering.records(),
        CounterpartRecord,
        answered,
        lambda record: replace(record, index=answered - 1),
    )
    report = audited(border, records)
    assert found(report) == {(Check.ENTRY_ORDER, XB, answered - 1)}
    assert found(report, Verdict.INDETERMINATE) == {(Check.RECOMPUTED, XB, answered)}


def test_finds_an_answer_that_rests_on_no_query() -> None:
    border, asked, answered, concluded = one_exchange()
    conclusion = border.asking.seal(concluded)
    assert asked < concluded
    records = altered(
        border.answering.records(),
        CounterpartRecord,
        answered,
        lambda record: replace(record, sealed=conclusion),
    )
    assert (Check.PARTIES, XB, answered) in found(audited(border, records))


# --- asking --------------------------------------------------------------------------------


def test_finds_a_conclusion_that_says_something_else() -> None:
    border = Border()
    code = border.give(border.register())
    lies: list[Callable[[Conclusion], Conclusion]] = [
        lambda conclusion: replace(conclusion, outcome=Outcome.REVOKED),
        lambda conclusion: replace(conclusion, answer=bytes(32)),
    ]
    places = set()
    for lie in lies:
        asked = border.put([border.query(code)])
        answered = border.answer(asked)
        places.add((Check.CONCLUSION, XA, border.conclude(asked, answered, lie)[0]))
    assert found(audited(border)) == places


def test_finds_a_query_that_is_settled_twice_or_was_never_asked() -> None:
    border, asked, answered, _ = one_exchange()
    again = border.conclude([asked], [answered])
    commitment = border.asking.commitment(asked)
    given_up = border.asking.say(NoAnswer(commitment, Code.PEER_SILENT), border.now)
    never = border.asking.say(NoAnswer(bytes(32), Code.PEER_SILENT), border.now)
    border.asking.commit(border.now)
    assert found(audited(border)) == {
        (Check.SETTLED, XA, index) for index in (again[0], given_up, never)
    }


def test_cannot_check_a_conclusion_without_its_answer() -> None:
    border, _, _, concluded = one_exchange()
    records = altered(border.asking.records(), CounterpartRecord, concluded, lambda _record: None)
    report = audited(border, records)
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {(Check.CONCLUSION, XA, concluded)}


def test_tells_a_query_still_open_from_one_forgotten() -> None:
    border, *_ = one_exchange()
    index = border.put([border.query(border.give(border.register()))])[0]
    border.answering.commit(border.now)
    report = audited(border)
    assert found(report) == set()
    assert found(report, Verdict.INDETERMINATE) == {(Check.SETTLED, XA, index)}
    border.asking.adopt(newer_trust(), border.step(11 * 60))
    border.asking.commit(border.now)
    assert found(audited(border)) == {(Check.SETTLED, XA, index)}


@pytest.mark.parametrize(
    "change",
    [
        lambda query: replace(query, audience="XD"),
        lambda query: replace(query, audience="XA"),
        lambda query: replace(query, agreement=replace(query.agreement, version=2)),
        lambda query: replace(query, agreement=replace(query.agreement, id="xa-xc")),
        lambda query: replace(query, audience="XB", purpose=Purpose.LICENSING),
    ],
)
def test_finds_a_query_without_an_agreement_that_covers_it(
    change: Callable[[Query], Query],
) -> None:
    files = trust_files()
    name = "agreements/xa-xb.json"
    files[name] = files[name].replace(b'"licensing",', b"")
    border = Border(trust=sample_trust(files))
    query = change(border.query(border.give(border.register())))
    border.answering.commit(border.now)
    index = border.put([query])[0]
    assert (Check.AGREEMENT, XA, index) in found(audited(border))


def test_finds_an_answer_taken_after_its_deadline() -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.step(10 + 61)
    answered = border.answer(asked)
    concluded = border.conclude(asked, answered)
    assert found(audited(border)) == {(Check.TIMES, XA, concluded[0])}


def test_finds_a_conclusion_said_before_its_answer() -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.step(100)
    answered = border.answer(asked)
    border.now -= 90 * SECOND_US
    concluded = border.conclude(asked, answered)
    assert (Check.CONCLUSION, XA, concluded[0]) in found(audited(border))


# --- registry ------------------------------------------------------------------------------


def test_finds_events_about_what_is_not_in_the_registry() -> None:
    border = Border()
    code = border.give(border.register())
    journal, now = border.answering, border.now
    given = decode_statement(journal.entries[-1].statement).body
    journal.say(ConsentEnded(code.digest, ConsentEnd.EXPIRED), now)
    wrong = [
        journal.say(StatusChanged("XB-0", Status.REVOKED, "a test"), now),
        journal.say(given, now),
        journal.say(ConsentEnded(code.digest, ConsentEnd.REVOKED), now),
        journal.say(ConsentEnded(bytes(32), ConsentEnd.REVOKED), now),
    ]
    journal.commit(now)
    assert found(audited(border)) == {(Check.REGISTRY, XB, index) for index in wrong}


# --- both sides ----------------------------------------------------------------------------


def two_stories(trust: SampleTrust) -> tuple[Border, Border, int, int]:
    """Return two worlds alike but for the last answer; index of that and of its conclusion."""
    told = []
    for lie in (False, True):
        border = Border(trust=trust)
        code = border.give(border.register())
        border.exchange(border.query(code))
        change = (lambda a: replace(a, good_until=a.good_until - lie)) if lie else (lambda a: a)
        _, answered, concluded = border.exchange(border.query(code), change=change)
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


def until(journal: Journal, size: int) -> Iterator[Record]:
    """Yield a journal as it was exported when it had a size."""
    for record in journal.records():
        yield record
        if isinstance(record, OwnCheckpoint) and record.size == size:
            return


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
