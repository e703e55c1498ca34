"""The response tracker: which response and turn a message of the backend belongs to.

Knows: `last: true`, pauses, and what the caller has asked meanwhile.
Must not know: JSON, what the caller said, how numbers are read off a turn.

Times are wall nanoseconds. Nothing here looks at a clock: rules about elapsed time compare the times of messages.
"""

from typing import Literal

from relayproxy.conversation.checks.filler import is_filler
from relayproxy.conversation.fold.barge_in import InterruptionDraft, InterruptionTracker
from relayproxy.conversation.fold.tracking.continuation import IN_FLIGHT, OVERLAP, SILENCE, displaced_by
from relayproxy.conversation.fold.tracking.overlap import (
    begins_mid_sentence,
    kept_pace,
    may_be_mixed,
    repeats_first_word,
    texts_among,
)
from relayproxy.conversation.fold.tracking.response_attribution import ResponseAttribution
from relayproxy.conversation.fold.tracking.turn_ledger import TurnLedger
from relayproxy.conversation.fold.turn_states import TurnEvent
from relayproxy.conversation.fold.turns import MAX_STALE, Response, TurnDraft
from relayproxy.conversation.hearing.interruption_attribution import ROUND_TRIP
from relayproxy.conversation.hearing.playback import SECOND, Playback
from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.measures.silence import SilenceTracker
from relayproxy.conversation.moment import Moment

PARTIAL_REPLY = 5 * SECOND
"""Time after a partial prompt within which a response that no final prompt awaits counts as an answer to it."""
PARTIAL_WINDOW = 2 * SECOND
"""Time after the partial prompt or that response within which the caller must go on, for it to answer what they say
then."""


