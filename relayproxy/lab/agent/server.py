"""The demo agent: a ConversationRelay backend that answers like a small restaurant.

Knows: the backend's side of the protocol, the pace at which a language model streams.
Must not know: what is said (`restaurant`), who connects, whether a relay is in between.
"""

import asyncio
import contextlib
import random
import re
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from aiohttp import WSCloseCode, WSMsgType, web

from relayproxy.conversation.protocol import messages
from relayproxy.conversation.protocol.decoding import decode_text
from relayproxy.lab.agent.restaurant import Act, Announcement, Crash, Dialogue, Keypad, Leave, Ponder, Speak, Switch

THINK_MS = (250, 700)
"""From the caller's last word to the first token."""
TOKEN_MS = (15, 60)
REMEMBERED = 1000
"""Calls, the latest, that can be connected again."""


def run(host: str, port: int, *, speed: float = 1.0, seed: int = 0) -> None:
    """Serve until SIGTERM or SIGINT; prints the URL once connections are accepted. Port 0 picks a free one.

    `speed` is how much faster than life it answers; a `seed` and a caller's words decide every answer and pause.
    """
    asyncio.run(_run(host, port, speed, seed))


async def _run(host: str, port: int, speed: float, seed: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(host, port, speed=speed, seed=seed) as url:
        print(f"demo agent listening on {url}", flush=True)
        await stop.wait()


@contextlib.asynccontextmanager
async def serving(host: str = "127.0.0.1", port: int = 0, *, speed: float = 1.0, seed: int = 0) -> AsyncIterator[str]:
    """The agent as long as the block lasts; gives its URL, `ws://HOST:PORT`. Any path and query is answered.

    Calls that are live at the end of the block are closed with 1001.
    """
    live: set[web.WebSocketResponse] = set()
    dialogues: dict[str, Dialogue] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(compress=False, max_msg_size=0)
        if not ws.can_prepare(request):
            return web.Response(status=426, text="This is relayproxy's demo agent. It speaks WebSocket only.\n")
        await ws.prepare(request)
        live.add(ws)
        try:
            greet = request.query.get("greeting") != "twiml"
            await _Conversation(ws, speed, seed, dialogues, greet=greet, abort=partial(_abort, request)).run()
        finally:
            live.discard(ws)
        return ws

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        name = f"[{host}]" if ":" in host else host
        yield f"ws://{name}:{runner.addresses[0][1]}"
    finally:
        await asyncio.gather(*(ws.close(code=WSCloseCode.GOING_AWAY, message=b"demo agent stops") for ws in live))
        await runner.cleanup()


class _Conversation:
    """One call. At most one reply is under way; the next act of the caller replaces it."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        speed: float,
        seed: int,
        dialogues: dict[str, Dialogue],
        *,
        greet: bool,
        abort: Callable[[], None],
    ) -> None:
        self._dialogues = dialogues
        """Of calls by their SID, the latest last: a call that is connected again goes on where it was."""
        self._ws, self._speed, self._seed, self._greet, self._abort = ws, speed, seed, greet, abort
        self._rng = random.Random(seed)
        self._dialogue = Dialogue(self._rng)
        self._reply: asyncio.Task[None] | None = None
        self._begun = False
        """The reply under way has sent something."""
        self._unfinished = False
        """Tokens have been sent and `last` has not."""

    async def run(self) -> None:
        try:
            async for message in self._ws:
                if message.type is WSMsgType.TEXT:
                    await self._handle(decode_text(message.data, "twilio").event)
        finally:
            await self._stop()

    async def _handle(self, event: messages.Event) -> None:
        match event:
            case messages.Setup(call_sid=str(call)):
                # Every call has its own random numbers, so that concurrent calls do not change each other's.
                self._rng.seed(f"{self._seed}:{call}")
                known = self._dialogues.pop(call, None)
                self._dialogue = self._dialogues[call] = known or self._dialogue
                if len(self._dialogues) > REMEMBERED:
                    del self._dialogues[next(iter(self._dialogues))]
                from_twiml = (event.custom_parameters or {}).get("greeting") == "twiml"
                if self._greet and not from_twiml:
                    await self._start(self._dialogue.greet() if known is None else self._dialogue.resume())
            case messages.Prompt(text) if event.final:
                await self._start(self._dialogue.hear(text))
            case messages.Dtmf(digit):
                await self._start(self._dialogue.press(digit))
            case messages.Interrupt():
                # What was stopped is what the caller could hear. The answer to a key that did so is still to come.
                if self._begun:
                    await self._stop()
                self._unfinished = False
                await self._send(messages.Text("", last=True))

    async def _start(self, acts: Sequence[Act]) -> None:
        await self._stop()
        if self._unfinished:
            self._unfinished = False
            await self._send(messages.Text("", last=True))
        self._begun = False
        self._reply = asyncio.create_task(self._perform(acts))

    async def _stop(self) -> None:
        if self._reply is not None:
            self._reply.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await self._reply
            self._reply = None

    async def _perform(self, acts: Sequence[Act]) -> None:
        await self._pause(self._rng.randint(*THINK_MS))
        self._begun = True
        for act in acts:
            match act:
                case Speak(text):
                    await self._stream(text)
                case Announcement(source):
                    await self._send(messages.Play(source, loop=1))
                case Keypad(digits):
                    await self._send(messages.SendDigits(digits))
                case Switch(code):
                    await self._send(messages.Language(code, code))
                case Ponder(ms):
                    await self._pause(ms)
                case Leave(handoff):
                    await self._send(messages.End(handoff))
                case Crash(text):
                    await self._stream(text, whole=False)
                    self._abort()

    async def _stream(self, text: str, *, whole: bool = True) -> None:
        tokens = _tokens(text)
        for number, token in enumerate(tokens, 1):
            await self._pause(self._rng.randint(*TOKEN_MS))
            self._unfinished = number < len(tokens) or not whole
            await self._send(messages.Text(token, last=not self._unfinished))

    async def _pause(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000 / self._speed)

    async def _send(self, message: messages.FromBackend) -> None:
        await self._ws.send_str(messages.encode(message))


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _tokens(text: str) -> list[str]:
    """The text in pieces as a language model yields them: words with the space before them, long words in two."""
    pieces: list[str] = []
    for word in re.findall(r"\s*\S+", text):
        pieces += [word[:6], word[6:]] if len(word) > 10 else [word]
    return pieces
