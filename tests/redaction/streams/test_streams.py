"""When the end of a stream is waited for, and for how long."""

import pytest

from relayproxy.redaction.redactor import Redactor
from relayproxy.redaction.rules import Rules
from tests.redaction.conversation import SECOND, call, message, prompt, stored, token, words


@pytest.mark.parametrize(
    "text", ["a table for two at 8", "yes please", "it costs 25", "on the 14th of May", "there are 3 of us"]
)
def test_an_ordinary_utterance_waits_for_nothing(text: str) -> None:
    assert len(Redactor(Rules()).feed(message(0, 1, *prompt(text)))) == 1


def test_an_utterance_of_nothing_but_digits_waits_for_the_next() -> None:
    redactor = Redactor(Rules())
    assert redactor.feed(message(0, 1, *prompt("4111"))) == []
    assert redactor.feed(message(1, 2, *token("Go on.", last=True))) == []
    assert words(redactor.feed(message(2, 3, *prompt("no, forget it, I will call back")))) == [
        "4111", "Go on.", "no, forget it, I will call back",
    ]  # fmt: skip


def test_words_between_two_groups_of_a_number() -> None:
    found = stored(call(prompt("4111 1111"), prompt("uh, wait"), prompt("1111 1111"), prompt("that is it now")))
    assert words(found) == ["•••• ••••", "uh, wait", "•••• 1111", "that is it now"]


def test_a_token_waits_for_the_end_of_its_last_word_alone() -> None:
    redactor = Redactor(Rules())
    assert len(redactor.feed(message(0, 1, *token("Sure, ")))) == 1
    assert redactor.feed(message(1, 2, *token("Ja"))) == []
    assert words(redactor.feed(message(2, 2.1, *token("ne! ")))) == ["Ja", "ne! "]
    assert redactor.feed(message(3, 3, *token("Bye"))) == []
    assert redactor.deadline == 5 * SECOND
    assert words(redactor.due(5 * SECOND)) == ["Bye"]


def test_an_answer_without_an_end_waits_no_longer_than_the_caller() -> None:
    redactor = Redactor(Rules())
    redactor.feed(message(0, 1, *token("Bye")))
    assert words(redactor.feed(message(1, 1.5, *prompt("what?")))) == ["Bye", "what?"]


def test_too_much_that_waits_is_let_go_masked() -> None:
    redactor = Redactor(Rules())
    found = redactor.feed(message(0, 1, *prompt("4111 1111 11")))
    for seq in range(1, 500):
        found += redactor.feed(message(seq, 1 + seq / 1000, *token("ok. ", last=True)))
    assert words(found)[0] == "•••• •••• ••"
    assert len(found) > 400


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Your security code is 123, right?", "Your security code is •••, right?"),
        ("Your verification code was 5582.", "Your verification code was ••••."),
        ("I write to jane dot doe at example dot com", "I write to ◦◦◦◦ ◦◦◦ ◦◦◦ ◦◦ ◦◦◦◦◦◦◦ ◦◦◦ ◦◦◦"),
    ],
)
def test_tokens_that_have_left_tell_what_comes(said: str, kept: str) -> None:
    pieces = said.replace(" ", "| ").split("|")
    tokens = [token(piece, last=nth == len(pieces)) for nth, piece in enumerate(pieces, 1)]

    assert "".join(words(stored(call(*tokens)))) == kept


def test_what_was_asked_for_in_many_tokens_is_masked() -> None:
    asked = [token(piece) for piece in ("And your", " security", " code", ", please")]

    assert words(stored(call(*asked, token("?", last=True), prompt("it's 482"))))[-1] == "it's •••"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("What is your phone number?", "4155550123"),
        ("And a telephone number, please?", "four one five five five five zero one two three"),
        ("Wie ist Ihre Telefonnummer?", "0151 555 0123"),
        ("¿Su teléfono móvil?", "seis uno dos tres cuatro cinco seis siete ocho"),
        (None, "my phone is 415 555 0123"),
    ],
)
def test_a_telephone_number_that_is_asked_for_or_called_one_is_not_waited_with(asked: str | None, said: str) -> None:
    redactor = Redactor(Rules())
    if asked is not None:
        redactor.feed(message(0, 1, *token(asked, last=True)))
    assert words(redactor.feed(message(1, 2, *prompt(said)))) == [said]


@pytest.mark.parametrize(
    ("asked", "said", "kept"),
    [
        ("What is your phone number?", "4155 5501", "4155 5501"),
        ("What is your order number?", "48213377", "48213377"),
        ("What is your phone number?", "4111 1111 1111 11", "•••• •••• •••• ••"),
        ("Your card number and your phone number?", "4111 1111", "•••• ••••"),
        ("Your card number?", "4155 5501", "•••• ••••"),
        ("Hello.", "4155 5501", "•••• ••••"),
    ],
)
def test_what_was_asked_for_decides_about_a_number_that_does_not_go_on(asked: str, said: str, kept: str) -> None:
    redactor = Redactor(Rules())
    redactor.feed(message(0, 1, *token(asked, last=True)))
    assert redactor.feed(message(1, 2, *prompt(said))) == []
    assert redactor.due(31 * SECOND) == []
    assert words(redactor.due(32 * SECOND)) == [kept]


def test_a_card_number_that_is_said_where_a_telephone_number_was_asked_for() -> None:
    said = ["4111 1111", "1111 1111"]
    found = stored(call(token("Your phone number?", last=True), *map(prompt, said), prompt("so"), every=3))
    assert words(found)[1:3] == ["•••• ••••", "•••• 1111"]
