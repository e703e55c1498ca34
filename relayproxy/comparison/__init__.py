"""Comparison of calls: values in, differences out.

Knows: which facts of two conversations are laid side by side, what is noise, and what a limit is.
Must not know: sockets, files, SQL, HTML; how conversations came to be.
"""
