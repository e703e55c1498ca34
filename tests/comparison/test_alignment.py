"""Which turns of two calls belong together."""

import random

import pytest

from relayproxy.comparison.alignment import align
from relayproxy.conversation.model import Turn
from tests.script import script


def turns(*said: str) -> tuple[Turn, ...]:
    """A call in which the caller says this, or presses it (`#12`), and each is answered."""
    lines = ["0.0 twilio setup sessionId=VX1"]
    for place, text in enumerate(said):
        at = 5 * place + 1
        keys = [f"{at}.{n} twilio dtmf {key}" for n, key in enumerate(text[1:])]
        lines += keys if text.startswith("#") else [f'{at}.0 twilio prompt "{text}" last']
        lines.append(f'{at + 1}.0 backend text "ok" last')
    return script("\n".join(lines)).turns


ONE = ("hello", "a table", "for four")


@pytest.mark.parametrize(
    ("before", "after", "pairs"),
    [
        (ONE, ONE, [(0, 0), (1, 1), (2, 2), (3, 3)]),
        (ONE, ("hello", "for four"), [(0, 0), (1, 1), (2, None), (3, 2)]),
        (("hello", "for four"), ONE, [(0, 0), (1, 1), (None, 2), (2, 3)]),
        (ONE, ("hello", "a table please", "for four"), [(0, 0), (1, 1), (2, 2), (3, 3)]),
        (("yes please", "at five"), ("tomorrow at five",), [(0, 0), (1, None), (2, 1)]),
        (("#12", "hello"), ("hello",), [(0, 0), (1, None), (2, 1)]),
        (("#12",), ("#13",), [(0, 0), (1, 1)]),
        (("yes", "yes", "yes"), ("yes", "yes"), [(0, 0), (1, 1), (2, 2), (3, None)]),
        ((), (), [(0, 0)]),
    ],
)
def test_turns_are_aligned_by_what_the_caller_did(
    before: tuple[str, ...], after: tuple[str, ...], pairs: list[tuple[int | None, int | None]]
) -> None:
    assert align(turns(*before), turns(*after)) == pairs


def test_prompts_that_one_reply_answers_belong_to_the_turn_of_the_first() -> None:
    joined = script("""
        0.0 twilio setup sessionId=VX1
        1.0 twilio prompt "hello" last
        1.5 twilio prompt "a table" last
        2.0 backend text "Sure." last
        9.0 twilio prompt "for four" last
        9.5 backend text "Done." last
    """).turns
    assert len(joined) == 3
    assert align(turns(*ONE), joined) == [(0, 0), (1, 1), (2, None), (3, 2)]


def test_each_turn_is_there_once_and_in_order() -> None:
    rng = random.Random(5)
    for _ in range(30):
        calls = [turns(*rng.choices(("yes", "no", "#1", "a b", "b c", "c d e"), k=rng.randrange(12))) for _ in range(2)]
        pairs = align(*calls)
        for side in (0, 1):
            assert [pair[side] for pair in pairs if pair[side] is not None] == list(range(len(calls[side])))


def test_without_any_turn() -> None:
    assert align((), turns("hello")) == [(None, 0), (None, 1)]
