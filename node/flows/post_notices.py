"""Posting notices to the addresses that employers named.

add: the address is checked, a secret is made that is shown once (`new_hook`)

post (again and again)
  1. of each follower with an address, the next notice that was not posted, where its time has come
  2. post it, signed: whoever receives it can tell whose it is, and how old
  3. what was accepted is not posted again; else after 30 s, then twice that and so on, at most
     four hours, each time a little off; after fourteen times, about a day, it is given up

What is posted names no person: which watch, what became of it, when, at which position.
"""

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec
import structlog
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.notice_ports import Follower, HeardNotice, NoticeBooks
from node.flows.ports import Clock, Randomness

URL_LENGTH_MAX: Final = 500
TRIES_MAX: Final = 14
SIGNATURE_HEADER: Final = "Symbolon-Signature"
TIMESTAMP_HEADER: Final = "Symbolon-Timestamp"
_AT_ONCE: Final = 64
_AGAIN_US: Final = 30 * 1_000_000
_AGAIN_MAX_US: Final = 4 * 60 * 60 * 1_000_000
_SECRET_SIZE_BYTES: Final = 32
_log = structlog.get_logger()


class Hooks(Protocol):
    """Where notices are posted; no retries inside, no redirects followed, ends in bounded time."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        """Post JSON.

        Raises:
            Refusal: PEER_SILENT where nobody accepted it, UNTRUSTED where the address is none of
                the public internet.
        """
        ...


def checked_url(url: str, *, public: bool) -> str:
    """Return an address that notices may be posted to.

    Args:
        url: https, without a user, a password or a fragment.
        public: whether it has to be https.

    Raises:
        Refusal: MALFORMED where it is none.
    """
    wrong = Refusal(
        Code.MALFORMED,
        f"url: must be https://host/path of at most {URL_LENGTH_MAX} printable characters, "
        "without a user, a password or a fragment",
    )
    if not 0 < len(url) <= URL_LENGTH_MAX or not url.isascii() or not url.isprintable():
        raise wrong
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    schemes = {"https"} if public else {"https", "http"}
    if parts.scheme not in schemes or not parts.hostname or port == 0 or " " in url:
        raise wrong
    if "@" in parts.netloc or "#" in url:
        raise wrong
    return url


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what a post carries: HMAC-SHA-256 over the time in seconds, a dot, and the body."""
    message = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def new_secret(randomness: Randomness) -> str:
    """Make a secret for signing."""
    return base64.urlsafe_b64encode(randomness(_SECRET_SIZE_BYTES)).rstrip(b"=").decode()


class Posting:
    """Posts what was heard.

    Attributes:
        tally: how often what happened: posted, refused, given_up.
        dead: to how many followers posting was given up.
    """

    def __init__(
        self, books: NoticeBooks, hooks: Hooks, clock: Clock, randomness: Randomness
    ) -> None:
        """Take the parts."""
        self._books = books
        self._hooks = hooks
        self._clock = clock
        self._randomness = randomness
        self._posting = asyncio.Lock()
        self.tally: Counter[str] = Counter()
        self.dead = 0

    async def post(self) -> int:
        """Post what is due; returns how many notices were accepted."""
        async with self._posting:
            accepted = 0
            while due := await self._books.due(self._clock(), _AT_ONCE):  # 1
                accepted += sum(await asyncio.gather(*(self._post(*one) for one in due)))
            self.dead = sum(one.dead for one in await self._books.followers())
            return accepted

    async def _post(self, follower: Follower, notice: HeardNotice) -> bool:
        body = msgspec.json.encode(
            {
                "watch": follower.id,
                "outcome": notice.outcome,
                "said_at_us": notice.said_at,
                "position": notice.position,
            }
        )
        timestamp = str(self._clock() // 1_000_000)
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: signature(follower.secret, timestamp, body),
        }
        try:
            await self._hooks.post(follower.url, body, headers)  # 2
        except Refusal as refusal:
            await self._in_vain(follower, refusal)
            return False
        self.tally["posted"] += 1
        await self._books.posted(replace(follower, told=notice.position, tries=0, next_at=0))  # 3
        return True

    async def _in_vain(self, follower: Follower, refusal: Refusal) -> None:
        tries = follower.tries + 1
        wait_us = min(_AGAIN_US << (tries - 1), _AGAIN_MAX_US)
        spread = int.from_bytes(self._randomness(2)) / 0xFFFF
        next_at = self._clock() + round(wait_us * (0.75 + spread / 2))
        dead = tries >= TRIES_MAX
        self.tally["given_up" if dead else "refused"] += 1
        if dead:
            _log.warning("webhook_given_up", watch=follower.id, code=refusal.code.value)
        await self._books.posted(replace(follower, tries=tries, next_at=next_at, dead=dead))
