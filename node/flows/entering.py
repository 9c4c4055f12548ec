"""What a credential must stand up to when it enters the registry, beside its own bounds.

1. its national level is one of the country's framework, and its other levels follow from that
2. its issuer was accredited for it on the day of the award

Both by the trust list in force. What the list says is written into the credential, so that it can
be read there later; where the list says nothing of the country, nothing can be checked.
"""

from typing import Final

from msgspec.structs import replace

from node.model.credential import Accredited, Credential, Details
from node.model.trust import TrustView
from node.model.trust_entries import calendar_day
from node.wire.rows import Fault, Unfit

_BESIDE_EQF: Final = ("aqrf", "sadcqf", "cvq")


class Entering:
    """What one trust list says to what enters the registry of one node."""

    def __init__(self, trust: TrustView, node: str) -> None:
        """Look up what the list says of the node's country."""
        owner = trust.nodes.get(node)
        country = node if owner is None else owner.country
        self._framework = trust.frameworks.get(country)
        self._book = trust.books.get(country)
        self._country = country

    @property
    def unchecked(self) -> tuple[str, ...]:
        """What cannot be checked, a sentence each."""
        if self._book is not None:
            return ()
        sentence = (
            f"the trust list names no issuers of {self._country}, so nobody has looked whether "
            "those of these awards were accredited"
        )
        return (sentence,)

    def entered(self, credential: Credential) -> Credential:
        """Return a credential with what the trust list adds.

        Raises:
            Unfit: with what the trust list says against it.
        """
        faults: list[Fault] = []
        credential = self._levelled(credential, faults)
        accreditation = None
        if not faults:
            accreditation = self._accreditation(credential, faults)
        if faults:
            raise Unfit(faults)
        if accreditation is None or credential.details.accreditation == accreditation:
            return credential
        return replace(credential, details=replace(credential.details, accreditation=accreditation))

    def _levelled(self, credential: Credential, faults: list[Fault]) -> Credential:
        framework = self._framework
        if framework is None:
            if not credential.level_eqf:
                reason = "is missing, and the trust list has no framework to find it by"
                faults.append(Fault("level_eqf", reason))
            return credential
        references = framework.levels.get(credential.level_national)
        if references is None:
            faults.append(Fault("level_national", f"is no level of {framework.name}"))
            return credential
        level = references.get("eqf", 0)
        if credential.level_eqf not in {0, level}:
            faults.append(Fault("level_eqf", _differs("level", level, framework.name)))
        details = _levelled_details(credential.details, references, framework.name, faults)
        if credential.level_eqf == level and details is credential.details:
            return credential
        return replace(credential, level_eqf=level, details=details)

    def _accreditation(self, credential: Credential, faults: list[Fault]) -> Accredited | None:
        if self._book is None:
            return None
        if credential.issuer not in self._book.by_word:
            faults.append(Fault("issuer", "is none of the country's issuers on the trust list"))
            return None
        found = self._book.accreditation_of(credential)
        if found is None:
            faults.append(
                Fault(
                    "issuer",
                    "was not accredited on the day of the award for this occupation, level and "
                    "kind of award, as the trust list says",
                )
            )
            return None
        accreditation = Accredited(calendar_day(found.since), found.by)
        if credential.details.accreditation not in {None, accreditation}:
            reason = f"is from {accreditation.since} by {accreditation.by} on the trust list"
            faults.append(Fault("accreditation", reason))
        return accreditation


def _levelled_details(
    details: Details, references: dict[str, int], framework: str, faults: list[Fault]
) -> Details:
    found = {}
    for name in _BESIDE_EQF:
        column, level = f"level_{name}", references.get(name, 0)
        said = getattr(details, column)
        if said not in {0, level}:
            faults.append(Fault(column, _differs("level", level, framework)))
        elif said != level:
            found[column] = level
    return replace(details, **found) if found else details


def _differs(what: str, level: int, framework: str) -> str:
    return f"is {what} {level} by {framework}" if level else f"{framework} is not referenced to it"


_OF_THE_AWARD: Final = (
    "issuer", "award_type", "isco08", "level_national", "level_eqf", "awarded_on"
)  # fmt: skip


def is_same_award(one: Credential, other: Credential) -> bool:
    """Tell whether two credentials rest on the same accreditation, whatever else they say."""
    return all(getattr(one, name) == getattr(other, name) for name in _OF_THE_AWARD)


def as_held(said: Credential, held: Credential) -> Credential:
    """Return what is said with what it leaves to the trust list filled in from what is held."""
    details, kept = said.details, held.details
    if details.accreditation is None:
        details = replace(details, accreditation=kept.accreditation)
    for name in _BESIDE_EQF:
        column = f"level_{name}"
        if not getattr(details, column):
            details = replace(details, **{column: getattr(kept, column)})
    return replace(said, level_eqf=said.level_eqf or held.level_eqf, details=details)
