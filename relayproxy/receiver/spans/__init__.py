"""Spans: what one says of its call, and what is kept of it.

Knows: attributes of spans.
Must not know: requests, other spans of its trace, the database.
"""
