"""Sources of settings: a TOML file, the environment, flags.

Knows: reading them into one nested shape, laying one over the other, saying where a value came from.
Must not know: which settings there are or what a right value is.
"""

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from relayproxy.errors import SettingError

ENV_PREFIX = "RELAYPROXY_"
CONFIG_ENV = ENV_PREFIX + "CONFIG"
"""Names the TOML file when no flag does."""
_SERVICE = re.compile(r"_SERVICE_(?:HOST|PORT(?:_[A-Z0-9]+)*)$|_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$")
"""Never with a double underscore at its end, as in `…_SERVICE_PORT__BACKEND`: that is a row whose name ends so."""
_SERVICE_URL = re.compile(r"(?:tcp|udp|sctp)://")
TABLES = ("routes", "users", "tokens", "alerts", "webhooks", "replay_targets")
"""Settings that hold named rows, which have settings of their own."""
SECTIONS = ("otel", "receiver", "shadow", "faults")
"""Settings that are tables of settings themselves."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one source: a file (`name` is its path), the `environment`, or `flag`s."""

    name: str
    values: Mapping[str, Any]


def table_prefix(table: str) -> str:
    """The prefix of the variables of a table's rows, followed by `<name>__<SETTING>`, the name as it is written; and of
    those of a section, followed by `<SETTING>`."""
    return f"{ENV_PREFIX}{table.upper()}__"


def read_file(file: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SettingError when it cannot be read, with line and column of what is wrong."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as problem:
        raise SettingError(f"config={file}: a readable TOML file is expected ({problem.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingError(f"config={file}: a TOML file is expected ({problem})") from None
    except RecursionError:
        raise SettingError(f"config={file}: a TOML file is expected (it is nested too deeply for settings)") from None


def read_environment(environ: Mapping[str, str], known: Collection[str]) -> dict[str, Any]:
    """The settings among environment variables; an empty one counts as not set.

    Of unknown names only those that look like a slip are taken (and will be refused). Those that Kubernetes and Docker
    set for a Service whose name begins with the product's are nobody's settings.
    """
    values: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for name, value in environ.items():
        if not name.startswith(ENV_PREFIX) or name == CONFIG_ENV or not value or _of_a_service(name, value):
            continue
        table = next((table for table in (*TABLES, *SECTIONS) if name.startswith(table_prefix(table))), None)
        if table in SECTIONS:
            tables = merge(tables, {table: {name.removeprefix(table_prefix(table)).lower(): value}})
        elif table:
            row, separator, key = name.removeprefix(table_prefix(table)).rpartition("__")
            tables = merge(tables, {table: {row: {key.lower(): value}} if separator else {key: value}})
        else:
            key = name.removeprefix(ENV_PREFIX).lower()
            if get_close_matches(key, known, n=1, cutoff=0.8):
                values[key] = _table(value)
    return merge(values, tables)


def _of_a_service(name: str, value: str) -> bool:
    """True when a container platform describes a Service with this variable, as Docker's links did (kubernetes.io,
    "Accessing Services", environment variables)."""
    return bool(_SERVICE.search(name)) or (name.endswith("_PORT") and bool(_SERVICE_URL.match(value)))


def _table(value: str) -> object:
    """A whole table in one variable is written as JSON."""
    try:
        return json.loads(value) if value.startswith("{") else value
    except (ValueError, RecursionError):
        return value


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `under`, table by table."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def origin(path: list[str], layers: list[Layer]) -> str:
    """The origin of the value at `path`, as ` (words)`; the last layer that has it wins. Empty when none has it."""
    for layer in reversed(layers):
        found: object = layer.values
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
        if found is not None:
            return f" ({_place(path, layer.name)})"
    return ""


def _place(path: list[str], source: str) -> str:
    if source == "flag":
        return {"routes": "--route", "auth_tokens": "--auth-token", "redact_patterns": "--redact-pattern"}.get(
            path[0], "--" + path[0].replace("_", "-")
        )
    if source == "environment":
        if len(path) == 1:
            return ENV_PREFIX + path[0].upper()
        if path[0] in SECTIONS:
            return table_prefix(path[0]) + path[1].upper()
        return "__".join([table_prefix(path[0]) + path[1], *(p.upper() for p in path[2:])])
    return source


def mask(value: object) -> str:
    """A value fit for a message: user names, passwords and query values of URLs are hidden."""
    text = str(value)
    head, at, rest = text.rpartition("@")
    if at:
        scheme, slashes, _ = head.partition("://")
        text = (scheme + slashes if slashes else "") + "***@" + rest
    path, mark, query = text.partition("?")
    hidden = "&".join(part.partition("=")[0] + "=***" if "=" in part else "***" for part in query.split("&"))
    return path + mark + (hidden if mark else "")
