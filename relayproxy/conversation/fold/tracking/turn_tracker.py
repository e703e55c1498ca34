"""The turn tracker: the turns of one session, from its messages.

Knows: what opens a turn and who speaks when; attributes interruptions to turns.
Must not know: JSON, connections beyond their id, how a session ends, how numbers are read off a turn.

Times are wall nanoseconds. Nothing here looks at a clock: rules about elapsed time compare the times of messages.
"""

from typing import Literal

from relayproxy.conversation.fold.barge_in import InterruptionDraft, InterruptionTracker
from relayproxy.conversation.fold.tracking.response_tracker import ResponseTracker
from relayproxy.conversation.fold.tracking.turn_ledger import TurnLedger, turn_of
from relayproxy.conversation.fold.turns import FinalPrompt, Response, TurnDraft
from relayproxy.conversation.hearing.caller_speech import CallerSpeech
from relayproxy.conversation.hearing.interruption_attribution import GREETING, Source
from relayproxy.conversation.hearing.playback import SECOND, Playback
from relayproxy.conversation.hearing.speaking_rate import spoken_for
from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.measures.silence import SilenceTracker
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.totals import NullReason, milliseconds

KEY_WINDOW = 250_000_000
"""Time after a key within which an interrupt was caused by it."""
MAX_ECHOES = 8
EARLY_PROMPT = 2 * SECOND
"""Time by which a final prompt may come before `clientSpeaking` off."""


