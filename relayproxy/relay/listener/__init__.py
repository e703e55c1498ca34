"""Listening side of the relay: its HTTP server, up to the end of a request's head; its limits and refusals.

Knows: accepting connections, limits, the count of what was refused.
Must not know: routes, handshakes, the journal.
"""
