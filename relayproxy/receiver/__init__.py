"""Receiver: takes the spans of backends over OTLP, joins them to sessions and passes them on."""
