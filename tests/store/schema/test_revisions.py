"""How a database's schema stands to this version's, and what is said of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.errors import SchemaError, StoreError
from relayproxy.store.schema import revisions
from relayproxy.store.schema.migrate import DamagedDatabaseError, alembic_config, migrate
from relayproxy.store.schema.revisions import (
    SchemaState,
    check_schema,
    heads,
    least_revision,
    not_ready_reason,
    schema_state,
    words_of,
)
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.store.build import session
from tests.store.later import become_later, become_present


def test_the_state_of_a_database_that_is_not_there_or_empty(tmp_path: Path, url: str) -> None:
    reader = open_reader(url)
    assert schema_state(reader) == "missing"
    assert list(tmp_path.iterdir()) == []
    empty = open_engine(url)
    empty.connect().close()
    empty.dispose()
    assert schema_state(reader) == "missing"
    with pytest.raises(SchemaError, match=r"no relayproxy database at \S+ yet: run `relayproxy migrate`"):
        check_schema(reader)
    migrate(url)
    assert not_ready_reason(reader) is None
    check_schema(reader)
    reader.dispose()


def test_a_database_of_a_later_version_is_refused(engine: Engine, url: str) -> None:
    with writing(engine).begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
        db.execute(text("UPDATE schema_compatibility SET least_revision = 'fff0'"))
    assert schema_state(engine) == "newer"
    words = r"The database at \S+ was made by a newer relayproxy: upgrade relayproxy, or use another"
    with pytest.raises(SchemaError, match=words):
        check_schema(engine)
    with pytest.raises(SchemaError, match=words):
        migrate(url)


@pytest.fixture
def back(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Makes this process that of this version again."""
    yield lambda: become_present(monkeypatch)
    become_present(monkeypatch)


def test_a_database_to_which_a_later_version_has_only_added_is_used_until_another_has_changed_it(
    engine: Engine, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: Callable[[], None]
) -> None:
    def now() -> SchemaState:
        return schema_state(engine)

    seen = []
    for statement, additive in (
        ("ALTER TABLE sessions ADD COLUMN mood TEXT", True),
        ("ALTER TABLE sessions ADD COLUMN tone TEXT DEFAULT '' NOT NULL", True),
        ("ALTER TABLE sessions RENAME COLUMN backend_version TO agent_version", False),
        ("ALTER TABLE sessions ADD COLUMN pitch TEXT", True),
    ):
        become_later(monkeypatch, tmp_path, statement, additive=additive)
        migrate(url)
        with engine.connect() as db:
            least = least_revision(db)
        back()
        seen.append((now(), least in revisions.revisions()))
        if now() == "ready":
            assert migrate(url) is False
            Archive(engine).commit(Batch(sessions=(session("a"),)))
    assert seen == [("ready", True), ("ready", True), ("newer", False), ("newer", False)]


def columns_of(engine: Engine) -> dict[tuple[str, str], tuple[str, bool]]:
    """Type and nullability of every column."""
    found = inspect(engine)
    return {
        (table, column["name"]): (str(column["type"]), column["nullable"])
        for table in found.get_table_names()
        for column in found.get_columns(table)
    }


def unique_of(engine: Engine) -> set[tuple[str, str]]:
    """What must be unique in each table."""
    found = inspect(engine)
    return {
        (table, str(names))
        for table in found.get_table_names()
        for names in (
            *(one["column_names"] for one in found.get_unique_constraints(table)),
            *(one["column_names"] for one in found.get_indexes(table) if one["unique"]),
        )
    }


def test_a_migration_that_says_so_has_only_added(engine: Engine) -> None:
    config = alembic_config()
    scripts = [
        one for one in ScriptDirectory.from_config(config).walk_revisions() if one.module.__dict__.get("additive")
    ]
    assert scripts
    for script in scripts:
        states = []
        for move, to in ((command.downgrade, script.down_revision), (command.upgrade, script.revision)):
            with writing(engine).begin() as db:
                config.attributes["connection"] = db
                move(config, str(to))
            states.append((columns_of(engine), unique_of(engine)))
        (before, unique_before), (after, unique_after) = states
        tables = {table for table, _ in before}
        assert {one: after.get(one) for one in before} == before, script.revision
        assert not {one for one in unique_after - unique_before if one[0] in tables}, script.revision


def test_a_database_of_an_earlier_version_asks_for_a_migration(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    known = revisions.revisions()
    monkeypatch.setattr(revisions, "revisions", lambda: ("9999", *known))
    assert schema_state(engine) == "older"
    with pytest.raises(SchemaError, match="earlier version of relayproxy: run `relayproxy migrate`"):
        check_schema(engine)


def test_a_file_that_is_no_database_is_an_outage_and_not_a_missing_one(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(b"not a database at all" * 100)
    reader = open_reader(f"sqlite:///{file}")
    with pytest.raises(StoreError, match="not a database") as caught:
        schema_state(reader)
    assert not isinstance(caught.value, SchemaError)
    with pytest.raises(DamagedDatabaseError, match=r"/x\.db is damaged \(file is not a database\)\. Move it away"):
        migrate(f"sqlite:///{file}")
    assert file.read_bytes() == b"not a database at all" * 100


def test_tables_of_these_names_without_a_revision_are_somebody_elses(engine: Engine) -> None:
    with writing(engine).begin() as db:
        db.execute(text("DROP TABLE alembic_version"))

    assert schema_state(engine) == "foreign"


def test_the_newest_revision_comes_first_and_is_that_of_a_migrated_database(engine: Engine) -> None:
    known = revisions.revisions()

    assert list(known) == sorted(known, reverse=True)
    with engine.connect() as db:
        assert heads(db) == known[:1]


def test_each_state_is_said_with_the_place_and_what_helps(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/calls.db")
    said = {state: words_of(engine, state) for state in get_args(SchemaState)}

    assert all(f"{tmp_path}/calls.db" in words for words in said.values())
    assert len(set(said.values())) == 5
    helps = {state: words.partition(": ")[2] for state, words in said.items()}
    assert helps == {
        "missing": "run `relayproxy migrate`",
        "older": "run `relayproxy migrate`",
        "newer": "upgrade relayproxy, or use another --data-dir (or --database-url)",
        "foreign": "use another --data-dir (or --database-url)",
        "ready": "",
    }
