"""How long tests wait for what must come, before they give it up.

Knows: that a machine that does much else may leave a process without a processor for a minute.
Must not know: what is waited for.
"""

PATIENCE = 300.0
"""Seconds. What comes within them is never late, and nothing is concluded from how long it took."""
