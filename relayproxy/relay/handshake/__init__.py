"""Handshakes of a call: Twilio's, and the one with the backend.

Knows: which requests become calls, where they lead, what the backend gets, and whether Twilio has signed them.
Must not know: messages; the journal; what happens after the 101.
"""
