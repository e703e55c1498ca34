"""The fold: parties, counts, and what holds for any messages in any order."""

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relayproxy.connection import Ending
from relayproxy.conversation.fold.fold import MAX_SETUP, Fold
from relayproxy.conversation.measures.spans import spans
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation, Handoff, Turn
from relayproxy.conversation.protocol.decoding import decode_text
from relayproxy.conversation.protocol.messages import Text
from relayproxy.text import mended
from tests.script import START, Played, play, script


def test_parties() -> None:
    call = script("""
        0.0  twilio  setup sessionId=VX1 callSid=CA1 accountSid=AC1 from=+15550100001 to=+15550100002 \
direction=inbound callerName= plan=gold
    """)

    assert (call.session_id, call.call_sid, call.account_sid) == ("VX1", "CA1", "AC1")
    assert (call.from_number, call.to_number, call.direction) == ("+15550100001", "+15550100002", "inbound")
    assert (call.caller_name, call.custom_parameters) == (None, {"plan": "gold"})
    assert call.setup["type"] == "setup"
    assert call.started_at == START


def test_nothing_is_known_before_setup() -> None:
    call = script("0.0 twilio info agentSpeaking on")

    assert (call.session_id, call.setup, call.custom_parameters, call.turns) == (None, {}, {}, ())
    assert call.live


def test_telnyx_says_the_same_in_a_slightly_other_way() -> None:
    call = script("""
        0.0  twilio   raw '{"type":"setup","sessionId":"7a7e6a4f-1d44-4f0c-b5d4-9f9bf3a5c1f2","callSid":"v2:T02llQ",\
"callControlId":"v2:T02llQ","callSessionId":"ff55a038","callLegId":"428c31b6","from":"+15550100001",\
"to":"+15550100002","direction":"inbound","callerName":"","callStatus":"active","customParameters":{"id":"c1"}}'
        1.0  twilio   raw '{"type":"prompt","voicePrompt":"hello there","lang":"en","last":true}'
        1.5  backend  text "Welcome, how can I help you today?" last
        3.0  twilio   raw '{"type":"interrupt","utteranceUntilInterrupt":"Welcome, how",\
"durationUntilInterruptMs":820.5}'
        4.0  backend  sendDigits "1A#W"
        4.5  backend  raw '{"type":"foo"}'
        4.6  twilio   error "Invalid message: unknown type: foo"
    """)

    assert (call.session_id, call.call_sid) == ("7a7e6a4f-1d44-4f0c-b5d4-9f9bf3a5c1f2", "v2:T02llQ")
    assert call.setup["callControlId"] == "v2:T02llQ"
    assert call.custom_parameters == {"id": "c1"}
    (cut,) = call.turns[1].interruptions
    assert (cut.heard_ms, call.turns[1].heard_text) == (820, "Welcome, how")
    assert call.totals.findings == {"invalid_message": 1}


def test_the_first_setup_wins() -> None:
    call = script("""
        0.0  twilio  setup sessionId=VX1
        1.0  twilio  prompt "Hi" last
        2.0  twilio  setup sessionId=VX2 a=b
    """)

    assert (call.session_id, call.custom_parameters, len(call.turns)) == ("VX1", {}, 2)


