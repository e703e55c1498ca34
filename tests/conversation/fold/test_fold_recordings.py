"""The recorded calls, and what they mean; Twilio's own report is the witness for how they ended."""

from typing import NamedTuple

import pytest

from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.model import Conversation
from tests.recordings import EPOCH, NAMES, Session, recording

GREETING = "This is the spike. Say something, or press a key."
LONG = " ".join(
    f"Sentence {n} of twelve: the quick brown fox jumps over the lazy dog while the spike keeps talking so you can "
    "interrupt it."
    for n in range(1, 13)
)


class T(NamedTuple):
    """What a turn must be; numbers may be off by one ms. `heard` None: all that was sent, after the greeting."""

    opened_by: str
    caller: str = ""
    agent: str = ""
    latency_ms: int | None = None
    user_bot_ms: int | None = None
    complete_ms: int | None = None
    keys: str = ""
    greeting: str = ""
    cut: tuple[tuple[str, str, int | None, str], ...] = ()
    """Kind, utterance, ms heard, attribution."""
    heard: str | None = None
    unheard: str = ""


GREETED = T("setup", greeting=GREETING)
HOLDING = T("prompt", "Holding.", "I heard: Holding.")
PIN = "Four seven two nine zero one three eight."
HEARD_OF_LONG = "Sentence 1 of twelve: the quick brown fox jumps over the"
EXPECTED: dict[tuple[str, int], list[T]] = {
    ("end-then-reconnect", 1): [GREETED, HOLDING._replace(latency_ms=1, user_bot_ms=254, complete_ms=1708)],
    ("end-then-reconnect", 2): [
        GREETED,
        T("proactive", "", "This is the second relay session on the same call."),
    ],
    ("greeting-dtmf", 1): [
        T("setup", greeting="This", cut=(("caller_dtmf", "This", 15, "exact"),)),
        T("dtmf", "", "Key 9.", 0, complete_ms=1055, keys="9"),
        T("dtmf", "", "Key 8.", 0, complete_ms=1134, keys="8"),
    ],
    ("malformed-frames", 1): [GREETED, HOLDING._replace(latency_ms=0, user_bot_ms=262, complete_ms=1777)],
    ("pin-spoken", 1): [
        GREETED,
        T("prompt", PIN, f"I heard: {PIN}", 3, user_bot_ms=343, complete_ms=2828),
        T("prompt", "The quick brown fox.", "I heard: The quick brown fox.", 0, user_bot_ms=473, complete_ms=2500),
    ],
    ("preempt-marked", 1): [
        GREETED,
        T(
            "dtmf",
            "",
            LONG,
            1,
            keys="0",
            cut=(("preempt", HEARD_OF_LONG, None, "exact"),),
            heard=HEARD_OF_LONG,
            unheard=LONG.removeprefix(HEARD_OF_LONG),
        ),
        T("proactive", "", "Replacing the marked message."),
    ],
    ("socket-drop", 1): [GREETED, HOLDING._replace(latency_ms=1, user_bot_ms=427, complete_ms=1863)],
}
GREETING_MS = {
    ("end-then-reconnect", 1): 645,
    ("end-then-reconnect", 2): 747,
    ("greeting-dtmf", 1): 245,
    ("malformed-frames", 1): 701,
    ("pin-spoken", 1): None,
    ("preempt-marked", 1): 723,
    ("socket-drop", 1): 324,
}
OUTCOMES = {
    ("end-then-reconnect", 1): "ended_by_backend",
    ("end-then-reconnect", 2): "ended_by_backend",
    ("greeting-dtmf", 1): "caller_hangup",
    ("malformed-frames", 1): "protocol_error",
    ("pin-spoken", 1): "caller_hangup",
    ("preempt-marked", 1): "caller_hangup",
    ("socket-drop", 1): "backend_disconnect",
}
FINDINGS = {
    ("malformed-frames", 1): {"call_failed": 1, "invalid_message": 10, "too_many_invalid": 1},
    ("socket-drop", 1): {"call_failed": 1},
}
"""Of those that have any."""
STATUS = {"none": "completed", "success": "ended", "failed": "failed"}
SESSIONS = [(name, session) for name in NAMES for session in recording(name).sessions]


def conversation(session: Session) -> Conversation:
    fold, opening = Fold(), session.opening()
    fold.open(opening)
    for message in session.messages():
        fold.feed(opening.connection_id, message)
    fold.end(opening.connection_id, session.ending())
    return fold.conversation()


def test_every_recorded_session_is_expected() -> None:
    assert [(name, session.number) for name, session in SESSIONS] == list(EXPECTED)


