"""Answer protocol: one connection with a backend, from the request to the end of its answer, or to its 101.

Knows: aiohttp's parser for answers; that what follows a 101 belongs to the call.
Must not know: how the connection is made, what the request says, which answer means what.
"""

import asyncio
from typing import cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser, RawResponseMessage
from aiohttp.streams import StreamReader

from relayproxy.relay import limits
from relayproxy.relay.handshake.stopwatch import Stopwatch

_BUFFER = 64 * 1024
"""Bytes of a body that are read ahead."""

_END = b"\r\n\r\n"
_ANY = 1 << 30
"""Bytes of a request that may wait to be sent: more than any has."""

Answer = tuple[RawResponseMessage, StreamReader]
"""The head of an answer, and its body as it comes."""


class AnswerProtocol(BaseProtocol):
    """Sends `request` as soon as there is a connection. `answered` gets the answer, less those with an interim status
    but 101; or ConnectionError without one, or aiohttp's error for what is no HTTP.

    After a 101 the connection is handed over with `take_early` and `leave`, with no await in between.
    """

    __slots__ = ("_answered", "_body", "_early", "_request", "_stopwatch")

    def __init__(self, request: bytes, answered: asyncio.Future[Answer], stopwatch: Stopwatch) -> None:
        super().__init__(asyncio.get_running_loop())
        self._request = request
        self._answered: asyncio.Future[Answer] | None = answered
        self._stopwatch = stopwatch
        self._body: StreamReader | None = None
        self._early: bytearray | None = None

    @property
    def upgraded(self) -> bool:
        """True once the backend has switched protocols."""
        return self._early is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends the request."""
        self._parser = HttpResponseParser(
            self,
            self._loop,
            _BUFFER,
            max_line_size=limits.LINE,
            max_field_size=limits.LINE,
            max_headers=limits.HEADERS,
            read_until_eof=True,
            auto_decompress=False,
        )
        self.transport = cast(asyncio.Transport, transport)
        # Nobody waits here until the request is sent. The call that takes over is told of what waits by its own limits.
        self.transport.set_write_buffer_limits(high=_ANY)
        self._stopwatch.connect_ends()  # before what wakes the backend, beside which this process may have to wait
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Reads the answer; keeps what follows a 101."""
        # Heads by themselves: of bytes with an error in them the parser tells nothing of what came before it.
        start = 0
        while self._answered is not None and (end := data.find(_END, start)) >= 0:
            end += len(_END)
            self._read(data[start:end])
            start = end
        if start < len(data) or not data:  # without any the parser, which was paused, reads on
            self._read(data[start:])

    def _read(self, data: bytes) -> None:
        if self._early is not None:
            self._early += data
            return
        if self._parser is None:
            return
        try:
            messages, upgraded, rest = self._parser.feed_data(data)
        except Exception as problem:
            self._fail(problem.with_traceback(None))
            self.abort()
            return
        if upgraded:
            self._early = bytearray(rest)
        for message, body in messages:
            if self._answered is not None and (message.code == 101 or not 100 <= message.code < 200):
                self._body = body
                self._stopwatch.answered()
                answered, self._answered = self._answered, None
                if not answered.done():
                    answered.set_result((message, body))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends the answer: with what there is of its body, or with an error."""
        parser, self._parser = self._parser, None
        super().connection_lost(exc)
        if self._answered is not None:
            self._fail(ConnectionResetError())
        elif parser is not None and self._body is not None and not self._body.is_eof():
            try:
                parser.feed_eof()
            except Exception as problem:
                self._body.set_exception(problem.with_traceback(None))
        self._body = None

    def close(self) -> None:
        """Closes the connection, which was answered: also when the backend never reads the rest of the request."""
        if self.transport is not None:
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            else:
                self.transport.close()

    def abort(self) -> None:
        """Closes the connection at once; nobody waits for the answer any more."""
        self._answered = None
        if self.transport is not None:
            self.transport.abort()

    def take_early(self) -> bytes:
        """The bytes that came behind the 101."""
        return bytes(self._early or b"")

    def leave(self) -> None:
        """Ends this protocol's part in the connection, whose transport has another one by now."""
        self.transport = self._parser = self._body = None

    def _fail(self, problem: Exception) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            if not answered.done():
                answered.set_exception(problem)
        elif self._body is not None and not self._body.is_eof():
            self._body.set_exception(problem)
