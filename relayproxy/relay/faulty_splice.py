"""Faulty splice: a call into which faults are injected, for staging.

Knows: holding the backend's messages back, cutting them in half, reading them slowly, dropping the call.
Must not know: what messages mean; which calls are treated.

Only a call that is treated so is made with it: others have no part of it on their way. What comes from the backend, the
end of its stream included, stands in one queue and leaves it in order, so nothing overtakes what is held back. What is
taped is what went out, when it went out, and before it a note where that differs from what the backend sent. What did
not go out, because the other side was gone or the call was ended meanwhile, is taped as a gap.
"""

import asyncio
import random
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import Any, NamedTuple

from relayproxy.connection import Side
from relayproxy.journal.dropped import DroppedChunks
from relayproxy.journal.format import EntryKind, GapCause
from relayproxy.relay.frames import TEXT, Frame, FrameCutter, TooLong, frame
from relayproxy.relay.splice import End, Splice
from relayproxy.settings.faults import Faults

QUIET = 300_000_000
"""Nanoseconds without a message after which the next one begins a reply."""
LONGEST = 1024 * 1024
"""Bytes of a frame from which on the rest of the call is passed on untreated."""
FULL = 256 * 1024
SLOW_FULL = 4096
"""Bytes held back from which on the backend is not read; with a slow reader."""
_MS = 1_000_000


class FaultySplice(Splice):
    """A relayed connection whose backend is made worse by `faults`."""

    def __init__(self, *, faults: Faults, **given: Any) -> None:
        self.faults = faults
        super().__init__(**given)

    def end(self, side: Side, *arguments: Any) -> End:
        if side == "backend":
            return TreatedEnd(self, side, *arguments, faults=self.faults)
        return CountingEnd(self, side, *arguments)

    def start(self, head: bytes, from_twilio: bytes, from_backend: bytes) -> None:
        super().start(head, from_twilio, from_backend)
        if self.faults.drop_after is not None:
            self.later(self.faults.drop_after, self.drop)

    def drop(self) -> None:
        """Resets both connections."""
        self.blame("fault")
        for end in (self.twilio, self.backend):
            end.reset()


