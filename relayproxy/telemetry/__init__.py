"""Telemetry: spans and metrics over OTLP, metrics for Prometheus, and OTLP that is received. The only package that
imports OpenTelemetry and Prometheus' client."""
