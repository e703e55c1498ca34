"""Rollup of a day: what the rollups of its half hours come to, so that a month is thirty rows to read.

Knows: how half hours are added up to a day; that a day keeps what each of them adds to a chart, whose steps begin at
another half hour in each zone.
Must not know: SQL; when a day is added up.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from heapq import nlargest

import msgspec

from relayproxy.store.schema.rollup import (
    ALL,
    BUCKET,
    LISTED,
    MAX_VALUES,
    Endings,
    Latencies,
    Rollup,
    packed,
    unpacked,
    value_of,
    whole,
)

DAY = 48 * BUCKET
"""Nanoseconds. Days begin and end in UTC."""
_LEVEL = 3


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a half hour adds to a chart."""

    start: int
    endings: Endings
    latencies: Latencies


_decoder = msgspec.msgpack.Decoder(list[Step])


def write_steps(half_hours: Mapping[int, Rollup]) -> bytes:
    """The steps of these rollups, each with the beginning of its half hour, as they are kept."""
    steps = [Step(start, one.endings, one.latencies) for start, one in half_hours.items()]
    return zlib.compress(msgspec.msgpack.encode(steps), _LEVEL)


def read_steps(stored: bytes) -> list[Step]:
    """Raises msgspec.DecodeError for what is none."""
    try:
        return unpacked(_decoder, zlib.decompress(stored))
    except zlib.error as problem:
        raise msgspec.DecodeError(str(problem)) from problem


def day_of(moment: int) -> int:
    """The beginning of the day that a moment is in."""
    return moment // DAY * DAY


def add_up(half_hours: Iterable[Rollup]) -> Rollup:
    """The rollup of all of their calls. Its turns are all of the same place."""
    every = list(half_hours)
    endings: defaultdict[tuple[str | None, str | None], int] = defaultdict(int)
    latencies, excluded = 0, Counter[str]()
    for one in every:
        for outcome, transition, sums in one.endings:
            endings[outcome, transition] += whole(sums)
        for _, reasons, histogram in one.latencies:
            latencies += whole(histogram)
            excluded.update(reasons)
    return Rollup(
        calls=sum(one.calls for one in every),
        responses=sum(one.responses for one in every),
        first=min((one.first for one in every if one.first is not None), default=None),
        last=max((one.last for one in every if one.last is not None), default=None),
        endings=[(*how, packed(total)) for how, total in endings.items()],
        latencies=[(0, dict(excluded), packed(latencies))] if latencies or excluded else [],
        slowest=nlargest(LISTED, (key for one in every for key in one.slowest)),
        worst=nlargest(LISTED, (key for one in every for key in one.worst)),
    )


def keys_of_day(listings: Iterable[frozenset[str]]) -> frozenset[str]:
    """The keys of a day whose half hours have these: all of a field, unless there are too many, or a half hour with
    calls has none as there were too many in it."""
    listed = {one for one in listings if one != {ALL}}
    by_field: defaultdict[str, set[str]] = defaultdict(set)
    for key in frozenset[str]().union(*listed) - {ALL}:
        by_field[value_of(key)[0]].add(key)
    kept = (
        keys
        for field, keys in by_field.items()
        if field == "route" or (len(keys) <= MAX_VALUES and not any(map(keys.isdisjoint, listed)))
    )
    return frozenset({ALL}).union(*kept)
