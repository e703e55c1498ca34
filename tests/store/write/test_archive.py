"""A batch is committed whole or not at all, once or many times with the same effect."""

import itertools
import json
import os
import random
import time
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from sqlalchemy import Engine, Text, event, text
from sqlalchemy.exc import StatementError

from relayproxy.store import engine as engines
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.errors import ReplacedError, StoreError, UnreadableError
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.recording_reader import pack
from relayproxy.store.schema import tables
from relayproxy.store.schema.rows import Batch, ChunkRow, ImportRow, JournalRow, RecordingRow, SessionLabels
from relayproxy.store.write import archive as archives
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.row_writer import AT_ONCE
from tests.console.samples import Call, ago
from tests.databases import migrated
from tests.forked import fork
from tests.patience import PATIENCE
from tests.store.build import NOON, chunk, connection, labels, said, session, turn
from tests.store.contents import FIRST, counted, everything
from tests.store.kinds import SQLITE


def test_what_was_committed_is_read_back(archive: Archive) -> None:
    archive.commit(FIRST)
    assert archive.journals() == (JournalRow("j1", 1, 100),)
    assert archive.connection("a") == connection("a", next_seq=3)
    assert archive.session("a") == session("a", messages=3, revision=1)
    assert archive.turn_rows("a") == (turn("a", 0), turn("a", 1))
    assert list(archive.messages("a")) == said(0, 3)
    assert archive.connection("b") is None
    assert archive.session("b") is None
    assert list(archive.messages("b")) == []


def test_of_a_connection_that_is_dropped_nothing_is_left(archive: Archive, engine: Engine) -> None:
    archive.commit(FIRST)
    others = everything(engine)
    stranger = Batch(
        sessions=(session("x"),),
        connections=(connection("x", next_seq=3), connection("y", session="x", next_seq=3)),
        chunks=(chunk("x", said(0, 3)), chunk("y", said(0, 3))),
        finished=("x",),
    )
    archive.commit(stranger)
    archive.commit(Batch(dropped_sessions=("x",), dropped_connections=("x", "y")))
    assert everything(engine) == others


def test_texts_that_no_column_of_postgresql_takes_are_stored_as_far_as_they_are_text(archive: Archive) -> None:
    odd, kept = "half \ud83d, \0 and \udc00 quagmire", "half \ufffd, \ufffd and \ufffd quagmire"
    call = Call(archive, ago(60))

    def says(at: float, sender: str, type: str, **fields: Any) -> None:
        call.text(at, sender, json.dumps({"type": type, **fields, odd: odd}))

    parties = dict.fromkeys(("callSid", "accountSid", "from", "to", "direction", "callerName", "forwardedFrom"), odd)
    says(0.1, "twilio", "setup", sessionId=f"{call.vx}{odd}", **parties, customParameters={odd: {odd: [odd]}})
    says(1.0, "twilio", "prompt", voicePrompt=odd, lang=odd, last=True)
    says(1.5, "backend", "text", token="\ud83d", lang=odd)
    says(1.6, "backend", "text", token=f"\ude00 {odd}", lang=odd, last=True)
    says(2.0, "twilio", "interrupt", utteranceUntilInterrupt="\ud83d", durationUntilInterruptMs=100)
    says(2.1, "twilio", "dtmf", digit=odd)
    says(2.2, "backend", "play", source=odd)
    says(2.3, "backend", "sendDigits", digits=odd)
    says(2.4, "backend", "language", ttsLanguage=odd, transcriptionLanguage=odd)
    says(2.5, "backend", odd)
    says(2.6, "twilio", "error", description=odd)
    says(2.7, "backend", "end", handoffData=json.dumps({"reasonCode": odd, odd: odd}))
    call.hang_up(3).commit()

    stored = archive.session(call.id)
    assert stored is not None
    assert (stored.session_id, stored.call_sid, stored.from_number) == (f"{call.vx}{kept}", kept, kept)
    assert stored.handoff_reason == kept
    (turn,) = [turn for turn in archive.turn_rows(call.id) if turn.caller_text]
    assert (turn.caller_text, turn.agent_text) == (kept, f"\U0001f600 {kept}")
    first = next(archive.messages(call.id))
    assert json.loads(first.text or "")["customParameters"] == {odd: {odd: [odd]}}


