"""Checking a holder's record with nothing but the federation's root.

1. the file reads strictly, and so does the statement in it
2. the enclosed trust list follows from the root, and is the one that the statement names
3. the statement stands in the journal of the node that the record names, under a checkpoint with
   the signatures that the list requires
4. the statement says that this record, and no other, was given then

Witnesses are not asked for: at the moment when a record is given, none has cosigned yet.
"""

from msgspec import Struct

from node.audit.findings import Check, Findings, Place, Report
from node.audit.seals import Seals
from node.errors import Refusal
from node.model.holder_bodies import RecordExported
from node.model.statement import Statement
from node.model.trust import TrustView, resolve
from node.wire.codec import decode_statement
from node.wire.record import HeldRecord, RecordFile, decode_record, record_digest

_WHOLE = Place("record")
_AFTER_FORMAT = (
    Check.STATEMENT,
    Check.TRUST_LIST,
    Check.TRUST_REFERENCE,
    Check.RECORD_SEAL,
    Check.RECORD,
)


class CheckedRecord(Struct, frozen=True):
    """The report on a record and, where it could be read, what it says."""

    report: Report
    record: HeldRecord | None


def check_record(data: bytes, root: bytes) -> CheckedRecord:
    """Check a holder's record against a trusted root; every check has a verdict."""
    findings = Findings()
    try:
        file = decode_record(data)
    except Refusal as refusal:
        findings.failed(Check.FORMAT, _WHOLE, refusal.reason)
        for check in _AFTER_FORMAT:
            findings.undetermined(check, _WHOLE, "the record cannot be read")
        return CheckedRecord(findings.report(), None)
    findings.passed(Check.FORMAT)
    _examine(file, root, findings)
    return CheckedRecord(findings.report(), file.record)


def _examine(file: RecordFile, root: bytes, findings: Findings) -> None:
    try:
        statement = decode_statement(file.sealed.statement)  # 1
    except Refusal as refusal:
        findings.failed(Check.STATEMENT, _WHOLE, refusal.reason)
        for check in _AFTER_FORMAT[1:]:
            findings.undetermined(check, _WHOLE, "the statement cannot be read")
        return
    body = statement.body
    if isinstance(body, RecordExported):
        findings.passed(Check.STATEMENT)
        said = [] if body.digest == record_digest(file.record) else ["is of another record"]
        if statement.speaker != file.record.node:
            said.append(f"is of {statement.speaker}, not of {file.record.node}")
        findings.judge(Check.RECORD, _WHOLE, said)  # 4
    else:
        findings.failed(Check.STATEMENT, _WHOLE, "the statement is of no record")
        findings.undetermined(Check.RECORD, _WHOLE, "the statement is of no record")
    _check_seal(file, root, statement, findings)


def _check_seal(file: RecordFile, root: bytes, statement: Statement, findings: Findings) -> None:
    try:
        trust = resolve(file.trust, root, statement.said_at)  # 2
    except Refusal as refusal:
        findings.failed(Check.TRUST_LIST, _WHOLE, refusal.reason)
        for check in (Check.TRUST_REFERENCE, Check.RECORD_SEAL):
            findings.undetermined(check, _WHOLE, "there is no trust list that holds")
        return
    findings.judge(Check.TRUST_LIST, _WHOLE, list(trust.faults))
    findings.judge(Check.TRUST_REFERENCE, _WHOLE, _reference_faults(trust, statement))
    try:
        speaker = trust.node(statement.speaker)
        Seals().check(trust, speaker, file.sealed, statement.said_at)  # 3
    except Refusal as refusal:
        findings.failed(Check.RECORD_SEAL, _WHOLE, refusal.reason)
        return
    findings.passed(Check.RECORD_SEAL)


def _reference_faults(trust: TrustView, statement: Statement) -> list[str]:
    if statement.trust != trust.reference:
        return ["names another trust list than the enclosed one"]
    if statement.said_at >= trust.expires_at:
        return ["was said after the trust list had expired"]
    return []
