"""What pages and documents share about a call: reading it, its turns, transcript, timeline, waterfall and sparkline.

Knows: one session as read from the database.
Must not know: which page shows it.
"""
