"""Quotas: how much one peer or requester may ask."""

from msgspec import Struct


class Allowance(Struct, frozen=True):
    """A token bucket's size and refill."""

    burst: float
    per_s: float


class Bucket:
    """The tokens that one asker has left (token bucket).

    Not a value: it changes with each charge. Times are microseconds and may stand still, but
    a step back refills nothing.
    """

    __slots__ = ("_allowance", "_at", "_tokens")

    def __init__(self, allowance: Allowance, now: int) -> None:
        """Start full."""
        self._allowance = allowance
        self._tokens = allowance.burst
        self._at = now

    def wait_s(self, now: int) -> float:
        """Return 0.0 where one token is left, else the seconds until one is."""
        self._refill(now)
        if self._tokens >= 1.0:
            return 0.0
        return (1.0 - self._tokens) / self._allowance.per_s

    def take(self, now: int) -> float:
        """Take one token and return 0.0; where none is left, return the seconds until one is."""
        wait_s = self.wait_s(now)
        if wait_s == 0.0:
            self._tokens -= 1.0
        return wait_s

    def charge(self, tokens: float, now: int) -> None:
        """Take tokens; the bucket may go into debt, which its owner waits off."""
        self._refill(now)
        self._tokens -= tokens

    @property
    def full_at(self) -> int:
        """When the bucket will be full again, and so be the same as a new one."""
        missing = self._allowance.burst - self._tokens
        return self._at + int(missing / self._allowance.per_s * 1_000_000)

    def _refill(self, now: int) -> None:
        if now > self._at:
            gained = (now - self._at) / 1_000_000 * self._allowance.per_s
            self._tokens = min(self._allowance.burst, self._tokens + gained)
            self._at = now
