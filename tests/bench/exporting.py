"""`python -m tests.bench.exporting`: calls while the endpoint for spans and a webhook fail in every way, compared in
one run with calls whose spans nobody sends and of which nobody is told, rounds interleaved.

Knows: how each endpoint fares; that what is stored must be the same.
Must not know: how spans and alerts are sent.

Simulated calls, which give spans, run over a route of their own beside the messages that are timed. The relay has one
processor, all others share the other one.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from relayproxy.lab.agent.server import serving
from relayproxy.lab.simulation.simulate import simulate
from tests.bench.load import Load, cpu_ns
from tests.bench.subjects import pin
from tests.databases import migrated
from tests.running import running
from tests.system.stack import until
from tests.telemetry.collector import free_port

NOT_SENT = "not sent"
FAULTS: dict[str, int | None] = {
    NOT_SENT: None,
    "taken": 200,
    "refused": None,
    "hangs": 200,
    "401": 401,
    "413": 413,
    "429": 429,
    "503": 503,
    "slow": 200,
}
"""The status that each endpoint answers; None where nothing listens."""
RULES = 20
"""Alerts that fire at once and are told to the webhook."""


@dataclass
class Figures:
    """One value a round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Of the relay, microseconds a timed message; that does not vary with what else the machine does."""
    stored: list[int] = field(default_factory=list)
    sent: int = 0
    lost: int = 0
    attempts: int = 0
    """To tell the webhook."""


@contextmanager
def endpoint(fault: str, protocol: str) -> Iterator[int]:
    """The port of an endpoint that fares so."""
    port, status = free_port(), FAULTS[fault]
    if status is None:
        yield port
        return
    arguments = (str(port), protocol, str(status), "1" if fault == "slow" else "0", "no" if fault == "hangs" else "yes")
    command = [sys.executable, "-m", "tests.bench.failing_endpoint", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield port
        finally:
            process.kill()


def exports(port: int, protocol: str) -> dict[str, str]:
    """The recorder's variables."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_METRICS_EXPORTER": "none",
    }


def alerts(port: int) -> dict[str, Any]:
    """The console's settings."""
    return {
        "alerts": {f"full-{number}": {"kind": "disk", "above": 0} for number in range(RULES)},
        "webhooks": {"ops": {"url": f"http://127.0.0.1:{port}/"}},
    }


async def one_round(fault: str, protocol: str, figures: Figures, options: argparse.Namespace) -> None:
    load = Load(options.sessions)
    await load.listen()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:
        data = Path(folder)
        migrated(f"sqlite:///{data}/relayproxy.db")
        env, told = {"OTEL_SDK_DISABLED": "true"}, dict[str, Any]()
        if fault != NOT_SENT:
            env = exports(processes.enter_context(endpoint(fault, protocol)), protocol)
            told = alerts(processes.enter_context(endpoint(fault, "http/protobuf")))
        async with serving(speed=20) as agent:
            routes = {"agent": {"backend": agent}}
            settings: dict[str, Any] = {"backend": f"ws://127.0.0.1:{load.backend_port}", "routes": routes}
            relay = processes.enter_context(running("relay", data_dir=data, listen="127.0.0.1:0", **settings))
            processes.enter_context(running("recorder", data_dir=data, env=env))
            console = processes.enter_context(
                running("console", data_dir=data, console="127.0.0.1:0", **settings, **told)
            )
            pin(relay.process.pid, {cores[-1]})
            calls = asyncio.create_task(
                simulate(f"{relay.url.replace('http', 'ws')}/r/agent", times=options.times, speed=20, seed=1)
            )
            await load.open(relay.port)
            await load.paced(options.rate, 0.5)
            before = cpu_ns(relay.process.pid)
            latency = await load.paced(options.rate, options.seconds)
            figures.cpu.append((cpu_ns(relay.process.pid) - before) / latency.n / 1e3)
            figures.p50.append(latency.p50_us)
            figures.p99.append(latency.p99_us)
            made = (await calls).calls
            await load.close()

            def over() -> int | None:
                found = get(console.url + "/api/sessions?q=route:agent&limit=200")["items"]
                return len(found) if len(found) == made and all(one["ended_at"] for one in found) else None

            figures.stored.append(await until(over))
            if fault == NOT_SENT:
                return

            def counted() -> tuple[int, int] | None:
                (recorder,) = get(console.url + "/api/health")["recorders"]
                sent, lost = recorder["otlp"]["sent"], recorder["otlp"]["failed"] + recorder["otlp"]["dropped"]
                return (sent, lost) if sent + lost >= made else None

            sent, lost = await until(counted)
            figures.sent += sent
            figures.lost += lost
            fired = get(console.url + "/api/alerts?limit=100")["items"]
            assert len(fired) == RULES
            figures.attempts += sum(one["attempts"] for alert in fired for one in alert["deliveries"])


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as page:
        return json.load(page)


async def compare(options: argparse.Namespace) -> dict[str, Figures]:
    pin(os.getpid(), {sorted(os.sched_getaffinity(0))[0]})
    results = {fault: Figures() for fault in FAULTS}
    for number in range(options.rounds):
        for fault, figures in results.items():
            protocol = ("http/protobuf", "grpc")[number % 2]
            print(f"round {number + 1} of {options.rounds}: {fault}, {protocol}", flush=True)
            await one_round(fault, protocol, figures, options)
    return results


def table(results: dict[str, Figures]) -> str:
    base = results[NOT_SENT]
    lines = [
        "| the endpoints | p50 µs | p99 µs | p99 × not sent | relay's CPU µs | stored | spans sent | lost | told |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for fault, figures in results.items():
        ratio = median(figures.p99) / median(base.p99)
        lines.append(
            f"| {fault} | {median(figures.p50):.0f} | {median(figures.p99):.0f} | {ratio:.2f} "
            f"| {median(figures.cpu):.1f} | {sum(figures.stored)} "
            f"| {figures.sent} | {figures.lost} | {figures.attempts} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exporting", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--rate", type=int, default=2000, help="messages a second while latency is measured")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--times", type=int, default=3, help="simulated calls of each caller beside them")
    print("\n" + table(uvloop.run(compare(parser.parse_args()))))


if __name__ == "__main__":
    main()
