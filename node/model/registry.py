"""The registry as a fold of the journal: what its entries say, up to a position.

The tables of a node follow from its journal in the same way; an auditor compares.

- a credential is what its registration says and what the events after that make of it (`history`)
- a share code is given once, ends once, and is spent by each answer that showed the credential
- a standing consent is given once and ends once
"""

from node.errors import Code, Refusal
from node.model.credential import Credential
from node.model.decide import Consent, Facts, spends_consent
from node.model.history import Event, Phase, event_of, standing
from node.model.holder import Watch
from node.model.holder_bodies import WatchGiven
from node.model.statement import (
    Answer,
    Body,
    ConsentEnded,
    ConsentGiven,
    CredentialRegistered,
    Query,
    ShareCodeSelector,
    WatchEnded,
)


class RegistryState:
    """The registry at one position of a journal; not a value: it follows the entries.

    Attributes:
        position: index of the next entry; the state is what the entries before it say.
        credentials: by number, as they are since the newest event about each was said.
        later: of those that change at a later time without a further event, how.
        histories: all events by number.
        consents: by digest of the share code, oldest first.
        watches: standing consents by what names them, oldest first.
    """

    __slots__ = ("consents", "credentials", "histories", "later", "position", "watches")

    def __init__(self) -> None:
        """Start before the first entry."""
        self.position = 0
        self.credentials: dict[str, Credential] = {}
        self.later: dict[str, tuple[Phase, ...]] = {}
        self.histories: dict[str, tuple[Event, ...]] = {}
        self.consents: dict[bytes, Consent] = {}
        self.watches: dict[bytes, Watch] = {}

    def apply(
        self, index: int, body: Body, query: Query | None = None, *, said_at: int = 0
    ) -> None:
        """Follow one entry; indices ascend, and entries that say nothing here may be left out.

        Events about a credential or share code that is not there change nothing, as in the
        tables.

        Args:
            index: position of the entry in the journal.
            body: what the entry says.
            query: the query that an answer answers; needed for an answer that spends a consent.
            said_at: when it was said, microseconds UTC; it counts for registry events only.

        Raises:
            Refusal: DEFECT where the entry lies before the position, or the query is missing.
        """
        if index < self.position:
            raise Refusal(Code.DEFECT, f"entry {index} lies before position {self.position}")
        match body:
            case ConsentGiven():
                self.consents.setdefault(body.code_digest, Consent(body, ended=False, uses_spent=0))
            case ConsentEnded():
                self._replace_consent(body.code_digest, ended=True)
            case WatchGiven():
                self.watches.setdefault(body.watch, Watch(body, ended=False))
            case WatchEnded(watch=watch) if watch in self.watches:
                self.watches[watch] = Watch(self.watches[watch].given, ended=True)
            case Answer() if spends_consent(body):
                if query is None:
                    raise Refusal(Code.DEFECT, f"entry {index}: its query is not given")
                self._replace_consent(query.selector.code_digest, spent=1)
        event = event_of(index, said_at, body)
        if event is not None:
            self._follow(event)
        self.position = index + 1

    def facts(self, selector: ShareCodeSelector, position: int) -> Facts:
        """Return what the registry holds for a selector, for an answer at this position.

        Raises:
            Refusal: DEFECT where the entries followed go beyond the position.
        """
        if position < self.position:
            raise Refusal(Code.DEFECT, f"position {position} lies before {self.position}")
        consent = self.consents.get(selector.code_digest)
        if consent is None:
            return Facts(None, None, position)
        number = consent.given.credential
        later = self.later.get(number, ())
        return Facts(consent, self.credentials.get(number), position, later)

    def _follow(self, event: Event) -> None:
        number = event.number
        before = self.histories.get(number, ())
        if not before and not isinstance(event.body, CredentialRegistered):
            return
        events = self.histories[number] = (*before, event)
        self.credentials[number], later = standing(events)
        if later:
            self.later[number] = later
        else:
            self.later.pop(number, None)

    def _replace_consent(self, digest: bytes, *, ended: bool = False, spent: int = 0) -> None:
        consent = self.consents.get(digest)
        if consent is not None:
            self.consents[digest] = Consent(
                consent.given, consent.ended or ended, consent.uses_spent + spent
            )
