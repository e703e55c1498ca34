"""Simulated playback: a queue of what the backend wants spoken, which takes the time that speech takes.

Knows: how Twilio plays: chunk by chunk, reporting who speaks and what was played, and what an interruption or a
pre-empting message takes away.
Must not know: sockets, the caller.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from relayproxy.lab.twilio import speech
from relayproxy.lab.twilio.notifier import Notifier
from relayproxy.lab.twilio.twiml import Input

START_MS = (250, 490)
"""From the first text to the first sound."""
STARVED_MS = 1000
"""So long an unfinished reply is waited for; then the words there are get spoken, or silence is reported."""
MEDIA_MS = 4000
"""Length of any `play` source, once."""
SLICE_MS = 250


class _Item:
    """An item of the queue. An open one can still grow: its `last` has not come. `whole`: spoken as one chunk. `ms`:
    length of what is not made of words. `silent`: neither speech nor reported as played."""

    def __init__(
        self,
        text: str,
        interruptible: Input,
        preemptible: bool = False,
        *,
        open: bool = False,
        whole: bool = False,
        ms: int | None = None,
        silent: bool = False,
    ) -> None:
        self._texts = [text]
        self.interruptible, self.preemptible = interruptible, preemptible
        self.open, self.ms, self.silent = open, ms, silent
        self._whole = whole

    @property
    def text(self) -> str:
        """What is left of it."""
        if len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
        return self._texts[0]

    def grow(self, token: str) -> None:
        """Nothing is copied before somebody reads it: there can be very many tokens."""
        self._texts.append(token)

    def take(self, *, force: bool = False) -> str:
        if self._whole or self.ms is not None:
            chunk, rest = self.text, ""
        else:
            chunk, rest = speech.clause(self.text, complete=force or not self.open)
        self._texts = [rest]
        return chunk

    def drop(self) -> None:
        """Nothing is left of it."""
        self._texts, self.open = [""], False

    @property
    def over(self) -> bool:
        return not self.open and not self.text.strip()


class SimulatedPlayback:
    """The queue and its player; `run` plays until it is cancelled.

    `speaking(bool)` and `played(text)` are called as Twilio would report it. `speed` is how much faster than life.
    """

    def __init__(
        self,
        notifier: Notifier,
        rng: random.Random,
        speed: float,
        speaking: Callable[[bool], None],
        played: Callable[[str], None],
    ) -> None:
        self._notifier, self._rng, self._speed = notifier, rng, speed
        self._report_speaking, self._report_played = speaking, played
        self._queue: deque[_Item] = deque()
        self._current: _Item | None = None
        self._preemptible: _Item | None = None
        """The one item that the next message pre-empts."""
        self._said, self._said_ms = "", 0
        self._cuts = 0
        self.speaking = False
        self.words = 0
        """Spoken since the agent began to speak."""
        self.heard_chars = self.heard_ms = 0
        """Played since nothing was: characters spoken, and how long it took, media included."""

    def say(self, token: str, *, last: bool, interruptible: Input, preemptible: bool) -> None:
        """A `text` message: it continues the reply that is open, or begins one."""
        if self._queue and self._queue[-1].open:
            item = self._queue[-1]
        else:
            item = _Item("", interruptible, preemptible, open=True)
            self._preempt(item)
            self._queue.append(item)
        item.grow(token)
        item.open = not last
        self._notifier.notify()

    def play(self, loop: int, *, interruptible: Input, preemptible: bool) -> None:
        """A `play` message."""
        item = _Item("media", interruptible, preemptible, ms=MEDIA_MS * (loop or 1000), silent=True)
        self._preempt(item)
        self._append(item)

    def send_digits(self, digits: str, *, interruptible: Input) -> None:
        """A `sendDigits` message: it waits its turn, and is reported as played."""
        self._append(_Item(digits, interruptible, ms=speech.digits_ms(digits)))

    def greet(self, text: str, *, interruptible: Input) -> None:
        """The TwiML's greeting: one chunk, however long."""
        self._append(_Item(text, interruptible, whole=True))

    @property
    def idle(self) -> bool:
        """True while nothing is played, and nothing waits but perhaps a reply that has gone silent in the middle."""
        return self._current is None and not self.speaking and all(i.open and not i.text.strip() for i in self._queue)

    @property
    def playing(self) -> bool:
        """True while there is something that an interruption would stop."""
        return self._current is not None or self.speaking

    @property
    def interruptible(self) -> Input:
        """The kinds of input that can stop it now."""
        item = self._current or (self._queue[0] if self._queue else None)
        return item.interruptible if item is not None else "any"

    def stop(self) -> tuple[str, int]:
        """Take everything away; what was heard of the current chunk, and for how many ms.

        The caller of this reports that the agent stopped speaking."""
        heard = self._said.strip(), self._said_ms
        self._queue.clear()
        self._cut()
        self.speaking = False
        self.heard_chars = self.heard_ms = 0
        self._notifier.notify()
        return heard

    async def run(self) -> None:
        """Play until cancelled."""
        while True:
            await self._notifier.until(lambda: bool(self._queue))
            while self._queue:
                item = self._queue[0]
                if chunk := await self._next_chunk(item):
                    await self._play(item, chunk)
                elif self._queue and self._queue[0] is item and item.over:
                    self._queue.popleft()
            self._fall_silent()

    async def _next_chunk(self, item: _Item) -> str:
        """The next chunk of the item; empty when there is none (any more)."""

        def here() -> bool:
            return bool(self._queue) and self._queue[0] is item

        chunk = item.take()
        if chunk or not item.open:
            return chunk
        grace = max(STARVED_MS / 1000 / self._speed, 0.2)
        if await self._notifier.until(lambda: not here() or not item.open or self._speakable(item), grace):
            return item.take() if here() else ""
        if here() and (chunk := item.take(force=True)):
            return chunk
        self._fall_silent()
        await self._notifier.until(lambda: not here() or not item.open or bool(item.text.strip()))
        return ""

    @staticmethod
    def _speakable(item: _Item) -> bool:
        return bool(speech.clause(item.text, complete=False)[0])

    async def _play(self, item: _Item, chunk: str) -> None:
        cuts, self._current = self._cuts, item
        self._notifier.notify()
        if not self.speaking and not item.silent:
            if not await self._rest(self._rng.randint(*START_MS), cuts):
                return
            self.speaking, self.words = True, 0
            self._report_speaking(True)
        parts: Iterable[tuple[str, int]]
        parts = _slices(item.ms) if item.silent and item.ms else _parts(chunk, item.ms)
        for word, ms in parts:
            if not await self._rest(ms, cuts):
                return
            self._said_ms += ms
            self.heard_ms += ms
            if not item.silent:
                self._said += word
                self.words += 1
                self.heard_chars += len(word)
            self._notifier.notify()
        if item.ms is None and not await self._rest(speech.MS_BREATH, cuts):
            return
        if not item.silent:
            self._report_played(chunk)
        self._end_chunk()

    async def _rest(self, ms: int, cuts: int) -> bool:
        """Let time pass; False when the chunk was cut meanwhile."""
        return not await self._notifier.until(lambda: self._cuts != cuts, ms / 1000 / self._speed)

    def _append(self, item: _Item) -> None:
        if self._queue:
            self._queue[-1].open = False
        self._queue.append(item)
        self._notifier.notify()

    def _preempt(self, by: _Item) -> None:
        """A new message takes away the one before that allows it; speech goes on without a pause."""
        dropped, self._preemptible = self._preemptible, by if by.preemptible else None
        if dropped is None:
            return
        dropped.drop()
        if self._current is dropped:
            if self._said.strip():
                self._report_played(self._said.strip())
            self._cut()

    def _cut(self) -> None:
        self._cuts += 1
        self._end_chunk()

    def _end_chunk(self) -> None:
        self._current, self._said, self._said_ms = None, "", 0

    def _fall_silent(self) -> None:
        self.heard_chars = self.heard_ms = 0
        if self.speaking:
            self.speaking = False
            self._report_speaking(False)
        self._notifier.notify()


def _parts(chunk: str, ms: int | None) -> Iterable[tuple[str, int]]:
    return speech.words(chunk) if ms is None else [(chunk, ms)]


def _slices(ms: int) -> Iterator[tuple[str, int]]:
    """Media in slices, at whose ends it can be seen how much has been played."""
    while ms > 0:
        yield "", min(ms, SLICE_MS)
        ms -= SLICE_MS
