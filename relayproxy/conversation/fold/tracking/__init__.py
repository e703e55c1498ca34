"""Tracking: which turn and which response each message belongs to.

Knows: what opens and closes turns; when the backend goes on, when it answers anew.
Must not know: how numbers are read off a turn; how a session ends.
"""
