"""A simulated call: Twilio's side of its sessions over real WebSockets.

Knows: what connects a session with its connection, how a call is connected again, what its result is made of.
Must not know: what the caller does and why; whether a relay is in between.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import msgspec

from relayproxy.conversation.protocol.messages import FromTwilio, encode
from relayproxy.lab.twilio.connection import Close, Line, NotConnected, SimulatedConnection, dial
from relayproxy.lab.twilio.events import EventLog
from relayproxy.lab.twilio.limits import Received, too_long
from relayproxy.lab.twilio.result import CallEnding, Caller, CallResult, Connection, conversations
from relayproxy.lab.twilio.session import SimulatedSession
from relayproxy.lab.twilio.twiml import TwiML

MAX_BUFFERED = 500
"""Events that are kept for the next connection; later ones are lost."""

Perform = Callable[["SimulatedCall"], Awaitable[None]]
"""What the caller does in a call. It returns soon after the session is over, unless it connects the call again."""


async def call(line: Line, twiml: TwiML, perform: Perform, *, caller: Caller, rng: random.Random) -> CallResult:
    """Make one call and return when it is over; a caller who is through hangs up. Failures are results."""
    return await SimulatedCall(line, twiml, caller, rng)._run(perform)


class SimulatedCall:
    """A call under way, as whoever performs the caller's part sees it."""

    def __init__(self, line: Line, twiml: TwiML, caller: Caller, rng: random.Random) -> None:
        self.line, self.twiml, self.rng = line, twiml, rng
        self.events = EventLog()
        self.caller = caller
        self.session = SimulatedSession(twiml, rng, line.speed, self._send, self._finish, self.events)
        self._connection: SimulatedConnection | None = None
        self._received = Received()
        self._over: list[Connection] = []
        self._buffered: list[str] = []
        self._ending: CallEnding = "unreachable"
        self._ended = False
        self._problem: str | None = None
        self._close: tuple[int | None, str] = (None, "")
        self._carrying: asyncio.Task[None]
        self._playing: tuple[asyncio.Task[None], ...] = ()

    @property
    def connected(self) -> bool:
        """Whether messages can go over the wire now."""
        return self._connection is not None and not self._ended

    def drop(self) -> None:
        """The connection is lost on Twilio's side. With `application_reconnect` the session goes on without one."""
        if self._connection is not None and not self._ended:
            self._finish("vanished", None)
            if not self.twiml.application_reconnect:
                self.session.lose()

    async def reconnect(self) -> bool:
        """Connect the call again, after dropping a connection that is still there; whether it worked.

        With `application_reconnect` the session goes on: its setup comes again, then what happened meanwhile. Without,
        or once the session is over, it is a new session of the same call, which begins with the greeting.
        """
        if not self.session.over:
            self.drop()
        await self._carrying
        if self._is_cut_off():
            return False
        goes_on = self.twiml.application_reconnect and not self.session.over
        session_id = self.caller.session_id if goes_on else f"VX{self.rng.getrandbits(128):032x}"
        self.caller = msgspec.structs.replace(self.caller, session_id=session_id, call_status="IN_PROGRESS")
        if not await self._dial():
            self.session.lose()
            return False
        if self._is_cut_off():
            self._cut(self._problem)
            self._start(begin=False)
            return False
        if goes_on:
            self._send(self.caller.setup())
            for text in self._buffered:
                self._transmit(text)
        else:
            await self._stop_playing()
            self.session = SimulatedSession(
                self.twiml, self.rng, self.line.speed, self._send, self._finish, self.events
            )
        self._start(begin=not goes_on)
        self._buffered.clear()
        return True

    async def _run(self, perform: Perform) -> CallResult:
        began = time.monotonic()
        if await self._dial():
            self._start(begin=True)
            limit = self.line.max_seconds
            timer = asyncio.get_running_loop().call_later(limit, self._cut, too_long(limit))
            try:
                await perform(self)
                if not self.session.over:
                    self.session.hangs_up()
                await self._carrying
            finally:
                timer.cancel()
                self._carrying.cancel()
                await asyncio.gather(self._carrying, return_exceptions=True)
                await self._stop_playing()
        last = self._over[-1]
        return CallResult(
            self.caller,
            tuple(self._over),
            conversations(self._over),
            self._ending,
            time.monotonic() - began,
            last.opening.status,
            *self._close,
            handoff_data=self.session.handoff_data,
            problem=self._problem,
        )

    async def _dial(self) -> bool:
        self._ended, self._close = False, (None, "")
        try:
            self._connection = await dial(self.line, self.caller.session_id, self.rng, self._received)
        except NotConnected as failure:
            self._over.append(failure.connection)
            self._problem = failure.problem
            self._ending = "unreachable" if failure.connection.opening.status is None else "refused"
            return False
        return True

    def _start(self, *, begin: bool) -> None:
        assert self._connection is not None
        if begin:
            self.session.begin(self.caller)
            self._playing = (
                asyncio.create_task(self.session.playback.run()),
                asyncio.create_task(self.session.leave()),
            )
        self._carrying = asyncio.create_task(self._carry(self._connection))

    async def _stop_playing(self) -> None:
        for task in self._playing:
            task.cancel()
        for problem in await asyncio.gather(*self._playing, return_exceptions=True):
            if problem is not None and not isinstance(problem, asyncio.CancelledError):
                raise problem

    async def _carry(self, connection: SimulatedConnection) -> None:
        await connection.run(lambda text, binary: self.session.receive(text, binary=binary))
        self._connection = None
        self._over.append(connection.value())
        self._close = connection.close_code, connection.close_reason
        if connection.excess is not None:
            self._cut(connection.excess)
        elif not self._ended:
            self._ended = True
            self._ending = "backend_closed" if connection.closed_by_backend else "backend_dropped"
            if not self.twiml.application_reconnect:
                self.session.lose()
        self.events.close_reply()
        self.events.notifier.notify()

    def _send(self, message: FromTwilio) -> None:
        text = encode(message)
        if not self._ended:
            self._transmit(text)
        elif self.twiml.application_reconnect and len(self._buffered) < MAX_BUFFERED:
            self._buffered.append(text)

    def _transmit(self, text: str) -> None:
        if self._connection is not None:
            self._connection.send(text)

    def _is_cut_off(self) -> bool:
        return self._ending == "cut_off"

    def _cut(self, problem: str | None) -> None:
        """The call is at its limits: it ends at once, and is not connected again."""
        self._ended, self._ending, self._problem = True, "cut_off", problem
        if self._connection is not None:
            self._connection.abort()
        self.session.lose()

    def _finish(self, ending: CallEnding, close: Close) -> None:
        if self._connection is not None and not self._ended:
            self._ended, self._ending = True, ending
            self._connection.leave(close)
