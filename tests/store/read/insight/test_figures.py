"""Sums of some calls and of others are sums of them all."""

from msgspec.structs import fields

from relayproxy.store.read.insight.figures import Sums


def test_each_number_is_added_to_its_own() -> None:
    one = Sums(*range(1, len(fields(Sums)) + 1))
    other = Sums(calls=10, ended=7)

    both = one + other

    assert (both.calls, both.turns, both.failed, both.ended) == (11, 2, 11, 19)
    assert one + Sums() == one
    assert Sums.of([one, other, one]) == one + other + one
    assert Sums.of([]) == Sums()
