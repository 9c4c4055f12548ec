"""The registry as a fold of the journal: what its entries say, up to a position.

The tables of a node follow from its journal in the same way; an auditor compares.

- a credential is what its last registration says, with the status last stated
- a share code is given once, ends once, and is spent by each answer that showed the credential
"""

from msgspec.structs import replace

from node.errors import Code, Refusal
from node.model.credential import Credential
from node.model.decide import Consent, Facts, spends_consent
from node.model.statement import (
    Answer,
    Body,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    Query,
    ShareCodeSelector,
    StatusChanged,
)


class RegistryState:
    """The registry at one position of a journal; not a value: it follows the entries.

    Attributes:
        position: index of the next entry; the state is what the entries before it say.
        credentials: by number.
        consents: by digest of the share code, oldest first.
    """

    __slots__ = ("consents", "credentials", "position")

    def __init__(self) -> None:
        """Start before the first entry."""
        self.position = 0
        self.credentials: dict[str, Credential] = {}
        self.consents: dict[bytes, Consent] = {}

    def apply(self, index: int, body: Body, query: Query | None = None) -> None:
        """Follow one entry; indices ascend, and entries that say nothing here may be left out.

        Events about a credential or share code that is not there change nothing, as in the
        tables.

        Args:
            index: position of the entry in the journal.
            body: what the entry says.
            query: the query that an answer answers; needed for an answer that spends a consent.

        Raises:
            Refusal: DEFECT where the entry lies before the position, or the query is missing.
        """
        if index < self.position:
            raise Refusal(Code.DEFECT, f"entry {index} lies before position {self.position}")
        match body:
            case CredentialRegistered():
                self.credentials[body.credential.number] = body.credential
            case StatusChanged():
                known = self.credentials.get(body.number)
                if known is not None:
                    self.credentials[body.number] = replace(known, status=body.status)
            case ConsentGiven():
                self.consents.setdefault(body.code_digest, Consent(body, ended=False, uses_spent=0))
            case ConsentEnded():
                self._replace_consent(body.code_digest, ended=True)
            case Answer() if spends_consent(body):
                if query is None:
                    raise Refusal(Code.DEFECT, f"entry {index}: its query is not given")
                self._replace_consent(query.selector.code_digest, spent=1)
        self.position = index + 1

    def facts(self, selector: ShareCodeSelector, position: int) -> Facts:
        """Return what the registry holds for a selector, for an answer at this position.

        Raises:
            Refusal: DEFECT where the entries followed go beyond the position.
        """
        if position < self.position:
            raise Refusal(Code.DEFECT, f"position {position} lies before {self.position}")
        consent = self.consents.get(selector.code_digest)
        credential = None if consent is None else self.credentials.get(consent.given.credential)
        return Facts(consent, credential, position)

    def _replace_consent(self, digest: bytes, *, ended: bool = False, spent: int = 0) -> None:
        consent = self.consents.get(digest)
        if consent is not None:
            self.consents[digest] = Consent(
                consent.given, consent.ended or ended, consent.uses_spent + spent
            )
