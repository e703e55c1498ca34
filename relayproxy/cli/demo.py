"""The `demo` command: relay, recorder and console with a demo agent as backend and simulated calls.

Knows: which scenarios are played, and over which route.
Must not know: what happens in a scenario, how it is played; how processes are supervised.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from relayproxy.lab.agent import server as agent
from relayproxy.lab.scenarios.builtin import find
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.report import one_call
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.settings.model import Settings
from relayproxy.settings.tables import Route
from relayproxy.supervisor.child import say
from relayproxy.supervisor.processes import Addresses, supervise

MADE = (
    "keypad",
    "hangs-up-mid-answer",
    "impatient",
    "coughs",
    "asks-for-a-person",
    "book-a-table",
    "waits-for-an-answer",
    "is-not-answered",
    "agent-crashes",
)
REFUSED = "offline"
"""The route whose backend takes no connection, over which one more call is made."""
LIVE, ROUNDS = "stays-on-the-line", 5_000
"""A call that stays live, to be watched in the console: its turns come again and again, for more than two days."""


def run(settings: Settings) -> None:
    """Runs the processes with the demo agent as default backend, and makes the calls; returns when stopped."""
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    # A port that is bound and not listened on refuses every connection, and no other process can take it.
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refusing = Route(backend=f"ws://127.0.0.1:{nobody.getsockname()[1]}")
        async with agent.serving(seed=random.randrange(1_000_000)) as url:
            # Whoever tries it out has no token, and need not be warned.
            verify = settings.verify or ("report" if settings.auth_tokens else "off")
            everything = {"backend": url, "routes": {REFUSED: refusing}, "verify": verify}
            await supervise(settings.model_copy(update=everything), companion=_calls)


@asynccontextmanager
async def _calls(addresses: Addresses) -> AsyncIterator[None]:
    calls = asyncio.create_task(_make_calls(addresses))
    try:
        yield
    finally:
        calls.cancel()
        with suppress(asyncio.CancelledError):
            await calls


async def _make_calls(addresses: Addresses) -> None:
    url = addresses.caller + "/"
    count = len(MADE) + 1
    once = find(LIVE)
    live = msgspec.structs.replace(once, turns=once.turns * ROUNDS)
    say(f"{count} simulated calls are being made, and one that stays on the line; watch them in the console:")

    def each(result: ScenarioResult) -> None:
        say(f"  {one_call(result)}")

    async with asyncio.TaskGroup() as group:
        group.create_task(simulate(url, scenarios=(live,)))
        await asyncio.gather(
            simulate(f"{url}r/{REFUSED}", scenarios=("silent",), each=each),
            simulate(url, scenarios=MADE, at_once=len(MADE), each=each),
        )
        say(f"All {count} are through. Look at them: {addresses.page}")
