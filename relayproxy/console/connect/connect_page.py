"""Connect page and its API: the URLs to give to Twilio, and the checks that run on request.

Knows: paths; what of the last call of a route tells how its connection is set up.
Must not know: SQL; how an address is checked.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from relayproxy.connection import Opening
from relayproxy.console.access.authorization import principal_of, require_admin
from relayproxy.console.access.origins import Origins
from relayproxy.console.connect.addresses import (
    Conclusion,
    Connect,
    RelayAddress,
    backend_of,
    connect,
    of_backend,
    of_public,
)
from relayproxy.console.health import refusals
from relayproxy.console.health.reachability import Probe, probe
from relayproxy.console.health.refusals import RefusalSummary
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import Problem
from relayproxy.console.http.render import render
from relayproxy.console.http.times import moment
from relayproxy.conversation.model import Conversation
from relayproxy.settings.model import Settings
from relayproxy.store.errors import StoreError
from relayproxy.store.read.heartbeat import reports
from relayproxy.store.read.latest_by_route import Arrival, arrivals
from relayproxy.store.schema.rows import SessionRow

AGAIN = 3.0
"""Seconds within which a second check gives what the first one found."""
AT_ONCE = 8
EVENTS = "speaker-events tokens-played"
SIGNATURE = "x-twilio-signature"
_conversation = msgspec.json.Decoder(Conversation)
_opening = msgspec.json.Decoder(Opening)


@dataclass(frozen=True, slots=True)
class LastCall:
    """The newest call of a route. `signed`: its request had Twilio's signature, None when that is not known.
    `events`: what only the attribute `events` gives came in it."""

    session: SessionRow
    signed: bool | None
    events: bool

    @property
    def talked(self) -> bool:
        """It came far enough to tell whether events are on."""
        return self.session.turns > 0


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found on the way to the relay and on from it to the backend."""

    at: int
    public: Probe | None
    """None without a public URL."""
    backend: Probe


@dataclass(frozen=True, slots=True)
class Way:
    """A route from Twilio to its backend."""

    target: RelayAddress
    call: LastCall | None
    checked: Checked | None


class Checker:
    """Runs the checks, one round at a time, and keeps what the last one found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy = asyncio.Lock()
        self._some = asyncio.Semaphore(AT_ONCE)
        self._until = 0.0
        self.found: dict[str, Checked] = {}
        self.host = socket.gethostname()

    async def check(self) -> None:
        """Goes all ways, from this machine, to the configured hosts only."""
        async with self._busy:
            if time.monotonic() < self._until:
                return
            targets = connect(self._settings).targets
            found = await asyncio.gather(*(self._check(target) for target in targets))
            self.found = {target.route: one for target, one in zip(targets, found, strict=True)}
            self._until = time.monotonic() + AGAIN

    async def _check(self, target: RelayAddress) -> Checked:
        public = self._probe(target.url) if self._settings.public_url else _nothing()
        there, beyond = await asyncio.gather(public, self._probe(backend_of(self._settings, target.route)))
        assert beyond is not None
        return Checked(time.time_ns(), there, beyond)

    async def _probe(self, url: str) -> Probe | None:
        async with self._some:
            return await probe(url)


async def _nothing() -> None:
    return None


CHECKER = web.AppKey("checker", Checker)


def set_up(app: web.Application) -> None:
    """Begins to be able to check. After the app context."""
    app[CHECKER] = Checker(app[APP_CONTEXT].settings)


async def page(request: web.Request) -> web.Response:
    """`GET /connect`."""
    return await _page(request)


async def check(request: web.Request) -> web.Response:
    """`POST /connect/check`: the page, once everything has been checked."""
    _require_leave(request)
    await request.app[CHECKER].check()
    return await _page(request)


async def api(request: web.Request) -> web.Response:
    """`GET /api/connect?check=1`: `check` goes all ways before answering."""
    if request.query.get("check", "") not in ("", "0"):
        _require_leave(request)
        await request.app[CHECKER].check()
    known, ways, found = await _ways(request)
    checker = request.app[CHECKER]
    return json_response(
        {
            "public": known.public,
            "secure": known.secure,
            "checked_from": checker.host,
            "refused": [refusals.document(one) for one in found],
            "items": [_document(way) for way in ways],
            "next": None,
        }
    )


def _require_leave(request: web.Request) -> None:
    """Checks make this machine send something, which only an admin may cause, and no page of another site."""
    require_admin(request)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "cross_origin", "This was sent by a page of another site, and is refused.")
    Origins(request.app[APP_CONTEXT].settings).check(request)


async def _page(request: web.Request) -> web.Response:
    known, ways, found = await _ways(request)
    context = {
        "refused": found,
        "answered": refusals.answered,
        "connect": known,
        "ways": ways,
        "checked_from": request.app[CHECKER].host,
        "may_check": principal_of(request).role == "admin",
        "events": EVENTS,
        "of_public": of_public,
        "of_backend": of_backend,
        "section": "connect",
    }
    return render("connect/connect_page.html", request, context)


async def _ways(request: web.Request) -> tuple[Connect, tuple[Way, ...], tuple[RefusalSummary, ...]]:
    app_context, found = request.app[APP_CONTEXT], request.app[CHECKER].found
    known = connect(app_context.settings)
    try:
        newest = await asyncio.to_thread(arrivals, app_context.queries)
        told = await asyncio.to_thread(reports, app_context.queries)
    except StoreError:
        # How to connect can be told without a database; that it is away is told by the health page.
        newest, told = {}, ()
    ways = (Way(one, last_call(newest.get(one.route)), found.get(one.route)) for one in known.targets)
    return known, tuple(ways), refusals.refused(told)


def last_call(arrival: Arrival | None) -> LastCall | None:
    """What the newest session of a route tells."""
    if arrival is None:
        return None
    signed: bool | None = None
    events = False
    # What another version wrote in another shape tells nothing, and the page is there all the same.
    with suppress(msgspec.DecodeError):
        events = _conversation.decode(arrival.session.detail).tier == "B"
        names = {name.lower() for name, _ in _opening.decode(arrival.opening or "").request_headers}
        signed = SIGNATURE in names
    return LastCall(arrival.session, signed, events)


def _document(way: Way) -> dict[str, Any]:
    call, checked = way.call, way.checked
    return {
        "route": way.target.route,
        "url": way.target.url,
        "backend": way.target.backend,
        "signed_path": way.target.signed_path,
        "backend_path": way.target.backend_path,
        "last_call": None
        if call is None
        else {
            "id": call.session.id,
            **moment("started_at", call.session.started_at),
            "live": call.session.ended_at is None,
            "outcome": call.session.outcome,
            "signed": call.signed,
            "events": call.events,
        },
        "checks": None
        if checked is None
        else {
            **moment("at", checked.at),
            "public": _probe_document(checked.public, of_public),
            "backend": _probe_document(checked.backend, of_backend),
        },
    }


def _probe_document(found: Probe | None, told: Callable[[Probe], Conclusion]) -> dict[str, Any] | None:
    if found is None:
        return None
    conclusion = told(found)
    return {
        "state": conclusion.state,
        "summary": conclusion.sentence,
        "answered_by": found.who,
        "status": found.status,
        "steps": [{"name": step.name, "state": step.state, "detail": step.detail} for step in found.steps],
    }


ROUTES = (
    web.get("/connect", page),
    web.post("/connect/check", check),
    web.get("/api/connect", api),
)