def test_every_value_survives_as_it_is(archive: Archive) -> None:
    full = session(
        "a",
        ended_at=NOON + 1,
        twilio_error_code=64105,
        handoff='{"reason":"ü\\u0000"}',
        end_reason="naïve ☎ 😀",
        session_id=None,
        call_sid=None,
        revision=1,
    )
    wire = connection("a", ended_at=NOON + 5, ending="{}", resume='{"at":1}', opened_mono=2**62)
    odd = turn("a", 0, interrupted=True, unanswered=True, response_latency_ms=None, null_reason="no_response")
    archive.commit(Batch(sessions=(full,), connections=(wire,), turns=(odd,)))
    assert archive.session("a") == full
    assert archive.connection("a") == wire
    assert archive.turn_rows("a") == (odd,)


def test_characters_that_databases_refuse_do_not_hold_up_the_batch(archive: Archive) -> None:
    archive.commit(Batch(sessions=(session("a", from_number="+1\0", to_number="x\ud800é"),)))
    stored = archive.session("a")
    assert stored is not None
    assert (stored.from_number, stored.to_number) == ("+1\ufffd", "x\ufffdé")


def test_later_rows_replace_earlier_ones_and_the_revision_counts(archive: Archive) -> None:
    archive.commit(FIRST)
    archive.commit(Batch(sessions=(session("a", messages=7, revision=99),), connections=(connection("a", next_seq=7),)))
    assert archive.session("a") == session("a", messages=7, revision=2)
    assert archive.connection("a") == connection("a", next_seq=7)


def test_turns_that_the_fold_took_back_go(archive: Archive) -> None:
    archive.commit(FIRST)
    archive.commit(Batch(sessions=(session("b"),), turns=(turn("b", 0), turn("b", 1))))
    archive.commit(Batch(turns=(turn("a", 0, agent_text="Never mind"),), turn_counts=(("a", 1),)))
    assert archive.turn_rows("a") == (turn("a", 0, agent_text="Never mind"),)
    assert len(archive.turn_rows("b")) == 2


def test_committing_a_batch_twice_changes_nothing_but_revisions(archive: Archive, engine: Engine) -> None:
    archive.commit(FIRST)
    before = everything(engine)
    archive.commit(FIRST)
    after = everything(engine)
    for table in ("connections", "turns", "chunks", "recordings"):
        assert after[table] == before[table]
    assert archive.session("a") == session("a", messages=3, revision=2)


def test_a_session_that_was_provisional_goes_with_its_turns(archive: Archive) -> None:
    archive.commit(FIRST)
    archive.commit(Batch(sessions=(session("b"),), connections=(connection("b"),), turns=(turn("b", 0),)))
    archive.commit(Batch(connections=(connection("b", session="a"),), dropped_sessions=("b",)))
    assert archive.session("b") is None
    assert archive.turn_rows("b") == ()
    assert [c.id for c in archive.session_connections("a")] == ["a", "b"]


def test_a_journal_read_to_its_end_goes(archive: Archive) -> None:
    archive.commit(Batch(journals=(JournalRow("j1", 1, 5), JournalRow("j2", 1, 5))))
    archive.commit(Batch(journals=(JournalRow("j2", 2, 9),), dropped_journals=("j1",)))
    assert archive.journals() == (JournalRow("j2", 2, 9),)


def test_a_restarted_recorder_finds_where_it_was(archive: Archive) -> None:
    rows = (
        connection("late", number=2, opened_at=NOON + 9),
        connection("early", number=1),
        connection("over", number=3, ended_at=NOON + 1),
        connection("elsewhere", journal="j2"),
    )
    archive.commit(Batch(connections=rows))
    assert archive.live_connections("j1") == (rows[1], rows[0])
    assert archive.live_connections("j3") == ()


