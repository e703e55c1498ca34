"""Two sessions side by side.

Knows: which two are asked for, and how their comparison is shown.
Must not know: what counts as a difference.
"""
