"""Shadows of a relay: which calls are copied, and the handshake with the second backend.

Knows: shares, the second backend's request, how a shadow opens in the journal, and those that live.
Must not know: how bytes are passed on to it.

Nothing here is awaited by a call: the handshake is a task of its own, begun after the call's 101.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from relayproxy.connection import Opening
from relayproxy.journal.format import EntryKind
from relayproxy.journal.tape import CopyingTape, Tape
from relayproxy.logs import RateLimit
from relayproxy.relay import descriptors
from relayproxy.relay.handshake.outgoing import Outgoing
from relayproxy.relay.handshake.stopwatch import Stopwatch
from relayproxy.relay.handshake.targets import Target, Targets
from relayproxy.relay.handshake.upstream import Accepted, Refused, Upstream
from relayproxy.relay.headers import Headers, cut, mask, mask_query, tokens
from relayproxy.relay.shadow.connection import ShadowConnection
from relayproxy.relay.splice import Splice
from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import route_names
from relayproxy.settings.treatment import shadow_of

log = logging.getLogger(__name__)

HEADER = ("x-relayproxy-shadow", "1")
"""Tells the second backend that it is one."""
_GONE = "the call was over before the second backend had answered"
_GIVEN_UP = "more was waiting for the second backend than is kept before it had answered"
_OTHER_EXTENSIONS = "it negotiated other extensions of the WebSocket than the call's backend"


@dataclass(frozen=True, slots=True)
class Shadow:
    """The shadow of one call: how it opens, its request, and its connection. `tape` is the tape for the call, which
    copies what the caller says; `own_tape` the shadow's."""

    opening: Opening
    number: int
    opened: int
    target: Target
    outgoing: Outgoing
    connection: ShadowConnection
    tape: Tape
    own_tape: Tape