def test_a_reconnecting_call_finds_the_sessions_with_its_ids(archive: Archive) -> None:
    archive.commit(
        Batch(
            sessions=(
                session("a", session_id="VX1", call_sid="CA1"),
                session("b", session_id="VX1", call_sid="CA1", started_at=NOON + 5),
                session("c", session_id="VX1", call_sid="CA2", started_at=NOON + 9),
                session("d", session_id="VX1", call_sid=None),
            )
        )
    )
    asked = (("VX1", None), (None, "CA1"), ("VX2", "CA1"))
    found = [archive.sessions_by_ids(vx, call_sid, NOON + 99) for vx, call_sid in asked]
    assert [[row.id for row in rows] for rows in found] == [["a", "d", "b", "c"], ["a", "b"], []]


def test_a_session_that_ended_too_long_ago_is_not_found_for_a_reconnect(archive: Archive) -> None:
    known = {"session_id": "VX1", "call_sid": "CA1"}
    over = session("over", ended_at=NOON + 50, started_at=NOON + 9, **known)
    archive.commit(Batch(sessions=(over, session("older", ended_at=NOON + 60, **known))))
    found = [archive.sessions_by_ids("VX1", None, since) for since in (NOON + 50, NOON + 51, NOON + 61)]
    assert [[row.id for row in rows] for rows in found] == [["older", "over"], ["older"], []]


def test_journals_that_something_is_expected_of(archive: Archive) -> None:
    live, over = connection("a", journal="live"), connection("b", journal="over", ended_at=NOON)
    archive.commit(Batch(journals=(JournalRow("read", 1, 1), JournalRow("live", 1, 1)), connections=(live, over)))
    assert archive.journal_names() == {"read", "live"}


BREAK = {
    "sqlite": ("CREATE TRIGGER broken BEFORE INSERT ON journals BEGIN SELECT RAISE(ABORT, 'broken'); END",),
    "postgresql": (
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$",
        "CREATE TRIGGER broken BEFORE INSERT ON journals EXECUTE FUNCTION broken()",
    ),
}
MEND = {"sqlite": "DROP TRIGGER broken", "postgresql": "DROP TRIGGER broken ON journals"}


def test_a_commit_that_fails_in_the_middle_leaves_nothing(archive: Archive, engine: Engine) -> None:
    archive.commit(Batch(chunks=(chunk("z", said(0, 2)),)))
    before = everything(engine)
    with writing(engine).begin() as db:
        for statement in BREAK[engine.dialect.name]:
            db.execute(text(statement))
    batch = replace(FIRST, finished=("a", "z"))
    with pytest.raises(StoreError, match="broken"):
        archive.commit(batch)
    assert everything(engine) == before
    with writing(engine).begin() as db:
        db.execute(text(MEND[engine.dialect.name]))
    archive.commit(batch)
    assert archive.session("a") == session("a", messages=3, revision=1)
    assert [*archive.messages("a"), *archive.messages("z")] == [*said(0, 3), *said(0, 2)]
    assert counted(engine, "recordings") == 2


def test_a_value_that_is_no_value_of_its_column_leaves_nothing_and_is_no_outage(
    archive: Archive, engine: Engine
) -> None:
    wrong = ChunkRow("a", 3, 1, 5)  # type: ignore[arg-type]
    with pytest.raises((StatementError, TypeError)) as caught:
        archive.commit(replace(FIRST, chunks=(*FIRST.chunks, wrong)))
    assert not isinstance(caught.value, StoreError)
    assert not any(everything(engine).values())
    archive.commit(FIRST)
    assert list(archive.messages("a")) == said(0, 3)


@SQLITE
def test_a_full_disk_is_an_outage_that_ends(archive: Archive, engine: Engine) -> None:
    archive.commit(FIRST)
    with engine.connect() as db:
        pages = db.execute(text("PRAGMA page_count")).scalar_one()
        db.execute(text(f"PRAGMA max_page_count={pages}"))
    big = Batch(journals=(JournalRow("j1", 1, 200),), chunks=(chunk("a", said(3, 100, "x" * 9000)),))
    with pytest.raises(StoreError, match="full"):
        archive.commit(big)
    assert archive.journals() == FIRST.journals
    archive.commit(big)
    assert list(archive.messages("a")) == [*said(0, 3), *said(3, 100, "x" * 9000)]


