"""The span tree: what is final, under which ids, and what never leaves in it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproxy.connection import Opening
from relayproxy.conversation.measures.attributes import AttributeValue
from relayproxy.conversation.measures.content import EndWords
from relayproxy.conversation.measures.spans import Span, SpanLink, SpanOptions, spans
from relayproxy.conversation.model import Conversation
from tests.conversation.fold.test_fold import course, courses
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


def called(text: str) -> tuple[Conversation, Opening]:
    played = play(text)
    return played.fold.conversation(), played.opening


def whole(text: str, **options: Any) -> tuple[Span, ...]:
    conversation, opening = called(text)
    return spans(conversation, opening, None, SpanOptions(**options), EndWords().after(conversation.turns))


def tree(text: str, **options: Any) -> tuple[Span, ...]:
    """Turns and root alone."""
    return tuple(span for span in whole(text, **options) if span.name in ("turn", "conversation"))


def inside(text: str, number: int = 1) -> dict[str, Span]:
    """What is in a turn."""
    found = [span for span in whole(text) if span.attributes.get("turn.number") == number and span.name != "turn"]
    return {span.name: span for span in found}


def times(text: str, number: int = 1) -> dict[str, tuple[float, float]]:
    """What a turn's time went into, seconds from the start."""
    return {name: (seconds(span.start), seconds(span.end)) for name, span in inside(text, number).items()}


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
        assert span.attributes["langsmith.metadata.thread_id"] == "VX1"
        assert span.attributes["twilio.call_sid"] == "CA1"
        assert span.attributes["gen_ai.agent.name"] == "default"
        assert "gen_ai.request.model" not in span.attributes
        of_turn = {name: span.attributes.get(name) for name in ("turn.number", "turn.was_interrupted")}
        assert None not in of_turn.values() or span.name == "conversation"
    (unnamed,) = tree("1.0 - gone first=backend")
    assert unnamed.attributes["session.id"] == f"{1:032x}"
    assert "twilio.call_sid" not in unnamed.attributes


def test_what_happened_in_a_turn_is_on_it_as_events() -> None:
    _, turn, _, _ = tree(CALL + END)

    assert [(e.name, seconds(e.at)) for e in turn.events] == [
        ("first", 1.5),
        ("first_sentence", 1.9),
        ("last", 1.9),
        ("interrupt", 3.0),
    ]
    assert turn.events[3].attributes["relayproxy.interruption.heard_duration"] == 0.46
    assert not any(event.attributes for event in turn.events[:3])


def test_of_many_interruptions_a_few_are_events_and_all_are_counted() -> None:
    conversation, opening = called(CALL + END)
    turn = conversation.turns[1]
    often = msgspec.structs.replace(turn, interruptions=turn.interruptions * 9)

    span = spans(msgspec.structs.replace(conversation, turns=(often,)), opening)[0]

    assert [event.name for event in span.events] == ["first", "first_sentence", "last", "interrupt"]
    assert span.attributes["relayproxy.turn.interruptions"] == 9


TALK = """
    0.0   twilio   setup sessionId=VX1
    1.0   twilio   prompt "One" last
    1.5   backend  text "First." last
    20.0  twilio   prompt "Two" last
    20.5  backend  text "Second." last
    21.0  twilio   interrupt "Sec" 300
    22.0  twilio   prompt "Three" last
"""
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
    assert times(EVENTS) == {
        "input_wait": (1.7, 2.0),
        "backend": (2.001, 2.75),
        "stream": (2.7525, 3.0),
        "playback": (3.1, 5.0),
    }
    _, turn, *found, _ = whole(EVENTS)
    assert (turn.name, {span.parent_span_id for span in found}) == ("turn", {turn.span_id})
    assert {span.kind for span in found} == {"internal"}
    assert not any("relayproxy.truncated" in span.attributes for span in found)


