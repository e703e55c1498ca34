"""Authorization: the principal of a request, and whether its role allows an action.

Knows: that an admin may what a viewer may not.
Must not know: how a principal is authenticated.
"""

from aiohttp import web

from relayproxy.console.access.principal import ADDRESS, PRINCIPAL, Principal
from relayproxy.console.http.middleware import Problem


def principal_of(request: web.Request) -> Principal:
    """The principal of the request. Raises a 401 Problem when it is not known."""
    found: Principal | None = request.get(PRINCIPAL)
    if found is None:
        raise Problem(401, "sign_in_required", "Sign in first.")
    return found


def address_of(request: web.Request) -> str:
    """The client's address: from a trusted proxy's header, else that of the connection."""
    return request.get(ADDRESS) or request.remote or ""


def require_admin(request: web.Request) -> Principal:
    """The principal of the request. Raises a 403 Problem unless it is an admin."""
    found = principal_of(request)
    if found.role != "admin":
        raise Problem(403, "forbidden", "Only an admin may do this.")
    return found
