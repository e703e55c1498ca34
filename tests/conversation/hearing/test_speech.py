"""Words and offsets of a stretch of speech, however it was cut into tokens."""

from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.fold.turns import Response
from relayproxy.conversation.hearing.speech import Speech, words


def speech(*tokens: str) -> Speech:
    made = Speech(Response("c"))
    for token in tokens:
        made.add(token)
    return made


def test_words_are_what_is_left_of_spelling() -> None:
    assert words("  Sure, FOR when?!\nÉté 5") == " sure for when été 5"
    assert words("...") == ""


@given(st.lists(st.text(alphabet="aB ,.é日_İ\n", max_size=4)))
def test_words_grow_with_the_speech(tokens: list[str]) -> None:
    made = Speech(Response("c"))
    for token in tokens:
        made.add(token)
        made.words()

    assert made.words() == words("".join(tokens))
    assert made.text() == "".join(tokens)
    assert made.length == len(made.text())


def test_an_offset_takes_the_punctuation_of_its_word() -> None:
    made = speech('Well, "sure": ', "go on. ")

    assert made.text()[: made.offset(len(" well"))] == "Well,"
    assert made.text()[: made.offset(len(" well sure"))] == 'Well, "sure":'
    assert made.text()[: made.offset(len(" well sure g"))] == 'Well, "sure": g'
    assert made.offset(0) == 0
    assert made.offset(len(made.words())) == made.length


@given(st.text(alphabet="ab ,.İß_é日", max_size=30), st.integers(0, 40))
def test_any_position_has_an_offset_and_later_ones_are_not_earlier(text: str, position: int) -> None:
    made = speech(text)

    assert 0 <= made.offset(position) <= made.offset(position + 1) <= made.length


def test_words_that_come_again_are_found_where_speech_is_expected_to_be() -> None:
    made = speech("One of two. Two of two. Three of two.")
    every = made.words()

    assert made.find(" of two", 0) == (len(" one of two"), "exact")
    assert made.find(" of two", len(every) / 2) == (len(" one of two two of two"), "exact")
    assert made.find(" of two", len(every)) == (len(every), "exact")


def test_a_beginning_of_at_least_half_the_words_is_a_fuzzy_match() -> None:
    made = speech("It costs $5 in all, thank you.")

    assert made.find(words("It costs five dollars"), 0) == (len(" it costs"), "fuzzy")
    assert made.find(words("It is five dollars"), 0) == (0, "none")
    assert made.find("", 0) == (0, "none")


def test_speech_is_expected_to_advance_at_the_speaking_rate() -> None:
    made = speech("one two three four")
    made.begin_at, made.end_at = 1_000_000_000, 2_800_000_000

    assert made.text()[: made.estimate(1_900_000_000, 10)] == "one two"
    assert made.estimate(1_000_000_000, 10) == 0
    assert made.estimate(2_800_000_000, 10) == made.length


@given(st.text(max_size=40), st.integers(0, 10**10), st.floats(0.1, 100))
def test_an_estimate_lies_within_the_text(text: str, at: int, rate: float) -> None:
    made = speech(text)
    made.end_at = 5_000_000_000

    assert 0 <= made.estimate(at, rate) <= made.length
