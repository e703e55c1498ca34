"""Journal erasures: connections whose bytes are to be overwritten in a journal, noted when their rows are deleted.

Knows: their table; that each recorder sees to its own journals, and that a journal may be gone meanwhile.
Must not know: the journal's files.
"""

import time
from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, select

from relayproxy.store.schema.mapping import upsert
from relayproxy.store.schema.tables import journal_erasures, journals

_THERE = select(journals.c.id).where(journals.c.id.in_(bindparam("b_journals", expanding=True)))


def note_journal_erasures(db: Connection, places: Iterable[tuple[str, int]], erasure: str | None) -> None:
    """Notes connections by journal and number, of journals whose files are still there; and the erasure that waits for
    it."""
    wanted = list(places)
    there = set(db.execute(_THERE, {"b_journals": sorted({journal for journal, _ in wanted})}).scalars())
    now = time.time_ns()
    rows = [
        {"journal": journal, "number": number, "at": now, "erasure": erasure}
        for journal, number in wanted
        if journal in there
    ]
    if rows:
        db.execute(upsert(db.dialect.name, journal_erasures), rows)


def noted_journal_erasures(db: Connection) -> dict[str, frozenset[int]]:
    """The numbers of noted connections by journal."""
    c = journal_erasures.c
    found: dict[str, set[int]] = {}
    for row in db.execute(select(c.journal, c.number)):
        found.setdefault(row.journal, set()).add(row.number)
    return {journal: frozenset(numbers) for journal, numbers in found.items()}


def settle_journal_erasures(db: Connection, journal: str, numbers: Iterable[int]) -> None:
    """Takes these connections as overwritten."""
    c = journal_erasures.c
    db.execute(delete(journal_erasures).where(c.journal == journal, c.number.in_(list(numbers))))


def forget_gone_journals(db: Connection) -> None:
    """Forgets what was noted of journals whose files have been deleted since."""
    db.execute(delete(journal_erasures).where(journal_erasures.c.journal.not_in(select(journals.c.id))))
