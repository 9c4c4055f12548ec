"""Times as people and other programs write them; inside, they are microseconds UTC."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from node.errors import Code, Refusal
from node.model.trust_entries import day_start, microseconds

DAY_US: Final = 24 * 60 * 60 * 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_US: Final = -62_135_596_800_000_000
_LATEST_US: Final = 253_402_300_799_999_999
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def moment_text(at: int) -> str:
    """Return a time to the minute: 2026-11-23 09:00 UTC."""
    return f"{_moment(at).isoformat(' ')[:16]} UTC"


def day_text(at: int) -> str:
    """Return the day of a time, in UTC."""
    return _moment(at).date().isoformat()


def rfc3339(at: int) -> str:
    """Return a time to the second: 2026-11-23T09:00:00Z."""
    return f"{_moment(at).isoformat()[:19]}Z"


def parse_moment(text: str, name: str) -> int:
    """Read a time as RFC 3339 writes it, with its offset.

    Raises:
        Refusal: MALFORMED, with the name of the field.
    """
    try:
        if _MOMENT.fullmatch(text):
            leap = text[17:19] == "60"  # a leap second; the clock here has none
            plain = f"{text[:17]}59{text[19:]}" if leap else text
            return microseconds(datetime.fromisoformat(plain.upper())) + leap * 1_000_000
    except ValueError:  # such as the 31st of February
        pass
    raise Refusal(Code.MALFORMED, f"{name}: must be a time like 2026-11-23T09:00:00Z")


def parse_as_of(text: str, name: str, now: int) -> int:
    """Read a time that has been: RFC 3339, or a day, which stands for its end, in UTC.

    Raises:
        Refusal: MALFORMED where it is neither, or has not been yet.
    """
    if _DAY.fullmatch(text):
        try:
            begin = day_start(date.fromisoformat(text))
        except ValueError:
            raise Refusal(Code.MALFORMED, f"{name}: there is no day {text}") from None
        at = min(begin + DAY_US - 1, now) if begin <= now else begin
    else:
        at = parse_moment(text, name)
    if at > now:
        raise Refusal(
            Code.MALFORMED, f"{name}: {text} has not been yet; nobody knows what holds then"
        )
    return at


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(at, _EARLIEST_US), _LATEST_US))
