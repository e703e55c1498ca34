"""Live rows: rows of a table that are written again and again while what they are of lives.

Knows: which columns never change meanwhile, and that those are not written again.
Must not know: what is in a row, transactions.
"""

from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Table

from relayproxy.store.schema.mapping import names, upsert
from relayproxy.store.write.row_writer import RowWriter


class LiveRows:
    """The writer of the rows of `table`, whose key is `id`. `changing` are the columns that may be written alone, once
    all others are known to be stored as they are; `counted` is one that no row says: it counts how often a row was
    written. It must `forget` whenever a transaction failed."""

    def __init__(
        self,
        dialect: str,
        table: Table,
        row_class: type,
        changing: tuple[str, ...],
        counted: str | None = None,
        indexed: frozenset[str] = frozenset(),
    ) -> None:
        columns = tuple(name for name in names(row_class) if name != counted)
        more = () if counted is None else (counted,)
        self._put, self._change = _writers(dialect, table, columns, changing, more, indexed)
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


@cache
def _writers(
    dialect: str,
    table: Table,
    columns: tuple[str, ...],
    changing: tuple[str, ...],
    counted: tuple[str, ...],
    indexed: frozenset[str],
) -> tuple[RowWriter, RowWriter]:
    """What writes whole rows, and what writes only what changes."""
    next_count = {name: table.c[name] + 1 for name in counted}
    whole = upsert(dialect, table, **next_count)
    return (
        RowWriter.inserting(dialect, whole, columns, counted, indexed),
        RowWriter.updating(dialect, table, "id", changing, **next_count),
    )
