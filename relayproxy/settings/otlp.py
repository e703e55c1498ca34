"""OTLP export in force: the standard `OTEL_…` variables before the table `[otel]`.

Knows: these variables, which of them is for traces or metrics alone, and which of their values are secret.
Must not know: OpenTelemetry, which a process that exports nothing does not import: that takes as long as all of its
own code.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from relayproxy.errors import SettingError
from relayproxy.settings.otel import (
    Compression,
    Exporter,
    Otel,
    Protocol,
    SamplerName,
    Temporality,
    otlp_endpoint,
    split_pairs,
)
from relayproxy.settings.references import secret_at, variables
from relayproxy.settings.sources import mask
from relayproxy.settings.validators import file, split_reference

if TYPE_CHECKING:
    import ssl

Env = Mapping[str, str]
Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics")
"""What is made here. Logs of others are only passed on."""
LONGEST_TIMEOUT = 300.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class OtlpExport:
    """Where and how spans or metrics are sent. `endpoint` is the whole URL; certificates are paths."""

    endpoint: str
    protocol: Protocol
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    certificate: str | None
    client_certificate: str | None
    client_key: str | None
    timeout: float
    compression: Compression

    @property
    def place(self) -> str:
        """Scheme, host and port; the rest of the URL may be secret."""
        return place(self.endpoint)


@dataclass(frozen=True, slots=True)
class Sampler:
    """Choice of the calls whose spans are sent, by their trace ids, as OpenTelemetry's samplers choose."""

    name: SamplerName
    ratio: float

    def sampled(self, trace_id: str, parent: bool | None = None) -> bool:
        """True when the spans of that trace are to be sent; `parent`: what the caller's own traceparent says."""
        if parent is not None and self.name.startswith("parentbased_"):
            return parent
        kind = self.name.removeprefix("parentbased_")
        return kind == "always_on" or (kind == "traceidratio" and int(trace_id[16:], 16) < round(self.ratio * 2**64))


@dataclass(frozen=True, slots=True)
class Batching:
    """Spans that wait at most, spans of a batch at most, and seconds from batch to batch."""

    queue: int
    batch: int
    delay: float


@dataclass(frozen=True, slots=True)
class Reading:
    """How metrics are sent: every so many seconds, counted since the start or since the last time."""

    every: float
    temporality: Temporality


def require_otlp(otel: Otel, environ: Env | None = None) -> None:
    """Raises SettingError for whatever cannot be used: its name, its value unless that may be secret, what is
    expected."""
    # The relay tells backends whether a trace is sampled, wherever spans go.
    sampler(otel, environ)
    found = [otlp_export(otel, signal, environ) for signal in SIGNALS]
    if any(found):
        reading(otel, environ)
        batching(environ)
        resource_attributes(otel, environ)


def otlp_export(otel: Otel, signal: Signal, environ: Env | None = None) -> OtlpExport | None:
    """The way of this signal; None when it is not to be sent. Raises SettingError."""
    env = os.environ if environ is None else environ
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    given = _Given(env, signal)
    wanted = getattr(otel, f"{signal}_exporter", "otlp")
    exporter = _read(env, (f"OTEL_{signal.upper()}_EXPORTER",), _one_of(Exporter), wanted)
    endpoint = given("ENDPOINT", otlp_endpoint, otel.endpoint)
    if endpoint is None or exporter == "none":
        return None
    protocol: Protocol = given("PROTOCOL", _one_of(Protocol), otel.protocol)
    if protocol == "http/protobuf" and not given.name("ENDPOINT").startswith(f"OTEL_EXPORTER_OTLP_{signal.upper()}_"):
        path, mark, query = endpoint.partition("?")
        endpoint = f"{path.rstrip('/')}/v1/{signal}{mark}{query}"
    if protocol == "grpc" and "@" in endpoint:
        raise SettingError(
            f"{given.name('ENDPOINT')}={mask(endpoint)}: a URL without user name and password is expected with grpc"
        )
    headers = given("HEADERS", _headers, None, secret=True)
    return OtlpExport(
        endpoint,
        protocol,
        _header_values(otel, env) if headers is None else headers,
        *_certificates(given, otel),
        given("TIMEOUT", _milliseconds, otel.timeout),
        given("COMPRESSION", _one_of(Compression), otel.compression),
    )


