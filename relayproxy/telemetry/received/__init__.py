"""Received OTLP: trace requests in protobuf and in JSON, and the answers to them.

Knows: OTLP's encodings.
Must not know: HTTP, gRPC, sessions, what is kept.
"""
