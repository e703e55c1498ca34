"""Row writer: writes many rows of a table by one statement.

Knows: what costs each database least: a compiled statement with tuples on SQLite, an array for each column on
PostgreSQL; that a writer gives way to other processes after some rows; that details are stored packed.
Must not know: what is in the rows, and when they are written.
"""

import os
import re
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, func, make_url, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from relayproxy.store.schema.mapping import DETAIL, PACKED, for_index, is_packed
from relayproxy.store.schema.packing import pack
from relayproxy.text import storable

AT_ONCE = 32
"""Rows between two times at which a writer gives way, which take SQLite, or packing, about half a millisecond. Linux
takes a processor from nobody who makes no system call before its next tick, up to four milliseconds later, and on a
machine with few processors a relay may wait for it."""
_NEW = "new_"
_DIALECTS: dict[str, Dialect] = {
    "sqlite": make_url("sqlite://").get_dialect()(),
    "postgresql": make_url("postgresql+psycopg://").get_dialect()(),
}


class RowWriter:
    """A statement that is executed with rows, which have the columns `names` as attributes. The columns `more` are
    given beside the rows. It is for every database of its dialect; to make one takes milliseconds."""

    def __init__(
        self,
        dialect: str,
        statement: Any,
        names: Sequence[str],
        more: Sequence[str] = (),
        indexed: frozenset[str] = frozenset(),
    ) -> None:
        self._values = attrgetter(*names)
        self._indexed = [at for at, name in enumerate(names) if name in indexed]
        """Those of which as much is written as `for_index` keeps."""
        table = statement.table
        self._given = [*names, *more]
        """The columns of which values are given."""
        self._columns = [*self._given, *_packed(table, names)]
        self._packs = names.index(DETAIL) if _packed(table, names) else None
        """The place of what is written packed."""
        self._types = [{table.c[name].type.python_type, type(None)} for name in self._given]
        keys = self._columns if dialect == "sqlite" and statement.is_insert else None
        compiled = statement.compile(dialect=_DIALECTS[dialect], column_keys=keys)
        self._sql = str(compiled)
        self._order: list[int] | None = None
        """The place in a row's values of each parameter; None: parameters are columns, by name."""
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        if compiled.positional:
            names = [*self._columns, *self._fixed]
            self._order = [names.index(one.removeprefix(_NEW)) for one in compiled.positiontup]
        else:
            # In binary: as text, arrays have a backslash for each quote.
            self._sql = re.sub(rf"%\(({_NEW}\w+)\)s", r"%(\1)b", self._sql)

    @classmethod
    def inserting(
        cls,
        dialect: str,
        statement: Any,
        names: Sequence[str],
        more: Sequence[str] = (),
        indexed: frozenset[str] = frozenset(),
    ) -> "RowWriter":
        """A writer by an INSERT as `mapping.upsert` and `mapping.insert_once` make it."""
        if dialect == "postgresql":
            written = [*names, *more, *_packed(statement.table, names)]
            new = _arrays(statement.table, written)
            statement = statement.from_select(written, select(new), include_defaults=False)
        return cls(dialect, statement, names, more, indexed)

    @classmethod
    def updating(cls, dialect: str, table: Table, key: str, names: Sequence[str], **also: Any) -> "RowWriter":
        """A writer that changes these columns of rows that are there, by their key. `also`: columns that become what no
        row says."""
        statement: Any
        written = [*names, *_packed(table, names)]
        if dialect == "postgresql":
            new = _arrays(table, (key, *written))
            statement = update(table).where(table.c[key] == new.c[key])
            statement = statement.values({name: new.c[name] for name in written} | also)
        else:
            statement = update(table).where(table.c[key] == bindparam(_NEW + key))
            statement = statement.values({name: bindparam(_NEW + name) for name in written} | also)
        return cls(dialect, statement, (key, *names))

    def __call__(self, db: Connection, rows: Sequence[object], *more: Sequence[Any]) -> None:
        """Writes rows, no two of which have the same key; `more` has a sequence of values for each further column.
        Raises TypeError, and has written nothing, for a value that is none of its column."""
        if not rows:
            return
        values = [self._row(row) for row in rows]
        columns: list[Sequence[Any]] = [*zip(*values, strict=True), *more]
        for name, types, column in zip(self._given, self._types, columns, strict=True):
            if not types.issuperset(map(type, column)):
                raise TypeError(f"{name}: a value is expected that the column has")
        if self._packs is not None:
            columns.append(_all_packed(columns[self._packs]))
            columns[self._packs] = [""] * len(rows)
        if self._order is None:
            named = {_NEW + name: list(column) for name, column in zip(self._columns, columns, strict=True)}
            db.exec_driver_sql(self._sql, {**self._fixed, **named})
            return
        columns += ([value] * len(rows) for value in self._fixed.values())
        ready = [*zip(*(columns[place] for place in self._order), strict=True)]
        for at in range(0, len(ready), AT_ONCE):
            db.exec_driver_sql(self._sql, ready[at : at + AT_ONCE])
            os.sched_yield()

    def _row(self, row: object) -> Sequence[Any]:
        # One odd character must not hold up everybody's batch. The recorded message keeps what was really sent.
        found = [storable(one) if type(one) is str else one for one in self._values(row)]
        for at in self._indexed:
            found[at] = for_index(found[at])
        return found


def _all_packed(details: Sequence[str]) -> list[bytes]:
    packed: list[bytes] = []
    for at in range(0, len(details), AT_ONCE):
        packed += map(pack, details[at : at + AT_ONCE])
        os.sched_yield()
    return packed


def _packed(table: Table, names: Sequence[str]) -> list[str]:
    """The further column of which rows know nothing, when their detail is written and packed."""
    return [PACKED] if is_packed(table) and DETAIL in names else []


def _arrays(table: Table, names: Sequence[str]) -> Any:
    """Rows of these columns, which come as arrays."""
    arrays = [bindparam(_NEW + name, type_=ARRAY(table.c[name].type)) for name in names]
    return func.unnest(*arrays).table_valued(*names, name="new").render_derived()
