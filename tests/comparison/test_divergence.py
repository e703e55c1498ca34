"""A reply diverges when it asks for something else; another wording of the same question does not."""

import pytest

from relayproxy.comparison.divergence import common, divergence, request
from relayproxy.lab.agent.phrases import PHRASES
from relayproxy.lab.replay.script import Reply

QUESTIONS = ("ask_party", "ask_day", "ask_time", "ask_name")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (one, other)
        for phrases in (PHRASES["en"], PHRASES["es"])
        for name in ("greeting", *QUESTIONS)
        for one in phrases[name]
        for other in phrases[name]
    ]
    + [
        ("May I have your name, please?", "Please tell me your name."),
        ("We are open until ten.", "We close at eleven."),
        ("We are open until ten.", "We are open until ten. Can I help you with anything else?"),
        ("Anything else?", "Can I do something else for you today?"),
        (
            "Thank you, Ada. Your card ends in ••••. Is that right?",
            "Thank you, Ada. Your card ends in 1111. Is that right?",
        ),
        ("几位用餐？", "请问几位用餐？"),
        ("", "Anything?"),
    ],
)
def test_another_wording_is_no_divergence(before: str, now: str) -> None:
    assert divergence(Reply(before), Reply(now)) is None


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (PHRASES[language][one][0], PHRASES[language][other][0])
        for language in ("en", "es")
        for one in QUESTIONS
        for other in QUESTIONS
        if one != other
    ],
)
def test_another_question_is_a_divergence(before: str, now: str) -> None:
    reason = divergence(Reply(before), Reply(now))

    assert reason is not None
    assert reason.startswith("it asked “")


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (
            "Certainly. For which day?",
            "Your booking is cancelled.",
            "it no longer asked “For which day?”; it said “Your booking is cancelled.”",
        ),
        (
            "Your booking is cancelled.",
            "Are you sure?",
            "it asked “Are you sure?”, where it had said “Your booking is cancelled.”",
        ),
        ("For which day?", "", "it said nothing, where it had said “For which day?”"),
        (
            "Anything else?",
            "Shall I delete your account?",
            "it asked “Shall I delete your account?”, where it had asked “Anything else?”",
        ),
    ],
)
def test_the_reason_is_one_sentence(before: str, now: str, reason: str) -> None:
    assert divergence(Reply(before), Reply(now)) == reason


def test_how_few_words_are_too_few_can_be_said() -> None:
    before, now = Reply("For which day and month?"), Reply("For which day and year?")

    assert common(before.text, now.text) == 0.5
    assert divergence(before, now) is None
    assert divergence(before, now, below=0.6) is not None
    assert divergence(Reply("For which day?"), Reply("Your name?"), below=0) is None


def test_media_instead_of_words_is_not_nothing() -> None:
    assert divergence(Reply("One moment, please."), Reply("", ("play",))) is None


def test_requests_are_questions_or_else_orders() -> None:
    assert request("Good evening. For which day? For how many?") == "For which day? For how many?"
    assert request("Thank you. Please enter your PIN. Then wait.") == "Please enter your PIN."
    assert request("We are open.") is None
