"""What one connection remembers: each secret once, and what the agent said, to know its echo."""

from hypothesis import given
from hypothesis import strategies as st

from relayproxy.redaction.masking.masking import SecretSeen
from relayproxy.redaction.streams.memory import AFTER_CARD, ASKED, MAX_SAID, SECOND, Memory
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


@given(st.lists(st.tuples(st.text("ab1", max_size=6), st.booleans()), max_size=8), st.text("ab1 ", max_size=4))
def test_an_echo_is_masked_as_the_first_of_its_places_that_was_masked(said: list[tuple[str, bool]], heard: str) -> None:
    memory, every, masked = Memory(), "", ""
    for text, secret in said:
        other = text.replace("1", "•") if secret else text
        memory.said(text, other)
        every, masked = every + text, masked + other
    sought, start = heard.strip(), len(heard) - len(heard.lstrip())
    places = [at for at in range(len(every)) if sought and every.startswith(sought, at)]
    expected: list[tuple[int, int]] | None = [] if places or not sought else None
    for at in places:
        changed = [n for n in range(len(sought)) if every[at + n] != masked[at + n]]
        if changed:
            expected = [(start + n, start + n + 1) for n in changed]
            break

    assert memory.echo(heard) == expected


def test_what_was_said_long_ago_is_forgotten() -> None:
    memory = Memory()
    memory.said("Your PIN is 4711. ", "Your PIN is ••••. ")
    for _ in range(MAX_SAID // 16):
        memory.said("It is all right.", "It is all right.")
    assert memory.echo("4711") is None
    assert memory.echo("all right") == []


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
