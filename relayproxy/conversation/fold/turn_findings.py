"""The findings of a turn.

Knows: which numbers and texts of a turn become findings, and at which message they point.
Must not know: how the numbers were derived; findings of whole sessions.
"""

from collections.abc import Iterator

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.fold.barge_in import REACTION_MS
from relayproxy.conversation.fold.response_states import CUT_OFF
from relayproxy.conversation.fold.turns import TEXT_LIMIT, Response, TurnDraft
from relayproxy.conversation.fold.waits import on_hold
from relayproxy.conversation.hearing.speaking_rate import USUAL
from relayproxy.conversation.model import Finding, Interruption, Turn
from relayproxy.conversation.moment import Moment
from relayproxy.plural import plural

SECOND = 1_000_000_000
MS = 1_000_000
STOPPED_WITHIN = SECOND
"""A response whose last text came this shortly before an interrupt or the end of the session was cut off, not left
open."""
STARVED_CHUNKS = 5
STARVED_MS = 2000
LONG_REPLY = 200
"""Characters. A model that writes 50 tokens a second takes a second for them, in which an unstreamed reply keeps the
caller waiting; spoken, they take 13."""
HELD_MS = 1000
"""A caller who waited less than this for a reply that came all at once has lost little."""
AT_ONCE = 10_000
"""Characters a second: no model writes as fast, so that what comes faster was complete before it was sent."""


def turn_findings(draft: TurnDraft, turn: Turn, closed_at: int | None, thresholds: Thresholds) -> tuple[Finding, ...]:
    """The findings of a turn whose value is `turn`. `closed_at`: the session is over since then."""
    return (
        *_latency(draft, turn, thresholds),
        *_stream(draft, turn, closed_at, thresholds),
        *_replies(draft, turn),
        *_delivery(draft, turn),
        *_interruptions(turn),
        *_speech(draft, closed_at),
    )


def _latency(draft: TurnDraft, turn: Turn, thresholds: Thresholds) -> Iterator[Finding]:
    latency = turn.response_latency_ms
    held = on_hold(draft, turn.ended_at)
    if held is not None and held[0] // MS >= max(latency or 0, thresholds.slow_turn_ms):
        detail = f"{_seconds(held[0] // MS)} of silence after the caller had been asked to wait{_unsure(draft)}"
        yield _finding("slow_turn", turn, held[1], detail)
    elif latency is not None and latency >= thresholds.slow_turn_ms:
        detail = f"{_seconds(latency)} until the first word{_unsure(draft)}"
        yield _finding("slow_turn", turn, draft.answer_moment, detail)
    again = draft.longest_wait
    if again is not None and again[0] >= thresholds.slow_turn_ms * MS:
        detail = f"{_seconds(again[0] // MS)} without an answer, then the caller spoke again{_unsure(draft)}"
        yield _finding("asked_again", turn, again[1], detail)
    if not turn.unanswered or turn.ended_at is None or turn.caller_at is None:
        return
    waited = (turn.ended_at - turn.caller_at) // MS
    # Who hangs up, or is hung up on, before that has heard no silence.
    if waited >= thresholds.slow_turn_ms:
        what = "a prompt" if turn.caller_text else "a key press"
        detail = f"no words for {_seconds(waited)} after {what}{_unsure(draft)}"
        yield _finding("unanswered", turn, draft.caller_moment, detail)


def _stream(draft: TurnDraft, turn: Turn, closed_at: int | None, thresholds: Thresholds) -> Iterator[Finding]:
    longest = draft.stream.longest_gap
    if longest is not None and longest[0] >= thresholds.stall_ms * MS:
        detail = f"{_seconds(longest[0] // MS)} between two parts of the answer{_unsure(draft)}"
        yield _finding("stall", turn, longest[1], detail)
    rates = [response.rate for response in draft.responses if response.rate is not None]
    rate, duration = rates[-1] if rates else None, turn.stream_duration_ms
    slow = turn.char_rate is not None and rate is not None and turn.char_rate < rate
    if slow and turn.chunks >= STARVED_CHUNKS and duration is not None and duration >= STARVED_MS:
        detail = f"{turn.char_rate:.0f} characters a second came, {rate:.0f} are spoken"
        yield _finding("starved_speech", turn, draft.answer_moment, detail)
    left_open = [r for r in draft.responses if _left_open(r, turn, closed_at)]
    if left_open and not draft.cut_off:
        place = Moment(left_open[0].last_at, 0, left_open[0].connection_id, left_open[0].seqs[-1])
        detail = f"the last text of the answer did not say last: true{_unsure(draft)}"
        yield _finding("missing_last", turn, place, detail)


