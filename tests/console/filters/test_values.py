"""Numbers, lengths of time and times as people write them, and as they are written back."""

from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.console.filters.values import day_of, milliseconds, seconds_text, span, stamp, whole

S = 1_000_000_000
NOW = 1_795_521_600 * S  # 2026-11-24T12:00Z
BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")


@given(st.integers(0, 2**63 - 1))
def test_a_stamp_says_the_exact_time(ns: int) -> None:
    assert span(stamp(ns), NOW) == (ns, ns)
    for zone in ("Europe/Berlin", "Asia/Kolkata", "America/St_Johns"):
        assert span(stamp(ns, ZoneInfo(zone)), NOW) == (ns, ns)


@pytest.mark.parametrize(
    ("text", "ms"), [("2", 2000), ("0.0004", 0), ("2 s", 2000), ("-2", None), ("", None), ("1e3", None)]
)
def test_lengths_of_time(text: str, ms: Any) -> None:
    assert milliseconds(text) == ms


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), None),
        ("9" * 20, None),
        ("²", None),
        ("-1", None),
    ],
)
def test_a_whole_number_is_one_that_a_database_holds(text: str, number: int | None) -> None:
    assert whole(text) == number


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1500ms", 1500),
        ("5m", 300_000),
        ("1.5h", 5_400_000),
        ("1d", 86_400_000),
        ("2w", 1_209_600_000),
        ("5 m", 300_000),
    ],
)
def test_a_length_of_time_has_a_unit(text: str, ms: int) -> None:
    assert milliseconds(text) == ms


@given(st.integers(0, 10**12))
def test_seconds_are_read_as_they_were_written(ms: int) -> None:
    assert milliseconds(seconds_text(ms)) == ms


@pytest.mark.parametrize(("ms", "text"), [(2000, "2"), (1500, "1.5"), (7, "0.007"), (0, "0")])
def test_seconds_have_no_more_digits_than_they_need(ms: int, text: str) -> None:
    assert seconds_text(ms) == text


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * S


@pytest.mark.parametrize(
    ("text", "zone", "begin", "end"),
    [
        ("24h", UTC, "2026-11-23T12:00+00:00", "2026-11-23T12:00+00:00"),
        ("today", BERLIN, "2026-11-24T00:00+01:00", "2026-11-25T00:00+01:00"),
        ("Yesterday", KOLKATA, "2026-11-23T00:00+05:30", "2026-11-24T00:00+05:30"),
        ("2026-10-25", BERLIN, "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("2026-11-20+0900", BERLIN, "2026-11-20T00:00+09:00", "2026-11-21T00:00+09:00"),
        ("2026-11-20_10:00", BERLIN, "2026-11-20T10:00+01:00", "2026-11-20T10:00+01:00"),
        ("2026-11-20t10:00:05z", BERLIN, "2026-11-20T10:00:05+00:00", "2026-11-20T10:00:05+00:00"),
    ],
)
def test_a_day_or_moment_is_the_readers_unless_an_offset_follows(text: str, zone: tzinfo, begin: str, end: str) -> None:
    assert span(text, NOW, zone) == (at(begin), at(end))


@pytest.mark.parametrize(
    "text", ["", "24", "2026-02-30", "2026-11-20T25:00", "2026-11-20+99:00", "1600-01-01", "9000w"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert span(text, NOW) is None


@pytest.mark.parametrize(
    ("ns", "zone", "text"),
    [
        (NOW, UTC, "2026-11-24T12:00Z"),
        (NOW + 5 * S, BERLIN, "2026-11-24T13:00:05+01:00"),
        (NOW + 1, KOLKATA, "2026-11-24T17:30:00.000000001+05:30"),
        (NOW + S // 2, UTC, "2026-11-24T12:00:00.5Z"),
    ],
)
def test_a_stamp_is_as_short_as_it_can_be(ns: int, zone: tzinfo, text: str) -> None:
    assert stamp(ns, zone) == text


def test_the_day_is_that_of_the_zone() -> None:
    late = at("2026-11-24T23:30+00:00")

    assert [day_of(late, zone) for zone in (UTC, BERLIN)] == [date(2026, 11, 24), date(2026, 11, 25)]
