"""The decision: what a registry answers to a query. Pure, so an auditor repeats it.

1. no agreement in force that covers the purpose: REFUSED, with the rule
2. no share code, wrong holder proof, ended, expired or spent code, other purpose or other
   requester, no such credential: NOT_CONFIRMED, one and the same for all of them
3. otherwise the credential's status, then its expiry; and the wanted fields that the holder
   granted
"""

import hmac
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from node.model.credential import Credential, Status, shown
from node.model.statement import (
    Answer,
    ConsentGiven,
    Disclosure,
    Outcome,
    Query,
    Rule,
)
from node.model.trust import Agreement

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
    """What the registry holds for one selector, at one position of the journal."""

    consent: Consent | None
    credential: Credential | None
    position: int


def decide(
    query: Query, commitment: bytes, facts: Facts, agreement: Agreement | None, now: int
) -> Answer:
    """Decide what to answer.

    Args:
        query: the query, its seal, audience and times already checked.
        commitment: the query's commitment, 32 bytes.
        facts: what the registry holds for the query's selector.
        agreement: the agreement in force between both nodes at `now`, or None.
        now: microseconds UTC.
    """
    rule = _barrier(query, agreement)
    if rule is not None:
        return Answer(commitment, Outcome.REFUSED, rule, (), facts.position, now, now + GOOD_FOR_US)
    consent, credential = facts.consent, facts.credential
    if consent is None or credential is None or not _opens(consent, query, now):
        return Answer(
            commitment, Outcome.NOT_CONFIRMED, None, (), facts.position, now, now + GOOD_FOR_US
        )
    granted = consent.given.fields
    disclosed = tuple(
        [
            Disclosure(field, value)
            for field in query.wanted
            if field in granted
            for value in shown(credential, field)
        ]
    )
    return Answer(
        commitment,
        _outcome(credential, now),
        None,
        disclosed,
        facts.position,
        now,
        _good_until(credential, now),
    )


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


def _outcome(credential: Credential, now: int) -> Outcome:
    by_status = _BY_STATUS.get(credential.status)
    if by_status is not None:
        return by_status
    if credential.expires_on is not None and now >= _end_of(credential.expires_on):
        return Outcome.EXPIRED
    return Outcome.CONFIRMED


def _good_until(credential: Credential, now: int) -> int:
    latest = now + GOOD_FOR_US
    if credential.expires_on is None:
        return latest
    end = _end_of(credential.expires_on)
    return min(latest, end) if end > now else latest


def _end_of(day: date) -> int:
    """Return the first instant after a day, in microseconds UTC."""
    return ((day - _EPOCH) // timedelta(days=1) + 1) * _DAY_US
