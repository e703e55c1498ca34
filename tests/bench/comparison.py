"""The comparison of what can stand between Twilio and a backend: measurements, rounds, tables.

Knows: what is measured of whom; that all subjects take their turn in each round, and ratios are those within a round.
Must not know: how a subject is started, how the load is made.

The generator has one processor, the proxy another; the recorder shares the generator's. Each measurement begins with
processes that were just started.
"""

import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.generator import Generator, Measured
from tests.bench.subjects import SUBJECTS, Place, Tls, free_port

RATE = 21_000
"""Messages a second over all calls, wherever messages are paced."""
NGINX, RECORDED = "nginx", "relayproxy with recorder"
PROXIES = tuple(name for name in SUBJECTS if name != "direct")
WITH_TLS = (NGINX, "HAProxy", "relayproxy", RECORDED)


@dataclass(frozen=True)
class Measurement:
    """What the generator is asked for, of which subjects, in how many of the rounds."""

    mode: str
    options: Mapping[str, float]
    of: Collection[str] = tuple(SUBJECTS)
    tls: bool = False
    rounds: int | None = None


MEASUREMENTS = {
    "lockstep": Measurement("lockstep", {"calls": 100, "seconds": 1.5}, PROXIES),
    "paced": Measurement("paced", {"calls": 500, "rate": RATE, "warm": 1, "seconds": 3}),
    "storm": Measurement("paced", {"calls": 500, "rate": RATE, "warm": 1, "seconds": 3, "connects": 200}),
    "handshakes": Measurement("handshakes", {"seconds": 1.5}, PROXIES),
    "idle": Measurement("idle", {"calls": 1000, "warm": 1, "seconds": 0.5}, PROXIES, rounds=1),
    "1000": Measurement("paced", {"calls": 1000, "rate": RATE, "warm": 1, "seconds": 3}, rounds=1),
    "5000": Measurement("paced", {"calls": 5000, "rate": RATE, "warm": 1, "seconds": 3}, rounds=1),
    "tls-lockstep": Measurement("lockstep", {"calls": 100, "seconds": 1.5}, WITH_TLS, tls=True, rounds=2),
    "tls-paced": Measurement(
        "paced", {"calls": 500, "rate": RATE, "warm": 1, "seconds": 3}, WITH_TLS, tls=True, rounds=2
    ),
}

Results = dict[tuple[str, str], list[Measured]]
"""By measurement and subject, a round after the other."""


def compare(wanted: Collection[str], rounds: int) -> Results:
    """Makes the wanted measurements, in so many rounds at most."""
    cores = sorted(os.sched_getaffinity(0))
    mine, theirs = {cores[0]}, {cores[-1]}
    results: Results = {}
    with tempfile.TemporaryDirectory() as folder:
        generator, tls = Generator(Path(folder), mine), Tls.make(Path(folder))
        for number in range(rounds):
            for name in wanted:
                one = MEASUREMENTS[name]
                if number >= (one.rounds or rounds):
                    continue
                print(f"round {number + 1} of {rounds}: {name}", flush=True)
                for subject in one.of:
                    place = Place(free_port(), theirs, mine, tls if one.tls else None)
                    with SUBJECTS[subject](subject, place) as started:
                        found = generator.measure(one.mode, started, place.backend, place.tls, **one.options)
                    results.setdefault((name, subject), []).append(found)
    return results


def message_cpu(found: Measured) -> float:
    """Microseconds of the proxy's processor for each message."""
    return next(iter(found.spent.values()), 0.0) / found.messages


def recorder_cpu(found: Measured) -> float:
    """The same of the recorder, if there is one."""
    return [*found.spent.values(), 0.0, 0.0][1] / found.messages


def handshake_cpu(found: Measured) -> float:
    """Microseconds of the proxy's processor for each call that begins and ends."""
    return next(iter(found.spent.values()), 0.0) / found.handshakes


def memory_a_call(found: Measured) -> float:
    """KiB by which the proxy has grown for each of 1,000 calls."""
    return next(iter(found.grown.values()), 0) / 1000


@dataclass(frozen=True)
class Column:
    title: str
    measurement: str
    value: Callable[[Measured], float]
    digits: int = 0
    ratio: bool = True
    """Whether the ratio to nginx is told as well."""


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[Column, ...]


def one_way(measurement: str) -> tuple[Column, ...]:
    return (
        Column("p50, µs", measurement, lambda found: found.p50),
        Column("p99, µs", measurement, lambda found: found.p99),
        Column("p99.9, µs", measurement, lambda found: found.p999, ratio=False),
    )


TABLES = (
    Table(
        "CPU of the proxy for each message it forwards: 100 calls in lockstep, which keep it busy; and 500 calls with "
        f"{RATE:,} messages/s, one message a chunk, with the time that a message takes from end to end",
        (
            Column("lockstep, µs", "lockstep", message_cpu, 2),
            Column("paced, µs", "paced", message_cpu, 2),
            *one_way("paced"),
            Column("recorder, µs", "paced", recorder_cpu, 1, ratio=False),
        ),
    ),
    Table(
        "Handshakes: CPU of the proxy for a call that begins and ends; messages of 500 calls in progress while 200 "
        "others a second begin and end, 20 at once; and memory of an idle call",
        (
            Column("a handshake, µs", "handshakes", handshake_cpu),
            *one_way("storm"),
            Column("an idle call, KiB", "idle", memory_a_call, 1),
        ),
    ),
    Table(
        f"{RATE:,} messages/s over 1,000 calls",
        (Column("CPU a message, µs", "1000", message_cpu, 2), *one_way("1000")),
    ),
    Table(
        f"{RATE:,} messages/s over 5,000 calls",
        (Column("CPU a message, µs", "5000", message_cpu, 2), *one_way("5000")),
    ),
    Table(
        "TLS on both sides, with the loads of the first table",
        (
            Column("lockstep, µs", "tls-lockstep", message_cpu, 2),
            Column("paced, µs", "tls-paced", message_cpu, 2),
            *one_way("tls-paced"),
        ),
    ),
)


def cell(results: Results, subject: str, column: Column) -> str:
    """The median over the rounds, and the median of the ratios to nginx in the same round."""
    found, nginx = (results.get((column.measurement, name)) for name in (subject, NGINX))
    if not found:
        return ""
    value = median(map(column.value, found))
    if not value:
        return "–"
    text = f"{value:,.{column.digits}f}"
    if not column.ratio or not nginx:
        return text
    ratios = [column.value(one) / column.value(other) for one, other in zip(found, nginx, strict=True)]
    return f"{text} ({median(ratios):.2f})"


def tables(results: Results) -> str:
    """Markdown: the tables of what was measured; in brackets the ratio to nginx."""
    parts = []
    for table in TABLES:
        columns = [column for column in table.columns if any(name == column.measurement for name, _ in results)]
        rows = [(subject, [cell(results, subject, column) for column in columns]) for subject in SUBJECTS]
        lines = [f"| {subject} | {' | '.join(cells)} |" for subject, cells in rows if any(cells)]
        if lines:
            heads = ["", *(column.title for column in columns)]
            parts.append(
                "\n".join([f"{table.title}:", "", f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines])
            )
    return "\n\n".join(parts)
