"""What messages show besides the conversation: broken rules, Twilio's errors, gaps, the proxy's own delay."""

import msgspec
import pytest

from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation
from relayproxy.conversation.totals import Spread
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import policy
from tests.redaction.conversation import stored
from tests.script import START, play, script

SETUP = "0.0 twilio setup\n"
ASKED_TO_STOP = SETUP + '1.0 twilio prompt "Count" last \n 1.5 backend text "One, two, three." last\n'


def told(conversation: Conversation) -> list[tuple[str, str, int | None]]:
    return [(finding.code, finding.detail, finding.seq) for finding in conversation.findings]


def test_a_message_that_twilio_will_reject() -> None:
    call = script(SETUP + """1.0 backend raw '{"type":"text","text":"Hello"}'""")

    assert told(call) == [("invalid_message", "text without token", 1)]
    (finding,) = call.findings
    assert (finding.at, finding.twilio_code, finding.connection) == (START + 10**9, 64107, f"{1:032x}")
    assert (call.totals.violations, call.totals.consecutive_violations) == (1, 1)


def test_twilio_confirming_it_adds_nothing() -> None:
    confirmed = """
        1.0  backend  raw '{"type":"txt","token":"Hi"}'
        1.1  twilio   error 'Invalid message received, code: 64107, {"type":"txt","token":"Hi"}'
    """

    assert [code for code, _, _ in told(script(SETUP + confirmed))] == ["invalid_message"]


def test_twilio_rejecting_what_looks_valid() -> None:
    call = script(
        SETUP
        + """
        1.0  backend  text "Hi" last
        1.1  twilio   error 'Invalid message received, code: 64107, {"type":"text","token":"Hi","last":true}'
    """
    )

    assert told(call) == [("rejected_message", '{"type":"text","token":"Hi","last":true}', 2)]
    assert call.totals.violations == 1


def test_twilio_reporting_something_else() -> None:
    call = script(SETUP + '1.0 twilio error "Invalid speech model for provider"')

    assert told(call) == [("twilio_error", "Invalid speech model for provider", 1)]
    assert call.totals.violations == 0


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"type":"error","message":"Session not initialized"}', 'an error object of type "error"'),
        ('{"message":"Internal server error","connectionId":"x"}', "an error object"),
        ("<html><body><h1>502 Bad Gateway</h1></body></html>", "an HTML page"),
    ],
)
def test_errors_that_leak_into_the_socket(body: str, detail: str) -> None:
    assert told(script(SETUP + f"1.0 backend raw '{body}'")) == [("leaked_error", detail, 1)]


def test_an_interrupt_of_the_backends_own() -> None:
    call = script(ASKED_TO_STOP + """1.6 backend raw '{"type":"interrupt"}'""")

    assert told(call) == [("interrupt_sent", "an interrupt, which Twilio alone sends", 3)]
    assert (call.findings[0].twilio_code, call.totals.violations) == (64107, 1)


def test_the_callers_interrupt_is_none() -> None:
    assert told(script(ASKED_TO_STOP + '1.6 twilio interrupt "One" 100 \n 1.9 twilio prompt "Stop" last')) == []


@pytest.mark.parametrize(
    ("parameter", "found"),
    [("card=4242424242424242", True), ("ref=ref4242424242424242", False), ("since=1788000000000", False)],
)
def test_a_card_number_in_a_custom_parameter(parameter: str, found: bool) -> None:
    call = script(f"0.0 twilio setup sessionId=VX1 plan=gold {parameter}")

    detail = '16 digits that form a card number in "card"'
    assert told(call) == ([("parameter_card_number", detail, 0)] if found else [])


GREETED = SETUP + """0.5 twilio info tokensPlayed "Hello, is your card 4242 4242 4242 4242?"\n"""


def test_a_card_number_in_the_greeting() -> None:
    call = script(GREETED)

    assert call.turns[0].greeting
    assert told(call) == [("greeting_card_number", "16 digits that form a card number", 1)]


def test_what_the_backend_says_is_no_greeting() -> None:
    said = '0.4 backend text "Is your card 4242 4242 4242 4242?" last\n'
    played = '1.5 twilio info tokensPlayed "Is your card 4242 4242 4242 4242?"'

    assert "greeting_card_number" not in script(SETUP + said + played).totals.findings


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (None, ["parameter_card_number", "greeting_card_number", "handoff_card_number"]),
        (Rules(), ["parameter_card_number", "greeting_card_number", "handoff_card_number"]),
        (Rules(policy=policy(["card"], [])), ["greeting_card_number"]),
        (Rules(record="metadata"), []),
    ],
    ids=["full", "redacted", "fields", "metadata"],
)
def test_card_numbers_are_found_as_far_as_it_was_looked_for_them(rules: Rules | None, found: list[str]) -> None:
    greeted = GREETED.partition("\n")[2]
    said = """3.0 backend end '{"card":"5555 5555 5555 4444"}'"""
    call = play(f'0.0 twilio setup sessionId=VX1 card="4242 4242 4242 4242"\n{greeted}{said}')
    kept = call.messages if rules is None else stored(call.messages, rules)
    fold = Fold()
    fold.open(call.opening)
    for message in kept:
        fold.feed(call.opening.connection_id, message)

    assert [code for code, *_ in told(fold.conversation())] == found
    assert ("4242 4242" in str(kept)) is (rules is None)


