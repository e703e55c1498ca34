"""What a turn's time went into: turns as values, parts by hand."""

import pytest

from relayproxy.conversation.measures.parts import LatencyPart, first_sentence_at, parts
from relayproxy.conversation.model import Budget, Interruption, Turn
from relayproxy.conversation.totals import milliseconds

MS = 1_000_000
PROMPT = 1_788_000_000_000_000_000
BUDGET = Budget(
    input_delay=300_000_001, proxy_in=1_000_003, backend=700_000_007, proxy_out=2_000_011, output_delay=350_000_013
)
WRITTEN = PROMPT + 703_000_021


def turn(**fields: object) -> Turn:
    """A turn with an answer of three chunks that was heard to its end."""
    told: dict[str, object] = {
        "number": 1,
        "opened_by": "prompt",
        "started_at": PROMPT,
        "ended_at": PROMPT + 9000 * MS,
        "caller_text": "Hello",
        "caller_at": PROMPT,
        "agent_text": "Hi. Who is it?",
        "agent_at": WRITTEN,
        "agent_done_at": WRITTEN + 400 * MS,
        "dtmf": "",
        "null_reason": None,
        "coalesced_prompts": 0,
        "interruptions": (),
        "unanswered": False,
        "lang": "en",
        "budget": BUDGET,
        "first_kind": "text",
        "time_to_first_token_ms": 703,
        "stream_duration_ms": 400,
        "aggregation_delay_ms": 120,
        "reply_complete_ms": 2500,
        "chunks": 3,
        "heard_text": "Hi. Who is it?",
    }
    return Turn(**(told | fields))  # type: ignore[arg-type]


def cut(at: int, heard_ms: int | None = 460, kind: str = "caller_speech") -> Interruption:
    return Interruption(at=at, kind=kind, heard_text="Hi.", heard_ms=heard_ms)  # type: ignore[arg-type]


def found(**fields: object) -> dict[str, LatencyPart]:
    return {part.name: part for part in parts(turn(**fields))}


def test_between_the_parts_lies_what_is_left_of_the_budget() -> None:
    input_wait, backend, stream, playback = parts(turn())

    assert [input_wait.name, backend.name, stream.name, playback.name] == [
        "input_wait",
        "backend",
        "stream",
        "playback",
    ]
    assert backend.start - input_wait.end == BUDGET.proxy_in
    assert stream.start - backend.end == BUDGET.proxy_out
    assert playback.start - stream.start == BUDGET.output_delay
    assert playback.start - input_wait.start == BUDGET.user_bot_latency
    assert not any(part.estimated for part in (input_wait, backend, stream, playback))


def test_a_prompt_that_came_before_the_caller_was_done_was_not_waited_for() -> None:
    early = Budget(-200 * MS, 1, 700 * MS, 1, None)

    assert "input_wait" not in found(budget=early)


def test_nothing_was_waited_for_in_a_greeting() -> None:
    greeting = found(budget=Budget(), caller_at=None, reply_complete_ms=None, time_to_first_token_ms=None)

    assert [*greeting] == ["stream"]


def test_an_unanswered_turn_has_no_parts() -> None:
    assert found(budget=Budget(), agent_at=None, agent_done_at=None, stream_duration_ms=None, heard_text="") == {}


def test_a_stream_is_as_long_as_its_number_says() -> None:
    late_terminator = found(chunks=1, stream_duration_ms=0)

    assert late_terminator["stream"] == LatencyPart("stream", WRITTEN, WRITTEN)
    assert found()["stream"] == LatencyPart("stream", WRITTEN, WRITTEN + 400 * MS)
    assert "stream" not in found(agent_done_at=None, stream_duration_ms=None)


@pytest.mark.parametrize("caller_at", [PROMPT, None])
def test_text_behind_media_streams_from_its_own_first_token(caller_at: int | None) -> None:
    done_at = PROMPT + 1903 * MS
    stream = found(
        first_kind="play",
        caller_at=caller_at,
        agent_done_at=done_at,
        time_to_first_token_ms=1503 if caller_at else None,
    )["stream"]

    assert (stream.start, stream.end) == (PROMPT + 1503 * MS, done_at)


def test_playback_ends_with_the_interruption_that_stopped_it() -> None:
    greeting_cut, answer_cut = cut(WRITTEN - 5 * MS), cut(WRITTEN + 900 * MS)

    playback = found(interruptions=(greeting_cut, answer_cut), reply_complete_ms=None)["playback"]

    assert (playback.end, playback.estimated) == (WRITTEN + 900 * MS, False)
    assert "playback" not in found(interruptions=(greeting_cut,), reply_complete_ms=None)


def test_what_is_reckoned_is_estimated() -> None:
    silent = Budget(None, BUDGET.proxy_in, BUDGET.backend, BUDGET.proxy_out, None)
    interrupted = {"interruptions": (cut(WRITTEN + 900 * MS),), "reply_complete_ms": None}
    preempted = {"interruptions": (cut(WRITTEN + 900 * MS, kind="preempt"),), "reply_complete_ms": None}

    assert found(budget=silent)["playback"].start == WRITTEN
    assert found(budget=silent)["playback"].estimated
    assert found(budget=silent, **interrupted)["playback"].estimated
    assert found(reply_complete_estimated=True)["playback"].estimated
    assert found(**preempted)["playback"].estimated


def test_what_nobody_heard_was_not_played() -> None:
    unheard = {"heard_text": "", "reply_complete_ms": None, "interruptions": (cut(WRITTEN + 400 * MS, heard_ms=0),)}

    assert "playback" not in found(**unheard)
    assert "playback" not in found(**unheard | {"heard_text": "Welcome!", "greeting": "Welcome!"})
    assert "playback" in found(**unheard | {"media": ("https://example.com/hold.mp3",)})
    assert "playback" in found(**unheard | {"interruptions": (cut(WRITTEN + 400 * MS, heard_ms=30),)})


def test_rounded_milliseconds_do_not_turn_the_order_around() -> None:
    written = PROMPT + 752_600_000
    done = written + 400_000
    times = {"agent_at": written, "agent_done_at": done, "aggregation_delay_ms": milliseconds(600_000)}

    assert first_sentence_at(turn(**times)) == done
    assert first_sentence_at(turn(**times | {"aggregation_delay_ms": 0})) == written
    assert first_sentence_at(turn(aggregation_delay_ms=None)) is None
    assert first_sentence_at(turn(agent_at=None)) is None
    media = {"first_kind": "play", "caller_at": None, "agent_at": written, "agent_done_at": done + 300_000}
    assert found(**media, stream_duration_ms=1)["stream"].start == written
    assert found(**media | {"caller_at": PROMPT}, time_to_first_token_ms=752)["stream"].start == written
    ended = found(agent_at=written, reply_complete_ms=752, budget=Budget(None, 0, 1, 0, None))["playback"]
    assert ended.start <= ended.end
