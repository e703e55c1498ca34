"""Authorization: the principal of a request, and whether its role allows an action.

Knows: that an admin may what a viewer may not.
Must not know: how a principal is authenticated.
"""

from aiohttp import web

from relayproxy.console.access.principal import ADDRESS, PRINCIPAL, Principal
from relayproxy.console.http.middleware import Problem


def principal_of(request: web.Request) -> Principal:
    """Who sent the request. Raises a 401 Problem when that is not known."""
    found: Principal | None = request.get(PRINCIPAL)
    if found is None:
        raise Problem(401, "sign_in_required", "Sign in first.")
    return found


def address_of(request: web.Request) -> str:
    """The address that the request came from, as a trusted proxy tells it or as it is seen here."""
    return request.get(ADDRESS) or request.remote or ""


def require_admin(request: web.Request) -> Principal:
    """Who sent the request. Raises a 403 Problem when they may only look."""
    found = principal_of(request)
    if found.role != "admin":
        raise Problem(403, "forbidden", "Only an admin may do this.")
    return found
