"""Health: facts about processes and the database, their diagnosis, and remedies.

Knows: what was observed just now.
Must not know: calls.
"""
