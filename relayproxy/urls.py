"""URLs as they are recorded: without user names, passwords and values of queries, which are often credentials.

Knows: where in a URL credentials stand.
Must not know: whose URLs they are.
"""

import re

from relayproxy.connection import REDACTED

_USERINFO = re.compile(r"(?<=://)[^/?#\s@]+@")


def without_userinfo(text: str) -> str:
    """The text with `<redacted>` for user name and password of the URLs in it."""
    return _USERINFO.sub(f"{REDACTED}@", text) if "@" in text else text


def masked_url(url: str) -> str:
    """The URL or request target with `<redacted>` for the values of its query."""
    path, mark, query = url.partition("?")
    return path + mark + masked_query(query) if mark else url


def masked_query(query: str) -> str:
    """A query, without its `?`, with `<redacted>` for its values and for what has no name."""
    parts = ("".join(part.partition("=")[:2]) for part in query.split("&"))
    return "&".join(name + REDACTED if name.endswith("=") else REDACTED for name in parts)
