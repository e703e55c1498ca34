"""Text as chunks, words and partial transcripts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.lab.twilio import speech

PROSE = st.text(st.sampled_from("ab .,:!?\"'\n"), max_size=60)


def chunks(text: str) -> list[str]:
    found: list[str] = []
    while True:
        chunk, text = speech.clause(text, complete=True)
        if not chunk:
            return found
        found.append(chunk)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I heard: Four seven two.", ["I heard:", " Four seven two."]),
        ("Key 9.", ["Key 9."]),
        ("At 7:30, for 2.5 hours.", ["At 7:30, for 2.5 hours."]),
        ('He said "hello!" Then he left', ['He said "hello!"', " Then he left"]),
        ("  ", []),
        ("... and so on", ["...", " and so on"]),
    ],
)
def test_where_speech_is_cut(text: str, expected: list[str]) -> None:
    assert chunks(text) == expected


@pytest.mark.parametrize("text", ["." * 1_000_000, "a" + " " * 1_000_000, "a" + ".)" * 500_000 + "x"])
def test_long_texts_are_read_once(text: str) -> None:
    """To go back over them at each of their characters would take hours."""
    chunk, _ = speech.clause(text, complete=True)
    assert chunk == text
    assert "".join(word for word, _ in speech.words(text)) == text


def test_a_chunk_waits_until_it_is_whole() -> None:
    assert speech.clause("I hea", complete=False) == ("", "I hea")
    assert speech.clause("I heard:", complete=False) == ("I heard:", "")
    assert speech.clause("I heard: Four", complete=False) == ("I heard:", " Four")


@given(PROSE)
def test_chunks_and_words_lose_nothing(text: str) -> None:
    spoken = "".join(chunks(text))
    assert text.startswith(spoken)
    assert not text[len(spoken) :].strip()
    for chunk in chunks(text):
        assert "".join(word for word, _ in speech.words(chunk)) == chunk


def test_the_rate_is_that_of_recorded_calls() -> None:
    for text, recorded in (
        ("Key 9.", 662),
        ("I heard:", 638),
        (" Four seven two nine zero one three eight.", 1849),
        ("This is the second relay session on the same call.", 2627),
    ):
        ms = sum(ms for _, ms in speech.words(text)) + speech.MS_BREATH
        assert ms == pytest.approx(recorded, rel=0.25)


def test_digits_take_their_time() -> None:
    assert speech.digits_ms("1ww2") == 2 * speech.MS_PER_DIGIT + 2 * speech.MS_PER_DIGIT_PAUSE


@given(st.lists(st.text("abcdefgh", min_size=1), min_size=1).map(" ".join), st.integers())
def test_partials_grow_and_end_in_the_whole(text: str, seed: int) -> None:
    grown = speech.partials(text, random.Random(seed))
    assert grown[-1] == text
    lengths = [len(partial.split()) for partial in grown]
    assert lengths == sorted(set(lengths))


def test_some_partials_are_revised() -> None:
    text = "Wednesday evening around eleven perhaps"
    guesses = {partial for seed in range(50) for partial in speech.partials(text, random.Random(seed))}
    assert any(not text.startswith(guess + " ") and guess != text for guess in guesses)