def test_messages_of_the_wrong_side_mean_nothing() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  backend  prompt "Hi" last
        1.1  backend  setup sessionId=VX9
        1.2  backend  error "Session not initialized"
        1.3  twilio   text "Hi" last
        1.4  twilio   end
        1.5  backend  raw "this is not json"
        1.6  backend  raw '{"type":"config","interruptible":"any"}'
    """)

    assert (call.session_id, [t.agent_text for t in call.turns], call.handoff) == (None, [""], None)
    assert call.messages == 8


def test_counts() -> None:
    played = play("0.0 twilio setup")
    connection = played.opening.connection_id
    for message in (
        Message(1, 1, "backend", "binary", data=b"\0"),
        Message(2, 2, "backend", "ping"),
        Message(3, 3, "twilio", "gap", size=700, note="buffer"),
        Message(4, 4, "backend", "gap", size=30, note="quota"),
        Message(5, 5, "backend", "undecodable", size=5),
        Message(6, 6, "backend", "text", data=b"\xff", note="invalid_utf8"),
        Message(7, 7, "backend", "text", text='{"type":"text","token":"aaa', cut=True, size=10**6),
        Message(8, 8, "backend", "close"),
    ):
        played.fold.feed(connection, message)

    call = played.fold.conversation()
    assert (call.messages, call.gaps, call.gap_bytes) == (4, 2, 730)


def test_a_huge_setup_is_kept_without_what_makes_it_huge() -> None:
    setup = {"type": "setup", "sessionId": "VX1", "customParameters": {"x": "y" * MAX_SETUP}, "note": "z" * 300}

    call = _one("twilio", json.dumps(setup))

    assert (call.session_id, call.custom_parameters, call.setup) == ("VX1", {}, {"type": "setup", "sessionId": "VX1"})


def test_a_setup_that_was_cut_still_tells_who_is_calling() -> None:
    setup = (
        '{"type":"setup","sessionId":"VX1","callSid":"CA1","accountSid":"AC1","from":"+15550100001",'
        '"to":"+15550100002","direction":"inbound","callerName":"Ada","customParameters":{"sessionId":"VX9","a":"bbbb'
    )

    call = _one("twilio", setup, cut=True, size=10**6)

    assert (call.session_id, call.call_sid, call.account_sid) == ("VX1", "CA1", "AC1")
    assert (call.from_number, call.to_number, call.direction) == ("+15550100001", "+15550100002", "inbound")
    assert (call.caller_name, call.custom_parameters, call.setup["callSid"]) == ("Ada", {}, "CA1")
    assert [turn.opened_by for turn in call.turns] == ["setup"]


@pytest.mark.parametrize(
    ("text", "cut", "size"),
    [
        ('{"type":"end","handoffData":"' + "a" * 1000, True, 300_000),
        ('{"type":"end","handoffData":{"a":"' + "a" * 1000, True, 300_000),
        ('{"type":"end","handoffData":' + "[" * 70 + "]" * 70 + "}", False, 169),
    ],
)
def test_an_end_ends_the_session_however_much_it_carries(text: str, cut: bool, size: int) -> None:
    played = play("0.0 twilio setup")
    connection = played.opening.connection_id
    played.fold.feed(connection, Message(1, 2_000_000_000, "backend", "text", text=text, cut=cut, size=size))
    played.line("2.1 twilio close 1000")
    played.line("2.2 - gone first=backend")

    call = played.fold.conversation()
    assert (call.outcome, call.ended_by, call.studio_transition) == ("ended_by_backend", "backend", "success")
    assert call.handoff == Handoff(
        at=START + 2_000_000_000, raw=None, json=None, is_string=False, bytes=size, reason_code=None
    )


def test_what_was_cut_and_followed_by_nothing_more_is_what_it_was() -> None:
    call = _one("backend", '{"type":"text","token":"Hi."}   ', cut=True, size=10**6)

    assert [turn.agent_text for turn in call.turns] == ["Hi."]


def test_a_message_that_was_never_written_on_counts_from_its_arrival() -> None:
    played = play("""
        0.0  twilio  setup
        1.0  twilio  prompt "one" last
    """)
    answer = Message(2, 1_500_000_000, "backend", "text", text='{"type":"text","token":"1"}')
    played.fold.feed(played.opening.connection_id, answer)

    assert played.fold.conversation().turns[1].response_latency_ms == 500


def test_a_connection_is_opened_and_ended_once() -> None:
    played = play("""
        0.0  twilio  setup sessionId=VX1
        2.0  -       gone first=backend
    """)
    before = played.fold.conversation()

    played.fold.open(played.opening)
    played.fold.end(played.opening.connection_id, Ending(t=9))

    assert played.fold.conversation() == before
    with pytest.raises(KeyError):
        played.fold.feed("0" * 32, Message(0, 0, "twilio", "text"))


def test_turns_that_did_not_change_are_the_same_objects() -> None:
    played = play("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "1" last
        2.0  twilio   prompt "two" last
    """)
    before = played.fold.conversation().turns
    played.line('2.5 backend text "2"')
    after = played.fold.conversation().turns

    assert [was is now for was, now in zip(before, after, strict=True)] == [True, True, False]


