"""Exporting a credential as an open document, and what its readers look up afterwards.

export
  1. who takes what and what for are journalled, before anything is read
  2. the credential must stand: a document of a revoked one would be born revoked
  3. the document gets a place of its own in the status lists
  4. it is signed with the node's newest document key

status list
  what the registry says at the moment of the request; signed again when that changed
"""

import asyncio
import json
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace

from node.documents.contexts import check_context
from node.documents.data_integrity import Suite, with_proof
from node.documents.did import did_document, did_web, public_jwk, read_did_document
from node.documents.keys import DocumentSigner, signer_of_key
from node.documents.make import make_document, make_status_list
from node.documents.shapes import Envelope, Format, StatusPlace
from node.documents.status_list import ENTRIES, StatusPurpose
from node.documents.strict_json import Json
from node.documents.verify import Known, Verified, verify, verify_presentation
from node.errors import Code, Refusal
from node.flows.document_ports import DocumentKeys, ExportedDocuments
from node.flows.look import Looking
from node.flows.ports import Clock, Ledger, Randomness
from node.model.credential import Status
from node.model.moments import rfc3339
from node.model.roles import Role, Roles
from node.model.statement import AccessFilter, AccessKind, Person

STATUS_PATH: Final = "/documents/status/"
_PURPOSES: Final = frozenset(purpose.value for purpose in StatusPurpose)
_DIGITS_MAX: Final = 9
_HOUR_US: Final = 60 * 60 * 1_000_000
_LISTS_KEPT: Final = 64


class Wanted(Struct, frozen=True):
    """Which credential, as what, who takes it and what for.

    Attributes:
        bound_to: public key (JWK) of the holder, for an SD-JWT that only that key may show.
        person: who has it made; None: one of the authority's own systems.
    """

    number: str
    kind: Format
    reader: str
    ground: str
    suite: Suite = Suite.RDFC
    bound_to: Json | None = None
    person: Person | None = None


