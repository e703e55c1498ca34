"""The recorded calls, for every test that plays one.

Knows: the format of the `*.jsonl` files beside it.
Must not know: what plays them.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from relayproxy.connection import Ending, Opening, Side
from relayproxy.conversation.message import Message

HERE = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in HERE.glob("*.jsonl")))
EPOCH = 1_788_000_000_000_000_000
"""Wall nanoseconds that a file's `ms` count from, where a test needs a wall clock."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A text message: when (ms of the file), from whom, and its payload."""

    ms: int
    sender: Side
    payload: str


@dataclass(frozen=True, slots=True)
class Close:
    """The end as the backend saw it. 1006: the backend itself dropped the socket, so no close frame was sent."""

    ms: int
    code: int
    reason: str

    @property
    def sender(self) -> Side | None:
        """Who sent the close frame, when there was one."""
        return None if self.code == 1006 else "twilio"


@dataclass(frozen=True, slots=True)
class Session:
    """One WebSocket session. `action` is Twilio's report of how it ended."""

    number: int
    opened_ms: int
    headers: dict[str, str]
    frames: tuple[Frame, ...]
    close: Close
    action: dict[str, str]

    def opening(self) -> Opening:
        """A connection that opened when the session did. Times of `messages` and `ending` count from it."""
        return Opening(
            connection_id=f"{self.number:032x}",
            trace_id="0af7651916cd43dd8448eb211c80319c",
            span_id=f"{self.number:016x}",
            route="default",
            backend="ws://backend.example/ws",
            target="/relay/fixture",
            opened_at=EPOCH + self.opened_ms * 1_000_000,
            peer="203.0.113.1:4711",
            request_headers=tuple(self.headers.items()),
            status=101,
        )

    def messages(self) -> list[Message]:
        """The frames and the close frame as recorded messages; each was written the moment it was read."""
        messages = [
            Message(
                seq=seq,
                t=self._t(frame.ms),
                out=self._t(frame.ms),
                sender=frame.sender,
                kind="text",
                text=frame.payload,
                size=len(frame.payload.encode()),
            )
            for seq, frame in enumerate(self.frames)
        ]
        if self.close.sender is not None:
            t = self._t(self.close.ms)
            close = Message(
                seq=len(messages), t=t, out=t, sender="twilio", kind="close", code=self.close.code,
                reason=self.close.reason, size=2 + len(self.close.reason),
            )  # fmt: skip
            messages += [close, msgspec.structs.replace(close, seq=close.seq + 1, sender="backend")]
        return messages

    def ending(self) -> Ending:
        return Ending(t=self._t(self.close.ms), first="backend", twilio="eof", backend="eof")

    def _t(self, ms: int) -> int:
        return (ms - self.opened_ms) * 1_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """One call."""

    name: str
    twiml: str
    sessions: tuple[Session, ...]


@cache
def recording(name: str) -> Recording:
    """The call of that name (one of NAMES)."""
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (HERE / f"{name}.jsonl").read_text("utf-8").splitlines()
    ]
    actions = [line["form"] for line in lines if line.get("event") == "action"]
    numbers = sorted({line["session"] for line in lines if "session" in line})
    return Recording(
        name=name,
        twiml=next(line["twiml"] for line in lines if line.get("event") == "twiml"),
        sessions=tuple(
            _session(number, [line for line in lines if line.get("session") == number], action)
            for number, action in zip(numbers, actions, strict=True)
        ),
    )


def _session(number: int, lines: list[dict[str, Any]], action: dict[str, str]) -> Session:
    events = {line["event"]: line for line in lines if "event" in line}
    return Session(
        number=number,
        opened_ms=events["open"]["ms"],
        headers=events["handshake"]["headers"],
        frames=tuple(
            Frame(line["ms"], "twilio" if line["dir"] == "in" else "backend", _payload(line))
            for line in lines
            if "dir" in line
        ),
        close=Close(events["close"]["ms"], events["close"]["code"], events["close"]["reason"]),
        action=action,
    )


def _payload(line: dict[str, Any]) -> str:
    if "raw" in line:
        return str(line["raw"])
    return json.dumps(line["frame"], separators=(",", ":"), ensure_ascii=False)
