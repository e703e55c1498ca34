"""Result of a simulated call.

Knows: who called, what went over the wire and when, how the call ended, what Twilio would report of it.
Must not know: how a call is made; what was expected of it.

Turns, latencies, findings and the ending are those of the fold, as of a recorded call.
"""

import json
import random
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation, Finding
from relayproxy.conversation.protocol.messages import Setup
from relayproxy.conversation.protocol.rejections import SOCKET_ENDED

Json = dict[str, Any]

PROTOCOL_FINDINGS = ("invalid_message", "leaked_error", "interrupt_sent", "too_many_invalid")
"""Findings that say that the backend breaks the protocol: Twilio rejects what it sent."""

CallEnding = Literal[
    "hung_up",
    "ended",
    "malformed",
    "backend_closed",
    "backend_dropped",
    "vanished",
    "cut_off",
    "refused",
    "unreachable",
]
"""`hung_up`: by the caller. `ended`: the backend sent `end`. `malformed`: ten messages in a row that are not valid.
`backend_dropped`: without a close frame. `vanished`: Twilio's side was reset, as scripted. `cut_off`: the call
was at its limits (`limits`). `refused`: an answer other than 101. `unreachable`: none."""


class Caller(msgspec.Struct, frozen=True):
    """The parties of a call, its ids and its parameters: what the setup message says."""

    session_id: str
    call_sid: str
    account_sid: str
    from_number: str
    to_number: str = "+15550100002"
    forwarded_from: str = ""
    caller_name: str = ""
    direction: str = "inbound"
    call_type: str = "PSTN"
    call_status: str = "RINGING"
    """`IN_PROGRESS` for a further session of the same call."""
    parameters: dict[str, str] = {}
    """`<Parameter>` elements of the TwiML."""

    @classmethod
    def random(cls, rng: random.Random) -> "Caller":
        """A caller with ids and a number of the right shape."""
        session, call, account = (f"{rng.getrandbits(128):032x}" for _ in range(3))
        return cls("VX" + session, "CA" + call, "AC" + account, f"+155501{rng.randrange(100_000):05}")

    def setup(self) -> Setup:
        """The setup message."""
        return Setup(
            session_id=self.session_id,
            call_sid=self.call_sid,
            parent_call_sid="",
            from_=self.from_number,
            to=self.to_number,
            forwarded_from=self.forwarded_from,
            caller_name=self.caller_name,
            direction=self.direction,
            call_type=self.call_type,
            call_status=self.call_status,
            account_sid=self.account_sid,
            custom_parameters=self.parameters,
        )


class Connection(msgspec.Struct, frozen=True):
    """One WebSocket of a call, or the attempt to open it, as the simulated Twilio saw it. Its values are those of a
    recording."""

    session_id: str
    opening: Opening
    messages: tuple[Message, ...]
    """`out` is `t`: nothing is in between."""
    ending: Ending


class CallResult(msgspec.Struct, frozen=True):
    """A call that is over."""

    caller: Caller
    """As of its last session."""
    connections: tuple[Connection, ...]
    """In order; several when it was connected again."""
    conversations: tuple[Conversation, ...]
    """Its sessions in order, each as the fold tells it; several when it was connected again as a new session."""
    ending: CallEnding
    """Of the last connection."""
    seconds: float
    """From the first request to the end, in real time."""
    status: int | None
    """HTTP status of the last handshake; None when there was no answer."""
    close_code: int | None
    """Of the close frame that ended it, of whichever side sent it first; 1005 without a code, 1006 without a frame."""
    close_reason: str
    handoff_data: str | None = None
    problem: str | None = None
    """Why there was no connection, or none again, or why the call was cut off, in words."""

    @property
    def conversation(self) -> Conversation:
        """The last session."""
        return self.conversations[-1]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all sessions."""
        return tuple(finding for one in self.conversations for finding in one.findings)

    @property
    def violations(self) -> tuple[Finding, ...]:
        """Where the backend broke the protocol, at most `findings.MAX_LISTED` of each kind."""
        return tuple(finding for finding in self.findings if finding.code in PROTOCOL_FINDINGS)

    @property
    def spoke(self) -> bool:
        """Whether the backend sent anything at all."""
        return any(message.sender == "backend" for message in self.messages)

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages that went over the wire, without close frames."""
        return tuple(m for one in self.connections for m in one.messages if m.kind in ("text", "binary"))

    def sent(self, kind: str) -> list[Json]:
        """Messages of that type that Twilio sent."""
        return [value for value in self._values("twilio") if value.get("type") == kind]

    def received(self, kind: str) -> list[Json]:
        """Messages of that type that the backend sent."""
        return [value for value in self._values("backend") if value.get("type") == kind]

    @property
    def heard(self) -> str:
        """The agent's words that the caller heard, as far as events tell."""
        return " ".join(m["value"].strip() for m in self.sent("info") if m["name"] == "tokensPlayed")

    def _values(self, sender: Literal["twilio", "backend"]) -> Iterator[Json]:
        for message in self.messages:
            if message.sender == sender and message.text is not None:
                try:
                    value = json.loads(message.text)
                except (ValueError, RecursionError):
                    continue
                if isinstance(value, dict):
                    yield value

    @property
    def action(self) -> dict[str, str]:
        """The form that Twilio would post to the `<Connect action>` URL."""
        form = {
            "SessionId": self.caller.session_id,
            "CallSid": self.caller.call_sid,
            "SessionDuration": str(int(self.seconds)),
            "SessionStatus": {"hung_up": "completed", "ended": "ended"}.get(self.ending, "failed"),
            "CallStatus": "completed" if self.ending == "hung_up" else "in-progress",
        }
        if self.handoff_data is not None:
            form["HandoffData"] = self.handoff_data
        if self.ending in ("refused", "unreachable"):
            form |= {"ErrorCode": "64102", "ErrorMessage": "Unable to connect to WebSocket URL"}
        elif form["SessionStatus"] == "failed":
            form |= {"ErrorCode": str(SOCKET_ENDED), "ErrorMessage": "Websocket ended"}
        return form


def conversations(connections: Iterable[Connection]) -> tuple[Conversation, ...]:
    """The sessions of the connections, in order, as the fold tells them."""
    folds: dict[str, Fold] = {}
    for connection in connections:
        fold = folds.setdefault(connection.session_id, Fold())
        place = connection.opening.connection_id
        fold.open(connection.opening)
        for message in connection.messages:
            fold.feed(place, message)
        fold.end(place, connection.ending)
    return tuple(fold.conversation() for fold in folds.values())
