"""JSON responses.

Knows: the encoding and the headers.
Must not know: what the value is about.
"""

from typing import Any

import msgspec
from aiohttp import web


def json_response(body: Any, status: int = 200) -> web.Response:
    """The value as JSON."""
    encoded = msgspec.json.encode(body)
    return web.Response(status=status, body=encoded, content_type="application/json", charset="utf-8")
