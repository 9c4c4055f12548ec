"""Days, calendar months and working days, as time limits and experience are counted.

A period of months ends on the day of the same number, or on the last day of a month that has no
such day; a period of days begins with the day after the event (as in Regulation (EEC, Euratom) No
1182/71, Article 3). Experience is counted in whole days, each once: twelve months of it are 365
days, fewer are the fewest days that as many calendar months in a row have, so that whoever has
worked them always has them.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from node.model.recognition.form import CalendarEntry, ClockEntry

_EPOCH: Final = date(1970, 1, 1)
_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_FEWEST_DAYS: Final = (0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334)
_LAST_ORDINAL: Final = date.max.toordinal()
_MONTHS_OF_YEAR: Final = 12
_DAYS_OF_YEAR: Final = 365
_EARLIEST: Final = date.min.toordinal() - _EPOCH.toordinal()
_LATEST: Final = _LAST_ORDINAL - _EPOCH.toordinal()


@lru_cache(maxsize=4096)
def _day(days: int) -> date:
    return date.fromordinal(_EPOCH.toordinal() + min(max(days, _EARLIEST), _LATEST))


def day_of(at: int) -> date:
    """Return the day of a time (microseconds UTC); of one beyond the calendar its last day."""
    return _day(at // _DAY_US)


def add_days(day: date, count: int) -> date:
    """Return the day so many days later or earlier, at most the calendar's first or last."""
    return date.fromordinal(min(max(day.toordinal() + count, 1), _LAST_ORDINAL))


def add_months(day: date, count: int) -> date:
    """Return the day so many calendar months later or earlier."""
    months = day.year * _MONTHS_OF_YEAR + day.month - 1 + count
    year, month = months // _MONTHS_OF_YEAR, months % _MONTHS_OF_YEAR + 1
    if year < date.min.year:
        return date.min
    if year > date.max.year:
        return date.max
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@lru_cache(maxsize=4096)
def ends_on(start: date, clock: ClockEntry, calendar: CalendarEntry | None) -> date | None:
    """Return the last day of a time limit; None where the working days are not known so far."""
    if clock.unit == "months":
        return add_months(start, clock.count)
    if clock.unit == "days":
        return add_days(start, clock.count)
    if calendar is None or start < calendar.known_from or len(set(calendar.weekend)) >= 7:  # noqa: PLR2004 - days of a week
        return None
    holidays, day, left = frozenset(calendar.holidays), start, clock.count
    while left:
        if day >= calendar.known_until:
            return None
        day += timedelta(days=1)
        if day.isoweekday() not in calendar.weekend and day not in holidays:
            left -= 1
    return day


@lru_cache(maxsize=1024)
def days_of_months(months: int) -> int:
    """Return how many days of experience so many months are."""
    years, rest = divmod(months, _MONTHS_OF_YEAR)
    return years * _DAYS_OF_YEAR + _FEWEST_DAYS[rest]


def days_covered(spans: Iterable[tuple[date, date]], since: date, until: date) -> int:
    """Return how many days from `since` to `until` lie in one of the spans, first and last too."""
    total, reached = 0, since.toordinal() - 1
    for first, last in sorted(spans):
        begin = max(first.toordinal(), reached + 1)
        end = min(last.toordinal(), until.toordinal())
        if end >= begin:
            total += end - begin + 1
            reached = end
    return total
