"""Retention and erasures over whole databases, to the last file, with calls that live, begin again and come late."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import Engine, event, text, update

from relayproxy.store.engine import open_engine, writing
from relayproxy.store.read.erasures import Erasure, Sought, marked, read_erasures, sought_number, sought_session
from relayproxy.store.read.health.heartbeat import Heartbeat, HeartbeatWriter, JournalHeartbeat
from relayproxy.store.schema.rows import Batch, JournalRow, TreatmentRow
from relayproxy.store.schema.tables import connections, erasures
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deleter import Deleter, Interrupted
from relayproxy.store.write.deletion.erasures import order
from tests.console.samples import Call
from tests.store.build import session
from tests.store.kinds import SQLITE
from tests.store.write.deleting import MONTH, WORD, days_ago, deleter, files_with, spoken, tables_with

ALICE = "+15550100001"


def ordered(engine: Engine, sought: Sought) -> None:
    with writing(engine).begin() as db:
        order(db, sought, 0, "alice", "", time.time_ns())


def receipts(engine: Engine) -> list[Erasure]:
    with engine.connect() as db:
        return read_erasures(db, 10)


def sought_texts(engine: Engine) -> list[str]:
    with engine.connect() as db:
        return [*db.execute(text("SELECT sought FROM erasures")).scalars()]


def test_retention_deletes_what_is_due_and_counts_it(archive: Archive, engine: Engine) -> None:
    old = [spoken(archive, days_ago(40 + n)) for n in range(3)]
    gone, new = spoken(archive, days_ago(401)), spoken(archive, days_ago(1))

    done = deleter(engine).retain(MONTH)

    assert (done.content, done.sessions) == (3, 1)
    assert archive.session(gone.id) is None
    assert [archive.session(call.id).content_deleted_at is None for call in (*old, new)] == [False] * 3 + [True]  # type: ignore[union-attr]
    assert [(one.scope, one.sessions, one.done_at) for one in receipts(engine)] == [("age", 4, None)]
    again = deleter(engine).retain(MONTH)
    assert (again.content, again.sessions) == (0, 0)


@pytest.mark.parametrize("damage", ["{", "[1]", "{}", "x"])
def test_an_order_that_cannot_be_read_is_told_and_holds_up_no_other(
    archive: Archive, engine: Engine, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept, gone = spoken(archive, days_ago(1), caller=ALICE), spoken(archive, days_ago(1), caller="+15550100009")
    ordered(engine, sought_number(ALICE))
    with writing(engine).begin() as db:
        db.execute(update(erasures).values(sought=damage, without=damage))
    ordered(engine, sought_number("+15550100009"))

    for _ in range(2):
        assert deleter(engine).erase() == 1
    assert (archive.session(gone.id), archive.session(kept.id) is None) == (None, False)
    assert sorted((one.unreadable, one.done_at is None, one.sessions, one.without) for one in receipts(engine)) == [
        (False, False, 1, ()),
        (True, True, 0, ()),
    ]
    with engine.connect() as db:
        assert marked(db, [kept.id]) == frozenset()
    assert "order it again" in caplog.text
    assert deleter(engine).retain(MONTH).sessions == 0


@SQLITE
def test_erased_words_and_numbers_are_in_no_file_any_more(archive: Archive, engine: Engine, url: str) -> None:
    others = [spoken(archive, days_ago(2), caller="+15550100009") for _ in range(3)]
    for _ in range(30):
        spoken(archive, days_ago(1))
    with writing(engine).begin() as db:
        for number in range(40):  # segments of the index of words
            db.execute(text(f"UPDATE turns SET caller_text = caller_text || ' no{number}' WHERE number = 1"))
    assert files_with(url, ALICE)

    ordered(engine, sought_number(ALICE))
    assert deleter(engine).erase() == 0

    assert files_with(url, ALICE) == []
    assert all(archive.session(call.id) for call in others)
    for call in others:
        ordered(engine, sought_session(call.vx))
    assert deleter(engine).erase() == 0
    assert files_with(url, WORD) == []
    assert files_with(url, "no39") == []
    assert tables_with(engine, WORD) == []
    assert [(one.sessions, one.done_at is None) for one in receipts(engine)] == [(1, False)] * 3 + [(30, False)]
    assert set(sought_texts(engine)) == {""}


@pytest.mark.in_database
@SQLITE
def test_space_is_given_back(archive: Archive, engine: Engine) -> None:
    for _ in range(100):
        spoken(archive, days_ago(1))

    def pages() -> int:
        with engine.connect() as db:
            return int(db.exec_driver_sql("PRAGMA page_count").scalar_one())

    before = pages()
    ordered(engine, sought_number(ALICE))
    deleter(engine).erase()

    assert pages() < before / 2


def test_a_live_call_is_erased_when_it_ends(archive: Archive, engine: Engine) -> None:
    live, over = spoken(archive, days_ago(0.01), live=True), spoken(archive, days_ago(0.2))
    worker = deleter(engine)
    ordered(engine, sought_number(ALICE))

    assert worker.erase() == 1
    assert archive.session(over.id) is None
    assert archive.session(live.id) is not None
    assert [(one.sessions, one.live) for one in receipts(engine)] == [(1, 1)]
    live.hang_up(9.0).commit()
    # A recorder that was started again goes on with it. Twilio may reconnect for an hour.
    assert deleter(engine).erase() == 1

    assert archive.session(live.id) is None
    assert tables_with(engine, WORD) == []
    assert [(one.sessions, one.live, one.done_at is None) for one in receipts(engine)] == [(2, 0, False)]


def with_shadow(archive: Archive, caller: str, told: bool) -> tuple[Call, Call]:
    """A live call, and its shadow, which was told which call it is or was not."""
    call = spoken(archive, days_ago(1), live=True, caller=caller)
    shadow = Call(archive, call.began + 5_000_000, opening={"shadow_of": call.id, "target": f"/{WORD}"})
    shadow.vx = call.vx
    if told:
        shadow.setup(caller=caller)
    return call, shadow.commit()


def assert_gone_once_both_ended(
    archive: Archive, engine: Engine, first: str, pairs: Sequence[tuple[Call, Call]]
) -> None:
    worker = deleter(engine)
    worker.erase()
    assert [one.live for one in receipts(engine)] == [2] * len(pairs)
    for call, shadow in pairs:
        (call if first == "call" else shadow).over(9.0, first="twilio").commit()
    worker.erase()
    assert [one.live for one in receipts(engine)] == [1] * len(pairs)
    for call, shadow in pairs:
        (shadow if first == "call" else call).over(9.0, first="twilio").commit()
    worker.erase()

    assert [archive.session(one.id) for pair in pairs for one in pair] == [None, None] * len(pairs)
    assert tables_with(engine, WORD) == []
    assert [(one.sessions, one.live, one.done_at is None) for one in receipts(engine)] == [(2, 0, False)] * len(pairs)


@pytest.mark.parametrize("first", ["call", "shadow"])
def test_a_live_call_takes_its_shadow_along_whichever_ends_first(archive: Archive, engine: Engine, first: str) -> None:
    pairs = []
    for number in range(3):
        caller = f"+1555010001{number}"
        call, shadow = with_shadow(archive, caller, told=True)
        pairs.append((call, shadow))
        ordered(engine, (sought_session(call.id), sought_session(call.vx), sought_number(caller))[number])

    assert_gone_once_both_ended(archive, engine, first, pairs)


@pytest.mark.parametrize("first", ["call", "shadow"])
@pytest.mark.parametrize(("by", "told"), [("id", False), ("day", True), ("day", False)])
def test_a_live_call_takes_one_along_that_nothing_else_says_is_its_shadow(
    archive: Archive, engine: Engine, first: str, by: str, told: bool
) -> None:
    call, shadow = with_shadow(archive, ALICE, told)
    day = Sought("before", (str(call.began + 1),))  # between the two
    ordered(engine, sought_session(call.id) if by == "id" else day)

    assert_gone_once_both_ended(archive, engine, first, [(call, shadow)])


def test_a_shadow_that_opens_once_its_call_was_ordered_to_be_erased_goes_too(archive: Archive, engine: Engine) -> None:
    call = spoken(archive, days_ago(1), live=True)
    ordered(engine, sought_session(call.id))
    shadow = Call(archive, time.time_ns(), opening={"shadow_of": call.id}).commit()
    worker = deleter(engine)
    call.hang_up(9.0).commit()

    worker.erase()
    assert archive.session(call.id) is not None
    shadow.over(9.0).commit()
    worker.erase()

    assert (archive.session(call.id), archive.session(shadow.id)) == (None, None)


def test_a_shadow_that_is_erased_alone_has_nothing_follow_that_its_call_would_be_found_by(
    archive: Archive, engine: Engine
) -> None:
    now = time.time_ns()
    shadow = session("shadow", session_id="VX1", started_at=now - 9 * 10**9, ended_at=now - 5 * 10**9)
    again = session("again", session_id="VX1", started_at=now - 4 * 10**9, ended_at=now)
    archive.commit(Batch(sessions=(shadow, again), treatments=(TreatmentRow("shadow", "shadow", "call"),)))
    ordered(engine, sought_session("shadow"))
    worker = deleter(engine)

    worker.erase()
    worker.erase()

    assert archive.session("shadow") is None
    assert archive.session("again") is not None


def test_a_call_that_says_later_who_it_is_is_erased_too(archive: Archive, engine: Engine) -> None:
    began = days_ago(0.1)
    archive.commit(Batch(sessions=(session("later", session_id=None, from_number=None, started_at=began),)))
    ordered(engine, sought_number(ALICE))
    worker = deleter(engine)

    assert worker.erase() == 1
    known = session("later", from_number=ALICE, started_at=began, ended_at=time.time_ns() - 2 * 3600 * 10**9)
    archive.commit(Batch(sessions=(known,)))

    assert worker.erase() == 0
    assert archive.session("later") is None


def test_a_call_that_twilio_takes_up_again_is_erased_too_and_a_later_one_is_not(
    archive: Archive, engine: Engine
) -> None:
    now = time.time_ns()
    first = session("first", session_id="VX1", from_number=ALICE, started_at=now - 9 * 10**9, ended_at=now - 10**9)
    archive.commit(Batch(sessions=(first,)))
    ordered(engine, sought_number(ALICE))
    worker = deleter(engine)
    worker.erase()

    later = replace(first, id="other", session_id="VX2", started_at=time.time_ns())
    again = replace(first, id="again", started_at=time.time_ns())
    archive.commit(Batch(sessions=(replace(again, ended_at=time.time_ns()), replace(later, ended_at=time.time_ns()))))
    worker.erase()

    assert archive.session("again") is None
    assert archive.session("other") is not None
    assert [one.sessions for one in receipts(engine)] == [2]


def test_calls_that_twilio_might_take_up_again_are_waited_for_without_writing_and_with_one_query(
    archive: Archive, engine: Engine
) -> None:
    now = time.time_ns()
    for id in ("a", "b", "c"):
        archive.commit(Batch(sessions=(session(id, from_number=ALICE, started_at=now - 10**9, ended_at=now),)))
    ordered(engine, sought_number(ALICE))
    rests: list[float] = []

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        return True

    worker = Deleter(engine, rest)
    worker.check()
    worker.erase()
    rests.clear()
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(str(told[2])))

    assert worker.erase() == 3

    assert rests == []
    assert sum("FROM sessions" in one for one in asked) == 1


def test_a_call_whose_id_an_erased_one_only_claimed_stays(archive: Archive, engine: Engine) -> None:
    now = time.time_ns()
    real = session("real", session_id="VX1", from_number="+15550100003", started_at=now - 60 * 10**9)
    claimed = session("claimed", session_id="VX1", from_number=ALICE, started_at=now - 30 * 10**9)
    over = (replace(real, ended_at=now - 20 * 10**9), replace(claimed, ended_at=now - 10 * 10**9))
    archive.commit(Batch(sessions=over))
    ordered(engine, sought_number(ALICE))
    worker = deleter(engine)

    worker.erase()
    worker.erase()

    assert archive.session("claimed") is None
    assert archive.session("real") is not None
    assert [one.sessions for one in receipts(engine)] == [1]


def test_an_erasure_waits_for_what_is_still_in_a_journal(archive: Archive, engine: Engine) -> None:
    now = time.time_ns()
    writer = HeartbeatWriter(engine)
    behind = Heartbeat("1", "host", 1, now, "data", lag_ms=60_000, journals=(JournalHeartbeat("j1", True, 1, 9, 9),))
    writer.write("recorder:1", behind, now)
    ordered(engine, sought_number(ALICE))
    worker = deleter(engine)

    assert worker.erase() == 1
    spoken(archive, days_ago(0.1))
    assert worker.erase() == 1
    assert tables_with(engine, WORD) == []
    # It has caught up; the report is of later.
    writer.write("recorder:1", msgspec.structs.replace(behind, lag_ms=0), time.time_ns() + 10 * 10**9)
    worker.erase()

    assert [(one.sessions, one.done_at is None) for one in receipts(engine)] == [(1, False)]


def test_what_a_journal_still_holds_of_an_erased_call_is_noted(archive: Archive, engine: Engine) -> None:
    call = spoken(archive, days_ago(1))
    ordered(engine, sought_session(call.id))
    worker = deleter(engine)
    worker.erase()

    assert worker.noted_journal_erasures() == {"j1": frozenset({call.number})}
    worker.settle_journal_erasures("j1", frozenset({call.number}))
    assert worker.noted_journal_erasures() == {}
    archive.commit(Batch(journals=(JournalRow("j1", 2, 1),)))


def test_an_erasure_is_done_once_each_recorder_has_overwritten_its_journal(archive: Archive, engine: Engine) -> None:
    calls = [spoken(archive, days_ago(1)), spoken(archive, days_ago(1))]
    with writing(engine).begin() as db:
        db.execute(update(connections).where(connections.c.session == calls[1].id).values(journal="j2"))
    for journal, recorder in (("j1", "here"), ("j2", "there")):
        Archive(engine, recorder).commit(Batch(journals=(JournalRow(journal, 2, 1),)))
    ordered(engine, sought_number(ALICE))
    worker = deleter(engine)

    assert worker.erase() == 1
    assert [(one.sessions, one.journals, one.done_at) for one in receipts(engine)] == [(2, 2, None)]
    worker.settle_journal_erasures("j1", frozenset({calls[0].number}))
    # Another deleter, as after a restart, knows as well what is to come.
    worker = deleter(engine)
    assert worker.erase() == 1
    assert set(sought_texts(engine)) == {""}
    worker.settle_journal_erasures("j2", frozenset({calls[1].number}))
    assert worker.erase() == 0

    assert [(one.sessions, one.journals, one.done_at is None) for one in receipts(engine)] == [(2, 0, False)]


def test_an_interrupted_run_goes_on_and_twice_is_harmless(archive: Archive, engine: Engine) -> None:
    calls = [spoken(archive, days_ago(1)) for _ in range(4)]
    steps = iter([True, True])
    ordered(engine, sought_number(ALICE))
    ordered(engine, sought_number(ALICE))

    with pytest.raises(Interrupted):
        Deleter(engine, lambda _seconds: next(steps, False)).erase()
    deleter(engine).erase()

    assert [archive.session(call.id) for call in calls] == [None] * 4
    assert tables_with(engine, WORD) == []
    assert sum(one.sessions for one in receipts(engine)) == 4
    assert all(one.done_at for one in receipts(engine))


def test_two_at_once_delete_each_session_once(archive: Archive, engine: Engine, url: str) -> None:
    for _ in range(10):
        spoken(archive, days_ago(1))
    ordered(engine, sought_number(ALICE))
    other = open_engine(url)
    second = deleter(other)
    first = Deleter(engine, _then(second.erase))
    first.check()

    first.erase()

    assert [one.sessions for one in receipts(engine)] == [10]
    other.dispose()


def _then(action: Callable[[], object]) -> Callable[[float], bool]:
    """Does that at the first rest."""
    left = [action]

    def wait(_seconds: float) -> bool:
        if left:
            left.pop()()
        return True

    return wait
