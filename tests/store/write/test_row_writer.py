"""Rows are written as they are, with one statement for many of them."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, event, select

from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import columns, names, upsert, value
from relayproxy.store.schema.rows import ConnectionRow, TurnRow
from relayproxy.store.write.row_writer import AT_ONCE, RowWriter
from tests.store.build import connection, turn


def connections(engine: Engine) -> dict[str, ConnectionRow]:
    with engine.connect() as db:
        rows = [value(ConnectionRow, row) for row in db.execute(columns(ConnectionRow, tables.connections))]
    return {row.id: row for row in rows}


def putting(engine: Engine) -> RowWriter:
    statement = upsert(engine.dialect.name, tables.connections)
    return RowWriter.inserting(engine.dialect.name, statement, names(ConnectionRow))


def test_rows_are_added_or_replaced(engine: Engine) -> None:
    rows = [connection(f"c{number}", next_seq=2**40) for number in range(3 * AT_ONCE + 1)]
    put = putting(engine)
    with engine.begin() as db:
        put(db, rows)
        put(db, [])
    odd = replace(rows[0], opening='{"quotes": "\\"\'", "slash": "\\\\", "percent": "100 %(s)s", "é": "\U0001f600"}')
    with engine.begin() as db:
        put(db, [replace(odd, ended_at=5, ending="{}", resume=None)])
    assert connections(engine) == {row.id: row for row in rows} | {
        "c0": replace(odd, ended_at=5, ending="{}", resume=None)
    }


def test_some_columns_change_of_the_rows_that_are_there(engine: Engine) -> None:
    rows = [connection(f"c{number}", next_seq=1) for number in range(2 * AT_ONCE)]
    more = tables.connections.c.number + 1
    change = RowWriter.updating(engine.dialect.name, tables.connections, "id", ("next_seq", "resume"), number=more)
    with engine.begin() as db:
        putting(engine)(db, rows)
        change(db, [replace(row, next_seq=7, resume="{}", opening="not this") for row in (*rows[1:], connection("x"))])
    expected = [rows[0], *(replace(row, next_seq=7, resume="{}", number=row.number + 1) for row in rows[1:])]
    assert connections(engine) == {row.id: row for row in expected}


def test_columns_that_no_row_has_come_beside_the_rows(engine: Engine) -> None:
    put = RowWriter.inserting(
        engine.dialect.name, upsert(engine.dialect.name, tables.turns), names(TurnRow), ("bigrams",)
    )
    with engine.begin() as db:
        put(db, [turn("a", 0), turn("a", 1)], ["one", "two"])
        c = tables.turns.c
        found = db.execute(select(c.number, c.bigrams, c.interrupted).order_by(c.number)).all()
    assert [tuple(row) for row in found] == [(0, "one", turn("a", 0).interrupted), (1, "two", turn("a", 1).interrupted)]


def test_of_indexed_columns_as_much_is_written_as_an_index_takes(engine: Engine) -> None:
    statement = upsert(engine.dialect.name, tables.connections)
    put = RowWriter.inserting(engine.dialect.name, statement, names(ConnectionRow), indexed=frozenset({"session"}))
    with engine.begin() as db:
        put(db, [replace(connection("c"), session="s" * 1000, journal="j" * 1000)])
    assert (connections(engine)["c"].session, connections(engine)["c"].journal) == ("s" * 150, "j" * 1000)


def test_what_no_database_takes_is_mended(engine: Engine) -> None:
    with engine.begin() as db:
        putting(engine)(db, [replace(connection("c"), opening="a\0b\ud800c")])
    assert connections(engine)["c"].opening == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_a_value_that_is_none_of_its_column_is_refused_before_anything_is_written(engine: Engine) -> None:
    wrong = replace(connection("c"), number="7")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="number"), engine.begin() as db:
        putting(engine)(db, [*(connection(f"c{number}") for number in range(2 * AT_ONCE)), wrong])
    assert connections(engine) == {}


def test_a_server_gets_one_statement_for_all_rows(engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    with engine.begin() as db:
        statements.clear()
        putting(engine)(db, [connection(f"c{number}") for number in range(3 * AT_ONCE)])
    assert len(statements) == (1 if engine.dialect.name == "postgresql" else 3)
