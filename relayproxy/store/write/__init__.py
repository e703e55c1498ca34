"""Writes to the database: sessions by the recorder; annotations, revocations and the audit by the console.

Knows: transactions.
Must not know: how rows were derived.
"""
