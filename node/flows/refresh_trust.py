"""Refreshing the trust list, for as long as the node runs.

1. whether it is due: on schedule, after a failure sooner and then ever later, never not at all
2. settle when to try again, before anything can go wrong
3. fetch from any mirror into the local copy (without mirrors somebody else puts it there)
4. adopt what is there, unless it is the same: checked against the federation's root, journalled,
   then in force
5. remember how it went, for health, metrics and the log
6. warn of whatever expires soon, once a day each

Whatever happens in 3 and 4, the list that was in force stays in force while it is valid.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from msgspec import Struct
from msgspec.structs import replace

from node.errors import Refusal
from node.flows.ports import Clock, Fetched, Mirrors, Randomness, Trust
from node.model.expiry import Expiry, expiries
from node.model.trust import TrustView

JITTER: Final = 0.1
"""Nodes must not ask in step: every wait is up to this part shorter or longer."""
_SECOND_US: Final = 1_000_000
_DAY_US: Final = 24 * 60 * 60 * _SECOND_US
_WARNINGS_MAX: Final = 20
_log = structlog.get_logger()


class Pace(Struct, frozen=True):
    """How often to refresh: when all is well, first after a failure, and at the least, in seconds.

    Once the list has expired, nothing is waited for longer than `every_s`.
    """

    every_s: float
    retry_s: float
    retry_max_s: float


class RefreshState(Struct, frozen=True):
    """How refreshing has gone; times in microseconds UTC, None where it has not happened yet.

    Attributes:
        next_at: when the next refresh is due.
        succeeded_at: when a refresh last went well: that old the list in force is at the most.
        mirror: which mirror served that, empty without mirrors.
        faults: each country that it left out, with the reason.
        failed_at: when a refresh last failed.
        failure: why.
        failures: how many have failed since one went well.
    """

    next_at: int = 0
    succeeded_at: int | None = None
    mirror: str = ""
    faults: tuple[str, ...] = ()
    failed_at: int | None = None
    failure: str = ""
    failures: int = 0


class TrustRefresh:
    """Keeps the trust list fresh; `state` says how that goes."""

    def __init__(  # noqa: PLR0913 - a composition root passes every part by name
        self,
        *,
        mirrors: Mirrors | None,
        adopt: Callable[[], Awaitable[bool]],
        trust: Trust,
        clock: Clock,
        randomness: Randomness,
        pace: Pace,
    ) -> None:
        """Take the mirrors, or None where there are none, and how to adopt the local copy."""
        self._mirrors = mirrors
        self._adopt = adopt
        self._trust = trust
        self._clock = clock
        self._randomness = randomness
        self._pace = pace
        self._looked_at = 0
        self._adopted_digest: bytes | None = None
        self._warned: dict[tuple[str, str], int] = {}
        self._expiries: tuple[TrustView, tuple[Expiry, ...]] | None = None
        self.state = RefreshState()

    def begin(self) -> None:
        """Say that a list has just been put in force; without mirrors nothing newer is near."""
        if self._mirrors is None:
            self._update(next_at=self._clock() + self._wait_us(0))

    async def refresh_if_due(self) -> None:
        """Refresh where it is time to; fails only as the state says, never by raising."""
        now = self._clock()
        # A clock that was set back must not make anybody wait for the time it had shown.
        back, self._looked_at = now < self._looked_at, now
        if back or now >= self.state.next_at:  # 1
            try:
                await self.refresh()
            except Refusal as refusal:
                _log.warning("trust_refresh_failed", code=refusal.code.value, reason=refusal.reason)
            except Exception:  # noqa: BLE001 - no failure may end the refreshing
                _log.exception("trust_refresh_defect")
        self._warn(now)  # 6

    async def refresh(self) -> bool:
        """Refresh now; returns whether another list is in force.

        Raises:
            Refusal: why no mirror worked, or why what they have cannot be adopted.
        """
        failures = self.state.failures + 1
        self._update(next_at=self._clock() + self._wait_us(failures))  # 2
        try:
            fetched = await self._fetch()  # 3
            adopted = await self._adopt_unless_same(fetched)  # 4
        except Exception as error:
            now = self._clock()  # 5
            named = f"a defect, {type(error).__name__}; the log tells more"
            reason = error.reason if isinstance(error, Refusal) else named
            self._update(
                next_at=now + self._wait_us(failures),
                failed_at=now,
                failure=reason,
                failures=failures,
            )
            raise
        now = self._clock()  # 5
        faults = () if fetched is None else fetched.faults
        for fault in set(faults) - set(self.state.faults):
            _log.warning("trust_list_fault", fault=fault)
        self._update(
            next_at=now + self._wait_us(0),
            succeeded_at=now,
            mirror="" if fetched is None else fetched.mirror,
            faults=faults,
            failures=0,
        )
        return adopted

    async def _fetch(self) -> Fetched | None:
        """Fetch; no country can hold up the others for longer than the list in force is valid.

        Nor can a mirror that withholds a country's files leave it out before that.
        """
        if self._mirrors is None:
            return None
        return await self._mirrors.fetch(lenient=self._is_stale())

    async def _adopt_unless_same(self, fetched: Fetched | None) -> bool:
        """Adopt the local copy; resolving it takes a while, so the same one is adopted once."""
        digest = None if fetched is None else fetched.digest
        if digest is not None and digest == self._adopted_digest:
            return False
        self._adopted_digest = None
        adopted = await self._adopt()
        self._adopted_digest = digest
        return adopted

    def expiries(self) -> tuple[Expiry, ...]:
        """Return the end of everything in the list in force, the first first; worked out once.

        Raises:
            Refusal: STALE before the first list was adopted.
        """
        view = self._trust.view()
        if self._expiries is None or self._expiries[0] is not view:
            self._expiries = (view, expiries(view))
        return self._expiries[1]

    def told(self) -> str:
        """Return in a sentence how fresh the list in force is, for people.

        Raises:
            Refusal: STALE where none is in force or it has expired, with what is wrong.
        """
        now, state = self._clock(), self.state
        failure = ""
        if state.failures and state.failed_at is not None:
            since = _span(now - state.failed_at)
            often = f"{state.failures} times, last" if state.failures > 1 else "once,"
            failure = f"; refreshing has failed {often} {since} ago: {state.failure}"
        view = self._trust.view()
        try:
            view.require_fresh(now)
        except Refusal as refusal:
            raise Refusal(refusal.code, f"{refusal.reason}{failure}") from None
        parts = [f"in force, version {view.reference.version}"]
        if state.succeeded_at is not None:
            where = f" at {state.mirror}" if state.mirror else ""
            parts.append(f"looked after {_span(now - state.succeeded_at)} ago{where}")
        parts.append(f"expires in {_span(view.expires_at - now)}")
        return f"{', '.join(parts)}{failure}"

    def faults(self) -> tuple[str, ...]:
        """Return which countries are left out of the list in force, and why, a sentence each.

        What the last refresh saw goes before what the local copy shows of it.

        Raises:
            Refusal: STALE before the first list was adopted.
        """
        told = {fault.partition(":")[0]: fault for fault in self._trust.view().faults}
        seen = {fault.partition(":")[0]: fault for fault in self.state.faults}
        return tuple(seen.get(role, fault) for role, fault in sorted(told.items()))

    def _wait_us(self, failures: int) -> int:
        pace = self._pace
        if failures == 0:
            seconds = pace.every_s
        else:
            longest = min(pace.every_s, pace.retry_max_s) if self._is_stale() else pace.retry_max_s
            seconds = min(pace.retry_s * 2 ** min(failures - 1, 30), longest)
        part = int.from_bytes(self._randomness(2), "big") / 0x8000 - 1  # -1 to 1
        return int(seconds * (1 + JITTER * part) * _SECOND_US)

    def _is_stale(self) -> bool:
        try:
            self._trust.view().require_fresh(self._clock())
        except Refusal:
            return True
        return False

    def _update(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)

    def _warn(self, now: int) -> None:
        try:
            near = [expiry for expiry in self.expiries() if expiry.is_near(now)]
        except Refusal:  # no list is in force; that is told where it matters
            return
        due = [
            expiry
            for expiry in near
            if not 0 <= now - self._warned.get((expiry.kind, expiry.name), -_DAY_US) < _DAY_US
        ]
        self._warned = {
            named: at
            for named, at in self._warned.items()
            if named in {(expiry.kind, expiry.name) for expiry in near}
        }
        for expiry in due:
            self._warned[expiry.kind, expiry.name] = now
        for expiry in due[:_WARNINGS_MAX]:
            _log.warning(
                "expires_soon",
                kind=expiry.kind,
                name=expiry.name,
                seconds_left=(expiry.at - now) // _SECOND_US,
            )
        if len(due) > _WARNINGS_MAX:
            _log.warning("expires_soon", kind="others", count=len(due) - _WARNINGS_MAX)


def _span(duration_us: int) -> str:
    """Return a duration as people say it, in its largest unit."""
    seconds = max(0, duration_us) // _SECOND_US
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"