class TurnTracker:
    """The turns of one session. Call it for each message in order; `ledger` holds the result so far."""

    def __init__(self) -> None:
        self.ledger = TurnLedger()
        self.playback = Playback()
        self.silences = SilenceTracker()
        self._interruptions = InterruptionTracker()
        self.responses = ResponseTracker(self.ledger, self.playback, self._interruptions, self.silences)
        self._key_at: int | None = None
        self._client_on_at: int | None = None
        self._client_off_at: int | None = None
        self._caller_speech = CallerSpeech()
        self.last_prompt_at: int | None = None
        self.caller_first_at: int | None = None
        """When the caller first spoke or pressed a key."""
        self.agent_first_at: int | None = None
        """The first `agentSpeaking` on."""
        self._setup_at: int | None = None
        self._echoes: list[str] = []
        """Digits that the backend sent and that `tokensPlayed` will report."""
        self._cut: InterruptionDraft | None = None
        """The last interruption, and what had been sent and asked when it came."""
        self._cut_at_change = 0
        self._cut_at_inputs = 0
        self._greeted = False
        """Whether a greeting was played."""

    @property
    def waiting(self) -> TurnDraft | None:
        """The open turn when the caller waits for an answer in it, else None."""
        turn = self.ledger.open
        return turn if turn is not None and turn.state == "waiting" else None

    def settled(self, now: int) -> int:
        """Number of turns, from the first, that no later message can change."""
        bounds = [self.ledger.count - 1]
        bounds += [bound for bound in (self._interruptions.earliest(), self.responses.earliest()) if bound is not None]
        bounds += [turn.number for turn in map(turn_of, self.playback.earliest()) if turn is not None]
        if self.playback.greeting_possible(now):
            bounds.append(0)
        return max(0, min(bounds))

    def pass_time(self, now: int) -> None:
        """Applies the time limits at `now`, before a message of that time is handled."""
        self.playback.pass_time(now)
        self.responses.pass_time(now)
        if self._interruptions.open:
            for draft in self._interruptions.pass_time(now):
                self.ledger.invalidate(draft.turn)

    def setup(self, at: int) -> None:
        """Handles `setup`, which opens turn 0 unless something came before it."""
        self._setup_at = at if self._setup_at is None else self._setup_at
        self.ledger.happens("setup", at)

    def partial(self, at: int) -> None:
        """Handles a partial prompt."""
        self._caller_begins(at)
        self._caller_speech.partial(at)
        self._interruptions.speaks(at)
        self.responses.partial(at)

    def prompt(self, text: str, lang: str | None, moment: Moment) -> None:
        """Handles a final prompt."""
        at = moment.at
        self._caller_begins(at)
        self.responses.prompt(at)
        self.last_prompt_at = at
        self.playback.caller_spoke()
        for draft in self._interruptions.prompt(at, at - spoken_for(text)):
            self.ledger.invalidate(draft.turn)
        before, prompt = self.ledger.state, FinalPrompt(text, lang, moment)
        if before != "speculative":
            self.silences.caller_stops(at, event=False)
        turn = self.ledger.turn_for("prompt", at)
        turn.opened_by = "prompt"
        spoken = self._caller_speech.prompt(text, at)
        prompt.begun_at = spoken[0].start if spoken else at
        if before == "waiting":
            turn.asked_again(prompt, self.playback.expected_at)
        turn.prompts.append(prompt)
        turn.mark("prompt", at, text, spoken)
        turn.caller_begun_at = spoken[0].start if turn.caller_begun_at is None else turn.caller_begun_at
        turn.lang = lang
        turn.client_off_at = prompt.client_off_at = self._client_off_at
        self._client_off_at = None
        turn.off_expected = self.responses.caller_speaking
        self.responses.caller_speaking = False
        self.responses.caller_input(turn, moment)

    def key(self, digit: str, moment: Moment) -> None:
        """Handles `dtmf`."""
        self._key_at = moment.at
        self._caller_begins(moment.at)
        self.silences.caller_stops(moment.at, event=False)
        turn = self.ledger.turn_for("key", moment.at)
        turn.dtmf += digit
        turn.mark("dtmf", moment.at, digit)
        turn.caller_begun_at = moment.at if turn.caller_begun_at is None else turn.caller_begun_at
        turn.invalidate()
        self.responses.caller_input(turn if turn.opened_by == "dtmf" else None, moment)

    def send_digits(self, digits: str, at: int) -> None:
        """Handles `sendDigits`."""
        self._echoes = [*self._echoes[-MAX_ECHOES:], digits]
        self.silences.answered(at)
        turn = self.ledger.turn_for("digits", at)
        turn.sent_digits += digits
        turn.mark("digits", at, digits)
        turn.invalidate()

    def agent_speaking(self, on: bool, at: int) -> None:
        """Handles the event `agentSpeaking`."""
        self._hear_events(at)
        speech = self.playback.agent_speaking(on, at)
        self._greet(at, on=on and self.playback.greeting)
        if on:
            self._interruptions.sounds()
            self.agent_first_at = at if self.agent_first_at is None else self.agent_first_at
            self.silences.agent_begins(at)
            response = speech.owner if speech is not None else None
            turn = response.turn if isinstance(response, Response) else None
            if isinstance(response, Response) and turn is not None and speech is next(turn.speeches(), None):
                response.over_caller = self.responses.caller_speaking
                turn.invalidate()
            return
        self.silences.agent_stops(at, streaming=self.responses.streaming)
        draft = self._interruptions.quiet(at, self._client_on_at)
        if draft is not None:
            self.ledger.invalidate(draft.turn)

    def client_speaking(self, on: bool, at: int) -> None:
        """Handles the event `clientSpeaking`."""
        self._hear_events(at)
        self._interruptions.speaks(at, on)
        self.responses.caller_speaking, self.responses.hears_caller = on, True
        turn = self.ledger.open
        if on:
            self._caller_begins(at, event=True)
            self._client_on_at, self._client_off_at = at, None
            self._caller_speech.on(at)
            if turn is not None:
                turn.off_expected = False
            return
        if not self.playback.on:
            self.silences.caller_stops(at, event=True)
        if turn is not None and turn.off_expected and turn.caller_at is not None:
            turn.off_expected = False
            if at - turn.caller_at <= EARLY_PROMPT:
                turn.client_off_at = at
                sound_at = next((speech.sound_at for speech in turn.speeches()), None)
                if turn.first is not None and sound_at is not None:
                    turn.first.over_caller = turn.first.over_caller or turn.caller_at < sound_at < at
                if turn.prompts:
                    turn.prompts[-1].client_off_at = at
                turn.end_prompt(self._caller_speech.finish(turn.last_spoken(), at))
                return
        self._caller_speech.off(at)
        self._client_off_at = at

    def tokens_played(self, text: str, at: int) -> None:
        """Handles the event `tokensPlayed`; text that belongs to no response and came first is the greeting."""
        self._hear_events(at)
        greeted = self.ledger.greeted()
        if text.strip() in self._echoes:
            self._echoes.remove(text.strip())
            return
        if self.playback.tokens_played(text, at) and greeted is not None:
            self._greeted = True
            greeted.play_greeting(text, at)

    def greets(self, at: int) -> bool:
        """Whether the message of this time told what was played of the greeting."""
        greeted = self.ledger.greeted()
        return greeted is not None and greeted.greeting_at == at

    def interrupt(self, heard: str, heard_ms: int | None, moment: Moment) -> None:
        """Handles `interrupt`, which belongs to what was playing."""
        at = moment.at
        if self._repeats(heard, heard_ms):
            self._interruptions.speaks(at)
            return
        key_at = self._key_at if self._key_at is not None and at - self._key_at <= KEY_WINDOW else None
        sounding = self.playback.on
        self._greet(at, on=False)
        if not self.playback.reports and heard_ms is not None:
            self.playback.rate.interrupted(len(heard), heard_ms)
        caused_at = at if key_at is None else key_at
        waiting = self.waiting
        thinking = waiting is not None and waiting.caller_at is not None and waiting.caller_at < caused_at
        stop = self.playback.interrupted(heard, heard_ms, caused_at, at, thinking=thinking)
        turn = self._source_turn(stop.source)
        known = turn is not None
        if turn is None and self._cut is not None and not (heard or thinking):
            nothing_since = self._cut_at_change == self.playback.changes
            turn = self.ledger.numbered(self._cut.turn) if nothing_since else None
        if turn is None:
            turn = self.ledger.turn_for("interrupt", at)
        kind: Literal["caller_speech", "caller_dtmf"] = "caller_speech" if key_at is None else "caller_dtmf"
        draft = InterruptionDraft(moment, kind, heard, heard_ms, turn.number)
        draft.attribution = stop.attribution if known else "inferred"
        draft.match, draft.sent, draft.unheard = stop.match, stop.sent, stop.unheard
        draft.doubted = stop.doubted
        draft.speaking = self.responses.caller_speaking
        turn.interrupt(draft)
        self._cut, self._cut_at_change, self._cut_at_inputs = draft, self.playback.changes, self.responses.inputs
        self._interruptions.begin(draft, sounding=sounding)
        self.responses.interrupted(stop.source, draft)
        if waiting is not None:
            waiting.cut_short = True
            waiting.invalidate()

    def _repeats(self, heard: str, heard_ms: int | None) -> bool:
        """Whether an `interrupt` repeats the one before it, for the same speech."""
        before = self._cut
        if before is None or self._cut_at_change != self.playback.changes:
            return False
        same = (heard, heard_ms) == (before.heard, before.heard_ms)
        return same and (bool(heard) or self._cut_at_inputs == self.responses.inputs)

    def transfer(self, at: int, *, handed_off: bool) -> None:
        """Handles `end`, with data for a handoff (`handed_off`) or without."""
        self.ledger.happens("handoff" if handed_off else "end", at)
        self.responses.decide()

    def greeting_latency(self, *, closed: bool) -> tuple[int | None, NullReason | None]:
        """The greeting latency: milliseconds from `setup` until the agent was first heard. None and the reason when the
        caller spoke first or nothing was heard."""
        spoken = [at for at in (self.responses.first_sent_at, self.agent_first_at) if at is not None]
        caller = self.caller_first_at
        if self._setup_at is None:
            return None, "no_prompt"
        if not spoken or (caller is not None and caller < min(spoken)):
            if self._greeted:
                return None, "event_missing"
            return None, "session_closed" if closed and caller is None else "no_response"
        return milliseconds(max(0, min(spoken) - self._setup_at)), None

    def _greet(self, at: int, *, on: bool) -> None:
        """Notes that the greeting begins (`on`) or ends to be heard."""
        turn = self.ledger.greeted()
        if turn is None:
            return
        if on and turn.greeting_from is None:
            turn.greeting_from = at
            turn.invalidate()
        elif not on and turn.greeting_from is not None and turn.greeting_until is None:
            turn.greeting_until = at
            turn.invalidate()

    def _caller_begins(self, at: int, *, event: bool = False) -> None:
        self.caller_first_at = at if self.caller_first_at is None else self.caller_first_at
        said = self.responses.first_sent_at is not None
        self.silences.caller_begins(at, self.playback.expected_at if said else None, event=event)

    def _hear_events(self, at: int) -> None:
        if self.ledger.tier == "A":
            self.ledger.hear_events(self.settled(at))

    def _source_turn(self, source: Source | None) -> TurnDraft | None:
        if source == GREETING:
            return self.ledger.greeted()
        return turn_of(source) if isinstance(source, Speech) else None
