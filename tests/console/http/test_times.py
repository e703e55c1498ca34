"""Times as text."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from relayproxy.console.http import times

MS = 1_000_000


def test_rfc3339_keeps_microseconds_and_never_rounds_up() -> None:
    assert times.rfc3339(1_788_091_200_123_456_999) == "2026-08-30T12:00:00.123456Z"
    assert times.rfc3339(999_999_999) == "1970-01-01T00:00:00.999999Z"


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0:00.000"), (1_204 * MS, "0:01.204"), (3_723_004 * MS, "1:02:03.004"), (-20 * MS, "-0:00.020")],
)
def test_offsets_are_read_like_a_stopwatch(ns: int, text: str) -> None:
    assert times.offset(ns) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(-5, "0 ms"), (40, "40 ms"), (2_449, "2.4 s"), (42_900, "0:42"), (192_000, "3:12"), (3_723_000, "1:02:03")],
)
def test_durations_are_exact_while_they_are_short(ms: int, text: str) -> None:
    assert times.duration(ms) == text


def test_times_are_told_by_the_clocks_of_the_reader() -> None:
    noon = 1_788_091_200_123_456_999
    tokyo = ZoneInfo("Asia/Tokyo")
    told = {form: times.local(noon, tokyo, noon + 86_400_000 * MS, form) for form in ("full", "list", "clock", "exact")}
    assert told == {
        "full": "Aug 30, 2026, 21:00:00",
        "list": "Aug 30 21:00:00",
        "clock": "21:00:00.123",
        "exact": "21:00:00.123456",
    }


def test_a_time_of_today_goes_without_its_day_where_the_reader_is() -> None:
    noon = 1_788_091_200_000_000_000
    eight_hours_later = noon + 8 * 3_600_000 * MS
    assert times.local(noon, UTC, eight_hours_later, "list") == "12:00:00"
    assert times.local(noon, ZoneInfo("Asia/Tokyo"), eight_hours_later, "list") == "Aug 30 21:00:00"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "now"), (4, "now"), (59, "59 s ago"), (3_599, "59 m ago"), (86_399, "23 h ago"), (90_000, "1 d ago")],
)
def test_what_was_is_so_long_ago(seconds: int, text: str) -> None:
    assert times.ago(seconds * 1000) == text


def test_latencies_are_milliseconds_below_ten_seconds() -> None:
    assert [times.latency(ms) for ms in (0, 750, 9_999, 12_345)] == ["0 ms", "750 ms", "9,999 ms", "12.3 s"]


def test_sizes_are_in_the_largest_fitting_unit() -> None:
    assert [times.size(n) for n in (0, 1023, 1024, 900_000, 3 << 20, 5 << 30)] == [
        "0 B", "1023 B", "1.0 KiB", "878.9 KiB", "3.0 MiB", "5.0 GiB",
    ]  # fmt: skip
