"""Verifying a document of any of the formats, offline: every check with its own finding.

PASS   the check was made and held
FAIL   it was made and did not
INDETERMINATE   what is needed to make it is not here, such as the issuer's keys or a status list

Who a key belongs to is for the caller to know: DID documents are given, none is fetched.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from node.documents import contexts, data_integrity, jose, sd_jwt
from node.documents.did import PublicKeys, resolve_did_key
from node.documents.status_list import CREDENTIAL_TYPE, ENTRY_TYPE, StatusPurpose, is_set
from node.documents.strict_json import SIZE_MAX_BYTES, Json, read_object
from node.errors import Code, Refusal
from node.model.moments import parse_moment

JWT_TYPE: Final = "vc+jwt"
_JWT_TYPES: Final = frozenset({JWT_TYPE, "vc-ld+jwt"})
_LEEWAY_US: Final = 60 * 1_000_000
_SHOWN_WITHIN_US: Final = 10 * 60 * 1_000_000
_ENTRIES_MAX: Final = 8
_CREDENTIALS_MAX: Final = 20


class DocumentCheck(StrEnum):
    """What is checked of a document."""

    FORM = "form"
    CONTEXT = "context"
    ISSUER = "issuer"
    SIGNATURE = "signature"
    PERIOD = "period"
    STATUS = "status"
    HOLDER = "holder"


class Verdict(StrEnum):
    """What came of a check, or of all of them."""

    PASS = "PASS"  # noqa: S105 - the field's word for a check that held
    FAIL = "FAIL"
    INDETERMINATE = "INDETERMINATE"


class Finding(Struct, frozen=True):
    """What came of one check, and why in one sentence; nothing of it is personal."""

    check: DocumentCheck
    verdict: Verdict
    sentence: str


class Verified(Struct, frozen=True):
    """What was found of a document.

    Attributes:
        format: what it is; empty where that cannot be told.
        issuer: the DID that it names; empty where none.
        findings: of every check that was made or should have been.
        content: what it says, with what is disclosed; believe it only where the verdict is PASS.
        lists_missing: addresses of the status lists that it names and that are not at hand.
    """

    format: str
    issuer: str
    findings: tuple[Finding, ...]
    content: Json
    lists_missing: frozenset[str] = frozenset()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict."""
        found = {finding.verdict for finding in self.findings}
        if Verdict.FAIL in found:
            return Verdict.FAIL
        return Verdict.INDETERMINATE if Verdict.INDETERMINATE in found else Verdict.PASS


class Known(Struct, frozen=True):
    """What a verifier has at hand.

    Attributes:
        keys: of issuers, by the id of their verification method, out of DID documents.
        status_lists: credentials of status lists by their address, as they came.
        now: microseconds UTC.
        audience: whom a holder must show a document to; None: whom the document says.
        nonce: what the holder was given; None: whatever the document says.
    """

    keys: PublicKeys
    now: int
    status_lists: Mapping[str, bytes] = {}
    audience: str | None = None
    nonce: str | None = None


def verify(content: bytes, known: Known) -> Verified:
    """Verify a credential of any format; every check that can be made is made."""
    return _Verifying(known).credential(content)


def verify_presentation(content: bytes, known: Known) -> Verified:
    """Verify a presentation with a Data Integrity proof, and each credential in it."""
    return _Verifying(known).presentation(content)


