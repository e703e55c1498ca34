"""What is written to the database: sessions by the recorder; annotations and the audit by the console.

Knows: transactions.
Must not know: how rows were derived.
"""
