"""Shadow: copies what callers say to a second backend, and records its answers, which go nowhere.

Knows: which calls are copied, the second backend's connection, and when it is given up.
Must not know: messages; anything that a call could wait for.
"""
