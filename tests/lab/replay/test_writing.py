"""A script has the caller's acts, each with what of the agent's side came before it."""

from relayproxy.lab.replay.deeds import Drop, HangUp, Key, Partial, Reconnect, Utterance
from relayproxy.lab.replay.reading import seen
from relayproxy.lab.replay.script import Anchor, Reply, Script
from relayproxy.lab.replay.writing import write_script
from relayproxy.recordings.call import RecordedCall
from tests.lab.replay.recorded import of_fixture, of_script

GREETED = """
    0.000 twilio  setup sessionId=VX1 callSid=CA1 plan=gold from=+15550100007
    0.300 twilio  info agentSpeaking on
    1.300 twilio  info tokensPlayed "Welcome."
    1.300 twilio  info agentSpeaking off
"""
HUNG_UP = "close 1000 'Closing websocket session'"


def written(call: RecordedCall) -> Script:
    return write_script(call, seen(call))


def of(text: str) -> Script:
    return written(of_script(text))


def test_what_the_caller_says_grows_as_it_did_and_begins_when_the_agent_had_been_quiet_for_as_long() -> None:
    script = of(
        GREETED
        + f"""
        2.100 twilio  info clientSpeaking on
        2.100 twilio  prompt "a ta"
        2.400 twilio  prompt "a table"
        2.900 twilio  info clientSpeaking off
        2.900 twilio  prompt "A table." last
        3.500 backend text "For "
        3.600 backend text "how many?" last
        3.900 twilio  info agentSpeaking on
        4.600 twilio  info tokensPlayed "For how many?"
        4.600 twilio  info agentSpeaking off
        6.000 twilio  {HUNG_UP}
        6.050 -       gone first=twilio twilio=eof backend=eof
        """
    )

    speaks, hangs_up = script.acts
    partials = (Partial(0, "a ta", "en"), Partial(300, "a table", "en"))
    assert speaks.deed == Utterance(partials, "A table.", "en", 800)
    assert (speaks.anchor, speaks.before, speaks.turn) == (Anchor("quiet", 800), Reply(), 0)
    assert hangs_up.deed == HangUp()
    assert (hangs_up.anchor, hangs_up.before, hangs_up.turn) == (Anchor("quiet", 1450), Reply("For how many?"), 1)
    assert script.ending is None
    assert script.parameters == {"plan": "gold"}
    assert script.parties.from_number == "+15550100007"
    assert (script.twiml.greeting, script.twiml.events, script.twiml.partial_prompts) == ("Welcome.", True, True)


def test_an_interruption_is_told_by_what_had_been_heard_of_all_that_was_being_said() -> None:
    script = of(
        GREETED
        + f"""
        2.000 twilio  prompt "What is there?" last
        2.500 backend text "Soup of the day. "
        2.600 backend text "Bread and butter." last
        2.900 twilio  info agentSpeaking on
        3.700 twilio  info tokensPlayed "Soup of the day. "
        4.100 twilio  info clientSpeaking on
        4.110 twilio  info tokensPlayed "Bread"
        4.110 twilio  interrupt "Bread" 300
        4.110 twilio  prompt "thanks"
        4.120 twilio  info agentSpeaking off
        4.900 twilio  prompt "Thanks." last
        5.500 backend text "Bye." last
        5.600 backend end '{{"reasonCode":"done"}}'
        6.900 twilio  {HUNG_UP}
        6.950 -       gone first=twilio twilio=eof backend=eof
        """
    )

    _, thanks = script.acts
    assert thanks.anchor == Anchor("heard", chars=len("Soup of the day. Bread"))
    assert thanks.before.text == "Soup of the day. Bread and butter."
    assert script.last == Reply("Bye.", ("end",))
    assert script.ending is not None


def test_a_noise_that_stops_the_agent_is_an_act_without_words() -> None:
    script = of(
        GREETED
        + f"""
        2.000 twilio  prompt "What is there?" last
        2.500 backend text "Soup of the day." last
        2.900 twilio  info agentSpeaking on
        3.400 twilio  info clientSpeaking on
        3.400 twilio  interrupt "Soup of" 400
        3.410 twilio  info agentSpeaking off
        3.700 twilio  info clientSpeaking off
        9.000 twilio  info clientSpeaking on
        9.000 twilio  prompt "hello"
        9.500 twilio  prompt "Hello?" last
        10.00 backend text "Soup." last
        11.00 twilio  {HUNG_UP}
        11.10 -       gone first=twilio twilio=eof backend=eof
        """
    )

    _, noise, hello, _ = script.acts
    assert noise.deed == Utterance((), None, None, 300)
    assert noise.anchor == Anchor("heard", chars=len("Soup of"))
    assert isinstance(hello.deed, Utterance)
    assert hello.deed.text == "Hello?"
    assert hello.anchor == Anchor("act", 5300), "nothing had come of the agent since"


