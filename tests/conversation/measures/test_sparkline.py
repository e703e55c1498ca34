"""A call in miniature, however long it is and however often it is looked at."""

from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.measures.sparkline import (
    AGENT,
    CALLER,
    INTERRUPTED,
    MAX_BINS,
    SLOW,
    UNANSWERED,
    WAITING,
    SparklineBins,
    read_strip,
)
from relayproxy.conversation.model import Budget, Interruption, Mark, Played, Spoken, Turn
from tests.script import script

START = 1_800_000_000_000_000_000
MS = 1_000_000


def turn(
    caller: tuple[int, int] | None = None,
    agent: tuple[int, int] | None = None,
    *,
    cut: int | None = None,
    ended: int | None = None,
) -> Turn:
    """A turn with these times, milliseconds from the start."""
    asked = None if caller is None else START + caller[1] * MS
    answered = None if agent is None else START + agent[0] * MS
    backend = None if asked is None or answered is None else answered - asked
    return Turn(
        number=0,
        opened_by="prompt",
        started_at=START,
        ended_at=None if ended is None else START + ended * MS,
        caller_text="",
        caller_at=asked,
        agent_text="",
        agent_at=answered,
        agent_done_at=None,
        dtmf="",
        null_reason=None,
        coalesced_prompts=0,
        interruptions=() if cut is None else (Interruption(START + cut * MS, "caller_speech", "", None),),
        unanswered=ended is not None and agent is None,
        lang=None,
        budget=Budget(proxy_in=0, backend=backend, proxy_out=0) if backend is not None else Budget(),
        caller_begun_at=None if caller is None else START + caller[0] * MS,
        caller_done_at=asked,
        marks=()
        if caller is None
        else (Mark(START + caller[1] * MS, "prompt", "", (Spoken(START + caller[0] * MS, START + caller[1] * MS),)),),
        played=() if agent is None else (Played(START + agent[0] * MS, START + agent[1] * MS),),
    )


def strip(*turns: Turn, length: int) -> tuple[int, tuple[int, ...]]:
    made = SparklineBins(2000)
    for one in turns:
        made.add(one, START)
    return read_strip(made.text(length))


def test_who_speaks_and_who_waits() -> None:
    width, bins = strip(turn((0, 999), (1500, 2999), cut=2999), length=4000)
    assert width == 250
    assert bins == (
        *(CALLER,) * 3, CALLER | WAITING, WAITING, WAITING,
        *(AGENT | (WAITING if n == 0 else 0) for n in range(5)), AGENT | INTERRUPTED,
        *(0,) * 4,
    )  # fmt: skip


def test_a_slow_answer_and_one_that_never_came() -> None:
    _, slow = strip(turn((0, 0), (2000, 2100)), length=2500)
    assert slow[4] == WAITING | SLOW
    _, lost = strip(turn((0, 0), ended=1000), length=2500)
    assert lost[2] == WAITING | UNANSWERED


def test_a_caller_who_asks_again_unanswered_is_two_bars_with_the_red_gap_between_them() -> None:
    call = script(
        """
        0.0  twilio   setup
        1.0  twilio   prompt "Please cancel my table" last
        5.0  twilio   prompt "Hello?" last
        5.2  backend  text "Done." last
        5.2  twilio   close 1000
        5.2  -        gone first=twilio twilio=eof backend=eof
        """
    )
    _, bins = read_strip(call.strip)
    assert [n for n, bits in enumerate(bins) if bits & CALLER] == [0, 1, 2, 3, 4, 18, 19, 20]
    assert all(bits & UNANSWERED and bits & WAITING for bits in bins[4:19])
    assert not any(bits & UNANSWERED for bits in bins[19:])


def test_keys_are_ticks_and_no_seconds_of_speech() -> None:
    call = script("0.0 twilio setup\n1.0 twilio dtmf 1\n3.0 twilio dtmf 2\n3.5 backend text Thanks. last")
    _, bins = read_strip(call.strip)
    assert [n for n, bits in enumerate(bins) if bits & CALLER] == [4, 12]


def test_long_calls_have_wider_bins_and_lose_nothing() -> None:
    day = 24 * 3600 * 1000
    width, bins = strip(turn((0, 500)), turn((day - 9000, day - 8000), (day - 7000, day - 1)), length=day)
    assert MAX_BINS / 2 <= len(bins) <= MAX_BINS
    assert width * len(bins) >= day
    assert (bins[0], bins[-1]) == (CALLER | WAITING & 0, CALLER | WAITING | AGENT)


def test_nothing_yet() -> None:
    assert SparklineBins(2000).text(0) == ""
    assert read_strip("") == read_strip("x:A") == read_strip("250") == read_strip("250:é") == (0, ())


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5), st.integers(0, 10**5)),
        max_size=20,
    ),
    st.integers(0, 20),
)
def test_when_turns_are_added_does_not_matter(times: list[tuple[int, int, int, int]], settled: int) -> None:
    turns = [turn((at, at + a), (at + a + b, at + a + b + c)) for at, a, b, c in times]
    length = max((at + a + b + c for at, a, b, c in times), default=0)
    once = SparklineBins(2000)
    for one in turns:
        once.add(one, START)
    first = SparklineBins(2000)
    for one in turns[:settled]:
        first.add(one, START)
    later = first.copy()
    for one in turns[settled:]:
        later.add(one, START)
    assert later.text(length) == once.text(length)
    width, bins = read_strip(once.text(length))
    assert len(bins) <= MAX_BINS
    assert not turns or width * len(bins) >= length
