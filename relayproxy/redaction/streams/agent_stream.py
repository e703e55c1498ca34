"""The agent's words: tokens, joined.

Knows: where a token may go on; when the end of an utterance may still become a secret, for how long that is waited for,
and what is masked when it is decided; which tokens can be searched together.
Must not know: how a secret is found; JSON; the order of messages.

Times are nanoseconds on the connection's clock. There are no timers: `due` is asked with a message's time.
"""

from collections.abc import Sequence
from itertools import groupby

from relayproxy.redaction.budget import SearchBudget
from relayproxy.redaction.detection.emails import AT, JOINTS
from relayproxy.redaction.masking.json_text import applied
from relayproxy.redaction.masking.masking import masks
from relayproxy.redaction.streams.memory import SECOND, Memory
from relayproxy.redaction.streams.pieces import Piece
from relayproxy.redaction.streams.queue import QueuedMessage
from relayproxy.redaction.streams.streams import FAIL_CLOSED, Stream, alone, least
from relayproxy.redaction.values import Detection, Policy

AGENT_PATIENCE = 15 * SECOND
WORD_PATIENCE = 2 * SECOND
"""Time for which an utterance whose end may become a secret waits for the next one, and a word that may go on for the
next token."""
MAX_LEAD = 120
"""Characters of what the agent has said that tell what follows."""
MAX_ANSWER, MAX_TOKENS = 4096, 300
"""Characters and tokens of an answer that wait for its end where that has to come before it is searched."""
MAX_UNSEEN = 100
"""Tokens that are looked at together."""
MAX_WORD = 80
"""Characters of a word that may go on; the local part of an e-mail address has at most 64."""
_BEGUN_JOINTS = frozenset(word[:length] for word in AT | JOINTS for length in range(1, len(word) + 1))
"""The beginnings of words such as "dot", which make the word before them a part of an address."""