@SQLITE
def test_a_locked_database_is_an_outage_that_ends(url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.05)
    own = open_engine(url)
    archive = Archive(own)
    with writing(engine).begin(), pytest.raises(StoreError, match="locked"):
        archive.commit(FIRST)
    archive.commit(FIRST)
    assert list(archive.messages("a")) == said(0, 3)
    own.dispose()


@SQLITE
def test_after_an_outage_the_file_is_opened_anew(tmp_path: Path, archive: Archive, engine: Engine, url: str) -> None:
    archive.commit(FIRST)
    file = tmp_path / "data" / "relayproxy.db"
    (tmp_path / "away").mkdir()
    for part in file.parent.iterdir():
        part.rename(tmp_path / "away" / part.name)
    file.mkdir()
    engine.dispose()
    with pytest.raises(StoreError, match="unable to open"):
        archive.commit(FIRST)
    file.rmdir()
    migrated(url)
    with pytest.raises(ReplacedError):
        archive.commit(FIRST)
    archive.commit(FIRST)
    assert archive.session("a") == session("a", messages=3, revision=1)


@SQLITE
@pytest.mark.parametrize("before", ["deleted", "replaced"])
def test_a_file_that_has_gone_from_its_place_is_not_written_any_more(
    tmp_path: Path, archive: Archive, url: str, before: str
) -> None:
    archive.commit(FIRST)
    for part in (tmp_path / "data").iterdir():
        part.unlink()
    if before == "replaced":
        migrated(url)
    with pytest.raises(ReplacedError, match="the database file has been deleted or replaced"):
        archive.commit(FIRST)
    if before == "deleted":
        migrated(url)
    assert archive.session("a") is None
    archive.commit(FIRST)
    assert list(archive.messages("a")) == said(0, 3)


@SQLITE
def test_another_file_is_noticed_even_when_it_had_to_be_opened_anew(
    tmp_path: Path, archive: Archive, engine: Engine, url: str
) -> None:
    assert archive.journals() == ()
    (tmp_path / "data" / "relayproxy.db").rename(tmp_path / "kept")
    engine.dispose()
    migrated(url)
    with pytest.raises(ReplacedError):
        archive.session("a")


def test_a_session_is_replaced_with_exactly_these_turns(archive: Archive) -> None:
    archive.commit(FIRST)
    archive.commit(Batch(sessions=(session("a", ended_at=NOON),)))
    new = session("a", ended_at=NOON, outcome="caller_hangup", revision=2)

    assert archive.replace_session(new, (turn("a", 0, caller_text="hello"),), labels("a"))

    assert archive.session("a") == replace(new, revision=3)
    assert archive.turn_rows("a") == (turn("a", 0, caller_text="hello"),)
    assert list(archive.messages("a")) == said(0, 3)


@pytest.mark.parametrize(("revision", "ended_at"), [(1, None), (2, NOON), (0, NOON)])
def test_what_lives_or_was_written_meanwhile_is_not_replaced(
    archive: Archive, engine: Engine, revision: int, ended_at: int | None
) -> None:
    archive.commit(replace(FIRST, sessions=(session("a", ended_at=ended_at),)))
    before = everything(engine)

    assert not archive.replace_session(session("a", ended_at=NOON, revision=revision), (), labels("a"))
    assert not archive.replace_session(session("b", ended_at=NOON, revision=1), (), labels("b"))

    assert everything(engine) == before


@SQLITE
def test_nothing_is_replaced_in_a_file_that_has_gone_from_its_place(tmp_path: Path, archive: Archive, url: str) -> None:
    archive.commit(replace(FIRST, sessions=(session("a", ended_at=NOON),)))
    for part in (tmp_path / "data").iterdir():
        part.unlink()

    with pytest.raises(ReplacedError):
        archive.replace_session(session("a", ended_at=NOON, revision=1), (), labels("a"))


