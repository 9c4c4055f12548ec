"""Quotas by asker, for both directions of the exchange."""

from itertools import islice
from typing import Final

from node.errors import Code, Refusal
from node.model.quota import Allowance, Bucket

_SWEPT_OVER: Final = 4096
_MOST: Final = 1 << 18


class Quotas:
    """One token bucket per asker, forgotten once it is full again.

    There are at most some hundred thousand; past that, the older half is forgotten.
    """

    def __init__(self, allowance: Allowance) -> None:
        """Give every asker the same allowance."""
        self._allowance = allowance
        self._buckets: dict[str | bytes, Bucket] = {}
        self._sweep_at = _SWEPT_OVER

    def require(self, asker: str | bytes, now: int) -> None:
        """Take nothing, but refuse who has nothing left.

        Raises:
            Refusal: BUSY, with the time to return.
        """
        bucket = self._buckets.get(asker)
        wait_s = 0.0 if bucket is None else bucket.wait_s(now)
        if wait_s > 0.0:
            raise _over_quota(wait_s)

    def take(self, asker: str | bytes, now: int) -> None:
        """Take one token.

        Raises:
            Refusal: BUSY, with the time to return.
        """
        bucket = self._buckets.get(asker)
        if bucket is None:
            bucket = self._open(asker, now)
        wait_s = bucket.take(now)
        if wait_s > 0.0:
            raise _over_quota(wait_s)

    def charge(self, asker: str | bytes, tokens: float, now: int) -> None:
        """Take tokens after the fact; the asker may go into debt."""
        bucket = self._buckets.get(asker)
        if bucket is None:
            bucket = self._open(asker, now)
        bucket.charge(tokens, now)

    def _open(self, asker: str | bytes, now: int) -> Bucket:
        if len(self._buckets) >= self._sweep_at:
            self._buckets = {
                name: bucket for name, bucket in self._buckets.items() if bucket.full_at > now
            }
            if len(self._buckets) > _MOST // 2:
                self._buckets = dict(
                    islice(self._buckets.items(), len(self._buckets) - _MOST // 4, None)
                )
            # Twice what is left, so that sweeping costs each asker a constant share.
            self._sweep_at = max(_SWEPT_OVER, 2 * len(self._buckets))
        bucket = self._buckets[asker] = Bucket(self._allowance, now)
        return bucket


def _over_quota(wait_s: float) -> Refusal:
    return Refusal(Code.BUSY, "over quota; try again later", retry_after_s=wait_s)
