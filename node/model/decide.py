"""The decision: what a registry answers to a query. Pure, so an auditor repeats it.

1. no agreement in force that covers the purpose: REFUSED, with the rule
2. no share code, wrong holder proof, ended, expired or spent code, other purpose or other
   requester, no such credential or not valid yet: NOT_CONFIRMED, one and the same for all of them
3. otherwise the credential's status as of now, then its expiry; and the wanted fields that the
   holder granted
4. what would be confirmed, but whose issuer was not accredited for it on the day of the award:
   REFUSED, with the rule
"""

import hmac
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from node.model.credential import Credential, Status, shown
from node.model.history import Phase
from node.model.statement import (
    Answer,
    ConsentGiven,
    Disclosure,
    Outcome,
    Query,
    Rule,
)
from node.model.trust import Agreement, IssuerBook

GOOD_FOR_US: Final = 24 * 60 * 60 * 1_000_000
_EPOCH: Final = date(1970, 1, 1)
_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_BY_STATUS: Final = {
    Status.SUSPENDED: Outcome.SUSPENDED,
    Status.REVOKED: Outcome.REVOKED,
    Status.SUPERSEDED: Outcome.SUPERSEDED,
}


class Consent(Struct, frozen=True, gc=False):
    """A share code as the registry knows it: what was given, whether it ended, uses spent."""

    given: ConsentGiven
    ended: bool
    uses_spent: int


class Facts(Struct, frozen=True, gc=False):
    """What the registry holds for one selector, at one position of the journal.

    `later` is what the credential is said to become, by time; where a time has come, that counts.
    The credential's details may be left out where no field of them is wanted.
    """

    consent: Consent | None
    credential: Credential | None
    position: int
    later: tuple[Phase, ...] = ()


def decide(  # noqa: PLR0913 - an answer rests on all of these
    query: Query,
    commitment: bytes,
    facts: Facts,
    agreement: Agreement | None,
    now: int,
    *,
    issuers: IssuerBook | None = None,
) -> Answer:
    """Decide what to answer.

    Args:
        query: the query, its seal, audience and times already checked.
        commitment: the query's commitment, 32 bytes.
        facts: what the registry holds for the query's selector.
        agreement: the agreement in force between both nodes at `now`, or None.
        now: microseconds UTC.
        issuers: those of this country on the trust list in force; None where it lists none, and
            nobody can tell who was accredited.
    """
    rule = _barrier(query, agreement)
    if rule is not None:
        return _silent(commitment, Outcome.REFUSED, rule, facts, now)
    consent, credential = facts.consent, facts.credential
    for phase in facts.later:
        if phase.since <= now:
            credential = phase.credential
    outcome = None if credential is None else status_outcome(credential, now)
    if consent is None or credential is None or outcome is None or not _opens(consent, query, now):
        return _silent(commitment, Outcome.NOT_CONFIRMED, None, facts, now)
    if (
        outcome is Outcome.CONFIRMED
        and issuers is not None
        and issuers.accreditation_of(credential) is None
    ):
        return _silent(commitment, Outcome.REFUSED, Rule.ISSUER_NOT_ACCREDITED, facts, now)
    granted, wanted = consent.given.fields, query.wanted
    fields = wanted if wanted == granted else [field for field in wanted if field in granted]
    disclosed = tuple(
        [Disclosure(field, value) for field in fields for value in shown(credential, field)]
    )
    return Answer(
        commitment,
        outcome,
        None,
        disclosed,
        facts.position,
        now,
        _good_until(credential, facts.later, now),
    )


def _silent(
    commitment: bytes, outcome: Outcome, rule: Rule | None, facts: Facts, now: int
) -> Answer:
    """Return an answer that shows nothing."""
    return Answer(commitment, outcome, rule, (), facts.position, now, now + GOOD_FOR_US)


def spends_consent(answer: Answer) -> bool:
    """Tell whether an answer showed the credential and so used its share code once."""
    return answer.outcome not in {Outcome.NOT_CONFIRMED, Outcome.REFUSED}


def _barrier(query: Query, agreement: Agreement | None) -> Rule | None:
    if agreement is None or (agreement.id, agreement.version) != (
        query.agreement.id,
        query.agreement.version,
    ):
        return Rule.NO_AGREEMENT
    if query.purpose not in agreement.purposes:
        return Rule.PURPOSE_NOT_COVERED
    return None


def _opens(consent: Consent, query: Query, now: int) -> bool:
    given = consent.given
    proven = hmac.compare_digest(given.holder_proof, query.selector.holder_proof)
    return (
        proven
        and not consent.ended
        and consent.uses_spent < given.uses
        and now < given.expires_at
        and given.purpose == query.purpose
        and given.requester in {"", query.requester.register_id}
    )


def status_outcome(credential: Credential, now: int) -> Outcome | None:
    """Return where a credential stands at a time; None before it is valid."""
    if credential.valid_from is not None and now < _start_of(credential.valid_from):
        return None
    by_status = _BY_STATUS.get(credential.status)
    if by_status is not None:
        return by_status
    if credential.expires_on is not None and now >= _end_of(credential.expires_on):
        return Outcome.EXPIRED
    return Outcome.CONFIRMED


def _good_until(credential: Credential, later: Sequence[Phase], now: int) -> int:
    latest = now + GOOD_FOR_US
    for phase in later:
        if now < phase.since < latest:
            latest = phase.since
    if credential.expires_on is None:
        return latest
    end = _end_of(credential.expires_on)
    return min(latest, end) if end > now else latest


def _start_of(day: date) -> int:
    """Return the first instant of a day, in microseconds UTC."""
    return (day - _EPOCH) // timedelta(days=1) * _DAY_US


def _end_of(day: date) -> int:
    """Return the first instant after a day, in microseconds UTC."""
    return _start_of(day) + _DAY_US
