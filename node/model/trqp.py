"""Trust registry queries over a trust list: who may do what, and who is recognised by whom.

The questions are those of ToIP TRQP 2.0, an entity, an authority, an action and a resource:

    authorization  XA authorises an issuer of its own to `award` "7212/4/full_qualification"
                   (ISCO-08, EQF level, kind of award)
    authorization  XB authorises XA to `ask` for "employment": an agreement in force covers it
    recognition    the federation recognises XA to `answer` for "qualifications": it is a member
    recognition    XA recognises XB to `answer` for "employment": an agreement in force covers it
"""

import re
from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.credential import AwardType
from node.model.moments import day_text
from node.model.statement import Purpose
from node.model.trust_view import TrustView

FEDERATION: Final = "federation"
QUALIFICATIONS: Final = "qualifications"
_AWARD: Final = re.compile(r"([0-9]{1,4})/([1-8])/([a-z_]+)")
_AWARD_TYPES: Final = {award.name.lower(): award for award in AwardType}
_PURPOSES: Final = {purpose.name.lower(): purpose for purpose in Purpose}


class TrustQuestion(Struct, frozen=True):
    """May this entity do this, as its authority has it?"""

    entity_id: str
    authority_id: str
    action: str
    resource: str


class Finding(Struct, frozen=True):
    """What the list says: whether it is so, and why, in a sentence."""

    holds: bool
    message: str


def authorized(view: TrustView, question: TrustQuestion, at: int) -> Finding:
    """Tell whether an authority authorises an entity, as of a time (microseconds UTC).

    Raises:
        Refusal: UNKNOWN where nobody has such an authority, action or resource.
    """
    if question.action == "award":
        return _may_award(view, question, at)
    if question.action == "ask":
        purpose = _purpose(question.resource)
        _require_authority(view, question.authority_id)
        return _agreed(view, question, purpose, at)
    raise Refusal(Code.UNKNOWN, "action: authorisations are for award and ask")


def recognized(view: TrustView, question: TrustQuestion, at: int) -> Finding:
    """Tell whether an authority recognises an entity; times and refusals as `authorized`."""
    if question.action != "answer":
        raise Refusal(Code.UNKNOWN, "action: recognition is for answer")
    if question.authority_id != FEDERATION:
        purpose = _purpose(question.resource)
        _require_authority(view, question.authority_id)
        return _agreed(view, question, purpose, at)
    if question.resource != QUALIFICATIONS:
        raise Refusal(
            Code.UNKNOWN, f"resource: the federation recognises nodes for {QUALIFICATIONS}"
        )
    try:
        node = view.member(question.entity_id, at)
    except Refusal as refusal:
        return Finding(holds=False, message=_sentence(refusal.reason))
    return Finding(holds=True, message=f"{node.authority} is a member in good standing.")


def _may_award(view: TrustView, question: TrustQuestion, at: int) -> Finding:
    found = _AWARD.fullmatch(question.resource)
    award_type = _AWARD_TYPES.get(found[3]) if found else None
    if found is None or award_type is None:
        raise Refusal(
            Code.UNKNOWN,
            "resource: must be ISCO-08, EQF level and kind of award, like "
            "7212/4/full_qualification",
        )
    country, issuer_id = question.authority_id, question.entity_id
    _require_authority(view, country)
    try:
        view.member(country, at)
    except Refusal as refusal:
        return Finding(holds=False, message=_sentence(refusal.reason))
    issuer = view.issuers.get((country, issuer_id))
    if issuer is None or at >= issuer.expires_at:
        return Finding(holds=False, message=f"{country} lists no such issuer.")
    if not issuer.stands(at):
        return Finding(holds=False, message=f"{country} has suspended or withdrawn {issuer.name}.")
    accreditation = issuer.accreditation_for(found[1], int(found[2]), award_type, at)
    if accreditation is None:
        return Finding(holds=False, message=f"{issuer.name} is not accredited for this.")
    return Finding(
        holds=True,
        message=f"{issuer.name} is accredited by {accreditation.by} from "
        f"{day_text(accreditation.since)}.",
    )


def _agreed(view: TrustView, question: TrustQuestion, purpose: Purpose, at: int) -> Finding:
    one, other = question.authority_id, question.entity_id
    if one == other:
        return Finding(holds=False, message="A node has no agreement with itself.")
    try:
        view.member(one, at)
        view.member(other, at)
    except Refusal as refusal:
        return Finding(holds=False, message=_sentence(refusal.reason))
    agreement = view.agreement_for(one, other, purpose, at)
    if agreement is None:
        return Finding(holds=False, message=f"{one} and {other} have no agreement in force.")
    named = f"{agreement.id}, version {agreement.version},"
    if purpose not in agreement.purposes:
        return Finding(holds=False, message=f"The agreement {named} does not cover this purpose.")
    return Finding(holds=True, message=f"The agreement {named} covers this purpose.")


def _purpose(resource: str) -> Purpose:
    purpose = _PURPOSES.get(resource)
    if purpose is None:
        raise Refusal(Code.UNKNOWN, f"resource: must be one of {', '.join(_PURPOSES)}")
    return purpose


def _require_authority(view: TrustView, authority: str) -> None:
    if authority not in view.nodes and authority not in view.members:
        raise Refusal(
            Code.UNKNOWN,
            f"authority_id: must be {FEDERATION} or a node of the trust list, like XA",
        )


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."
