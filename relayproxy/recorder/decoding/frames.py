"""Frame decoder: WebSocket frames (RFC 6455) of one direction into messages.

Knows: framing, fragments, control frames, what is against the protocol, and where reading must begin again after a
restart.
Must not know: the other direction, files, JSON, the conversation.

Any bytes in any chunking decode to something recordable; memory is bounded by `limit` whatever lengths are announced;
nothing raises. What is no WebSocket traffic becomes `undecodable`, and from there this direction's bytes are only
counted. After a gap reading begins again with the first chunk that is whole plausible frames.
"""

from typing import Literal

import msgspec

from relayproxy.conversation.message import Message, MessageKind
from relayproxy.recorder.decoding.deflate import Inflater
from relayproxy.recorder.decoding.partial import Control, Partial, text_of

Mode = Literal["reading", "lost", "seeking"]
JournalPlace = tuple[int, int]
"""Segment and offset of a byte in the journal."""

_ODD_HEAD = 256
"""Bytes kept of what is not WebSocket traffic."""
_CONTROLS: dict[int, MessageKind] = {8: "close", 9: "ping", 10: "pong"}


class DecoderState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state from which a new decoder goes on exactly, when it is fed from `at` (None: from the next byte) on."""

    at: JournalPlace | None = None
    """The place where the oldest incomplete message began."""
    mode: Mode = "reading"
    skipped: int = 0
    """Undecodable bytes that no message has accounted for yet."""
    window: bytes = b""
    """Deflate window as of `at`: what was said, as it came."""
    window_lost: bool = False
    """The window lacks what messages may refer to, and no gap tells it yet."""


class Decoder:
    """Decoder of the frames that one end sent. `masked`: whether its frames must be (Twilio's, as the client's, must).

    `limit` bounds the payload bytes kept of a message. Methods return messages numbered from `seq` on, with the times
    given: `t` and `out` as in `Message`.
    """

    def __init__(
        self,
        sender: Literal["twilio", "backend"],
        *,
        masked: bool,
        limit: int,
        inflater: Inflater | None = None,
        state: DecoderState | None = None,
    ) -> None:
        state = state or DecoderState()
        self._sender: Literal["twilio", "backend"] = sender
        self._masked = masked
        self._limit = limit
        self._inflater = inflater
        self._mode: Mode = state.mode
        self._skipped = state.skipped
        self._window_lost = state.window_lost
        if inflater is not None:
            inflater.window = state.window
        self._message: Partial | None = None
        self._message_at: JournalPlace | None = None
        self._messages: list[Message] = []
        self._t = self._seq = 0
        self._out: int | None = None
        self._head = b""
        self._frame_at: JournalPlace | None = None
        self._control: Control | None = None
        self._left = -1
        self._fin = False
        self._mask = self._phase = 0

    def excess(self) -> int:
        """Bytes since the last call that compression made of next to nothing (`Inflater.excess`)."""
        return 0 if self._inflater is None else self._inflater.excess()

    def state(self) -> DecoderState | None:
        """The state as of the last byte fed; None when a new decoder would do."""
        if self._inflater is None and self._mode == "reading" and self._frame_at is None and self._message_at is None:
            return None  # as for nearly every chunk
        window = self._inflater.window if self._inflater is not None else b""
        state = DecoderState(self.pending, self._mode, self._skipped, window, self._window_lost)
        return None if state == DecoderState() else state

    @property
    def pending(self) -> JournalPlace | None:
        """The place where the oldest incomplete message began."""
        return self._message_at or self._frame_at

    def feed(self, data: bytes, t: int, out: int | None, seq: int, place: JournalPlace) -> list[Message]:
        """The messages that a chunk completes. `place` is where its first byte lies in the journal."""
        self._begin(t, out, seq)
        if self._mode != "reading":
            if self._mode == "lost" or not self._plausible(data):
                self._skipped += len(data)
                return self._messages
            self._account()
            self._mode = "reading"
        shift = len(self._head)
        if shift:
            data = self._head + data
            self._head = b""
        at, end = 0, len(data)
        while at < end:
            if self._left >= 0:
                at = self._body(data, at, end)
                continue
            if self._frame_at is None:
                if self._message is None:
                    at = self._whole(data, at, end)
                    if at == end:
                        break
                self._frame_at = (place[0], place[1] - shift + at)
            at = self._header(data, at, end)
        return self._messages

    def gap(self, t: int, seq: int) -> list[Message]:
        """Takes a gap: the message under way stays incomplete, and reading must find its place again."""
        messages = self.end(t, seq)
        self._mode = "seeking"
        self._window_lost = False
        return messages

    def end(self, t: int, seq: int) -> list[Message]:
        """Takes the end of the bytes."""
        self._begin(t, None, seq)
        self._break_off()
        return self._messages

    def _begin(self, t: int, out: int | None, seq: int) -> None:
        self._messages = []
        self._t, self._out, self._seq = t, out, seq

    def _clear_frame(self) -> None:
        self._head = b""
        self._frame_at = self._control = None
        self._left = -1

    def _whole(self, data: bytes, at: int, end: int) -> int:
        """Decodes whole short text messages of one frame each, which nearly all traffic is. Returns where it ended."""
        masked, limit, sender, t, out, seq = self._masked, self._limit, self._sender, self._t, self._out, self._seq
        append = self._messages.append
        bit, extra = (128, 4) if masked else (0, 0)
        while end - at >= 2 and data[at] == 0x81:
            length = data[at + 1] - bit
            start = at + 2
            if length == 126 and end - start >= 2:
                length = int.from_bytes(data[start : start + 2], "big")
                start += 2
            elif not 0 <= length < 126:
                break
            body = start + extra
            stop = body + length
            if stop > end or length > limit:
                break
            payload = data[body:stop]
            if masked and length:
                key = data[start:body] * ((length + 3) >> 2)
                plain = int.from_bytes(payload, "little") ^ int.from_bytes(key[:length], "little")
                payload = plain.to_bytes(length, "little")
            try:
                append(Message(seq, t, sender, "text", out, payload.decode(), None, length))
            except UnicodeDecodeError:
                append(Message(seq, t, sender, "text", out, None, payload, length, note="invalid_utf8"))
            seq += 1
            at = stop
        self._seq = seq
        return at

    def _header(self, data: bytes, at: int, end: int) -> int:
        """Reads a frame's head and returns where its payload begins; `end` when it is not complete, or wrong."""
        first = data[at]
        wrong = self._wrong_first(first)
        if wrong is None and end - at >= 2:
            second = data[at + 1]
            short = second & 127
            wide = 2 if short == 126 else 8 if short == 127 else 0
            body = at + 2 + wide + (4 if second & 128 else 0)
            if second >> 7 != self._masked:
                wrong = "wrong_mask"
            elif short == 127 and end - at >= 3 and data[at + 2] & 128:
                wrong = "invalid_length"
            elif body <= end:
                self._left = int.from_bytes(data[at + 2 : at + 2 + wide], "big") if wide else short
                self._mask = int.from_bytes(data[body - 4 : body], "little") if self._masked else 0
                self._phase = 0
                self._open(first)
                return body
        if wrong is not None:
            self._fail(wrong, data, at)
        else:
            self._head = data[at:]
        return end

    def _wrong_first(self, first: int) -> str | None:
        opcode = first & 15
        if first & 0x30 or (first & 0x40 and (self._inflater is None or opcode not in (1, 2))):
            return "reserved_bits"
        if opcode > 10 or 2 < opcode < 8:
            return "reserved_opcode"
        if opcode >= 8:
            return None if first & 128 else "fragmented_control"
        if opcode == 0:
            return None if self._message is not None else "unexpected_continuation"
        return "unfinished_message" if self._message is not None else None

    def _open(self, first: int) -> None:
        opcode = first & 15
        self._fin = bool(first & 128)
        if opcode >= 8:
            self._control = Control(_CONTROLS[opcode], self._limit)
        elif opcode == 0:
            assert self._message is not None
            self._message.frames += 1
        else:
            inflater = self._inflater if first & 0x40 else None
            self._message = Partial("text" if opcode == 1 else "binary", self._limit, inflater)
            self._message_at = self._frame_at
        if self._left == 0:
            self._close_frame()

    def _body(self, data: bytes, at: int, end: int) -> int:
        stop = min(end, at + self._left)
        piece = data[at:stop]
        count = len(piece)
        if self._mask:
            phase = self._phase
            key = self._mask.to_bytes(4, "little")
            key = ((key[phase:] + key[:phase]) * ((count + 3) >> 2))[:count]
            piece = (int.from_bytes(piece, "little") ^ int.from_bytes(key, "little")).to_bytes(count, "little")
            self._phase = (phase + count) & 3
        self._left -= count
        if self._control is not None:
            self._control.payload.add(piece)
        elif self._message is not None:
            self._message.add(piece)
        if self._left == 0:
            self._close_frame()
        return stop

    def _close_frame(self) -> None:
        control, fin = self._control, self._fin
        self._clear_frame()
        if control is not None:
            self._emit(control.message(self._seq, self._t, self._sender, self._out))
        elif fin and self._message is not None:
            message, self._message, self._message_at = self._message, None, None
            message.finish()
            if message.failed and self._window_lost:
                self._window_lost = False
                self._emit(Message(self._seq, self._t, self._sender, "gap", note="window_lost"))
            self._emit(message.message(self._seq, self._t, self._sender, self._out))

    def _emit(self, message: Message) -> None:
        self._messages.append(message)
        self._seq += 1

    def _fail(self, reason: str, data: bytes, at: int) -> None:
        self._head = b""
        self._break_off()
        self._undecodable(data[at : at + _ODD_HEAD], len(data) - at, reason)
        self._mode = "lost"

    def _undecodable(self, data: bytes | None, size: int, note: str) -> None:
        self._emit(Message(self._seq, self._t, self._sender, "undecodable", self._out, data=data, size=size, note=note))

    def _account(self) -> None:
        if self._skipped:
            self._undecodable(None, self._skipped, "skipped")
            self._skipped = 0

    def _break_off(self) -> None:
        """Ends the message under way as incomplete, and forgets it."""
        self._account()
        if self._message is not None:
            self._message.abandon()
            self._emit(self._message.message(self._seq, self._t, self._sender, self._out))
            self._message = self._message_at = None
        if self._control is not None:
            self._emit(self._control.message(self._seq, self._t, self._sender, self._out, incomplete=True))
        if self._head:
            self._undecodable(self._head, len(self._head), "incomplete")
        if self._inflater is not None:
            self._inflater.lose()
        self._clear_frame()

    def _plausible(self, data: bytes) -> bool:
        """True when a chunk is exactly whole unfragmented frames of this direction."""
        at, end = 0, len(data)
        while at < end:
            if end - at < 2 or data[at] & 0x80 == 0 or data[at] & 15 == 0 or self._wrong_first(data[at]) is not None:
                return False
            second = data[at + 1]
            short = second & 127
            wide = 2 if short == 126 else 8 if short == 127 else 0
            if second >> 7 != self._masked or (data[at] & 8 and short > 125):
                return False
            length = int.from_bytes(data[at + 2 : at + 2 + wide], "big") if wide else short
            body = at + 2 + wide + (4 if self._masked else 0)
            if body + length > end:
                return False
            if data[at] == 0x81 and not self._masked and text_of(data[body : body + length]) is None:
                return False
            at = body + length
        return end > 0
