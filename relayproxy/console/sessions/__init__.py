"""One session: its page, its raw messages, its download, its annotations.

Knows: what is shown of one session.
Must not know: lists of sessions.
"""