def sampler(otel: Otel, environ: Env | None = None) -> Sampler:
    """The sampler in force. Raises SettingError."""
    env = os.environ if environ is None else environ
    return Sampler(
        _read(env, ("OTEL_TRACES_SAMPLER",), _one_of(SamplerName), otel.sampler),
        _read(env, ("OTEL_TRACES_SAMPLER_ARG",), _share, otel.sampler_arg),
    )


def batching(environ: Env | None = None) -> Batching:
    """The batches of spans. The queue is longer than OpenTelemetry's own: a recorder that catches up makes bursts of
    them. Raises SettingError."""
    env = os.environ if environ is None else environ
    queue = _read(env, ("OTEL_BSP_MAX_QUEUE_SIZE",), _count, 16 * 1024)
    batch = _read(env, ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE",), _count, min(512, queue))
    if batch > queue:
        raise SettingError(
            f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE={batch}: at most OTEL_BSP_MAX_QUEUE_SIZE is expected, which is {queue}"
        )
    return Batching(queue, batch, _read(env, ("OTEL_BSP_SCHEDULE_DELAY",), _milliseconds, 5.0))


def reading(otel: Otel, environ: Env | None = None) -> Reading:
    """How metrics are sent. Raises SettingError."""
    env = os.environ if environ is None else environ
    preference = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    return Reading(
        max(1.0, _read(env, ("OTEL_METRIC_EXPORT_INTERVAL",), _milliseconds, otel.metrics_interval)),
        _read(env, (preference,), _temporality, otel.metrics_temporality),
    )


def resource_attributes(otel: Otel, environ: Env | None = None) -> dict[str, str]:
    """The attributes of everything that is sent, as far as they are set. Raises SettingError."""
    env = os.environ if environ is None else environ
    found = split_pairs(otel.resource_attributes) if otel.resource_attributes else {}
    if otel.service_name:
        found["service.name"] = otel.service_name
    found |= _read(env, ("OTEL_RESOURCE_ATTRIBUTES",), split_pairs, {})
    name = env.get("OTEL_SERVICE_NAME", "").strip()
    return found | ({"service.name": name} if name else {})


def header_variables(otel: Otel) -> frozenset[str]:
    """The environment variables that hold values of headers by reference."""
    return variables(otel.headers.split(",") if otel.headers else ())


def place(endpoint: str) -> str:
    """Scheme, host and port of a URL; user, path and query, which can hold secrets, are left out."""
    found = re.match(r"([a-z][a-z0-9+.-]*://)?(?:[^/?#]*@)?([^/?#@]*)", endpoint, re.IGNORECASE)
    return f"{found[1] or ''}{found[2]}" if found else ""


class _Given:
    """The variables of a signal: `OTEL_EXPORTER_OTLP_TRACES_…` before `OTEL_EXPORTER_OTLP_…`."""

    def __init__(self, env: Env, signal: Signal) -> None:
        self._env = env
        self._signal = signal.upper()

    def __call__(self, what: str, check: Callable[[str], Any], otherwise: Any, *, secret: bool = False) -> Any:
        return _read(self._env, self._names(what), check, otherwise, secret=secret)

    def name(self, what: str) -> str:
        """The variable that is set; else the name of the setting."""
        return _first(self._env, self._names(what))[0] or f"otel.{what.lower()}"

    def _names(self, what: str) -> tuple[str, str]:
        return f"OTEL_EXPORTER_OTLP_{self._signal}_{what}", f"OTEL_EXPORTER_OTLP_{what}"


def _first(env: Env, names: tuple[str, ...]) -> tuple[str, str]:
    return next(((name, env[name].strip()) for name in names if env.get(name, "").strip()), ("", ""))


def _read(
    env: Env, names: tuple[str, ...], check: Callable[[str], Any], otherwise: Any, *, secret: bool = False
) -> Any:
    name, text = _first(env, names)
    if not name:
        return otherwise
    try:
        return check(text)
    except ValueError as problem:
        raise SettingError(f"{name}={'***' if secret else mask(text)}: {problem}") from None


def _one_of(kind: Any) -> Callable[[str], str]:
    words = get_args(kind)

    def check(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"{', '.join(words[:-1])} or {words[-1]} is expected")
        return text.lower()

    return check


def _temporality(text: str) -> str:
    # Of the standard's third, sums and histograms are as with delta.
    kind = "delta" if text.lower() == "lowmemory" else text.lower()
    if kind not in get_args(Temporality):
        raise ValueError("cumulative, delta or lowmemory is expected")
    return kind


def _milliseconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 0 < int(text) <= LONGEST_TIMEOUT * 1000:
        raise ValueError(f"milliseconds, 1 to {LONGEST_TIMEOUT * 1000:.0f}, are expected")
    return int(text) / 1000


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) == 0:
        raise ValueError("a number of spans, 1 to 9999999, is expected")
    return int(text)


