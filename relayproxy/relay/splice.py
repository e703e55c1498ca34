"""Splice: forwards bytes both ways between two connected transports, and tapes every chunk.

Knows: forwarding, backpressure, half-close, resets, closing, and the order in which the two ends finished.
Must not know: HTTP, WebSocket frames, files.

A chunk is written to the other side first and taped afterwards; taping appends to memory and cannot fail a call. What
comes after the first `limit` bytes of a side is not taped but counted, as a gap.
"""

import asyncio
import fcntl
import logging
import os
import socket
import struct
import termios
from collections.abc import Callable
from time import monotonic_ns
from typing import Any, Literal

from relayproxy.connection import Ending, EndingCause, Side, SideEnd
from relayproxy.journal.dropped import DroppedChunks
from relayproxy.journal.format import ENTRY_REST, ENTRY_SOURCE, MAX_TOOK, EntryKind, GapBody, GapCause
from relayproxy.journal.tape import Tape

log = logging.getLogger(__name__)

RESET_PATIENCE = 1.0
"""Seconds a reset waits for the bytes before it to be acknowledged; a reset discards what is not."""

CLOSE_PATIENCE = 5.0
"""Seconds that an end closed by the proxy gets to take the bytes still buffered for it."""

HALF_CLOSED_PATIENCE = 30.0
"""Seconds without a byte after which a call is over whose one end has finished and whose other end has not."""

_pack = ENTRY_REST.pack
_LINGER_RESET = struct.pack("ii", 1, 0)


class Splice:
    """One relayed connection, from the 101 to the end of both streams.

    `finished` is resolved when both ends are gone; `on_end` is called just before with the Ending, whose `t` counts
    from `opened` (monotonic ns). Call `start` at once after construction, with no await in between.
    """

    def __init__(
        self,
        *,
        number: int,
        tape: Tape,
        opened: int,
        limit: int,
        twilio: asyncio.Transport,
        backend: asyncio.Transport | None,
        on_end: Callable[[Ending], None],
    ) -> None:
        self._opened = opened
        self._on_end = on_end
        self._first: Literal["twilio", "backend", "proxy"] | None = None
        self._cause: EndingCause | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._half_closed: asyncio.TimerHandle | None = None
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.twilio = self.end("twilio", EntryKind.TWILIO_CHUNK, number, tape, limit, twilio)
        self.backend = self.end("backend", EntryKind.BACKEND_CHUNK, number, tape, limit, backend)
        self.twilio.peer, self.backend.peer = self.backend, self.twilio

    def end(self, side: Side, *arguments: Any) -> "End":
        """Makes one end."""
        return End(self, side, *arguments)

    def start(self, head: bytes, from_twilio: bytes, from_backend: bytes) -> None:
        """Writes the 101 head, takes both transports over and forwards what was already read past the handshakes."""
        twilio, backend = self.twilio, self.backend
        twilio.take_over()
        backend.take_over()
        twilio.write(head)
        if from_backend:
            backend.data_received(from_backend)
        if from_twilio:
            twilio.data_received(from_twilio)
        if backend.lost:
            # Its whole stream, end included, arrived with the 101.
            backend.how = "eof"
            backend.pass_loss_on(None)

    def close(self, cause: EndingCause) -> None:
        """Ends the call from the proxy's side: closes both streams after the buffered bytes, and adds none. `cause`
        goes into the Ending."""
        self.blame(cause)
        self.twilio.close()
        self.backend.close()
        self.later(CLOSE_PATIENCE, self._abort)

    def blame(self, cause: EndingCause) -> None:
        """Takes that the proxy ends the call, and why, unless something else has ended it."""
        if self._first is None:
            self._first, self._cause = "proxy", cause

    def _await_other_end(self, before: tuple[int, ...] | None) -> None:
        if self.finished.done():
            return
        now = (*self.twilio.progress(), *self.backend.progress())
        if now == before:
            self._abort()
        else:
            loop = asyncio.get_running_loop()
            self._half_closed = loop.call_later(HALF_CLOSED_PATIENCE, self._await_other_end, now)

    def later(self, seconds: float, callback: Callable[..., None], *arguments: object) -> None:
        if not self.finished.done():
            self._timers.append(asyncio.get_running_loop().call_later(seconds, callback, *arguments))

    def _abort(self) -> None:
        self.twilio.abort()
        self.backend.abort()

    def ended(self, side: Side, how: SideEnd) -> None:
        """Notes the end of one stream, and ends the call once both are over; called by the ends."""
        end = self.twilio if side == "twilio" else self.backend
        if end.finished_t is None:
            end.finished_t = monotonic_ns() - self._opened
        if self._first is None and how != "closed_by_proxy":
            self._first = side
            self._await_other_end(None)
        if not (self.twilio.over and self.backend.over) or self.finished.done():
            return
        try:
            self.twilio.tell_dropped()
            self.backend.tell_dropped()
            self._on_end(
                Ending(
                    t=monotonic_ns() - self._opened,
                    first=self._first,
                    twilio=self.twilio.how,
                    backend=self.backend.how,
                    twilio_bytes=self.twilio.received,
                    backend_bytes=self.backend.received,
                    cause=self._cause,
                    twilio_t=self.twilio.finished_t,
                    backend_t=self.backend.finished_t,
                )
            )
        finally:
            self.finished.set_result(None)
            self._let_go()

    def _let_go(self) -> None:
        """Breaks reference cycles: garbage collection, with its high thresholds, comes after thousands of calls."""
        if self._half_closed is not None:
            self._half_closed.cancel()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for end in (self.twilio, self.backend):
            del end.peer, end._splice


