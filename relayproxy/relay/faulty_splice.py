"""Faulty splice: a call into which faults are injected, for staging.

Knows: holding the backend's messages back, cutting them in half, reading them slowly, dropping the call.
Must not know: what messages mean; which calls are treated.

Only a call that is treated so is made with it: others have no part of it on their way. What is taped is what went out,
when it went out, and before it a note where that differs from what the backend sent.
"""

import asyncio
import random
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import Any, NamedTuple

from relayproxy.journal.format import EntryKind
from relayproxy.relay.frames import Frame, FrameCutter, TooLong, frame
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

    def backend_end(self, *arguments: Any) -> End:
        return TreatedEnd(*arguments, faults=self.faults)

    def start(self, head: bytes, from_twilio: bytes, from_backend: bytes) -> None:
        super().start(head, from_twilio, from_backend)
        if self.faults.drop_after is not None:
            self.later(self.faults.drop_after, self.drop)

    def drop(self) -> None:
        """Resets both connections."""
        self.blame("fault")
        assert isinstance(self.backend, TreatedEnd)
        self.backend.discard()
        for end in (self.twilio, self.backend):
            end.reset()


class _Held(NamedTuple):
    due: int
    """Monotonic nanoseconds."""
    came: int
    data: bytes
    note: str


class TreatedEnd(End):
    """The backend's end of such a call."""

    __slots__ = (
        "_cutter",
        "_faults",
        "_full",
        "_held",
        "_last_came",
        "_last_due",
        "_pauses",
        "_size",
        "_steps",
        "_timer",
    )

    def __init__(self, *arguments: Any, faults: Faults) -> None:
        super().__init__(*arguments)
        self._faults = faults
        self._cutter: FrameCutter | None = FrameCutter(LONGEST)
        self._held: deque[_Held] = deque()
        self._size = 0
        self._full = SLOW_FULL if faults.slow_reader else FULL
        self._last_came = self._last_due = 0
        self._timer: asyncio.TimerHandle | None = None
        self._pauses: set[str] = set()
        """Why it is not read at present."""
        self._steps: list[Callable[[], object]] = []
        """What its end brings with it, once nothing is held back any more."""

    def take_over(self) -> None:
        super().take_over()
        if self._faults.slow_reader and not self.lost:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_FULL)

    def data_received(self, data: bytes) -> None:
        came = monotonic_ns()
        if self._cutter is None:
            self._hold(came, came, data, "")
            return
        try:
            frames = self._cutter.feed(data)
        except TooLong:
            rest, self._cutter = self._cutter.rest, None
            self._hold(came, came, rest + data, "")
            return
        for one in frames:
            self._treat(came, one)

    def _treat(self, came: int, one: Frame) -> None:
        faults, data, note = self._faults, one.raw, ""
        due = max(came, self._last_due)
        if not one.control:
            first = came - self._last_came > QUIET
            self._last_came = came
            due += round(((faults.first_token_delay if first else faults.token_delay) or 0) * 1e9)
            if faults.malformed is not None and one.plain and one.final and random.random() < faults.malformed:
                payload = one.payload[: len(one.payload) // 2]
                data = frame(one.opcode, payload, masked=False)
                note = f"cut from {len(one.raw) - one.body} to {len(payload)} bytes"
        if faults.slow_reader is not None:
            due += round(len(data) / faults.slow_reader * 1e9)
        self._hold(due, came, data, note)

    def _hold(self, due: int, came: int, data: bytes, note: str) -> None:
        self._last_due = due = max(due, self._last_due)
        self._held.append(_Held(due, came, data, note))
        self._size += len(data)
        self._pass_on()
        if self._size > self._full:
            self._pause_for("held")

    def _pass_on(self) -> None:
        now = monotonic_ns()
        while self._held and (self._held[0].due <= now or self.peer.deaf):
            one = self._held.popleft()
            self._size -= len(one.data)
            held = (monotonic_ns() - one.came) // _MS
            notes = [*([f"held back {held} ms"] if one.due > one.came else []), *([one.note] if one.note else [])]
            if notes:
                self._tape.note(EntryKind.FAULT, self._number, monotonic_ns(), "; ".join(notes).encode())
            super().data_received(one.data)
        if self._size <= self._full // 2:
            self._resume_from("held")
        self._stop_timer()
        if self._held:
            wait = (self._held[0].due - now) / 1e9
            self._timer = asyncio.get_running_loop().call_later(wait, self._pass_on)
            return
        steps, self._steps = self._steps, []
        for step in steps:
            step()

    def discard(self) -> None:
        """Forgets what is held back."""
        self._held.clear()
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def eof_received(self) -> bool:
        if not self._held:
            return super().eof_received()
        self._steps.append(super().eof_received)
        return not self._tls

    def connection_lost(self, exc: Exception | None) -> None:
        if self._held and not self.peer.deaf:
            self._steps.append(partial(super().connection_lost, exc))
        else:
            self.discard()
            super().connection_lost(exc)

    def pause(self) -> None:
        self._pause_for("peer")

    def resume(self) -> None:
        self._resume_from("peer")

    def _pause_for(self, why: str) -> None:
        if not self._pauses and not self.lost:
            self.transport.pause_reading()
        self._pauses.add(why)

    def _resume_from(self, why: str) -> None:
        if why in self._pauses:
            self._pauses.remove(why)
            if not self._pauses and not (self.lost or self.eof or self.transport.is_closing()):
                self.transport.resume_reading()
