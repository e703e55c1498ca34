"""Streams of one connection: what all have in common, and what the caller says, joined over its messages.

Knows: partial prompts are revisions; when the end of what the caller says may still become a secret, for how long that
is waited for, and what is masked when it is decided.
Must not know: how a secret is found; JSON; the order of messages; tokens.

Times are nanoseconds on the connection's clock. There are no timers: `due` is asked with a message's time.
"""

import re
from collections.abc import Sequence

from relayproxy.redaction.budget import SearchBudget, effort
from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.detection.number_words import LANGUAGES, REPEATS, number
from relayproxy.redaction.detection.tokens import tokenize
from relayproxy.redaction.masking.masking import SecretSeen, secret_seen
from relayproxy.redaction.streams.memory import SECOND, Memory
from relayproxy.redaction.streams.pieces import Piece, begins
from relayproxy.redaction.streams.queue import QueuedMessage
from relayproxy.redaction.values import BESIDE, Context, Detection, Policy, Secret

CALLER_PATIENCE = 30 * SECOND
PARTIAL_PATIENCE = 10 * SECOND
"""Time for which an utterance whose end may become a secret waits for the next, and a partial for its final."""
FAIL_CLOSED = 4
"""Digits at an open end that are masked when the wait is over."""
LONG = 12
"""Digits at an open end that are masked when nothing can follow: no telephone number has so many."""
_PAIR, _FEW = 2, 3
"""Digits that may be a part of a PIN that was asked for, and the beginning of a number where hardly anything else is
said."""
MAX_FILLERS = 2
"""Utterances without digits that may come between two groups of a number."""

ECHO = "echo"
"""The kind, in `Message.redacted`, of what repeats a secret that was counted before."""
_WORDS = re.compile(r"[^\W\d_]+")


class Stream:
    """Text that is joined over messages, from where it is not decided yet."""

    def __init__(self, memory: Memory, policy: Policy, budget: SearchBudget) -> None:
        self._memory = memory
        self._policy = policy
        self._budget = budget
        self._pieces: list[Piece] = []
        self._text = ""
        self._language: str | None = None
        self.deadline: int | None = None

    def _find(self, text: str, t: int, *, final: bool = True) -> Detection:
        found = self._search(text, self._memory.context(t), final=final)
        self._memory.asks(found, t)
        return found

    def _search(self, text: str, context: Context, *, final: bool = True) -> Detection:
        self._budget.spend(effort(text, names=self._policy.names is not None))
        return find(text, language=self._language, policy=self._policy, context=context, final=final)

    def _decide(self, secrets: list[Secret], t: int, text: str, pieces: Sequence[Piece] | None = None) -> None:
        """Masks these secrets of the joined text, in these of its pieces (None: in all)."""
        pieces = self._pieces if pieces is None else pieces
        for secret in secrets:
            touched = [piece for piece in pieces if piece.start < secret.end and piece.end > secret.start]
            for start, end in secret.spans:
                for piece in touched:
                    piece.mask(start, end)
            new = self._memory.found(secret_seen(text, secret), t) and not secret.echo
            _share(touched)
            for piece in touched:
                piece.message.count(secret.kind, int(new and piece is touched[-1]))

    def _mask_open(self, found: Detection, t: int) -> None:
        """Masks the open end: it might have become a secret."""
        start = found.open_from
        if start is None or covered(found, start):
            return
        end = _spoken_end(self._text) or len(self._text)
        touched = [piece for piece in self._pieces if piece.mask(start, end)]
        digits = "".join(filter(str.isdigit, self._text[start:]))
        self._memory.found(SecretSeen("number", digits or self._text[start:]), t)
        _share(touched)
        for piece in touched:
            piece.message.count("number", int(piece is touched[-1]))

    def _release(self, limit: int) -> list[Piece]:
        """Lets go of the joined text before `limit`."""
        gone: list[Piece] = []
        kept: list[Piece] = []
        for piece in self._pieces:
            if piece.start + len(piece.text) <= limit:
                piece.release()
                gone.append(piece)
            else:
                piece.start -= limit
                kept.append(piece)
        self._pieces = kept
        self._text = self._text[limit:] if self._pieces else ""
        if not self._pieces:
            self.deadline = None
        return gone


