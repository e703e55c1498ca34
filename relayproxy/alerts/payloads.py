"""Payloads of webhooks: what is sent for an alert, and its signature.

Knows: the templates of each format; that nothing of what was said and no number of a person is in what they get.
Must not know: how it is sent.
"""

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from relayproxy import __version__
from relayproxy.assets import web_dir
from relayproxy.settings.alerts import AlertKind, Endpoint, Severity

Event = Literal["trigger", "resolve", "test"]
TIMESTAMP, SIGNATURE, ID = "X-Relayproxy-Timestamp", "X-Relayproxy-Signature", "X-Relayproxy-Id"


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of an alert. Times are RFC 3339; `value` is in the unit of the limit."""

    id: str
    """The same for every try of one event."""
    event: Event
    dedup_key: str
    """The same for all that is told of one firing."""
    alert: str
    kind: AlertKind
    severity: Severity
    route: str | None
    summary: str
    value: float | None
    worst: float | None
    limit: float | None
    samples: int | None
    window_s: float | None
    opened_at: str
    resolved_at: str | None
    resolved_because: str | None
    url: str
    """Of the console's page of alerts."""
    session_url: str | None
    """Of a session to look at."""


def moment(ns: int) -> str:
    """Wall nanoseconds as RFC 3339, in UTC, whole seconds."""
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(web_dir() / "templates" / "alerts"),
        autoescape=False,  # noqa: S701 (JSON, every value of which is written by tojson)
        undefined=StrictUndefined,
    )


def render_payload(endpoint: Endpoint, notice: Notice) -> bytes:
    """The body of the request: JSON in the endpoint's format."""
    text = (
        _templates()
        .get_template(f"{endpoint.format}.json")
        .render(asdict(notice), key=endpoint.secret, version=__version__)
    )
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(endpoint: Endpoint, notice: Notice, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of the request; `timestamp` is in seconds. A generic webhook with a secret is signed: `v1=` and the
    HMAC-SHA256, in hex digits, of the timestamp, a full stop and the body."""
    found = {
        "Content-Type": "application/json",
        "User-Agent": f"relayproxy/{__version__}",
        ID: notice.id,
        TIMESTAMP: str(timestamp),
    }
    if endpoint.format == "generic" and endpoint.secret is not None:
        signed = str(timestamp).encode() + b"." + body
        found[SIGNATURE] = "v1=" + hmac.new(endpoint.secret.encode(), signed, hashlib.sha256).hexdigest()
    return found
