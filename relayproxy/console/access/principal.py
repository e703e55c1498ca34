"""Principal: the person or program that sent a request, and the request keys under which it is kept.

Knows: names, roles, and the keys of a request.
Must not know: authentication, authorization.
"""

from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from relayproxy.settings.tables import Role

Means = Literal["local", "password", "token", "proxy"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or program, and what it may do: a viewer looks, tags and writes notes, an admin may do everything."""

    name: str
    role: Role
    means: Means = "local"
    """The means of authentication; only a principal that signed in with a password can sign out here."""


LOCAL = Principal("local", "admin")
"""The principal of every request while no sign-in is configured."""
PRINCIPAL = web.RequestKey("principal", Principal)
"""Request key of the principal; absent on paths that need no sign-in."""
ADDRESS = web.RequestKey("address", str)
"""Request key of the client's address."""
