"""The text messages of an answer as they came."""

import pytest

from relayproxy.conversation.measures.stream import STALL, Stream, joined
from relayproxy.conversation.model import ChunkGaps
from relayproxy.conversation.moment import Moment

MS = 1_000_000


def stream(*tokens: tuple[int, str], last: int | None = None) -> Stream:
    """Tokens read at milliseconds, each written one millisecond later; `last`: when the reply ended."""
    made = Stream()
    for at, token in tokens:
        made.chunk(token, Moment(at * MS, (at + 1) * MS, "c", at))
    if last is not None:
        made.last((last + 1) * MS)
    return made


def test_a_stream_begins_with_its_first_chunk_and_counts_what_follows_it() -> None:
    found = stream((100, "Of "), (150, "course, "), (400, "sir."), last=400)

    assert (found.first_at, found.first_out, found.last_at, found.last_out) == (100 * MS, 101 * MS, 400 * MS, 401 * MS)
    assert (found.chunks, found.chars, found.later_chars) == (3, 15, 12)
    assert found.chunk_gaps() == ChunkGaps(50, 250, 250)
    assert found.rates() == (round(2 / 0.3, 3), 40.0)
    assert found.ended_out() == 401 * MS


def test_of_one_chunk_there_are_neither_gaps_nor_rates_and_its_end_is_its_own() -> None:
    found = stream((100, "Yes."), last=300)

    assert (found.chunk_gaps(), found.rates(), found.ended_out()) == (None, (None, None), 101 * MS)
    assert stream((100, "Yes.")).ended_out() is None
    assert stream((100, "a"), (100, "b")).rates() == (None, None), "no time has passed"


def test_a_gap_of_more_than_a_second_is_a_stall_and_the_longest_names_the_chunk_that_ended_it() -> None:
    found = stream((0, "a"), (1000, "b"), (2001, "c"), (2100, "d"))

    assert (STALL, found.stalls) == (1000 * MS, 1)
    assert found.longest_gap == (1001 * MS, Moment(2001 * MS, 2002 * MS, "c", 2001))


@pytest.mark.parametrize(
    ("tokens", "last", "at"),
    [
        (((10, "Hello. "), (20, "How")), None, 11),
        (((10, "Hello."), (20, " How")), None, 11),
        (((10, "Hello."), (20, "com"), (30, " is it! So")), None, 31),
        (((10, "It is 3."), (20, "5 miles")), None, None),
        (((10, "It is 3."), (20, "5 miles")), 40, 41),
        (((10, "Hello"), (20, ".")), 40, 21),
        (((10, 'She said "No." '), (20, "So")), None, 11),
        (((10, "Hello"),), None, None),
        ((), 40, None),
    ],
)
def test_the_first_sentence_is_complete_when_a_space_or_the_end_follows_it(
    tokens: tuple[tuple[int, str], ...], last: int | None, at: int | None
) -> None:
    assert stream(*tokens, last=last).sentence_out == (None if at is None else at * MS)


def test_several_responses_are_one_whose_pauses_between_are_no_gaps() -> None:
    found = joined(
        [stream((100, "One moment. "), (200, "Please."), last=200), stream(), stream((5000, "Here."), last=5100)]
    )

    assert (found.first_at, found.last_at, found.done_out) == (100 * MS, 5000 * MS, 5101 * MS)
    assert (found.chunks, found.chars, found.later_chars) == (3, 24, 12)
    assert (found.gaps, found.stalls) == ([100 * MS], 0)
    assert found.sentence_out == 101 * MS
    assert found.longest_gap is not None
    assert found.longest_gap[0] == 100 * MS


def test_of_no_response_nothing_is_known_but_that_it_ended() -> None:
    found = joined([stream(last=70)])

    assert (found.chunks, found.first_at, found.sentence_out, found.done_out) == (0, None, None, 71 * MS)
