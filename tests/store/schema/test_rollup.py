"""Numbers that stand side by side, and are added up at once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from relayproxy.store.schema.rollup import (
    BUCKET,
    Rollup,
    histogram_of,
    pack_histogram,
    pack_sums,
    read_rollup,
    start_of,
    sums_of,
    whole,
    write_rollup,
)

counts = st.dictionaries(st.integers(0, 10**8), st.integers(1, 1000), max_size=20)
three = st.lists(st.tuples(*[st.integers(0, 2**40)] * 3), min_size=1, max_size=9)


def test_a_rollup_is_read_as_it_was_written() -> None:
    one = Rollup(2, 5, 7, 9, [("a", None, b"\x01")], [(-1, {"tier": 2}, b"")], [(9, 8, "x")], [(1, 0, 0, 0, 5, 8, "x")])
    assert read_rollup(write_rollup(one)) == one


@given(three)
def test_sums_are_added_place_by_place(rows: list[tuple[int, ...]]) -> None:
    assert sums_of(sum(whole(pack_sums(row)) for row in rows), 3) == tuple(map(sum, zip(*rows, strict=True)))


@given(st.lists(counts, max_size=5))
def test_histograms_are_added_up_and_keep_what_is_short_as_it_is(every: list[dict[int, int]]) -> None:
    together: Counter[int] = Counter()
    for one in every:
        together.update(one)

    found = histogram_of(sum(whole(pack_histogram(one)) for one in every))

    assert sum(found.values()) == together.total()
    assert {ms: n for ms, n in found.items() if ms < 128} == {ms: n for ms, n in together.items() if ms < 128}
    spread = zip(sorted(Counter(found).elements()), sorted(together.elements()), strict=True)
    assert all(abs(rounded - real) <= real / 128 for rounded, real in spread)


def test_half_hours_begin_at_full_and_half_hours() -> None:
    assert [start_of(moment) for moment in (0, BUCKET - 1, BUCKET, BUCKET + 1)] == [0, 0, BUCKET, BUCKET]