class ResponseTracker:
    """The responses of one session, in the turns of `ledger`."""

    def __init__(
        self, ledger: TurnLedger, playback: Playback, interruptions: InterruptionTracker, silences: SilenceTracker
    ) -> None:
        self._ledger = ledger
        self._playback = playback
        self._interruptions = interruptions
        self._silences = silences
        self._attribution = ResponseAttribution(ledger)
        self._current: Response | None = None
        self._finished: Response | None = None
        """The last complete response, while what follows may be a second reply to the same words."""
        self._inputs = 0
        self._input_at = 0
        """When the last prompt or key came that is to be answered."""
        self._partial_at: int | None = None
        self._partials = 0
        """Partial prompts since the last final one."""
        self._lang: str | None = None
        self.caller_speaking = False
        self.hears_caller = False
        """Whether `clientSpeaking` comes in this call."""
        self.first_sent_at: int | None = None
        """When the first speakable message of the session had been written."""

    def earliest(self) -> int | None:
        """Number of the earliest turn that a later message of the backend can change, None without one."""
        turns = [r.turn.number for r in (self._current, self._finished) if r is not None and r.turn is not None]
        if self._current is not None and self._current.interruption is not None:
            turns.append(self._current.interruption.turn)
        undecided = self._attribution.earliest()
        return min(turns if undecided is None else [*turns, undecided], default=None)

    @property
    def inputs(self) -> int:
        """Number of prompts and keys so far that are to be answered."""
        return self._inputs

    @property
    def streaming(self) -> bool:
        """Whether a response has begun and not ended."""
        return self._current is not None and self._current.streams and self._current.turn is not None

    def pass_time(self, now: int) -> None:
        """Applies the time limits at `now`, before a message of that time is handled."""
        self._attribution.pass_time(now)
        if self._finished is not None and now - self._finished.last_at > SILENCE:
            self._finished = None

    def partial(self, at: int) -> None:
        """Handles a partial prompt."""
        self._give_up(at)
        turn = self._ledger.open
        if turn is not None:
            turn.happens("partial")
        self._partial_at = at
        self._partials += 1

    def prompt(self, at: int) -> None:
        """Handles a final prompt, before its turn is known."""
        self._give_up(at)
        self._partial_at = None

    def caller_input(self, turn: TurnDraft | None, moment: Moment) -> None:
        """Handles a prompt or key that is to be answered in `turn`; None when it does not restart the latency of its
        turn."""
        self._inputs += 1
        self._input_at = moment.at
        self._finished = None
        if turn is None:
            self.decide()
            return
        self._attribution.caller_input(turn, moment.at)
        turn.caller_at, turn.caller_out, turn.caller_moment = moment.at, moment.out, moment
        if turn.opened_by == "prompt":
            turn.partials += self._partials
            self._partials = 0
        turn.cut_short = False
        turn.reaction_out = None
        turn.invalidate()

    def decide(self) -> None:
        """Fixes which response answers which prompt, as far as it is known."""
        self._attribution.decide()

    def reaction(self, out: int) -> None:
        """Handles a message of any type of the backend, written at `out`."""
        turn = self._ledger.open
        if turn is not None and turn.caller_at is not None and turn.reaction_out is None:
            turn.reaction_out = out
            turn.invalidate()

    def text(
        self,
        token: str,
        moment: Moment,
        *,
        last: bool,
        speakable: bool,
        preemptible: bool,
        lang: str | None,
        late: bool,
    ) -> None:
        """Handles `text`. `late`: Twilio has closed the connection, so a response that begins now is not heard."""
        terminator = last and not token
        response = self._current if terminator else self._continued(moment, token)
        if response is None and terminator:
            return
        if response is None:
            response = Response(moment.connection)
            response.began_inputs = self._inputs
        self._current = None if last else response
        crossed = response.turn is not None and response.inputs != self._inputs
        response.crossed = response.crossed or crossed
        if last or response.state != "streaming":
            response.happens("last" if last else "text")
        gap = moment.at - response.last_at
        if crossed and response.outrun is None:
            response.outrun = len(response.stream.gaps), response.stream.last_at
        response.last_at = moment.at
        if not crossed or moment.at - self._input_at >= IN_FLIGHT:
            response.inputs = self._inputs
        kept = response.keep(token)
        response.seqs.append(moment.seq)
        turn = response.turn
        if turn is None:
            if not speakable:
                self._keep_white_space(response, kept, moment)
                return
            turn = self._begin(response, moment, "text", late=late)
            turn.agent_chars += response.chars
            response.voice_lang = lang or self._lang or turn.lang
        turn.invalidate()
        self._attribution.active(moment.at)
        if turn is not self._ledger.open:
            self._overlap(moment, speakable=speakable)
        self._count(response, token, moment, gap, last=last, speakable=speakable)
        self._speak(response, kept, moment, speakable=speakable, preemptible=preemptible)

    def play(self, source: str, moment: Moment, *, preemptible: bool, late: bool) -> None:
        """Handles `play`. `late` as for text."""
        response = self._current = self._continued(moment, None) or Response(moment.connection)
        response.happens("play")
        response.last_at = moment.at
        response.inputs = self._inputs
        turn = response.turn or self._begin(response, moment, "play", late=late)
        turn.invalidate()
        response.media.append((moment.at, source))
        turn.mark("play", moment.at, source)
        response.speech = None
        speech = self._segment(response, moment, preemptible=preemptible)
        speech.media, speech.sent_at = True, moment.out
        if not response.late:
            self._playback.sent(speech, moment.out, None)
        response.speech = None

    def language(self, lang: str, at: int) -> None:
        """Handles `language`: sets the language of speech."""
        self._lang = lang
        turn = self._ledger.open
        if turn is not None:
            turn.languages.append(lang)
            turn.mark("language", at, lang)
            turn.invalidate()

    def interrupted(self, speech: object, draft: InterruptionDraft) -> None:
        """Handles an interrupt that stopped `speech` and all that waited after it."""
        self.decide()
        current = self._current
        if current is None or not isinstance(speech, Speech):
            return
        crossed = not current.speeches or draft.moment.at - current.speeches[0].sent_at < ROUND_TRIP
        if speech.owner is current or not crossed:
            current.happens("interrupt")
            draft.longest_gap, draft.response = current.longest_gap(), current
            current.interruption, current.interrupted_at_inputs = draft, self._inputs
            current.stale_texts, current.speech = [], None

    def disconnected(self, connection_id: str, at: int) -> None:
        """Handles the loss of a connection: the response that was sent over it cannot be continued."""
        if self._current is not None and self._current.connection_id == connection_id:
            if at - self._current.last_at <= SILENCE:
                self._current.happens("disconnect")
            self._current.invalidate()
            self._current = None
            self.decide()

    def _give_up(self, at: int) -> None:
        """Lets a speculative turn lapse whose final prompt did not come in time."""
        turn = self._ledger.open
        if turn is not None and turn.state == "speculative":
            last_at = max(self._partial_at or 0, turn.responses[-1].last_at)
            if at - last_at > PARTIAL_WINDOW:
                turn.happens("lapse")

    def _continued(self, moment: Moment, token: str | None) -> Response | None:
        """The response that a message of the backend continues, if it continues one."""
        response, at, turn = self._current, moment.at, self._ledger.open
        if response is None or response.connection_id != moment.connection:
            return None
        asked = response.turn is not turn or response.inputs != self._inputs
        if response.turn is None or not (asked or response.interruption):
            return response  # as nearly always
        event = displaced_by(response, token, at, self._inputs, self._input_at, turn)
        if event is None:
            return response
        response.happens(event)
        return None

    def _overlap(self, moment: Moment, *, speakable: bool) -> None:
        """Notes that text of an earlier response comes while the caller waits: it may hold the answer."""
        turn = self._ledger.open
        if turn is None or turn.caller_at is None:
            return
        if speakable and moment.at - turn.caller_at >= IN_FLIGHT:
            turn.happens("overlap")

    def _begin(self, response: Response, moment: Moment, kind: Literal["text", "play"], *, late: bool) -> TurnDraft:
        """Assigns a turn to a response whose first speakable message came."""
        ledger, at = self._ledger, moment.at
        response.began, response.first_kind = moment, kind
        response.sounding, response.over_caller = self._playback.on, self.caller_speaking
        if late:
            turn = ledger.turn_for("late_reply", at)
            response.late, response.turn = True, turn
            turn.responses.append(response)
            return turn
        self._note_second_reply(response, moment)
        before = ledger.open
        found = None if before is None or before.awaiting else self._attribution.unasked(response, at)
        turn = found or self._turn_of_reply(before, response, moment)
        if found is None:
            turn.responses.append(response)
            response.turn = turn
        for draft in self._interruptions.response(response.began.out):
            ledger.invalidate(draft.turn)
        self._silences.answered(moment.out)
        self.first_sent_at = moment.out if self.first_sent_at is None else self.first_sent_at
        return turn

    def _turn_of_reply(self, turn: TurnDraft | None, response: Response, moment: Moment) -> TurnDraft:
        """The turn of a response that is not one of a series. `turn`: the open one."""
        if turn is not None and turn.awaiting:
            return self._ledger.turn_for("reply", moment.at)
        event = self._reply_event(turn, response, moment.at)
        found = self._ledger.turn_for(event, moment.at)
        if event == "reply_to_partial" and found is not turn:
            found.agent_over_caller = not self.hears_caller
        elif event == "repeated_reply":
            found.to_partials = found.to_partials or moment
            found.responses[0].overlapped = True
        self.decide()
        return found

    def _reply_event(self, turn: TurnDraft | None, response: Response, at: int) -> TurnEvent:
        """The event that the beginning of a response is to a turn that awaits none."""
        if self._partial_at is not None and at - self._partial_at <= PARTIAL_REPLY:
            return "reply_to_partial"
        if turn is not None and repeats_first_word(self._finished, response, turn):
            return "repeated_reply"
        greeted = turn is not None and turn.state == "greeting" and self._greeted(turn, at)
        return "reply_after_greeting" if greeted else "reply"

    def _greeted(self, turn: TurnDraft, at: int) -> bool:
        """Whether the greeting of the TwiML has been over for a second."""
        heard_at = turn.greeting_at if turn.greeting_until is None else turn.greeting_until
        return heard_at is not None and not self._playback.on and at - heard_at > SILENCE

    def _note_second_reply(self, response: Response, moment: Moment) -> None:
        before = self._finished
        if before is None or before.turn is None or any(response.interleaved for response in before.turn.responses):
            return
        clean = before.interruption is not None and not before.interruption.ignored()
        if (before.turn.speculative and not clean) or (before.crossed and moment.at - before.last_at < OVERLAP):
            before.interleaved = moment
            before.mixed = may_be_mixed(before) if before.crossed else begins_mid_sentence(response)
            before.turn.invalidate()
            if before.interruption is not None and before.crossed:
                self._split_overlap(before, before.interruption, response)
            elif before.crossed:
                response.overlapped = before.mixed

    def _split_overlap(self, before: Response, interruption: InterruptionDraft, response: Response) -> None:
        """Moves the texts of a second reply out of the interrupted one that it was sent among."""
        own = texts_among(before, self._input_at)
        response.overlapped = own is None
        if own:
            response.began = own[0][0]
        for moment, token in own or ():
            response.stream.chunk(token, moment)
            interruption.stale_chunks -= 1
            interruption.stale_chars -= len(token)

    def _count(self, response: Response, token: str, moment: Moment, gap: int, *, last: bool, speakable: bool) -> None:
        """Counts a message in the numbers of its turn."""
        interruption = response.interruption
        if interruption is None:
            if token:
                response.stream.chunk(token, moment)
        elif speakable:
            interruption.stale(len(token), moment.at, gap)
            self._ledger.invalidate(interruption.turn)
            if len(response.stale_texts) < MAX_STALE:
                response.stale_texts.append((moment, token))
        if not last:
            return
        response.done_out = moment.out
        response.stream.last(moment.out)
        response.rate = self._playback.rate.measured
        turn = self._ledger.open
        if turn is not None and turn is response.turn and turn.prompts and is_filler(response.text()):
            turn.happens("filler")
        if turn is not None and turn.state == "overlapped" and kept_pace(response):
            turn.happens("overlap_resolved")
        self._attribution.done()
        self._finished = response

    def _keep_white_space(self, response: Response, token: str, moment: Moment) -> None:
        """Keeps white space that comes before the first word."""
        if token:
            self._segment(response, moment, preemptible=False).add(token)

    def _speak(self, response: Response, token: str, moment: Moment, *, speakable: bool, preemptible: bool) -> None:
        if not token:
            return
        speech = self._segment(response, moment, preemptible=preemptible)
        speech.add(token)
        if not speakable or response.late:
            return
        self._silences.answered(moment.out)
        if not speech.sent_at:
            speech.sent_at = moment.out
        self._playback.sent(speech, moment.out, len(token))

    def _segment(self, response: Response, moment: Moment, *, preemptible: bool) -> Speech:
        speech = response.speech
        if speech is None or (speech.cut is not None and speech.cut.kind == "interrupt"):
            speech = response.speech = Speech(response)
            speech.preemptible = preemptible
            response.speeches.append(speech)
        speech.last_at = moment.at
        speech.inputs = self._inputs
        if not speech.preemptible and preemptible:
            speech.preemptible = True
        return speech