def test_without_events_playback_is_estimated_and_what_was_waited_for_is_not_known() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        2.0  backend  text "Thirty characters, all in all." last
        9.0  -        gone first=backend
    """
    assert times(call) == {"backend": (1.0, 2.0), "stream": (2.0, 2.0), "playback": (2.0, 4.35)}
    assert {name for name, span in inside(call).items() if "relayproxy.estimated" in span.attributes} == {"playback"}


def test_a_turn_without_an_answer_has_no_parts() -> None:
    assert times(CALL + END, 2) == {}


def test_what_goes_on_when_the_next_turn_begins_is_cut_there_and_says_so() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        1.5  backend  text "Well, let me "
        2.0  twilio   prompt "Are you there?" last
        2.2  backend  text "think about that." last
        9.0  -        gone first=backend
    """
    assert times(call) == {"backend": (1.0, 1.5), "stream": (1.5, 2.0), "playback": (1.5, 2.0)}
    cut = {name for name, span in inside(call).items() if "relayproxy.truncated" in span.attributes}
    assert cut == {"stream", "playback"}
    turn = next(span for span in tree(call) if span.attributes["turn.number"] == 1)
    assert turn.attributes["relayproxy.turn.stream_duration"] == 0.7


def test_nothing_begins_before_its_turn_but_what_was_waited_for() -> None:
    conversation, opening = called(EVENTS)
    late = msgspec.structs.replace(conversation.turns[1], started_at=START + 2_500_000_000)

    _, *found = spans(msgspec.structs.replace(conversation, turns=(late,)), opening)[:-1]

    starts = {span.name: seconds(span.start) for span in found}
    assert starts == {"input_wait": 1.7, "backend": 2.5, "stream": 2.7525, "playback": 3.1}
    assert [span.name for span in found if "relayproxy.truncated" in span.attributes] == ["backend"]


def test_what_is_final_does_not_depend_on_what_the_fold_was_told_to_forget() -> None:
    played = play(TALK)
    before = spans(played.fold.conversation(), played.opening)
    # The third turn has ended, and how the caller's interruption goes on is still to be seen.
    assert [span.attributes["turn.number"] for span in before if span.name == "turn"] == [0, 1]

    assert played.fold.forget(1) == 1

    assert spans(played.fold.conversation(), played.opening) == before[1:]
    played.line("99.0 - gone first=twilio")
    *turns, root = (s for s in spans(played.fold.conversation(), played.opening) if s.name in ("turn", "conversation"))
    assert [span.attributes["turn.number"] for span in turns] == [1, 2, 3]
    assert root.attributes["relayproxy.session.turns"] == 4


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        (CALL + "9.0 - gone first=backend", "backend_disconnect"),
        ("0.0 - refused status=401", "backend_connect_failed"),
        (CALL + "9.0 - gone cause=relay_died", None),
        (CALL + END, None),
    ],
)
def test_a_failed_call_is_an_error_of_that_type(ending: str, error: str | None) -> None:
    root = tree(ending)[-1]

    assert (root.error, root.attributes.get("error.type")) == (error, error)


def test_a_turn_that_the_failure_kept_from_an_answer_is_an_error_and_no_other() -> None:
    *turns, _ = tree(CALL + "5.0 backend text Well,\n9.0 - gone first=backend")
    assert [(turn.error, turn.attributes.get("error.type")) for turn in turns] == [
        (None, None),
        (None, None),
        ("backend_disconnect", "backend_disconnect"),
    ]
    *turns, _ = tree(CALL + "5.0 backend text Well,\n9.0 - gone first=twilio")
    assert [turn.error for turn in turns] == [None, None, None]


def test_an_interrupted_turn_links_to_the_turn_that_cut_it() -> None:
    greeting, interrupted, cutting, _ = tree(CALL + END)

    told: dict[str, AttributeValue] = {"relayproxy.link": "interrupted_by", "turn.number": 2}
    assert interrupted.links == (SpanLink(cutting.trace_id, cutting.span_id, told),)
    assert greeting.links == cutting.links == ()


