"""Calls to be deleted, a deleter that never rests, and what the files and tables still hold."""

import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url, text

from relayproxy.store.engine import sqlite_path
from relayproxy.store.schema.packing import detail_of
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deleter import Deleter
from relayproxy.store.write.deletion.retention import DAY, Keep, Retention
from tests.console.samples import CALLER, Call
from tests.databases import details_in

WORD = "quagmire"
"""In everything that is said in a call of `spoken`."""
MONTH = Retention(Keep(30 * DAY, 400 * DAY))


def days_ago(days: float) -> int:
    return time.time_ns() - round(days * DAY)


def spoken(archive: Archive, began: int, *, caller: str = CALLER, route: str = "default", live: bool = False) -> Call:
    """A call in which the word is in every place that content can have."""
    header = {"request_headers": (("X-Name", WORD),), "target": f"/{WORD}", "peer": "203.0.113.9:4711"}
    call = Call(archive, began, route=route, opening=header).setup(caller=caller, parameters={"name": WORD})
    call.asks(1.2, f"I have a {WORD} and need help with it")
    call.answers(1.9, f"Your {WORD} is my {WORD}.")
    call.interrupts(2.6, f"Your {WORD}", 400)
    call.asks(3.1, f"そう {WORD} です", lang="ja-JP")
    call.answers(3.9, f"分かりました {WORD}")
    if live:
        return call.commit()
    call.backend(4.8, "end", handoffData=f'{{"reasonCode": "live-agent", "reason": "{WORD}"}}')
    return call.hang_up(5.0).commit()


def deleter(engine: Engine) -> Deleter:
    found = Deleter(engine, lambda _seconds: True)
    found.check()
    return found


def tables_with(engine: Engine, word: str) -> list[str]:
    """The tables in which the word stands, in any column."""
    with engine.connect() as db:
        names = ("sessions", "connections", "turns", "labels", "notes", "chunks", "audit", "erasures", "backend_spans")
        found = []
        for name in names:
            rows = db.execute(text(f"SELECT * FROM {name}")).all()
            if any(word in item for row in rows for item in _texts(row._asdict())):
                found.append(name)
        if db.execute(text("SELECT count(*) FROM recordings")).scalar_one():
            found.append("recordings")
        return found


def _texts(row: dict[str, Any]) -> list[str]:
    unpacked = detail_of("", row.pop("packed", None))
    return [unpacked, *(item.decode() if isinstance(item, bytes) else str(item) for item in row.values())]


def files_with(url: str, word: str) -> list[str]:
    """The files of a SQLite database in which the word stands."""
    path = sqlite_path(make_url(url))
    assert path is not None
    files = [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-journal")]
    found = [file.name for file in files if file.exists() and word.encode() in file.read_bytes()]
    return found + ["details"] * (word.encode() in details_in(path))


def recorder_goes_on(archive: Archive, segment: int) -> None:
    archive.commit(Batch(journals=(JournalRow("j1", segment, 1),)))
