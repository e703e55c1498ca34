"""Simulation of many calls.

Knows: how calls are spread over scenarios.
Must not know: how a call goes; how results are summed up and shown.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from ssl import SSLContext

import msgspec

from relayproxy import __version__
from relayproxy.lab.scenarios.builtin import CALLERS, find
from relayproxy.lab.scenarios.builtin import scenarios as builtin
from relayproxy.lab.scenarios.model import Scenario
from relayproxy.lab.scenarios.performing import perform
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.calls_at_once import make_calls
from relayproxy.lab.simulation.content import content_hash, scenario_hashes
from relayproxy.lab.simulation.summary import CallSummary, Settings, SimulationSummary, summed_up
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller


async def simulate(
    url: str,
    *,
    scenarios: Sequence[str | Scenario] = (),
    times: int = 1,
    at_once: int = 10,
    rate: float | None = None,
    speed: float = 1.0,
    auth_token: str | None = None,
    public_url: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    ssl: SSLContext | None = None,
    patience: float = 10.0,
    seed: int | None = None,
    each: Callable[[ScenarioResult], None] | None = None,
    stop: asyncio.Event | None = None,
) -> SimulationSummary:
    """Make `times` calls of each scenario (default: the built-in callers) to `url`, going round the scenarios.

    At most `at_once` calls are under way at a time, and no more than `rate` begin in a second. `auth_token` signs the
    requests, over `public_url` where the TwiML would name another URL than the one connected to. `speed` is how much
    faster than life callers and speech go. With a `seed`, ids, numbers and the callers' timing are the same on each
    run; without, they are new. `each` gets the result of each call when it is over. Once `stop` is set, no
    more calls are made, and the summary is of those that are over. Raises RelayproxyError for a
    scenario that does not exist or whose name comes twice; what happens to calls is in the summary.
    """
    chosen = [find(s) if isinstance(s, str) else s for s in scenarios] or list(builtin(CALLERS))
    hashes = scenario_hashes(chosen)
    line = Line(url, public_url, auth_token, tuple(headers), ssl, speed, patience)
    root = random.Random(seed)
    account = f"AC{root.getrandbits(128):032x}"
    plans = [(scenario, random.Random(root.getrandbits(64))) for _ in range(times) for scenario in chosen]
    calls: list[CallSummary] = []
    began = time.monotonic()

    async def make(scenario: Scenario, rng: random.Random) -> None:
        caller = msgspec.structs.replace(Caller.random(rng), account_sid=account)
        result = await perform(line, scenario, caller=caller, rng=rng)
        calls.append(CallSummary.of(result))
        if each is not None:
            each(result)

    await make_calls([partial(make, *plan) for plan in plans], at_once=at_once, rate=rate, stop=stop)
    return summed_up(
        calls,
        hashes,
        content_hash(hashes),
        settings=Settings(times, at_once, rate, speed),
        seconds=time.monotonic() - began,
        relayproxy=__version__,
        interrupted=len(calls) < len(plans),
    )
