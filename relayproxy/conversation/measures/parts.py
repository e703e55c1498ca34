"""Latency parts of a turn, read off its times and numbers.

Knows: where each part begins and ends, and when that is not known.
Must not know: spans, how the turn was derived.

Times are wall nanoseconds. Milliseconds of a turn are rounded: what they give is kept in order with exact times.
"""

from collections.abc import Iterator
from typing import NamedTuple

from relayproxy.conversation.model import Turn

_MS = 1_000_000


class LatencyPart(NamedTuple):
    """A stretch of time, `end` not before `start`; it may reach beyond its turn."""

    name: str
    start: int
    end: int
    estimated: bool = False


def parts(turn: Turn) -> Iterator[LatencyPart]:
    """`input_wait`, `backend`, `stream` and `playback`, each when the turn has its times."""
    budget, asked_at = turn.budget, turn.caller_at
    if asked_at is not None:
        if budget.input_delay is not None and budget.input_delay > 0:
            yield LatencyPart("input_wait", asked_at - budget.input_delay, asked_at)
        if budget.proxy_in is not None and budget.backend is not None:
            sent_at = asked_at + budget.proxy_in
            yield LatencyPart("backend", sent_at, sent_at + max(0, budget.backend))
    token_at = _first_token_at(turn)
    if token_at is not None and turn.agent_done_at is not None and turn.stream_duration_ms is not None:
        # A single chunk has no duration, however late an empty `last: true` came.
        yield LatencyPart("stream", token_at, max(token_at, turn.agent_done_at) if turn.chunks > 1 else token_at)
    playback = _playback(turn)
    if playback is not None:
        yield playback


def first_sentence_at(turn: Turn) -> int | None:
    """The time at which the chunk that completes the first sentence had been written to Twilio."""
    token_at = _first_token_at(turn)
    if token_at is None or turn.aggregation_delay_ms is None:
        return None
    at = token_at + turn.aggregation_delay_ms * _MS
    return at if turn.agent_done_at is None else max(token_at, min(at, turn.agent_done_at))


def _first_token_at(turn: Turn) -> int | None:
    if turn.agent_at is None or turn.first_kind == "text":
        return turn.agent_at
    if turn.caller_at is not None and turn.time_to_first_token_ms is not None:
        return max(turn.agent_at, turn.caller_at + turn.time_to_first_token_ms * _MS)
    if turn.agent_done_at is not None and turn.stream_duration_ms is not None and turn.chunks > 1:
        return max(turn.agent_at, turn.agent_done_at - turn.stream_duration_ms * _MS)
    return None


def _playback(turn: Turn) -> LatencyPart | None:
    """Without speaker events it begins, as an estimate, with the answer written to Twilio."""
    if turn.agent_at is None or not _audible(turn):
        return None
    output_delay = turn.budget.output_delay
    sound_at = turn.agent_at + (output_delay or 0)
    cut = next((cut for cut in turn.interruptions if cut.at >= sound_at), None)
    if cut is not None:
        # No frame says when a pre-emption took effect.
        return LatencyPart("playback", sound_at, cut.at, output_delay is None or cut.kind == "preempt")
    if turn.reply_complete_ms is None or turn.caller_at is None:
        return None
    heard_until = max(sound_at, turn.caller_at + turn.reply_complete_ms * _MS)
    return LatencyPart("playback", sound_at, heard_until, output_delay is None or turn.reply_complete_estimated)


def _audible(turn: Turn) -> bool:
    """True when something of the answer was heard, as far as is known; the greeting of the TwiML is none."""
    return turn.heard_text != turn.greeting or bool(turn.media) or any(cut.heard_ms for cut in turn.interruptions)
