"""Audit entries: views and changes of sessions, by principal.

Knows: its table; entries are added and never changed or taken away.
Must not know: who may read it; what an action means.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import insert, select

from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.tables import audit
from relayproxy.store.write.annotation_writer import AnnotationWriter

Action = Literal[
    "erase",
    "view",
    "export",
    "replay",
    "search",
    "tag",
    "untag",
    "note",
    "delete_note",
    "sign_in",
    "sign_in_failed",
    "sign_out",
    "silence",
    "unsilence",
    "import",
    "lost",
]
"""The action of an entry. `erase`: an erasure was ordered, and `subject` is its id; `silence`, `unsilence`: an alert
was, and `subject` is its name; `lost`: entries were lost, and `subject` has their number."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A principal's action and the address it came from. `at` is wall nanoseconds; `subject` a session's id (ours) or
    empty, or an erasure's; never content."""

    at: int
    actor: str
    action: Action
    subject: str
    address: str


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some entries, the newest first, and the cursor of the older ones; None when there are no more."""

    entries: tuple[AuditEntry, ...]
    next: int | None


def add_entries(writer: AnnotationWriter, entries: Iterable[AuditEntry]) -> None:
    """Adds entries in one transaction. Raises as `AnnotationWriter.writing` does."""
    rows = [asdict(entry) for entry in entries]
    with writer.writing() as db:
        db.execute(insert(audit), rows)


def read_entries(
    queries: Queries, limit: int, before: int | None = None, *, actor: str = "", action: str = "", subject: str = ""
) -> EntryPage:
    """The newest entries before a cursor, of one actor, action or subject when such is given."""
    c = audit.c
    query = select(c.id, c.at, c.actor, c.action, c.subject, c.address).order_by(c.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(c.id < before)
    for column, wanted in ((c.actor, actor), (c.action, action), (c.subject, subject)):
        if wanted:
            query = query.where(column == wanted)
    with queries.reading() as db:
        rows = db.execute(query).all()
    entries = tuple(AuditEntry(row.at, row.actor, row.action, row.subject, row.address) for row in rows[:limit])
    return EntryPage(entries, rows[limit - 1].id if len(rows) > limit > 0 else None)
