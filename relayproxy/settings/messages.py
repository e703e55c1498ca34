"""Messages about wrong settings.

Knows: how a failed validation becomes one line: the setting, its value unless that may be a secret, where it came from
and what is expected.
Must not know: what right values are.
"""

from collections.abc import Collection
from difflib import get_close_matches

from pydantic_core import ErrorDetails

from relayproxy.settings.sources import Layer, mask, origin
from relayproxy.settings.tables import EXAMPLES, FIXED, ROWS

SECRETS = ("console_key", "auth_tokens", "headers", "token")
"""Settings whose names may be misspelt, and whose values may be secrets."""


def words(error: ErrorDetails, layers: list[Layer], settings: Collection[str]) -> str:
    """One line about one error; `settings` are the names that there are."""
    path = [str(part) for part in error["loc"] if part != "[key]"]
    name, kind, message = ".".join(path), error["type"], error["msg"].removeprefix("Value error, ")
    if not path:
        return message
    if kind == "missing":
        return f"{name} is not set: {ROWS[path[0]].model_fields[path[-1]].description}"
    if kind == "extra_forbidden":
        known = _known(path, settings)
        near = get_close_matches(path[-1], list(known), n=1)
        message = f"no such setting; did you mean {near[0]}?" if near else "no such setting"
    elif kind in ("dict_type", "model_type"):
        message = f"a table such as {EXAMPLES[path[0]]} is expected"
    elif message.startswith("Input should be "):
        wanted = message.removeprefix("Input should be ").partition(", unable")[0]
        message = f"{'a number ' if wanted.startswith(('greater', 'less')) else ''}{wanted} is expected"
    single = not isinstance(error["input"], dict | list) and error["loc"][-1] != "[key]"
    value = "***" if _may_be_secret(path, settings) else mask(error["input"])
    return f"{name}{'=' + value if single else ''}{origin(path, layers)}: {message}"


def _may_be_secret(path: list[str], settings: Collection[str]) -> bool:
    if path[0] in ("users", "tokens"):
        return path[-1] != "role"
    if path[0] == "webhooks":
        return path[-1] != "format"
    if path[0] == "replay_targets":
        return path[-1] not in ("backend", "allow_side_effects")
    known = _known(path, settings)
    slip = path[-1] not in known and get_close_matches(path[-1], SECRETS, n=1)
    return path[-1] in SECRETS or bool(slip)


def _known(path: list[str], settings: Collection[str]) -> Collection[str]:
    """The names that there are where this path leads."""
    table = (ROWS | FIXED).get(path[0]) if len(path) > 1 else None
    return settings if table is None else table.model_fields
