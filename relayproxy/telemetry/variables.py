"""Environment variables that enable the export of spans.

Knows: their names, and what is secret in them.
Must not know: OpenTelemetry, whose import takes a recorder that exports nothing as long as all of its own code.
"""

import re
from collections.abc import Mapping

from relayproxy.errors import SettingError


def wanted(env: Mapping[str, str]) -> bool:
    """Whether spans are to be exported. Raises `SettingError` for an exporter that is not here."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = env.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter not in ("", "none", "otlp"):
        raise SettingError(f"OTEL_TRACES_EXPORTER={exporter}: otlp or none is expected")
    return bool(endpoint_of(env)) and exporter != "none"


def endpoint_of(env: Mapping[str, str]) -> str:
    """The URL that spans are to go to; empty when none is named."""
    return first(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")[1]


def place(endpoint: str) -> str:
    """Scheme, host and port: a path can hold a key as well as a query can."""
    found = re.match(r"([a-z][a-z0-9+.-]*://)?(?:[^/?#]*@)?([^/?#@]*)", endpoint, re.IGNORECASE)
    return f"{found[1] or ''}{found[2]}" if found else ""


def first(env: Mapping[str, str], *names: str) -> tuple[str, str]:
    """The first of these variables that is set and not empty, and its value."""
    return next(((name, env[name].strip()) for name in names if env.get(name, "").strip()), (names[-1], ""))