class AgentStream(Stream):
    """The agent's words: tokens, joined."""

    def __init__(self, memory: Memory, policy: Policy, budget: SearchBudget) -> None:
        super().__init__(memory, policy, budget)
        self._over = False
        """The utterance has ended; what follows is joined with a space."""
        self._lead = ""
        """The end of what has left of this utterance: it tells what the rest is ("your security code is")."""
        self._unseen: list[tuple[Piece, int]] = []
        """Tokens that have not been looked at, each with its time."""

    def token(
        self, message: QueuedMessage, text: str, t: int, *, last: bool, language: str | None, more: bool = False
    ) -> None:
        """Takes the next token. `more`: others may follow at once, so that it is looked at together with them; `look`
        at the latest before anything else is asked of the stream."""
        if language and language != self._language:
            self.look()
            self._language = language
        self._unseen.append((Piece(message, text, 0), t))
        self.deadline = t + WORD_PATIENCE
        if last or not more or len(self._unseen) == MAX_UNSEEN:
            self.look(last=last)

    def look(self, *, last: bool = False) -> None:
        """Looks at the tokens that have not been looked at. `last`: the utterance is over with them.

        As if each was looked at when it came. They are searched together; where there is something in them that matters
        for what follows, one by one."""
        if not self._unseen:
            return
        unseen, self._unseen = self._unseen, []
        if self._over and self._pieces:
            self._text += " "
        elif self._over:
            self._lead = ""
        self._over = False
        found = self._harmless(unseen, final=last) if len(unseen) > 1 and not self._policy.waits else None
        if found is not None:
            self._append([piece for piece, _ in unseen])
            self._over = last
            self._settle(found, unseen[-1][1], over=last)
            return
        for place, (piece, t) in enumerate(unseen, 1):
            self._append([piece])
            self._over = last and place == len(unseen)
            self._hear(t)

    def end(self, t: int) -> None:
        """Takes that the utterance is over, whether it was said so or not."""
        self.look()
        if self._pieces and not self._over:
            self._over = True
            self._look(t, over=True)

    def due(self, t: int) -> None:
        """Decides when the wait is over."""
        if self._unseen and self.deadline is not None and t >= self.deadline:
            self.look()
        if not self._unseen and self.deadline is not None and t >= self.deadline:
            self.close(t)

    def close(self, t: int) -> None:
        """Decides now; an open end of many digits is masked, and one of some where a secret is spoken of: agents read
        telephone numbers back."""
        self.look()
        if not self._pieces:
            return
        found = self._find(self._text, t)
        few = least(self._memory.context(t))
        self._decide([*found.secrets], t, self._text)
        if found.open_digits >= few:
            self._mask_open(found, t)
        self._let_go(len(self._text))

    def _find(self, text: str, t: int, *, final: bool = True) -> Detection:
        found = super()._find(self._lead + text, t, final=final)
        return found.behind(len(self._lead)) if self._lead else found

    def _release(self, limit: int) -> list[Piece]:
        self._lead = (self._lead + self._text[:limit])[-MAX_LEAD:]
        return super()._release(limit)

    def _harmless(self, unseen: Sequence[tuple[Piece, int]], *, final: bool) -> Detection | None:
        """What there is in these tokens, joined; None when something is secret or may become it, or anything else is
        asked for after them than before. `final`: the utterance is over with them."""
        text = self._lead + self._text + "".join([piece.text for piece, _ in unseen])
        context = self._memory.context(unseen[0][1])
        found = self._search(text, context, final=final)
        if found.secrets or found.open_digits or (found.asked, found.mail) != (context.asked, context.mail):
            return None
        self._memory.asks(found, unseen[-1][1])
        return found.behind(len(self._lead))

    def _append(self, pieces: Sequence[Piece]) -> None:
        at = len(self._text)
        for piece in pieces:
            piece.start = at
            at += len(piece.text)
        self._pieces += pieces
        self._text += "".join([piece.text for piece in pieces])

    def _hear(self, t: int) -> None:
        waits = self._policy.waits and not self._over
        if waits and len(self._text) < MAX_ANSWER and len(self._pieces) < MAX_TOKENS:
            self.deadline = t + AGENT_PATIENCE
        else:
            self._look(t, over=self._over)

    def _look(self, t: int, *, over: bool) -> None:
        self._settle(self._find(self._text, t, final=over), t, over=over)

    def _settle(self, found: Detection, t: int, *, over: bool) -> None:
        """Decides what is decided by what was found in the text."""
        limit = len(self._text)
        if found.open_from is not None and (not over or self._goes_on(found, t)):
            limit = found.open_from
        if found.address_from is not None:
            limit = min(limit, found.address_from)
        waits = self._policy.waits and not over
        if not over:
            limit = min(limit, _word_start(self._text), _last_words(self._text) if waits else limit)
        if found.secrets:
            for secret in reversed(found.secrets):
                if secret.end > limit:
                    limit = min(limit, secret.start)
            # What was found in a whole utterance is masked, whatever the next one makes of its end.
            self._decide([secret for secret in found.secrets if over or secret.end <= limit], t, self._text)
        self._let_go(limit)
        if self._pieces:
            said = found.open_digits or waits or (over and found.address_from is not None)
            self.deadline = t + (AGENT_PATIENCE if said else WORD_PATIENCE)

    def _goes_on(self, found: Detection, t: int) -> bool:
        context = self._memory.context(t)
        card = context.card or "card_number" in context.asked
        return found.open_digits >= FAIL_CLOSED and (card or alone(self._text, found))

    def _let_go(self, limit: int) -> None:
        if limit == 0 and self._pieces and self._pieces[0].end > 0:
            return
        gone = self._release(limit)
        if gone and not any(piece.spans for piece in gone):
            said = "".join([piece.text for piece in gone])
            self._memory.said(said, said)
            gone = []
        for masked, pieces in groupby(gone, lambda piece: bool(piece.spans)):
            texts = [(piece.text, masks(piece.text, piece.spans) if masked else ()) for piece in pieces]
            said = "".join([text for text, _ in texts])
            self._memory.said(said, "".join([applied(*one) for one in texts]) if masked else said)
        if self._over and not self._pieces:
            self._memory.said(" ", " ")


def _last_words(text: str) -> int:
    """Where the last words of an answer begin that is not over: what is found in them may go on."""
    begin = max(len(text) - MAX_LEAD, 0)
    return begin + text[begin:].find(" ") + 1


def _word_start(text: str) -> int:
    """Where the word begins that the next token may go on with."""
    said = text.rstrip()  # a space behind it does not end an address that is spoken
    if not said or not (said[-1].isalnum() or said[-1] in "@.+-_"):
        return len(text)
    words = said.rsplit(None, 2)
    begin = len(said) - len(words[-1])
    if len(words) > 1 and words[-1].casefold() in _BEGUN_JOINTS:
        begin = len(said[:begin].rstrip()) - len(words[-2])
    return max(begin, len(said) - MAX_WORD)
