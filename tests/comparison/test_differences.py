"""Differences of facts, and noise."""

from collections.abc import Sequence

from relayproxy.comparison.differences import Place, differences
from relayproxy.comparison.facts import Facts
from relayproxy.comparison.limits import Limits
from relayproxy.comparison.model import Difference, Fact

ENDING: Fact = ("ending", "")
WORDS: Fact = ("text", "")
SLOW: Fact = ("findings", "slow_turn")


def differ(fact: Fact, before: Sequence[object], after: Sequence[object], at_once: int = 1) -> list[Difference]:
    place = Place((1, 1), [{fact: value} for value in before], [{fact: value} for value in after])
    (found,), _ = differences([place], Limits(), at_once)
    return found


def test_one_run_of_each_differs_as_soon_as_the_value_is_another() -> None:
    assert differ(ENDING, ["caller_hangup"], ["caller_hangup"]) == []
    (found,) = differ(ENDING, ["ended_by_backend"], ["backend_disconnect"])
    assert found.text == "The call ended as “Backend disconnected” instead of “Ended by backend”."
    assert found.exceeds


def test_what_varies_differs_only_beyond_chance() -> None:
    assert differ(SLOW, [True, False, False], [True, True, True]) == []
    (found,) = differ(SLOW, [True, *[False] * 9], [True] * 10)
    assert found.text == "New finding: Slow answer (slow_turn), in 10 of 10 runs; before in 1 of 10."
    assert found.exceeds
    (found,) = differ(SLOW, [True] * 9 + [False], [False] * 10)
    assert found.text.startswith("No longer found: Slow answer")
    assert not found.exceeds


def test_a_value_that_only_becomes_more_frequent() -> None:
    (found,) = differ(SLOW, [True] * 11 + [False] * 9, [True] * 20)
    assert found.text == "New finding: Slow answer (slow_turn), in 20 of 20 runs; before in 11 of 20."


def test_the_more_facts_vary_the_rarer_has_a_difference_to_be_by_chance() -> None:
    before, after = [True, *[False] * 9], [*[True] * 7, *[False] * 3]
    assert len(differ(SLOW, before * 2, after * 2)) == 1
    coins: list[Facts] = [{("findings", str(n)): bool(run & 1 << n % 2) for n in range(60)} for run in range(20)]
    sides = [[coin | {SLOW: slow} for coin, slow in zip(coins, side * 2, strict=True)] for side in (before, after)]
    assert differences([Place((1, 1), *sides)], Limits())[0] == [[]]
    assert differ(SLOW, before * 2, after * 2, at_once=60) == []
    # What is in all runs of one version, and in none of the other, is no chance.
    assert differ(SLOW, [True, *[False] * 7], [True] * 8, at_once=60) == []
    apart = [{WORDS: "a"}] * 8, [{WORDS: "b"}] * 8
    varying = [{WORDS: word} for word in "abababab"]
    found, _ = differences([Place((1, 1), *apart), Place((2, 2), varying, varying)], Limits(), at_once=60)
    assert [len(one) for one in found] == [1, 0]


def test_words_that_vary_in_one_turn_are_noise_in_all() -> None:
    places = [
        Place((1, 1), [{WORDS: "a"}, {WORDS: "b"}], [{WORDS: "a"}, {WORDS: "c"}]),
        Place((2, 2), [{WORDS: "d"}, {WORDS: "d"}], [{WORDS: "e"}, {WORDS: "e"}]),
    ]
    found, noise = differences(places, Limits())
    assert found == [[], []]
    assert [(one.kind, one.turns, one.text) for one in noise] == [
        ("text", 1, "The agent's words vary between runs in 1 turn.")
    ]


def test_numbers_are_masked_only_where_they_vary() -> None:
    assert differ(WORDS, ["Order 12", "Order 13"], ["Order 14", "Order 15"]) == []
    assert len(differ(WORDS, ["Order 12", "Order 13"], ["Offer 14", "Offer 15"])) == 1
    assert len(differ(WORDS, ["Order 12", "Order 12"], ["Order 14", "Order 14"])) == 1


def test_values_of_other_types_are_others() -> None:
    field: Fact = ("handoff", "n")
    assert [len(differ(field, [was], [now])) for was, now in ((1, True), (1, "1"), (None, "x"), (2, 2))] == [1, 1, 1, 0]
