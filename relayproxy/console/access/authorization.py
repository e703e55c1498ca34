"""Who asks, and whether they may.

Knows: that an admin may what a viewer may not.
Must not know: how somebody proves who they are.
"""

from aiohttp import web

from relayproxy.console.access.principal import ADDRESS, IDENTITY, LOCAL, Identity
from relayproxy.console.http.middleware import Problem

__all__ = ["ADDRESS", "IDENTITY", "LOCAL", "Identity", "address_of", "identity_of", "require_admin"]


def identity_of(request: web.Request) -> Identity:
    """Who sent the request. Raises a 401 Problem when that is not known."""
    found: Identity | None = request.get(IDENTITY)
    if found is None:
        raise Problem(401, "sign_in_required", "Sign in first.")
    return found


def address_of(request: web.Request) -> str:
    """The address that the request came from, as a trusted proxy tells it or as it is seen here."""
    return request.get(ADDRESS) or request.remote or ""


def require_admin(request: web.Request) -> Identity:
    """Who sent the request. Raises a 403 Problem when they may only look."""
    found = identity_of(request)
    if found.role != "admin":
        raise Problem(403, "forbidden", "Only an admin may do this.")
    return found
