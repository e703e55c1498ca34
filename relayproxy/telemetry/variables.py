"""Environment variables that enable the export of spans.

Knows: their names, and which parts of their values are secret.
Must not know: OpenTelemetry, which a recorder that exports nothing does not import: that takes as long as all of its
own code.
"""

import re
from collections.abc import Mapping

from relayproxy.errors import SettingError


def wanted(env: Mapping[str, str]) -> bool:
    """True when spans are to be exported. Raises `SettingError` for an exporter other than otlp and none."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = env.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter not in ("", "none", "otlp"):
        raise SettingError(f"OTEL_TRACES_EXPORTER={exporter}: otlp or none is expected")
    return bool(endpoint_of(env)) and exporter != "none"


def endpoint_of(env: Mapping[str, str]) -> str:
    """The URL to which spans are sent; empty when none is set."""
    return first(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")[1]


def place(endpoint: str) -> str:
    """Scheme, host and port of a URL; user, path and query, which can hold secrets, are left out."""
    found = re.match(r"([a-z][a-z0-9+.-]*://)?(?:[^/?#]*@)?([^/?#@]*)", endpoint, re.IGNORECASE)
    return f"{found[1] or ''}{found[2]}" if found else ""


def first(env: Mapping[str, str], *names: str) -> tuple[str, str]:
    """Name and value of the first of these variables that is not empty; else the last name and no text."""
    return next(((name, env[name].strip()) for name in names if env.get(name, "").strip()), (names[-1], ""))
