"""Deciding every answer again, from what the journal says of its share code and its credential.

The share code comes first: it says which credential an answer is about. What is decided is then
left for that credential, whose events are followed the same way. The registry is the node's own:
`RegistryState` and `decide`.
"""

from typing import Final

from msgspec.structs import replace

from node.audit.accreditation import IssuerBooks
from node.audit.examined import Aim
from node.audit.findings import Check, Finding, Findings, Verdict
from node.audit.known import Known
from node.audit.registry_report import CodeUses, CredentialHistory
from node.audit.slips import (
    Address,
    ChangeSlip,
    ConsentEndSlip,
    ConsentSlip,
    CredentialSlip,
    Group,
    Kind,
    UseSlip,
    Written,
    text_key,
)
from node.errors import Refusal
from node.model.credential import Credential
from node.model.decide import Consent, Facts, decide
from node.model.history import Event, number_of, require_possible
from node.model.registry import RegistryState
from node.model.statement import (
    BODY_NUMBERS,
    Answer,
    ConsentGiven,
    CredentialRegistered,
    Outcome,
)
from node.model.trust import IssuerBook

_CREDENTIALS: Final = (BODY_NUMBERS[CredentialRegistered],)
_CONSENTS: Final = (BODY_NUMBERS[ConsentGiven],)
_EVENTS: Final = (*_CREDENTIALS, *_CONSENTS)
_ANSWERS: Final = (BODY_NUMBERS[Answer],)


def follow_share_code(group: Group, known: Known, findings: Findings, written: Written) -> None:
    """Follow one share code of one journal, and leave its uses for the credential."""
    registry = RegistryState()
    given_by = 0
    uses = CodeUses(known, findings) if Aim.REGISTRY in known.aims else None
    for address, slip in group:
        match slip:
            case ConsentSlip(given=given):
                again = given.code_digest in registry.consents
                faults = ["gives a share code that was given before"] if again else []
                place = known.place(address.journal, slip.index)
                findings.judge(Check.REGISTRY, place, faults)
                registry.apply(address.ordinal, given)
                given_by = address.ordinal
            case ConsentEndSlip(ended=ended):
                consent = registry.consents.get(ended.code_digest)
                gone = consent is None or consent.ended
                fault = "ends a share code that was never given, or had ended" if gone else ""
                _judge_event(address, slip.index, fault, known, findings)
                registry.apply(address.ordinal, ended)
            case UseSlip(query=query):
                consent = registry.consents.get(query.selector.code_digest)
                if uses is not None:
                    uses.use(address, slip, consent)
                if consent is None:
                    facts = Facts(None, None, slip.index)
                    _decide_again(address, slip, facts, known, findings)
                else:
                    _leave(address, replace(slip, consent=consent, given=given_by), written)
                registry.apply(address.ordinal, slip.answer, query)
    if uses is not None:
        uses.finish()


def follow_credential(group: Group, known: Known, books: IssuerBooks, findings: Findings) -> None:
    """Follow one credential of one journal, and decide again every answer about it."""
    registry = RegistryState()
    stated_by = 0
    history = CredentialHistory(known, findings) if Aim.REGISTRY in known.aims else None
    for address, slip in group:
        match slip:
            case CredentialSlip(credential=credential):
                findings.passed(Check.REGISTRY)
                if history is not None:
                    history.register(address, slip)
                event = CredentialRegistered(credential)
                registry.apply(address.ordinal, event, said_at=slip.said_at)
                stated_by = address.ordinal
            case ChangeSlip(event=changed):
                fault = _event_fault(address, slip, registry)
                _judge_event(address, slip.index, fault, known, findings)
                if history is not None:
                    history.change(address, slip)
                registry.apply(address.ordinal, changed, said_at=slip.said_at)
            case UseSlip(consent=consent) if consent is not None:
                facts = _facts(slip, consent, registry)
                if history is not None:
                    history.use(address, slip)
                issuers = None if slip.trust is None else books.book(address.journal, slip.trust)
                _decide_again(address, slip, facts, known, findings, stated_by, issuers)
    if history is not None:
        history.finish()


def _leave(address: Address, slip: UseSlip, written: Written) -> None:
    if slip.consent is None:
        return
    key = text_key(slip.consent.given.credential)
    written.add(address._replace(kind=Kind.CREDENTIAL, key=key), slip)


