"""Settings of what is sent over OTLP: the table `[otel]`.

Knows: its settings, their defaults and the form of each; that they bear the short names of the standard `OTEL_…`
variables, which come before them.
Must not know: those variables, which are read in `otlp`; how anything is sent.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from relayproxy.settings.validators import file, secret_references, split_reference

Protocol = Literal["http/protobuf", "grpc"]
Compression = Literal["none", "gzip"]
Exporter = Literal["otlp", "none"]
Temporality = Literal["cumulative", "delta"]
SamplerName = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]
TraceShape = Literal["session", "turn"]
Semconv = Literal["stable", "experimental"]


def otlp_endpoint(value: str) -> str:
    """An `http://` or `https://` URL."""
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:  # its words repeat parts of the URL, which may be secrets
        url, port = urlsplit(""), None
    odd = not value.isascii() or re.search(r"[\x00-\x20\x7f#]", value)
    if url.scheme not in ("http", "https") or not url.hostname or port == 0 or odd:
        raise ValueError(
            "a URL that begins with http:// or https://, such as http://localhost:4318 (HTTP) or "
            "http://localhost:4317 (gRPC), is expected"
        )
    return value


def header_references(value: object) -> str:
    """Headers with references to their values, as a table or as `name=reference` separated by commas; returned as text
    separated by commas."""
    parts = [f"{name}={reference}" for name, reference in value.items()] if isinstance(value, Mapping) else value
    try:
        references = secret_references(parts)
    except ValueError:
        references = ""
    if not references or not all(split_reference(one)[0] for one in references.split(",")):
        # Never what was given: it may be the secret itself.
        raise ValueError(
            "names of headers with references to their values are expected, never the values themselves: "
            "authorization=env:NAME (a variable of that name) or authorization=file:PATH (a file that holds nothing "
            "else)"
        )
    return references


def attribute_pairs(value: object) -> str:
    """Attributes, as a table or as `name=value` separated by commas and percent-encoded; returned as such text."""
    pairs = dict(_flat(value)) if isinstance(value, Mapping) else split_pairs(str(value))
    return ",".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in pairs.items())


def split_pairs(text: str) -> dict[str, str]:
    """`name=value` separated by commas, percent-decoded. Raises ValueError."""
    pairs: dict[str, str] = {}
    for part in text.split(","):
        name, equals, found = (unquote(piece.strip()) for piece in part.partition("="))
        if not equals or not name:
            raise ValueError("name=value, separated by commas and percent-encoded, is expected")
        pairs[name] = found
    return pairs


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    # In TOML an unquoted a.b is a table in a table.
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value).lower() if isinstance(value, bool) else str(value)


Endpoint = Annotated[str, AfterValidator(otlp_endpoint)]
File = Annotated[Path, AfterValidator(file)]


class Otel(BaseModel):
    """What is sent over OTLP, where to and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: Endpoint | None = Field(
        default=None,
        description="URL of the collector or viewer, without /v1/traces; nothing is sent without one. "
        "OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    protocol: Protocol = Field(
        default="http/protobuf", description="http/protobuf or grpc. OTEL_EXPORTER_OTLP_PROTOCOL."
    )
    headers: Annotated[str, BeforeValidator(header_references)] | None = Field(
        default=None,
        description="Headers such as a key, by reference alone: authorization=env:NAME or authorization=file:PATH, "
        "separated by commas, or a table. OTEL_EXPORTER_OTLP_HEADERS, which holds the values themselves.",
    )
    certificate: File | None = Field(
        default=None,
        description="Certificates (PEM) of the authorities that the collector's is checked with; default: those of the "
        "system. OTEL_EXPORTER_OTLP_CERTIFICATE.",
    )
    client_certificate: File | None = Field(
        default=None,
        description="Certificate chain (PEM) that is shown to the collector (mTLS). "
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE.",
    )
    client_key: File | None = Field(
        default=None, description="Private key (PEM) of client_certificate. OTEL_EXPORTER_OTLP_CLIENT_KEY."
    )
    timeout: Annotated[float, Field(gt=0, le=300)] = Field(
        default=10.0,
        description="Seconds that a batch gets, tries after failures included. OTEL_EXPORTER_OTLP_TIMEOUT, which is in "
        "milliseconds.",
    )
    compression: Compression = Field(default="none", description="none or gzip. OTEL_EXPORTER_OTLP_COMPRESSION.")
    traces_exporter: Exporter = Field(default="otlp", description="otlp, or none: no spans. OTEL_TRACES_EXPORTER.")
    metrics_exporter: Exporter = Field(default="otlp", description="otlp, or none: no metrics. OTEL_METRICS_EXPORTER.")
    metrics_interval: Annotated[float, Field(ge=1, le=300)] = Field(
        default=60.0,
        description="Seconds from one sending of metrics to the next. OTEL_METRIC_EXPORT_INTERVAL, which is in "
        "milliseconds.",
    )
    metrics_temporality: Temporality = Field(
        default="cumulative",
        description="cumulative: counts since the start. delta: since the last sending, as Datadog and Dynatrace want "
        "it. OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE.",
    )
    sampler: SamplerName = Field(
        default="parentbased_always_on",
        description="Calls whose spans are sent: always_on, always_off, traceidratio, or with parentbased_ before "
        "these as a trusted front end's traceparent says, else so. OTEL_TRACES_SAMPLER.",
    )
    sampler_arg: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="Share of the calls with traceidratio, 0 to 1. OTEL_TRACES_SAMPLER_ARG."
    )
    resource_attributes: Annotated[str, BeforeValidator(attribute_pairs)] | None = Field(
        default=None,
        description="Attributes of everything that is sent, such as deployment.environment.name=production, separated "
        "by commas, or a table. OTEL_RESOURCE_ATTRIBUTES.",
    )
    service_name: str | None = Field(
        default=None, min_length=1, description="The service's name; default: relayproxy. OTEL_SERVICE_NAME."
    )
    trace_shape: TraceShape = Field(
        default="session",
        description="session: a call is one trace. turn: each turn is a trace of its own, with a link to the call's.",
    )
    content: bool = Field(
        default=False,
        description="Send what was said, too, redacted as the database is; never with record = metadata or none.",
    )
    semconv: Semconv = Field(
        default="stable",
        description="experimental: also attributes of GenAI conventions that are still drafts.",
    )