texts = st.sampled_from(["", " ", "One", " two three.", "Four, five.", "ü", "\ud800", "x" * 200])
flags = st.sampled_from([True, False, None, "true", 5])
numbers = st.none() | st.integers(-5, 10**6) | st.floats() | st.text(max_size=5)
values = st.sampled_from(["on", "off"]) | texts
payloads = st.one_of(
    st.builds(lambda s: {"type": "setup", "sessionId": s, "customParameters": {"a": s}}, texts | numbers),
    st.builds(lambda v, last: {"type": "prompt", "voicePrompt": v, "last": last, "lang": "en"}, texts | numbers, flags),
    st.builds(lambda d: {"type": "dtmf", "digit": d}, st.sampled_from(["1", "#", 5])),
    st.builds(
        lambda u, d: {"type": "interrupt", "utteranceUntilInterrupt": u, "durationUntilInterruptMs": d}, texts, numbers
    ),
    st.builds(lambda v: {"type": "info", "name": "agentSpeaking", "value": v}, values),
    st.builds(lambda v: {"type": "info", "name": "clientSpeaking", "value": v}, values),
    st.builds(lambda v: {"type": "info", "name": "tokensPlayed", "value": v}, values),
    st.builds(lambda d: {"type": "error", "description": d}, st.sampled_from(['code: 64107, {"type":"end"}', "x", 5])),
    st.builds(lambda t, last: {"type": "text", "token": t, "last": last}, texts | numbers, flags),
    st.builds(lambda t, last: {"type": "text", "token": t, "last": last}, texts, st.booleans()),
    st.builds(
        lambda t, p, last: {"type": "text", "token": t, "preemptible": p, "last": last}, texts, flags, st.booleans()
    ),
    st.builds(lambda v: {"type": "language", "ttsLanguage": v}, texts | numbers),
    st.builds(lambda s: {"type": "play", "source": s}, texts),
    st.builds(lambda d: {"type": "sendDigits", "digits": d}, texts),
    st.builds(lambda h: {"type": "end", "handoffData": h}, texts | numbers | st.just({"a": [10**30]})),
    st.just({"type": "new"}),
)  # fmt: skip
kinds = st.sampled_from(["text"] * 12 + ["binary", "ping", "close", "gap", "undecodable"])
steps = st.tuples(
    st.sampled_from([1, 1, 1, 1, 2]),
    st.sampled_from(["twilio", "backend"]),
    kinds,
    st.builds(json.dumps, payloads) | st.text(max_size=30) | st.none(),
    st.sampled_from([0, 1_000_000, 200_000_000, 900_000_000, 5_000_000_000, 40_000_000_000]),
    st.sampled_from([None, 0, 3_000_000]),
)
courses = st.lists(steps | st.sampled_from([1, 2]), max_size=40)


def course(of: list[Any]) -> Any:
    """A fold after each step: a message, or (a number) the end of that connection."""
    played, t = Played(), 0
    for n in (1, 2):
        played.line(f"0.0 -@{n} opened")
    for seq, step in enumerate(of):
        if isinstance(step, int):
            played.fold.end(f"{step:032x}", Ending(t=t, first="backend"))
        else:
            number, sender, kind, text, pause, took = step
            t += pause
            message = Message(
                seq, t, sender, kind, out=None if took is None else t + took, text=text, size=len(text or ""), code=1000
            )
            played.messages.append(message)
            played.fold.feed(f"{number:032x}", message)
        yield played


@settings(max_examples=80, deadline=None)
@given(courses)
def test_how_often_one_asks_changes_nothing(of: list[Any]) -> None:
    asked = [played.fold.conversation() for played in course(of)]
    once = list(course(of))

    assert asked[-1:] == [played.fold.conversation() for played in once[-1:]]


@settings(max_examples=80, deadline=None)
@given(courses, st.lists(st.booleans(), min_size=40, max_size=40))
def test_forgetting_settled_turns_changes_nothing_else(of: list[Any], asked: list[bool]) -> None:
    whole = [played.fold.conversation() for played in course(of)][-1:]
    kept: list[Any] = []
    last: list[Conversation] = []
    for step, played in enumerate(course(of)):
        last = [played.fold.conversation()]
        if asked[step]:
            kept += [turn for turn in last[0].turns if turn.number < last[0].settled_turns]
            played.fold.forget(last[0].settled_turns)
            if not last[0].live:
                # What is open when a session ends may go on with another connection, so it is not forgotten.
                kept = [turn for turn in kept if turn.number < played.fold.conversation().turns[0].number]
            last = [played.fold.conversation()]

    for forgetful, full in zip(last, whole, strict=True):
        assert [*kept, *forgetful.turns] == [*full.turns]
        assert msgspec.structs.replace(forgetful, turns=()) == msgspec.structs.replace(full, turns=())


@settings(max_examples=100, deadline=None)
@given(courses)
def test_the_parts_of_the_budget_sum_to_the_nanosecond(of: list[Any]) -> None:
    for played in [*course(of)][-1:]:
        for turn in played.fold.conversation().turns:
            budget = turn.budget
            if budget.response_latency is None:
                assert turn.null_reason is not None
                continue
            assert turn.agent_at is not None
            assert turn.caller_at is not None
            assert budget.proxy_in is not None
            assert budget.response_latency == turn.agent_at - turn.caller_at
            assert min(part for part in (budget.proxy_in, budget.backend, budget.proxy_out) if part is not None) >= 0
            assert (budget.user_bot_latency is None) == ("user_bot_latency_ms" in turn.null_reasons)
            if budget.user_bot_latency is not None:
                assert budget.input_delay is not None
                assert budget.output_delay is not None
                assert budget.user_bot_latency == budget.input_delay + budget.response_latency + budget.output_delay


