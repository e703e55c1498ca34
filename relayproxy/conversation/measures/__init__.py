"""Numbers: how they are gathered, what each means, and the values that are drawn or exported from them.

Knows: turns and sessions as values.
Must not know: the fold's state.
"""
