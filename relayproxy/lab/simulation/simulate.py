"""Simulation of many calls.

Knows: how calls are spread over scenarios and time, what makes two runs the same.
Must not know: how a call goes; how results are summed up and shown.
"""

import asyncio
import collections
import hashlib
import random
import time
from collections.abc import Callable, Sequence
from ssl import SSLContext

import msgspec

from relayproxy import __version__
from relayproxy.errors import RelayproxyError
from relayproxy.lab.scenarios.builtin import CALLERS, find
from relayproxy.lab.scenarios.builtin import scenarios as builtin
from relayproxy.lab.scenarios.model import Scenario
from relayproxy.lab.scenarios.performing import perform
from relayproxy.lab.scenarios.result import ScenarioResult
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
) -> SimulationSummary:
    """Make `times` calls of each scenario (default: the built-in callers) to `url`, going round the scenarios.

    At most `at_once` calls are under way at a time, and no more than `rate` begin in a second. `auth_token` signs the
    requests, over `public_url` where the TwiML would name another URL than the one connected to. `speed` is how much
    faster than life callers and speech go. With a `seed`, ids, numbers and the callers' timing are the same on each
    run; without, they are new. `each` gets the result of each call when it is over. Raises RelayproxyError for a
    scenario that does not exist or whose name comes twice; what happens to calls is in the summary.
    """
    chosen = [find(s) if isinstance(s, str) else s for s in scenarios] or list(builtin(CALLERS))
    hashes, content = content_hashes(chosen)
    line = Line(url, public_url, auth_token, tuple(headers), ssl, speed, patience)
    root = random.Random(seed)
    account = f"AC{root.getrandbits(128):032x}"
    plans = enumerate([(scenario, random.Random(root.getrandbits(64))) for _ in range(times) for scenario in chosen])
    calls: list[CallSummary] = []
    began = time.monotonic()

    async def worker() -> None:
        for number, (scenario, rng) in plans:
            if rate is not None:
                await asyncio.sleep(began + number / rate - time.monotonic())
            caller = msgspec.structs.replace(Caller.random(rng), account_sid=account)
            result = await perform(line, scenario, caller=caller, rng=rng)
            calls.append(CallSummary.of(result))
            if each is not None:
                each(result)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(at_once, times * len(chosen))):
            tasks.create_task(worker())
    return summed_up(
        calls,
        hashes,
        content,
        settings=Settings(times, at_once, rate, speed),
        seconds=time.monotonic() - began,
        relayproxy=__version__,
    )


def content_hashes(scenarios: Sequence[Scenario]) -> tuple[dict[str, str], str]:
    """The hash of each scenario's content by its name, and that of all, whatever their order. Where a scenario is
    written, and what it says about itself, does not count. Raises RelayproxyError for a name that comes twice."""
    names = collections.Counter(scenario.name for scenario in scenarios)
    for name, count in names.items():
        if count > 1:
            raise RelayproxyError(f"the scenario {name!r} is there {count} times; -n says how often each is called")
    hashes = {scenario.name: _hash(_content(scenario)) for scenario in scenarios}
    return hashes, _hash(hashes)


def _content(scenario: Scenario) -> dict[str, object]:
    return {name: getattr(scenario, name) for name in Scenario.__struct_fields__ if name != "about"}


def _hash(value: object) -> str:
    return "sha256:" + hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
