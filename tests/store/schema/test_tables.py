"""What must hold of every table, so that both databases can be written, read and migrated alike."""

import re
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Column, Engine, Index, LargeBinary, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex

from relayproxy.store.schema import tables
from relayproxy.store.schema.tables import metadata
from tests.store.kinds import POSTGRESQL

DATABASES = Path(__file__).parents[3] / "docs/databases.md"
ALL = list(metadata.tables.values())
TIMES = {"at", "since", "until"}
PACKED = {("sessions", "packed"), ("turns", "packed")}


def reached_by(table: Table) -> set[str]:
    """The columns by which rows are found without going through all."""
    unique = [one.columns for one in table.constraints if isinstance(one, UniqueConstraint)]
    return {
        next(iter(columns)).name
        for columns in (table.primary_key.columns, *unique, *(index.columns for index in table.indexes))
    }


@pytest.mark.parametrize("table", ALL, ids=str)
def test_every_table_has_a_key_of_columns_that_are_never_empty(table: Table) -> None:
    assert list(table.primary_key)
    assert not any(column.nullable for column in table.primary_key)


@pytest.mark.parametrize("table", ALL, ids=str)
def test_what_belongs_to_a_session_or_a_connection_is_found_without_going_through_all(table: Table) -> None:
    owners = {"session", "connection"} & {column.name for column in table.columns}

    assert owners <= reached_by(table)
    assert all(isinstance(table.c[name].type, Text) and not table.c[name].nullable for name in owners)


@pytest.mark.parametrize("table", ALL, ids=str)
def test_a_time_has_room_for_nanoseconds_since_the_epoch(table: Table) -> None:
    times = [column for column in table.columns if column.name in TIMES or column.name.endswith("_at")]

    assert all(isinstance(column.type, BigInteger) for column in times)


@pytest.mark.parametrize("table", ALL, ids=str)
def test_what_may_be_long_comes_last_in_a_row(table: Table) -> None:
    def is_long(column: Column[object]) -> bool:
        return column.name in {"detail", "packed", "steps", "text", "lines", "resume"} or column.name.endswith(
            ("_text", "_parameters")
        )

    long = [is_long(column) or column.system for column in table.columns]
    first = long.index(True) if True in long else len(long)

    rest = {column.name for column in list(table.columns)[first:] if not is_long(column)}
    of_parts = {"sealed_at", "object", "sha256"} if table.name == "recordings" else set()
    # Of rollups it is read of listings alone, whose detail is empty.
    of_parts |= {"day_read"} if table.name == "rollups" else set()
    assert rest <= {"bigrams", "handoff"} | of_parts, "they are read past what is long"


def test_of_a_long_text_or_bytes_no_index_is_made() -> None:
    indexed = {column for table in ALL for index in table.indexes for column in index.columns}

    assert not [str(column) for column in indexed if isinstance(column.type, LargeBinary) or column.name == "detail"]


def test_indexes_have_names_of_their_own_that_say_their_table() -> None:
    names = [(str(index.name), table.name) for table in ALL for index in table.indexes]

    assert len(dict(names)) == len(names)
    assert all(name.startswith(f"ix_{table}_") for name, table in names)


def name_of(index: Index) -> str:
    return str(index.name)


# A table has a set of them, and every process has to find the same order.
INDEXES = sorted((index for table in ALL for index in table.indexes), key=name_of)


@pytest.mark.parametrize("index", INDEXES, ids=name_of)
def test_an_index_is_the_same_on_both_databases(index: Index) -> None:
    assert str(CreateIndex(index).compile(dialect=sqlite.dialect())) == str(
        CreateIndex(index).compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    )


DISTRIBUTED = dict(re.findall(r"create_distributed_table\('(\w+)', '(\w+)'", DATABASES.read_text("utf-8")))
"""The column by which the docs distribute each table that grows."""


def test_every_table_is_distributed_or_said_to_stay() -> None:
    _, _, after = DATABASES.read_text("utf-8").partition("stay on the coordinator:")
    stay = set(re.findall(r"`(\w+)`", after.partition(".\n")[0]))

    assert stay | DISTRIBUTED.keys() == {*metadata.tables, "alembic_version"}
    assert not stay & DISTRIBUTED.keys()


@POSTGRESQL
def test_every_key_of_what_is_distributed_contains_what_it_is_distributed_by(engine: Engine) -> None:
    keys = """
        SELECT relation.relname, every.indexrelid::regclass::text AS key,
            ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY(indkey)) AS names
        FROM pg_index every JOIN pg_class relation ON relation.oid = every.indrelid WHERE every.indisunique
    """
    with engine.connect() as db:
        found = {(row.relname, row.key): row.names for row in db.execute(text(keys)) if row.relname in DISTRIBUTED}
        triggers = db.execute(text("SELECT tgrelid::regclass::text FROM pg_trigger")).scalars().all()
        identities = "SELECT attrelid::regclass::text FROM pg_attribute WHERE attidentity <> ''"
        numbered = db.execute(text(identities)).scalars().all()
        foreign = db.execute(text("SELECT conname FROM pg_constraint WHERE contype = 'f'")).scalars().all()

    assert {table for table, _ in found} == set(DISTRIBUTED)
    assert [key for (table, key), names in found.items() if DISTRIBUTED[table] not in names] == []
    assert not set(DISTRIBUTED) & {*triggers, *numbered}
    assert foreign == []


def test_what_only_databases_can_make_has_the_same_columns_on_both() -> None:
    def added(dialect: str) -> set[tuple[str, str]]:
        statements = [one for one in tables._LATER[dialect] if " ADD COLUMN " in one and " said " not in one]
        return {(one.split()[2], one.split(" ADD COLUMN ")[1].split()[0]) for one in statements}

    assert added("sqlite") == added("postgresql") == {("turns", "bigrams"), ("sessions", "duration"), *PACKED}
