"""Migrations make exactly the tables of the schema, once, and a database of another version is left alone."""

import fcntl
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from relayproxy.store import engine as engines
from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.errors import SchemaError, StoreError
from relayproxy.store.read.filters.criteria import Criteria
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import revisions
from relayproxy.store.schema.migrate import DamagedDatabaseError, alembic_config, migrate, set_aside
from relayproxy.store.schema.needs_rebuild import outdated
from relayproxy.store.schema.revisions import check_schema, schema_state
from relayproxy.store.schema.rows import Batch
from relayproxy.store.schema.tables import metadata
from relayproxy.store.write.archive import Archive
from tests.forked import fork
from tests.patience import PATIENCE
from tests.peers.postgres import Server
from tests.store.build import NOON, session
from tests.store.kinds import SQLITE


def definitions(engine: Engine) -> set[str]:
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name != 'alembic_version'"
    with engine.connect() as db:
        # A table that was made anew and renamed has its name in quotes.
        return {" ".join(sql.replace('"', "").split()) for sql in db.execute(text(query)).scalars()}


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Not what databases have of their own: indexes of words, what they compute themselves, and what is added then."""
    return not (name or "").startswith(("turns_fts", "turns_bigrams")) and (kind, name) not in {
        ("column", "bigrams"),
        ("column", "packed"),
        ("column", "duration"),
        ("index", "ix_sessions_duration"),
        ("index", "ix_turns_bigrams"),
        ("column", "said"),
        ("index", "ix_turns_said"),
    }


# SQLAlchemy stumbles over PostgreSQL's NOT VALID, of which nothing is compared.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
def test_migrations_and_schema_agree(engine: Engine) -> None:
    with engine.connect() as db:
        # SQLite has no need of this one.
        others = {"include_name": _ours, "include_object": lambda _, name, *more: name != "ix_turns_id"}
        context = MigrationContext.configure(db, opts=others)
        assert compare_metadata(context, metadata) == []


@SQLITE
def test_migrations_and_schema_make_the_same_tables_to_the_letter(engine: Engine, tmp_path: Path) -> None:
    direct = open_engine(f"sqlite:///{tmp_path}/direct.db")
    with writing(direct).begin() as db:
        metadata.create_all(db)
    assert definitions(engine) == definitions(direct)
    direct.dispose()


def test_the_files_of_migrations_are_numbered_in_the_order_in_which_they_run() -> None:
    chain = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    assert [script.revision for script in chain] == list(revisions.revisions())


def test_every_migration_can_be_taken_back_and_made_again(engine: Engine, url: str) -> None:
    config = alembic_config()
    with writing(engine).begin() as db:
        config.attributes["connection"] = db
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert schema_state(engine) == "missing"
    migrate(url)
    assert schema_state(engine) == "ready"


def test_migrating_again_keeps_what_is_there(engine: Engine, url: str) -> None:
    Archive(engine).commit(Batch(sessions=(session("a"),)))
    migrate(url)
    assert Archive(engine).session("a") is not None


@SQLITE
def test_a_database_that_is_up_to_date_is_found_so_without_loading_alembic(engine: Engine, url: str) -> None:
    code = "import sys; from relayproxy.store.schema.migrate import migrate; print(migrate(sys.argv[1]), *sys.modules)"
    said = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "False"
    assert "alembic" not in said


def test_several_at_once_take_turns(url: str) -> None:
    environment = {**os.environ, "RELAYPROXY_DATABASE_URL": url}
    racers = [fork(["migrate"], environment) for _ in range(3)]
    for racer in racers:
        with racer.stdout:
            assert racer.wait(PATIENCE) == 0, racer.stdout.read()
    reader = open_reader(url)
    assert schema_state(reader) == "ready"
    reader.dispose()


@SQLITE
def test_one_waits_for_another_however_long_that_takes(
    tmp_path: Path, engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.01)
    failures: list[Exception] = []

    def second() -> None:
        try:
            migrate(url)
        except StoreError as problem:
            failures.append(problem)

    waiting = threading.Thread(target=second)
    with (tmp_path / "data" / "relayproxy.db.migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with writing(engine).begin():
            waiting.start()
            waiting.join(0.3)
            assert waiting.is_alive()
    waiting.join(PATIENCE)
    assert failures == []


def test_a_migration_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def half(config: Config, revision: str) -> None:
        upgrade(config, revision)
        config.attributes["connection"].execute(text("CREATE TABLE turns (in_the_way TEXT)"))

    monkeypatch.setattr(command, "upgrade", half)
    with pytest.raises(
        StoreError,
        match=r'The database /.*relayproxy\.db cannot be used \(table turns already exists\): |"turns" already exists',
    ):
        migrate(url)
    engine = open_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_tables_of_something_else_are_left_alone(url: str) -> None:
    engine = open_engine(url)
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE films (title TEXT)"))
    words = r"The database at \S+ has tables that are not relayproxy's: use another --data-dir"
    for foreign_alembic in (False, True):
        if foreign_alembic:
            with writing(engine).begin() as db:
                db.execute(text("CREATE TABLE alembic_version AS SELECT 'ffff' AS version_num"))
        with pytest.raises(SchemaError, match=words):
            migrate(url)
        with pytest.raises(SchemaError, match=words):
            check_schema(engine)
    assert sorted(inspect(engine).get_table_names()) == ["alembic_version", "films"]
    engine.dispose()


@SQLITE
def test_a_full_disk_is_said_with_what_helps(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def on_a_full_disk(config: Config, revision: str) -> None:
        config.attributes["connection"].exec_driver_sql("PRAGMA max_page_count=1")
        upgrade(config, revision)

    monkeypatch.setattr(command, "upgrade", on_a_full_disk)
    with pytest.raises(StoreError, match=r"relayproxy\.db cannot be used \(database or disk is full\): make room"):
        migrate(url)


@SQLITE
def test_a_database_that_another_program_holds_is_said(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.01)
    with (
        writing(engine).begin(),
        pytest.raises(StoreError, match=r"relayproxy\.db cannot be used \(database is locked\): another program"),
    ):
        migrate(url)


@SQLITE
def test_a_damaged_database_is_known_and_moved_aside_whole(engine: Engine, url: str, tmp_path: Path) -> None:
    engine.dispose()
    file = tmp_path / "data/relayproxy.db"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(DamagedDatabaseError, match=r"relayproxy\.db is damaged \(database disk image is malformed\)"):
        migrate(url)
    content = file.read_bytes()
    file.with_name("relayproxy.db-wal").write_bytes(b"wal")

    aside = set_aside(url)

    assert re.fullmatch(r"relayproxy\.db\.corrupt-\d{8}T\d{6}Z", aside.name)
    assert aside.read_bytes() == content
    assert aside.with_name(aside.name + "-wal").exists()
    assert not list(file.parent.glob("relayproxy.db-*"))
    migrate(url)
    reader = open_reader(url)
    assert schema_state(reader) == "ready"
    reader.dispose()


def test_a_folder_that_cannot_be_made_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"directory|exists"):
        migrate(f"sqlite:///{tmp_path}/file/x.db")


def test_what_an_earlier_version_recorded_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    engine = open_engine(url)
    config = alembic_config()
    with writing(engine).begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0001")
        columns = {column["name"]: column for column in inspect(db).get_columns("sessions")}
        values = {name: 1 if str(column["type"]) != "TEXT" else "{}" for name, column in columns.items()}
        marks = ", ".join(f":{name}" for name in values)
        db.execute(text(f"INSERT INTO sessions ({', '.join(values)}) VALUES ({marks})"), values | {"id": "kept"})
        db.execute(
            text(
                "INSERT INTO turns (session, number, opened_by, started_at, caller_text, agent_text, interrupted, "
                "unanswered, detail) "
                "VALUES ('kept', 0, 'prompt', 5, 'where is my refund', '予約の変更です', 0, 0, '{}')"
            )
        )

    assert migrate(url) is True
    assert migrate(url) is False
    with engine.connect() as db:
        assert outdated(db) == 1

    (kept,) = [Archive(engine).session("kept")]
    assert kept is not None
    assert (kept.gaps, kept.detail, kept.unanswered, kept.errors, kept.confidence) == (1, "{}", 0, 0, None)
    with engine.connect() as db:
        assert {index["name"] for index in inspect(db).get_indexes("sessions")} == {
            "ix_sessions_numbers", "ix_sessions_session_id", "ix_sessions_call_sid", "ix_sessions_live",
            "ix_sessions_from", "ix_sessions_to", "ix_sessions_transition", "ix_sessions_outcome",
            "ix_sessions_code", "ix_sessions_turns", "ix_sessions_interruptions", "ix_sessions_latency",
            "ix_sessions_wait", "ix_sessions_duration", "ix_sessions_content",
        }  # fmt: skip
    assert [turn.caller_text for turn in Archive(engine).turn_rows("kept")] == ["where is my refund"]
    reader = open_reader(url)
    for word in ("refund", "変更"):
        assert [row.id for row in Queries(reader).sessions(5, None, Criteria(words=(word,))).sessions] == ["kept"]
    reader.dispose()
    engine.dispose()


def test_calls_that_were_stored_before_waits_were_are_found_and_to_be_derived_anew(url: str) -> None:
    engine, config = open_engine(url), alembic_config()
    with writing(engine).begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0003")
        for table in ("sessions", "turns"):
            needed = [column for column in inspect(db).get_columns(table) if not column["nullable"]]
            kinds = {"TEXT": "kept", "BOOLEAN": False}
            values = {one["name"]: kinds.get(str(one["type"]), 1) for one in needed} | {"ended_at": NOON}
            if table == "turns":
                values |= {"session": "kept", "caller_text": "where is my refund"}
            names = ", ".join(values)
            db.execute(text(f"INSERT INTO {table} ({names}) VALUES (:{names.replace(', ', ', :')})"), values)

    assert migrate(url) is True

    kept = Archive(engine).session("kept")
    assert kept is not None
    assert (kept.longest_wait_ms, kept.asked_again, kept.response_n) == (None, 0, 1)
    with engine.connect() as db:
        assert outdated(db) == 1
    (turn,) = Archive(engine).turn_rows("kept")
    Archive(engine).commit(Batch(turns=(replace(turn, caller_text="where is my parcel"),)))
    reader = open_reader(url)
    for word, found in (("refund", []), ("parcel", ["kept"])):
        assert [row.id for row in Queries(reader).sessions(5, None, Criteria(words=(word,))).sessions] == found
    reader.dispose()
    engine.dispose()


def test_only_calls_of_an_earlier_version_are_to_be_derived_anew(url: str) -> None:
    assert migrate(url) is False
    engine = open_engine(url)
    with engine.connect() as db:
        assert outdated(db) == 0
    known = {"turns": 3, "ended_at": NOON + 1}
    Archive(engine).commit(
        Batch(
            sessions=(
                session("new", **known),
                session("empty", backend="", turns=0, ended_at=NOON + 1),
                session("live", backend="", turns=1),
                session("drawn", backend="", strip="250:A", **known),
                session("old", backend="", **known),
            )
        )
    )
    with engine.connect() as db:
        assert outdated(db) == 1
    assert migrate(url) is False
    engine.dispose()


def test_a_database_that_cannot_hold_every_text_is_refused(postgres: Server) -> None:
    url = postgres.database()
    name = "latin"
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    latin = re.sub(r"/test_\d+\?", f"/{name}?", url)
    with pytest.raises(SchemaError, match="has the encoding LATIN1: create one with"):
        migrate(latin)


@SQLITE
def test_damage_in_the_middle_is_found_when_all_is_read(engine: Engine, url: str, tmp_path: Path) -> None:
    with engine.connect() as db:
        root = db.execute(text("SELECT rootpage FROM sqlite_master WHERE name = 'ix_sessions_numbers'")).scalar_one()
        page = db.execute(text("PRAGMA page_size")).scalar_one()
    engine.dispose()
    with (tmp_path / "data/relayproxy.db").open("r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    migrate(url)
    with pytest.raises(DamagedDatabaseError, match=r"relayproxy\.db is damaged"):
        migrate(url, thorough=True)
