"""How long the console takes over very many sessions and very long calls: requests to a real console, and a page in a
real browser.

Knows: which pages matter, and how to ask for each.
Must not know: how the database was made; which times are good.
"""

import gzip
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import quote

from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.bench.big import make
from tests.bench.big_long import record
from tests.console.browser import launched
from tests.running import running

LONG, LONGER = 10_000, 100_000
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that is timed."""

    what: str
    path: str


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds from the request to the last byte of its answer: the first time, and the median of all after it."""

    what: str
    first_ms: float
    median_ms: float
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
    for name, text in filters(db):
        yield Asked(f"list: {name}", f"/sessions?q={quote(text)}")
    yield Asked("facets", "/sessions/facets")
    yield Asked("facets under a filter", "/sessions/facets?q=transition:failed")
    yield Asked("overview", "/sessions/overview")
    yield Asked("overview under a filter", "/sessions/overview?q=transition:failed")
    yield Asked("insight", "/insight")
    yield Asked("live wall", "/live")
    for call, name in ((long, f"{LONG:,}"), (longer, f"{LONGER:,}")):
        last = db.execute("SELECT next_seq FROM connections WHERE session = ?", (call,)).fetchone()[0]
        yield Asked(f"call of {name} messages: page", f"/sessions/{call}")
        yield Asked(f"call of {name} messages: timeline", f"/api/sessions/{call}/timeline")
        yield Asked(f"call of {name} messages: last messages", f"/sessions/{call}/messages?after=0.{last - 200}")
        yield Asked(f"call of {name} messages: export", f"/sessions/{call}/recording")


def timed(port: int, asked: Asked, rounds: int = ROUNDS) -> Timed:
    """The request as often as said, over one connection."""
    found: list[float] = []
    size = 0
    for _ in range(rounds):
        connection = HTTPConnection("127.0.0.1", port, timeout=300)
        connection.connect()
        begun = time.perf_counter()
        connection.request("GET", asked.path, headers={"Accept-Encoding": "gzip"})
        response = connection.getresponse()
        body = response.read()
        found.append((time.perf_counter() - begun) * 1000)
        connection.close()
        if response.status != 200:
            packed = response.headers.get("Content-Encoding") == "gzip"
            raise RuntimeError(f"{asked.path}: {response.status} {(gzip.decompress(body) if packed else body)[:500]!r}")
        size = len(body)
    return Timed(asked.what, found[0], median(found[1:] or found), size)


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
    """What `make bench` says of the console: makes the database in a temporary folder, and takes it away."""
    with TemporaryDirectory(prefix="relayproxy-bench-") as folder:
        path = Path(folder) / "relayproxy.db"
        make(path, sessions)
        engine = open_engine(f"sqlite:///{path}")
        long, longer = (record(Archive(engine), messages) for messages in (LONG, LONGER))
        engine.dispose()
        db = sqlite3.connect(path)
        lines = [
            f"console over {sessions:,} sessions ({path.stat().st_size / 1e9:.1f} GB): ms until the last byte",
            "",
            f"| | first | median of {ROUNDS - 1} more | KiB |",
            "|---|---|---|---|",
        ]
        with running("console", data_dir=Path(folder), console="127.0.0.1:0") as console:
            for asked in requests(db, long, longer):
                try:
                    found = timed(console.port, asked)
                except (OSError, RuntimeError) as problem:
                    lines.append(f"| {asked.what} | failed: {problem} | | |")
                    continue
                lines.append(
                    f"| {found.what} | {found.first_ms:,.0f} | {found.median_ms:,.0f} | {found.size / 1024:,.0f} |"
                )
            paint, load = painted(f"{console.url}/sessions/{long}")
        db.close()
        lines += ["", f"page of {LONG:,} messages in Chromium: first paint {paint:,.0f} ms, loaded {load:,.0f} ms"]
        return "\n".join(lines)
