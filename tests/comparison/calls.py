"""Calls that are compared: a caller who books a table, and an agent that does it in several ways.

Knows: the notation of scripts.
Must not know: what is compared.
"""

from collections.abc import Sequence

from relayproxy.comparison.model import Divergence, Run
from tests.script import script

CALLER = ("book me a table", "tomorrow at seven", "four of us")
AGENT = ("For when?", "For how many?", "Your table is booked.")
HANDOFF = '{"reasonCode":"booked","callId":"c1"}'


def call(
    latencies: Sequence[int] = (600, 700, 650),
    agent: Sequence[str] = AGENT,
    caller: Sequence[str] = CALLER,
    *,
    handoff: str = HANDOFF,
    extra: str = "",
    diverged: int | None = None,
) -> Run:
    """A call; `extra` are lines of the notation, by their times. A turn begins every 8 seconds, from 1.0 on."""
    lines, at = ["0.000 twilio setup sessionId=VX1 callSid=CA1"], 1.0
    for said, ms, answer in zip(caller, latencies, agent, strict=True):
        lines.append(f'{at:.3f} twilio prompt "{said}" last')
        lines.append(f'{at + ms / 1000:.3f} backend text "{answer}" last')
        at += 8
    ending = f"""
        40.000 backend end '{handoff}'
        40.100 twilio close 1000
        40.200 - gone first=twilio twilio=eof backend=eof
    """
    divergence = None if diverged is None else Divergence(diverged, "It asks for a name.")
    lines += [line for line in extra.splitlines() if line.strip()]
    lines.sort(key=lambda line: float(line.split()[0]))
    return Run(script("\n".join(lines) + ending), divergence)
