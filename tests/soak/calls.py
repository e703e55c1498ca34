"""Calls of a soak: real WebSocket peers at both ends, which know of every call what was sent.

Knows: how a call goes, how calls end, that a call whose relay is gone is made again, and what is remembered of each
connection until it has been checked.
Must not know: what is stored; processes.
"""

import asyncio
import json
import random
from collections.abc import Callable
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
DONE = "done"
"""Why the backend closes."""
EXCUSE = 15.0
"""Seconds after the end of a relay in which calls may break or find nobody, on a machine that does much else."""
REDIALS = 0.5
"""How many of the calls whose relay is gone are made again."""
CLOSED: dict[Ending, set[int | None]] = {
    "caller": {1000},
    "caller gone": set(),
    "odd": {1000, 1002},
}
"""With which codes connections close that their callers end and no relay has cut: one who is gone cannot tell."""
_OFTEN: dict[Ending, int] = {"caller": 12, "backend": 4, "caller gone": 1, "backend gone": 1, "refused": 1, "odd": 1}
"""How calls end, as often as they do. `odd`: with frames that are no messages, and then by the caller."""


@dataclass
class Sent:
    """What one connection sent."""

    session: str
    ending: Ending
    dial: int = 0
    """Its place among the connections of its session."""
    messages: list[tuple[str, str]] = field(default_factory=list)
    """By whom and what, in the order in which it was received."""
    at: list[float] = field(default_factory=list)
    """When each of them had been received, or sent by the caller."""
    over_at: float = 0.0
    cut: bool = False
    """Its relay was killed, or may have been: what is stored of it is a beginning."""

    @property
    def clean(self) -> bool:
        """Both ends have had all of it, so that all of it must be stored or counted."""
        return not self.cut and self.ending in ("caller", "backend")

    @property
    def answered(self) -> int:
        """How many messages there are up to the last one that the backend has sent: all those went through the relay,
        which may have closed without having read what came after them."""
        return max((at for at, (sender, _) in enumerate(self.messages, 1) if sender == "backend"), default=0)

    def add(self, sender: str, message: str) -> None:
        """Notes a message now."""
        self.messages.append((sender, message))
        self.at.append(asyncio.get_running_loop().time())