class CallerStream(Stream):
    """The caller's words: finals, and partials that each replace the one before."""

    def __init__(self, memory: Memory, policy: Policy, budget: SearchBudget) -> None:
        super().__init__(memory, policy, budget)
        self._partials: list[Piece] = []
        """Those that wait for their final, which tells what of them is masked."""
        self._fillers = 0
        self._until: int | None = None
        """How long the open number waits, from its last digit."""

    def partial(self, message: QueuedMessage, text: str, t: int, *, language: str | None) -> None:
        """Takes the utterance as it is so far."""
        self._language = language or self._language
        self._partials.append(Piece(message, text, 0))
        self.deadline = t + PARTIAL_PATIENCE

    def final(self, message: QueuedMessage, text: str, t: int, *, language: str | None) -> None:
        """Takes the utterance as it was."""
        self._language = language or self._language
        lead = self._text + " " if self._pieces else ""
        if not self._pieces:
            self._until = None
        joined, here = lead + text, len(lead)
        context = self._memory.context(t)
        found = self._find(joined, t)
        opened, address = found.open_from, found.address_from
        goes_on = opened is not None and opened < here
        across = any(secret.start < here < secret.end for secret in found.secrets)
        added = [secret for secret in found.secrets if secret.end > here]
        new = any(secret.kind not in BESIDE for secret in added)
        adds = (opened is not None and _spoken_end(text) > 0) or address is not None
        if self._pieces and not adds and not new and len(text.split()) <= 3 and self._fillers < MAX_FILLERS:
            self._fillers += 1
            self._revised(text, lead, t)
            piece = self._piece(message, text, here, held=False)
            self._decide(added, t, joined, [piece])
            piece.release()
            return
        if self._pieces and not (adds or new or across) and context.asked:
            before = self._find(self._text, t)
            if before.open_digits >= (_PAIR if "pin" in context.asked else FAIL_CLOSED):  # the rest may come later
                self._mask_open(before, t)
                self._memory.asks(Detection(asked=context.asked), t)
        self._fillers = 0
        start = 0 if goes_on else here
        lone = opened is not None and alone(joined[start:], found, start)
        number = opened is not None and (goes_on or across or self._likely(found, t, lone=lone))
        held = number or address is not None
        limit = opened if opened is not None and (number or lone) else len(joined)
        limit = limit if address is None else min(limit, address)
        self._revised(text, lead, t)
        piece = self._piece(message, text, here, held=held)
        self._pieces.append(piece)
        self._text = joined
        for secret in reversed(found.secrets):
            if secret.end > limit:
                limit = min(limit, secret.start)
        self._decide([*found.secrets], t, joined)
        if not held:
            piece.release()
        self._release(limit)
        if adds or self._until is None:
            self._until = t + CALLER_PATIENCE
        self.deadline = self._until if self._pieces else None

    def due(self, t: int) -> None:
        """Decides when the wait is over."""
        if self.deadline is not None and t >= self.deadline:
            self.close(t, FAIL_CLOSED)

    def close(self, t: int, digits: int) -> None:
        """Decides now; an open end of so many digits is masked, and one of fewer where a secret was asked for."""
        if self._partials:  # the final will not come
            last = self._partials.pop()
            lead = self._text + " " if self._pieces else ""
            self._revised(last.text, lead, t)
            last.partials, self._partials = self._partials, []
            last.start = len(lead)
            self._pieces.append(last)
            self._text = lead + last.text
        if not self._pieces:
            return
        found = self._find(self._text, t)
        context = self._memory.context(t)
        self._decide([*found.secrets], t, self._text)
        if found.harmless is not None and not found.asked:
            digits = LONG
        elif context.card or context.asked:
            digits = FAIL_CLOSED
        if found.open_digits >= digits:
            self._mask_open(found, t)
        self._release(len(self._text))

    def _revised(self, final: str, lead: str, t: int) -> None:
        """Masks the secrets of partials that are not in the final, as when it was revised to something else."""
        searched: Piece | None = None
        masked = False
        for partial in reversed(self._partials):
            if begins(final, partial.text):
                continue
            if searched is not None and begins(searched.text, partial.text):
                spans = searched.spans
            else:
                spans, searched = self._secrets(partial, lead, t), partial
                if masked and not spans:
                    spans = [(0, len(partial.text))]
            masked = masked or bool(spans)
            for start, end in spans:
                partial.mask(start, end)
            if spans and not partial.message.counts:
                partial.message.count(ECHO, 0)

    def _secrets(self, partial: Piece, lead: str, t: int) -> list[tuple[int, int]]:
        text, here = lead + partial.text, len(lead)
        if not self._budget.covers(effort(text, names=self._policy.names is not None), t):
            return [(0, len(partial.text))]
        context = self._memory.context(t)
        found = self._search(text, context)
        spans: list[tuple[int, int]] = []
        for secret in found.secrets:
            if secret.end > here:
                spans += [(max(start - here, 0), end - here) for start, end in secret.spans if end > here]
                partial.message.count(secret.kind, int(self._memory.found(secret_seen(text, secret), t)))
        start = found.open_from
        if start is not None and found.open_digits >= least(context) and not covered(found, start):
            spans.append((max(start - here, 0), len(partial.text)))
            partial.message.count("number", 0)
        return spans

    def _piece(self, message: QueuedMessage, text: str, start: int, *, held: bool) -> Piece:
        """The final of the partials so far."""
        piece = Piece(message, text, start, held=held, partials=self._partials)
        self._partials = []
        return piece

    def _likely(self, found: Detection, t: int, *, lone: bool) -> bool:
        """Whether a number that is open at the end of an utterance is likely to go on in the next."""
        if found.open_digits >= FAIL_CLOSED or (lone and found.open_digits >= _FEW):
            return True
        context = self._memory.context(t)
        return found.open_digits > 0 and (context.card or bool(context.asked))


def _share(pieces: list[Piece]) -> None:
    """Makes the messages of these pieces leave together."""
    for piece in pieces:
        piece.message.goes_with = max(piece.message.goes_with, pieces[-1].message.message.seq)


def covered(found: Detection, start: int) -> bool:
    """Whether the open end that begins here is that of a number which was found."""
    return any(secret.end > start and secret.kind not in BESIDE for secret in found.secrets)


def least(context: Context) -> int:
    """Digits at an open end that are masked when nobody may be speaking of a secret."""
    return FAIL_CLOSED if context.card or context.asked else LONG


def _spoken_end(text: str) -> int:
    """Where a text ends that is the end of a number, without the words behind it that are of none ("…, right?")."""
    for token in reversed(tokenize(text)):
        if token.digits or token.word in REPEATS or any(number(token.word, one) is not None for one in LANGUAGES):
            return token.end
    return 0


def alone(text: str, found: Detection, before: int = 0) -> bool:
    """Whether an utterance is hardly more than the number at its end."""
    start = found.open_from
    return start is not None and len(_WORDS.findall(text[: max(0, start - before)])) <= 3
