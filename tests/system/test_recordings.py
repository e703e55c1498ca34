"""Recorded calls through the running system: every frame arrives in order, and the call reads as it was."""

import asyncio
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.conversation.fold.test_fold_recordings import EXPECTED
from tests.recordings import NAMES, Session, recording
from tests.system.stack import Stack, stack

GREETING = "This is the spike. Say something, or press a key."
HOLDING = ("prompt", "Holding.", "", "I heard: Holding.")
LONGEST_PAUSE = 0.15
"""Seconds; longer pauses of the recording are cut to this."""
SILENCE, SILENT = 10.0, 1.2
"""Seconds; a pause of the recording that is longer than the first takes the second, so that it stays one: what the
backend says of itself behind it is a turn of its own."""


def sentences() -> str:
    frames = recording("preempt-marked").sessions[0].frames

    tokens = [json.loads(f.payload)["token"] for f in frames if f.sender == "backend" and "preemptible" in f.payload]
    return "".join(tokens)


Turns = list[tuple[str, str, str, str]]
CALLS: dict[str, list[tuple[Turns, dict[str, Any]]]] = {
    "end-then-reconnect": [
        (
            [("setup", "", "", ""), HOLDING],
            {"outcome": "ended_by_backend", "studio_transition": "success", "twilio_error_code": None},
        ),
        (
            [("setup", "", "", ""), ("proactive", "", "", "This is the second relay session on the same call.")],
            {"outcome": "ended_by_backend", "studio_transition": "success", "twilio_error_code": None},
        ),
    ],
    "greeting-dtmf": [
        (
            [("setup", "", "", ""), ("dtmf", "", "9", "Key 9."), ("dtmf", "", "8", "Key 8.")],
            {"outcome": "caller_hangup", "ended_by": "caller", "studio_transition": "none", "handoff": None},
        )
    ],
    "malformed-frames": [
        (
            [("setup", "", "", ""), HOLDING],
            {"outcome": "protocol_error", "studio_transition": "failed", "twilio_error_code": 64105},
        )
    ],
    "pin-spoken": [
        (
            [
                ("setup", "", "", ""),
                (
                    "prompt",
                    "Four seven two nine zero one three eight.",
                    "",
                    "I heard: Four seven two nine zero one three eight.",
                ),
                ("prompt", "The quick brown fox.", "", "I heard: The quick brown fox."),
            ],
            {"outcome": "caller_hangup", "ended_by": "caller", "studio_transition": "none"},
        )
    ],
    "preempt-marked": [
        (
            [
                ("setup", "", "", ""),
                ("dtmf", "", "0", sentences()),
                ("proactive", "", "", "Replacing the marked message."),
            ],
            {"outcome": "caller_hangup", "ended_by": "caller", "studio_transition": "none"},
        )
    ],
    "socket-drop": [
        (
            [("setup", "", "", ""), HOLDING],
            {"outcome": "backend_disconnect", "studio_transition": "failed", "twilio_error_code": 64105},
        )
    ],
}


async def play(session: Session, system: Stack, arrivals: "asyncio.Queue[ServerConnection]") -> None:
    """Twilio's side and the backend's side as recorded, each frame seen at the other end before the next is sent."""
    async with connect(system.url("/relay/fixture"), proxy=None, compression=None) as twilio:
        backend = await arrivals.get()
        ends = {"twilio": (twilio, backend), "backend": (backend, twilio)}
        at = session.opened_ms
        for frame in session.frames:
            await asyncio.sleep(shortened((frame.ms - at) / 1000))
            at = frame.ms
            here, there = ends[frame.sender]
            await here.send(frame.payload)
            assert await there.recv() == frame.payload
        await asyncio.sleep(shortened((session.close.ms - at) / 1000))
        if session.close.sender is None:
            backend.transport.abort()
            with pytest.raises(ConnectionClosed):
                await twilio.recv()
        else:
            await twilio.close(session.close.code, session.close.reason)
            await backend.wait_closed()
            assert (backend.close_code, backend.close_reason) == (session.close.code, session.close.reason)


def shortened(pause: float) -> float:
    """What a pause of the recording takes here, seconds."""
    return SILENT if pause > SILENCE else min(pause, LONGEST_PAUSE)


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_call(name: str, tmp_path: Path) -> None:
    arrivals: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def backend(connection: ServerConnection) -> None:
        await arrivals.put(connection)
        await connection.wait_closed()

    async with serve(backend, "127.0.0.1", 0, ping_interval=None) as server:
        with stack(tmp_path, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as system:
            sessions = recording(name).sessions
            for session in sessions:
                await play(session, system, arrivals)
            listed = await system.ended(len(sessions))
            for session, summary, (turns, facts) in zip(sessions, listed, CALLS[name], strict=True):
                found = system.get(f"/api/sessions/{summary['id']}")
                agrees_with_twilio(found, session.action)
                assert {key: found[key] for key in facts} == facts
                told = [(t["opened_by"], t["caller_text"], t["dtmf"], t["agent_text"]) for t in found["turns"]]
                assert told == turns
                for turn, want in zip(found["turns"], EXPECTED[name, session.number], strict=True):
                    heard = want.heard or " ".join(filter(None, (want.greeting, want.agent)))
                    assert (turn["heard_text"], turn["unheard_text"]) == (heard, want.unheard)
                    assert [cut["kind"] for cut in turn["interruptions"]] == [kind for kind, *_ in want.cut]
                    assert (turn["tier"], turn["heard_basis"]) == ("B", "tokens_played")
                texts = [m for m in system.messages(summary["id"]) if m["kind"] == "text"]
                assert [(m["from"], m["text"]) for m in texts] == [(f.sender, f.payload) for f in session.frames]
                page = html.unescape(re.sub(r"</?del[^>]*>", "", system.get(f"/sessions/{summary['id']}")))
                for _, caller, _, agent in turns:
                    assert caller in page
                    assert agent.split(". ")[0] in page
                assert found["end_reason"] in page


def agrees_with_twilio(found: dict[str, Any], action: dict[str, str]) -> None:
    """What was made of the call against what Twilio itself reported to the `action` URL."""
    status = {"success": "ended", "failed": "failed", "none": "completed"}[found["studio_transition"]]
    assert status == action["SessionStatus"]
    assert str(found["twilio_error_code"] or "") == action.get("ErrorCode", "")
    assert (found["session_id"], found["call_sid"]) == (action["SessionId"], action["CallSid"])
    assert (found["handoff"] or {}).get("raw") == action.get("HandoffData")
