"""The span tree: what is final, under which ids, and what never leaves in it."""

import msgspec

from relayproxy.conversation.spans import Span, spans
from tests.recordings import recording
from tests.script import START, play

CALL = """
    0.0  twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 to=+15550100002 callerName=Ivy direction=inbound
    1.0  twilio   prompt "my secret" last
    1.5  backend  text "Your secret"
    1.9  backend  text " is safe." last
    3.0  twilio   interrupt "Your" 460
    4.0  twilio   prompt "fine" last
"""
END = """
    4.2  backend  end '{"reasonCode":"live-agent","reason":"my secret"}'
    4.3  twilio   close 1000
    4.4  -        gone first=backend
"""


def whole(text: str) -> tuple[Span, ...]:
    played = play(text)
    return spans(played.fold.conversation(), played.opening)


def tree(text: str) -> tuple[Span, ...]:
    """Turns and root alone."""
    return tuple(span for span in whole(text) if span.name in ("turn", "conversation"))


def parts(text: str, number: int = 1) -> dict[str, tuple[float, float]]:
    """What a turn's time went into, seconds from the start."""
    found = [span for span in whole(text) if span.attributes.get("turn.number") == number and span.name != "turn"]
    return {span.name: (seconds(span.start), seconds(span.end)) for span in found}


def seconds(t: int) -> float:
    return (t - START) / 1e9


def test_a_finished_call() -> None:
    *turns, root = tree(CALL + END)

    assert [(s.name, seconds(s.start), seconds(s.end)) for s in (*turns, root)] == [
        ("turn", 0.0, 1.0),
        ("turn", 1.0, 4.0),
        ("turn", 4.0, 4.2),
        ("conversation", 0.0, 4.4),
    ]
    assert (root.kind, root.parent_span_id, root.error) == ("server", None, None)
    assert {s.parent_span_id for s in turns} == {root.span_id}
    assert {s.kind for s in turns} == {"internal"}
    assert len({s.trace_id for s in (*turns, root)}) == 1


def test_the_root_is_the_span_that_the_backend_was_told() -> None:
    played = play(CALL + END)
    opening = msgspec.structs.replace(played.opening, parent_span_id="00f067aa0ba902b7")

    *turns, root = spans(played.fold.conversation(), opening)

    assert (root.trace_id, root.span_id) == (opening.trace_id, opening.span_id)
    assert root.parent_span_id == "00f067aa0ba902b7"
    assert turns[0].parent_span_id == opening.span_id


def test_turn_ids_are_the_same_whenever_asked() -> None:
    live, ended = tree(CALL), tree(CALL + END)

    assert [s.span_id for s in live] == [s.span_id for s in ended[: len(live)]]
    ids = [s.span_id for s in whole(CALL + END)]
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 16 and int(i, 16) for i in ids)


def test_only_what_is_final_is_a_span() -> None:
    assert [s.attributes["turn.number"] for s in tree(CALL)] == [0]
    assert [s.attributes["turn.number"] for s in tree(CALL + "70.0 twilio info agentSpeaking off")] == [0, 1]


def test_every_span_names_the_conversation() -> None:
    for span in whole(CALL + END):
        assert span.attributes["gen_ai.conversation.id"] == "VX1"
        assert span.attributes["session.id"] == "VX1"
        assert span.attributes["conversation.id"] == "VX1"
        assert span.attributes["twilio.call_sid"] == "CA1"
    (unnamed,) = tree("1.0 - gone first=backend")
    assert unnamed.attributes["session.id"] == f"{1:032x}"
    assert "twilio.call_sid" not in unnamed.attributes


def test_a_turn_tells_its_numbers() -> None:
    greeting, turn, unanswered, _ = tree(CALL + END)

    assert turn.attributes["turn.number"] == 1
    assert turn.attributes["turn.was_interrupted"] is True
    assert turn.attributes["relayproxy.turn.response_latency"] == 0.5
    assert greeting.attributes["relayproxy.turn.null_reason"] == "no_prompt"
    assert unanswered.attributes["relayproxy.turn.unanswered"] is True
    assert [(e.name, seconds(e.at)) for e in turn.events] == [
        ("first", 1.5),
        ("first_sentence", 1.9),
        ("last", 1.9),
        ("interrupt", 3.0),
    ]
    assert turn.events[3].attributes["relayproxy.interruption.heard_duration"] == 0.46
    assert turn.events[3].attributes["relayproxy.barge_in.reaction_time"] == 0
    assert turn.attributes["relayproxy.turn.time_to_last_token"] == 0.9
    assert turn.attributes["relayproxy.turn.unheard_chars"] == len(" secret is safe.")
    assert "turn.user_bot_latency_seconds" not in turn.attributes


