"""Backend version: which version of the backend answered a call.

Knows: the source that the setting `version_from` names, and the form of a version.
Must not know: settings of routes; columns.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from relayproxy.connection import REDACTED, Opening

MAX_LENGTH = 64
"""Characters of a version; of a longer one the beginning is taken."""


def backend_version(source: str | None, openings: Sequence[Opening], parameters: Mapping[str, Any]) -> str | None:
    """The version in `source` (`header:NAME` or `parameter:NAME`); None when it has none. `openings`: those of the
    session's connections, of which the last one that tells it counts."""
    kind, _, name = (source or "").partition(":")
    if kind == "parameter":
        return _version(parameters.get(name))
    found = (
        _version(value)
        for opening in reversed(openings)
        if opening.status == 101
        for key, value in opening.response_headers
        if kind == "header" and key.lower() == name.lower()
    )
    return next((version for version in found if version), None)


def _version(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or REDACTED in str(value):
        return None
    return "".join(one for one in str(value) if one.isprintable()).strip()[:MAX_LENGTH].strip() or None
