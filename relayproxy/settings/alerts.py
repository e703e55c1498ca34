"""Settings of alerts: the tables `[alerts.NAME]` and `[webhooks.NAME]`.

Knows: their settings, the unit of each kind's limit, which belong together, where a webhook's secrets are.
Must not know: how anything is measured or sent.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relayproxy.errors import SettingError
from relayproxy.settings.otel import otlp_endpoint
from relayproxy.settings.references import secret_at, secret_reference, variables
from relayproxy.settings.validators import plain_name

AlertKind = Literal["p95_latency", "waiting", "failure_rate", "gaps", "no_calls", "disk", "recorder_behind"]
WebhookFormat = Literal["generic", "slack", "pagerduty"]
Severity = Literal["critical", "error", "warning", "info"]

MOST = 100
"""Alerts that may be set; webhooks: as many."""
PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
SHARES: frozenset[AlertKind] = frozenset({"failure_rate", "disk"})
"""Kinds whose limit is a share, 0 to 1."""
OF_MACHINES: frozenset[AlertKind] = frozenset({"disk", "recorder_behind"})
"""Kinds that are not about calls of a route."""
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(value: object) -> object:
    """Seconds: a number, or one with `s`, `m`, `h` or `d` behind it, such as 90s or 10m."""
    if not isinstance(value, str):
        return value
    # As Python writes a number of the file: with many digits, and small ones as 5e-05.
    found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,30})?(?:e-\d{1,3})?)\s*([smhd]?)\s*", value, re.ASCII)
    if found is None:
        raise ValueError("a number, or a time such as 90s, 10m or 2h, is expected")
    return float(found[1]) * _UNITS[found[2]]


def webhook_names(value: object) -> str:
    """Names of webhooks, as a list or separated by commas; returned as such text."""
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    return ",".join(plain_name(str(part).strip()) for part in parts)


def webhook_url(value: str) -> str:
    """An http(s) URL, or a reference to one."""
    if value.startswith(("env:", "file:")):
        return secret_reference(value)
    try:
        otlp_endpoint(value)
    except ValueError:
        raise ValueError(
            "a URL that begins with http:// or https://, or a reference to one (env:NAME or file:PATH), is expected"
        ) from None
    if "@" in urlsplit(value).netloc:
        raise ValueError("a URL without user name and password is expected, or a reference: env:NAME or file:PATH")
    return value


Name = Annotated[str, AfterValidator(plain_name)]
Duration = Annotated[float, BeforeValidator(duration), Field(allow_inf_nan=False)]
Reference = Annotated[str, AfterValidator(secret_reference)]


class Alert(BaseModel):
    """A rule: it fires while what it measures is above its limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: AlertKind = Field(
        description="What is measured: p95_latency, waiting, failure_rate, gaps, no_calls, disk or recorder_behind."
    )
    above: Annotated[Duration, Field(ge=0)] = Field(
        description="The limit: seconds or a time such as 10m (p95_latency, waiting, no_calls, recorder_behind), a "
        "share from 0 to 1 (failure_rate, disk), or a number (gaps)."
    )
    route: str | None = Field(default=None, description="Calls of that route alone; default: all calls.")
    window: Annotated[Duration, Field(ge=60, le=86_400)] = Field(
        default=600.0,
        description="The time that is looked back on (p95_latency, failure_rate, gaps): 1m to 24h; default: 10m.",
    )
    min_samples: int = Field(
        default=20,
        ge=1,
        description="Answers (p95_latency) or ended calls (failure_rate) without which it never fires; default: 20.",
    )
    resolve_after: Annotated[Duration, Field(ge=0, le=86_400)] = Field(
        default=120.0,
        description="How long all must be well again, a tenth below the limit, before it is over; default: 2m.",
    )
    severity: Severity = Field(default="warning", description="critical, error, warning or info; default: warning.")
    webhooks: Annotated[str, BeforeValidator(webhook_names)] | None = Field(
        default=None, description="Names of the webhooks that are told, separated by commas; default: all."
    )