def _left_open(response: Response, turn: Turn, closed_at: int | None) -> bool:
    if not response.streams or response.state in CUT_OFF or turn.ended_at is None or not response.seqs:
        return False
    cut = response.interruption
    if cut is not None and cut.moment.at - response.last_at <= STOPPED_WITHIN and not cut.ignored():
        return False
    return closed_at is None or turn.ended_at < closed_at or closed_at - response.last_at > STOPPED_WITHIN


def _replies(draft: TurnDraft, turn: Turn) -> Iterator[Finding]:
    if draft.speculative and turn.lead_time_ms is not None:
        detail = f"the answer began {_seconds(turn.lead_time_ms)} before the final prompt"
        yield _finding("reply_to_partial", turn, draft.answer_moment, detail)
    elif draft.speculative and (turn.ended_at is not None or draft.state != "speculative"):
        detail = "the answer began on words that never became a final prompt"
        yield _finding("reply_to_partial", turn, draft.answer_moment, detail)
    if draft.to_partials is not None and not draft.speculative:
        detail = "several replies to the same words: partial prompts were answered too"
        yield _finding("reply_to_partial", turn, draft.to_partials, detail)
    first = next((response for response in draft.responses if response.interleaved), None)
    if first is not None:
        detail = (
            "a second reply was sent among the texts of the first"
            if first.mixed
            else ("a second reply came right behind the first")
        )
        yield _finding("interleaved_replies", turn, first.interleaved, detail)
    if turn.agent_over_caller and not draft.speculative:
        yield _finding("agent_over_caller", turn, draft.answer_moment, "the answer began while the caller was speaking")


def _delivery(draft: TurnDraft, turn: Turn) -> Iterator[Finding]:
    """Whether a reply to the caller could be spoken before all of it was there. What else was said or played in the
    turn filled the time."""
    spoken = [response for response in draft.responses if any(map(str.strip, response.tokens))]
    if turn.opened_by not in ("prompt", "dtmf") or len(spoken) != 1 or turn.media:
        return
    (reply,) = spoken
    length = len(reply.text().strip()) if reply.chars <= TEXT_LIMIT else reply.chars
    if length < LONG_REPLY or reply.done_out is None or reply.interruption is not None or reply.began is None:
        return
    if sum(bool(token.strip()) for token in reply.tokens) == 1:
        rate = reply.rate or USUAL
        detail = f"{length} characters, {length / rate:.0f} s of speech, in one message"
        yield _finding("unstreamed_reply", turn, reply.began, detail)
        return
    latency, taken = turn.response_latency_ms, reply.last_at - reply.began.at
    if latency is not None and latency >= HELD_MS and length * SECOND > AT_ONCE * taken:
        detail = f"nothing for {_seconds(latency)}, then {length} characters within {_seconds(taken // MS)}"
        yield _finding("held_reply", turn, reply.began, detail)


def _interruptions(turn: Turn) -> Iterator[Finding]:
    for cut in turn.interruptions:
        place = None if cut.connection is None else Moment(cut.at, 0, cut.connection, cut.seq or 0)
        if cut.still_streaming_at_close or (cut.stale_chunks > 1 and cut.reaction_ms > REACTION_MS):
            yield _finding("stale_speech", turn, place, _stale(cut))
        if cut.false_interruption:
            yield _finding("false_interruption", turn, place, "no words followed the interruption")


def _stale(cut: Interruption) -> str:
    what = f"{plural(cut.stale_chunks, 'more message')} with {plural(cut.stale_chars, 'character')}"
    return f"{what} until the call ended" if cut.still_streaming_at_close else f"{what} in {_seconds(cut.reaction_ms)}"


def _speech(draft: TurnDraft, closed_at: int | None) -> Iterator[Finding]:
    seen: set[str] = set()
    for response in draft.responses:
        if response.streams and draft.ended_at is None and closed_at is None:
            continue
        for remark in response.speakability():
            if remark.code not in seen and remark.token < len(response.seqs):
                seen.add(remark.code)
                place = Moment(draft.agent_at or 0, 0, response.connection_id, response.seqs[remark.token])
                yield Finding(remark.code, place.at, remark.excerpt, draft.number, place.connection, place.seq)


def _unsure(draft: TurnDraft) -> str:
    """An addition to what is said of an answer that did not come, or not in time, as far as was recorded."""
    return "; a part of what the agent sent was not recorded, so it may have come" if draft.unrecorded else ""


def _finding(code: str, turn: Turn, place: Moment | None, detail: str) -> Finding:
    if place is None:
        return Finding(code, turn.started_at, detail, turn.number)
    return Finding(code, place.at, detail, turn.number, place.connection, place.seq)


def _seconds(ms: int) -> str:
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
