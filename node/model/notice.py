"""Notices: where a credential stands since now, told to the home node of one who may follow it."""

from typing import Final

from msgspec import Struct

from node.model.credential import Credential
from node.model.decide import status_outcome
from node.model.holder import Watch
from node.model.notice_bodies import StatusNotice
from node.model.statement import Outcome
from node.model.trust import IssuerBook

TELLABLE: Final = frozenset(Outcome) - {Outcome.NOT_CONFIRMED, Outcome.REFUSED}


class WatchFacts(Struct, frozen=True, gc=False):
    """A standing consent, its credential as it is now, and what was told of it last.

    Attributes:
        told: the outcome in the newest notice; None where there was none.
    """

    watch: Watch
    credential: Credential | None
    told: Outcome | None


def notice_due(facts: WatchFacts, issuers: IssuerBook | None, now: int) -> StatusNotice | None:
    """Return what has to be told of a credential now; None where that is nothing.

    The first notice says where it stands; another one follows whenever that has changed. What an
    answer would be silent about is not told.

    Args:
        facts: what the registry holds.
        issuers: those of this country on the trust list; None where it lists none.
        now: microseconds UTC.
    """
    given, credential = facts.watch.given, facts.credential
    if facts.watch.ended or now >= given.expires_at or credential is None:
        return None
    outcome = status_outcome(credential, now)
    if outcome is None or outcome is facts.told:
        return None
    if (
        outcome is Outcome.CONFIRMED
        and issuers is not None
        and issuers.accreditation_of(credential) is None
    ):
        return None
    watcher = given.watcher
    return StatusNotice(watcher.node, given.watch, watcher.register_id, outcome, given.expires_at)