EVENTS = """
    0.000        twilio   setup
    0.900        twilio   info clientSpeaking on
    1.700        twilio   info clientSpeaking off
    2.000/2.001  twilio   prompt "Hello" last
    2.750/2.7525 backend  text "Good morning. "
    3.000        backend  text "Who is it?" last
    3.100        twilio   info agentSpeaking on
    5.000        twilio   info agentSpeaking off
    9.000        -        gone first=twilio
"""


def test_what_the_time_of_a_turn_went_into() -> None:
    assert parts(EVENTS) == {
        "input_wait": (1.7, 2.0),
        "backend": (2.001, 2.75),
        "stream": (2.7525, 3.0),
        "playback": (3.1, 5.0),
    }
    turn = next(span for span in whole(EVENTS) if span.attributes.get("turn.number") == 1)
    assert turn.attributes["turn.user_bot_latency_seconds"] == 1.4
    assert turn.attributes["turn.duration_seconds"] == 7.0


def test_parts_belong_to_their_turn() -> None:
    spans_of = whole(EVENTS)
    turn = next(span for span in spans_of if span.name == "turn" and span.attributes["turn.number"] == 1)

    assert {span.parent_span_id for span in spans_of if span.name in ("backend", "stream")} == {turn.span_id}


def test_without_events_playback_is_estimated_and_what_was_waited_for_is_not_known() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        2.0  backend  text "Thirty characters, all in all." last
        9.0  -        gone first=twilio
    """
    assert parts(call) == {"backend": (1.0, 2.0), "stream": (2.0, 2.0), "playback": (2.0, 4.35)}
    (playback,) = (span for span in whole(call) if span.name == "playback")
    assert playback.attributes["relayproxy.estimated"] is True


def test_playback_ends_with_an_interrupt() -> None:
    assert parts(CALL + END)["playback"] == (1.5, 3.0)


def test_a_turn_without_an_answer_has_no_parts() -> None:
    assert parts(CALL + END, 2) == {}


def test_the_root_tells_how_it_went() -> None:
    root = tree(CALL + END)[-1].attributes

    assert root["relayproxy.session.outcome"] == "ended_by_backend"
    assert root["relayproxy.session.predicted_studio_transition"] == "success"
    assert (root["relayproxy.session.turns"], root["relayproxy.session.interruptions"]) == (3, 1)
    assert (root["handoff.present"], root["handoff.json_valid"]) == (True, True)
    assert root["handoff.reason_code"] == "live-agent"


def test_a_sentence_is_no_reason_code() -> None:
    root = tree(CALL + """4.2 backend end '{"reason":"he said my secret"}'\n4.4 - gone first=twilio""")[-1]

    assert "handoff.reason_code" not in root.attributes


def test_a_failed_call_is_an_error() -> None:
    assert tree(CALL + "9.0 - gone first=backend")[-1].error == "backend_disconnect"
    assert tree("0.0 - refused status=401")[-1].error == "backend_connect_failed"
    assert tree(CALL + "9.0 - gone cause=relay_died")[-1].error is None


def test_no_content_and_no_number_leaves() -> None:
    sent = msgspec.json.encode(whole(CALL + END)).decode()

    for private in ("secret", "safe", "fine", "Your", "+1555", "Ivy", "asked"):
        assert private not in sent


def test_a_recorded_call() -> None:
    (session,) = recording("greeting-dtmf").sessions
    played = play("0.0 - opened")
    connection = played.opening.connection_id
    for message in session.messages():
        played.fold.feed(connection, message)
    played.fold.end(connection, session.ending())

    tree = spans(played.fold.conversation(), played.opening)

    turns = [span for span in tree if span.name == "turn"]
    assert [span.attributes["turn.was_interrupted"] for span in turns] == [True, False, False]
    assert [span.name for span in tree[1:5]] == ["turn", "backend", "stream", "playback"]
