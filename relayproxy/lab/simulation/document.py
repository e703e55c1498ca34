"""JSON document of a run.

Knows: its version, and that it is the summary and the verdict.
Must not know: how calls are made and summed up.
"""

import msgspec

from relayproxy.lab.simulation.summary import SimulationSummary
from relayproxy.lab.simulation.verdict import Verdict

VERSION = 1
"""It changes when a field goes or means something else; fields may be added."""


def document(summary: SimulationSummary, verdict: Verdict) -> bytes:
    """The document, in lines that people can read."""
    head = {"version": VERSION, "kind": "simulation", "verdict": verdict}
    return msgspec.json.format(msgspec.json.encode(head | msgspec.structs.asdict(summary)), indent=2) + b"\n"
