"""How long the console takes over very many sessions and very long calls: requests to a real console, and a page in a
real browser.

Knows: which pages matter, and how to ask for each; that the time that others take of a shared machine is not the
console's.
Must not know: how the database was made; which times are good.
"""

import gzip
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import quote

from relayproxy.console.http.zones import COOKIE as ZONE
from relayproxy.console.listing.sorting import NAMES
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.bench.big import make
from tests.bench.big_long import record
from tests.bench.big_postgres import copy
from tests.bench.load import cpu_ns
from tests.console.browser import launched
from tests.peers.postgres import server
from tests.running import running
from tests.store.rolling import roll_up

BIG = (
    "listen_addresses=", "max_connections=50", "shared_buffers=512MB", "max_wal_size=4GB", "fsync=off",
    "log_min_messages=fatal",
)  # fmt: skip
"""Settings of the server, as of a small one in use."""
LONG, LONGER = 10_000, 100_000
ROUNDS = 5
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "America/Chicago", "Europe/London", "Asia/Dubai")
SELECTIONS = (
    ("", ""),
    (", 30 days", "since:30d"),
    (", 30 days of a route", "since:30d route:bookings"),
    (", 30 days of failed calls", "since:30d transition:failed"),
    (", a day", "since:24h"),
)
"""What summaries are made of."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that is timed."""

    what: str
    path: str


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds from the request to the last byte of its answer: of the first one to a console that has just
    started, and the median of all after it; and the processor's time of the console and the server for each."""

    what: str
    first_ms: float
    first_cpu_ms: float
    median_ms: float
    median_cpu_ms: float
    size: int


