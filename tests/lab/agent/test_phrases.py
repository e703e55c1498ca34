"""What the demo agent says and understands."""

import re
import string

import pytest

from relayproxy.lab.agent.phrases import CODES, INTENTS, PHRASES, SpokenLanguage, slots


def intent(text: str) -> str | None:
    return next((name for name, pattern in INTENTS if re.search(pattern, text.lower())), None)


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("A table for four tomorrow at half past seven", {"party": "4", "day": "tomorrow", "time": "7:30"}),
        ("at seven thirty for two", {"party": "2", "time": "7:30"}),
        ("There will be 12 of us on Friday, around 8:15", {"party": "12", "day": "on friday", "time": "8:15"}),
        ("make it three", {"party": "3"}),
        ("Para cinco el sábado a las nueve y media", {"party": "5", "day": "el sábado", "time": "9:30"}),
        ("Is there anything for seven thirty?", {}),
        ("What's on the menu?", {}),
    ],
)
def test_an_utterance_may_tell_several_things_at_once(said: str, understood: dict[str, str]) -> None:
    assert slots(said, None) == understood


@pytest.mark.parametrize(
    ("asked", "said", "understood"),
    [
        ("party", "Six.", {"party": "6"}),
        ("party", "At six.", {"time": "6:00"}),
        ("time", "Six.", {"time": "6:00"}),
        ("time", "seven thirty", {"time": "7:30"}),
        ("name", "It's Ada Winter.", {"name": "Ada Winter"}),
        ("name", "Me llamo Inés Prado", {"name": "Inés Prado"}),
        ("name", "...", {}),
        ("day", "Six.", {}),
        (None, "Ada Winter", {}),
        (None, "My name is Ada Winter.", {"name": "Ada Winter"}),
    ],
)
def test_a_bare_answer_answers_what_was_asked_for_last(
    asked: str | None, said: str, understood: dict[str, str]
) -> None:
    assert slots(said, asked) == understood


def test_an_answer_that_names_a_day_is_no_name() -> None:
    assert slots("Tomorrow", "name") == {"day": "tomorrow"}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Can I talk to a person?", "person"),
        ("Could you check in the book?", "hold"),
        ("What do you recommend?", "specials"),
        ("What are my options?", "menu"),
        ("What's my name?", "your_name"),
        ("¿Cuál es el horario?", "hours"),
        ("¿Me pasa con alguien?", "person"),
        ("No, that's all, a person helped me", "person"),
        ("Let's go on in English", "en"),
        ("personally I like it", None),
    ],
)
def test_the_first_intent_whose_words_are_found_counts(said: str, meant: str | None) -> None:
    assert intent(said) == meant


@pytest.mark.parametrize("language", CODES)
def test_whatever_is_said_in_one_language_is_said_in_the_other(language: SpokenLanguage) -> None:
    assert PHRASES[language].keys() == PHRASES["en"].keys()
    assert all(phrase for phrases in PHRASES[language].values() for phrase in phrases)
    for key, phrases in PHRASES[language].items():
        named = {field for phrase in phrases for _, field, _, _ in string.Formatter().parse(phrase) if field}
        assert named == {"booked": {"name", "party", "day", "time"}, "your_name": {"name"}}.get(key, set())
