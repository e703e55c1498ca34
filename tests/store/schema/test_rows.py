"""Rows hold exactly what their tables hold, and a batch says nothing that it was not told."""

from dataclasses import FrozenInstanceError, fields
from typing import get_type_hints

import pytest
from sqlalchemy import Table

from relayproxy.store.schema import tables
from relayproxy.store.schema.rows import (
    BackendSpanCountsRow,
    BackendSpanRow,
    Batch,
    ChunkRow,
    ConnectionRow,
    JournalGapRow,
    JournalRow,
    SessionRow,
    TurnRow,
)
from relayproxy.store.write.alert_store import AlertRow, Silence

OWN = {"sessions": {"packed"}, "turns": {"id", "bigrams", "packed"}, "journals": {"updated_at", "recorder"}}
"""Columns that the archive or the database fills in."""


@pytest.mark.parametrize(
    ("row", "table"),
    [
        (SessionRow, tables.sessions),
        (ConnectionRow, tables.connections),
        (TurnRow, tables.turns),
        (ChunkRow, tables.chunks),
        (JournalRow, tables.journals),
        (JournalGapRow, tables.journal_gaps),
        (BackendSpanRow, tables.backend_spans),
        (BackendSpanCountsRow, tables.backend_span_counts),
        (AlertRow, tables.alerts),
        (Silence, tables.alert_silences),
    ],
)
def test_a_row_has_the_columns_of_its_table_with_their_types(row: type, table: Table) -> None:
    hints = get_type_hints(row)
    columns = {column.name: column for column in table.columns if column.name not in OWN.get(table.name, set())}

    assert {field.name for field in fields(row)} == set(columns)
    for name, column in columns.items():
        plain = column.type.python_type
        assert hints[name] == (plain | None if column.nullable else plain), name


def test_a_session_that_was_never_stored_is_of_revision_0() -> None:
    assert SessionRow.__dataclass_fields__["revision"].default == 0


def test_rows_are_values() -> None:
    row = JournalRow("j1", 1, 100)

    assert row == JournalRow("j1", 1, 100)
    assert {row: "found"}[JournalRow("j1", 1, 100)] == "found"
    with pytest.raises(FrozenInstanceError):
        row.offset = 200  # type: ignore[misc]


def test_an_empty_batch_writes_nothing() -> None:
    assert {getattr(Batch(), field.name) for field in fields(Batch)} == {()}
