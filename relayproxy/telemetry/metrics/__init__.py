"""Metrics: the table of them, what is counted, and Prometheus' text.

Knows: names, labels, counts and histograms.
Must not know: OpenTelemetry; who asks.
"""
