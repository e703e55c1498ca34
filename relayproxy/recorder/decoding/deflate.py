"""permessage-deflate (RFC 7692), reading only.

Knows: what the 101 response agreed on, and inflating one direction's messages in bounded memory.
Must not know: frames, or what is in a message.
"""

import zlib
from collections.abc import Iterable, Iterator

WINDOW = 32 * 1024
_STEP = 64 * 1024
USUAL_RATIO = 32
"""Bytes that a byte may become: three to ten with what calls say."""
FREE = 256 * 1024
"""Bytes of output that may be beyond that: somebody repeats the same long sentence again and again."""
HUGE = 64 * 1024 * 1024
_TAIL = b"\x00\x00\xff\xff"
_NO_TAKEOVER = {"twilio": "client_no_context_takeover", "backend": "server_no_context_takeover"}


def takeover(headers: Iterable[tuple[str, str]], sender: str) -> bool | None:
    """True when `sender` (`twilio` or `backend`) keeps its context between messages, as `Sec-WebSocket-Extensions` of
    the 101 response says; None when the extension was not agreed on."""
    for name, value in headers:
        if name.lower() != "sec-websocket-extensions":
            continue
        for extension in value.split(","):
            token, *parameters = (part.strip().lower() for part in extension.split(";"))
            if token == "permessage-deflate":  # noqa: S105 (an extension's name)
                return _NO_TAKEOVER[sender] not in parameters
    return None


class Inflater:
    """Inflates the compressed messages of one direction, one after the other.

    `window` is the output that a following message may refer to, as of the last message boundary: with it a new
    Inflater goes on exactly. After output was lost it is emptied: a message that refers to what is not known then
    fails to inflate instead of coming out wrong.
    """

    __slots__ = ("_came", "_gave", "_recent", "_stream", "_takeover", "window")

    def __init__(self, takeover: bool, window: bytes = b"") -> None:
        self._takeover = takeover
        self._stream: zlib._Decompress | None = None
        self._recent = b""
        self._came = self._gave = 0
        self.window = window

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The output of the next bytes of the current message, in pieces of at most 64 KiB. Raises zlib.error."""
        stream = self._stream or self._start()
        self._came += len(data)
        while True:
            piece = stream.decompress(data, _STEP)
            if piece:
                self._gave += len(piece)
                self._remember(piece)
                yield piece
            if stream.eof:
                # A sender may end a message with a final block; the rest is a new stream over the same window.
                data = stream.unused_data
                stream = self._start()
                if not data:
                    return
                continue
            data = stream.unconsumed_tail
            if not data and len(piece) < _STEP:
                return

    def finish(self) -> Iterator[bytes]:
        """The rest of the current message's output; the message ends here. Raises zlib.error."""
        yield from self.feed(_TAIL)
        if self._takeover:
            self.window = (self.window + self._recent)[-WINDOW:]
        else:
            self._stream = None
        self._recent = b""

    def excess(self) -> int:
        """Bytes of output since the last call that compression made of next to nothing: those beyond `USUAL_RATIO` for
        each that came, and `FREE` in all. Of a message under way none, unless they are `HUGE`."""
        beyond = self._gave - USUAL_RATIO * self._came - FREE
        if beyond <= 0 or (self._recent and beyond < HUGE):
            return 0
        self._gave -= beyond
        return beyond

    def lose(self) -> None:
        """Takes a loss: the current message, or some before it, cannot be inflated."""
        self._stream = None
        self._recent = self.window = b""

    def _start(self) -> "zlib._Decompress":
        known = (self.window + self._recent)[-WINDOW:]
        self._stream = zlib.decompressobj(-15, zdict=known) if known else zlib.decompressobj(-15)
        return self._stream

    def _remember(self, piece: bytes) -> None:
        # Also without takeover: a message of several streams refers back to its own output.
        self._recent = (self._recent + piece)[-WINDOW:] if self._recent else piece[-WINDOW:]
