"""What is in a database after a batch."""

from typing import Any

from sqlalchemy import Engine, text

from relayproxy.store.schema.rows import Batch, JournalRow
from tests.store.build import chunk, connection, said, session, turn

FIRST = Batch(
    journals=(JournalRow("j1", 1, 100),),
    sessions=(session("a", messages=3),),
    connections=(connection("a", next_seq=3),),
    turns=(turn("a", 0), turn("a", 1)),
    turn_counts=(("a", 2),),
    chunks=(chunk("a", said(0, 3)),),
)


def everything(engine: Engine) -> dict[str, list[Any]]:
    names = (
        "sessions",
        "connections",
        "turns",
        "chunks",
        "recordings",
        "journals",
        "backend_spans",
        "backend_span_counts",
    )
    with engine.connect() as db:
        return {name: [tuple(row) for row in db.execute(text(f"SELECT * FROM {name}"))] for name in names}


def counted(engine: Engine, table: str) -> int:
    return len(everything(engine)[table])
