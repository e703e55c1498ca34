"""A call that lasts for hours: what the fold holds of it, and what it still counts."""

from tests.bench.fold import held_after, played
from tests.bench.long_call import long_call


def test_memory_does_not_grow_with_the_call() -> None:
    after_an_hour, after_eight = held_after(1), held_after(8)

    # Four numbers of each turn are kept for percentiles, four bytes each.
    assert after_eight < 2 * after_an_hour + 4 * 4 * 2 * (8 * 3600 // 20)


def test_everything_is_counted_all_the_same() -> None:
    conversation = played(long_call(500)).conversation()

    assert conversation.totals.turns == 501
    assert conversation.totals.response_latency.n == 500
    assert len(conversation.turns) < 50
    assert conversation.totals.violations > 0
