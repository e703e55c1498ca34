"""Writes to the database: sessions by the recorder, spans by the receiver; annotations, revocations, alerts and the
audit by the console; deletion.

Knows: transactions.
Must not know: how rows were derived.
"""
