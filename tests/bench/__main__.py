"""`make bench`: what stands between Twilio and the backend, compared in one run, rounds interleaved; then the fold, and
the console over very many sessions.

The generator has one processor, the proxy another; the recorder shares the generator's. Absolute figures drift from
machine to machine and hour to hour; the ratios within one run are what counts.
"""

import argparse
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import uvloop

from tests.bench import big_times, counting, fold
from tests.bench.load import Load, cpu_ns, resident
from tests.bench.subjects import Subject, available, pin


@dataclass
class Figures:
    """One value a round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    paced_cpu: list[float] = field(default_factory=list)
    recorder_cpu: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)


async def one_round(subject: Subject, load: Load, figures: Figures, rate: int, seconds: float) -> None:
    before = sum(map(resident, subject.pids))
    await load.open(subject.port)
    figures.idle.append((sum(map(resident, subject.pids)) - before) / 1024 / len(load.twilio))
    await load.paced(rate, 0.5)
    spent = sum(map(cpu_ns, subject.pids))
    latency = await load.paced(rate, seconds)
    figures.paced_cpu.append((sum(map(cpu_ns, subject.pids)) - spent) / latency.n / 1e3)
    figures.p50.append(latency.p50_us)
    figures.p99.append(latency.p99_us)
    spent = sum(map(cpu_ns, subject.pids))
    recorder = cpu_ns(subject.recorder) if subject.recorder else 0
    crossed = await load.flood(seconds)
    figures.cpu.append((sum(map(cpu_ns, subject.pids)) - spent) / crossed / 1e3)
    if subject.recorder:
        figures.recorder_cpu.append((cpu_ns(subject.recorder) - recorder) / crossed / 1e3)
    await load.close()


async def compare(rounds: int, sessions: int, rate: int, seconds: float) -> dict[str, Figures]:
    cores = sorted(os.sched_getaffinity(0))
    mine, theirs = {cores[0]}, {cores[-1]}
    pin(os.getpid(), mine)
    results = {name: Figures() for name in available()}
    for number in range(rounds):
        for name, start in available().items():
            print(f"round {number + 1} of {rounds}: {name}", flush=True)
            load = Load(sessions)
            await load.listen()
            made: Any = start(load.backend_port, theirs)
            context: AbstractContextManager[Subject] = made
            with context as subject:
                await one_round(subject, load, results[name], rate, seconds)
    return results


def table(results: dict[str, Figures], sessions: int, rate: int) -> str:
    direct, nginx = results["direct"], results.get("nginx")
    lines = [
        f"one-way latency at {rate:,} messages/s over {sessions} sessions, added to the direct connection's; "
        "CPU per message when flooded",
        "",
        "| | added p50 µs | added p99 µs | CPU µs/message | × nginx | paced CPU µs/message | idle KiB/call |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in results.items():
        cpu = median(figures.cpu)
        ratio = f"{cpu / median(nginx.cpu):.2f}" if nginx and cpu else "–"
        p50, p99 = median(figures.p50) - median(direct.p50), median(figures.p99) - median(direct.p99)
        lines.append(
            f"| {name} | {p50:.0f} | {p99:.0f} "
            f"| {cpu:.2f} | {ratio} | {median(figures.paced_cpu):.2f} | {median(figures.idle):.1f} |"
        )
    with_, without = results["relayproxy"], results["relayproxy, not recording"]
    taping = results["relayproxy, journal alone"]
    lines += [
        "",
        f"direct: p50 {median(direct.p50):.0f} µs, p99 {median(direct.p99):.0f} µs, both ends in one process",
        f"p99 writing the journal / not recording: {median(taping.p99) / median(without.p99):.2f}",
        f"p99 with the recorder too / not recording: {median(with_.p99) / median(without.p99):.2f} "
        "(with two processors the recorder shares the generator's, which is then late itself)",
        f"CPU with recording / message relay: {median(with_.cpu) / median(results['aiohttp message relay'].cpu):.2f}",
        f"recorder: {median(with_.recorder_cpu):.1f} µs/message, on another processor",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--rate", type=int, default=8000, help="messages a second while latency is measured")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument(
        "--calls", type=int, default=1_000_000, help="sessions in the console's database; 0: leave it out"
    )
    parser.add_argument("--console-only", action="store_true", help="measure the console alone")
    options = parser.parse_args()
    if options.console_only:
        print(big_times.report(options.calls))
        return
    results = uvloop.run(compare(options.rounds, options.sessions, options.rate, options.seconds))
    print("\n" + table(results, options.sessions, options.rate))
    print("\n" + fold.report())
    print(counting.report())
    if options.calls:
        print("\n" + big_times.report(options.calls))


if __name__ == "__main__":
    main()
