"""Deletion of what has been kept for long enough, and of what is to be erased.

Knows: retention, orders and receipts, everything that holds something of a session, and how it leaves the files.
Must not know: settings; who may order; the journal's files.
"""
