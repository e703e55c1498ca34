"""Bytes of one WebSocket connection into messages.

Knows: RFC 6455, RFC 7692.
Must not know: the journal's format, sessions, the conversation.
"""
