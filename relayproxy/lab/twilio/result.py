"""Result of a simulated call.

Knows: what was said on the wire and when, how the call ended, what Twilio would report of it and Studio would do.
Must not know: how a call is made.
"""

import json
import random
from typing import Any, Literal

import msgspec

from relayproxy.conversation.protocol.messages import Setup
from relayproxy.conversation.protocol.rejections import SOCKET_ENDED

Json = dict[str, Any]

CallEnding = Literal[
    "hung_up", "ended", "malformed", "backend_closed", "backend_dropped", "vanished", "refused", "unreachable"
]
"""`hung_up`: by the caller. `ended`: the backend sent `end`. `malformed`: ten messages in a row that are not valid.
`backend_dropped`: without a close frame. `vanished`: Twilio's side was reset, as scripted. `refused`: an answer
other than 101. `unreachable`: none."""


class Caller(msgspec.Struct, frozen=True):
    """The parties of a call and its ids."""

    session_id: str
    call_sid: str
    account_sid: str
    from_number: str
    to_number: str = "+15550100002"
    caller_name: str = ""
    direction: str = "inbound"
    call_type: str = "PSTN"
    call_status: str = "RINGING"
    """`IN_PROGRESS` for a further session of the same call."""

    @classmethod
    def random(cls, rng: random.Random) -> "Caller":
        """A caller with ids and a number of the right shape."""
        session, call, account = (f"{rng.getrandbits(128):032x}" for _ in range(3))
        return cls("VX" + session, "CA" + call, "AC" + account, f"+155501{rng.randrange(100_000):05}")

    def setup(self, parameters: dict[str, str]) -> Setup:
        """The setup message."""
        return Setup(
            session_id=self.session_id,
            call_sid=self.call_sid,
            parent_call_sid="",
            from_=self.from_number,
            to=self.to_number,
            forwarded_from="",
            caller_name=self.caller_name,
            direction=self.direction,
            call_type=self.call_type,
            call_status=self.call_status,
            account_sid=self.account_sid,
            custom_parameters=parameters,
        )


class Frame(msgspec.Struct, frozen=True):
    """A message as it went over the wire."""

    t: float
    """Seconds since the connection was open, in real time."""
    sender: Literal["twilio", "backend"]
    text: str

    @property
    def message(self) -> Json:
        """The frame's JSON object; empty when it is none."""
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class CallResult(msgspec.Struct, frozen=True):
    """A call that is over."""

    scenario: str
    caller: Caller
    frames: tuple[Frame, ...]
    ending: CallEnding
    seconds: float
    """From the open connection to its end, in real time."""
    status: int | None
    """HTTP status of the handshake; None when there was no answer."""
    close_code: int | None
    """Of the close frame that ended it, of whichever side sent it first; 1005 without a code, 1006 without a frame."""
    close_reason: str
    handoff_data: str | None = None
    problem: str | None = None
    """Why there was no connection, in words."""

    def sent(self, kind: str) -> list[Json]:
        """Messages of that type that Twilio sent."""
        return [f.message for f in self.frames if f.sender == "twilio" and f.message.get("type") == kind]

    def received(self, kind: str) -> list[Json]:
        """Messages of that type that the backend sent."""
        return [f.message for f in self.frames if f.sender == "backend" and f.message.get("type") == kind]

    @property
    def heard(self) -> str:
        """The agent's words that the caller heard, as far as events tell."""
        return " ".join(m["value"].strip() for m in self.sent("info") if m["name"] == "tokensPlayed")

    @property
    def latencies(self) -> list[float]:
        """Seconds from each final prompt to the next thing to play, where there is one before the next prompt."""
        found: list[float] = []
        asked: float | None = None
        for frame in self.frames:
            message = frame.message
            if message.get("type") == "prompt" and message.get("last"):
                asked = frame.t
            elif asked is not None and (str(message.get("token", "")).strip() or message.get("type") == "play"):
                found.append(frame.t - asked)
                asked = None
        return found

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

    @property
    def studio(self) -> Literal["success", "failed", "none"]:
        """The transition that a Studio flow would take; `none` when the call itself is over."""
        transitions: dict[str, Literal["success", "none"]] = {"ended": "success", "hung_up": "none"}
        return transitions.get(self.ending, "failed")