IMPORTED = Batch(
    sessions=(session("a", ended_at=NOON),),
    connections=(connection("a", ended_at=NOON, next_seq=3), connection("b", session="a", ended_at=NOON)),
    turns=(turn("a", 0),),
    recordings=(RecordingRow("a", 0, 0, 3, pack(chunk("a", said(0, 3)).lines)),),
    imports=(ImportRow("a", NOON, "ann", "relayproxy 1.0"),),
)


def test_a_session_from_elsewhere_is_added_once(archive: Archive, queries: Queries, engine: Engine) -> None:
    archive.commit(Batch(journals=(JournalRow("j1", 1, 100),)))
    before = queries.changes()

    assert archive.add_session(IMPORTED) is None
    assert queries.changes() != before
    assert list(archive.messages("a")) == said(0, 3)
    found = queries.session("a")
    assert found is not None
    assert found.imported == IMPORTED.imports[0]

    stored = everything(engine)
    assert archive.add_session(IMPORTED) == "a"
    other = replace(IMPORTED, sessions=(session("b", ended_at=NOON),), connections=(connection("b", ended_at=NOON),))
    assert archive.add_session(other) == "a"
    assert everything(engine) == stored


def test_nobody_goes_on_with_a_session_from_elsewhere(archive: Archive) -> None:
    archive.add_session(IMPORTED)
    (row,) = IMPORTED.sessions

    assert archive.session("a") is not None
    assert archive.sessions_by_ids(row.session_id, row.call_sid, 0) == ()


def test_ids_of_all_sessions_or_of_those_with_a_name(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "PAGE", 2)
    rows = [session(id, started_at=NOON + at) for id, at in (("e", 0), ("b", 1), ("a", 1), ("d", 1), ("c", 2))]
    archive.commit(Batch(sessions=(*rows, session("f", session_id="VX-a", started_at=NOON + 3))))

    assert [*archive.session_ids()] == ["e", "a", "b", "d", "c", "f"]
    assert [*archive.session_ids("VX-a")] == ["a", "f"]
    assert [*archive.session_ids("d")] == ["d"]
    assert [*archive.session_ids("VX-z")] == []
    assert archive.sessions() == 6


@pytest.mark.parametrize("lines", [b"\0", pack(b"{}")[:14], pack(b"{}")[:10] + b"\xff" * 20, pack(b"{")])
def test_a_damaged_recording_is_an_error_of_the_store(
    archive: Archive, queries: Queries, engine: Engine, lines: bytes
) -> None:
    archive.commit(FIRST)
    archive.commit(Batch(finished=("a",)))
    with writing(engine).begin() as db:
        db.execute(text("UPDATE recordings SET lines = :lines"), {"lines": lines})
    with pytest.raises(UnreadableError, match="a recording is damaged"):
        list(archive.messages("a"))
    with pytest.raises(UnreadableError, match="a recording is damaged"):
        queries.messages("a")


def test_a_damaged_line_is_an_error_of_the_store(archive: Archive, engine: Engine) -> None:
    archive.commit(FIRST)
    with writing(engine).begin() as db:
        db.execute(text("UPDATE chunks SET lines = :lines"), {"lines": b'{"seq":"my secret"}\n'})
    with pytest.raises(UnreadableError) as caught:
        list(archive.messages("a"))
    assert "secret" not in str(caught.value)


def test_reading_does_not_hold_a_transaction_between_messages(archive: Archive) -> None:
    archive.commit(FIRST)
    messages = archive.messages("a")
    assert next(messages) == said(0, 1)[0]
    archive.commit(Batch(chunks=(chunk("a", said(3, 1)),), finished=("a",)))
    assert list(messages) == said(1, 3)


