"""Query parameters: parsing, and the error for a wrong one.

Knows: how a wrong one is refused.
Must not know: what a parameter is for.
"""

from aiohttp import web

from relayproxy.console.http.middleware import bad_request


def whole_number(request: web.Request, name: str, default: int, lowest: int, highest: int) -> int:
    """A number from the query. Raises a 400 Problem."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest):
        raise bad_request(f"{name}={text[:32]}: a whole number from {lowest} to {highest} is expected.")
    return int(text)
