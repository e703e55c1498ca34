"""Time zone of the reader, from a cookie.

Knows: the cookie in which a browser names its zone.
Must not know: what is timed.
"""

from datetime import UTC, tzinfo
from functools import lru_cache
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from aiohttp import web

COOKIE = "relayproxy_zone"


def readers_zone(request: web.Request) -> tzinfo:
    """The reader's time zone; UTC when the cookie is missing or names an unknown zone."""
    return zone_named(unquote(request.cookies.get(COOKIE, ""))) or UTC


@lru_cache(256)
def zone_named(name: str) -> tzinfo | None:
    """The zone of that name, as `UTC` or `Europe/Berlin`; None when there is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name) if len(name) < 65 else None
    except (KeyError, ValueError, OSError):
        return None
