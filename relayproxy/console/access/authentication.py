"""Authentication: establishes the principal of a request by password, token, trusted proxy or cookie.

Knows: the four ways: being on this machine, a token, the word of a trusted proxy, the cookie of having signed in; and
how a password is checked.
Must not know: pages, redirects, limits on attempts.
"""

import asyncio
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property

from aiohttp import web

from relayproxy.console.access.cookies import CookieClaims, Cookies, key_in, password_digest
from relayproxy.console.access.origins import Origins
from relayproxy.console.access.principal import LOCAL, Principal
from relayproxy.console.http.middleware import Problem
from relayproxy.passwords import decoy, is_password, same, token_digest
from relayproxy.settings.model import Settings
from relayproxy.settings.tables import User
from relayproxy.settings.validators import is_loopback

AT_A_TIME = 2
"""Passwords checked at a time: each takes some 30 MiB, and a processor that live calls may need."""
WAITING = 16
"""Attempts that wait for their turn; more are told to come back."""
_COOKIE, _SECURE_COOKIE = "relayproxy", "__Host-relayproxy"
_MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The principal, and the cookie's claims when it signed in by one."""

    identity: Principal
    cookie: CookieClaims | None = None


class Authenticator:
    """Authenticates requests by the settings; `revoked` holds the ids of revoked cookies. Raises
    SettingError when the cookies' key can neither be read nor made."""

    def __init__(self, settings: Settings, origins: Origins, revoked: Container[str]) -> None:
        self._settings = settings
        self._origins = origins
        self._revoked = revoked
        self._users = settings.users
        self.by_password = any(user.password for user in settings.users.values())
        """True when a user of the settings has a password."""
        self._checking = asyncio.Semaphore(AT_A_TIME)
        self._waiting = 0
        self._cookies: Cookies | None = None
        if self.by_password:
            self._cookies = Cookies(settings.console_key or key_in(settings.data_dir))

    def of(self, request: web.Request) -> Authenticated | None:
        """Who sent the request; None when that is not known. Raises a Problem for a wrong token, and for a request
        from another machine while nobody can sign in."""
        if not self._settings.asks_who:
            # The start has refused to listen elsewhere; this is what it relied on. A proxy on this machine that writes
            # another Host would let everyone in.
            if not (is_loopback(request.remote or "") and is_loopback(self._origins.address(request))):
                raise Problem(
                    403,
                    "forbidden",
                    "Without a sign-in the console answers this machine alone. Set users, tokens or "
                    "console_user_header.",
                )
            return Authenticated(LOCAL)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Authenticated(self._token(token.strip()))
        return self._proxied(request) or self._signed_in(request)

    @property
    def busy(self) -> bool:
        """True while as many passwords wait to be checked as may."""
        return self._waiting >= WAITING

    async def check(self, name: str, password: str) -> bool:
        """True when that is the user's password. Takes as long when there is no such user."""
        user = self._users.get(name)
        hash = user.password if user else None
        self._waiting += 1
        try:
            async with self._checking:
                right = await asyncio.to_thread(lambda: is_password(hash or self._decoy, password))
        finally:
            self._waiting -= 1
        return right and hash is not None

    def known(self, name: str) -> bool:
        """True when there is such a user. Not to be disclosed before the password was right."""
        return name in self._users

    def sign_in(self, request: web.Request, response: web.Response, name: str) -> None:
        """Gives the response a cookie that says the user has signed in."""
        assert self._cookies is not None
        user, secure = self._users[name], self._origins.secure(request)
        response.set_cookie(
            _SECURE_COOKIE if secure else _COOKIE,
            self._cookies.make(name, user.password or ""),
            path="/",
            secure=secure,
            httponly=True,
            samesite="Strict",
        )

    def sign_out(self, request: web.Request, response: web.Response) -> CookieClaims | None:
        """Lets the browser forget the request's cookie; says which is to be ended, if any."""
        found = self._cookie(request)
        secure = self._origins.secure(request)
        name = _SECURE_COOKIE if secure else _COOKIE
        response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Strict")
        return found

    @cached_property
    def _decoy(self) -> str:
        return decoy(user.password for user in self._users.values() if user.password)

    def _token(self, token: str) -> Principal:
        digest, found = token_digest(token), None
        for name, known in self._settings.tokens.items():
            if same(digest, known.sha256):
                found = Principal(f"token:{name}", known.role, "token")
        if found is None:
            raise Problem(401, "wrong_token", "There is no such token.")
        return found

    def _proxied(self, request: web.Request) -> Authenticated | None:
        header = self._settings.console_user_header
        if header is None or not self._origins.trusted(request):
            return None
        told = request.headers.getall(header, [])
        name = told[0].strip() if len(told) == 1 else ""
        if not name.isprintable() or not 0 < len(name) <= _MAX_NAME or name.startswith("token:"):
            return None
        return Authenticated(Principal(name, self._users.get(name, User()).role, "proxy"))

    def _signed_in(self, request: web.Request) -> Authenticated | None:
        found = self._cookie(request)
        user = self._users.get(found.name) if found else None
        if (
            found is None
            or user is None
            or not user.password
            or not same(found.password_digest, password_digest(user.password))
        ):
            return None
        return Authenticated(Principal(found.name, user.role, "password"), found)

    def _cookie(self, request: web.Request) -> CookieClaims | None:
        value = request.cookies.get(_SECURE_COOKIE if self._origins.secure(request) else _COOKIE)
        found = self._cookies.read(value) if value and self._cookies else None
        return None if found is None or found.id in self._revoked else found