class CountingEnd(End):
    """One end of such a call: what the other one cannot take is counted, and taped as a gap."""

    __slots__ = ("_untaken",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._untaken = DroppedChunks(self._kind, GapCause.FAULT)

    def data_received(self, data: bytes) -> None:
        if self.peer_takes:
            super().data_received(data)
        else:
            self.count(monotonic_ns(), len(data))

    @property
    def peer_takes(self) -> bool:
        """True while what comes from here goes out on the other side."""
        return not (self.peer.deaf or self.peer.transport.is_closing())

    def count(self, t: int, size: int) -> None:
        """Counts bytes that do not go out; `t` is when they came."""
        self.received += size
        self._tape_gap(self._untaken.add(t, size))

    def tell_dropped(self) -> None:
        super().tell_dropped()
        self._tape_gap(self._untaken.rest())


class _Step(NamedTuple):
    """What came from the backend: bytes, else an end of its stream."""

    due: int
    """Monotonic nanoseconds."""
    came: int
    size: int = 0
    """Bytes that came."""
    data: bytes = b""
    """Those that are to go out."""
    note: str = ""
    end: Callable[[], object] | None = None


def _untreated(came: int, data: bytes) -> _Step:
    return _Step(came, came, len(data), data)


class TreatedEnd(CountingEnd):
    """The backend's end of such a call."""

    __slots__ = (
        "_cutter",
        "_faults",
        "_full",
        "_given_up",
        "_last_came",
        "_last_due",
        "_pauses",
        "_queue",
        "_size",
        "_timer",
    )

    def __init__(self, *arguments: Any, faults: Faults) -> None:
        super().__init__(*arguments)
        self._faults = faults
        self._cutter: FrameCutter | None = FrameCutter(LONGEST)
        self._queue: deque[_Step] = deque()
        self._size = 0
        self._full = SLOW_FULL if faults.slow_reader else FULL
        self._last_came = self._last_due = 0
        self._timer: asyncio.TimerHandle | None = None
        self._pauses: set[str] = set()
        """Why it is not read at present."""
        self._given_up = False
        """No bytes go out any more, however late they would be due."""

    def take_over(self) -> None:
        super().take_over()
        if self._faults.slow_reader and not self.lost:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_FULL)

    # -- into the queue ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        came = monotonic_ns()
        if self._cutter is None:
            self._enter(_untreated(came, data))
        else:
            try:
                frames = self._cutter.feed(data)
            except TooLong:
                rest, self._cutter = self._cutter.rest, None
                self._enter(_untreated(came, rest + data))
            else:
                for one in frames:
                    self._enter(self._treated(came, one))
        self._go_on()
        if self._size > self._full:
            self._pause_for("held")

    def _treated(self, came: int, one: Frame) -> _Step:
        faults, data, note = self._faults, one.raw, ""
        due = max(came, self._last_due)
        if not one.control:
            first = came - self._last_came > QUIET
            self._last_came = came
            if one.begins:
                due += round(((faults.first_token_delay if first else faults.token_delay) or 0) * 1e9)
            whole = one.plain and one.begins and one.final
            if faults.malformed is not None and whole and random.random() < faults.malformed:
                payload = half(one)
                data = frame(one.opcode, payload, masked=False)
                note = f"cut from {len(one.raw) - one.body} to {len(payload)} bytes"
        if faults.slow_reader is not None:
            due += round(len(data) / faults.slow_reader * 1e9)
        return _Step(due, came, len(one.raw), data, note)

    def pass_eof_on(self) -> bool:
        self._enter_end(self._eof_is_due)
        return not (self.tls or self.transport.is_closing())

    def _eof_is_due(self) -> None:
        if not super().pass_eof_on():
            super().close()

    def pass_loss_on(self, exc: Exception | None) -> None:
        self._enter_end(partial(super().pass_loss_on, exc))

    def _enter_end(self, end: Callable[[], object]) -> None:
        now = monotonic_ns()
        self._enter_rest(now)
        self._enter(_Step(now, now, end=end))
        self._go_on()

    def _enter_rest(self, now: int) -> None:
        """Enters the beginning of a frame that is not going to be whole."""
        if self._cutter is not None and self._cutter.rest:
            rest, self._cutter = self._cutter.rest, None
            self._enter(_untreated(now, rest))

    def _enter(self, step: _Step) -> None:
        self._last_due = due = max(step.due, self._last_due)
        self._queue.append(step._replace(due=due))
        self._size += step.size

    # -- out of the queue ----------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = monotonic_ns()
        while self._queue and (self._given_up or self._queue[0].due <= now):
            step = self._queue.popleft()
            self._size -= step.size
            if step.end is not None:
                step.end()
            elif self._given_up or not self.peer_takes:
                self.count(step.came, step.size)
            else:
                self._note(step)
                super().data_received(step.data)
        if self._size <= self._full // 2:
            self._resume_from("held")
        if self._queue:
            wait = (self._queue[0].due - now) / 1e9
            self._timer = asyncio.get_running_loop().call_later(wait, self._go_on)

    def _note(self, step: _Step) -> None:
        now = monotonic_ns()
        held = [f"held back {(now - step.came) // _MS} ms"] if step.due > step.came else []
        if notes := [*held, *([step.note] if step.note else [])]:
            self._tape.note(EntryKind.FAULT, self._number, now, "; ".join(notes).encode())

    def close(self) -> None:
        self._give_up()
        super().close()

    def reset(self) -> None:
        self._give_up()
        super().reset()

    def _give_up(self) -> None:
        if not self._given_up:
            self._given_up = True
            self._enter_rest(monotonic_ns())
            if self._size:  # for one gap
                ends = [step for step in self._queue if step.end is not None]
                self._queue = deque([_Step(0, self._queue[0].came, self._size), *ends])
            # Not at once: who ends this end is not done with its own.
            asyncio.get_running_loop().call_soon(self._go_on)

    def pause(self) -> None:
        self._pause_for("peer")

    def resume(self) -> None:
        self._resume_from("peer")

    def _pause_for(self, why: str) -> None:
        if not self._pauses and not self._has_ended:
            self.transport.pause_reading()
        self._pauses.add(why)

    def _resume_from(self, why: str) -> None:
        if why in self._pauses:
            self._pauses.remove(why)
            if not self._pauses and not self._has_ended:
                self.transport.resume_reading()

    @property
    def _has_ended(self) -> bool:
        return self.lost or self.eof or self.transport.is_closing()


def half(one: Frame) -> bytes:
    """The first half of a message's payload; of a text without the character that would be cut in two."""
    payload, size = one.payload, len(one.payload) // 2
    while one.opcode == TEXT and size and payload[size] & 0xC0 == 0x80:
        size -= 1
    return payload[:size]
