"""Quotas by asker, for both directions of the exchange."""

from node.errors import Code, Refusal
from node.model.quota import Allowance, Bucket

_SWEPT_OVER = 4096


class Quotas:
    """One token bucket per asker, forgotten once it is full again."""

    def __init__(self, allowance: Allowance) -> None:
        """Give every asker the same allowance."""
        self._allowance = allowance
        self._buckets: dict[str, Bucket] = {}

    def take(self, asker: str, now: int) -> None:
        """Take one token.

        Raises:
            Refusal: BUSY, with the time to return.
        """
        bucket = self._buckets.get(asker)
        if bucket is None:
            bucket = self._open(asker, now)
        wait_s = bucket.wait_s(now)
        if wait_s > 0.0:
            raise Refusal(Code.BUSY, "over quota; try again later", retry_after_s=wait_s)
        bucket.charge(1.0, now)

    def charge(self, asker: str, tokens: float, now: int) -> None:
        """Take more tokens after the fact, for what turned out to be a probe."""
        bucket = self._buckets.get(asker)
        if bucket is None:
            bucket = self._open(asker, now)
        bucket.charge(tokens, now)

    def _open(self, asker: str, now: int) -> Bucket:
        if len(self._buckets) >= _SWEPT_OVER:
            self._buckets = {
                name: bucket for name, bucket in self._buckets.items() if bucket.full_at > now
            }
        bucket = self._buckets[asker] = Bucket(self._allowance, now)
        return bucket
