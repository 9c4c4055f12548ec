"""Open documents over HTTP: what their readers look up, and making and verifying them.

Public: the issuer's DID document and its status lists. Behind an API key of the authority's own:
export, and where the settings say so W3C VC-API for conformance tests.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from msgspec import Struct

from node.documents.data_integrity import Suite
from node.documents.shapes import Format
from node.documents.status_list import StatusPurpose
from node.documents.strict_json import Json, read_object
from node.documents.verify import Verdict, Verified
from node.edge.bodies import require_each_name_once
from node.errors import Code, Refusal
from node.flows.documents import STATUS_PATH, Documents, Wanted
from node.flows.ports import Employer

EXPORT_PATH: Final = "/v1/documents"
VC_API: Final = ("/credentials/issue", "/credentials/verify", "/presentations/verify")
BODY_SIZE_MAX_BYTES: Final = 256 << 10
TYPES: Final = {
    Format.VC: "application/vc",
    Format.OPEN_BADGE: "application/vc",
    Format.VC_JWT: "application/vc+jwt",
    Format.SD_JWT: "application/dc+sd-jwt",
    Format.EUROPASS: "application/json",
}
_ALWAYS: Final = {"Server": "symbolon", "X-Content-Type-Options": "nosniff"}
_FRESH: Final = {**_ALWAYS, "Cache-Control": "no-store"}
_PUBLIC: Final = {
    **_ALWAYS,
    "Cache-Control": "public, max-age=10",
    "Access-Control-Allow-Origin": "*",
}
_JSON_TYPES: Final = ("application/json", "application/ld+json", "application/vc")

Authenticate = Callable[[web.Request], Awaitable[Employer]]
ReadBody = Callable[[web.Request, int], Awaitable[bytes]]


class DocumentRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which credential, as what, and what for; that is journalled, so it names no person.

    Attributes:
        holder_key: public key (JWK) of the holder, for an SD-JWT VC that only it can show.
    """

    number: str
    format: Format
    ground: str
    suite: Suite = Suite.RDFC
    holder_key: dict[str, Any] | None = None


class DocumentDoor:
    """The routes of open documents."""

    def __init__(
        self,
        documents: Documents,
        *,
        url: str,
        api_keys: Collection[str],
        vc_api: bool,
    ) -> None:
        """Take who may come in: ids of the authority's own API keys."""
        self._documents = documents
        self._path = urlsplit(url).path.rstrip("/")
        self._api_keys = frozenset(api_keys)
        self._vc_api = vc_api

    def add_to(self, router: web.UrlDispatcher, authenticate: Authenticate, read: ReadBody) -> None:
        """Add the routes."""
        own = f"{self._path}/did.json" if self._path else "/.well-known/did.json"
        router.add_get(own, self._did_document)
        lists = "{list:[0-9]{1,9}}/{purpose:revocation|suspension}"
        router.add_get(f"{self._path}{STATUS_PATH}{lists}", self._status_list)

        def behind(
            handler: Callable[[str, bytes], Awaitable[web.Response]],
        ) -> Callable[[web.Request], Awaitable[web.Response]]:
            async def door(request: web.Request) -> web.Response:
                key_id = (await authenticate(request)).key_id
                if key_id not in self._api_keys:
                    raise Refusal(Code.UNTRUSTED, "this API key is none of the authority's own")
                return await handler(key_id, await _body(request, read))

            return door

        router.add_post(EXPORT_PATH, behind(self._export))
        if self._vc_api:
            issue, verify, presentation = VC_API
            router.add_post(issue, behind(self._issue))
            router.add_post(verify, behind(self._verify))
            router.add_post(presentation, behind(self._verify_presentation))

    def paths(self) -> dict[str, Any]:
        """Return the paths of an OpenAPI document; they are where this node has them."""
        from node.edge.document_paths import document_paths  # noqa: PLC0415 - it needs this module

        return document_paths(self._path, vc_api=self._vc_api)

    async def _did_document(self, _: web.Request) -> web.Response:
        body = json.dumps(self._documents.did_document()).encode()
        return web.Response(body=body, headers={**_PUBLIC, "Content-Type": "application/did+json"})

    async def _status_list(self, request: web.Request) -> web.Response:
        number, purpose = int(request.match_info["list"]), request.match_info["purpose"]
        body = await self._documents.status_list(number, StatusPurpose(purpose))
        return web.Response(body=body, headers={**_PUBLIC, "Content-Type": "application/vc"})

    async def _export(self, key_id: str, body: bytes) -> web.Response:
        asked = _request(body)
        wanted = Wanted(
            asked.number,
            asked.format,
            f"key {key_id}",
            asked.ground,
            asked.suite,
            asked.holder_key,
        )
        made = await self._documents.export(wanted)
        return web.Response(body=made, headers={**_FRESH, "Content-Type": TYPES[asked.format]})

    async def _issue(self, _: str, body: bytes) -> web.Response:
        asked = read_object(body, "body")
        credential, suite = asked.get("credential"), _options(asked).get("cryptosuite")
        if not isinstance(credential, dict):
            raise Refusal(Code.MALFORMED, "credential: must be a JSON object")
        if suite is not None and suite not in list(Suite):
            raise Refusal(Code.MALFORMED, f"cryptosuite: must be {' or '.join(Suite)}")
        chosen = Suite.RDFC if suite is None else Suite(suite)
        issued = await asyncio.to_thread(self._documents.issue_as_nobody, credential, chosen)
        return _json({"verifiableCredential": issued}, 201)

    async def _verify(self, _: str, body: bytes) -> web.Response:
        return await self._verified(body, "verifiableCredential", presentation=False)

    async def _verify_presentation(self, _: str, body: bytes) -> web.Response:
        return await self._verified(body, "verifiablePresentation", presentation=True)

    async def _verified(self, body: bytes, name: str, *, presentation: bool) -> web.Response:
        asked = read_object(body, "body")
        options = _options(asked)
        content = _document(asked.get(name), name)
        audience, nonce = (_text(options.get(one), one) for one in ("domain", "challenge"))
        found = await self._documents.verify(
            content, presentation=presentation, audience=audience, nonce=nonce
        )
        return _json(_report(found), 200)