def test_an_agent_that_goes_on_by_itself_is_waited_for() -> None:
    script = of(
        GREETED
        + f"""
        2.000 twilio  prompt "Is there a table?" last
        2.500 backend text "One moment." last
        2.900 twilio  info agentSpeaking on
        3.400 twilio  info agentSpeaking off
        7.000 backend text "Yes, there is." last
        7.400 twilio  info agentSpeaking on
        8.000 twilio  info agentSpeaking off
        9.000 twilio  info clientSpeaking on
        9.500 twilio  prompt "Thanks." last
        9.900 twilio  {HUNG_UP}
        9.950 -       gone first=twilio twilio=eof backend=eof
        """
    )

    assert script.acts[1].anchor == Anchor("quiet", 1000, pauses_ms=(4000,))
    assert script.acts[1].before.text == "One moment. Yes, there is."


def test_a_key_while_an_answer_has_begun_and_is_not_heard_yet() -> None:
    script = of(
        GREETED
        + f"""
        2.000 twilio  dtmf 1
        2.400 backend text "Press "
        2.500 twilio  dtmf 2
        2.600 twilio  dtmf 3
        2.700 backend text "three." last
        2.800 twilio  info agentSpeaking on
        3.800 twilio  info agentSpeaking off
        5.000 twilio  {HUNG_UP}
        5.050 -       gone first=twilio twilio=eof backend=eof
        """
    )

    assert [(act.deed, act.anchor) for act in script.acts[1:3]] == [
        (Key("2"), Anchor("answer_begins", 100)),
        (Key("3"), Anchor("act", 100)),
    ]


def test_a_caller_who_hangs_up_in_the_middle_of_an_answer_with_and_without_events() -> None:
    call = """
        0.000 twilio  setup sessionId=VX1
        1.000 twilio  prompt "What is there?" last
        1.500 backend text "There is soup of the day, and bread, and butter, and cheese, and then dessert." last
        {}
        2.900 twilio  close 1000 'Closing websocket session'
        2.950 -       gone first=twilio twilio=eof backend=eof
    """
    reported = of(call.format("1.900 twilio info agentSpeaking on"))
    silent = of(call.format(""))

    for script in (reported, silent):
        assert script.acts[-1].anchor.after == "heard"
        assert 15 <= script.acts[-1].anchor.chars <= 35
    assert not silent.twiml.events


def test_a_connection_that_is_lost_and_made_again() -> None:
    script = of(
        GREETED
        + f"""
        2.000 twilio  prompt "A table." last
        2.500 backend text "For how many?" last
        4.000 -       gone first=twilio twilio=reset backend=eof
        5.000 twilio@2 setup sessionId=VX1 callSid=CA1
        6.000 twilio@2 prompt "Two." last
        6.500 backend@2 text "Good." last
        8.000 twilio@2 {HUNG_UP}
        8.050 -@2      gone first=twilio twilio=eof backend=eof
        """
    )

    assert [type(act.deed) for act in script.acts] == [Utterance, Drop, Reconnect, Utterance, HangUp]
    assert script.twiml.application_reconnect


def test_a_backend_that_drops_the_connection_leaves_the_caller_nothing_to_do() -> None:
    script = written(of_fixture("socket-drop"))

    assert [type(act.deed) for act in script.acts] == [Utterance]
    assert script.ending is not None


def test_a_line_that_drops_is_an_act() -> None:
    script = of(GREETED + "3.000 - gone first=twilio twilio=reset backend=eof")

    assert [(act.deed, act.anchor) for act in script.acts] == [(Drop(), Anchor("quiet", 1700))]


def test_what_the_twiml_must_have_been() -> None:
    spoken_over = of(
        GREETED
        + f"""
        2.000 twilio  prompt "What is there?" last
        2.500 backend text "Soup of the day and a great many other things." last
        2.900 twilio  info agentSpeaking on
        4.000 twilio  info clientSpeaking on
        5.000 twilio  prompt "Thanks." last
        9.900 twilio  info agentSpeaking off
        10.90 twilio  {HUNG_UP}
        11.00 -       gone first=twilio twilio=eof backend=eof
        """
    )

    assert spoken_over.twiml.interruptible == "dtmf"
    assert written(of_fixture("preempt-marked")).twiml.preemptible is False, "its messages say so themselves"


def test_a_recorded_call_with_keys() -> None:
    script = written(of_fixture("greeting-dtmf"))

    assert [(act.deed, act.anchor.after) for act in script.acts] == [
        (Key("9"), "heard"),
        (Key("8"), "quiet"),
        (HangUp(), "quiet"),
    ]
    assert script.acts[0].anchor.chars == len("This")
    assert script.twiml.greeting == "This"


def test_a_recorded_call_that_the_agent_ends() -> None:
    script = written(of_fixture("end-then-reconnect", 2))

    assert script.acts == ()
    assert script.last == Reply("This is the second relay session on the same call.", ("end",))
    assert script.ending == Anchor("quiet", 8208, pauses_ms=(11753,))
