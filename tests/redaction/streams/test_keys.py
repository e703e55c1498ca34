"""Which keys are one run, by what is said between them."""

from typing import Any

import pytest

from relayproxy.connection import Side
from relayproxy.redaction.redactor import Redactor
from relayproxy.redaction.rules import Rules
from tests.redaction.conversation import SECOND, call, key, message, stored, token, words


def said(text: str) -> tuple[Side, dict[str, Any]]:
    return token(text, last=True)


PIN = "Please enter your PIN."


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([*map(key, "4821")], "••••"),
        ([said(PIN), *map(key, "48"), said("go on"), *map(key, "21")], "••••"),
        ([said("Geben Sie bitte Ihre PIN ein."), *map(key, "4821")], "••••"),
        ([said(PIN), *map(key, "4821"), said("Thanks. For sales press 1."), key("1"), said("ok")], "••••1"),
        ([said(PIN), *map(key, "4821#"), key("1"), said("ok")], "•••••1"),
        ([key("1"), said("For cars press 2."), key("2"), said("For red press 3."), key("3"), said("ok")], "123"),
        ([said("To change your PIN press three."), key("3"), said("Ok."), key("2"), said("ok"), key("1")], "321"),
        ([said("Para su PIN pulse el 3."), key("3"), said("Bien."), key("2"), said("ok"), key("1")], "321"),
        ([key("1"), ("backend", {"type": "play", "source": "https://a.example/b.mp3"}), key("2"), key("3")], "123"),
    ],
)
def test_one_key_every_six_seconds(sent: list[tuple[Side, dict[str, Any]]], kept: str) -> None:
    found = stored(call(*sent, every=6))
    pressed = [one for one, (_, value) in zip(words(found), sent, strict=True) if value["type"] == "dtmf"]
    assert "".join(pressed) == kept


def test_quick_keys_are_one_run_whatever_is_said_between_them() -> None:
    assert words(stored(call(key("4"), said("Thanks!"), key("8"), key("2"), every=2)))[::2] == ["•", "•"]


def test_a_key_waits_for_the_next_until_the_agent_has_spoken_and_no_longer_than_it_may() -> None:
    redactor = Redactor(Rules())
    assert redactor.feed(message(0, 1, *key("1"))) == []
    assert redactor.due(11 * SECOND) == []
    assert words(redactor.due(11 * SECOND + 1)) == ["1"]
    redactor.feed(message(1, 40, *key("2")))
    assert redactor.feed(message(2, 41, *said("Sales, hello."))) == []
    assert words(redactor.due(45 * SECOND + 1)) == ["2", "Sales, hello."]
    redactor.feed(message(3, 60, *said(PIN)))
    redactor.feed(message(4, 62, *key("2")))
    assert redactor.due(92 * SECOND) == []
    assert words(redactor.due(92 * SECOND + 1)) == ["2"]
