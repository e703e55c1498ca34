"""Live rows: rows of a table that are written again and again while what they are of lives.

Knows: which columns never change meanwhile, and that those are not written again.
Must not know: what is in a row, transactions.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from relayproxy.store.schema.mapping import names, upsert
from relayproxy.store.write.row_writer import RowWriter


class LiveRows:
    """The writer of the rows of `table`, whose key is `id`. `changing` are the columns that may be written alone, once
    all others are known to be stored as they are; `counted` is one that no row says: it counts how often a row was
    written. It must `forget` whenever a transaction failed."""

    def __init__(
        self,
        dialect: Dialect,
        table: Table,
        row_class: type,
        changing: Sequence[str],
        counted: str | None = None,
        indexed: frozenset[str] = frozenset(),
    ) -> None:
        columns = [name for name in names(row_class) if name != counted]
        more = () if counted is None else (counted,)
        next_count = {name: table.c[name] + 1 for name in more}
        whole = upsert(dialect.name, table, **next_count)
        self._put = RowWriter.inserting(dialect, whole, columns, more, indexed)
        self._change = RowWriter.updating(dialect, table, "id", changing, **next_count)
        self._counts = len(more)
        self._lasting: Callable[[object], Any] = attrgetter(*(name for name in columns if name not in changing))
        self._stored: dict[str, int] = {}
        """Hashes of what lasts of the rows that were written last."""

    def write(self, db: Connection, rows: Iterable[Any]) -> None:
        """Writes each row as it is now, no two of which have the same key."""
        whole: list[Any] = []
        changed: list[Any] = []
        for row in rows:
            lasting = hash(self._lasting(row))
            (changed if self._stored.get(row.id) == lasting else whole).append(row)
            self._stored[row.id] = lasting
        self._put(db, whole, *([[1] * len(whole)] * self._counts))
        self._change(db, changed)

    def forget(self, ids: Iterable[str] | None = None) -> None:
        """Nothing is known any more of these rows, or of any: they are written whole."""
        if ids is None:
            self._stored.clear()
            return
        for id in ids:
            self._stored.pop(id, None)
