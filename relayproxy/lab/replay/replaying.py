"""Replay of many recorded calls, several times, against one backend or two.

Knows: how calls are spread over recordings and backends.
Must not know: how a call goes; what its result is compared with.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from relayproxy.comparison.divergence import BELOW
from relayproxy.conversation.model import Conversation
from relayproxy.lab.replay.performing import Replayed, perform
from relayproxy.lab.replay.script import Script
from relayproxy.lab.simulation.calls_at_once import MakeCall, make_calls
from relayproxy.lab.twilio.connection import Line
from relayproxy.redaction.rules import Rules


class Recording(msgspec.Struct, frozen=True):
    """A recorded call that can be replayed."""

    name: str
    """No other one of a replay has it."""
    script: Script
    conversation: Conversation
    """What it came to when it was recorded."""
    rules: Rules | None = None
    """By these the calls that are made are masked before anything of them is shown; None: nothing was masked in it."""


class Replays(msgspec.Struct, frozen=True):
    """The calls of a replay that are over."""

    new: dict[str, list[Replayed]]
    """By the recording's name, in the order in which they ended."""
    current: dict[str, list[Replayed]] | None
    """Those that were made to today's backend; None where none is compared with."""
    seconds: float
    interrupted: bool
    """Whether it was broken off before all calls had been made."""


async def replay(
    recordings: Sequence[Recording],
    line: Line,
    *,
    current: Line | None = None,
    times: int = 1,
    at_once: int = 10,
    below: float = BELOW,
    keep_going: bool = False,
    seed: int | None = None,
    each: Callable[[Replayed], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Replays:
    """Make `times` calls of each recording to `line`, and as many to `current`, in turns, so that what slows down this
    machine slows down both. `below` says how few common words make a divergence; a call that diverged goes on with
    `keep_going`. Once `stop` is set, no more calls are made."""
    new: dict[str, list[Replayed]] = {recording.name: [] for recording in recordings}
    today: dict[str, list[Replayed]] = {recording.name: [] for recording in recordings}
    root = random.Random(seed)
    began = time.monotonic()

    async def make(recording: Recording, to: Line, found: dict[str, list[Replayed]], rng: random.Random) -> None:
        made = await perform(to, recording.script, rng=rng, below=below, keep_going=keep_going)
        found[recording.name].append(made)
        if each is not None:
            each(made)

    calls: list[MakeCall] = []
    for _ in range(times):
        for recording in recordings:
            for to, found in ((line, new), (current, today)):
                if to is not None:
                    calls.append(partial(make, recording, to, found, random.Random(root.getrandbits(64))))
    await make_calls(calls, at_once=at_once, stop=stop)
    over = sum(len(made) for found in (new, today) for made in found.values())
    return Replays(new, None if current is None else today, time.monotonic() - began, interrupted=over < len(calls))
