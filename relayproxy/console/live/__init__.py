"""The live view: calls in progress as tiles, brought up to date by a change feed.

Knows: which calls live.
Must not know: ended calls.
"""