def test_keys_that_cut_an_answer_are_a_turn_that_is_linked_to() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        1.5  backend  text "Press one for this, two for that" last
        2.0  twilio   dtmf 1
        2.1  twilio   interrupt "Press" 400
        2.5  backend  text "This it is." last
        90.0  -       gone first=twilio
    """
    _, interrupted, pressed, _ = tree(call)

    assert [link.span_id for link in interrupted.links] == [pressed.span_id]


def test_where_nobody_spoke_after_an_interruption_there_is_no_link() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        1.5  backend  text "Good morning to you all" last
        2.0  twilio   interrupt "Good" 400
        60.0 twilio   prompt "Are you there?" last
        90.0 -        gone first=twilio
    """
    _, interrupted, *_ = tree(call)

    assert (interrupted.attributes["turn.was_interrupted"], interrupted.links) == (True, ())


def test_an_answer_that_the_backend_itself_cut_links_to_the_turn_of_the_next_one() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        1.5  backend  raw '{"type":"text","token":"One moment, I look it up","last":true,"preemptible":true}'
        2.5  twilio   prompt "And?" last
        2.6  backend  text "Here it is." last
        90.0 -        gone first=twilio
    """
    _, preempted, following, _ = tree(call)

    assert [link.span_id for link in preempted.links] == [following.span_id]


def test_each_turn_can_be_a_trace_of_its_own_with_a_link_to_that_of_the_call() -> None:
    found = whole(CALL + END, trace_shape="turn")
    *turns, root = (span for span in found if span.name in ("turn", "conversation"))

    assert len({span.trace_id for span in (*turns, root)}) == 4
    assert all(len(turn.trace_id) == 32 and int(turn.trace_id, 16) for turn in turns)
    assert {turn.parent_span_id for turn in turns} == {None}
    for turn in turns:
        assert turn.links[0] == SpanLink(root.trace_id, root.span_id, {"relayproxy.link": "session"})
        inside = [span for span in found if span.parent_span_id == turn.span_id]
        assert {span.trace_id for span in inside} <= {turn.trace_id}
    assert (turns[1].links[1].trace_id, turns[1].links[1].span_id) == (turns[2].trace_id, turns[2].span_id)
    assert [span.span_id for span in found] == [span.span_id for span in whole(CALL + END)]
    assert found == whole(CALL + END, trace_shape="turn")


def test_how_an_answer_ended_is_told_in_the_words_of_the_draft_when_asked_for() -> None:
    name = "gen_ai.agent.invocation.end_reason"
    call = (
        CALL
        + """
        5.0  backend  text "Good." last
        60.0 twilio   prompt "Anything else?" last
        60.5 backend  text "Well,"
        61.0 - gone first=backend
    """
    )
    *turns, root = tree(call, experimental=True)

    assert [turn.attributes.get(name) for turn in turns] == [None, "interrupted", "completed", "session_closed"]
    assert name not in root.attributes
    assert not any(name in span.attributes for span in whole(call))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("VX" + "1" * 32, "VX" + "1" * 32),
        ("x" * 199, "x" * 199),
        ("x" * 200, "x" * 64 + "-"),
        ("Gespräch\n1", "Gespr_ch_1-"),
    ],
)
def test_an_id_that_viewers_would_drop_is_made_one_that_they_take(given: str, shown: str) -> None:
    conversation, opening = called(CALL + END)
    named = msgspec.structs.replace(conversation, session_id=given, call_sid=given)
    found = [span.attributes for span in spans(named, opening)]

    ids = {attributes["session.id"] for attributes in found}
    assert ids == {attributes["gen_ai.conversation.id"] for attributes in found}
    assert ids == {attributes["twilio.call_sid"] for attributes in found}
    (id,) = map(str, ids)
    assert id.isascii()
    assert id.isprintable()
    assert len(id) < 200
    assert id.startswith(shown)
    assert (id == given) is (shown == given)
    assert {span.attributes["session.id"] for span in spans(named, opening)} == ids


def test_no_content_and_no_number_leaves() -> None:
    sent = msgspec.json.encode(whole(CALL + END)).decode()

    for private in ("secret", "safe", "fine", "Your", "+1555", "Ivy"):
        assert private not in sent


def test_words_leave_when_asked_for_under_names_that_say_so_and_nowhere_else() -> None:
    call = (
        CALL
        + """
        4.5  backend  text "Then it is "
        4.6  backend  text "safe with me." last
        5.0  twilio   dtmf 4
        9.0  -        gone first=backend
    """
    )
    found = whole(call, content=True)
    _, turn, *_ = (span for span in found if span.name == "turn")
    root = found[-1]

    asked = '[{"role":"user","parts":[{"type":"text","content":"my secret"}]}]'
    answered = '[{"role":"assistant","parts":[{"type":"text","content":"Your secret is safe."}]}]'
    words = {name: value for name, value in turn.attributes.items() if name in CONTENT or ".pii." in name}
    assert words == {
        "relayproxy.pii.caller_text": "my secret",
        "relayproxy.pii.agent_text": "Your secret is safe.",
        "relayproxy.pii.heard_text": "Your",
        "input.value": "my secret",
        "output.value": "Your secret is safe.",
        "gen_ai.input.messages": asked,
        "gen_ai.output.messages": answered,
    }
    assert (root.attributes["input.value"], root.attributes["output.value"]) == (
        "my secret",
        "Then it is safe with me.",
    )
    assert root.attributes["gen_ai.input.messages"] == asked
    assert root.attributes["openinference.span.kind"] == "CHAIN"
    for span in found:
        kept = {n: v for n, v in span.attributes.items() if n not in CONTENT and not n.startswith("relayproxy.pii.")}
        rest = msgspec.json.encode(msgspec.structs.replace(span, attributes=kept)).decode()
        assert not [word for word in ("secret", "safe", "fine", "Your", "+1555", "Ivy") if word in rest]


CONTENT = ("input.value", "output.value", "gen_ai.input.messages", "gen_ai.output.messages")


def test_of_a_call_that_is_recorded_without_words_none_leave() -> None:
    conversation, opening = called(CALL + END)
    unspoken = msgspec.structs.replace(conversation, record="metadata")

    found = spans(unspoken, opening, None, SpanOptions(content=True), EndWords().after(conversation.turns))

    assert not any(name in CONTENT or ".pii." in name for span in found for name in span.attributes)


def test_words_are_cut_where_viewers_would_drop_them() -> None:
    conversation, opening = called(CALL + END)
    long = msgspec.structs.replace(conversation.turns[1], agent_text="word " * 20_000)

    span = spans(msgspec.structs.replace(conversation, turns=(long,)), opening, None, SpanOptions(content=True))[0]

    assert len(str(span.attributes["output.value"])) == 16 * 1024
    assert len(str(span.attributes["gen_ai.output.messages"])) < 17 * 1024


@settings(max_examples=80, deadline=None)
@given(courses)
def test_whatever_comes_the_tree_holds_together(of: list[Any]) -> None:
    for played in course(of):
        found = spans(played.fold.conversation(), played.opening)

        turns = {span.span_id: span for span in found if span.name == "turn"}
        assert len({span.span_id for span in found}) == len(found)
        for span in found:
            assert span.start <= span.end
            if span.parent_span_id in turns:
                turn = turns[span.parent_span_id]
                assert turn.start <= span.start or span.name == "input_wait"
                assert span.end <= turn.end
            else:
                assert span.parent_span_id == (None if span.name == "conversation" else played.opening.span_id)


@settings(max_examples=80, deadline=None)
@given(courses, st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_span_leaves_once_and_is_final_whatever_the_fold_was_told_to_forget(
    of: list[Any], forgets: list[bool]
) -> None:
    given_out: dict[str, Span] = {}
    for step, played in enumerate(course(of)):
        conversation = played.fold.conversation()
        if not conversation.live:
            break
        for span in spans(conversation, played.opening):
            span = _without_session(span)
            assert len(span.events) <= 4
            assert given_out.setdefault(span.span_id, span) == span
        if forgets[step]:
            played.fold.forget(conversation.settled_turns)


def _without_session(span: Span) -> Span:
    """A setup that comes late names the session anew."""
    ids = ("gen_ai.conversation.id", "session.id", "conversation.id", "langsmith.metadata.thread_id")
    named = (*ids, "twilio.call_sid")
    kept = {name: value for name, value in span.attributes.items() if name not in named}
    return msgspec.structs.replace(span, attributes=kept)


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
