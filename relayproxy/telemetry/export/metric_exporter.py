"""OpenTelemetry's OTLP exporter of metrics, made from the settings in force.

Knows: as much as `exporters` does of those of spans.
Must not know: where settings come from; what is sent.
"""

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.sdk.metrics.export import MetricExporter

from relayproxy.settings.otlp import OtlpExport
from relayproxy.telemetry.export.causes import Causes, Session
from relayproxy.telemetry.export.exporters import GRPC_COMPRESSION, HTTP_COMPRESSION, credentials, is_plain

MAX_POINTS = 2000
"""Points in one request: over gRPC, collectors take no more than 4 MB unless told."""


def metric_exporter(way: OtlpExport, causes: Causes) -> MetricExporter:
    """The exporter that sends metrics that way; all is told to it, so that it reads no variable of its own."""
    if way.protocol == "grpc":
        return GrpcExporter(
            endpoint=way.endpoint,
            insecure=is_plain(way),
            credentials=None if is_plain(way) else credentials(way),
            headers=dict(way.headers),
            timeout=way.timeout,
            compression=GRPC_COMPRESSION[way.compression],
            max_export_batch_size=MAX_POINTS,
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
        max_export_batch_size=MAX_POINTS,
    )
