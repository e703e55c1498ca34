"""Turn metrics: the value of a turn, computed from its draft.

Knows: where each number starts and ends, and why one is absent.
Must not know: which message belongs to which turn.

All times are wall nanoseconds.
"""

from typing import Any

from relayproxy.conversation.fold.turns import MAX_INTERRUPTIONS, TurnDraft
from relayproxy.conversation.fold.waits import longest_wait, unanswered
from relayproxy.conversation.hearing.played import played
from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.model import Budget, HeardBasis, Interruption, Played, Turn
from relayproxy.conversation.totals import NullReason, milliseconds
from relayproxy.text import mended

_WEAKEST_FIRST: tuple[HeardBasis, ...] = ("unknown", "estimated", "interrupt", "tokens_played", "all")


def turn_metrics(draft: TurnDraft, closed_at: int | None, rate: float) -> Turn:
    """The value of a turn as it stands, without findings. `closed_at`: when Twilio closed or, where it did not, the
    session ended, since when nothing could be heard; None while it lives. `rate`: the speaking rate of the call,
    characters a second."""
    return _TurnMetrics(draft, closed_at, rate).turn()


class _TurnMetrics:
    def __init__(self, draft: TurnDraft, closed_at: int | None, rate: float) -> None:
        self._draft = draft
        self._stream = draft.stream
        self._closed_at = closed_at
        self._rate = rate
        self._ended_at = draft.ended_at
        if draft.ended_at is None and closed_at is not None:
            self._ended_at = max(closed_at, draft.started_at)
        self._why = self._why_no_latency()
        self._reasons: dict[str, NullReason] = {}

    def turn(self) -> Turn:
        draft, stream = self._draft, self._stream
        first = draft.first
        heard, unheard, basis = self._hearing()
        chunk_rate, char_rate = stream.rates()
        complete, estimated = self._reply_complete()
        return Turn(
            number=draft.number,
            opened_by=draft.opened_by,
            started_at=draft.started_at,
            ended_at=self._ended_at,
            caller_text=" ".join(ask.text for ask in draft.prompts if ask.text),
            caller_at=draft.caller_at,
            agent_text=mended("".join(response.text() for response in draft.responses)),
            agent_at=draft.agent_at,
            agent_done_at=draft.agent_done_at,
            dtmf=draft.dtmf,
            null_reason=self._why,
            coalesced_prompts=max(0, len(draft.prompts) - 1),
            interruptions=self._interruptions(),
            unanswered=self._ended_at is not None and unanswered(draft),
            lang=draft.lang,
            attribution="inferred" if draft.inferred else "exact",
            budget=self._budget(),
            cut_off=draft.cut_off,
            longest_wait_ms=self._longest_wait(),
            lead_time_ms=self._lead_time(),
            first_kind=None if first is None else first.first_kind,
            time_to_first_token_ms=self._until("time_to_first_token_ms", stream.first_out),
            first_reaction_ms=self._first_reaction(),
            time_to_first_sentence_ms=self._until("time_to_first_sentence_ms", stream.sentence_out),
            aggregation_delay_ms=self._within("aggregation_delay_ms", stream.first_out, stream.sentence_out),
            time_to_last_token_ms=self._until("time_to_last_token_ms", stream.done_out),
            stream_duration_ms=self._within("stream_duration_ms", stream.first_out, stream.ended_out()),
            reply_complete_ms=complete,
            reply_complete_estimated=estimated,
            chunks=stream.chunks,
            chunk_gaps=stream.chunk_gaps(),
            stalls=stream.stalls,
            chunk_rate=chunk_rate,
            char_rate=char_rate,
            unterminated=self._ended_at is not None and self._streaming(),
            heard_text=mended(heard),
            unheard_text=mended(unheard),
            heard_basis=basis,
            agent_over_caller=self._over_caller(),
            tier=draft.tier,
            null_reasons=self._reasons,
            media=tuple(source for response in draft.responses for _, source in response.media),
            languages=tuple(draft.languages),
            sent_digits=draft.sent_digits,
            greeting=draft.greeting,
            **self._caller(),
            played=(*self._greeted(), *played(draft.speeches(), draft.ended_at, self._closed_at)),
            marks=tuple(draft.marks),
        )

    def _budget(self) -> Budget:
        draft = self._draft
        place = draft.answer_moment
        if self._why is not None or draft.caller_at is None or place is None:
            for name in ("input_delay_ms", "backend_latency_ms", "output_delay_ms", "user_bot_latency_ms"):
                self._reasons[name] = self._why or "no_response"
            return Budget()
        # An answer can be read before the write of what it answers has returned: the parts stay contiguous.
        asked = max(draft.caller_at, min(draft.caller_out, place.at))
        read = min(max(place.at, asked), max(place.out, asked))
        written = max(place.out, read)
        sound_at = self._sound_at()
        missing: NullReason = "tier" if draft.tier == "A" else "event_missing"
        input_delay = None if draft.client_off_at is None else draft.caller_at - draft.client_off_at
        output_delay = None if sound_at is None else sound_at - written
        if input_delay is None:
            why_not: NullReason = missing if draft.prompts else "no_prompt"
            self._reasons["input_delay_ms"] = self._reasons["user_bot_latency_ms"] = why_not
        if output_delay is None:
            sounding = draft.first is not None and draft.first.sounding
            why = "interrupted" if self._never_sounded() else "already_speaking" if sounding else missing
            self._reasons["output_delay_ms"] = self._reasons["user_bot_latency_ms"] = why
        return Budget(input_delay, asked - draft.caller_at, read - asked, written - read, output_delay)

    def _sound_at(self) -> int | None:
        first = next(self._draft.speeches(), None)
        if first is None or first.sound_at is None or self._draft.agent_at is None:
            return None
        return first.sound_at if first.sound_at >= self._draft.agent_at else None

    def _never_sounded(self) -> bool:
        """Whether events tell that the answer was discarded before its first sound."""
        first = next(self._draft.speeches(), None)
        if first is None or first.sound_at is not None or not first.announced:
            return False
        return first.unsounded or (first.cut is not None and first.cut.kind == "interrupt" and not first.cut.to)

    def _over_caller(self) -> bool:
        draft = self._draft
        over = draft.agent_over_caller or (draft.first is not None and draft.first.over_caller)
        return over and not self._never_sounded()

    def _hearing(self) -> tuple[str, str, HeardBasis | None]:
        draft = self._draft
        heard, unheard = draft.greeting, ""
        bases: set[HeardBasis] = {"tokens_played"} if heard else set()
        if not heard and draft.number == 0 and draft.interruptions and not draft.responses:
            # Only the interrupt tells of the greeting that it cut off.
            heard = draft.interruptions[0].heard
            bases = {"interrupt"} if heard else set()
        for speech in draft.speeches():
            if speech.length:
                to, basis, decided, start = speech.heard(self._closed_at, self._rate)
                text = speech.text()
                unheard = _joined(unheard, text[:start], apart=True)
                heard = _joined(heard, text[start:to], apart=bool(unheard) or heard == draft.greeting)
                unheard = _joined(unheard, text[to:] if decided else "", apart=to > 0)
                bases.add(basis)
        unheard = _joined(unheard, draft.too_late(), apart=True)
        return heard, unheard, next((basis for basis in _WEAKEST_FIRST if basis in bases), None)

    def _interruptions(self) -> tuple[Interruption, ...]:
        found = [draft.value(self._closed_at) for draft in self._draft.interruptions]
        preempted = [_preemption(s) for s in self._draft.speeches() if s.cut is not None and s.cut.kind == "preempt"]
        if preempted:
            found = sorted(found + preempted[:MAX_INTERRUPTIONS], key=lambda interruption: interruption.at)
        return tuple(found)

    def _reply_complete(self) -> tuple[int | None, bool]:
        draft, name = self._draft, "reply_complete_ms"
        speeches = [*draft.speeches()]
        if self._why is not None or draft.caller_at is None or not speeches:
            self._reasons[name] = self._why or "no_response"
            return None, False
        last = speeches[-1]
        during = any(cut.moment.at >= (draft.agent_at or 0) for cut in draft.interruptions)
        cut = any(speech.cut is not None or speech.unsounded for speech in speeches)
        if during or cut or draft.cut_off:
            self._reasons[name] = "interrupted"
        elif last.off_at is not None:
            return milliseconds(last.off_at - draft.caller_at), False
        elif self._closed_at is not None and last.queued and last.end_at > self._closed_at:
            self._reasons[name] = "session_closed"
        elif draft.tier == "B":
            pending = self._closed_at is None and last.queued
            self._reasons[name] = "pending" if pending else "event_missing"
        elif any(speech.media for speech in speeches):
            self._reasons[name] = "tier"
        else:
            return milliseconds(last.end_at - draft.caller_at), True
        return None, False

    def _greeted(self) -> tuple[Played, ...]:
        start, end = self._draft.greeting_from, self._draft.greeting_until
        return () if start is None else (Played(start, self._closed_at if end is None else end),)

    def _caller(self) -> dict[str, Any]:
        """When the caller began and ended what was answered."""
        draft = self._draft
        until = draft.client_off_at if draft.client_off_at is not None else draft.caller_at
        if until is None:
            return {}
        begun = until if draft.caller_begun_at is None else draft.caller_begun_at
        estimated = draft.client_off_at is None and bool(draft.prompts)
        return {"caller_begun_at": min(begun, until), "caller_done_at": until, "caller_estimated": estimated}

    def _longest_wait(self) -> int | None:
        silent = self._never_sounded()
        waited = longest_wait(self._draft, self._sound_at(), self._ended_at, never_sounded=silent)
        if isinstance(waited, int):
            return milliseconds(waited)
        self._reasons["longest_wait_ms"] = waited
        return None

    def _lead_time(self) -> int | None:
        draft = self._draft
        if not draft.speculative or draft.caller_at is None or draft.answer_moment is None:
            return None
        return milliseconds(draft.caller_at - draft.answer_moment.at)

    def _first_reaction(self) -> int | None:
        draft = self._draft
        if draft.caller_at is not None and draft.reaction_out is not None and not draft.speculative:
            return milliseconds(max(0, draft.reaction_out - draft.caller_at))
        self._reasons["first_reaction_ms"] = self._why or "no_response"
        return None

    def _until(self, name: str, out: int | None) -> int | None:
        """Milliseconds from what was answered to `out`."""
        caller_at = self._draft.caller_at
        if self._why is None and out is not None and caller_at is not None:
            return milliseconds(max(0, out - caller_at))
        self._reasons[name] = self._why or self._why_not_yet()
        return None

    def _within(self, name: str, start: int | None, end: int | None) -> int | None:
        if start is not None and end is not None:
            return milliseconds(max(0, end - start))
        self._reasons[name] = self._why_not_yet()
        return None

    def _why_not_yet(self) -> NullReason:
        if not self._stream.chunks:
            return "no_text" if any(response.media for response in self._draft.responses) else "no_response"
        return "unterminated" if self._ended_at is not None else "pending"

    def _streaming(self) -> bool:
        return any(response.streams for response in self._draft.responses)

    def _why_no_latency(self) -> NullReason | None:
        draft = self._draft
        if draft.speculative:
            return "speculative"
        if draft.caller_at is None:
            return "no_prompt"
        if draft.agent_at is not None:
            return "overlap" if draft.first is not None and draft.first.overlapped else None
        if draft.closed_before:
            return "session_closed"
        if draft.closed_by == "handoff":
            return "handed_off"
        if draft.state == "overlapped":
            return "overlap"
        if draft.cut_short:
            return "interrupted_before_first_token"
        return "session_closed" if draft.ended_at is None and self._closed_at is not None else "no_response"


def _joined(before: str, more: str, *, apart: bool) -> str:
    """`apart`: something lies between the two, so that their words must not run together."""
    if apart and before and more and not before[-1].isspace() and not more[0].isspace():
        return f"{before} {more}"
    return before + more


def _preemption(speech: Speech) -> Interruption:
    cut = speech.cut
    assert cut is not None
    unheard = speech.length - cut.to
    return Interruption(
        at=cut.at,
        kind="preempt",
        heard_text=mended(speech.text()[: cut.to]),
        heard_ms=None,
        attribution="exact" if cut.exact else "inferred",
        unheard_chars=unheard,
        unheard_ratio=round(unheard / speech.length, 4) if speech.length else None,
        match="exact" if speech.reported else "none",
    )