def _share(text: str) -> float:
    if not re.fullmatch(r"[0-9]*\.?[0-9]+(?:[eE]-?[0-9]+)?", text) or not 0 <= float(text) <= 1:
        raise ValueError("a share of the calls, 0 to 1, is expected")
    return float(text)


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    try:
        pairs = split_pairs(text.strip().strip(","))
        return tuple((name.lower(), _header(name, value)) for name, value in pairs.items())
    except ValueError:
        raise ValueError(
            "headers as name=value, separated by commas and percent-encoded, are expected, such as "
            "authorization=Bearer%20…"
        ) from None


def _header(name: str, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", name):
        raise ValueError("the name of a header is expected before the =")
    if not value or not value.isascii() or not value.isprintable():
        raise ValueError("it is empty" if not value else "it has characters that no header can have")
    return value


def _header_values(otel: Otel, env: Env) -> tuple[tuple[str, str], ...]:
    """The headers of the table, read where their references lead."""
    found = []
    for reference in otel.headers.split(",") if otel.headers else ():
        name, _, _ = split_reference(reference)
        assert name is not None
        try:
            found.append((name.lower(), _header(name, secret_at(reference, "the value of that header", env))))
        except ValueError as problem:
            raise SettingError(f"otel.headers={reference}: {problem}") from None
    return tuple(found)


def _certificates(given: _Given, otel: Otel) -> tuple[str | None, str | None, str | None]:
    """Paths of the authorities' certificates, the client's and its key, once it is known that they can be used."""

    def path(what: str, otherwise: Path | None) -> str | None:
        found = given(what, lambda text: file(Path(text)), otherwise)
        return None if found is None else str(found)

    authorities = path("CERTIFICATE", otel.certificate)
    client, key = path("CLIENT_CERTIFICATE", otel.client_certificate), path("CLIENT_KEY", otel.client_key)
    if authorities:
        try:
            _tls().load_verify_locations(authorities)
        except (OSError, ValueError):
            raise SettingError(
                f"{given.name('CERTIFICATE')}={authorities}: a file with certificates (PEM) is expected"
            ) from None
    if key and not client:
        raise SettingError(
            f"{given.name('CLIENT_KEY')}={key}: the certificate that it belongs to is expected, too, as "
            "otel.client_certificate or OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
        )
    if client:
        try:
            # Else OpenSSL asks for it at the terminal.
            _tls().load_cert_chain(client, key, password="")
        except (OSError, ValueError):
            where = f"{given.name('CLIENT_CERTIFICATE')}={client}" + (
                f", {given.name('CLIENT_KEY')}={key}" if key else ""
            )
            raise SettingError(
                f"{where}: a certificate chain and its private key without a password (PEM) are expected"
            ) from None
    return authorities, client, key


def _tls() -> "ssl.SSLContext":
    import ssl  # which takes time, and most processes send nothing

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
