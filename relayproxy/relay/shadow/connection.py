"""Shadow connection: the second backend of one call, from its handshake to its end.

Knows: passing the caller's frames on, taping both sides, answering pings, and every reason to give up.
Must not know: the call; which calls are copied.

The call hands bytes over with `copy`, which keeps them and returns. Everything else happens in later turns of the event
loop. What waits is bounded: a second backend that does not keep up is given up, and its Ending says why.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic_ns
from typing import Literal

from relayproxy.connection import Ending, EndingCause, SideEnd
from relayproxy.journal.format import MAX_TOOK, EntryKind, GapBody, GapCause
from relayproxy.journal.tape import Tape
from relayproxy.relay.frames import CLOSE, PING, PONG, Frame, FrameCutter, TooLong, frame
from relayproxy.relay.handshake.upstream import Accepted

log = logging.getLogger(__name__)

QUEUE = 256 * 1024
"""Bytes that may wait for the second backend, before its handshake and afterwards; no frame may be longer."""
FLOOD = 256 * 1024
"""Bytes that it may send within `WINDOW`: no conversation comes near."""
FRAMES = 4_000
"""Frames that it may send within `WINDOW`, however small."""
WINDOW = 1_000_000_000
"""Nanoseconds."""
PATIENCE = 2.0
"""Seconds that it gets to end its stream once the call is over, or the closing handshake is."""


class ShadowConnection(asyncio.Protocol):
    """The connection with the second backend. `opened` is when its request was made (monotonic ns); `limit` bounds what
    is taken of what it sends.

    `finished` is resolved when it is over, also when it was given up before its handshake was; then `ending` tells how.
    """

    def __init__(self, *, number: int, tape: Tape, opened: int, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._number = number
        self._tape = tape
        self._opened = opened
        self._limit = limit
        self.finished: asyncio.Future[None] = self._loop.create_future()
        self._waiting = bytearray()
        self._scheduled = False
        self._transport: asyncio.Transport | None = None
        self._caller, self._backend = FrameCutter(QUEUE), FrameCutter(QUEUE)
        self._closing = False
        """Nothing more is sent to it: a close frame was, or the call is over."""
        self._first: Literal["twilio", "backend", "proxy"] | None = None
        self._cause: EndingCause | None = None
        self._how: SideEnd | None = None
        self._sent = self._received = 0
        self._window, self._frames, self._window_from = 0, 0, 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def ending(self) -> Ending:
        """How it ended, or is ending."""
        return Ending(
            t=monotonic_ns() - self._opened,
            first=self._first,
            twilio="eof" if self._first == "twilio" else "closed_by_proxy",
            backend=self._how or "closed_by_proxy",
            twilio_bytes=self._sent,
            backend_bytes=self._received,
            cause=self._cause,
        )

    # -- what the call does --------------------------------------------------------------------------------------

    def copy(self, data: bytes | None) -> None:
        """Takes bytes of the caller's side, and returns; None: from here on there are none."""
        if self._first is not None or self._closing:
            return
        if data is None:
            self._give_up("shadow_limit")
            return
        self._waiting += data
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._guarded, self._pass_on)
        elif len(self._waiting) > QUEUE:
            self._give_up("shadow_slow")

    def give_up(self, cause: EndingCause) -> None:
        """Ends it from this side at once."""
        self._guarded(lambda: self._give_up(cause))

    def refused(self, first: Literal["twilio", "backend", "proxy"]) -> None:
        """Takes that there is no connection, and who is the cause."""
        self._first = self._first or first
        self._end()

    # -- what happens in turns of its own ------------------------------------------------------------------------

    def begin(self, accepted: Accepted) -> None:
        """Takes the connection over once the second backend has answered 101."""
        self._transport = accepted.transport
        self._guarded(lambda: self._begin(accepted.protocol.take_early()))
        accepted.protocol.leave()

    def call_ended(self) -> None:
        """Takes that the call is over: what waits is still sent, and the second backend may end its stream."""
        self._guarded(self._leave)

    def data_received(self, data: bytes) -> None:
        self._guarded(lambda: self._take(data))

    def eof_received(self) -> bool:
        self._how = "eof"
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._guarded(lambda: self._lost(exc))

    def _begin(self, early: bytes) -> None:
        if self._transport is None:  # its whole stream came with the 101
            self._take(early)
            self._how = "eof"
            self._lost(None)
            return
        self._transport.set_protocol(self)
        if early:
            self._take(early)
        if self._transport.is_closing() and self._first is None:
            # It was lost before it was taken over: another protocol was told.
            self._first, self._how = "backend", self._how or "eof"
            self._end()
        self._pass_on()

    def _pass_on(self) -> None:
        self._scheduled = False
        if len(self._waiting) > QUEUE:
            self._give_up("shadow_slow")
        if self._transport is None or self._first is not None or not self._waiting:
            return
        data, self._waiting = bytes(self._waiting), bytearray()
        try:
            frames = self._caller.feed(data)
        except TooLong:
            self._give_up("shadow_slow")
            return
        # Pings and pongs are between Twilio and the call's own backend.
        self._write(b"".join(one.raw for one in frames if one.opcode not in (PING, PONG)))
        self._closing = self._closing or any(one.opcode == CLOSE for one in frames)

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if not data or transport is None or transport.is_closing():
            return
        t = monotonic_ns()
        transport.write(data)
        waiting = transport.get_write_buffer_size()
        self._sent += len(data)
        took = MAX_TOOK if waiting else monotonic_ns() - t
        self._tape.chunk(EntryKind.TWILIO_CHUNK, self._number, t, took, data)
        if waiting > QUEUE:
            self._give_up("shadow_slow")

    def _take(self, data: bytes) -> None:
        if self._first == "proxy":
            return
        t, size = monotonic_ns(), len(data)
        self._received += size
        if t - self._window_from > WINDOW:
            self._window, self._frames, self._window_from = 0, 0, t
        self._window += size
        frames = self._cut(data)
        if frames is None:
            gap = GapBody(GapCause.LIMIT, EntryKind.BACKEND_CHUNK, 1, size, t)
            self._tape.note(EntryKind.GAP, self._number, t, gap.pack())
            self._give_up("shadow_limit" if self._received > self._limit else "shadow_flood")
            return
        self._frames += len(frames)
        self._tape.chunk(EntryKind.BACKEND_CHUNK, self._number, t, 0, data)
        pings = [one for one in frames if one.opcode == PING]
        if pings:  # of those that come together the last alone needs an answer (RFC 6455, 5.5.3)
            self._write(frame(PONG, pings[-1].payload, masked=True))
        close = next((one for one in frames if one.opcode == CLOSE), None)
        if close is not None:
            if not self._closing:
                self._write(frame(CLOSE, close.payload, masked=True))
            self._closing = True
            self._end_soon()

    def _cut(self, data: bytes) -> list[Frame] | None:
        """The frames that are whole now; None when it sends too much. Looking for them takes a few milliseconds at
        most."""
        if self._window > FLOOD or self._received > self._limit:
            return None
        try:
            return self._backend.feed(data, FRAMES - self._frames)
        except TooLong:
            return None

    def _leave(self) -> None:
        self._pass_on()
        if self.finished.done() or self._transport is None:
            return
        self._first = self._first or "twilio"
        if not self._closing:
            self._transport.close()
        self._closing = True
        self._end_soon()

    def _end_soon(self) -> None:
        if self._timer is None and not self.finished.done():
            self._timer = self._loop.call_later(PATIENCE, self._abort)

    def _give_up(self, cause: EndingCause) -> None:
        if self._first is not None:
            self._abort()
            return
        self._first, self._cause = "proxy", cause
        self._waiting.clear()
        if self._transport is None:
            self._end()
        else:
            self._loop.call_soon(self._abort)

    def _abort(self) -> None:
        if self._transport is not None and not self.finished.done():
            lost = self._transport.is_closing()
            self._transport.abort()
            if lost:  # perhaps already, when nobody tells any more
                self._end()

    def _lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._how = "reset"
        elif self._first is None:
            self._how = "eof"
        self._first = self._first or "backend"
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        if not self.finished.done():
            self.finished.set_result(None)

    def _guarded(self, step: Callable[[], None]) -> None:
        """Takes a step; a bug in one disturbs nobody, and ends the shadow."""
        try:
            step()
        except Exception:
            log.exception("a shadow failed; its call goes on")
            if self._first is None:
                self._first, self._cause = "proxy", "shadow_failed"
            if self._transport is None or self._transport.is_closing():
                self._end()
            self._abort()
