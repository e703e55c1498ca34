"""A made-up call of any length, as the recorder would feed it to the fold.

Knows: how a talkative call with partials, speaker events, streamed replies, interrupts and slips looks on the wire.
Must not know: what is derived of it.
"""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from relayproxy.connection import Opening, Side
from relayproxy.conversation.message import Message

SECOND = 1_000_000_000
SAID = "of course I can look that up for you right away just give me one moment please it is here now"
WORDS = SAID.split(" ")

OPENING = Opening(
    connection_id="0" * 32,
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    route="default",
    backend="ws://backend.example/ws",
    target="/",
    opened_at=1_788_000_000 * SECOND,
    peer="203.0.113.9:4711",
    status=101,
)


def long_call(turns: int, *, pause: float = 0.0, chunks: int = 40) -> Iterator[Message]:
    """The messages of so many turns, `pause` seconds more between them, up to `chunks` tokens a reply."""
    random, seq, t = Random(turns), 0, 0

    def message(sender: Side, after: float, **fields: Any) -> Message:
        nonlocal seq, t
        t += round(after * SECOND)
        text = json.dumps(fields)
        made = Message(seq, t, sender, "text", out=t + 60_000, text=text, size=len(text))
        seq += 1
        return made

    yield message("twilio", 0, type="setup", sessionId="VX1", callSid="CA1", customParameters={})
    for number in range(turns):
        yield message("twilio", pause + 0.2, type="info", name="clientSpeaking", value="on")
        for part in (2, 4, 6):
            yield message("twilio", 0.25, type="prompt", voicePrompt=" ".join(WORDS[:part]), lang="en", last=False)
        yield message("twilio", 0.4, type="info", name="clientSpeaking", value="off")
        yield message("twilio", 0, type="prompt", voicePrompt=f"Number {number}, please.", lang="en", last=True)
        for chunk in range(random.randint(2, chunks)):
            token = random.choice(WORDS) + " "
            yield message("backend", 0.03 if chunk else random.uniform(0.3, 3), type="text", token=token, last=False)
        yield message("backend", 0.03, type="text", token="That is all.", last=True)
        yield message("twilio", 0.3, type="info", name="agentSpeaking", value="on")
        if random.random() < 0.2:
            heard = {"utteranceUntilInterrupt": WORDS[0], "durationUntilInterruptMs": 600}
            yield message("twilio", 0.6, type="interrupt", **heard)
        if random.random() < 0.02:
            yield message("backend", 0.1, type="txt", token="a slip")
        yield message("twilio", 2, type="info", name="agentSpeaking", value="off")