class Webhook(BaseModel):
    """An address that is told when an alert fires and when it is over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(webhook_url)] | None = Field(
        default=None,
        repr=False,
        description="Its URL, or where that is: env:NAME or file:PATH; of slack by reference alone. PagerDuty's own is "
        "known.",
    )
    format: WebhookFormat = Field(
        default="generic", description="What is sent: generic (JSON), slack or pagerduty; default: generic."
    )
    secret: Reference | None = Field(
        default=None,
        description="Where the secret is that requests are signed with (generic), or the integration key (pagerduty): "
        "env:NAME or file:PATH.",
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook as it is called. `url` and `secret` may not be shown; `place` may."""

    name: str
    format: WebhookFormat
    url: str = field(repr=False)
    secret: str | None = field(repr=False)

    @property
    def place(self) -> str:
        """Scheme, host and port of the URL."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def require_alerts(
    alerts: Mapping[str, Alert],
    webhooks: Mapping[str, Webhook],
    routes: Collection[str],
    env: Mapping[str, str] | None = None,
) -> None:
    """Raises SettingError for what does not fit together, or a secret that cannot be read."""
    for table, names in (("alerts", alerts), ("webhooks", webhooks)):
        if len(names) > MOST:
            raise SettingError(f"{table}: at most {MOST} are expected, and there are {len(names)}")
    endpoints(webhooks, env)
    for name, alert in alerts.items():
        where = f"alerts.{name}"
        if alert.kind in SHARES and not alert.above < 1:
            raise SettingError(f"{where}.above={alert.above:g}: a share from 0 to 1 is expected with {alert.kind}")
        if alert.route is not None and alert.kind in OF_MACHINES:
            raise SettingError(f"{where}.route={alert.route}: no route is expected with {alert.kind}")
        if alert.route is not None and alert.route not in routes:
            raise SettingError(f"{where}.route={alert.route}: one of the routes is expected: {', '.join(routes)}")
        for one in told_webhooks(alert, webhooks):
            if one not in webhooks:
                raise SettingError(f"{where}.webhooks={alert.webhooks}: there is no [webhooks.{one}]")


def told_webhooks(alert: Alert, webhooks: Collection[str]) -> tuple[str, ...]:
    """The names of the webhooks that an alert is told to."""
    return tuple(alert.webhooks.split(",")) if alert.webhooks else tuple(webhooks)


def endpoints(webhooks: Mapping[str, Webhook], env: Mapping[str, str] | None = None) -> dict[str, Endpoint]:
    """All webhooks by name, with their secrets. Raises SettingError."""
    return {name: endpoint(name, webhook, env) for name, webhook in webhooks.items()}


def endpoint(name: str, webhook: Webhook, env: Mapping[str, str] | None = None) -> Endpoint:
    """The webhook with its secrets. Raises SettingError, which names none of them."""
    where = f"webhooks.{name}"
    given = webhook.url or (PAGERDUTY if webhook.format == "pagerduty" else None)
    if given is None:
        raise SettingError(f"{where}.url is not set: a URL, or where it is, is expected: env:NAME or file:PATH")
    url = given
    if given.startswith(("env:", "file:")):
        url = _read(f"{where}.url", given, "the URL", env)
        try:
            otlp_endpoint(url)
        except ValueError:
            raise SettingError(f"{where}.url={given}: a URL that begins with https:// is expected there") from None
    elif webhook.format == "slack":
        raise SettingError(
            f"{where}.url: a reference such as env:NAME or file:PATH is expected, since whoever knows Slack's URL can "
            "write there"
        )
    if webhook.format == "pagerduty" and webhook.secret is None:
        raise SettingError(
            f"{where}.secret is not set: where the integration key of PagerDuty is, is expected: env:NAME or file:PATH"
        )
    if webhook.format == "slack" and webhook.secret is not None:
        raise SettingError(f"{where}.secret: none is expected with slack, whose URL is the secret")
    secret = None if webhook.secret is None else _read(f"{where}.secret", webhook.secret, "the secret", env)
    return Endpoint(name, webhook.format, url, secret)


def alert_variables(webhooks: Mapping[str, Webhook]) -> frozenset[str]:
    """The environment variables that hold secrets of webhooks."""
    return variables(_references(webhooks))


def _references(webhooks: Mapping[str, Webhook]) -> Iterator[str]:
    for webhook in webhooks.values():
        for one in (webhook.url, webhook.secret):
            if one is not None and one.startswith(("env:", "file:")):
                yield one


def _read(name: str, reference: str, what: str, env: Mapping[str, str] | None) -> str:
    try:
        return secret_at(reference, what, env)
    except ValueError as problem:
        raise SettingError(f"{name}={reference}: {problem}") from None
