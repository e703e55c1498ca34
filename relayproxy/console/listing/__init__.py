"""The list of sessions: its page, facets, sorting and the charts above it.

Knows: what a list is narrowed and sorted by.
Must not know: what is shown of one session.
"""
