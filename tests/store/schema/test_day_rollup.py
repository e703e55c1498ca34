"""What half hours come to in a day."""

import zlib

import msgspec
import pytest

from relayproxy.store.schema.day_rollup import DAY, Step, add_up, day_of, keys_of_day, read_steps, write_steps
from relayproxy.store.schema.rollup import (
    BUCKET,
    MAX_VALUES,
    Rollup,
    histogram_of,
    pack_histogram,
    pack_sums,
    sums_of,
    whole,
)

ONE = Rollup(
    2, 3, 7, 9,
    [("a", None, pack_sums((1, 5))), ("b", "failed", pack_sums((1, 0)))],
    [(0, {"tier": 2}, pack_histogram({100: 2})), (1, {}, pack_histogram({30: 1}))],
    [(900 - number, 8, f"x{number}") for number in range(10)],
    [(1, 0, 0, 0, 5, 8, "x")],
)  # fmt: skip
OTHER = Rollup(
    1, 1, BUCKET, BUCKET,
    [("a", None, pack_sums((1, 2**40)))],
    [(0, {"tier": 1, "other": 4}, pack_histogram({100: 1}))],
    [(895, BUCKET, "y")],
    [(1, 2, 0, 0, 5, BUCKET, "y")],
)  # fmt: skip
NONE = Rollup(0, 0, None, None, [], [], [], [])


def test_a_day_has_the_numbers_of_all_of_its_half_hours() -> None:
    day = add_up((ONE, NONE, OTHER))

    assert (day.calls, day.responses, day.first, day.last) == (3, 4, 7, BUCKET)
    assert [(*how, sums_of(whole(sums), 2)) for *how, sums in day.endings] == [
        ("a", None, (2, 5 + 2**40)),
        ("b", "failed", (1, 0)),
    ]
    ((place, excluded, histogram),) = day.latencies
    assert (place, excluded, histogram_of(whole(histogram))) == (0, {"tier": 3, "other": 4}, {30: 1, 100: 3})
    assert [id for *_, id in day.slowest] == ["x0", "x1", "x2", "x3", "x4", "y", "x5", "x6", "x7", "x8"]
    assert [id for *_, id in day.worst] == ["y", "x"]
    assert add_up((NONE, NONE)) == NONE


def test_a_day_keeps_what_each_half_hour_adds_to_a_chart() -> None:
    assert read_steps(write_steps({0: ONE, BUCKET: OTHER})) == [
        Step(0, ONE.endings, ONE.latencies),
        Step(BUCKET, OTHER.endings, OTHER.latencies),
    ]


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\xff", write_steps({0: ONE})[:-3], zlib.compress(b"\x91\x93\0\x91\x93\xa1\xff\xc0\xc4\0\x90")],
    ids=len,
)
def test_damaged_steps_are_no_steps(damaged: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_steps(damaged)


def test_a_field_that_a_half_hour_has_no_rollups_of_has_none_in_the_day() -> None:
    both = frozenset({"", "default", "lang:de", "version:v1"})
    too_many = frozenset({"", "bookings", "lang:"})
    empty = frozenset({""})

    assert keys_of_day([both, empty, too_many]) == {"", "default", "bookings", "lang:de", "lang:"}
    assert keys_of_day([empty]) == {""}


def test_a_field_of_too_many_values_in_a_day_has_none() -> None:
    many = [frozenset({"", f"r{number}", f"version:v{number}"}) for number in range(MAX_VALUES + 1)]

    assert keys_of_day(many) == {"", *(f"r{number}" for number in range(MAX_VALUES + 1))}
    assert keys_of_day(many[:-1]) >= {"version:v0"}


def test_days_begin_at_midnight_in_utc() -> None:
    assert [day_of(moment) for moment in (0, DAY - 1, DAY, DAY + 1)] == [0, 0, DAY, DAY]
