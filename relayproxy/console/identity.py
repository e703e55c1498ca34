"""Who asks.

Knows: names and roles.
Must not know: how somebody proves who they are.
"""

from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from relayproxy.console.manners import Problem

Role = Literal["viewer", "admin"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or program, and what it may do: a viewer looks, an admin also changes and deletes."""

    name: str
    role: Role


LOCAL = Identity("local", "admin")
"""Whoever works on this machine, while nobody has to sign in."""
IDENTITY = "identity"
"""Key of the request under which sign-in leaves who it was."""


def identity_of(request: web.Request) -> Identity:
    """Who sent the request."""
    found: Identity = request.get(IDENTITY, LOCAL)
    return found


def require_admin(request: web.Request) -> Identity:
    """Who sent the request. Raises a 403 Problem when they may only look."""
    found = identity_of(request)
    if found.role != "admin":
        raise Problem(403, "forbidden", "Only an admin may do this.")
    return found
