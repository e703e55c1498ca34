"""Objects: immutable bytes under keys, in a bucket that speaks S3 or in a folder.

Knows: how objects are written so that they are there for good, read, listed and deleted; what a place that does not
answer is called. The only package that knows obstore.
Must not know: what is in an object; databases; settings.
"""
