"""Whom a draft would affect: counts of outcomes and rules over a registry, never a person.

Counts below ten are withheld. So is what would give them away: where fewer than ten are left over
from the whole, and further cells until those withheld make up ten together and are more than one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from node.model.credential import Credential, Status, shown
from node.model.issuers import IssuerBook
from node.model.recognition.claims import USEFUL, Application, Claims, claims_of
from node.model.recognition.recognise import recognise
from node.model.recognition.spans import day_of
from node.model.recognition.tables import CompiledAgreement
from node.model.recognition.verdict import OUTCOMES
from node.model.statement import Disclosure, Outcome

CELL_LEAST: Final = 10
_OUTCOMES: Final = {
    Status.ACTIVE: Outcome.CONFIRMED,
    Status.SUSPENDED: Outcome.SUSPENDED,
    Status.REVOKED: Outcome.REVOKED,
    Status.SUPERSEDED: Outcome.SUPERSEDED,
}


class RuleCount(Struct, frozen=True):
    """How many did not meet a rule, and of how many it is not known; None: withheld."""

    route: str
    rule: str
    clause: str
    not_met: int | None
    unknown: int | None


class Simulation(Struct, frozen=True):
    """What a draft does to a registry; counts of credentials, None where withheld.

    Outcomes that nobody gets are left out, as are rules that everybody is known to meet.
    """

    total: int | None
    outcomes: dict[str, int | None]
    rules: tuple[RuleCount, ...]


def claims_of_credential(
    credential: Credential, as_of: int, issuers: IssuerBook | None = None
) -> Claims:
    """Return what an answer that shows everything would claim at a time.

    Without a book of its country's issuers nobody knows whether the issuer was accredited.
    """
    accredited = None if issuers is None else issuers.accreditation_of(credential) is not None
    outcome = _OUTCOMES[credential.status]
    expires_on = credential.expires_on
    if outcome is Outcome.CONFIRMED and expires_on is not None and expires_on < day_of(as_of):
        outcome = Outcome.EXPIRED
    disclosed = [Disclosure(field, value) for field in USEFUL for value in shown(credential, field)]
    home = credential.number.partition("-")[0]
    return claims_of(home, outcome, disclosed, accredited)


def simulate(
    agreement: CompiledAgreement,
    credentials: Iterable[Claims],
    application: Application,
    as_of: int,
) -> Simulation:
    """Judge every credential as if its holder applied so, in the host country, that day."""
    outcomes: Counter[str] = Counter()
    rules: Counter[tuple[str, str, str, str]] = Counter()
    for claims in credentials:
        verdict = recognise(agreement, claims, application, as_of)
        outcomes[verdict.outcome] += 1
        open_rules = {
            (reason.route, reason.rule, reason.clause, reason.state)
            for reason in verdict.reasons
            if reason.state != "met"
        }
        rules.update(open_rules)
    total = outcomes.total()
    cells: dict[str, int] = {name: outcomes[name] for name in OUTCOMES if outcomes[name]}
    return Simulation(
        total=total if total >= CELL_LEAST else None,
        outcomes=withheld(cells),
        rules=tuple(_rules(rules, total)),
    )


def withheld(cells: Mapping[str, int]) -> dict[str, int | None]:
    """Return cells that add up to a known total, without those that could name somebody."""
    hidden = {name for name, count in cells.items() if count < CELL_LEAST}
    for name in sorted(cells, key=lambda name: cells[name]):
        together = sum(cells[one] for one in hidden)
        if not hidden or (len(hidden) > 1 and together >= CELL_LEAST):
            break
        hidden.add(name)
    return {name: None if name in hidden else count for name, count in cells.items()}


def _rules(rules: Counter[tuple[str, str, str, str]], total: int) -> Iterable[RuleCount]:
    def cell(count: int) -> int | None:
        few = 0 < count < CELL_LEAST or 0 < total - count < CELL_LEAST
        return None if few or total < CELL_LEAST else count

    for route, rule, clause in sorted({key[:3] for key in rules}):
        not_met = rules[route, rule, clause, "not_met"]
        unknown = rules[route, rule, clause, "unknown"]
        # Met, not met and unknown make up the whole: few who meet it are as telling.
        few = 0 < total - not_met - unknown < CELL_LEAST
        yield RuleCount(
            route,
            rule,
            clause,
            None if few else cell(not_met),
            None if few else cell(unknown),
        )