class End(asyncio.Protocol):
    """One end."""

    __slots__ = (
        "_dropped",
        "_kind",
        "_limit",
        "_number",
        "_side",
        "_source",
        "_splice",
        "_tape",
        "deaf",
        "eof",
        "finished_t",
        "full",
        "how",
        "lost",
        "over",
        "peer",
        "received",
        "tls",
        "transport",
    )
    peer: "End"

    def __init__(
        self,
        splice: Splice,
        side: Side,
        kind: EntryKind,
        number: int,
        tape: Tape,
        limit: int,
        transport: asyncio.Transport | None,
    ) -> None:
        self._splice = splice
        self._side: Side = side
        self._kind = kind
        self._number = number
        self._source = ENTRY_SOURCE.pack(kind, number)
        self._tape = tape
        self._limit = limit
        self._dropped: DroppedChunks | None = None
        self.lost = transport is None
        self.over = False
        """It is lost, and that has been passed on."""
        self.deaf = self.lost  # nothing more can be written to it
        if transport is not None:
            self.transport = transport
        self.tls = transport is not None and transport.get_extra_info("ssl_object") is not None
        self.full = False
        """It does not take what is written to it: bytes wait in the proxy. Over TLS, where some always may, many do."""
        self.eof = False
        self.finished_t: int | None = None
        self.how: SideEnd | None = None
        self.received = 0

    def take_over(self) -> None:
        if not self.lost:
            self.transport.set_protocol(self)
            # 0 writes at once instead of at the end of the loop's iteration. Over TLS it would pause the other side
            # after every write, as ">= high" holds for an empty buffer too. What waits already is told at once.
            self.transport.set_write_buffer_limits(high=None if self.tls else 0)

    # -- the byte path -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        t = monotonic_ns()
        peer = self.peer
        if not peer.deaf:
            peer.transport.write(data)
        try:
            size = len(data)
            self.received = received = self.received + size
            if received > self._limit:
                self._drop(t, size)
                return
            waiting = peer.full or (peer.tls and peer.transport.get_write_buffer_size())
            took = MAX_TOOK if waiting else monotonic_ns() - t
            tape = self._tape
            buffer = tape.buffer
            # What `tape.chunk` does with a chunk that has room, without the call: it would be a tenth of the way.
            if len(buffer) <= tape.room and took <= MAX_TOOK:
                buffer += _pack(self._source, size, t, took)
                buffer += data
            else:
                tape.chunk(self._kind, self._number, t, took, data)
        except Exception:
            log.exception("taping failed; the call goes on")

    def _drop(self, t: int, size: int) -> None:
        if self._dropped is None:
            self._dropped = DroppedChunks(self._kind, GapCause.LIMIT)
        self._tape_gap(self._dropped.add(t, size))

    def tell_dropped(self) -> None:
        """Tapes the gap for what was dropped since the last one."""
        if self._dropped is not None:
            self._tape_gap(self._dropped.rest())

    def _tape_gap(self, gap: tuple[int, GapBody] | None) -> None:
        if gap is not None:
            self._tape.note(EntryKind.GAP, self._number, gap[0], gap[1].pack())

    def write(self, data: bytes) -> None:
        if not self.deaf:
            self.transport.write(data)

    def pause_writing(self) -> None:
        self.full = True
        peer = self.peer
        if not (peer.lost or peer.eof or peer.transport.is_closing()):
            peer.pause()

    def resume_writing(self) -> None:
        self.full = False
        peer = self.peer
        if not (peer.lost or peer.eof or peer.transport.is_closing()):
            peer.resume()

    def pause(self) -> None:
        """Reads no more from this end for now: the other one is not taking data."""
        self.transport.pause_reading()

    def resume(self) -> None:
        """Reads on."""
        self.transport.resume_reading()

    def progress(self) -> tuple[int, int]:
        """Bytes received, and bytes waiting to be sent: unchanged for as long as nothing moves here."""
        return self.received, 0 if self.lost else self.transport.get_write_buffer_size()

    # -- ends ----------------------------------------------------------------------------------------------------

    def eof_received(self) -> bool:
        self.eof = True
        self.deaf = self.deaf or self.tls
        return self.pass_eof_on()

    def pass_eof_on(self) -> bool:
        """Passes on that this end sends nothing more; False when it is to be closed itself."""
        if self.how is None:
            self.how = "eof"
            self._splice.ended(self._side, "eof")
        peer = self.peer
        if peer.lost or peer.transport.is_closing():
            return False
        if peer.eof or self.tls or not peer.transport.can_write_eof():
            peer.close()
            return not self.tls and not peer.eof
        peer.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self.how is None and not self.deaf:
            self.how = "eof"  # over TLS an end without goodbye (close_notify) comes as that alone
        self.lost = self.deaf = True
        if exc is not None:
            self._read_the_rest()
        self.pass_loss_on(exc)

    def pass_loss_on(self, exc: Exception | None) -> None:
        """Passes on that this end is lost: to the other one as it happened here, and to the call."""
        self.over = True
        if exc is not None:
            self.how = "timeout" if isinstance(exc, TimeoutError) else "reset"
        elif self.how is None:
            self.how = "closed_by_proxy"
        if exc is None:
            self.peer.close()
        else:
            self.peer.reset()
        self._splice.ended(self._side, self.how)

    def _read_the_rest(self) -> None:
        """Forwards what this end had sent before a write to it failed.

        The event loop gives a connection up at a failed write, with bytes still unread: the last ones of an end that
        closed while the other side was sending. Over TLS they cannot be read from here.
        """
        if self.tls or self.eof:
            return
        try:
            descriptor = self.transport.get_extra_info("socket").fileno()
            while data := os.read(descriptor, 65536):
                self.data_received(data)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        if not self.lost and not self.transport.is_closing():
            self.deaf = True
            self.transport.close()

    def abort(self) -> None:
        """Closes it at once; what waits is not sent any more."""
        if not self.lost:
            self.deaf = True
            self.transport.abort()

    def reset(self) -> None:
        """Passes a reset on as a reset, after the bytes that came before it."""
        loop = asyncio.get_running_loop()
        self._reset_by(loop, loop.time() + RESET_PATIENCE)

    def _reset_by(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        if self.lost:
            return
        if self._unsent() and loop.time() < deadline:
            loop.call_later(0.005, self._reset_by, loop, deadline)
            return
        sock = self.transport.get_extra_info("socket")
        try:
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        except OSError:
            log.debug("the socket is gone already")
        self.abort()

    def _unsent(self) -> bool:
        if self.transport.get_write_buffer_size():
            return True
        sock = self.transport.get_extra_info("socket")
        if sock is None:  # TLS has let go of it
            return False
        try:
            descriptor = sock.fileno()
            return fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0\0\0\0") != b"\0\0\0\0"
        except (OSError, ValueError):
            return False
