"""Places of a session's messages."""

from hypothesis import given
from hypothesis import strategies as st

from relayproxy.console.calls.messages.message_places import MessagePlace, MessagePlaces

lengths = st.lists(st.integers(0, 5), max_size=5).map(tuple)


def all_places(places: MessagePlaces) -> list[MessagePlace]:
    return [(index, seq) for index, length in enumerate(places.lengths) for seq in range(length)]


@given(lengths)
def test_ordinals_count_through_all_connections(given_lengths: tuple[int, ...]) -> None:
    places = MessagePlaces(given_lengths)
    found = all_places(places)
    assert [places.ordinal(place) for place in found] == list(range(places.total))
    assert [places.before(at) for at in range(places.total + 1)] == [None, *found]


def test_a_place_that_is_not_there_counts_as_the_next_one() -> None:
    places = MessagePlaces((3, 0, 2))
    assert [places.ordinal(place) for place in ((0, 9), (1, 0), (1, 7), (2, 9), (7, 0))] == [3, 3, 3, 5, 5]
    assert places.before(99) == (2, 1)


@given(st.lists(st.lists(st.integers(0, 50), max_size=8).map(sorted), min_size=1, max_size=3), st.integers(-5, 60))
def test_the_first_message_at_or_after_a_moment_is_found(times: list[list[int]], moment: int) -> None:
    # One connection after another, as in a call that came back.
    connections = [[time + 100 * index for time in given] for index, given in enumerate(times)]
    places = MessagePlaces(tuple(len(connection) for connection in connections))
    flat = [time for connection in connections for time in connection]
    asked: list[MessagePlace | None] = []

    def read_at(after: MessagePlace | None) -> int | None:
        asked.append(after)
        at = 0 if after is None else places.ordinal(after) + 1
        return flat[at] if at < len(flat) else None

    for wall in (moment, moment + 100, moment + 200):
        expected = next((at for at, time in enumerate(flat) if time >= wall), len(flat))
        assert places.at_time(wall, [100 * index for index in range(len(times))], read_at) == expected


def test_few_messages_are_read_to_find_a_moment() -> None:
    places, asked = MessagePlaces((1_000_000,)), []

    def read_at(after: MessagePlace | None) -> int:
        asked.append(after)
        return 0 if after is None else after[1] + 1

    assert places.at_time(777_777, [-1], read_at) == 777_777
    assert len(asked) <= 20
