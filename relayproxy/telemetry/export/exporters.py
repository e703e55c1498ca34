"""OpenTelemetry's OTLP exporters, made from the settings in force.

Knows: how they take an endpoint, headers, certificates and the rest.
Must not know: where settings come from; what is sent.
"""

from pathlib import Path

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import SpanExporter

from relayproxy.settings.otlp import OtlpExport
from relayproxy.telemetry.export.causes import Causes, Session

HTTP_COMPRESSION = {"none": Compression.NoCompression, "gzip": Compression.Gzip}
GRPC_COMPRESSION = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}


def span_exporter(way: OtlpExport, causes: Causes) -> SpanExporter:
    """The exporter that sends spans that way; all is told to it, so that it reads no variable of its own."""
    if way.protocol == "grpc":
        return GrpcExporter(
            endpoint=way.endpoint,
            insecure=is_plain(way),
            credentials=None if is_plain(way) else credentials(way),
            headers=dict(way.headers),
            timeout=way.timeout,
            compression=GRPC_COMPRESSION[way.compression],
        )
    return HttpExporter(
        endpoint=way.endpoint,
        certificate_file=way.certificate,
        client_key_file=way.client_key,
        client_certificate_file=way.client_certificate,
        headers=dict(way.headers),
        timeout=way.timeout,
        compression=HTTP_COMPRESSION[way.compression],
        session=Session(causes),
    )


def is_plain(way: OtlpExport) -> bool:
    """True when there is no TLS."""
    return way.endpoint.lower().startswith("http:")


def credentials(way: OtlpExport) -> grpc.ChannelCredentials:
    """Certificates and key for a gRPC channel with TLS."""
    chain = _content(way.client_certificate)
    # A chain's file may hold the key as well.
    return grpc.ssl_channel_credentials(_content(way.certificate), _content(way.client_key) or chain, chain)


def _content(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
