"""Mapping between row values and tables.

Knows: that a row class has exactly its table's columns, by name; how each database says "insert or replace".
Must not know: which rows are written or read when.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Integer,
    Row,
    Select,
    Table,
    UniqueConstraint,
    cast,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from relayproxy.store.schema.packing import detail_of
from relayproxy.text import storable

R = TypeVar("R")
K = TypeVar("K")

KEYS = 500
"""Keys in one statement; databases limit its parameters."""
INDEXED = 150
"""Characters of a text in an indexed column."""
DETAIL, PACKED = "detail", "packed"
"""A row's text, and the column that a table has it in instead, when it has one of that name."""


def names(row_class: type) -> list[str]:
    """The columns of rows of this class."""
    return [*_names(row_class)]


@cache
def _names(row_class: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(row_class))


@cache
def _detail(row_class: Any) -> int:
    """The place of the detail in a row of this class."""
    return _names(row_class).index(DETAIL)


@cache
def columns(row_class: type[object], table: Table, blank: str | None = None) -> Select[Any]:
    """A query for whole rows, which `value` makes values of; the column `blank` is not read, and empty."""
    read = [literal("").label(name) if name == blank else whole(table.c[name]) for name in names(row_class)]
    return select(*read, *(table.c[PACKED] for _ in range(is_packed(table) and blank != DETAIL)))


def whole(column: Column[Any]) -> ColumnElement[Any]:
    """The column; of one of whole numbers what is a whole number, as SQLite also keeps there what damage made of it."""
    return cast(column, column.type).label(column.name) if isinstance(column.type, Integer) else column


def value(row_class: Callable[..., R], row: Row[Any]) -> R:
    """The value of a row that `columns` selected. A detail that cannot be unpacked is empty."""
    known = _names(row_class)
    if len(row) == len(known):
        return row_class(*row)
    at = _detail(row_class)
    return row_class(*row[:at], detail_of(row[at], row[-1]), *row[at + 1 : -1])


def is_packed(table: Table) -> bool:
    """True of a table whose rows' `detail` stands in its column `packed`."""
    return PACKED in table.c


def batches(keys: Sequence[K]) -> Iterator[Sequence[K]]:
    """The keys in order, no more at once than one statement takes."""
    return (keys[at : at + KEYS] for at in range(0, len(keys), KEYS))


def parameters(rows: Iterable[object]) -> list[dict[str, Any]]:
    """Rows as parameters of a statement over their table's columns."""
    return [{name: _value(getattr(row, name)) for name in names(type(row))} for row in rows]


def for_index(text: str | None) -> str | None:
    """As much of a text as every database's index takes: PostgreSQL's has room for 2,704 bytes, and a call that
    says it comes from a longer number must not hold up all others."""
    return text if text is None else text[:INDEXED]


@cache
def upsert(dialect: str, table: Table, **otherwise: ColumnElement[Any]) -> Executable:
    """Insert whole rows, replacing every column but the key where the key exists; `otherwise` says what a column
    becomes in that case instead of the new value. A table with a key of its own making is known by its unique
    columns. Made once for the same arguments, as that takes longer than to execute it."""
    insert = _insert(dialect)(table)
    unique = next((one for one in table.constraints if isinstance(one, UniqueConstraint)), table.primary_key)
    keys = [column.name for column in unique]
    kept = {*keys, *(column.name for column in table.primary_key)}
    replaced = {column.name: insert.excluded[column.name] for column in table.c if column.name not in kept}
    statement: Executable = insert.on_conflict_do_update(index_elements=keys, set_={**replaced, **otherwise})
    return statement


@cache
def insert_once(dialect: str, table: Table) -> Executable:
    """Insert whole rows, leaving those alone whose key exists."""
    statement: Executable = _insert(dialect)(table).on_conflict_do_nothing()
    return statement


def _insert(dialect: str) -> Any:
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]


def _value(item: object) -> object:
    # One odd character must not hold up everybody's batch. The recorded message keeps what was really sent.
    return storable(item) if isinstance(item, str) else item
