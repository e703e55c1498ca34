"""Sessions of the recorder: which session a connection belongs to, its fold, and the rows that follow.

Knows: sessions that live, and stored ones that go on; attempts that never became one.
Must not know: the journal, decoding, SQL, what a commit is.
"""
