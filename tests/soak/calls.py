"""Calls of a soak: real WebSocket peers at both ends, which know of every call what was sent.

Knows: how a call goes, how calls end, and what is remembered of one until it has been checked.
Must not know: what is stored; processes.
"""

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.http11 import Request, Response

WORDS = (
    *("well", "so", "I", "would", "like", "a", "table", "for", "two", "people", "near", "the", "window", "and", "then"),
    *("a", "quiet", "evening", "if", "there", "is", "one", "left"),
)
Ending = Literal["caller", "backend", "caller gone", "backend gone", "refused", "odd"]
EXCUSE = 5.0
_OFTEN: dict[Ending, int] = {"caller": 12, "backend": 4, "caller gone": 1, "backend gone": 1, "refused": 1, "odd": 1}
"""How calls end, as often as they do. `odd`: with frames that are no messages, and then by the caller."""


@dataclass
class Sent:
    """What one call sent. `clean`: both ends have had all of it, so that all of it must be stored or counted."""

    session: str
    clean: bool
    messages: list[tuple[str, str]] = field(default_factory=list)
    """By whom and what, in the order in which it was received."""
    over_at: float = 0.0
    cut: bool = False
    """Its relay was killed, or may have been: what is stored of it is a beginning."""


class Traffic:
    """Callers who call one after the other, and the backend that answers them."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._number = 0
        self.over = asyncio.Event()
        self.calls = self.refused = self.messages = 0
        self.ended: list[Sent] = []
        """Calls that are over and not yet checked."""
        self.problems: list[str] = []
        self.slowest = 0.0
        self._killed_at = -EXCUSE

    def relay_killed(self) -> None:
        """From now on, for `EXCUSE` seconds, a call may break or find nobody."""
        self._killed_at = asyncio.get_running_loop().time()

    @property
    def _excused(self) -> bool:
        return asyncio.get_running_loop().time() - self._killed_at < EXCUSE

    async def keep_calling(self, url: str, pause: float) -> None:
        """One caller until the traffic is over: a call, then a pause of that many seconds on average."""
        while not self.over.is_set():
            try:
                await self._call(url, *self._chance.choices(list(_OFTEN), list(_OFTEN.values())))
            except Exception as problem:
                self.problems.append(f"a call failed: {problem!r}")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._chance.expovariate(1 / pause)):
                    await self.over.wait()

    async def keep_quiet(self, url: str) -> None:
        """One call from the beginning to the end of the traffic in which next to nothing is said."""
        sent = self._begin("caller")
        async with connect(url, proxy=None, ping_interval=None, open_timeout=60) as twilio:
            await self._exchange(twilio, sent, setup(sent.session))
            while not self.over.is_set():
                await self._exchange(twilio, sent, prompt(self._words(3)))
                with suppress(TimeoutError):
                    async with asyncio.timeout(60):
                        await self.over.wait()
        self._end(sent)

    def _begin(self, ending: Ending) -> Sent:
        self._number += 1
        self.calls += 1
        return Sent(f"VX{self._number:032x}", clean=ending in ("caller", "backend"))

    def _end(self, sent: Sent) -> None:
        sent.over_at = asyncio.get_running_loop().time()
        self.ended.append(sent)

    async def _call(self, url: str, ending: Ending) -> None:
        sent = self._begin(ending)
        path = "/refuse" if ending == "refused" else "/"
        try:
            compression = "deflate" if self._number % 2 else None
            async with connect(
                url + path, proxy=None, compression=compression, ping_interval=None, open_timeout=60, max_size=None
            ) as twilio:
                await self._exchange(twilio, sent, setup(sent.session))
                for _ in range(self._chance.randrange(1, 12)):
                    await self._exchange(twilio, sent, prompt(self._words(self._chance.choice((2, 8, 8, 300)))))
                    await asyncio.sleep(self._chance.random() * 0.3)
                await self._leave(twilio, ending)
        except InvalidStatus as refusal:
            if ending != "refused" or refusal.response.status_code != HTTPStatus.FORBIDDEN:
                raise
            self.refused += 1
            return
        except ConnectionClosed:
            if self._excused:
                sent.clean, sent.cut = False, True
            elif ending not in ("backend", "backend gone"):
                raise
        except (InvalidMessage, ConnectionError):
            if not self._excused:
                raise
            return  # it has not begun
        self._end(sent)

    async def _exchange(self, twilio: ClientConnection, sent: Sent, message: str) -> None:
        before = asyncio.get_running_loop().time()
        await twilio.send(message)
        sent.messages.append(("twilio", message))
        while True:
            answer = str(await twilio.recv())
            sent.messages.append(("backend", answer))
            self.messages += 1
            if '"last":true' in answer:
                break
        self.messages += 1
        self.slowest = max(self.slowest, asyncio.get_running_loop().time() - before)

    async def _leave(self, twilio: ClientConnection, ending: Ending) -> None:
        match ending:
            case "caller":
                await twilio.close(1000, "Closing websocket session")
            case "backend" | "backend gone":
                await twilio.send(json.dumps({"type": "prompt", "voicePrompt": ending, "last": True}))
                await twilio.recv()
            case "caller gone":
                twilio.transport.abort()
            case "odd":
                await twilio.send('{"type":"prompt",')
                await twilio.send(bytes(range(256)))
                twilio.transport.write(b"\x83\x80\0\0\0\0")

    def _words(self, number: int) -> str:
        return " ".join(self._chance.choices(WORDS, k=number))

    async def answer(self, connection: ServerConnection) -> None:
        """The backend: three tokens for each message."""
        with suppress(ConnectionClosed):
            async for message in connection:
                if '"backend"' in str(message):
                    await connection.close(1000, "done")
                elif '"backend gone"' in str(message):
                    connection.transport.abort()
                else:
                    for last, word in ((False, "of"), (False, " course"), (True, "")):
                        await connection.send(
                            json.dumps({"type": "text", "token": word, "last": last}, separators=(",", ":"))
                        )

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        """The backend's answer to who asks for the wrong path."""
        return connection.respond(HTTPStatus.FORBIDDEN, "no") if request.path == "/refuse" else None


def setup(session: str) -> str:
    """The first message of a call."""
    return json.dumps({"type": "setup", "sessionId": session, "callSid": f"CA{session[2:]}", "customParameters": {}})


def prompt(words: str) -> str:
    """What a caller says."""
    return json.dumps({"type": "prompt", "voicePrompt": words, "lang": "en-US", "last": True})
