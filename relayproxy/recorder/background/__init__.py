"""Work beside recording, each kind in a thread of the recorder's process: deletion, moving recordings, rolling up.

Knows: how often each is done, and how it is told that one cannot be.
Must not know: SQL, the play loop.
"""
