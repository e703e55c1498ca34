"""Rollup: the numbers of all calls that began in the same half hour, as a row keeps them.

Knows: how many of them are added up quickly: numbers stand side by side in one large number, so that one addition adds
all of them; by which fields there are rollups of the calls with each value.
Must not know: SQL; which calls count.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeVar

import msgspec

T = TypeVar("T")

BUCKET = 1800 * 1_000_000_000
"""Nanoseconds. Days of nearly all zones begin at a multiple of it."""
LISTED = 10
"""The slowest and the worst calls that are kept of each half hour."""

ALL, LISTING = "", ":"
"""Keys of the rollup of all calls, and of a row that lists the keys of its half hour."""
FIELDS = ("route", "outcome", "transition", "version", "lang")
"""Fields of filters of whose values there are rollups: they have few, and keep them when content is deleted."""
MAX_VALUES = 30
"""Of a field that has more in a half hour there are none in that half hour; routes are always told apart."""


def key_of(field: str, value: str | None) -> str:
    """The key of the rollup of the calls with this value, None for those without any. Names of routes, which alone are
    keys themselves, have no colon."""
    return value or "" if field == "route" else f"{field}:{value or ''}"


def value_of(key: str) -> tuple[str, str | None]:
    """The field and the value that a key is of."""
    field, colon, value = key.partition(":")
    return (field, value or None) if colon else ("route", field)


Endings = list[tuple[str | None, str | None, bytes]]
"""Outcome, Studio transition, and sums (`pack_sums`) of the calls that ended in this way."""
Latencies = list[tuple[int, dict[str, int], bytes]]
"""Of turns that began so many half hours later: those without a latency by reason, and a histogram (`pack_histogram`)
of the others."""
WaitKey = tuple[int, int, str]
"""How long the caller waited, when the call began, the session's id (ours)."""
FaultKey = tuple[int, int, int, int, int, int, str]
"""Failed or not, errors, unanswered turns, warnings, the longest wait, when the call began, the session's id (ours)."""


class Counts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Of the calls with one value of a field, or of all."""

    calls: int
    responses: int
    """The number of latencies."""
    first: int | None
    last: int | None
    """When the first and the last of them began, wall nanoseconds."""
    endings: Endings
    latencies: Latencies


class Rollup(Counts, frozen=True, array_like=True, gc=False):
    """The same, and the calls that stand out."""

    slowest: list[WaitKey]
    worst: list[FaultKey]


_decoder = msgspec.msgpack.Decoder(Rollup)
_counts = msgspec.msgpack.Decoder(Counts)
_versions = msgspec.json.Decoder(list[tuple[str | None, int]])


def write_rollup(rollup: Rollup) -> bytes:
    """A rollup as it is kept."""
    return msgspec.msgpack.encode(rollup)


def read_rollup(stored: bytes) -> Rollup:
    """Raises msgspec.DecodeError for what is none."""
    return unpacked(_decoder, stored)


def read_counts(stored: bytes) -> Counts:
    """The first part of a rollup, in half of the time. Raises as `read_rollup`."""
    return unpacked(_counts, stored)


def unpacked(decoder: "msgspec.msgpack.Decoder[T]", stored: bytes) -> T:
    """What the decoder makes of it. Raises msgspec.DecodeError, also where a text in it is none."""
    try:
        return decoder.decode(stored)
    except UnicodeDecodeError as problem:
        raise msgspec.DecodeError(str(problem)) from problem


def read_versions(stored: str) -> list[tuple[str | None, int]]:
    """Versions of the backend, and when the first call of each began. Raises msgspec.DecodeError for what is none."""
    return _versions.decode(stored)


def start_of(moment: int) -> int:
    """The beginning of the half hour that a moment is in."""
    return moment // BUCKET * BUCKET


def pack_sums(sums: Sequence[int]) -> bytes:
    """Whole numbers from 0 on."""
    return struct.pack(f"<{len(sums)}Q", *sums)


def sums_of(total: int, count: int) -> tuple[int, ...]:
    """So many numbers out of the sum of what `pack_sums` gave, each taken as one whole number (`whole`)."""
    return struct.unpack(f"<{count}Q", total.to_bytes(8 * count, "little"))


def pack_histogram(counts: Mapping[int, int]) -> bytes:
    """How often each of these whole numbers from 0 on occurs. Up to 127 they are kept as they are, larger ones to the
    64th part."""
    found = [0] * (1 + max(map(_place, counts), default=-1))
    for value, count in counts.items():
        found[_place(value)] += count
    return struct.pack(f"<{len(found)}I", *found)


def histogram_of(total: int) -> dict[int, int]:
    """The numbers and how often each occurs, out of the sum of what `pack_histogram` gave, each taken as one whole
    number (`whole`); of those that were not kept apart the one in their middle."""
    count = -(-total.bit_length() // 32)
    found = struct.unpack(f"<{count}I", total.to_bytes(4 * count, "little"))
    return {middle: one for middle, one in zip(_middles(count), found, strict=True) if one}


def whole(packed: bytes) -> int:
    """Packed numbers as one whole number, which can be added to others."""
    return int.from_bytes(packed, "little")


def packed(total: int) -> bytes:
    """What `whole` gives such a number for."""
    return total.to_bytes(-(-total.bit_length() // 8), "little")


def _place(value: int) -> int:
    width = max(0, value.bit_length() - 7)
    return 64 * width + (value >> width)


@cache
def _middles(count: int) -> tuple[int, ...]:
    """Of so many places."""
    return tuple(map(_middle, range(count)))


def _middle(place: int) -> int:
    width = max(0, place // 64 - 1)
    return ((place - 64 * width) << width) + ((1 << width) >> 1)
