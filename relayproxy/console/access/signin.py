"""Sign-in and sign-out pages, and the middleware that requires authentication.

Knows: the paths that need no sign-in; where a browser is sent to sign in; when a stream has to end.
Must not know: what the handlers behind it show; how a request is authenticated.
"""

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from relayproxy.console.access import audit_log
from relayproxy.console.access.audit_log import audit
from relayproxy.console.access.authentication import Authenticated, Authenticator
from relayproxy.console.access.authorization import address_of
from relayproxy.console.access.cookies import CookieClaims
from relayproxy.console.access.origins import Origins
from relayproxy.console.access.principal import ADDRESS, PRINCIPAL
from relayproxy.console.access.revocations import FILE, RevocationFile, Revocations
from relayproxy.console.access.throttle import Throttle
from relayproxy.console.http.forms import form_of
from relayproxy.console.http.middleware import Handler, Problem, bad_request
from relayproxy.console.http.render import PAGE_VALUES, render
from relayproxy.settings.model import Settings
from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter

_log = logging.getLogger(__name__)

PUBLIC_PATHS = frozenset({"/healthz", "/static/{version}/{name}", "/signin", "/signout"})
"""Paths that need no sign-in. All but the first is refused to pages of other sites like everything else."""
HEALTH = frozenset({"/health", "/api/health"})
"""The path that a cookie opens also while the database cannot be asked whether it was ended on another console. No
call is shown there."""
HOME = "/sessions"
REVOCATION_INTERVAL = 5.0
"""Seconds between two checks of open streams' cookies for revocation by another console."""
_BUSY = 2.0
_MAX_NEXT = 2000
_RETRY = web.RequestKey("retry_after", int)


class SignIn:
    """Sign-in state of the console: authenticator, revocations, and the running requests of each cookie."""

    def __init__(self, settings: Settings, queries: Queries, writer: AnnotationWriter) -> None:
        self.origins = Origins(settings)
        ended = RevocationFile(settings.data_dir / FILE)
        self.revocations = Revocations(ended, queries, writer)
        self.authenticator = Authenticator(settings, self.origins, ended)
        self.throttle = Throttle()
        self._running: defaultdict[str, set[asyncio.Transport]] = defaultdict(set)

    async def sender(self, request: web.Request) -> Authenticated | None:
        """The principal of the request; None when it is not known, or its cookie was revoked on any console. Raises a
        Problem as `Authenticator.of` does, and `StoreError` when the database cannot be asked."""
        found = self.authenticator.of(request)
        if found is None or found.cookie is None:
            return found
        return None if await self.revocations.among([found.cookie.id]) else found

    @contextmanager
    def running(self, cookie: CookieClaims | None, transport: asyncio.Transport | None) -> Iterator[None]:
        """While a request is answered: it ends with the cookie that opened it, which a live stream may outlast."""
        if cookie is None or transport is None:
            yield
            return
        mine = self._running[cookie.id]
        mine.add(transport)
        left = max(0.0, cookie.until - time.time())
        timer = asyncio.get_running_loop().call_later(left, transport.abort)
        try:
            yield
        finally:
            timer.cancel()
            mine.discard(transport)
            if not mine:
                self._running.pop(cookie.id, None)

    def cut(self, id: str) -> None:
        """Ends what is being answered to the cookie with that id."""
        for transport in tuple(self._running.get(id, ())):
            transport.abort()

    async def watch(self) -> None:
        """Ends, until cancelled, what is being answered to cookies that were ended on another console."""
        while True:
            await asyncio.sleep(REVOCATION_INTERVAL)
            if self._running:
                with suppress(StoreError):
                    for id in await self.revocations.among(self._running):
                        self.cut(id)


SIGN_IN = web.AppKey("sign_in", SignIn)


def set_up(app: web.Application, settings: Settings, queries: Queries, writer: AnnotationWriter) -> None:
    """Puts the guard before every handler, adds the paths to sign in and out, and makes `audit` work. The application
    has the middleware that tells errors already: the guard comes after it."""
    app[SIGN_IN] = SignIn(settings, queries, writer)
    audit_log.set_up(app, writer)
    if app[SIGN_IN].authenticator.by_password:
        app.cleanup_ctx.append(_revocation_tasks)
    app.middlewares.append(guard)
    app.on_response_prepare.append(_say_how)
    app[PAGE_VALUES]["principal"] = lambda request: request.get(PRINCIPAL)
    app.add_routes(ROUTES)


