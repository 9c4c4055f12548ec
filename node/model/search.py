"""Looking for entries of a journal: by credential, peer, time, kind and outcome."""

from collections.abc import Collection
from typing import Final, get_args

from msgspec import Struct

from node.model.case_bodies import CaseConcluded, CaseReceived, CaseStep
from node.model.history import number_of
from node.model.holder_bodies import ContestRaised, RecordExported, WatchGiven
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.statement import (
    AccessFilter,
    Answer,
    AuditAccess,
    Body,
    Conclusion,
    ConsentEnded,
    ConsentGiven,
    CredentialAmended,
    CredentialRegistered,
    CredentialRenewed,
    CredentialSuperseded,
    Erasure,
    ErasureAcknowledged,
    ErasureConcluded,
    ErasureRequest,
    NoAnswer,
    Outcome,
    Query,
    RegistryEvent,
    RevocationProposed,
    Statement,
    StatusChanged,
    TrustAdopted,
    WatchEnded,
)

KINDS: Final[dict[str, type[Body]]] = {
    "query": Query,
    "answer": Answer,
    "no_answer": NoAnswer,
    "conclusion": Conclusion,
    "registered": CredentialRegistered,
    "amended": CredentialAmended,
    "status_changed": StatusChanged,
    "renewed": CredentialRenewed,
    "superseded": CredentialSuperseded,
    "revocation_proposed": RevocationProposed,
    "share_code_given": ConsentGiven,
    "share_code_ended": ConsentEnded,
    "watch_given": WatchGiven,
    "watch_ended": WatchEnded,
    "contest_raised": ContestRaised,
    "record_exported": RecordExported,
    "status_notice": StatusNotice,
    "notice_taken": NoticeTaken,
    "case_step": CaseStep,
    "case_received": CaseReceived,
    "case_concluded": CaseConcluded,
    "trust_adopted": TrustAdopted,
    "audit_access": AuditAccess,
    "erasure": Erasure,
    "erasure_request": ErasureRequest,
    "erasure_acknowledged": ErasureAcknowledged,
    "erasure_concluded": ErasureConcluded,
}
"""Every kind of statement, by the word for it."""

_OF_PEERS: Final = (Query, Answer, NoAnswer, Conclusion)
_OF_CREDENTIALS: Final = (
    *(Answer, *get_args(RegistryEvent), ConsentGiven, ConsentEnded),
    *(WatchGiven, WatchEnded, ContestRaised),
)
_WITH_OUTCOME: Final = (Answer, Conclusion)


class Search(Struct, frozen=True):
    """What is looked for; None leaves it open.

    Attributes:
        credential: number of a credential.
        peer: node id of the other side.
        since: said at or after, microseconds UTC.
        until: said before.
        kind: a kind of statement.
        outcome: of answers and conclusions.
    """

    credential: str | None = None
    peer: str | None = None
    since: int | None = None
    until: int | None = None
    kind: type[Body] | None = None
    outcome: Outcome | None = None

    @property
    def kinds(self) -> frozenset[type[Body]]:
        """Kinds of statements that can match at all."""
        kinds = set(KINDS.values())
        for wanted, possible in (
            (self.peer, _OF_PEERS),
            (self.credential, _OF_CREDENTIALS),
            (self.outcome, _WITH_OUTCOME),
        ):
            if wanted is not None:
                kinds.intersection_update(possible)
        return frozenset(kinds if self.kind is None else kinds & {self.kind})

    def told(self, body: int | None) -> AccessFilter:
        """Return what the journal is told of this search: no value of a person.

        `body` is the number of the kind in the protocol.
        """
        has_credential = self.credential is not None
        return AccessFilter(has_credential, self.peer, self.since, self.until, body, self.outcome)

    def matches(
        self,
        statement: Statement,
        peer: str | None,
        rests_on: bytes | None,
        codes: Collection[bytes],
    ) -> bool:
        """Tell whether a statement is one that is looked for.

        Args:
            statement: an entry of the journal.
            peer: node id of the other side, where there is one.
            rests_on: for an answer, the digest of the share code that its query names.
            codes: digests of all share codes of the credential that is looked for, and its watches.
        """
        body = statement.body
        return (
            type(body) in self.kinds
            and (self.peer is None or peer == self.peer)
            and (self.since is None or statement.said_at >= self.since)
            and (self.until is None or statement.said_at < self.until)
            and (self.outcome is None or outcome_of(body) is self.outcome)
            and (self.credential is None or self._is_about(body, rests_on, codes))
        )

    def _is_about(self, body: Body, rests_on: bytes | None, codes: Collection[bytes]) -> bool:
        match body:
            case _ if isinstance(body, RegistryEvent):
                return number_of(body) == self.credential
            case (
                ConsentGiven(credential=number)
                | WatchGiven(credential=number)
                | ContestRaised(credential=number)
            ):
                return number == self.credential
            case ConsentEnded(code_digest=digest) | WatchEnded(watch=digest):
                return digest in codes
            case _:
                return rests_on in codes


def outcome_of(body: Body) -> Outcome | None:
    """Return the outcome that a statement tells, where it tells one."""
    return body.outcome if isinstance(body, Answer | Conclusion) else None