class Shadows:
    """The shadows of a relay's calls. `numbers` gives connections their numbers in the journal; `traceparent` makes the
    header of a trace id and span id, None where none is added."""

    def __init__(
        self,
        settings: Settings,
        targets: Targets,
        upstream: Upstream,
        numbers: Iterator[int],
        traceparent: Callable[[str, str], str | None],
    ) -> None:
        found = {route: shadow_of(settings, route) for route in route_names(settings)}
        self._shares = {route: shadow.share for route, shadow in found.items() if shadow is not None}
        self._targets = targets
        self._upstream = upstream
        self._numbers = numbers
        self._traceparent = traceparent
        self._limit = settings.session_limit
        self._warnings = RateLimit()
        self._tasks: set[asyncio.Task[None]] = set()

    def choose(
        self, call: Opening, target: Target, outgoing: Outgoing, tape: Tape, transport: asyncio.Transport
    ) -> Shadow | None:
        """A shadow for the call with this opening, target and transport, taped on `tape`; None for a call that is not
        copied. Never raises."""
        share = self._shares.get(call.route)
        if share is None or random.random() >= share:
            return None
        try:
            return self._shadow(call, target, outgoing, tape, transport.get_extra_info("socket").fileno())
        except Exception:
            log.exception("a shadow failed; its call goes on")
            return None

    def _shadow(self, call: Opening, first: Target, outgoing: Outgoing, tape: Tape, descriptor: int) -> Shadow | None:
        target = self._targets.shadow(first)
        if target is None:
            return None
        if descriptors.many_used(descriptor):
            self._warn("few", call.route, "few file descriptors are left")
            return None
        number, opened = next(self._numbers), time.monotonic_ns()
        opening = msgspec.structs.replace(
            call,
            connection_id=secrets.token_hex(16),
            trace_id=secrets.token_hex(16),
            span_id=secrets.token_hex(8),
            parent_span_id=None,
            backend=cut(mask_query(target.url)),
            opened_at=time.time_ns(),
            status=None,
            response_headers=(),
            connected_after=None,
            dial=None,
            shadow_of=call.connection_id,
        )
        connection = ShadowConnection(number=number, tape=tape, opened=opened, limit=self._limit)
        return Shadow(
            opening, number, opened, target, outgoing, connection, CopyingTape(tape, connection.copy), own_tape=tape
        )

    def begin(self, shadow: Shadow, splice: Splice, answer: Headers) -> None:
        """Dials the second backend of a call that has begun, whose own backend answered with these headers."""
        # At once, hence before the call's ending: who sees that the call is over finds its shadow, too.
        self._note(shadow, EntryKind.REQUEST, shadow.opening)
        task = asyncio.create_task(self._run(shadow, splice, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Ends those that are left."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, shadow: Shadow, splice: Splice, answer: Headers) -> None:
        connection = shadow.connection
        try:
            opening, accepted = await self._dial(shadow, splice, answer)
            self._note(shadow, EntryKind.OPENING, opening)
            if accepted is not None:
                connection.begin(accepted)
                await asyncio.wait([connection.finished, splice.finished], return_when=asyncio.FIRST_COMPLETED)
                connection.call_ended()
                await connection.finished
        except asyncio.CancelledError:
            connection.give_up("shutdown")
            raise
        except Exception:
            log.exception("a shadow failed; its call goes on")
            connection.give_up("shadow_failed")
        finally:
            ending = connection.ending
            shadow.own_tape.note(EntryKind.ENDING, shadow.number, shadow.opened + ending.t, msgspec.json.encode(ending))

    async def _dial(self, shadow: Shadow, splice: Splice, call: Headers) -> tuple[Opening, Accepted | None]:
        """Performs the handshake: the opening as it is known then, and the connection if there is one."""
        connection, stopwatch = shadow.connection, Stopwatch()
        dialling = asyncio.create_task(self._answer(shadow, stopwatch))
        try:
            ends: list[asyncio.Future[Any]] = [dialling, splice.finished, connection.finished]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            answer = dialling.result() if dialling.done() else None
        finally:
            dialling.cancel()
        opening = shadow.opening
        if answer is not None:
            opening = msgspec.structs.replace(
                opening,
                response_headers=mask(answer.headers),
                connected_after=time.monotonic_ns() - shadow.opened,
                dial=stopwatch.dial(),
            )
        if isinstance(answer, Accepted):
            if connection.finished.done():
                answer.close()
            elif _extensions(answer.headers) != _extensions(call):
                answer.close()
                connection.give_up("shadow_extensions")
                return msgspec.structs.replace(opening, error=_OTHER_EXTENSIONS), None
            else:
                return msgspec.structs.replace(opening, status=101), answer
        if isinstance(answer, Refused):
            connection.refused("proxy" if answer.ours else "backend")
            self._warn(answer.status, opening.route, answer.error)
            return msgspec.structs.replace(opening, status=answer.status, error=answer.error), None
        if connection.finished.done():
            return msgspec.structs.replace(opening, error=_GIVEN_UP), None
        connection.refused("twilio")
        return msgspec.structs.replace(opening, error=_GONE), None

    async def _answer(self, shadow: Shadow, stopwatch: Stopwatch) -> Accepted | Refused:
        opening, target = shadow.opening, shadow.target
        traceparent = self._traceparent(opening.trace_id, opening.span_id)
        headers = shadow.outgoing.headers(target, traceparent, [HEADER])
        return await self._upstream.dial(target.url, headers, own_host=target.host == "backend", stopwatch=stopwatch)

    def _warn(self, kind: object, route: str, words: str) -> None:
        more = self._warnings.suffix((route, kind))
        if more is not None:
            log.warning("shadow of route %s: %s%s", route, words, more)

    def _note(self, shadow: Shadow, kind: EntryKind, opening: Opening) -> None:
        shadow.own_tape.note(kind, shadow.number, shadow.opened, msgspec.json.encode(opening))


def _extensions(headers: Headers) -> list[str]:
    return sorted(tokens(headers, "sec-websocket-extensions"))
