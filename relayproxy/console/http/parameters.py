"""Query parameters: parsing, and the error for a wrong one.

Knows: the error for a wrong value.
Must not know: what a parameter is for.
"""

from aiohttp import web

from relayproxy.console.http.middleware import bad_request


def whole_number(request: web.Request, name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number of the query string, within `lowest` and `highest`. Raises a 400 Problem."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest):
        raise bad_request(f"{name}={text[:32]}: a whole number from {lowest} to {highest} is expected.")
    return int(text)
