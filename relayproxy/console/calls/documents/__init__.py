"""API documents about a call: sessions, turns, totals, and the codes and numbers in them.

Knows: every field of these.
Must not know: HTTP; pages.
"""