def test_a_good_message_begins_the_count_anew() -> None:
    call = script(SETUP + "1.0 backend raw bad\n" * 9 + '2.0 backend text "Hi" last\n' + "3.0 backend raw bad\n" * 9)

    assert (call.totals.violations, call.totals.consecutive_violations) == (18, 9)
    assert "too_many_invalid" not in call.totals.findings
    assert call.findings[8].detail == "not JSON; 9 in a row"


def test_at_ten_in_a_row_twilio_gives_up() -> None:
    call = script(SETUP + "1.0 backend raw bad\n" * 10 + "1.2 twilio close 1007 'Too many.' \n 1.2 - gone first=twilio")

    assert call.totals.findings == {"call_failed": 1, "invalid_message": 10, "too_many_invalid": 1}
    assert (call.outcome, call.studio_transition, call.twilio_error_code) == ("protocol_error", "failed", 64105)


def test_many_findings_of_one_kind_are_counted_and_some_listed() -> None:
    call = script(SETUP + "1.0 backend raw bad\n1.1 backend text ok\n" * 50)

    assert call.totals.findings["invalid_message"] == 50
    assert len(call.findings) == 20


def test_a_binary_message_and_one_that_was_cut() -> None:
    played = play(SETUP)
    connection = played.opening.connection_id
    played.fold.feed(connection, Message(1, 10, "backend", "binary", data=b"\0", size=1))
    played.fold.feed(connection, Message(2, 11, "backend", "text", text='{"type":"te', cut=True, size=10**6))

    assert told(played.fold.conversation()) == [("invalid_message", "a binary message", 1)]


def test_gaps() -> None:
    played = play(SETUP)
    connection = played.opening.connection_id
    played.fold.feed(connection, Message(1, 10, "twilio", "gap", size=7000, note="buffer"))
    played.fold.feed(connection, Message(2, 11, "backend", "undecodable", size=5))
    played.fold.feed(connection, Message(3, 12, "backend", "gap", note="window_lost"))

    assert told(played.fold.conversation()) == [
        ("gap", "7,000 bytes not recorded (buffer)", 1),
        ("gap", "5 bytes that are not WebSocket frames", 2),
        ("gap", "an unknown number of bytes not recorded (window_lost)", 3),
    ]


def test_a_reconnect() -> None:
    call = script(
        """
        0.0  twilio    setup sessionId=VX1
        5.0  -         gone first=backend
        6.5  twilio@2  setup sessionId=VX1
        9.0  twilio@2  close 1000
        9.0  -@2       gone first=twilio
    """
    )

    (finding,) = call.findings
    assert (finding.code, finding.detail) == ("reconnected", "after 1.5 s without a connection")
    assert (finding.connection, finding.seq) == (f"{2:032x}", None)


def test_the_proxys_own_delay_by_direction() -> None:
    call = script("""
        0.000/0.0001   twilio   setup
        1.000/1.0002   twilio   prompt "Hello" last
        1.500/1.5010   backend  text "Hi." last
    """)

    found = call.totals.overhead_in
    assert (found.n, found.max_ms) == (2, 0.2)
    assert found.p50_ms == pytest.approx(0.1, rel=0.011)
    assert found.p95_ms == pytest.approx(0.2, rel=0.011)
    assert (call.totals.overhead_out.n, call.totals.overhead_out.max_ms) == (1, 1.0)


def test_messages_that_had_to_wait_are_counted_apart() -> None:
    played = play(SETUP)
    played.fold.feed(
        played.opening.connection_id, Message(1, 10, "backend", "text", text='{"type":"text","token":"a"}', held=True)
    )

    assert played.fold.conversation().totals.overhead_out == Spread(excluded={"backpressure": 1})


def test_a_second_setup_with_other_ids_leaves_a_mark() -> None:
    call = script("""
        0.0  twilio  setup sessionId=VX1 callSid=CA1
        1.0  twilio  setup sessionId=VX1 callSid=CA1
        2.0  twilio  setup sessionId=VX2 callSid=CA2
    """)

    assert [(one.code, one.detail, one.turn, one.seq) for one in call.findings] == [
        ("second_setup", "it names VX2, CA2", 0, 2)
    ]
    assert (call.session_id, call.call_sid) == ("VX1", "CA1")


@pytest.mark.parametrize(
    ("n", "size", "told"),
    [
        (50, 1, []),
        (51, 1, ["of 51 custom parameters, calls can be found by the first 50"]),
        (20, 4000, ["the recording alone has the 20 custom parameters of a very long setup message"]),
    ],
)
def test_more_custom_parameters_than_are_kept_are_counted(n: int, size: int, told: list[str]) -> None:
    parameters = " ".join(f"p{number}={'x' * size}" for number in range(n))

    played = play(f"0.0 twilio setup sessionId=VX1 {parameters}")
    fold = Fold()
    fold.open(played.opening)
    for message in played.messages:
        fold.feed(played.opening.connection_id, msgspec.structs.replace(message, size=len(message.text or "")))

    assert [one.detail for one in fold.conversation().findings if one.code == "parameters_left_out"] == told


def test_what_happens_in_a_turn_points_at_it() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello?" last
        1.5  backend  raw bad
        1.6  twilio   error "Something broke."
        2.0  backend  text "Yes." last
        3.0  backend  end bye
        3.1  twilio   close 1000
        3.1  -        gone first=twilio
    """)

    assert {finding.code: finding.turn for finding in call.findings} == {
        "invalid_message": 1,
        "twilio_error": 1,
        "handoff_not_json": 1,
    }
