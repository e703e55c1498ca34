"""A phone and an agent for journeys through the console: both speak plain `websockets`, one message at a time.

Knows: the few messages that a story needs.
Must not know: the relay, the console.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.patience import PATIENCE

_numbers = count(1)
SLOW = 2.4
"""Seconds that the agent takes to look something up."""


class Phone:
    """One call. What it says is in the agent's hands when the call returns."""

    def __init__(self, url: str, **parameters: str) -> None:
        self.number = next(_numbers)
        self.caller = f"+1415555{self.number:04d}"
        self.call_sid = f"CA{self.number:032x}"
        self._call = ExitStack()
        self._socket: ClientConnection = self._call.enter_context(connect(url))
        self._send(
            "setup",
            sessionId=f"VX{self.number:032x}",
            callSid=self.call_sid,
            accountSid="AC" + "0" * 32,
            to="+15550100002",
            direction="inbound",
            customParameters=parameters,
            **{"from": self.caller},
        )

    def says(self, words: str) -> str:
        """Speaks, and gives what the agent answers."""
        self._send("prompt", voicePrompt=words, lang="en-US", last=True)
        return self.hears()

    def asks(self, words: str) -> None:
        """Speaks, and does not wait."""
        self._send("prompt", voicePrompt=words, lang="en-US", last=True)

    def hears_begin(self) -> str:
        """The first token of an answer."""
        return str(json.loads(self._socket.recv(timeout=PATIENCE))["token"])

    def hears(self) -> str:
        """The next whole answer, or the type of what came instead of it."""
        heard = ""
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE))
            if message["type"] != "text":
                return str(message["type"])
            heard += str(message["token"])
            if message["last"]:
                return heard

    def interrupts(self, heard: str) -> None:
        """Cuts the agent off after these words."""
        self._send("interrupt", utteranceUntilInterrupt=heard, durationUntilInterruptMs="600")

    def hangs_up(self) -> None:
        """Ends the call, unless it has ended."""
        self._call.close()

    def _send(self, type: str, **fields: Any) -> None:
        self._socket.send(json.dumps({"type": type, **fields}))


class Agent:
    """Answers by key words: `slowly` takes `SLOW` seconds, `crash` closes with an error, `person` hands off, `wait` is
    answered once `answer` is set, anything else at once."""

    def __init__(self) -> None:
        self.answer = threading.Event()

    def serve(self, socket: ServerConnection) -> None:
        """One call."""
        for frame in socket:
            message = json.loads(frame)
            if message["type"] != "prompt" or not message["last"]:
                continue
            words = message["voicePrompt"]
            if "crash" in words:
                socket.close(1011, "out of order")
                return
            if "person" in words:
                handoff = json.dumps({"reasonCode": "live-agent", "reason": "asked for </script><b>a person</b>"})
                socket.send(json.dumps({"type": "end", "handoffData": handoff}))
                continue
            if "slowly" in words:
                time.sleep(SLOW)
            if "wait" in words:
                assert self.answer.wait(PATIENCE)
            self._say(socket, "You said: ", last=False)
            self._say(socket, words, last=True)

    @staticmethod
    def _say(socket: ServerConnection, token: str, *, last: bool) -> None:
        socket.send(json.dumps({"type": "text", "token": token, "last": last}))


@contextmanager
def answering(agent: Agent) -> Iterator[str]:
    """The URL at which the agent takes calls, as long as the block lasts."""
    with serve(agent.serve, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join(PATIENCE)
        assert not thread.is_alive()
