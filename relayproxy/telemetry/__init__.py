"""Telemetry: export of spans over OTLP. The only package that imports OpenTelemetry."""
