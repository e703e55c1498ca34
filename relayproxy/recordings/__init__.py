"""Recordings of single sessions: read from files and from the database, folded, written in other forms, imported.

Knows: what a recorded call is made of, and where one is read.
Must not know: HTTP, HTML, SQL, the journal, how calls are made again.
"""