class _Verifying:
    """One run: findings as they come."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._findings: list[Finding] = []
        self._missing: set[str] = set()

    def credential(self, content: bytes) -> Verified:
        try:
            text = content.strip()
            if text.startswith(b"{"):
                return self._data_integrity(read_object(text))
            compact = _compact(text)
            return self._sd_jwt(compact) if "~" in compact else self._token(compact)
        except Refusal as refusal:
            self._fail(DocumentCheck.FORM, refusal)
            return self._verified("", "", {})

    def presentation(self, content: bytes) -> Verified:
        try:
            document = read_object(content, "presentation")
            inside = _presented(document)
        except Refusal as refusal:
            self._fail(DocumentCheck.FORM, refusal)
            return self._verified("", "", {})
        self._pass(DocumentCheck.FORM, "a presentation")
        holder = document.get("holder")
        named = holder.get("id") if isinstance(holder, dict) else holder
        self._try(DocumentCheck.CONTEXT, lambda: contexts.check_context(document), _CONTEXTS)
        if "proof" in document:
            self._proved(document, named, data_integrity.AUTHENTICATION)
            self._try(DocumentCheck.HOLDER, lambda: self._challenged(document), "shown as asked")
        for one in inside:
            self._inside(one)
        return self._verified("presentation", named if isinstance(named, str) else "", document)

    def _inside(self, one: object) -> None:
        if isinstance(one, dict) and "EnvelopedVerifiableCredential" in _listed(one.get("type")):
            one = str(one.get("id")).partition(",")[2]
        if isinstance(one, dict):
            found = _Verifying(self._known)._data_integrity(one)  # noqa: SLF001 - its own kind
        else:
            found = _Verifying(self._known).credential(str(one).encode("utf-8", "replace"))
        self._findings.extend(found.findings)
        self._missing |= found.lists_missing

    # --- formats -----------------------------------------------------------------------------

    def _data_integrity(self, document: Json) -> Verified:
        self._form(document, "a W3C credential")
        self._try(DocumentCheck.CONTEXT, lambda: contexts.check_context(document), _CONTEXTS)
        issuer = _issuer(document)
        if "proof" in document:
            self._proved(document, issuer, data_integrity.ASSERTION)
        else:
            self._say(DocumentCheck.SIGNATURE, Verdict.FAIL, "it is not signed")
        self._dated(document)
        self._current(document, issuer)
        return self._verified("data-integrity", issuer, document)

    def _token(self, compact: str) -> Verified:
        token = jose.read_token(compact, _JWT_TYPES)
        document = token.claims
        self._form(document, "a W3C credential as a token")
        self._try(DocumentCheck.CONTEXT, lambda: contexts.check_context(document), _CONTEXTS)
        issuer = _issuer(document)
        self._signed(token, issuer)
        self._dated(document)
        self._within(document)
        self._current(document, issuer)
        return self._verified(JWT_TYPE, issuer, document)

    def _sd_jwt(self, compact: str) -> Verified:
        presented = sd_jwt.read(compact)
        claims = presented.claims
        if not isinstance(claims.get("vct"), str):
            raise Refusal(Code.MALFORMED, "vct: must say which type of credential it is")
        self._pass(DocumentCheck.FORM, "an SD-JWT VC, and every disclosure is one that it asks for")
        issuer = claims.get("iss")
        named = issuer if isinstance(issuer, str) else ""
        self._signed(presented.token, named)
        self._within(claims)
        known = self._known
        if presented.binding is not None or known.nonce is not None or known.audience is not None:
            self._try(
                DocumentCheck.HOLDER,
                lambda: self._bound(presented),
                "the holder of the key that it is bound to shows it",
            )
        self._current(claims, named)
        return self._verified(sd_jwt.TYPE, named, claims)

    def _form(self, document: Json, what: str) -> None:
        types = _listed(document.get("type"))
        if "VerifiableCredential" not in types or "credentialSubject" not in document:
            raise Refusal(
                Code.MALFORMED, "document: must be a VerifiableCredential with credentialSubject"
            )
        if "vc" in document or "vp" in document:
            raise Refusal(Code.MALFORMED, "document: claims vc and vp are of an older standard")
        self._pass(DocumentCheck.FORM, what)

    # --- checks ------------------------------------------------------------------------------

    def _proved(self, document: Json, issuer: object, purpose: str) -> None:
        try:
            proof = data_integrity.read_proof(document, purpose)
        except Refusal as refusal:
            self._fail(DocumentCheck.SIGNATURE, refusal)
            return
        self._by_issuer(
            proof.method, issuer, lambda key: data_integrity.check_proof(document, proof, key)
        )
        created, expires = (proof.configuration.get(one) for one in ("created", "expires"))
        self._try(
            DocumentCheck.PERIOD, lambda: self._within_moments(created, expires, "proof"), _PERIOD
        )

    def _signed(self, token: jose.Token, issuer: str) -> None:
        stated = [token.claims.get("iss"), token.header.get("iss")]
        if any(one not in (None, issuer) for one in stated):
            reason = "iss: is not the issuer that the credential names"
            self._say(DocumentCheck.ISSUER, Verdict.FAIL, reason)
            return
        method = token.kid
        if method and not method.startswith("did:"):
            method = f"{issuer}#{method.removeprefix('#')}"
        self._by_issuer(method, issuer, lambda key: jose.check_token(token, key))

    def _by_issuer(
        self, method: str, issuer: object, check: Callable[[Ed25519PublicKey], None]
    ) -> None:
        did = method.partition("#")[0]
        if issuer is not None and issuer != did:
            reason = "it is signed by a key that is not its issuer's"
            self._say(DocumentCheck.ISSUER, Verdict.FAIL, reason)
            return
        try:
            by_itself = resolve_did_key(method)
        except Refusal as refusal:
            self._fail(DocumentCheck.ISSUER, refusal)
            return
        key = by_itself[1] if by_itself is not None else self._known.keys.get(method)
        if key is not None:
            self._try(DocumentCheck.SIGNATURE, lambda: check(key), "signed, and not changed since")
        if by_itself is not None:
            reason = "it names a key and nobody: whose key that is, is not known here"
            self._say(DocumentCheck.ISSUER, Verdict.INDETERMINATE, reason)
        elif key is not None:
            self._pass(DocumentCheck.ISSUER, f"a key that {did} lists")
        elif any(one.startswith(f"{did}#") for one in self._known.keys):
            reason = f"{did} lists no such key"
            self._say(DocumentCheck.ISSUER, Verdict.FAIL, reason)
        else:
            reason = "the DID document of its issuer is not at hand"
            self._say(DocumentCheck.ISSUER, Verdict.INDETERMINATE, reason)

    def _dated(self, document: Json) -> None:
        begin, end = document.get("validFrom"), document.get("validUntil")
        self._try(
            DocumentCheck.PERIOD, lambda: self._within_moments(begin, end, "document"), _PERIOD
        )

    def _within_moments(self, begin: object, end: object, name: str) -> None:
        moments = [
            None if one is None else parse_moment(one if isinstance(one, str) else "", name)
            for one in (begin, end)
        ]
        self._require_now(moments[0], moments[1], name)

    def _within(self, claims: Json) -> None:
        def check() -> None:
            found = [claims.get(name) for name in ("nbf", "exp")]
            for one in found:
                if one is not None and (isinstance(one, bool) or not isinstance(one, int | float)):
                    raise Refusal(Code.MALFORMED, "nbf, exp: must be seconds since the epoch")
            begin, end = (None if one is None else int(one * 1_000_000) for one in found)
            self._require_now(begin, end, "token")

        self._try(DocumentCheck.PERIOD, check, _PERIOD)

    def _require_now(self, begin: int | None, end: int | None, name: str) -> None:
        now = self._known.now
        if begin is not None and now < begin - _LEEWAY_US:
            raise Refusal(Code.STALE, f"{name}: is not valid yet")
        if end is not None and now > end + _LEEWAY_US:
            raise Refusal(Code.STALE, f"{name}: has expired")

    def _challenged(self, document: Json) -> None:
        proof = document["proof"]
        for name, wanted in (("challenge", self._known.nonce), ("domain", self._known.audience)):
            if wanted is not None and (not isinstance(proof, dict) or proof.get(name) != wanted):
                raise Refusal(Code.UNAUTHENTICATED, f"{name}: is not what was asked for")

    def _bound(self, presented: sd_jwt.Presented) -> None:
        sd_jwt.check_binding(presented, self._known.audience, self._known.nonce)
        shown_at = None if presented.binding is None else presented.binding.claims.get("iat")
        if not isinstance(shown_at, int) or isinstance(shown_at, bool):
            raise Refusal(Code.MALFORMED, "key binding: iat must say when it was shown")
        if abs(self._known.now - shown_at * 1_000_000) > _SHOWN_WITHIN_US:
            raise Refusal(Code.STALE, "key binding: was shown at another time")

    def _current(self, document: Json, issuer: str) -> None:
        entries = _listed(document.get("credentialStatus", []))
        if not entries:
            self._pass(DocumentCheck.STATUS, "it names no list that could end it")
        if len(entries) > _ENTRIES_MAX:
            self._say(DocumentCheck.STATUS, Verdict.FAIL, f"more than {_ENTRIES_MAX} lists")
            return
        for entry in entries:
            try:
                verdict, sentence = self._status(entry, issuer)
            except Refusal as refusal:
                verdict, sentence = Verdict.FAIL, refusal.reason
            self._say(DocumentCheck.STATUS, verdict, sentence)

    def _status(self, entry: object, issuer: str) -> tuple[Verdict, str]:
        if not isinstance(entry, dict) or entry.get("type") != ENTRY_TYPE:
            return Verdict.INDETERMINATE, "its status is published in a way that is not read here"
        purpose, place = entry.get("statusPurpose"), entry.get("statusListIndex")
        address = entry.get("statusListCredential")
        if not isinstance(address, str) or not isinstance(purpose, str):
            raise Refusal(Code.MALFORMED, "credentialStatus: must name a list and a purpose")
        if (
            not isinstance(place, str)
            or not (place.isascii() and place.isdigit())
            or len(place) > len("8388608")
        ):
            raise Refusal(Code.MALFORMED, "statusListIndex: must be digits")
        listed = self._known.status_lists.get(address)
        if listed is None:
            self._missing.add(address)
            return Verdict.INDETERMINATE, f"the {purpose} list is not at hand"
        if purpose not in set(StatusPurpose):
            return Verdict.INDETERMINATE, "a list for a purpose that is not known here"
        if is_set(self._list_subject(listed, issuer, address), purpose, int(place)):
            ended = "revoked" if purpose == StatusPurpose.REVOCATION.value else "suspended"
            return Verdict.FAIL, f"its issuer has {ended} it"
        return Verdict.PASS, f"not on the {purpose} list"

    def _list_subject(self, content: bytes, issuer: str, address: str) -> Any:  # noqa: ANN401
        known = Known(self._known.keys, self._known.now)
        found = verify(content, known)
        if found.verdict is Verdict.FAIL:
            failed = next(one for one in found.findings if one.verdict is Verdict.FAIL)
            raise Refusal(Code.UNTRUSTED, f"status list: {failed.check.value}: {failed.sentence}")
        proved = {one.check for one in found.findings if one.verdict is Verdict.PASS}
        if DocumentCheck.SIGNATURE not in proved or found.issuer != issuer:
            raise Refusal(Code.UNTRUSTED, "status list: is not signed by the document's issuer")
        document = found.content
        if CREDENTIAL_TYPE not in _listed(document.get("type")) or document.get("id") != address:
            raise Refusal(Code.MALFORMED, f"status list: must be the {CREDENTIAL_TYPE} asked for")
        return document.get("credentialSubject")

    # --- findings ----------------------------------------------------------------------------

    def _try(self, check: DocumentCheck, work: Callable[[], object], held: str) -> None:
        try:
            work()
        except Refusal as refusal:
            self._fail(check, refusal)
        else:
            self._pass(check, held)

    def _pass(self, check: DocumentCheck, sentence: str) -> None:
        self._say(check, Verdict.PASS, sentence)

    def _fail(self, check: DocumentCheck, refusal: Refusal) -> None:
        self._say(check, Verdict.FAIL, refusal.reason)

    def _say(self, check: DocumentCheck, verdict: Verdict, sentence: str) -> None:
        self._findings.append(Finding(check, verdict, sentence))

    def _verified(self, name: str, issuer: str, content: Json) -> Verified:
        order = list(DocumentCheck)
        findings = sorted(dict.fromkeys(self._findings), key=lambda one: order.index(one.check))
        return Verified(name, issuer, tuple(findings), content, frozenset(self._missing))


_CONTEXTS: Final = "every context is shipped here and pinned"
_PERIOD: Final = "valid today"


def _issuer(document: Json) -> str:
    issuer = document.get("issuer")
    named = issuer.get("id") if isinstance(issuer, dict) else issuer
    return named if isinstance(named, str) else ""


def _compact(text: bytes) -> str:
    if len(text) > 2 * SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"document: larger than {2 * SIZE_MAX_BYTES:,} bytes")
    try:
        return text.decode("ascii")
    except UnicodeDecodeError:
        raise Refusal(Code.MALFORMED, "document: is neither JSON nor a token") from None


def _presented(document: Json) -> list[Any]:
    if "VerifiablePresentation" not in _listed(document.get("type")):
        raise Refusal(Code.MALFORMED, "type: must hold VerifiablePresentation")
    inside = _listed(document.get("verifiableCredential", []))
    if len(inside) > _CREDENTIALS_MAX:
        raise Refusal(Code.MALFORMED, f"presentation: more than {_CREDENTIALS_MAX} credentials")
    return inside


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    return value if isinstance(value, list) else [value]
