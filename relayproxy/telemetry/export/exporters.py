"""OpenTelemetry's OTLP exporters of spans and of metrics, made from the settings in force.

Knows: how they take an endpoint, headers, certificates and the rest.
Must not know: where settings come from; what is sent.

All is told to an exporter, so that it reads no variable of its own.
"""

from pathlib import Path
from typing import TypedDict

import grpc
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from relayproxy.settings.otlp import OtlpExport
from relayproxy.telemetry.export.causes import Causes, Session

MAX_POINTS = 2000
"""Points in one request: over gRPC, collectors take no more than 4 MB unless told."""
_HTTP_COMPRESSION = {"none": Compression.NoCompression, "gzip": Compression.Gzip}
_GRPC_COMPRESSION = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}


class _Grpc(TypedDict):
    endpoint: str
    insecure: bool
    credentials: grpc.ChannelCredentials | None
    headers: dict[str, str]
    timeout: float
    compression: grpc.Compression


class _Http(TypedDict):
    endpoint: str
    certificate_file: str | None
    client_key_file: str | None
    client_certificate_file: str | None
    headers: dict[str, str]
    timeout: float
    compression: Compression
    session: Session


def span_exporter(way: OtlpExport, causes: Causes) -> SpanExporter:
    """The exporter that sends spans that way."""
    if way.protocol == "grpc":
        return GrpcSpans(**_grpc(way))
    return HttpSpans(**_http(way, causes))


def metric_exporter(way: OtlpExport, causes: Causes, most: int | None = MAX_POINTS) -> MetricExporter:
    """The exporter that sends metrics that way, at most so many points in one request."""
    if way.protocol == "grpc":
        return GrpcMetrics(**_grpc(way), max_export_batch_size=most)
    return HttpMetrics(**_http(way, causes), max_export_batch_size=most)


def _grpc(way: OtlpExport) -> _Grpc:
    plain = way.endpoint.lower().startswith("http:")
    return _Grpc(
        endpoint=way.endpoint,
        insecure=plain,
        credentials=None if plain else _credentials(way),
        headers=dict(way.headers),
        timeout=way.timeout,
        compression=_GRPC_COMPRESSION[way.compression],
    )


def _http(way: OtlpExport, causes: Causes) -> _Http:
    return _Http(
        endpoint=way.endpoint,
        certificate_file=way.certificate,
        client_key_file=way.client_key,
        client_certificate_file=way.client_certificate,
        headers=dict(way.headers),
        timeout=way.timeout,
        compression=_HTTP_COMPRESSION[way.compression],
        session=Session(causes),
    )


def _credentials(way: OtlpExport) -> grpc.ChannelCredentials:
    """Certificates and key for a gRPC channel with TLS."""
    chain = _content(way.client_certificate)
    # A chain's file may hold the key as well.
    return grpc.ssl_channel_credentials(_content(way.certificate), _content(way.client_key) or chain, chain)


def _content(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
