"""Reads of the database: lists, sessions, recordings, search, heartbeats.

Knows: queries.
Must not know: writing sessions; how results are shown.
"""