@settings(max_examples=100, deadline=None)
@given(courses)
def test_whatever_comes_the_conversation_holds_together(of: list[Any]) -> None:
    settled: tuple[Any, ...] = ()
    for played in course(of):
        conversation: Conversation = played.fold.conversation()
        turns = conversation.turns

        assert [turn.number for turn in turns] == list(range(len(turns)))
        assert all(turn.ended_at is not None for turn in turns[:-1])
        assert all(turn.ended_at is None or turn.ended_at >= turn.started_at for turn in turns)
        assert all((turn.response_latency_ms is None) == (turn.null_reason is not None) for turn in turns)
        assert all((turn.response_latency_ms or 0) >= 0 for turn in turns)
        assert _spoken("".join(turn.agent_text for turn in turns)) == _spoken(mended(_said(played.messages)))
        for turn in turns:
            _what_was_heard_is_what_was_sent(turn)
        assert sum(conversation.totals.findings.values()) >= len(conversation.findings)
        assert conversation.live == (conversation.outcome is None)
        assert turns[: len(settled)] == settled
        if conversation.live:
            assert conversation.settled_turns >= len(settled)
            settled = turns[: conversation.settled_turns]
        msgspec.json.encode(conversation)
        msgspec.json.encode(spans(conversation, played.opening))


def _what_was_heard_is_what_was_sent(turn: Turn) -> None:
    if turn.unheard_text:
        told = _spoken(turn.heard_text + turn.unheard_text)
        assert not Counter(_spoken(turn.agent_text)) - Counter(told)
    assert (turn.heard_basis is None) <= (turn.heard_text == "")


def _said(messages: list[Message]) -> str:
    sent = [decode_text(m.text, "backend") for m in messages if m.sender == "backend" and m.kind == "text"]
    return "".join(one.event.token for one in sent if one.violation is None and isinstance(one.event, Text))


def _spoken(text: str) -> list[str]:
    return sorted(c for c in text if not c.isspace())


def _one(sender: Any, text: str, *, cut: bool = False, size: int | None = None) -> Conversation:
    played = play("0.0 - opened")
    message = Message(0, 0, sender, "text", text=text, size=len(text) if size is None else size, cut=cut)
    played.fold.feed(played.opening.connection_id, message)
    return played.fold.conversation()


def test_a_fold_without_connections_is_an_empty_conversation() -> None:
    assert (Fold().conversation().turns, Fold().conversation().live) == ((), True)


def test_what_was_masked_is_counted_by_the_messages_that_complete_it() -> None:
    played = play(
        """
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  twilio   prompt "my card is •••• •••• •••• 1111" last
        """
    )
    for seq, counts in enumerate(({"card_number": 0}, {"card_number": 1, "echo": 0}, {"card_number": 1, "keys": 1})):
        key = Message(10 + seq, 2_000_000_000 + seq, "twilio", "text", text='{"type":"dtmf","digit":"•"}')
        played.fold.feed(played.opening.connection_id, msgspec.structs.replace(key, redacted=counts))
    assert played.fold.conversation().totals.redacted == {"card_number": 2, "keys": 1}


def test_masked_keys_that_the_backend_sends_are_no_violation() -> None:
    call = script("0.000 twilio setup sessionId=VX1\n1.000 backend sendDigits ••w••")
    assert call.totals.violations == 0
    assert call.turns[-1].sent_digits == "••w••"


def test_a_masked_card_number_in_handoff_data_is_still_found() -> None:
    played = play("0.000 twilio setup sessionId=VX1\n1.000 twilio prompt hello last")
    data = json.dumps({"card": "•••• •••• •••• 1111"})
    for seq, redacted in ((10, None), (11, {"card_number": 0})):
        end = Message(seq, 2_000_000_000, "backend", "text", text=json.dumps({"type": "end", "handoffData": data}))
        fold = play("0.000 twilio setup sessionId=VX1\n1.000 twilio prompt hello last").fold
        fold.feed(played.opening.connection_id, msgspec.structs.replace(end, redacted=redacted))
        found = [one for one in fold.conversation().findings if one.code == "handoff_card_number"]
        assert [one.detail for one in found] == (['16 digits that form a card number in "card"'] if redacted else [])