async def _revocation_tasks(app: web.Application) -> AsyncIterator[None]:
    state = app[SIGN_IN]
    tasks = [asyncio.create_task(work) for work in (state.revocations.run(), state.watch())]
    yield
    await state.revocations.settle()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets a request through to its handler when its sender is known, or need not be."""
    state, resource = request.app[SIGN_IN], request.match_info.route.resource
    path = resource.canonical if resource else ""
    request[ADDRESS] = state.origins.address(request)
    if path == "/healthz":
        return await handler(request)
    state.origins.check(request)
    if path in PUBLIC_PATHS:
        return await handler(request)
    try:
        sender = await state.sender(request)
    except Problem as problem:
        if problem.code == "wrong_token":
            await _tell_wrong_token(request)
        raise
    except StoreError:
        if path not in HEALTH:
            raise
        sender = state.authenticator.of(request)
    if sender is None:
        return _ask(request, state)
    request[PRINCIPAL] = sender.identity
    with state.running(sender.cookie, request.transport):
        return await handler(request)


def _ask(request: web.Request, state: SignIn) -> web.StreamResponse:
    """The answer to a request without a principal: the sign-in form for a browser's page, a 401 for the rest."""
    if not _is_page(request) or not state.authenticator.by_password:
        raise Problem(401, "sign_in_required", "Who are you? Sign in, or send a token (Authorization: Bearer …).")
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        # A link from elsewhere: the browser has kept the cookie back, and sends it when our own page goes there.
        return render("access/signin.html", request, {"onward": request.path_qs, "title": "Opening"})
    target = "" if request.path == "/" else f"?next={quote(request.path_qs, safe='/')}"
    raise web.HTTPSeeOther(f"/signin{target}")


def _is_page(request: web.Request) -> bool:
    if request.method not in ("GET", "HEAD") or request.path.startswith("/api"):
        return False
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    # Without TLS browsers leave that header out. Our scripts ask for exactly one type; who opens a page takes others.
    # Prometheus takes many, and would follow to the form.
    return request.path != "/metrics" and request.headers.get("Accept", "") not in (
        "text/html",
        "text/event-stream",
        "application/json",
    )


async def form(request: web.Request) -> web.StreamResponse:
    """`GET /signin?next=`."""
    state, onward = request.app[SIGN_IN], own_path(request.query.get("next", ""))
    known: Authenticated | None = None
    with suppress(StoreError):
        known = await state.sender(request)
    if not state.authenticator.by_password or known is not None:
        raise web.HTTPSeeOther(onward)
    return _form(request, onward)


async def sign_in(request: web.Request) -> web.StreamResponse:
    """`POST /signin` with `name`, `password` and `next`."""
    state, fields = request.app[SIGN_IN], await form_of(request)
    name, password = fields.get("name", "").strip(), fields.get("password", "")
    onward = own_path(fields.get("next", ""))
    if not state.authenticator.by_password:
        raise bad_request("Nobody signs in here with a password.")
    if state.authenticator.busy:
        return _later(request, onward, name, _BUSY, "Many are signing in at the moment. Try again in a few seconds.")
    wait = state.throttle.enter(address_of(request), name)
    if wait > 0:
        return _later(request, onward, name, wait, f"Too many attempts. Try again in {_words(wait)}.")
    right = await state.authenticator.check(name, password)
    # What is no user's name may be a password in the wrong field.
    actor = name if state.authenticator.known(name) else ""
    if not right:
        _log.warning("a sign-in failed: %s from %s", actor or "no such user", address_of(request))
        await audit(request, "sign_in_failed", "", actor=actor)
        return _form(request, onward, name, "That name and password do not go together.", status=401)
    state.throttle.succeeded(address_of(request), name)
    response = web.HTTPSeeOther(onward)
    state.authenticator.sign_in(request, response, name)
    await audit(request, "sign_in", "", actor=name)
    raise response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """`POST /signout`: ends the cookie on every console, and the live streams that it opened."""
    state, response = request.app[SIGN_IN], web.HTTPSeeOther("/signin")
    ended = state.authenticator.sign_out(request, response)
    if ended:
        state.revocations.revoke(ended)
        state.cut(ended.id)
        await audit(request, "sign_out", "", actor=ended.name)
        await state.revocations.settle()
    raise response


def own_path(text: str) -> str:
    """The path to go on to after signing in: always one of this console; anything else becomes the home page."""
    # Browsers read `\` as `/` and leave out tabs and line ends: two slashes in front would be another host.
    plain = all("!" <= c <= "~" and c != "\\" for c in text) and len(text) <= _MAX_NEXT
    if not plain or not text.startswith("/") or text.startswith(("//", "/signin", "/signout")):
        return HOME
    return text


def _form(
    request: web.Request, onward: str, name: str = "", problem: str = "", status: int = 200
) -> web.StreamResponse:
    context = {"onward": "", "next": onward, "name": name[:100], "problem": problem, "title": "Sign in"}
    return render("access/signin.html", request, context, status=status)


def _later(request: web.Request, onward: str, name: str, wait: float, problem: str) -> web.StreamResponse:
    request[_RETRY] = math.ceil(wait)
    return _form(request, onward, name, problem, status=429)


def _words(seconds: float) -> str:
    whole = math.ceil(seconds)
    if whole > 90:
        return f"{math.ceil(whole / 60)} minutes"
    return f"{whole} second{'' if whole == 1 else 's'}"


async def _tell_wrong_token(request: web.Request) -> None:
    log = request.app[audit_log.AUDIT_LOG]
    if log.is_news("wrong token", address_of(request)):
        _log.warning("a wrong token came from %s", address_of(request))
        await audit(request, "sign_in_failed", "", actor="token:")


async def _say_how(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: the headers that go with some refusals, however these are told."""
    if response.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="relayproxy"'
    if _RETRY in request:
        response.headers["Retry-After"] = str(request[_RETRY])


ROUTES = (web.get("/signin", form), web.post("/signin", sign_in), web.post("/signout", sign_out))
