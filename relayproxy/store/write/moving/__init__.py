"""Moving of recordings: out of the database into a bucket or a folder, back, and away from there.

Knows: in which order an object is written, named by its row and deleted, so that nothing is lost at any moment.
Must not know: threads, settings, what a recording says.
"""
