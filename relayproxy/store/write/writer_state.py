"""Writer state: detects that another writer has changed the database since this one's last commit.

Knows: the positions of journals and the revisions of sessions as they were committed last; that two writers may begin
sessions of one VX id at the same time; the errors when others are found.
Must not know: how rows are written.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import BindParameter, Connection, bindparam, func, select

from relayproxy.store.errors import OvertakenError, ReplacedError
from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import batches, columns, for_index, value
from relayproxy.store.schema.rows import Batch, ConnectionRow, JournalRow, SessionRow

# Made once, as that takes longer than to execute them.
_ids: BindParameter[Sequence[str]] = bindparam("b_ids", expanding=True)
_s = tables.sessions.c
_REVISIONS = select(_s.id, _s.revision).where(_s.id.in_(_ids)).order_by(_s.id).with_for_update()
_NAMED = select(_s.id, _s.session_id).where(_s.session_id.in_(_ids))
_LOCK = 0x6E616D65
_JOURNALS = columns(JournalRow, tables.journals).where(tables.journals.c.id.in_(_ids))


class WriterState:
    """One writer's record of its last commits: `check` within each transaction, `committed` after it."""

    def __init__(self) -> None:
        self._positions: dict[str, JournalRow] = {}
        self._revisions: dict[str, int] = {}
        """Of sessions that live."""
        self._next: dict[str, int] = {}

    def forget(self) -> None:
        """Forgets everything, as the database is another one now."""
        self._positions.clear()
        self._revisions.clear()

    def follow(self, db: Connection, session: str) -> None:
        """Takes over what another writer has written of this session so far."""
        self._revisions |= _revisions(db, [session])

    def check(self, db: Connection, batch: Batch) -> bool:
        """False when the batch is to be written; True when it has been: its commit worked, and the answer got lost.

        Raises `ReplacedError` when a journal's position is older than it was, as after a failover to a server that
        lagged behind: what was deleted from the journal since is to be recorded as lost. Raises `OvertakenError` when
        another writer has written one of the sessions meanwhile."""
        written = self._written(db, batch.journals)
        found = _revisions(db, sorted(row.id for row in batch.sessions))
        if written:
            self._next = found
            return True
        known = {row.id: self._revisions[row.id] for row in batch.sessions if row.id in self._revisions}
        overtaken = [id for id, revision in known.items() if found.get(id, 0) != revision]
        if overtaken:
            self._revisions |= {id: found.get(id, 0) for id in overtaken}
            raise OvertakenError(overtaken)
        self._next = {row.id: found.get(row.id, 0) + 1 for row in batch.sessions}
        return False

    def committed(self, batch: Batch) -> None:
        """The transaction of the batch that was checked last has succeeded."""
        self._positions |= {row.id: row for row in batch.journals}
        self._revisions |= self._next
        for journal in batch.dropped_journals:
            self._positions.pop(journal, None)
        for session in (*batch.dropped_sessions, *ended(batch.sessions)):
            self._revisions.pop(session, None)

    def _written(self, db: Connection, journals: tuple[JournalRow, ...]) -> bool:
        if not journals:
            return False
        known = [row for row in journals if row.id in self._positions]
        ids = [row.id for row in journals]
        stored = {row.id: value(JournalRow, row) for row in db.execute(_JOURNALS, {"b_ids": ids})}
        if any(stored.get(row.id) not in (row, self._positions[row.id]) for row in known):
            raise ReplacedError("the database does not have what was written to it last")
        moved = [row for row in known if row != self._positions[row.id]]
        return bool(moved) and all(stored[row.id] == row for row in moved)


def check_names(db: Connection, batch: Batch) -> None:
    """Raises `OvertakenError` when sessions of another writer have the VX ids of newly named ones of the batch by now.
    To be called once all else is written: from here to the end of the transaction, others that name sessions wait."""
    new = {*batch.newly_named}
    named = {for_index(row.session_id): row.id for row in batch.sessions if row.id in new}
    if not named:
        return
    if db.dialect.name == "postgresql":  # SQLite has one writer
        db.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    mine = {row.id for row in batch.sessions}
    found: list[str] = []
    for some in batches([*named]):
        rows = db.execute(_NAMED, {"b_ids": some})
        found += {named[row.session_id] for row in rows if row.id not in mine}
    if found:
        raise OvertakenError(named_alike=found)


def ended(rows: Iterable[SessionRow | ConnectionRow]) -> list[str]:
    """The ids of those that have ended."""
    return [row.id for row in rows if row.ended_at is not None]


def _revisions(db: Connection, ids: list[str]) -> dict[str, int]:
    """The revisions of those that are there, which nobody else changes until the transaction ends."""
    found: dict[str, int] = {}
    for some in batches(ids):
        found |= {row.id: row.revision for row in db.execute(_REVISIONS, {"b_ids": some})}
    return found