class Documents:
    """Open documents of one node."""

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        url: str,
        authority: str,
        ledger: Ledger,
        exported: ExportedDocuments,
        keys: DocumentKeys,
        looking: Looking,
        roles: Roles,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        """Issue as whoever holds an https address.

        Raises:
            Refusal: MALFORMED where it is none.
        """
        self._url = url.rstrip("/")
        self.did = did_web(url)
        self._authority = authority
        self._ledger = ledger
        self._exported = exported
        self._keys = keys
        self._looking = looking
        self._roles = roles
        self._clock = clock
        self._randomness = randomness
        # Whoever has VC-API issue what they like gets it under this key, which is nobody's.
        self._nobody = signer_of_key(Ed25519PrivateKey.from_private_bytes(randomness(32)))
        self._lists: dict[tuple[int, StatusPurpose], tuple[object, bytes]] = {}

    async def export(self, wanted: Wanted) -> bytes:
        """Return a credential as a document, as its file holds it.

        Raises:
            Refusal: MALFORMED where it is not said who or what for, UNTRUSTED where the person is
                no registrar, UNKNOWN where there is no such credential, CONFLICT where it does
                not stand, STALE where there is no key.
        """
        if wanted.person is not None:
            self._roles.require(wanted.person, Role.REGISTRAR)
        if wanted.bound_to is not None:
            if wanted.kind is not Format.SD_JWT:
                raise Refusal(Code.MALFORMED, "holder key: only sd-jwt-vc is bound to one")
            public_jwk(wanted.bound_to)
        signer = self._signer()
        filter_ = AccessFilter(credential=True)
        await self._looking.begin(AccessKind.SHOWN, wanted.reader, wanted.ground, filter_)  # 1
        credential = await self._ledger.credential(wanted.number)
        if credential is None:
            raise Refusal(Code.UNKNOWN, "number: the registry holds no such credential")
        if credential.status is not Status.ACTIVE:  # 2
            raise Refusal(
                Code.CONFLICT,
                f"number: the credential is {credential.status.name.lower()}; its documents would "
                "not verify",
            )
        place = await self._exported.give_place(wanted.number, ENTRIES, self._randomness)  # 3
        number, at = divmod(place, ENTRIES)
        lists = {purpose: self._address(number, purpose) for purpose in StatusPurpose}
        envelope = Envelope(
            identity=self._identity(),
            did=self.did,
            authority=self._authority,
            status=StatusPlace(lists, at),
            now=self._clock(),
        )
        return await asyncio.to_thread(  # 4
            make_document,
            credential,
            envelope,
            kind=wanted.kind,
            suite=wanted.suite,
            signer=signer,
            randomness=self._randomness,
            bound_to=wanted.bound_to,
        )

    async def status_list(self, number: int, purpose: StatusPurpose) -> bytes:
        """Return the signed credential of a status list, as of now.

        Raises:
            Refusal: UNKNOWN where there is no such list, STALE where there is no key.
        """
        now, first = self._clock(), number * ENTRIES
        ended = await self._exported.ended(first, first + ENTRIES, now)
        if ended is None:
            raise Refusal(Code.UNKNOWN, "there is no such status list")
        revoking = purpose is StatusPurpose.REVOCATION
        places = frozenset(one - first for one in (ended.revoked if revoking else ended.suspended))
        signer, since = self._signer(), now - now % _HOUR_US
        seen = (signer.method, since, places)
        held = self._lists.get((number, purpose))
        if held is not None and held[0] == seen:
            return held[1]
        address = self._address(number, purpose)
        made = await asyncio.to_thread(
            make_status_list, address, purpose, places, signer=signer, since=since
        )
        if len(self._lists) >= _LISTS_KEPT:
            self._lists.clear()
        self._lists[number, purpose] = (seen, made)
        return made

    def did_document(self) -> Json:
        """Return the DID document: every key that documents were signed with.

        Raises:
            Refusal: STALE where there is no key.
        """
        return did_document(self.did, [key.public_key() for key in self._keys.now()])

    def issue_as_nobody(self, credential: Json, suite: Suite) -> Json:
        """Return what somebody wants signed, issued by a key that is nobody's (did:key).

        For conformance tests of the way that documents are made: nothing that this node did not
        register is ever signed with a key of its own.

        Raises:
            Refusal: MALFORMED where it is no credential, or its contexts are not those that are
                known here.
        """
        try:
            check_context(credential)
        except Refusal as refusal:
            raise Refusal(Code.MALFORMED, refusal.reason) from None
        issuer = credential.get("issuer")
        named = {"id": self._nobody.did}
        filled = {
            "id": self._identity(),
            **credential,
            "issuer": {**issuer, **named} if isinstance(issuer, dict) else self._nobody.did,
        }
        proved = with_proof(filled, self._nobody, suite, rfc3339(self._clock()))
        found = verify(_bytes(proved), Known({}, self._clock()))
        for finding in found.findings:
            if finding.verdict.value == "FAIL" and finding.check.value not in {"period", "status"}:
                raise Refusal(Code.MALFORMED, f"{finding.check.value}: {finding.sentence}")
        return proved

    async def verify(
        self, content: bytes, *, presentation: bool, audience: str | None, nonce: str | None
    ) -> Verified:
        """Verify a document with what this node has: its own keys and its own lists."""
        keys = read_did_document(_bytes(self.did_document()))[1]
        known = Known(keys, self._clock(), {}, audience, nonce)
        check = verify_presentation if presentation else verify
        found = await asyncio.to_thread(check, content, known)
        lists = {
            address: await self.status_list(*place)
            for address in found.lists_missing
            if (place := self._own_list(address)) is not None
        }
        if lists:
            known = replace(known, status_lists=lists)
            found = await asyncio.to_thread(check, content, known)
        return found

    def _signer(self) -> DocumentSigner:
        return DocumentSigner(self.did, self._keys.now()[-1])

    def _address(self, number: int, purpose: StatusPurpose) -> str:
        return f"{self._url}{STATUS_PATH}{number}/{purpose.value}"

    def _own_list(self, address: str) -> tuple[int, StatusPurpose] | None:
        number, _, purpose = address.removeprefix(f"{self._url}{STATUS_PATH}").partition("/")
        if (
            not (number.isascii() and number.isdigit())
            or len(number) > _DIGITS_MAX
            or purpose not in _PURPOSES
        ):
            return None
        wanted = int(number), StatusPurpose(purpose)
        return wanted if self._address(*wanted) == address else None

    def _identity(self) -> str:
        return UUID(bytes=self._randomness(16), version=4).urn


def _bytes(document: Json) -> bytes:
    return json.dumps(document).encode()
