"""Posting to addresses that somebody outside named: to the public internet only.

What a name resolves to is checked where the connection is made, so that a name that changes its
mind between two look-ups reaches nothing else.
"""

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from node.errors import Code, Refusal

_TIMEOUT_S: Final = 10.0
_AT_ONCE: Final = 64
_ACCEPTED: Final = range(200, 300)
_TUNNELS: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)
"""Addresses that stand for others behind a gateway."""


class HttpHooks:
    """The port `Hooks` over HTTP."""

    def __init__(self, *, public: bool) -> None:
        """Post to public addresses only, or anywhere."""
        self._public = public
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Post JSON; a redirect is not followed, and what comes back is not read."""
        if self._public and _is_address(host := urlsplit(url).hostname or ""):
            _require_public(host)
        try:
            async with self._opened().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except Refusal:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Refusal(
                Code.PEER_SILENT, f"url: nobody is there ({type(error).__name__})"
            ) from None
        if status not in _ACCEPTED:
            raise Refusal(Code.PEER_SILENT, f"url: answers {status}")

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = _PublicResolver() if self._public else ThreadedResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=resolver, limit=_AT_ONCE, limit_per_host=4),
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


class _PublicResolver(AbstractResolver):
    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            _require_public(one["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _require_public(host: str) -> None:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    tunnelled = any(
        address in network for network in _TUNNELS if network.version == address.version
    )
    if not address.is_global or address.is_multicast or tunnelled:
        raise Refusal(Code.UNTRUSTED, "url: its host is no address of the public internet")
