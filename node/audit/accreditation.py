"""Awards as they enter the registry, beside what the trust list says of their issuer then.

1. the award is not dated after it entered the registry
2. its issuer was accredited for that occupation, level and kind of award on the day of the award:
   by the list in force then, or, for an older award, by the one in force when it was registered

Registers name issuers in words, lists by identifier too; either is taken. An issuer that the list
does not know at all is INDETERMINATE: it may be known by another name.
"""

from collections.abc import Callable
from typing import Final

from node.audit.examined import Given
from node.audit.findings import Check, Finding, Findings, Place, Verdict
from node.errors import Refusal
from node.model.credential import Credential
from node.model.issuers import make_issuers
from node.model.statement import TrustReference
from node.model.trust import Issuer, IssuerBook, IssuersFile, TrustView
from node.model.trust_entries import day_start
from node.model.trust_files import decode_file

_DAY_US: Final = 24 * 60 * 60 * 1_000_000


class IssuerBooks:
    """The issuers of each journal's own country, on the lists that it encloses; made when needed.

    An answer rests on them as it does on the credential, which is known later than its list.
    """

    def __init__(self, given: Given) -> None:
        """Take what all parts are examined with."""
        self._given = given
        self._made: dict[tuple[str, bytes], IssuerBook | None] = {}

    def book(self, journal: int, trust: TrustReference) -> IssuerBook | None:
        """Return the issuers that a list names; None where it names none, or is not here."""
        enclosed = self._given.lists[journal].get(trust)
        node = self._given.headers[journal].node
        path = f"issuers/{node}/issuers.json"
        content = None if enclosed is None else enclosed.bundle.files.get(path)
        if content is None:
            return None
        key = node, content
        if key not in self._made:
            self._made[key] = _read_book(content, node, path)
        return self._made[key]


def _read_book(content: bytes, node: str, path: str) -> IssuerBook | None:
    try:
        issuers = make_issuers(decode_file(content, IssuersFile, path), node, 0)
    except Refusal:  # such a country was left out of the list, and its node answered nothing
        return None
    return IssuerBook.of(issuers) if issuers else None


def check_award(  # noqa: PLR0913 - an award is known by all of these
    findings: Findings,
    place: Place,
    node: str,
    *,
    credential: Credential,
    said_at: int,
    trust: TrustView | None,
    list_at: Callable[[int], TrustView | None],
) -> None:
    """Check an award when it enters the registry.

    Args:
        findings: where what is found goes.
        place: where it was registered.
        node: whose registry it is.
        credential: as it was registered.
        said_at: when, microseconds UTC.
        trust: the list in force when it was registered, None where it is not here.
        list_at: returns the list that was in force at a time, None where there was none yet.
    """
    awarded_at = day_start(credential.awarded_on)
    _check_date(findings, place, node, awarded_at, said_at)
    trust = list_at(awarded_at + _DAY_US) or trust
    owner = None if trust is None else trust.nodes.get(node)
    if trust is None or owner is None:
        _unjudged(findings, place, "the trust list that it was awarded under is not here")
        return
    issuers = [issuer for (country, _), issuer in trust.issuers.items() if country == owner.country]
    if not issuers:
        _unjudged(findings, place, f"the trust list names no issuers of {owner.country}")
        return
    known = [issuer for issuer in issuers if credential.issuer in {issuer.id, issuer.name}]
    if not known:
        _unjudged(
            findings, place, f"the trust list knows no issuer by the name {credential.issuer!r}"
        )
    elif any(_accredited(issuer, credential, awarded_at) for issuer in known):
        findings.passed(Check.ISSUER)
    else:
        findings.add(
            Finding(
                Check.ISSUER,
                Verdict.FAIL,
                place,
                f"{known[0].id} was not accredited on the day of the award for ISCO-08 "
                f"{credential.isco08}, EQF level {credential.level_eqf}, "
                f"{credential.award_type.name.lower().replace('_', ' ')} "
                f"(trust list version {trust.reference.version})",
                at_fault=(node,),
            )
        )


def _check_date(findings: Findings, place: Place, node: str, awarded_at: int, said_at: int) -> None:
    # A day of grace: the award's day is local, and somewhere it is tomorrow already.
    if awarded_at <= said_at + _DAY_US:
        findings.passed(Check.AWARD_DATE)
        return
    days = (awarded_at - said_at) // _DAY_US + 1
    findings.add(
        Finding(
            Check.AWARD_DATE,
            Verdict.FAIL,
            place,
            f"is dated {days} days after it entered the registry",
            at_fault=(node,),
            weight=days,
        )
    )


def _accredited(issuer: Issuer, credential: Credential, awarded_at: int) -> bool:
    """Tell whether an issuer could award this at any time of the day of the award."""
    return any(
        issuer.accreditation_for(
            credential.isco08,
            credential.level_eqf,
            credential.award_type,
            at,
            credential.level_national,
        )
        for at in (awarded_at, awarded_at + _DAY_US - 1)
    )


def _unjudged(findings: Findings, place: Place, sentence: str) -> None:
    findings.recur(Finding(Check.ISSUER, Verdict.INDETERMINATE, place, sentence))
