"""A database of very many sessions, made quickly: a few hundred calls go through the real fold, and their rows are
multiplied with other ids, times, numbers, parameters and words.

Knows: which texts of a row are to differ from session to session; how SQLite is filled fast.
Must not know: what is measured on it.

What is multiplied has no messages.
"""

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from relayproxy.store.engine import open_engine
from relayproxy.store.schema.packing import detail_of, pack
from relayproxy.store.write.archive import Archive
from tests.bench.big_calls import CALLEE, CALLER, CAMPAIGN, CUSTOMER, SURNAME, patterns, words
from tests.databases import migrated

S = 1_000_000_000
DAY = 86_400 * S
PATTERNS = 300
WORDS = 50_000
AT_ONCE = 5_000
TABLES = ("sessions", "connections", "turns", "labels")
_TIME = r"\b1[0-9]{18}\b"
_TAGS = ("refund", "todo", "vip", "complaint")

Row = list[object]


Fill = Callable[[tuple[Any, ...]], Any]
"""Takes a session's values and gives what stands in one column."""


@dataclass(frozen=True, slots=True)
class _Mold:
    """A row that is the same in every session but for some columns."""

    fixed: tuple[object, ...]
    fills: tuple[tuple[int, Fill], ...]

    def row(self, values: tuple[Any, ...]) -> list[object]:
        found = list(self.fixed)
        for column, fill in self.fills:
            found[column] = fill(values)
        return found


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A call's rows by table. A session's values are its times, shifted, and then what takes the place of `names`."""

    live: bool
    began: int
    times: tuple[int, ...]
    names: tuple[str, ...]
    rows: dict[str, tuple[_Mold, ...]]


def make(path: Path, sessions: int, seed: int = 3, *, now: int | None = None) -> None:
    """Fills a new database at `path` with so many sessions of the 30 days before `now` (wall nanoseconds); one in
    twenty thousand, at least one, is live."""
    begun = time.monotonic()
    url = f"sqlite:///{path}"
    migrated(url)
    found, columns = _patterns(min(PATTERNS, max(20, sessions // 10)))
    _say(f"{len(found)} patterns", begun)
    db = sqlite3.connect(path, isolation_level=None)
    try:
        # Nobody needs what is half made.
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-600000")
        later = db.execute(
            "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL AND (type = 'trigger' OR type = 'index') "
            "AND tbl_name IN ('sessions', 'connections', 'turns', 'labels')"
        ).fetchall()
        for name, kind, _ in later:
            db.execute(f"DROP {kind} {name}")
        inserts = {
            table: f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            for table, names in columns.items()
        }
        for done, rows in _batches(found, sessions, Random(seed), time.time_ns() if now is None else now):
            db.execute("BEGIN")
            for table in TABLES:
                db.executemany(inserts[table], rows[table])
            db.execute("COMMIT")
            if done % 100_000 == 0:
                _say(f"{done:,} sessions", begun)
        db.execute("INSERT INTO turns_fts(turns_fts) VALUES('rebuild')")
        _say("index of words", begun)
        for _, _, sql in sorted(later, key=lambda one: one[1]):
            db.execute(sql)
        db.execute("INSERT INTO journals (id, segment, offset, updated_at) VALUES ('big', 1, 1, 1)")
        db.execute("PRAGMA journal_mode=WAL")
    finally:
        db.close()
    _say(f"{sessions:,} sessions, {path.stat().st_size / 1e9:.2f} GB", begun)


def _batches(
    found: list[_Pattern], sessions: int, random: Random, now: int
) -> Iterator[tuple[int, dict[str, list[Row]]]]:
    ended = [pattern for pattern in found if not pattern.live]
    alive = [pattern for pattern in found if pattern.live]
    surnames = tuple(words(WORDS))
    living = max(1, sessions // 20_000)
    rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    for number in range(sessions):
        live = number >= sessions - living
        pattern = random.choice(alive if live else ended)
        # The newest that have ended did so ten minutes ago; those that live began in the last minute.
        began = now - (random.randrange(60 * S) if live else 600 * S + (sessions - number) * (30 * DAY // sessions))
        known = _values(random, random.choice(surnames), number)
        shift = began - pattern.began
        values = (*[at + shift for at in pattern.times], *[known[name] for name in pattern.names])
        for table in TABLES:
            rows[table] += [mold.row(values) for mold in pattern.rows[table]]
        if random.random() < 0.02:
            rows["labels"].append(["tag", random.choice(_TAGS), began, known["id"]])
        if (number + 1) % AT_ONCE == 0 or number + 1 == sessions:
            yield number + 1, rows
            rows = {table: [] for table in TABLES}


def _values(random: Random, surname: str, number: int) -> dict[str, str]:
    unique = f"{random.getrandbits(96):024x}{number:08x}"
    return {
        "id": unique,
        "trace": unique[::-1],
        "vx": f"VX{unique}",
        "call": f"CA{unique[::-1]}",
        "caller": f"+1{random.choice((212, 415, 503, 617, 702, 808))}{random.randrange(2_000_000, 9_999_999)}",
        "callee": f"+1800555{random.randrange(40):04d}",
        "customer": f"customer-{random.randrange(300_000):07d}",
        "campaign": f"campaign-{int(random.paretovariate(1.2)) % 200:03d}",
        "surname": surname,
    }


def _patterns(count: int) -> tuple[list[_Pattern], dict[str, tuple[str, ...]]]:
    """Calls that went through the fold, as molds; and the columns of their rows."""
    with TemporaryDirectory(prefix="relayproxy-patterns-") as folder:
        path = Path(folder) / "patterns.db"
        migrated(f"sqlite:///{path}")
        engine = open_engine(f"sqlite:///{path}")
        ids = patterns(Archive(engine), count, began=time.time_ns() - DAY)
        engine.dispose()
        db = sqlite3.connect(path)
        try:
            columns = {table: _columns(db, table) for table in TABLES}
            return [_pattern(db, id, columns) for id in ids], columns
        finally:
            db.close()


def _columns(db: sqlite3.Connection, table: str) -> tuple[str, ...]:
    names = tuple(row[1] for row in db.execute(f"PRAGMA table_info({table})"))
    return tuple(name for name in names if not (table == "turns" and name == "id"))


def _pattern(db: sqlite3.Connection, id: str, columns: dict[str, tuple[str, ...]]) -> _Pattern:
    head = "session_id, call_sid, trace_id, started_at, ended_at"
    vx, call, trace, began, ended = db.execute(f"SELECT {head} FROM sessions WHERE id = ?", (id,)).fetchone()
    names = {id: "id", trace: "trace", CALLER: "caller", CALLEE: "callee", CUSTOMER: "customer"}
    names |= {CAMPAIGN: "campaign", SURNAME: "surname"} | ({vx: "vx", call: "call"} if vx else {})
    found = {table: _rows(db, table, id, columns[table]) for table in TABLES}
    texts = " ".join(str(item) for rows in found.values() for row in rows for item in row)
    times = sorted(set(re.findall(_TIME, texts)))
    places = {token: place for place, token in enumerate((*times, *names))}
    cut = re.compile("|".join((_TIME, *map(re.escape, names))))
    return _Pattern(
        live=ended is None,
        began=began,
        times=tuple(map(int, times)),
        names=tuple(names.values()),
        rows={table: tuple(_mold(row, columns[table], places, cut) for row in rows) for table, rows in found.items()},
    )


def _rows(db: sqlite3.Connection, table: str, id: str, columns: tuple[str, ...]) -> list[list[object]]:
    key = "id" if table == "sessions" else "session"
    found = db.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = ? ORDER BY rowid", (id,))
    return [[_plain(table, name, item) for name, item in zip(columns, row, strict=True)] for row in found]


def _mold(row: list[object], names: tuple[str, ...], places: dict[str, int], cut: re.Pattern[str]) -> _Mold:
    fills: list[tuple[int, Fill]] = []
    for column, (name, item) in enumerate(zip(names, row, strict=True)):
        if isinstance(item, int) and str(item) in places:
            fills.append((column, itemgetter(places[str(item)])))
        elif isinstance(item, str) and (found := cut.findall(item)):
            form = "%s".join(part.replace("%", "%%") for part in cut.split(item))
            fill = _text(form, tuple(places[token] for token in found))
            fills.append((column, _packed(fill) if name == "packed" else fill))
    return _Mold(tuple(row), tuple(fills))


def _text(form: str, places: tuple[int, ...]) -> Fill:
    some = itemgetter(*places)
    return lambda values: form % some(values)


def _packed(fill: Fill) -> Fill:
    return lambda values: pack(fill(values))


def _plain(table: str, column: str, item: object) -> object:
    """What stands in a column as text; of the JSON of a connection what cannot be missed alone."""
    if (table, column) == ("connections", "opening"):
        known = msgspec.json.decode(str(item))
        return msgspec.json.encode({**known, "request_headers": [], "response_headers": []}).decode()
    return detail_of("", item) if isinstance(item, bytes) else item


def _say(what: str, begun: float) -> None:
    print(f"{time.monotonic() - begun:7.1f} s  {what}", file=sys.stderr, flush=True)