def filters(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """A filter of each kind, with values that are there."""
    caller, customer = db.execute(
        "SELECT from_number, (SELECT value FROM labels WHERE session = sessions.id AND name = 'param.customer') "
        "FROM sessions WHERE from_number IS NOT NULL ORDER BY id LIMIT 1"
    ).fetchone()
    surname = db.execute("SELECT caller_text FROM turns WHERE caller_text LIKE '%My name is%' LIMIT 1").fetchone()[0]
    yield "outcome, common", "outcome:caller_hangup"
    yield "outcome, rare", "outcome:protocol_error"
    yield "transition", "transition:failed"
    yield "latency", "latency:>4"
    yield "number prefix", f"number:{caller[:5]}*"
    yield "whole number", f"from:{caller}"
    yield "parameter, common", "param.plan:gold"
    yield "parameter, rare", f"param.customer:{customer}"
    yield "finding", "finding:slow_turn"
    yield "tag", "tag:refund"
    yield "time", "since:24h"
    yield "rare word", surname.rpartition(" ")[2].rstrip(".")
    yield "common word", "please"
    yield "phrase", '"opening hours"'
    yield "several", "outcome:caller_hangup latency:>2 param.plan:gold please"
    yield "matches nothing", "latency:>500"


def requests(db: sqlite3.Connection, long: str, longer: str) -> Iterator[Asked]:
    """Everything that is timed."""
    yield Asked("list, first page", "/sessions")
    count = db.execute("SELECT count(*) FROM sessions").fetchone()[0]
    started_at, id = db.execute(
        "SELECT started_at, id FROM sessions ORDER BY started_at, id LIMIT 1 OFFSET ?", (count // 10,)
    ).fetchone()
    yield Asked("list, nine tenths down", f"/sessions?before=ended.{started_at}.{id}")
    yield Asked("API list of 500", "/api/sessions?limit=500")
    for order in NAMES:
        yield Asked(f"list by {order}", f"/sessions?sort={order}")
    yield Asked("list by -wait under a filter", "/sessions?sort=-wait&q=transition:failed")
    for name, text in filters(db):
        yield Asked(f"list: {name}", f"/sessions?q={quote(text)}")
    yield Asked("facets", "/sessions/facets")
    yield Asked("facets under a filter", "/sessions/facets?q=transition:failed")
    yield Asked("completion of a parameter", "/api/complete?q=param.customer:customer-00")
    for name, text in SELECTIONS:
        yield Asked(f"overview{name}", f"/sessions/overview?q={quote(text)}")
        yield Asked(f"insight{name}", f"/insight?q={quote(text)}")
    yield Asked("insight, 30 days by route", "/insight?q=since:30d&by=route")
    yield Asked("insight, 30 days by parameter", "/insight?q=since:30d&by=param.plan")
    yield Asked("insight, this week and the one before", f"/insight?a={quote('since:14d until:7d')}&b=since:7d")
    for path in ("/live", "/health", "/metrics", "/alerts", "/connect", "/audit", "/erase", "/api/tags", "/numbers"):
        yield Asked(path, path)
    call_sid = db.execute("SELECT call_sid FROM sessions WHERE id = ?", (id,)).fetchone()[0]
    yield Asked("a call's sessions", f"/calls/{call_sid}")
    yield from _of_a_call("short call", id)
    for call, messages in ((long, LONG), (longer, LONGER)):
        name = f"call of {messages:,} messages"
        yield from _of_a_call(name, call)
        last = db.execute("SELECT next_seq FROM connections WHERE session = ?", (call,)).fetchone()[0]
        yield Asked(f"{name}: last messages", f"/sessions/{call}/messages?after=0.{last - 200}")
        yield Asked(f"{name}: messages in its middle", f"/sessions/{call}/messages?at=0.{last // 2}")
        yield Asked(f"{name}: one message", f"/sessions/{call}/messages/0.{last - 1}")
        yield Asked(f"{name}: API, last messages", f"/api/sessions/{call}/messages?after=0.{last - 200}")
        yield Asked(f"{name}: export", f"/sessions/{call}/recording")


def _of_a_call(name: str, id: str) -> Iterator[Asked]:
    yield Asked(f"{name}: page", f"/sessions/{id}")
    yield Asked(f"{name}: timeline", f"/api/sessions/{id}/timeline")
    yield Asked(f"{name}: numbers", f"/sessions/{id}/numbers")
    yield Asked(f"{name}: API", f"/api/sessions/{id}")
    yield Asked(f"{name}: API, turns", f"/api/sessions/{id}/turns")
    yield Asked(f"{name}: API, first messages", f"/api/sessions/{id}/messages")


def timed(port: int, pids: tuple[int, ...], asked: Asked, rounds: int = ROUNDS) -> Timed:
    """The request as often as said, each over a connection of its own, to a console that nobody has asked yet. `pids`
    are the processes that answer, whose children do too."""
    times: list[float] = []
    spent: list[float] = []
    size = 0
    for number in range(rounds):
        connection = HTTPConnection("127.0.0.1", port, timeout=300)
        connection.connect()
        before, begun = sum(map(_spent, pids)), time.perf_counter()
        connection.request("GET", asked.path, headers=_headers(number))
        response = connection.getresponse()
        body = response.read()
        times.append((time.perf_counter() - begun) * 1000)
        spent.append((sum(map(_spent, pids)) - before) / 1e6)
        connection.close()
        if response.status != 200:
            packed = response.headers.get("Content-Encoding") == "gzip"
            raise RuntimeError(f"{asked.path}: {response.status} {(gzip.decompress(body) if packed else body)[:500]!r}")
        size = len(body)
    return Timed(asked.what, times[0], spent[0], median(times[1:] or times), median(spent[1:] or spent), size)


def _headers(number: int) -> dict[str, str]:
    # A summary is kept for the next one who asks; who is in another zone needs another one.
    return {"Accept-Encoding": "gzip", "Cookie": f"{ZONE}={ZONES[number % len(ZONES)]}"}


def _spent(pid: int) -> int:
    """Processor's time of a process and its children, of those that are there."""
    with Path(f"/proc/{pid}/task/{pid}/children").open() as file:
        children = file.read().split()
    return cpu_ns(pid) + sum(cpu_ns(int(child)) for child in children)


def painted(url: str, rounds: int = 3) -> tuple[float, float]:
    """Milliseconds from the start of the navigation to the first contentful paint, and to the load event."""
    paints, loads = [], []
    with launched() as browser:
        for _ in range(rounds):
            with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
                page = context.new_page()
                page.goto(url, wait_until="load")
                paint, load = json.loads(
                    page.evaluate(
                        "new Promise((done) => new PerformanceObserver((list) => done(JSON.stringify(["
                        "list.getEntriesByName('first-contentful-paint')[0].startTime,"
                        "performance.getEntriesByType('navigation')[0].loadEventEnd])))"
                        ".observe({ type: 'paint', buffered: true }))"
                    )
                )
                paints.append(paint)
                loads.append(load)
    return median(paints), median(loads)


def report(sessions: int) -> str:
    """What `make bench` says of the console: makes the databases in a temporary folder, and takes them away."""
    with TemporaryDirectory(prefix="relayproxy-bench-") as folder, server(BIG) as postgres:
        path = Path(folder) / "relayproxy.db"
        make(path, sessions)
        engine = open_engine(f"sqlite:///{path}")
        long, longer = (record(Archive(engine), messages) for messages in (LONG, LONGER))
        roll_up(engine)
        engine.dispose()
        url = postgres.database()
        copy(path, url)
        with closing(sqlite3.connect(path)) as db:
            asked = [*requests(db, long, longer)]
        size = path.stat().st_size / 1e9
        found = [
            *_lines(f"SQLite, {sessions:,} sessions ({size:.1f} GB)", asked, Path(folder)),
            "",
            *_lines(f"PostgreSQL, {sessions:,} sessions", asked, Path(folder), postgres.pid, database_url=url),
        ]
        with running("console", data_dir=Path(folder), console="127.0.0.1:0") as console:
            paint, load = painted(f"{console.url}/sessions/{long}")
        found += ["", f"page of {LONG:,} messages in Chromium: first paint {paint:,.0f} ms, loaded {load:,.0f} ms"]
        return "\n".join(found)


def _lines(title: str, every: list[Asked], folder: Path, *pids: int, **settings: str) -> Iterator[str]:
    yield f"{title}: ms until the last byte (of these on a processor)"
    yield ""
    yield f"| | of a console that has just started | median of {ROUNDS - 1} more | KiB |"
    yield "|---|---|---|---|"
    for asked in every:
        with running("console", data_dir=folder, console="127.0.0.1:0", **settings) as console:
            try:
                found = timed(console.port, (console.process.pid, *pids), asked)
            except (OSError, RuntimeError) as problem:
                yield f"| {asked.what} | failed: {problem} | | |"
                continue
        yield (
            f"| {found.what} | {found.first_ms:,.0f} ({found.first_cpu_ms:,.0f}) "
            f"| {found.median_ms:,.0f} ({found.median_cpu_ms:,.0f}) | {found.size / 1024:,.0f} |"
        )
