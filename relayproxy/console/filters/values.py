"""Filter values: parses and writes numbers, durations and times.

Knows: units, calendar days of a zone, what "24h" counts back from.
Must not know: fields; what a value is compared with.

Every reader returns None for what it cannot read.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal

_S = 1_000_000_000
MAX_NUMBER = 2**31 - 1
"""The most that every column of numbers holds, and more than any call has: greater ones are taken for it."""
_MAX_BIGINT = 2**63
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LENGTH = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ?(ms|s|m|h|d|w)?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt_](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|z|[+-]\d\d:?\d\d)?", re.ASCII
)
_DAYS = {"today": 0, "yesterday": 1}

TimeSpan = tuple[int, int]
"""From, and to before; equal for a moment. Wall nanoseconds."""


def whole(text: str) -> int | None:
    """A whole number that a database can hold."""
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return number if (number := int(text)) < _MAX_BIGINT else None


def milliseconds(text: str) -> int | None:
    """A length of time: `2` and `2s` are seconds; also `1500ms`, `5m`, `1.5h`."""
    found = _LENGTH.fullmatch(text)
    return round(Decimal(found[1]) * _UNITS[found[2] or "s"]) if found else None


def seconds_text(ms: int) -> str:
    """Milliseconds as `milliseconds` reads them: `2`, `1.5`."""
    whole, rest = divmod(ms, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def span(text: str, now: int, zone: tzinfo = UTC) -> TimeSpan | None:
    """The span of time that a text names: a day (`2026-11-20`, `today`) or a moment (`2026-11-20T10:00`), of the zone
    unless an offset follows (`2026-11-20+09:00`), or a moment so long before `now` (`24h`, `7d`)."""
    low = text.lower()
    if low in _DAYS:
        return _day((day_of(now, zone) - timedelta(days=_DAYS[low])).isoformat(), zone)
    if (back := _LENGTH.fullmatch(low)) and back[2] and (ms := milliseconds(low)) is not None:
        moment = now - ms * 1_000_000
        return (moment, moment) if moment >= 0 else None
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    if found[5]:
        try:
            zone = datetime.strptime(found[5].upper(), "%z").tzinfo or zone
        except ValueError:
            return None
    return _moment(found, zone) if found[2] else _day(found[1], zone)


def stamp(ns: int, zone: tzinfo = UTC) -> str:
    """Wall nanoseconds as `span` reads them, exactly, as clocks in the zone show them and with their offset."""
    seconds, rest = divmod(ns, _S)
    at = datetime.fromtimestamp(seconds, zone)
    ahead = at.utcoffset() or timedelta()
    if not ahead or ahead % timedelta(minutes=1):  # some offsets of long ago had seconds
        at, offset = datetime.fromtimestamp(seconds, UTC), "Z"
    else:
        offset = at.isoformat()[-6:]
    text = f"{at:%Y-%m-%dT%H:%M}"
    if rest:
        return f"{text}:{at:%S}.{rest:09d}".rstrip("0") + offset
    return f"{text}:{at:%S}{offset}" if at.second else f"{text}{offset}"


def _moment(found: re.Match[str], zone: tzinfo) -> TimeSpan | None:
    try:
        at = datetime.fromisoformat(f"{found[1]}T{found[2]}:{found[3] or '00'}").replace(tzinfo=zone)
        ns = round(at.timestamp()) * _S + int((found[4] or "0").ljust(9, "0"))
    except (ValueError, OverflowError):
        return None
    return (ns, ns) if 0 <= ns < _MAX_BIGINT else None


def _day(text: str, zone: tzinfo) -> TimeSpan | None:
    try:
        day = date.fromisoformat(text)
        # A day on which clocks change has 23 or 25 hours.
        begin, end = (
            round(datetime.combine(one, time(), zone).timestamp()) * _S for one in (day, day + timedelta(days=1))
        )
    except (ValueError, OverflowError):
        return None
    return (begin, end) if 0 <= begin < end < _MAX_BIGINT else None


def day_of(ns: int, zone: tzinfo) -> date:
    """The day on which that time is in the zone."""
    return datetime.fromtimestamp(ns // _S, zone).date()
