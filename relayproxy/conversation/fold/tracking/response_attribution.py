"""Response attribution: which prompt each reply answers, where several prompts wait at once.

Knows: the prompts and replies whose order is not decided yet; that backends answer in series, or all prompts at once.
Must not know: messages, what is stale, how numbers are read off a turn.

A backend that merges prompts sends one reply for all of them, one that works in series sends as many replies as there
were prompts. So prompts that nothing answered are one turn, and when a further reply comes they are divided:
each reply answers one prompt, in order unless the words say otherwise, the last one all that are left. A reply that
only asks the caller to wait answers none. All of it is decided when every prompt has its reply, or none came for a
while.

Times are wall nanoseconds.
"""

from collections.abc import Sequence
from itertools import pairwise, permutations

from relayproxy.conversation.checks.filler import is_filler
from relayproxy.conversation.checks.language import LANGUAGES, is_function_word
from relayproxy.conversation.fold.tracking.turn_ledger import TurnLedger
from relayproxy.conversation.fold.turns import FinalPrompt, Response, TurnDraft
from relayproxy.conversation.hearing.speech import words

SERIES = 3_000_000_000
"""Longest pause between two replies of a backend that works in series."""
QUIET = 2_000_000_000
"""Pause of the backend after which a prompt does not wait for the answers to earlier ones."""
MAX_TURNS = 5
"""Turns that are kept undecided at most."""


class ResponseAttribution:
    """The undecided turns of one session: which response answers which prompt. The last of them may be open."""

    def __init__(self, ledger: TurnLedger) -> None:
        self._ledger = ledger
        self._turns: list[TurnDraft] = []
        self._active_at = 0

    def earliest(self) -> int | None:
        """Number of the earliest undecided turn, None without one."""
        return self._turns[0].number if self._turns else None

    def pass_time(self, now: int) -> None:
        """Applies the time limit at `now`, before a message of that time is handled."""
        if self._turns and now - self._active_at > SERIES:
            self.decide()

    def caller_input(self, turn: TurnDraft, at: int) -> None:
        """Adds the turn of a prompt or key that is to be answered."""
        if turn.opened_by != "prompt" or turn.dtmf or turn.speculative:
            self._turns = []
        elif turn not in self._turns:
            before = self._turns[1 - MAX_TURNS :] if self._undecided() and at - self._active_at <= QUIET else []
            self._turns = [*before, turn]

    def active(self, at: int) -> None:
        """Notes when the backend last sent text."""
        self._active_at = at

    def decide(self) -> None:
        """Fixes the assignment of all turns that are answered."""
        self._turns = [turn for turn in self._turns if turn is self._ledger.open and not _answers(turn)]

    def unasked(self, response: Response, at: int) -> TurnDraft | None:
        """Handles a response that begins when the last prompt has been answered already. Returns the turn that it is
        assigned to when it is one of a series, else None."""
        if not self._turns or self._owed() <= 0:
            return None
        turns = self._turns = self._turns[1 - MAX_TURNS :]
        replies = [reply for turn in turns for reply in _answers(turn)]
        while len(turns) <= len(replies):
            turns.append(self._ledger.begin("prompt", at))
        self._assign([*replies, response])
        return response.turn

    def done(self) -> None:
        """Handles a complete response: its words may tell which prompt it answers."""
        replies = [reply for turn in self._turns for reply in _answers(turn)]
        if len(self._turns) > 1 and len(replies) == len(self._turns):
            self._assign(replies)
        if not self._undecided():
            self.decide()

    def _undecided(self) -> bool:
        return self._owed() > 0 or any(reply.streams for turn in self._turns for reply in turn.responses)

    def _owed(self) -> int:
        """Number of responses that a backend that works in series would still send."""
        return sum(len(turn.prompts) - len(_answers(turn)) for turn in self._turns)

    def _assign(self, replies: list[Response]) -> None:
        """Divides the prompts among the turns, and assigns one reply to each as far as there are any."""
        turns, prompts = self._turns, [prompt for turn in self._turns for prompt in turn.prompts]
        groups = [prompts[n : n + 1] for n in range(len(turns) - 1)] + [prompts[len(turns) - 1 :]]
        order = _by_words(groups, replies)
        inferred = order != replies
        fillers = [[reply for reply in turn.responses if reply not in replies] for turn in turns]
        marks = [mark for turn in turns for mark in turn.marks]
        turns[-1].off_expected = any(turn.off_expected for turn in turns)
        for number, turn in enumerate(turns):
            answers = [*fillers[number], *order[number : number + 1]]
            before = [*turn.responses]
            turn.responses = sorted(answers, key=_began_at)
            for reply in answers:
                reply.turn = turn
            turn.inferred = turn.inferred or inferred
            turn.reassign(groups[number], marks, replaced=before != turn.responses)
            if number < len(replies):
                turn.happens("assigned")
            else:
                turn.happens("filler" if turn.first else "unassigned")
        for turn, following in pairwise(turns):
            turn.ended_at = max(turn.started_at, following.started_at)


def _answers(turn: TurnDraft) -> list[Response]:
    """The replies of a turn that are more than a request to wait."""
    replies = [reply for reply in turn.responses if reply.state != "given_up" and not reply.late]
    return [reply for reply in replies if not is_filler(reply.text())]


def _began_at(reply: Response) -> int:
    return 0 if reply.began is None else reply.began.at


def _by_words(prompts: Sequence[list[FinalPrompt]], replies: list[Response]) -> list[Response]:
    """The replies in the order of the prompts that they answer, by what they repeat of each; as they came where their
    words do not tell. They are compared in every order, which is for few."""
    if len(prompts) != len(replies) or len(replies) > MAX_TURNS:
        return replies
    said = [{word for prompt in group[:MAX_TURNS] for word in _content_words(prompt.text)} for group in prompts]
    alone = [own - set().union(*(other for other in said if other is not own)) for own in said]
    repeated = [frozenset(words(reply.text()).split()) for reply in replies]
    best, most = replies, sum(len(own & spoken) for own, spoken in zip(alone, repeated, strict=True))
    for order in permutations(range(len(replies))):
        score = sum(len(own & repeated[place]) for own, place in zip(alone, order, strict=True))
        possible = all(
            group[0].moment.at <= _began_at(replies[place]) for group, place in zip(prompts, order, strict=True)
        )
        if possible and score > most:
            best, most = [replies[place] for place in order], score
    return best


def _content_words(text: str) -> list[str]:
    found = words(text).split()
    return [word for word in found if len(word) > 2 and not any(is_function_word(word, name) for name in LANGUAGES)]