def test_the_number_of_statements_does_not_grow_with_the_calls(archive: Archive, engine: Engine) -> None:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def calls(prefix: str, n: int) -> Batch:
        ids = [f"{prefix}{i}" for i in range(n)]
        return Batch(
            journals=FIRST.journals,
            sessions=tuple(session(id) for id in ids),
            connections=tuple(connection(id) for id in ids),
            turns=tuple(turn(id, 0) for id in ids),
            turn_counts=tuple((id, 1) for id in ids),
            chunks=tuple(chunk(id, said(0, 1)) for id in ids),
        )

    archive.commit(calls("few", 2))
    few = len(statements)
    archive.commit(calls("many", 400))
    # SQLite, to which no statement has to travel, takes some rows at a time of each of four tables.
    more = 4 * (400 // AT_ONCE) if engine.dialect.name == "sqlite" else 0
    assert len(statements) - few == few + more


def test_a_writer_killed_at_any_point_has_written_whole_batches(url: str, engine: Engine, archive: Archive) -> None:
    for commits in (1, 2, 5, 9):
        writer = fork(("-m", "tests.store.write.endless_writer", url), os.environ)
        with writer.stdout:
            told = 0
            for _ in range(commits):
                told = int(writer.stdout.readline())
            writer.kill()
        assert writer.wait(PATIENCE) == -SIGKILL
        [journal] = archive.journals()
        stored = archive.session("a")
        assert stored is not None
        assert told <= journal.offset
        assert stored.messages == journal.offset * 2
        assert list(archive.messages("a")) == said(0, journal.offset * 2)


def test_recorders_that_share_a_database_leave_each_others_journals_alone(engine: Engine) -> None:
    ours, theirs = Archive(engine, "ours"), Archive(engine, "theirs")
    for archive, name in ((ours, "j1"), (theirs, "j2")):
        archive.commit(Batch(journals=(JournalRow(name, 1, 1),), connections=(connection(f"c-{name}", journal=name),)))

    assert [ours.journal_names(), theirs.journal_names()] == [{"j1"}, {"j2"}]


def test_a_journal_that_was_begun_before_recorders_had_names_is_anybodys(engine: Engine) -> None:
    Archive(engine).commit(Batch(journals=(JournalRow("old", 1, 1),), connections=(connection("a", journal="old"),)))
    assert Archive(engine, "ours").journal_names() == {"old"}


def test_no_text_of_a_call_is_too_long_for_an_index(archive: Archive, engine: Engine) -> None:
    chance = random.Random(1)
    # Such as no database can compress.
    long = "".join(chr(chance.randrange(0x20000, 0x2A000)) for _ in range(10_000))
    texts = {column.name for column in tables.sessions.c if isinstance(column.type, Text)}
    ours = {"id", "route", "outcome", "ended_by", "studio_transition", "confidence"}
    odd = session("a", ended_at=NOON, **dict.fromkeys(texts - ours, long))
    labelled = SessionLabels("a", NOON, (("param." + long[:200], long[:200]),))

    archive.commit(Batch(sessions=(odd,), labels=(labelled,)))

    stored = archive.session("a")
    assert stored is not None
    assert (stored.from_number, stored.detail) == (long[:150], long)
    assert archive.sessions_by_ids(long, long, NOON) == (stored,)


def test_no_text_of_a_turn_is_too_much_for_the_index_of_words(archive: Archive) -> None:
    units = ["word ", "\U00020000-", "_a", "a@1", "./", "/~", "<a>", "http://a/", "1e", "\\'%"]
    texts = [unit * (500_000 // len(unit)) for unit in units] + ["".join(map(chr, range(0x10000, 0x30000)))]
    said = tuple(turn("a", number, caller_text=text) for number, text in enumerate(texts))
    took = []
    for one in said:
        began = time.process_time()
        archive.commit(Batch(turns=(one,)))
        took.append(time.process_time() - began)
    assert max(took) < 50 * took[0], "none takes out of proportion longer than plain words"
    assert archive.turn_rows("a") == said


def test_no_words_are_too_many_for_the_index(archive: Archive) -> None:
    odd = iter(itertools.permutations(map(chr, range(0x20000, 0x20100)), 2))
    text = " ".join(map("".join, itertools.islice(odd, 60_000)))
    archive.commit(Batch(turns=(turn("a", 0, caller_text=text, agent_text=text[::-1]),)))
    assert archive.turn_rows("a") == (turn("a", 0, caller_text=text, agent_text=text[::-1]),)
