"""JSON document of a comparison.

Knows: its version, and what is beside the comparison in it.
Must not know: how differences are found.
"""

from typing import Any

import msgspec

from relayproxy.comparison.model import Comparison
from relayproxy.comparison.sentences import verdict
from relayproxy.text import mended

VERSION = 1
"""It changes when a field goes or means something else; fields may be added."""


def document(comparison: Comparison, before: str, after: str) -> dict[str, Any]:
    """The document of the comparison of what has these names, as a value."""
    exceeded = len(comparison.exceeded)
    found = {"within_limits": not exceeded, "exceeded": exceeded, "text": verdict(comparison)}
    sides = {"before": mended(before), "after": mended(after), "noise_known": comparison.noise_known}
    head = {"version": VERSION, "kind": "comparison", "verdict": found, **sides}
    return head | msgspec.structs.asdict(comparison)


def encoded(value: dict[str, Any]) -> bytes:
    """A document in lines that people can read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
