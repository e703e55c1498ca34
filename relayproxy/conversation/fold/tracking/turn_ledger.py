"""The turns of a session in order, of which at most the last is open.

Knows: numbers of turns, which one is open.
Must not know: messages, and why a turn opens or closes.
"""

from relayproxy.conversation.fold.turn_states import NEXT_TURN, TRANSITIONS, TurnEvent, TurnState
from relayproxy.conversation.fold.turns import Response, TurnDraft
from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.model import Tier


class TurnLedger:
    """The turns of one session that have not been forgotten. Numbers go on when turns are forgotten."""

    def __init__(self) -> None:
        self.drafts: list[TurnDraft] = []
        self.count = 0
        self.open: TurnDraft | None = None
        self._tier: Tier = "A"

    @property
    def tier(self) -> Tier:
        """B once an event has come that only `events` gives."""
        return self._tier

    @property
    def state(self) -> TurnState:
        """The state of the open turn; `start` or `closed` when none is open."""
        if self.open is not None:
            return self.open.state
        return "closed" if self.count else "start"

    def happens(self, event: TurnEvent, at: int) -> None:
        """Moves the open turn to the state that follows; closes it and opens the next one where that follows."""
        state = TRANSITIONS[self.state].get(event)
        if state == NEXT_TURN:
            self.begin(event, at)
        elif state == "closed":
            self._close(event, at)
        elif self.open is not None:
            self.open.happens(event)

    def turn_for(self, event: TurnEvent, at: int) -> TurnDraft:
        """The turn in which an event of `OPENED` happens: the open one, the next one, or else the last one."""
        self.happens(event, at)
        return self.last() or self.begin(event, at)

    def begin(self, event: TurnEvent, at: int) -> TurnDraft:
        """Opens a turn by an event of `OPENED`; one that is open ends with it."""
        self._close(event, at)
        turn = self.open = TurnDraft(self.count, event, at)
        turn.tier = self._tier
        self.drafts.append(turn)
        self.count += 1
        return turn

    def _close(self, event: TurnEvent, at: int) -> None:
        if self.open is not None:
            self.open.closed_by = event
            self.open.ended_at = max(at, self.open.started_at)
            self.open.invalidate()
            self.open = None

    def miss(self) -> None:
        """Takes that something of the backend is missing from the recording here."""
        if self.open is not None:
            self.open.unrecorded = True
            self.open.invalidate()

    def last(self) -> TurnDraft | None:
        """The open turn or, without one, the last; None before the first."""
        return self.open or (self.drafts[-1] if self.drafts else None)

    def greeted(self) -> TurnDraft | None:
        """Turn 0, when the session began with `setup`."""
        first = self.drafts[0] if self.drafts else None
        return first if first is not None and first.number == 0 and first.opened_by == "setup" else None

    def numbered(self, number: int) -> TurnDraft | None:
        """The turn with that number, None when it was forgotten."""
        return next((draft for draft in self.drafts if draft.number == number), None)

    def invalidate(self, number: int) -> None:
        """Marks a turn as changed."""
        draft = self.numbered(number)
        if draft is not None:
            draft.invalidate()

    def hear_events(self, settled: int) -> None:
        """Moves the call and its unsettled turns to tier B."""
        if self._tier == "A":
            self._tier = "B"
            for draft in self.drafts:
                if draft.number >= settled:
                    draft.tier = "B"
                    draft.invalidate()

    def forget(self, turns: int) -> None:
        """Drops the first turns."""
        for draft in self.drafts:
            if draft.number < turns:
                draft.take_apart()
        self.drafts = [draft for draft in self.drafts if draft.number >= turns]


def turn_of(speech: Speech) -> TurnDraft | None:
    """The turn that a stretch of speech belongs to."""
    return speech.owner.turn if isinstance(speech.owner, Response) else None
