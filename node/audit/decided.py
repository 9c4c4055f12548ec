"""Deciding every answer again, from what the journal says of its share code and its credential.

The share code comes first: it says which credential an answer is about. What is decided is then
left for that credential, whose events are followed the same way. The registry is the node's own:
`RegistryState` and `decide`.
"""

from msgspec.structs import replace

from node.audit.examined import Aim
from node.audit.findings import Check, Findings
from node.audit.known import Known
from node.audit.registry_report import CodeUses, CredentialHistory
from node.audit.slips import (
    Address,
    ConsentEndSlip,
    ConsentSlip,
    CredentialSlip,
    Group,
    Kind,
    StatusSlip,
    UseSlip,
    Written,
    text_key,
)
from node.model.credential import Credential
from node.model.decide import Facts, decide
from node.model.registry import RegistryState
from node.model.statement import CredentialRegistered, Outcome


def follow_share_code(group: Group, known: Known, findings: Findings, written: Written) -> None:
    """Follow one share code of one journal, and leave its uses for the credential."""
    registry = RegistryState()
    uses = CodeUses(known, findings) if Aim.REGISTRY in known.aims else None
    for address, slip in group:
        match slip:
            case ConsentSlip(given=given):
                again = given.code_digest in registry.consents
                faults = ["gives a share code that was given before"] if again else []
                place = known.place(address.journal, slip.index)
                findings.judge(Check.REGISTRY, place, faults)
                registry.apply(address.ordinal, given)
            case ConsentEndSlip(ended=ended):
                consent = registry.consents.get(ended.code_digest)
                gone = consent is None or consent.ended
                faults = ["ends a share code that was never given, or had ended"] if gone else []
                findings.judge(Check.REGISTRY, known.place(address.journal, slip.index), faults)
                registry.apply(address.ordinal, ended)
            case UseSlip(query=query):
                consent = registry.consents.get(query.selector.code_digest)
                if uses is not None:
                    uses.use(address, slip, consent)
                if consent is None:
                    _decide_again(address, slip, None, known, findings)
                else:
                    _leave(address, replace(slip, consent=consent), written)
                registry.apply(address.ordinal, slip.answer, query)
    if uses is not None:
        uses.finish()


def follow_credential(group: Group, known: Known, findings: Findings) -> None:
    """Follow one credential of one journal, and decide again every answer about it."""
    registry = RegistryState()
    history = CredentialHistory(known, findings) if Aim.REGISTRY in known.aims else None
    for address, slip in group:
        match slip:
            case CredentialSlip(credential=credential):
                findings.passed(Check.REGISTRY)
                if history is not None:
                    history.register(address, slip)
                registry.apply(address.ordinal, CredentialRegistered(credential))
            case StatusSlip(changed=changed):
                known_before = changed.number in registry.credentials
                missing = "changes the status of a credential that is not in the registry"
                place = known.place(address.journal, slip.index)
                findings.judge(Check.REGISTRY, place, [] if known_before else [missing])
                if history is not None:
                    history.change(address, slip)
                registry.apply(address.ordinal, changed)
            case UseSlip(consent=consent) if consent is not None:
                credential_now = registry.credentials.get(consent.given.credential)
                if history is not None:
                    history.use(address, slip)
                _decide_again(address, slip, credential_now, known, findings)
    if history is not None:
        history.finish()


def _leave(address: Address, slip: UseSlip, written: Written) -> None:
    if slip.consent is None:
        return
    key = text_key(slip.consent.given.credential)
    written.add(address._replace(kind=Kind.CREDENTIAL, key=key), slip)


def _decide_again(
    address: Address,
    slip: UseSlip,
    credential: Credential | None,
    known: Known,
    findings: Findings,
) -> None:
    """Decide an answer again and compare."""
    if not slip.judged or Aim.REPLAY not in known.aims:
        return
    answer, facts = slip.answer, Facts(slip.consent, credential, slip.index)
    due = decide(slip.query, slip.asked, facts, slip.agreement, slip.said_at)
    if due == answer:
        findings.passed(Check.RECOMPUTED)
        return
    place = known.place(address.journal, slip.index)
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