def _document(found: object, name: str) -> bytes:
    if isinstance(found, dict) and "EnvelopedVerifiableCredential" in str(found.get("type")):
        found = str(found.get("id")).partition(",")[2]
    if isinstance(found, str):
        return found.encode()
    if not isinstance(found, dict):
        raise Refusal(Code.MALFORMED, f"{name}: must be a JSON object or a token")
    return json.dumps(found).encode()


def _report(found: Verified) -> Json:
    failed = [one for one in found.findings if one.verdict is Verdict.FAIL]
    undetermined = [one for one in found.findings if one.verdict is Verdict.INDETERMINATE]
    return {
        "verified": not failed,
        "problemDetails": [
            {
                "type": f"urn:symbolon:document:{one.check.value}",
                "title": one.check.value,
                "detail": one.sentence,
            }
            for one in failed
        ],
        "warnings": [f"{one.check.value}: {one.sentence}" for one in undetermined],
    }


def _options(asked: Mapping[str, Any]) -> Json:
    options = asked.get("options", {})
    if not isinstance(options, dict):
        raise Refusal(Code.MALFORMED, "options: must be a JSON object")
    return options


def _text(value: object, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Refusal(Code.MALFORMED, f"{name}: must be text")
    return value


def _request(body: bytes) -> DocumentRequest:
    try:
        found = msgspec.json.decode(body, type=DocumentRequest)
        require_each_name_once(body)
    except msgspec.ValidationError as error:
        where = str(error).partition(" - at `$.")[2].rstrip("`") or "the body"
        known = ", ".join(DocumentRequest.__struct_fields__)
        raise Refusal(Code.MALFORMED, f"{where}: is not as described; known are {known}") from None
    except (ValueError, RecursionError):
        raise Refusal(Code.MALFORMED, "the body is not JSON in UTF-8") from None
    return found


def _json(content: Json, status: int) -> web.Response:
    headers = {**_FRESH, "Content-Type": "application/json"}
    return web.Response(body=json.dumps(content).encode(), status=status, headers=headers)


async def _body(request: web.Request, read: ReadBody) -> bytes:
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in _JSON_TYPES or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType
    body = await read(request, BODY_SIZE_MAX_BYTES)
    if len(body) > BODY_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"the body is larger than {BODY_SIZE_MAX_BYTES:,} bytes")
    return body
