"""Calls for the console's tests: told message by message, folded, and committed through the real archive."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from relayproxy.connection import Ending, Opening, Side
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message, write_lines
from relayproxy.recordings.derive import session_labels, session_row, treatment_rows, turn_row
from relayproxy.store.schema.rows import Batch, ChunkRow, ConnectionRow, JournalRow
from relayproxy.store.write.archive import Archive

S = 1_000_000_000
CALLER = "+15550100001"
CALLEE = "+15550100002"

_numbers: Iterator[int] = count(1)
_offsets: Iterator[int] = count(1)


@dataclass
class Call:
    """One session over one connection. Times are seconds since it opened."""

    archive: Archive
    began: int = field(default_factory=time.time_ns)
    """Wall nanoseconds."""
    route: str = "default"
    opening: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.number = next(_numbers)
        self.id = hashlib.md5(f"call {self.number}".encode()).hexdigest()
        self.vx = f"VX{self.number:032x}"
        known: dict[str, Any] = {
            "backend": "wss://agent.example.com/ws?key=<redacted>",
            "target": "/ws?key=<redacted>",
            "peer": "203.0.113.9:4711",
            "status": 101,
            "connected_after": 41_000_000,
            "request_headers": (("Host", "relay.example.com"), ("X-Twilio-Signature", "<redacted>")),
            "response_headers": (("Upgrade", "websocket"),),
        }
        self.opened = Opening(
            connection_id=self.id,
            trace_id=self.id[::-1],
            span_id=self.id[:16],
            route=self.route,
            opened_at=self.began,
            **{**known, **self.opening},
        )
        self.fold = Fold()
        self.fold.open(self.opened)
        self.ending: Ending | None = None
        self.held: tuple[Side, ...] = ()
        self._seq = count()
        self._pending: list[Message] = []
        self._stored = 0

    def message(self, at: float, sender: str, kind: str = "text", **more: Any) -> "Call":
        """A message as it was recorded."""
        t = round(at * S)
        self._pending.append(
            Message(seq=next(self._seq), t=t, sender=sender, kind=kind, out=t + 120_000, **more)  # type: ignore[arg-type]
        )
        return self

    def text(self, at: float, sender: str, text: str) -> "Call":
        return self.message(at, sender, text=text, size=len(text.encode()))

    def twilio(self, at: float, type: str, **fields: Any) -> "Call":
        return self.text(at, "twilio", json.dumps({"type": type, **fields}, ensure_ascii=False, separators=(",", ":")))

    def backend(self, at: float, type: str, **fields: Any) -> "Call":
        return self.text(at, "backend", json.dumps({"type": type, **fields}, ensure_ascii=False, separators=(",", ":")))

    def setup(
        self,
        *,
        caller: str = CALLER,
        callee: str = CALLEE,
        parameters: dict[str, str] | None = None,
        call_sid: str | None = None,
    ) -> "Call":
        return self.twilio(
            0.05,
            "setup",
            sessionId=self.vx,
            callSid=call_sid or f"CA{self.number:032x}",
            **{"from": caller, "to": callee},
            direction="inbound",
            callerName="",
            accountSid="AC" + "0" * 32,
            customParameters=parameters or {},
        )

    def asks(self, at: float, prompt: str, lang: str = "en-US") -> "Call":
        words = prompt.split(" ")
        if len(words) > 3:
            part = " ".join(words[: len(words) // 2])
            self.twilio(at - 0.6, "prompt", voicePrompt=part, lang=lang, last=False)
        return self.twilio(at, "prompt", voicePrompt=prompt, lang=lang, last=True)

    def answers(self, at: float, text: str, *, last: bool = True, every: float = 0.03) -> "Call":
        """Streams `text` word by word."""
        words = text.split(" ")
        for number, word in enumerate(words):
            token = word if number == 0 else f" {word}"
            self.backend(at + number * every, "text", token=token, last=last and number == len(words) - 1)
        return self

    def plays(self, at: float, text: str) -> "Call":
        """Twilio tells that it has played `text`."""
        return self.twilio(at, "info", name="tokensPlayed", value=text)

    def interrupts(self, at: float, heard: str, ms: int) -> "Call":
        return self.twilio(at, "interrupt", utteranceUntilInterrupt=heard, durationUntilInterruptMs=ms)

    def replay(self, messages: Iterable[Message], ending: Ending) -> "Call":
        """What was recorded of another call, to the end."""
        self._pending += messages
        self.ending = ending
        return self

    def holds(self, *held: Side) -> "Call":
        """Words of these ends are held back from here on."""
        self.held = held
        return self

    def hang_up(self, at: float) -> "Call":
        self.message(at, "twilio", "close", code=1000, reason="Closing websocket session", size=27)
        self.message(at + 0.01, "backend", "close", code=1000, size=2)
        return self.over(at + 0.02, first="twilio", twilio="eof", backend="eof")

    def over(self, at: float, **ending: Any) -> "Call":
        self.ending = Ending(t=round(at * S), twilio_bytes=5321, backend_bytes=8123, **ending)
        return self

    def commit(self) -> "Call":
        """Everything told since the last commit, in one transaction, as the recorder would."""
        typed = [msgspec.structs.replace(message, type=self.fold.feed(self.id, message)) for message in self._pending]
        if self.ending:
            self.fold.end(self.id, self.ending)
        conversation = self.fold.conversation()
        waiting = None if "backend" in self.held else conversation.waiting
        conversation = msgspec.structs.replace(conversation, held=self.held, waiting=waiting)
        langs = [turn.lang for turn in conversation.turns if turn.lang]
        pending, self._pending = typed, []
        first, self._stored = self._stored, self._stored + len(pending)
        connection = ConnectionRow(
            id=self.id,
            session=self.id,
            journal="j1",
            number=self.number,
            opened_at=self.began,
            opened_mono=1,
            ended_at=conversation.ended_at,
            opening=msgspec.json.encode(self.opened).decode(),
            ending=msgspec.json.encode(self.ending).decode() if self.ending else None,
            next_seq=self._stored,
            resume=None,
        )
        self.archive.commit(
            Batch(
                journals=(JournalRow("j1", 1, next(_offsets)),),
                sessions=(session_row(self.id, self.opened, conversation),),
                connections=(connection,),
                turns=tuple(turn_row(self.id, turn) for turn in conversation.turns),
                labels=(session_labels(self.id, conversation, langs),),
                treatments=treatment_rows([(self.id, self.opened)]),
                turn_counts=((self.id, len(conversation.turns)),),
                chunks=(ChunkRow(self.id, first, len(pending), write_lines(pending)),) if pending else (),
                finished=(self.id,) if conversation.ended_at is not None else (),
            )
        )
        return self


def ago(seconds: float) -> int:
    """Wall nanoseconds of a moment in the past."""
    return time.time_ns() - round(seconds * S)


def booking(archive: Archive, began: int) -> Call:
    """A good call with one slow turn, two interruptions, keys and a handoff."""
    call = Call(archive, began, route="bookings").setup(
        parameters={"plan": "gold", "locale": "en-US", "campaign": "autumn"}
    )
    call.twilio(0.7, "info", name="agentSpeaking", value="on")
    call.plays(3.1, "Hello, this is the Harbour Restaurant. How can I help?")
    call.twilio(3.1, "info", name="agentSpeaking", value="off")
    call.asks(6.2, "I'd like to book a table for tonight, please.")
    call.answers(6.92, "Of course. For how many people, and at what time would you like to come?")
    call.plays(11.8, "Of course. For how many people, and at what time would you like to come?")
    call.asks(13.1, "Four people at half past seven.")
    call.answers(
        15.74,
        "Let me check that for you. We have a table by the window at half past seven, and one in the garden at eight. "
        "The garden is heated in the evening, and",
        last=False,
        every=0.08,
    )
    call.plays(17.4, "Let me check that for you.").plays(18.9, " We have a table by the window at half")
    call.interrupts(18.9, "We have a table by the window at half", 2140)
    call.backend(18.93, "text", token=" there is live music", last=False)
    call.backend(18.99, "text", token=" from nine.", last=False)
    call.backend(19.02, "text", token="", last=True)
    call.asks(20.4, "The window one is fine.")
    call.answers(21.01, "Wonderful, the window table at half past seven. May I have your booking number?")
    call.plays(25.6, "Wonderful, the window table at half past seven. May I have your booking number?")
    for at, digit in ((27.0, "4"), (27.4, "7"), (27.8, "1"), (28.3, "#")):
        call.twilio(at, "dtmf", digit=digit)
    call.answers(28.82, "Thank you, I found it.")
    call.plays(29.9, "Thank you, I found it.")
    call.message(30.0, "twilio", "ping", size=0).message(30.001, "backend", "pong", size=0)
    call.asks(33.9, "¿Puedo hablar con una persona?", lang="es-ES")
    call.backend(34.3, "language", ttsLanguage="es-ES", transcriptionLanguage="es-ES")
    call.answers(34.61, "Claro, le paso con un compañero.")
    call.plays(36.1, "Claro, le paso con un compañero.")
    call.backend(
        36.2,
        "end",
        handoffData=json.dumps(
            {"reasonCode": "live-agent", "reason": "asked for a person", "booking": {"number": 471, "guests": 4}}
        ),
    )
    return call.hang_up(36.3)


def failing(archive: Archive, began: int) -> Call:
    """The backend leaves a question unanswered and vanishes."""
    call = Call(archive, began, route="support").setup(caller="+15550100077")
    call.asks(4.1, "Is the line still open on Sunday?")
    call.answers(8.3, "One moment please.")
    call.asks(14.0, "Hello? Are you still there?")
    call.asks(19.5, "I will call again later.")
    return call.over(21.2, first="backend", twilio="closed_by_proxy", backend="reset")


def refused(archive: Archive, began: int) -> Call:
    """The backend refused the upgrade."""
    answer = {
        "status": 403,
        "error": "The backend answered 403 Forbidden",
        "response_headers": (("Content-Type", "text/plain"), ("Content-Length", "17")),
    }
    call = Call(archive, began, route="support", opening=answer)
    return call.over(0.04, first="backend", twilio="eof", backend="eof")


def odd(archive: Archive, began: int) -> Call:
    """Gaps, bytes that are no frames, cut payloads, binary, and text that is not JSON."""
    call = Call(archive, began).setup()
    call.text(1.0, "backend", "this is not json")
    call.message(1.2, "backend", "binary", data=bytes(range(48)), size=48)
    call.message(1.4, "backend", text='{"type":"text","token":"' + "a" * 3000, size=900_000, cut=True, sha256="ab" * 32)
    call.message(2.0, "twilio", "gap", size=12_345, note="buffer")
    call.text(2.5, "backend", json.dumps({"type": "text", "token": "long " * 2000, "last": True}))
    call.message(3.0, "backend", "undecodable", size=77)
    return call.over(4.0, first="twilio", twilio="reset", backend="closed_by_proxy")


def long_names(archive: Archive, began: int) -> Call:
    """Everything that others name is as long as they like it, in scripts from both sides, and looks like markup."""
    call = Call(
        archive,
        began,
        route="a-route-with-a-long-name-that-somebody-chose-for-a-department",
        opening={
            "backend": "wss://a-long-host-name.of-some-department.in-a-region.internal.example.com:8443/relay/v2/agents"
        },
    )
    call.setup(
        caller="client:" + "alongclientidentifier" * 6,
        callee="sip:agent@" + "x" * 90 + ".example.com",
        parameters={
            "<b>name</b>": "<img src=x>",
            "a" * 80: "b" * 400,
            "greeting": "مرحبا بالعالم",
            **{f"key{number:02d}": f"value {number}" for number in range(30)},
        },
    )
    call.asks(2, "<b>words</b> & \u202eturned\u202c \x07")
    call.answers(2.9, "</div><h1>large</h1> " + "W" * 300)
    call.asks(9, "אני רוצה להזמין שולחן לארבעה אנשים הערב בבקשה", lang="he-IL")
    call.answers(9.6, "بالتأكيد، لكم عدد من الأشخاص وفي أي وقت تودون الحضور إلى المطعم؟")
    call.asks(15, "予約の変更をお願いします。明日の七時に四人でお願いできますか", lang="ja-JP")
    call.answers(15.7, "かしこまりました。明日の午後七時に四名様でご予約を変更いたしました。")
    call.backend(25, "play", source="https://cdn.example.com/" + "p" * 200 + ".mp3")
    call.backend(25.5, "sendDigits", digits="9www4085551212")
    call.twilio(26, "error", description="Invalid message received: " + '{"type":"txet"}' * 8)
    return call.hang_up(30)


def malformed(archive: Archive) -> Call:
    """A call that Twilio closed because of what its backend sent; committed."""
    call = Call(archive, ago(90)).setup().asks(2, "What are your hours?")
    for number in range(10):
        call.text(3 + number / 10, "backend", '{"type":"txt","token":"Nine to five"}')
    reason = "Too many consecutive malformed messages."
    call.message(4.1, "twilio", "close", code=1007, reason=reason, size=2 + len(reason))
    return call.over(4.2, first="twilio", twilio="eof", backend="eof").commit()
