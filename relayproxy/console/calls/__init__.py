"""Parts that pages and documents share about a call: reading, turns, transcript, timeline, waterfall and sparkline.

Knows: one session as read from the database.
Must not know: which page shows it.
"""
