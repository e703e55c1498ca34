"""The recorded calls, and what they mean; Twilio's own report is the witness for how they ended."""

from typing import NamedTuple

import pytest

from relayproxy.conversation.fold import Fold
from relayproxy.conversation.model import Conversation
from tests.recordings import EPOCH, NAMES, Session, recording

GREETING = "This is the spike. Say something, or press a key."
LONG = " ".join(
    f"Sentence {n} of twelve: the quick brown fox jumps over the lazy dog while the spike keeps talking so you can "
    "interrupt it."
    for n in range(1, 13)
)


class T(NamedTuple):
    """What a turn must be; the latency may be off by one ms."""

    opened_by: str
    caller: str = ""
    agent: str = ""
    latency_ms: int | None = None
    keys: str = ""
    greeting: str = ""
    cut: tuple[tuple[str, str, int], ...] = ()


EXPECTED: dict[tuple[str, int], list[T]] = {
    ("end-then-reconnect", 1): [T("setup", greeting=GREETING), T("prompt", "Holding.", "I heard: Holding.", 1)],
    ("end-then-reconnect", 2): [
        T("setup", "", "This is the second relay session on the same call.", greeting=GREETING)
    ],
    ("greeting-dtmf", 1): [
        T("setup", greeting="This", cut=(("caller_dtmf", "This", 15),)),
        T("dtmf", "", "Key 9.", 0, keys="9"),
        T("dtmf", "", "Key 8.", 0, keys="8"),
    ],
    ("malformed-frames", 1): [T("setup", greeting=GREETING), T("prompt", "Holding.", "I heard: Holding.", 0)],
    ("pin-spoken", 1): [
        T("setup", greeting=GREETING),
        T(
            "prompt",
            "Four seven two nine zero one three eight.",
            "I heard: Four seven two nine zero one three eight.",
            3,
        ),
        T("prompt", "The quick brown fox.", "I heard: The quick brown fox.", 0),
    ],
    ("preempt-marked", 1): [
        T("setup", greeting=GREETING),
        T("dtmf", "", LONG, 1, keys="0"),
        T("proactive", "", "Replacing the marked message."),
    ],
    ("socket-drop", 1): [T("setup", greeting=GREETING), T("prompt", "Holding.", "I heard: Holding.", 1)],
}
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
            want.latency_ms,
            turn.dtmf,
            turn.greeting,
            tuple((cut.kind, cut.heard_text, cut.heard_ms or 0) for cut in turn.interruptions),
        )
        for turn, want in zip(turns, expected, strict=True)
    ] == expected
    for turn, want in zip(turns, expected, strict=True):
        assert not turn.unanswered
        if want.latency_ms is None:
            assert (turn.response_latency_ms, turn.null_reason) == (None, "no_prompt")
        else:
            assert turn.response_latency_ms == pytest.approx(want.latency_ms, abs=1)


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