def _facts(slip: UseSlip, consent: Consent, registry: RegistryState) -> Facts:
    number = consent.given.credential
    later = registry.later.get(number, ())
    return Facts(consent, registry.credentials.get(number), slip.index, later)


def _event_fault(address: Address, slip: ChangeSlip, registry: RegistryState) -> str:
    """Say why an event cannot follow on those before it; empty where it can."""
    number = number_of(slip.event)
    if number not in registry.credentials:
        return "changes a credential that is not in the registry"
    event = Event(address.ordinal, slip.said_at, slip.event)
    try:
        require_possible(registry.histories[number], event)
    except Refusal as refusal:
        return f"changes a credential as it cannot change: {refusal.reason}"
    return ""


def _judge_event(
    address: Address, index: int, fault: str, known: Known, findings: Findings
) -> None:
    """Judge an event that has to follow another, unless that one may be missing."""
    place = known.place(address.journal, index)
    why = known.lacks(address.journal, _EVENTS, 0, address.ordinal) if fault else ""
    if why:
        sentence = f"what it follows may be among what was {why}"
        findings.recur(Finding(Check.REGISTRY, Verdict.INDETERMINATE, place, sentence))
    else:
        findings.judge(Check.REGISTRY, place, [fault] if fault else [])


def _withheld(address: Address, slip: UseSlip, credential: Credential | None, known: Known) -> bool:
    """Tell whether the share code, or its credential, is not here because it was not granted."""
    if slip.consent is not None and credential is not None:
        return False
    kinds = _CREDENTIALS if slip.consent is not None else _CONSENTS
    return known.lacks(address.journal, kinds, 0, address.ordinal) == "withheld"


def _may_differ(address: Address, slip: UseSlip, stated_by: int, known: Known) -> str:
    """Say why what would explain another answer may be missing; empty where it cannot be."""
    journal, before = address.journal, address.ordinal
    consents = 0 if slip.consent is None else slip.given + 1
    spending = _ANSWERS if slip.answer.outcome is Outcome.NOT_CONFIRMED else ()
    return known.lacks(journal, (*_CONSENTS, *spending), consents, before) or known.lacks(
        journal, _CREDENTIALS, stated_by, before
    )


def _decide_again(  # noqa: PLR0913, PLR0917 - an answer, what it rests on, and whom to tell
    address: Address,
    slip: UseSlip,
    facts: Facts,
    known: Known,
    findings: Findings,
    stated_by: int = 0,
    issuers: IssuerBook | None = None,
) -> None:
    """Decide an answer again and compare."""
    if slip.trust is None or Aim.REPLAY not in known.aims:
        return
    answer = slip.answer
    due = decide(slip.query, slip.asked, facts, slip.agreement, slip.said_at, issuers=issuers)
    place = known.place(address.journal, slip.index)
    if due.outcome is not Outcome.REFUSED and _withheld(address, slip, facts.credential, known):
        sentence = "what it rests on was withheld by the grant"
        findings.recur(Finding(Check.RECOMPUTED, Verdict.INDETERMINATE, place, sentence))
        return
    if due == answer:
        findings.passed(Check.RECOMPUTED)
        return
    why = _may_differ(address, slip, stated_by, known)
    if why:
        sentence = f"another answer is due, unless what was {why} says otherwise"
        findings.recur(Finding(Check.RECOMPUTED, Verdict.INDETERMINATE, place, sentence))
        return
    if due.outcome is answer.outcome:
        differing = ", ".join(
            name for name in due.__struct_fields__ if getattr(due, name) != getattr(answer, name)
        )
        findings.failed(Check.RECOMPUTED, place, f"the registry gives another {differing}")
        return
    sentence = f"says {answer.outcome.name}, but the registry gives {due.outcome.name}"
    unattributed = known.ends[address.journal].unattributed
    if (
        answer.outcome is Outcome.NOT_CONFIRMED
        and unattributed is not None
        and unattributed < address.ordinal
    ):
        findings.undetermined(
            Check.RECOMPUTED,
            place,
            f"{sentence}, unless answers whose query is not here had spent the share code",
        )
    else:
        findings.failed(Check.RECOMPUTED, place, sentence)