class Traffic:
    """Callers who call one after the other, and the backend that answers them. `pace`: seconds between two things
    that a caller says, on average."""

    def __init__(self, seed: int, pace: float = 0.15) -> None:
        self._chance = random.Random(seed)
        self._number = 0
        self._pace = pace
        self.over = asyncio.Event()
        self.live = 0
        self.calls = self.refused = self.messages = self.redialled = self.nobody = 0
        self.ended: list[Sent] = []
        """Connections that are over and not yet checked."""
        self.problems: list[str] = []
        self.slowest = self.slowest_handshake = 0.0
        self._late = (0.0, 0.0)
        self._excused_until: dict[str, float] = {}

    def relay_killed(self, url: str) -> None:
        """Until `EXCUSE` seconds from now a call by this URL may break or find nobody."""
        self._excused_until[url] = asyncio.get_running_loop().time() + EXCUSE

    def _is_excused(self, url: str) -> bool:
        return asyncio.get_running_loop().time() < self._excused_until.get(url, 0.0)

    def slowest_of_late(self) -> tuple[float, float]:
        """The slowest exchange and the slowest handshake since this was asked last, in seconds."""
        found = self._late
        self._late = (0.0, 0.0)
        return found

    def _took(self, exchange: float = 0.0, handshake: float = 0.0) -> None:
        self._late = max(self._late[0], exchange), max(self._late[1], handshake)
        self.slowest, self.slowest_handshake = max(self.slowest, exchange), max(self.slowest_handshake, handshake)

    async def keep_calling(self, choose: Callable[[], str], pause: float) -> None:
        """One caller until the traffic is over: a call by the URL that `choose` gives, then a pause of that many
        seconds on average."""
        await self._rest(pause)
        while not self.over.is_set():
            sent = self._begin(*self._chance.choices(list(_OFTEN), list(_OFTEN.values())))
            try:
                while await self._call(choose(), sent) and self._chance.random() < REDIALS:
                    self.redialled += 1
                    await self._rest(1.0)
                    sent = Sent(sent.session, sent.ending, sent.dial + 1)
            except Exception as problem:
                self.problems.append(f"{sent.session}: a call failed: {problem!r}")
            await self._rest(pause)

    async def _rest(self, pause: float) -> None:
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
        return Sent(f"VX{self._number:032x}", ending)

    def _end(self, sent: Sent) -> None:
        sent.over_at = asyncio.get_running_loop().time()
        self.ended.append(sent)

    async def _call(self, url: str, sent: Sent) -> bool:
        """One connection of a call. True when its relay is gone, so that it may be made again."""
        path = "/refuse" if sent.ending == "refused" else "/"
        began = asyncio.get_running_loop().time()
        try:
            compression = "deflate" if self._number % 2 else None
            async with connect(
                url + path, proxy=None, compression=compression, ping_interval=None, open_timeout=60, max_size=None
            ) as twilio:
                self._took(handshake=asyncio.get_running_loop().time() - began)
                self.live += 1
                try:
                    await self._converse(twilio, sent)
                finally:
                    self.live -= 1
            # Its relay may have closed just before the caller did, who cannot tell.
            if sent.ending in CLOSED:
                sent.cut = twilio.close_code not in CLOSED[sent.ending] and self._is_excused(url)
        except InvalidStatus as refusal:
            if refusal.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and self._is_excused(url):
                self.nobody += 1
                return True
            if sent.ending != "refused" or refusal.response.status_code != HTTPStatus.FORBIDDEN:
                raise
            self.refused += 1
            return False
        except ConnectionClosed as closed:
            if self._is_excused(url) and (closed.rcvd is None or closed.rcvd.reason != DONE):
                sent.cut = True
            elif sent.ending not in ("backend", "backend gone"):
                raise
        except (InvalidMessage, OSError):
            if not self._is_excused(url):
                raise
            self.nobody += 1
            return True  # it has not begun
        self._end(sent)
        return sent.cut

    async def _converse(self, twilio: ClientConnection, sent: Sent) -> None:
        gone = asyncio.create_task(twilio.wait_closed())
        try:
            await self._exchange(twilio, sent, setup(sent.session, sent.dial))
            for _ in range(self._chance.randrange(1, 12)):
                await self._exchange(twilio, sent, prompt(self._words(self._chance.choice((2, 8, 8, 300)))))
                await asyncio.wait({gone}, timeout=self._chance.random() * self._pace * 2)
                if gone.done():
                    await twilio.recv()  # says how it has ended
                if self.over.is_set():
                    break
            await self._leave(twilio, sent)
        finally:
            gone.cancel()

    async def _exchange(self, twilio: ClientConnection, sent: Sent, message: str) -> None:
        before = asyncio.get_running_loop().time()
        await twilio.send(message)
        sent.add("twilio", message)
        while True:
            answer = str(await twilio.recv())
            sent.add("backend", answer)
            self.messages += 1
            if '"last":true' in answer:
                break
        self.messages += 1
        self._took(asyncio.get_running_loop().time() - before)

    async def _leave(self, twilio: ClientConnection, sent: Sent) -> None:
        match sent.ending:
            case "caller":
                await twilio.close(1000, "Closing websocket session")
            case "backend" | "backend gone":
                last = prompt(sent.ending)
                await twilio.send(last)
                sent.add("twilio", last)
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
                    await connection.close(1000, DONE)
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


def setup(session: str, dial: int = 0) -> str:
    """The first message of a connection, the only one of its session with this `dial`."""
    named = {"sessionId": session, "callSid": f"CA{session[2:]}", "customParameters": {"dial": str(dial)}}
    return json.dumps({"type": "setup", **named})


def prompt(words: str) -> str:
    """What a caller says."""
    return json.dumps({"type": "prompt", "voicePrompt": words, "lang": "en-US", "last": True})
