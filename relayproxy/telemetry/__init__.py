"""What leaves over OTLP. The only room that imports OpenTelemetry."""