@pytest.mark.parametrize(("name", "session"), SESSIONS, ids=[f"{name}-{s.number}" for name, s in SESSIONS])
def test_turns(name: str, session: Session) -> None:
    turns = conversation(session).turns

    expected = EXPECTED[name, session.number]
    assert [
        T(
            turn.opened_by,
            turn.caller_text,
            turn.agent_text,
            about(turn.response_latency_ms, want.latency_ms),
            about(turn.user_bot_latency_ms, want.user_bot_ms),
            about(turn.reply_complete_ms, want.complete_ms),
            turn.dtmf,
            turn.greeting,
            tuple((cut.kind, cut.heard_text, cut.heard_ms, cut.attribution) for cut in turn.interruptions),
            turn.heard_text if want.heard is not None else None,
            turn.unheard_text,
        )
        for turn, want in zip(turns, expected, strict=True)
    ] == expected
    for turn, want in zip(turns, expected, strict=True):
        assert not turn.unanswered
        assert turn.null_reason == (None if want.latency_ms is not None else "no_prompt")
        assert (turn.heard_basis, turn.tier) == ("tokens_played", "B")
        if want.heard is None:
            assert turn.heard_text == " ".join(filter(None, (want.greeting, want.agent)))


def about(value: int | None, wanted: int | None) -> int | None:
    """What was wanted, when the value is that within 1 ms; else the value."""
    return wanted if None not in (value, wanted) and abs((value or 0) - (wanted or 0)) <= 1 else value


@pytest.mark.parametrize(("name", "session"), SESSIONS, ids=[f"{name}-{s.number}" for name, s in SESSIONS])
def test_greeting_latency_and_outcome(name: str, session: Session) -> None:
    made = conversation(session)

    greeting = GREETING_MS[name, session.number]
    assert made.totals.greeting_latency_ms == greeting
    assert made.totals.greeting_null_reason == (None if greeting is not None else "event_missing")
    assert made.outcome == OUTCOMES[name, session.number]


def test_the_malformed_messages_are_counted_towards_ten_in_a_row() -> None:
    made = conversation(recording("malformed-frames").sessions[0])

    assert made.totals.findings == {"invalid_message": 10, "too_many_invalid": 1, "call_failed": 1}
    assert (made.totals.violations, made.totals.consecutive_violations) == (10, 10)
    assert [finding.twilio_code for finding in made.findings] == [64107] * 10 + [64105, 64105]
    assert [finding.seq for finding in made.findings] == [*range(16, 26), 25, None]


@pytest.mark.parametrize(("name", "session"), SESSIONS, ids=[f"{name}-{s.number}" for name, s in SESSIONS])
def test_the_other_calls_have_nothing_to_complain_about(name: str, session: Session) -> None:
    made = conversation(session)

    failed = ["call_failed"] if made.studio_transition == "failed" else []
    assert name == "malformed-frames" or [finding.code for finding in made.findings] == failed


@pytest.mark.parametrize(("name", "session"), SESSIONS, ids=[f"{name}-{s.number}" for name, s in SESSIONS])
def test_ending_is_what_twilio_reported(name: str, session: Session) -> None:
    made, action = conversation(session), session.action

    assert made.studio_transition is not None
    assert STATUS[made.studio_transition] == action["SessionStatus"]
    assert made.twilio_error_code == (int(action["ErrorCode"]) if "ErrorCode" in action else None)
    assert (made.handoff.raw if made.handoff else None) == action.get("HandoffData")
    assert (made.session_id, made.call_sid) == (action["SessionId"], action["CallSid"])
    assert made.started_at == EPOCH + session.opened_ms * 1_000_000
    assert made.ended_at is not None
    assert (made.ended_at - made.started_at) / 1e9 == pytest.approx(float(action["SessionDuration"]), abs=1)


@pytest.mark.parametrize(("name", "session"), SESSIONS, ids=[f"{name}-{s.number}" for name, s in SESSIONS])
def test_nothing_is_found_but_what_went_wrong(name: str, session: Session) -> None:
    assert conversation(session).totals.findings == FINDINGS.get((name, session.number), {})


def test_the_answer_sent_before_the_interrupt_arrived_is_not_blamed() -> None:
    (session,) = recording("greeting-dtmf").sessions

    greeting, answer, _ = conversation(session).turns

    assert [(cut.attribution, cut.stale_chunks) for cut in greeting.interruptions] == [("exact", 0)]
    assert not answer.interrupted
    assert answer.agent_done_at is not None


def test_the_handoff_is_read() -> None:
    handoff = conversation(recording("end-then-reconnect").sessions[0]).handoff

    assert handoff is not None
    assert handoff.json == {"reason": "spike", "command": "control"}
    assert (handoff.is_string, handoff.reason_code, handoff.bytes) == (True, "spike", 38)
