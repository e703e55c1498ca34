"""The fold: messages of one session in, a conversation out.

Knows: turns, responses, interruptions and the session's ending while they are being written.
Must not know: how values are stored, shown or exported.
"""
