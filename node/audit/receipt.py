"""Checking a receipt with nothing but the federation's root.

1. the file reads strictly, and so does each of its three statements
2. every enclosed trust list follows from the root; there are not two of one version
3. each statement names one of them, and was said before that expired; an answer may name another,
   since the peer may have been ahead: then the one that the conclusion names decides
4. each statement stands in its speaker's journal, under a checkpoint with the signatures that
   its trust list requires, by keys that counted when it was said; that checkpoint carries valid
   cosignatures of as many other members as the list requires
5. query, answer and conclusion belong together: parties, commitments, times, fields, outcome

Where a check needs something that an earlier one did not yield, it is INDETERMINATE.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from msgspec import Struct

from node.audit.exchange import (
    Answered,
    Asked,
    Concluded,
    conclusion_faults,
    deadline_faults,
    disclosure_faults,
    pairing_faults,
    party_faults,
)
from node.audit.findings import Check, Findings, Place, Report
from node.audit.seals import Seals
from node.errors import Refusal
from node.model.seal import Sealed, commitment
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
    Rule,
    Statement,
    TrustReference,
)
from node.model.trust import TrustView, resolve
from node.wire.codec import decode_statement
from node.wire.receipt import Receipt, decode_receipt

_WHOLE: Final = Place("receipt")
_SEAL_CHECKS: Final = {
    "query": Check.QUERY_SEAL,
    "answer": Check.ANSWER_SEAL,
    "conclusion": Check.CONCLUSION_SEAL,
}
_PAIR_CHECKS: Final[dict[Check, Callable[[Asked, Answered], Iterable[str]]]] = {
    Check.PARTIES: party_faults,
    Check.ANSWERS_QUERY: pairing_faults,
    Check.TIMES: deadline_faults,
    Check.DISCLOSURE: disclosure_faults,
}
_AFTER_FORMAT: Final = (
    Check.TRUST_LIST,
    Check.STATEMENT,
    Check.TRUST_REFERENCE,
    *_SEAL_CHECKS.values(),
    Check.WITNESSES,
    *_PAIR_CHECKS,
    Check.AGREEMENT_NAMED,
    Check.CONCLUSION,
)
_Kind = TypeVar("_Kind", bound=Body)


class ReceiptFacts(Struct, frozen=True):
    """What a receipt says, for people; it counts only where its report is PASS.

    Attributes:
        asking: node id of who asked.
        asking_authority: its name on the trust list; empty where that is not enclosed.
        answering: node id of who answered.
        answering_authority: its name on the trust list; empty where that is not enclosed.
        asked_at: microseconds UTC, as are the other times.
        trust: the trust list that the conclusion names; None where it is not enclosed or does
            not hold.
    """

    outcome: Outcome
    rule: Rule | None
    disclosed: tuple[Disclosure, ...]
    purpose: Purpose
    requester: Requester
    agreement: AgreementReference
    asking: str
    asking_authority: str
    answering: str
    answering_authority: str
    asked_at: int
    answered_at: int
    good_until: int
    concluded_at: int
    trust: TrustReference | None


class CheckedReceipt(Struct, frozen=True):
    """The report on a receipt and, where its statements could be read, what they say."""

    report: Report
    facts: ReceiptFacts | None


def check_receipt(data: bytes, root: bytes) -> CheckedReceipt:
    """Check a receipt against a trusted root of the federation; every check has a verdict."""
    findings = Findings()
    try:
        receipt = decode_receipt(data)  # 1
    except Refusal as refusal:
        findings.failed(Check.FORMAT, _WHOLE, refusal.reason)
        for check in _AFTER_FORMAT:
            findings.undetermined(check, _WHOLE, "the receipt cannot be read")
        return CheckedReceipt(findings.report(), None)
    findings.passed(Check.FORMAT)
    return _Examination(receipt, root, findings).examine()


class _Examination:
    def __init__(self, receipt: Receipt, root: bytes, findings: Findings) -> None:
        self._receipt = receipt
        self._findings = findings
        self._seals = Seals()
        said = [
            statement
            for sealed in (receipt.query, receipt.answer, receipt.conclusion)
            if (statement := _statement(sealed)) is not None
        ]
        self._lists = self._resolve(root, min((one.said_at for one in said), default=0))  # 2
        concluded = _statement(receipt.conclusion)
        self._decisive = None if concluded is None else self._lists.get(concluded.trust)

    def examine(self) -> CheckedReceipt:
        receipt = self._receipt
        query = self._read("query", receipt.query, Query)
        answer = self._read("answer", receipt.answer, Answer)
        conclusion = self._read("conclusion", receipt.conclusion, Conclusion)
        self._relate(
            query and Asked.of(receipt.query.index, _stands_for(receipt.query), *query),
            answer and Answered.of(receipt.answer.index, _stands_for(receipt.answer), *answer),
            conclusion and Concluded.of(receipt.conclusion.index, *conclusion),
        )  # 5
        if query is None or answer is None or conclusion is None:
            return CheckedReceipt(self._findings.report(), None)
        facts = self._facts(query, answer, conclusion[0])
        return CheckedReceipt(self._findings.report(), facts)

    def _resolve(self, root: bytes, at: int) -> dict[TrustReference, TrustView]:
        """Resolve the enclosed lists as of the first statement; what was said later is judged."""
        found: dict[TrustReference, TrustView] = {}
        faults: list[str] = []
        for bundle in self._receipt.trust:
            try:
                view = resolve(bundle, root, at)
            except Refusal as refusal:
                faults.append(refusal.reason)
                continue
            faults += view.faults
            other = _same_version(found, view)
            if other is not None:
                faults.append(
                    f"there are two different trust lists of version {other.reference.version}"
                )
            found[view.reference] = view
        if not self._receipt.trust:
            faults.append("there is no trust list in the receipt")
        self._findings.judge(Check.TRUST_LIST, _WHOLE, faults)
        return found

    def _read(self, name: str, sealed: Sealed, kind: type[_Kind]) -> tuple[Statement, _Kind] | None:
        findings, place = self._findings, Place(name, sealed.index)
        try:
            statement = decode_statement(sealed.statement)
        except Refusal as refusal:
            findings.failed(Check.STATEMENT, place, refusal.reason)
            for check in (Check.TRUST_REFERENCE, _SEAL_CHECKS[name], Check.WITNESSES):
                findings.undetermined(check, place, "the statement cannot be read")
            return None
        self._check_reference(place, statement)  # 3
        self._check_seal(_SEAL_CHECKS[name], place, sealed, statement)  # 4
        body = statement.body
        if not isinstance(body, kind):
            findings.failed(Check.STATEMENT, place, f"the statement is no {name}")
            return None
        findings.passed(Check.STATEMENT)
        return statement, body

    def _check_reference(self, place: Place, statement: Statement) -> None:
        findings, named = self._findings, statement.trust
        view = self._lists.get(named)
        versions = sorted(enclosed.version for enclosed in self._lists)
        if not versions:
            findings.undetermined(
                Check.TRUST_REFERENCE, place, "there is no trust list that holds to compare with"
            )
        elif view is None and named.version in versions:
            findings.failed(
                Check.TRUST_REFERENCE,
                place,
                f"names another trust list of version {named.version} than the enclosed one",
            )
        elif view is None and (self._decisive is None or not isinstance(statement.body, Answer)):
            findings.undetermined(
                Check.TRUST_REFERENCE,
                place,
                f"names version {named.version} of the trust list, "
                f"enclosed is {' and '.join(map(str, versions))}",
            )
        else:
            findings.judge(Check.TRUST_REFERENCE, place, _expiry_faults(view, statement))

    def _check_seal(self, check: Check, place: Place, sealed: Sealed, statement: Statement) -> None:
        trust = self._lists.get(statement.trust, self._decisive)
        if trust is None:
            for one in (check, Check.WITNESSES):
                self._findings.undetermined(
                    one, place, "there is no trust list that holds, so no key to check with"
                )
            return
        self._check_witnesses(place, sealed, statement, trust)
        try:
            speaker = trust.node(statement.speaker)
            self._seals.check(trust, speaker, sealed, statement.said_at)
        except Refusal as refusal:
            self._findings.failed(check, place, refusal.reason)
            return
        self._findings.passed(check)

    def _check_witnesses(
        self, place: Place, sealed: Sealed, statement: Statement, trust: TrustView
    ) -> None:
        required, speaker = trust.witnesses_required, trust.nodes.get(statement.speaker)
        if speaker is None:
            self._findings.undetermined(
                Check.WITNESSES, place, "its journal's owner is not on the trust list"
            )
            return
        try:
            count = len(trust.cosigners(speaker, sealed.checkpoint))
        except Refusal as refusal:
            self._findings.failed(Check.WITNESSES, place, refusal.reason)
            return
        if count >= required:
            self._findings.passed(Check.WITNESSES)
            return
        self._findings.undetermined(
            Check.WITNESSES,
            place,
            f"{count} of the {required} witnesses that the policy requires have cosigned; "
            "'symbolon receipt upgrade' adds what has arrived since",
        )

    def _relate(
        self,
        asked: Asked | None,
        answered: Answered | None,
        conclusion: Concluded | None,
    ) -> None:
        findings = self._findings
        missing = "the statements that it compares cannot be read"
        for check, faults in _PAIR_CHECKS.items():
            if asked is None or answered is None:
                findings.undetermined(check, _WHOLE, missing)
            else:
                findings.judge(check, Place("answer", answered.index), faults(asked, answered))
        if asked is None:
            findings.undetermined(Check.AGREEMENT_NAMED, _WHOLE, missing)
        else:
            findings.passed(Check.AGREEMENT_NAMED)  # reading it strictly was the check
        if asked is None or answered is None or conclusion is None:
            findings.undetermined(Check.CONCLUSION, _WHOLE, missing)
            return
        said = list(conclusion_faults(asked, answered, conclusion))
        if conclusion.index <= asked.index:
            said.append("the conclusion stands before its query in the journal")
        findings.judge(Check.CONCLUSION, Place("conclusion", conclusion.index), said)

    def _facts(
        self,
        asked: tuple[Statement, Query],
        answered: tuple[Statement, Answer],
        concluded: Statement,
    ) -> ReceiptFacts:
        query, answer = asked[1], answered[1]
        asking, answering = asked[0].speaker, answered[0].speaker
        return ReceiptFacts(
            outcome=answer.outcome,
            rule=answer.rule,
            disclosed=answer.disclosed,
            purpose=query.purpose,
            requester=query.requester,
            agreement=query.agreement,
            asking=asking,
            asking_authority=self._authority(asking),
            answering=answering,
            answering_authority=self._authority(answering),
            asked_at=asked[0].said_at,
            answered_at=answered[0].said_at,
            good_until=answer.good_until,
            concluded_at=concluded.said_at,
            trust=None if self._decisive is None else self._decisive.reference,
        )

    def _authority(self, node: str) -> str:
        found = None if self._decisive is None else self._decisive.nodes.get(node)
        return "" if found is None else found.authority


def _stands_for(sealed: Sealed) -> bytes:
    return commitment(sealed.statement, sealed.salt)


def _statement(sealed: Sealed) -> Statement | None:
    try:
        return decode_statement(sealed.statement)
    except Refusal:
        return None


def _same_version(found: dict[TrustReference, TrustView], view: TrustView) -> TrustView | None:
    """Return another list of a version; a newer root may begin to count versions anew."""
    for other in found.values():
        same = (other.reference.version, other.root_version)
        if (
            same == (view.reference.version, view.root_version)
            and other.reference != view.reference
        ):
            return other
    return None


def _expiry_faults(view: TrustView | None, statement: Statement) -> Iterable[str]:
    """Say where a query or answer was said under what had expired."""
    if view is None or not isinstance(statement.body, Query | Answer):
        return
    speaker = view.nodes.get(statement.speaker)
    if statement.said_at >= view.expires_at:
        yield "was said after the trust list had expired"
    elif speaker is not None and statement.said_at >= speaker.expires_at:
        yield f"was said after what the trust list says of {speaker.id} had expired"
