"""What one connection remembers: each secret once, and what the agent said, to know its echo."""

from relayproxy.redaction.masking import SecretSeen
from relayproxy.redaction.memory import AFTER_CARD, ASKED, SECOND, Memory
from relayproxy.redaction.values import Detection


def test_a_secret_is_new_once() -> None:
    memory = Memory()
    assert memory.found(SecretSeen("card_number", "4111111111111111"), SECOND)
    assert not memory.found(SecretSeen("card_number", "4111111111111111"), 2 * SECOND)
    assert not memory.found(SecretSeen("number", "411111111"), 2 * SECOND)
    assert memory.context(SECOND).known == ("4111111111111111",)


def test_a_card_and_what_was_asked_for_are_forgotten_in_time() -> None:
    memory = Memory()
    memory.found(SecretSeen("card_number", "4111111111111111"), 0)
    memory.asks(Detection(asked=frozenset({"pin"})), 0)
    assert memory.context(SECOND).card
    assert memory.context(SECOND).asked == {"pin"}
    assert not memory.context(ASKED + 1).asked
    assert not memory.context(AFTER_CARD + 1).card


def test_what_was_played_is_masked_as_it_was_said() -> None:
    memory = Memory()
    memory.said("Your PIN is 4711. ", "Your PIN is ••••. ")
    assert memory.echo(" is 4711.") == [(4, 5), (5, 6), (6, 7), (7, 8)]
    assert memory.echo("Your PIN") == []
    assert memory.echo("something else") is None


def test_keys_that_were_sent() -> None:
    memory = Memory()
    memory.sent("4711#")
    assert memory.echoes_keys("4711#")
    assert memory.echoes_keys("711")
    assert not memory.echoes_keys("11")
    assert not memory.echoes_keys("999")


def test_a_menu_names_a_key_behind_a_word_for_pressing() -> None:
    for text, menu in [
        ("To change your PIN, press three.", True), ("Für Ihre PIN drücken Sie bitte die 3.", True),
        ("Para su PIN pulse el 3.", True), ("Please enter your four digit PIN.", False), ("Press the keys.", False),
    ]:  # fmt: skip
        memory = Memory()
        memory.said(text, text)
        assert memory.offers_choice() is menu


def test_what_is_no_secret_is_asked_for_too() -> None:
    memory = Memory()
    memory.asks(Detection(harmless="phone"), 0)
    assert memory.context(SECOND).harmless == "phone"
    assert not memory.context(SECOND).of_secrets
    assert memory.context(ASKED + 1).harmless is None


def test_an_address_is_remembered_by_its_local_part() -> None:
    memory = Memory()
    memory.found(SecretSeen("email", "jane dot doe at example dot com"), 0)
    memory.found(SecretSeen("email", "j@example.com"), 0)
    assert memory.context(SECOND).mailboxes == ("janedoe",)
