from itertools import islice

from msgspec.structs import replace

from node.audit.findings import Check, Verdict
from node.model.credential import Status
from node.model.note import Checkpoint, sign_checkpoint
from node.model.statement import (
    ConsentEnd,
    ConsentEnded,
    StatusChanged,
    TrustAdopted,
)
from node.model.trust import TrustBundle
from node.wire.codec import decode_statement, encode_statement
from node.wire.export import (
    Entry,
    Header,
    OwnCheckpoint,
)
from tests.federation import expiring, make_root, role_signer
from tests.journals import (
    XA,
    XB,
    Border,
    altered,
    audited,
    every_outcome,
    found,
    newer_trust,
    one_exchange,
    sentence,
)
from tests.replaying import replay
from tests.world import (
    DAY_US,
    SECOND_US,
    START,
    journal_signers,
    sample_trust,
)

# --- entries and checkpoints ---------------------------------------------------------------


def test_finds_an_entry_that_was_altered_after_it_was_sealed() -> None:
    border = every_outcome()
    index = len(border.answering.entries) - 6

    def said_later(entry: Entry) -> Entry:
        statement = decode_statement(entry.statement)
        return replace(
            entry, statement=encode_statement(replace(statement, said_at=statement.said_at + 1))
        )

    report = audited(border, altered(border.answering.records(), Entry, index, said_later))
    covered = max(note.size for note in border.answering.notes if note.size <= index)
    assert (Check.CHECKPOINT_ROOT, XB, covered) in found(report)
    assert {place[0] for place in found(report)} <= {
        Check.CHECKPOINT_ROOT,
        Check.RECOMPUTED,
        Check.TIMES,
    }
    after = [note for note in border.answering.notes if note.size > index]
    (cannot,) = (f for f in report.findings if f.verdict is Verdict.INDETERMINATE)
    assert cannot.check is Check.CHECKPOINT_ROOT
    assert f"{len(after) - 1} checkpoints cannot be compared" in cannot.sentence


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
    moved = replace(first, size=last.size)
    records = altered(border.answering.records(), OwnCheckpoint, last.size, lambda _: moved)
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
    report = audited(border, records)
    early, late = (note.size - 1 for note in border.asking.notes[1:3])
    assert found(report) == {(Check.CHECKPOINT_ORDER, XA, place) for place in (early, late)}
    assert found(report, Verdict.INDETERMINATE) == {
        (Check.CHECKPOINT_ROOT, XA, place) for place in (early, late)
    }


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
    suspended = StatusChanged("XB-2019-000001", Status.SUSPENDED, "a test")
    border.answering.say(suspended, border.step(59))
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
    border = Border(trust=sample_trust(change=expiring("snapshot", START + 3 * SECOND_US)))
    code = border.give(border.register())
    border.exchange(border.query(code))
    asked, answered, _ = border.exchange(border.query(code))
    assert found(audited(border)) == {
        (Check.TRUST_REFERENCE, XA, asked[0]),
        (Check.TRUST_REFERENCE, XB, answered[0]),
    }


def test_finds_a_trust_list_that_is_not_the_federations() -> None:
    border, *_ = one_exchange()
    stranger = make_root(signers=lambda role: [role_signer(f"another {role}")])
    report = replay([border.asking.records()], [stranger])
    assert (Check.TRUST_LIST, XA, None) in found(report)
    assert report.verdict is Verdict.FAIL
    both = [stranger, border.trust.root]
    assert replay([border.asking.records()], both).verdict is Verdict.PASS
    assert replay([border.asking.records()], []).verdict is Verdict.FAIL


def test_finds_a_trust_list_from_which_an_agreement_was_left_out() -> None:
    border = Border()
    bundle = border.trust.bundle
    files = {path: file for path, file in bundle.files.items() if "xa-xb" not in path}
    short = TrustBundle(bundle.metadata, files)
    records = (short if record == bundle else record for record in border.answering.records())
    report = audited(border, records)
    assert (Check.TRUST_LIST, XB, None) in found(report, Verdict.INDETERMINATE)
    assert report.verdict is not Verdict.PASS


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
