"""Share codes: how a holder lets others see a credential, and takes that back.

create
  1. check what is consented to: purpose, fields, uses, days, requester
  2. find the credential; its birth date is the code's second factor
  3. make the code; the node keeps its digest only
  4. journal the consent, then give the code to the holder

revoke, revoke_listed, end_lapsed
  1. find share codes that have not ended
  2. journal their end
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Final

from node.errors import Code, Refusal
from node.flows.ports import Clock, Draft, Ledger, Randomness, Recorded, Trust
from node.model import share_code
from node.model.bounds import number as bounded
from node.model.bounds import text
from node.model.credential import Credential, Field
from node.model.decide import Consent
from node.model.share_code import ShareCode
from node.model.statement import (
    Body,
    ConsentEnd,
    ConsentEnded,
    ConsentGiven,
    Purpose,
    Statement,
)
from node.wire.codec import encode_statement

USES_MAX: Final = 1_000
VALID_DAYS_MAX: Final = 3_650
VALID_DAYS: Final = 90
UNKNOWN_CREDENTIAL: Final = "number: the registry holds no such credential"
_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_REQUESTER_LENGTH_MAX: Final = 64
_LAPSED_BATCH: Final = 500
_DIGEST_PREFIX: Final = re.compile(r"[0-9a-f]{8,64}")


class Sharing:
    """The share codes of one node's credentials; every change is journalled.

    Ends stated through one instance are stated one after the other, so that a code ends once.
    """

    def __init__(
        self, ledger: Ledger, trust: Trust, node_id: str, clock: Clock, randomness: Randomness
    ) -> None:
        """Work on a ledger, in the name of a node."""
        self._ledger = ledger
        self._trust = trust
        self._node_id = node_id
        self._clock = clock
        self._randomness = randomness
        self._ending = asyncio.Lock()

    async def create(  # noqa: PLR0913 - a consent is made of all of these
        self,
        number: str,
        purpose: Purpose,
        fields: Iterable[Field],
        *,
        uses: int = 1,
        valid_days: int = VALID_DAYS,
        requester: str = "",
    ) -> ShareCode:
        """Make a share code for a credential, and journal what its holder consents to.

        Args:
            number: the credential's number.
            purpose: what those who see it may use it for.
            fields: what they may see, in any order.
            uses: how many answers may show it, 1 to 1,000.
            valid_days: how long it opens anything, 1 to 3,650 days from now.
            requester: register id of the only requester it is for; empty: any.

        Raises:
            Refusal: MALFORMED where a bound is broken, UNKNOWN where there is no such credential.
        """
        shown = tuple(sorted(set(fields)))  # 1
        if not shown:
            raise Refusal(Code.MALFORMED, "fields: name at least one that may be seen")
        bounded(uses, "uses", 1, USES_MAX)
        bounded(valid_days, "valid_days", 1, VALID_DAYS_MAX)
        text(requester, "requester", _REQUESTER_LENGTH_MAX, empty=True)
        credential = await self._credential(number)  # 2
        code = share_code.make(self._node_id, self._randomness(share_code.RANDOM_SIZE_BYTES))  # 3
        given = ConsentGiven(
            code_digest=code.digest,
            holder_proof=code.holder_proof(credential.birth_date),
            credential=number,
            purpose=purpose,
            fields=shown,
            uses=uses,
            expires_at=self._clock() + valid_days * _DAY_US,
            requester=requester,
        )
        await self._ledger.append([self._draft(given)])  # 4
        return code

    async def revoke(self, code: ShareCode) -> Recorded:
        """End a share code at once.

        Raises:
            Refusal: UNKNOWN where this node made no such code, CONFLICT where it has ended.
        """
        async with self._ending:
            consent = await self._ledger.consent(code.digest)  # 1
            if consent is None:
                raise Refusal(Code.UNKNOWN, "share_code: this node knows no such code")
            return await self._end(consent)

    async def revoke_listed(self, number: str, digest_prefix: str) -> Recorded:
        """End a share code of a credential at once, known from `list` by its digest.

        Args:
            number: the credential's number.
            digest_prefix: how the digest begins, 8 hex digits or more.

        Raises:
            Refusal: MALFORMED where that is no digest's beginning, UNKNOWN where there is no such
                credential or code, CONFLICT where the code has ended or several begin so.
        """
        prefix = digest_prefix.strip().lower()
        if _DIGEST_PREFIX.fullmatch(prefix) is None:
            raise Refusal(Code.MALFORMED, "share_code: must be 8 to 64 hex digits of its digest")
        async with self._ending:
            found = [  # 1
                consent
                for consent in await self.list(number)
                if consent.given.code_digest.hex().startswith(prefix)
            ]
            if not found:
                raise Refusal(Code.UNKNOWN, "share_code: the credential has no such code")
            if len(found) > 1:
                raise Refusal(
                    Code.CONFLICT, "share_code: several begin with these digits; give more of them"
                )
            return await self._end(found[0])

    async def list(self, number: str) -> Sequence[Consent]:
        """Return the consents of all share codes of a credential, oldest first.

        Raises:
            Refusal: UNKNOWN where there is no such credential.
        """
        await self._credential(number)
        return await self._ledger.consents(number)

    async def end_lapsed(self) -> int:
        """State the end of every share code past its expiry; returns how many.

        They opened nothing since they expired: the statement is for the record.
        """
        now = self._clock()
        ended = 0
        while True:
            async with self._ending:
                lapsed = await self._ledger.lapsed_consents(now, _LAPSED_BATCH)  # 1
                if lapsed:
                    ends = [ConsentEnded(digest, ConsentEnd.EXPIRED) for digest in lapsed]
                    await self._ledger.append([self._draft(end) for end in ends])  # 2
            ended += len(lapsed)
            if len(lapsed) < _LAPSED_BATCH:
                return ended

    async def _credential(self, number: str) -> Credential:
        credential = await self._ledger.credential(number)
        if credential is None:
            raise Refusal(Code.UNKNOWN, UNKNOWN_CREDENTIAL)
        return credential

    async def _end(self, consent: Consent) -> Recorded:
        if consent.ended:
            raise Refusal(Code.CONFLICT, "share_code: has ended already")
        end = ConsentEnded(consent.given.code_digest, ConsentEnd.REVOKED)
        return (await self._ledger.append([self._draft(end)]))[0]  # 2

    def _draft(self, body: Body) -> Draft:
        trust = self._trust.view().reference
        return Draft(body, encode_statement(Statement(self._node_id, self._clock(), trust, body)))
