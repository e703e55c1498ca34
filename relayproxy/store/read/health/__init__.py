"""Health of processes and of the database, as it stands in the database or is seen of its file.

Knows: heartbeats, gaps of journals, a file's integrity.
Must not know: what is healthy and what is not.
"""
