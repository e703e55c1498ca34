"""The caller's acts are told from what Twilio answers to them."""

from relayproxy.lab.replay.deeds import Drop, Key, Reconnect, Utterance
from relayproxy.lab.replay.reading import Begun, lost, reconnections, seen, spoken
from tests.lab.replay.recorded import of_script

SETUP = "0.000 twilio setup sessionId=VX1 callSid=CA1\n"


def acts(text: str) -> list[Begun]:
    call = of_script(SETUP + text)
    return list(spoken(call, seen(call)))


def test_an_interruption_belongs_to_the_key_that_made_it() -> None:
    key, word = acts(
        """
        1.000 backend text "One, two, three, four, five." last
        1.300 twilio  info agentSpeaking on
        2.000 twilio  dtmf 5
        2.001 twilio  interrupt "One," 300
        2.002 twilio  info agentSpeaking off
        9.000 twilio  prompt "Hello." last
        """
    )

    assert key.deed == Key("5")
    assert key.interrupt is not None
    assert word.interrupt is None


def test_an_interruption_belongs_to_the_voice_that_made_it_though_a_key_was_pressed_before() -> None:
    key, word = acts(
        """
        0.100 twilio  dtmf 5
        1.000 backend text "One, two, three, four, five." last
        1.300 twilio  info agentSpeaking on
        2.000 twilio  info clientSpeaking on
        2.001 twilio  prompt "Hel"
        2.001 twilio  interrupt "One," 300
        2.002 twilio  info agentSpeaking off
        2.900 twilio  prompt "Hello." last
        """
    )

    assert (key.deed, key.interrupt) == (Key("5"), None)
    assert isinstance(word.deed, Utterance)
    assert word.interrupt is not None
    assert [partial.text for partial in word.deed.partials] == ["Hel"]


def test_words_without_partial_prompts_take_as_long_as_it_takes_to_say_them() -> None:
    (word,) = acts('5.000 twilio prompt "A table for two, please." last')

    assert isinstance(word.deed, Utterance)
    assert 900 <= word.deed.lasts_ms <= 1300


def test_a_voice_that_says_nothing_is_no_act_unless_it_stopped_the_agent() -> None:
    (word,) = acts(
        """
        1.000 twilio  info clientSpeaking on
        1.300 twilio  info clientSpeaking off
        6.000 twilio  info clientSpeaking on
        6.500 twilio  prompt "Hello." last
        """
    )

    assert isinstance(word.deed, Utterance)
    assert word.deed.lasts_ms == 500, "the noise before is not its beginning"


def test_a_sentence_that_is_broken_off_is_an_act_without_its_end() -> None:
    (word,) = acts('1.000 twilio prompt "I would"\n1.400 twilio prompt "I would like"')

    assert isinstance(word.deed, Utterance)
    assert (word.deed.text, len(word.deed.partials)) == (None, 2)


def test_who_lost_the_connection() -> None:
    again = "9.000 twilio@2 setup sessionId=VX1 callSid=CA1\n"
    by_twilio = of_script(SETUP + "4.000 - gone first=twilio twilio=reset backend=eof\n" + again)
    by_backend = of_script(SETUP + "4.000 - gone first=backend twilio=eof backend=reset\n" + again)

    assert [type(one.deed) for one in reconnections(by_twilio)] == [Drop, Reconnect]
    assert [type(one.deed) for one in reconnections(by_backend)] == [Reconnect]
    assert lost(of_script(SETUP + "4.000 - gone first=backend twilio=eof backend=reset")) is None
    assert lost(of_script(SETUP + "4.000 - gone first=twilio twilio=reset backend=eof")) is not None


def test_a_noise_is_told_without_events_by_the_words_that_do_not_follow() -> None:
    call = """
        1.000 twilio  prompt "What is there?" last
        1.500 backend text "There is soup of the day, and bread, and butter, and cheese, and then dessert." last
        3.000 twilio  interrupt "There is soup" 1000
        {} twilio  prompt "Thanks." last
        9.000 twilio  close 1000 'Closing websocket session'
        9.050 -       gone first=twilio twilio=eof backend=eof
        """
    _, noise, thanks = acts(call.format("7.000"))
    assert isinstance(noise.deed, Utterance)
    assert noise.deed.text is None
    assert noise.interrupt is not None
    assert thanks.interrupt is None

    _, thanks = acts(call.format("3.500"))
    assert thanks.interrupt is not None
