"""What is read from the database.

Knows: queries.
Must not know: writing sessions; how results are shown.
"""
