"""The same database of very many sessions on a PostgreSQL server: rows of a SQLite database are copied to it.

Knows: how PostgreSQL is filled fast, and that a server plans and reads well only what was vacuumed and analyzed.
Must not know: what is in the tables.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import Boolean, Table

from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.tables import metadata


def copy(path: Path, url: str) -> None:
    """Fills the empty PostgreSQL database at `url` with what is in the SQLite database at `path`."""
    migrate(url)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source:
        with psycopg.connect(url) as server:
            indexes = server.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
                "AND indexname NOT IN (SELECT conname FROM pg_constraint)"
            ).fetchall()
            for name, _ in indexes:
                server.execute(f"DROP INDEX {name}".encode())
            for table in metadata.sorted_tables:
                _copy(source, server, table)
            server.execute(b"SET maintenance_work_mem = '256MB'")
            for _, definition in indexes:
                server.execute(definition.encode())
            _count_on(server)
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(b"VACUUM (ANALYZE)")


def _copy(source: sqlite3.Connection, server: psycopg.Connection, table: Table) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    # What a migration wrote is among what is copied.
    server.execute(f"TRUNCATE {table.name}".encode())
    truths = [place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
    with server.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copying:
        for row in _rows(source, f"SELECT {names} FROM {table.name}", truths):
            copying.write_row(row)


def _rows(source: sqlite3.Connection, query: str, truths: list[int]) -> Iterator[list[object]]:
    for row in source.execute(query):
        found = list(row)
        for place in truths:
            found[place] = None if found[place] is None else bool(found[place])
        yield found


def _count_on(server: psycopg.Connection) -> None:
    """Has sequences go on after the keys that were copied."""
    for table, column, sequence in server.execute(
        "SELECT c.relname, a.attname, pg_get_serial_sequence(c.relname, a.attname) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace "
        "AND a.attnum > 0 AND pg_get_serial_sequence(c.relname, a.attname) IS NOT NULL"
    ).fetchall():
        server.execute(f"SELECT setval('{sequence}', coalesce(max({column}), 0) + 1) FROM {table}".encode())
