"""Turns and responses as they follow from the messages of one session.

Knows: what opens a turn, which response a text continues, what is stale, what was a speculative answer.
Must not know: JSON, connections beyond their id, how a session ends.

Times are wall nanoseconds; `at` is when a message had been read, `out` when it had been written to the other side.
Nothing here looks at a clock: rules about elapsed time compare the times of messages.
"""

from typing import Literal

from relayproxy.conversation.model import Interruption, OpenedBy, Turn
from relayproxy.conversation.playback import GREETING, PER_CHARACTER, PER_MEDIA, SECOND, Playback
from relayproxy.conversation.turns import Response, TurnDraft

SILENCE = SECOND
"""A pause in an unterminated response after which text no longer continues what the caller cut off or outran."""
PARTIAL_WINDOW = 2 * SECOND
"""How long after a partial prompt a response that nobody asked for counts as an answer to it, and how long after
either the caller must go on for it to be one to what they say then."""
KEY_WINDOW = 250_000_000
"""An interrupt within this time of a key was caused by the key."""


class Exchange:
    """The turns of one session. Feed it in order; `turns` and `settled` give the result so far."""

    def __init__(self) -> None:
        self._turns: list[TurnDraft] = []
        self._open: TurnDraft | None = None
        self._current: Response | None = None
        self._playback = Playback()
        self._asks = 0
        self._partial_at: int | None = None
        self._key_at: int | None = None

    def turns(self, closed_at: int | None) -> tuple[Turn, ...]:
        """All turns; those that cannot change are the same objects as last time. `closed_at`: the session is over."""
        if closed_at is None:
            return tuple([turn.value() for turn in self._turns])
        return tuple([turn.closed_value(closed_at) for turn in self._turns])

    def settled(self, now: int) -> int:
        """Number of turns, from the first, that no later message can change."""
        bounds = [self._playback.unsettled(now), len(self._turns) - 1]
        if self._current is not None and self._current.turn is not None:
            bounds.append(self._current.turn.number)
        return max(0, min(bound for bound in bounds if bound is not None))

    def setup(self, at: int) -> None:
        """`setup` came; it opens turn 0, unless something came before it."""
        if not self._turns:
            self._begin("setup", at)

    def partial(self, at: int) -> None:
        """A partial prompt came."""
        self._give_up(at)
        self._partial_at = at

    def prompt(self, text: str, lang: str | None, at: int) -> None:
        """A final prompt came."""
        self._give_up(at)
        self._partial_at = None
        turn = self._open
        if turn is not None and turn.unconfirmed:
            turn.unconfirmed = False
            turn.opened_by = "prompt"
        elif turn is not None and self._unanswered(turn):
            turn.coalesced += turn.opened_by == "prompt"
            turn.opened_by = "prompt"
        else:
            turn = self._begin("prompt", at)
        turn.prompts.append(text)
        turn.lang = lang
        self._ask(turn, at)

    def key(self, digit: str, at: int) -> None:
        """The caller pressed a key."""
        self._key_at = at
        turn = self._open
        if turn is None or not self._unanswered(turn):
            turn = self._begin("dtmf", at)
        turn.dtmf += digit
        turn.touch()
        if turn.opened_by == "dtmf":
            self._ask(turn, at)
        else:
            self._asks += 1

    def text(self, connection_id: str, token: str, last: bool, speakable: bool, at: int, out: int) -> None:
        """The backend sent text."""
        terminator = last and not token
        response = self._current if terminator else self._continued(at)
        if response is None:
            if terminator:
                return
            response = Response(connection_id)
        self._current = None if last else response
        response.streams = True
        response.last_at = at
        response.asks = self._asks
        response.chunks.append(token)
        turn = response.turn
        if turn is None:
            if not speakable:
                return
            turn = self._speak(response, at, out)
        turn.touch()
        if turn.agent_at is None:
            turn.agent_at = out
        if last:
            turn.agent_done_at = out
        if speakable:
            self._playback.sent(response, out, len(token) * PER_CHARACTER)
            if response.interrupted_at_asks is not None:
                turn.add_stale(len(token))

    def play(self, connection_id: str, source: str, at: int, out: int) -> None:
        """The backend sent media to play."""
        response = self._current = self._continued(at) or Response(connection_id)
        response.last_at = at
        response.asks = self._asks
        turn = response.turn or self._speak(response, at, out)
        turn.touch()
        turn.media.append(source)
        self._playback.sent(response, out, PER_MEDIA)

    def send_digits(self, digits: str, at: int) -> None:
        """The backend sent keys to press."""
        turn = self._open or self._begin("proactive", at)
        turn.sent_digits += digits
        turn.touch()

    def agent_speaking(self, on: bool, at: int) -> None:
        self._playback.agent_speaking(on, at)

    def tokens_played(self, text: str, at: int) -> None:
        """Twilio played text; what belongs to no response and came first is the greeting."""
        greeted = self._turns[0] if self._turns and self._turns[0].opened_by == "setup" else None
        if greeted is not None and text.strip() == greeted.sent_digits != "":
            return
        if self._playback.tokens_played(text, at) and greeted is not None:
            greeted.play_greeting(text)

    def interrupt(self, heard: str, heard_ms: int | None, at: int) -> None:
        """`interrupt` came: it belongs to what was playing."""
        key_at = self._key_at if self._key_at is not None and at - self._key_at <= KEY_WINDOW else None
        source, attribution = self._playback.interrupted(heard, at if key_at is None else key_at, at)
        turn = self._source_turn(source)
        if turn is None:
            attribution = "inferred"
            turn = self._open or (self._turns[-1] if self._turns else self._begin("proactive", at))
        kind: Literal["caller_speech", "caller_dtmf"] = "caller_speech" if key_at is None else "caller_dtmf"
        turn.interruptions.append(Interruption(at, kind, heard, heard_ms, attribution=attribution))
        turn.touch()
        if self._current is not None and source is self._current:
            self._current.interrupted_at_asks = self._asks
        waiting = self._open
        if waiting is not None and waiting.caller_at is not None and waiting.agent_at is None:
            waiting.cut_short = True
            waiting.touch()

    def close(self, at: int) -> None:
        """The open turn is over: the backend sent `end`, or another one begins."""
        if self._open is not None:
            self._open.ended_at = max(at, self._open.started_at)
            self._open.touch()
            self._open = None

    def disconnected(self, connection_id: str) -> None:
        """A connection is gone: what was being said over it cannot be continued."""
        if self._current is not None and self._current.connection_id == connection_id:
            self._current = None

    def _begin(self, opened_by: OpenedBy, at: int) -> TurnDraft:
        self.close(at)
        turn = self._open = TurnDraft(len(self._turns), opened_by, at)
        self._turns.append(turn)
        return turn

    def _give_up(self, at: int) -> None:
        """An answer to a partial prompt that nothing followed in time is no answer to what the caller says now."""
        turn = self._open
        if turn is not None and turn.unconfirmed:
            last_at = max(self._partial_at or 0, turn.responses[-1].last_at)
            turn.unconfirmed = at - last_at <= PARTIAL_WINDOW

    def _ask(self, turn: TurnDraft, at: int) -> None:
        self._asks += 1
        turn.caller_at = at
        turn.awaiting = True
        turn.cut_short = False
        turn.touch()

    def _unanswered(self, turn: TurnDraft) -> bool:
        return turn.caller_at is not None and turn.agent_at is None

    def _continued(self, at: int) -> Response | None:
        """The response that a message of the backend continues, if it continues one."""
        response = self._current
        if response is None or response.turn is None:
            return response
        paused = at - response.last_at > SILENCE
        if response.interrupted_at_asks is not None:
            over = paused or self._asks != response.interrupted_at_asks
        else:
            over = self._asks != response.asks and (paused or not response.streams)
        return None if over else response

    def _speak(self, response: Response, at: int, out: int) -> TurnDraft:
        """Gives a response that has become audible its turn."""
        turn = self._open
        if turn is None or not turn.awaiting:
            if self._partial_at is not None and at - self._partial_at <= PARTIAL_WINDOW:
                if turn is None or not turn.unconfirmed:
                    turn = self._begin("proactive", at)
                    turn.speculative = turn.unconfirmed = True
            elif turn is None or turn.opened_by != "setup" or turn.responses:
                turn = self._begin("proactive", at)
        turn.awaiting = False
        turn.responses.append(response)
        response.turn = turn
        response.sent_at = out
        if turn.agent_at is None:
            turn.agent_at = out
        return turn

    def _source_turn(self, source: Response | Literal["greeting"] | None) -> TurnDraft | None:
        if source == GREETING:
            return self._turns[0] if self._turns and self._turns[0].opened_by == "setup" else None
        return source.turn if isinstance(source, Response) else None
