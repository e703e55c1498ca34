"""Export of spans and metrics over OTLP.

Knows: OpenTelemetry's SDK and exporters, and what collectors answer.
Must not know: how values were derived or counted.
"""
