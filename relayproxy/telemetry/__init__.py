"""What leaves over OTLP. The only package that imports OpenTelemetry."""
