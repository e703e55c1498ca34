"""Health: facts about processes and the database, what follows from them, and what to do.

Knows: what was observed just now.
Must not know: calls.
"""
