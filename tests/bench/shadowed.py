"""`python -m tests.bench.shadowed`: calls while others begin all the time whose shadows say nothing or flood,
compared in one run with the same calls without shadows, rounds interleaved.

Knows: how the second backend fares; that a shadow which floods must have been given up.
Must not know: how calls are copied.

Messages are timed over calls of a route of their own. Beside them calls of another route begin, each of which has a
shadow. The relay has one processor, all others share the other one.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import uvloop

from relayproxy.connection import Ending
from relayproxy.journal.format import EntryKind
from tests.bench.load import Load, cpu_ns
from tests.bench.subjects import pin
from tests.relay.raw import journal
from tests.running import running
from tests.wire import REQUEST

WITHOUT = "no shadow"
RATES = {WITHOUT: None, "a shadow that says nothing": 0, "a shadow that floods": 100_000}
"""Messages a second that the second backend sends over each connection."""


@dataclass
class Figures:
    """One value a round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Of the relay, microseconds a timed message."""
    shadows: list[int] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    """Messages a second that the second backend got rid of."""
    causes: Counter[str | None] = field(default_factory=Counter)


@contextmanager
def second(rate: int, sent: list[int]) -> Iterator[int]:
    """The port of a second backend; how much it has sent is there when the block is left."""
    command = [sys.executable, "-m", "tests.bench.flooding_backend", str(rate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            sent.append(int(process.stdout.readline()))


async def begin_calls(port: int, rate: float, number: int) -> None:
    """Calls of the route `copied` that begin at this rate and stay, until it is cancelled."""
    open_: list[asyncio.StreamWriter] = []
    try:
        while True:
            number += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            open_.append(writer)
            writer.write(REQUEST.replace(b"/relay/fixture?b=2&a=%7e1", b"/r/copied/%d" % number))
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(1 / rate)
    finally:
        for writer in open_:
            writer.transport.abort()


async def one_round(name: str, figures: Figures, options: argparse.Namespace) -> None:
    load, others = Load(options.sessions), Load(0)
    await load.listen()
    await others.listen()
    rate, sent = RATES[name], list[int]()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:
        backends: dict[str, Any] = {"copied": {"backend": f"ws://127.0.0.1:{others.backend_port}"}}
        if rate is not None:
            port = processes.enter_context(second(rate, sent))
            backends["copied"]["shadow"] = {"backend": f"ws://127.0.0.1:{port}", "share": 1}
        settings: dict[str, Any] = {"backend": f"ws://127.0.0.1:{load.backend_port}", "routes": backends}
        data = Path(folder)
        relay = processes.enter_context(running("relay", data_dir=data, listen="127.0.0.1:0", **settings))
        pin(relay.process.pid, {cores[-1]})
        await load.open(relay.port)
        calls = asyncio.create_task(begin_calls(relay.port, options.calls, len(load.twilio)))
        await load.paced(options.rate, 0.5)
        before = cpu_ns(relay.process.pid)
        latency = await load.paced(options.rate, options.seconds)
        figures.cpu.append((cpu_ns(relay.process.pid) - before) / latency.n / 1e3)
        figures.p50.append(latency.p50_us)
        figures.p99.append(latency.p99_us)
        calls.cancel()
        await asyncio.gather(calls, return_exceptions=True)
        await load.close()
        await others.close()
        relay.stop()
        entries = journal(data)
        shadows = {one.connection for one in entries if one.kind is EntryKind.OPENING and b'"shadow_of"' in one.body}
        endings = [one for one in entries if one.kind is EntryKind.ENDING and one.connection in shadows]
        figures.causes.update(msgspec.json.decode(one.body, type=Ending).cause for one in endings)
        figures.shadows.append(len(shadows))
    if sent:
        figures.sent.append(sent[0] / (options.seconds + 0.5))


async def compare(options: argparse.Namespace) -> dict[str, Figures]:
    pin(os.getpid(), {sorted(os.sched_getaffinity(0))[0]})
    results = {name: Figures() for name in RATES}
    for number in range(options.rounds):
        for name, figures in results.items():
            print(f"round {number + 1} of {options.rounds}: {name}", flush=True)
            await one_round(name, figures, options)
    return results


def table(results: dict[str, Figures]) -> str:
    base = results[WITHOUT]
    lines = [
        "| beside the calls | p50 µs | p99 µs | p99 × without | relay's CPU µs | shadows | given up | sent a second |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, figures in results.items():
        flooded = sum(count for cause, count in figures.causes.items() if cause == "shadow_flood")
        lines.append(
            f"| {name} | {median(figures.p50):.0f} | {median(figures.p99):.0f} "
            f"| {median(figures.p99) / median(base.p99):.2f} | {median(figures.cpu):.1f} "
            f"| {sum(figures.shadows)} | {flooded} | {median(figures.sent) if figures.sent else 0:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.shadowed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--rate", type=int, default=4000, help="messages a second while latency is measured")
    parser.add_argument("--calls", type=float, default=25, help="calls a second that begin beside them")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    print("\n" + table(uvloop.run(compare(parser.parse_args()))))


if __name__ == "__main__":
    main()
