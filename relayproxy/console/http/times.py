"""Times, durations and sizes as text.

Knows: how nanoseconds, milliseconds and bytes are written for programs (RFC 3339) and for people.
Must not know: who reads; what is being timed.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1)
_MINUTE = 60
_HOUR = 3600
_DAY = 86_400
_EXACT_BELOW_MS = 10_000

TimeForm = Literal["full", "list", "clock", "exact"]
"""How a time is told: with its whole date; with its day, unless that is today; by the clock alone, with milliseconds or
with microseconds."""


def rfc3339(ns: int) -> str:
    """Wall nanoseconds as UTC with microseconds, cut, never rounded: `2026-08-30T12:00:00.123456Z`."""
    return f"{(_EPOCH + timedelta(microseconds=ns // 1000)).isoformat(timespec='microseconds')}Z"


def utc(ns: int) -> str:
    """Wall nanoseconds in a sentence that is the same for everybody: `2026-08-30 12:00:00 UTC`."""
    return f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M:%S} UTC"


def local(ns: int, zone: tzinfo, now: int, form: TimeForm = "full") -> str:
    """Wall nanoseconds for a person whose clocks are those of the zone, cut, never rounded: `Aug 30, 2026, 14:00:00`;
    as `list` `Aug 30 14:00:00`, or `14:00:00` on the same day as `now`; as `clock` `14:00:00.123`."""
    at = datetime.fromtimestamp(ns // NS, zone)
    clock = f"{at:%H:%M:%S}"
    if form == "full":
        return f"{at:%b} {at.day}, {at.year}, {clock}"
    if form == "list":
        today = at.date() == datetime.fromtimestamp(now // NS, zone).date()
        return clock if today else f"{at:%b} {at.day} {clock}"
    return f"{clock}.{ns % NS // 1_000_000:03d}" if form == "clock" else f"{clock}.{ns % NS // 1000:06d}"


def ago(ms: int) -> str:
    """How long ago: `now`, `42 s ago`, `12 m ago`, `3 h ago`, `2 d ago`."""
    seconds = ms // 1000
    if seconds < 5:
        return "now"
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def offset(ns: int) -> str:
    """A distance from the start of a call: `0:01.204`, `1:02:03.004`; negative ones keep their sign."""
    millis = abs(ns) // 1_000_000
    seconds, millis = divmod(millis, 1000)
    sign = "-" if ns < 0 else ""
    return f"{sign}{_clock(seconds)}.{millis:03d}"


def duration(ms: int) -> str:
    """A length of time: `40 ms`, `2.4 s`, `0:42`, `3:12`, `1:02:03`."""
    if ms < 1000:
        return f"{max(ms, 0)} ms"
    if ms < _EXACT_BELOW_MS:
        return f"{ms / 1000:.1f} s"
    return _clock(ms // 1000)


def latency(ms: int) -> str:
    """A latency: milliseconds below ten seconds, else seconds."""
    return f"{ms:,} ms" if ms < _EXACT_BELOW_MS else f"{ms / 1000:.1f} s"


def micros(us: int) -> str:
    """A very short time: `120 µs`, `1.4 ms`, `230 ms`."""
    if us < 1000:
        return f"{us} µs"
    return f"{us / 1000:.1f} ms" if us < 100_000 else f"{us // 1000:,} ms"


def size(count: int) -> str:
    """A number of bytes: `412 B`, `1.4 KiB`, `3.0 MiB`."""
    if count < 1024:
        return f"{count} B"
    value = count / 1024
    for unit in ("KiB", "MiB"):
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _clock(seconds: int) -> str:
    hours, rest = divmod(seconds, _HOUR)
    minutes, seconds = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
