"""A living relay's journal has lost how calls ended, or how they opened: they end all the same, and no other does."""

import json
from collections.abc import Callable

import pytest

from relayproxy.journal.format import EntryKind, GapCause
from relayproxy.journal.segments import segment_path
from relayproxy.store.schema.rows import ConnectionRow
from tests.recorder.stage import MS, NOON, Call, Journal, Stage, prompt, setup, token
from tests.recorder.test_journal_player import flip

TWILIO, BACKEND = EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK


def damaged(journal: Journal, step: Callable[[], object]) -> None:
    """Performs it, and flips a bit of all that it wrote."""
    segment = segment_path(journal.path, journal.segment)
    start = segment.stat().st_size
    step()
    flip(segment, (start + segment.stat().st_size) // 2)


def begun(journal: Journal, number: int) -> Call:
    call = journal.call()
    call.twilio(setup(f"VX{number}", f"CA{number}"))
    call.backend(token("hello", last=True), after=90)
    return call


def told(journal: Journal, *open: Call) -> None:
    """The relay tells which calls are open."""
    journal.now += 2000
    journal.tell_open(*open)
    journal.flush()


def live(stage: Stage, journal: Journal) -> list[ConnectionRow]:
    return [*stage.archive.live_connections(journal.path.name)]


def test_a_call_whose_ending_lay_in_a_damaged_block_ends_while_its_relay_lives(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    journal = stage.journal()
    over, silent = begun(journal, 1), begun(journal, 2)
    recorder = stage.recorder()
    recorder.finish()
    damaged(journal, over.end)
    later = begun(journal, 3)
    recorder.finish()
    assert {row.id for row in live(stage, journal)} == {over.id, silent.id, later.id}, "nobody knows yet"

    told(journal, silent, later)
    recorder.finish()
    assert {row.id for row in live(stage, journal)} == {silent.id, later.id}
    stored = stage.stored(over.id)
    assert json.loads(stored.connections[0].ending or "") == {"t": 100 * MS}
    assert (stored.session.outcome, stored.session.ended_at) == ("unknown", NOON + 100 * MS)
    assert stored.session.end_reason == (
        "How the connection ended was not recorded. Bytes near the end were not recorded, so this is a guess."
    )
    assert [m.note for m in stored.messages[over.id]][2:] == ["journal_damaged"] * 2
    assert "how 1 connection ended is lost" in caplog.text
    assert recorder.played.died == 0

    silent.twilio(prompt("Are you there?"))
    silent.end()
    later.end()
    told(journal)
    recorder.finish()
    assert live(stage, journal) == []
    assert [stage.stored(one.id).session.outcome for one in (silent, later)] == ["unknown"] * 2
    assert stage.stored(silent.id).texts()[-1] == prompt("Are you there?")
    assert stage.stored(silent.id).connections[0].ended_at == NOON + (journal.now - 2010) * MS


def test_a_recorder_that_begins_between_the_damage_and_what_tells_of_it_ends_the_call_too(stage: Stage) -> None:
    journal = stage.journal()
    over, silent = begun(journal, 1), begun(journal, 2)
    stage.recorder().finish()
    damaged(journal, over.end)
    silent.twilio(prompt("Hello?"))
    stage.recorder().finish()
    told(journal, silent)
    stage.recorder().finish()
    assert [row.id for row in live(stage, journal)] == [silent.id]
    assert stage.stored(over.id).session.outcome == "unknown"


def test_what_is_read_in_one_block_with_what_tells_who_is_open_counts_for_itself(stage: Stage) -> None:
    journal = stage.journal()
    dialled, ending = journal.call(requested=True), begun(journal, 2)
    stage.recorder().finish()
    journal.tell_open(dialled)
    later = journal.call(quiet=True, connection_id="3" * 32)
    later.twilio(setup("VX3", "CA3"))
    ending.quiet = True
    ending.end()
    ending.gap(BACKEND, 9, GapCause.DISK)
    journal.flush()
    stage.recorder().finish()
    assert {row.id for row in live(stage, journal)} == {dialled.id, later.id}
    stored = stage.stored(ending.id)
    assert json.loads(stored.connections[0].ending or "")["first"] == "twilio", "its own ending came"
    assert stored.messages[ending.id][-1].size == 9


def test_a_call_that_began_in_the_damage_and_goes_on_stays_and_ends_as_others_do(stage: Stage) -> None:
    journal = stage.journal()
    before = begun(journal, 1)
    started: list[Call] = []
    damaged(journal, lambda: started.append(journal.call()))
    [call] = started
    before.end()
    told(journal, call)
    call.twilio(setup("VX2", "CA2"))
    recorder = stage.recorder()
    recorder.finish()
    [row] = live(stage, journal)
    assert (row.number, row.opened_at) == (call.number, NOON + journal.now * MS)
    told(journal, call)
    recorder.finish()
    assert [one.id for one in live(stage, journal)] == [row.id], "it is open, though nobody knows how it opened"
    call.end()
    recorder.finish()
    assert live(stage, journal) == []
    assert stage.stored(row.id).texts()[-1] == setup("VX2", "CA2")
    [gap] = stage.gaps()
    assert gap.cause == "checksum"


def test_a_call_of_which_neither_opening_nor_ending_can_be_read_ends(stage: Stage) -> None:
    journal = stage.journal()
    started: list[Call] = []
    damaged(journal, lambda: started.append(journal.call()))
    [call] = started
    call.twilio(setup())
    damaged(journal, call.end)
    told(journal)
    stage.recorder().finish()
    assert live(stage, journal) == []
    [row] = stage.archive.sessions_by_ids("VX1", None, 0)
    assert row.outcome == "unknown"


def test_a_session_that_goes_on_over_another_relay_does_not_end_with_the_connection_that_was_lost(stage: Stage) -> None:
    here, there = stage.journal(), stage.journal()
    first = begun(here, 1)
    recorder = stage.recorder()
    recorder.finish()
    damaged(here, first.end)
    there.now = here.now + 500
    second = there.call(connection_id="2" * 32)
    second.twilio(setup("VX1", "CA1"))
    recorder.finish()
    told(here)
    recorder.finish()
    assert live(stage, here) == []
    stored = stage.stored(first.id)
    assert (len(stored.connections), stored.session.ended_at) == (2, None)
    second.end()
    told(there)
    recorder.finish()
    assert stage.stored(first.id).session.ended_at == NOON + there.now * MS - 2000 * MS
    assert live(stage, there) == []


def test_endings_that_were_read_before_count_and_nobody_ends_twice(stage: Stage) -> None:
    journal = stage.journal()
    call = begun(journal, 1)
    call.end()
    told(journal)
    told(journal)
    recorder = stage.recorder()
    recorder.finish()
    assert (recorder.played.ended, recorder.played.gaps) == (1, 0)
    assert json.loads(stage.stored(call.id).connections[0].ending or "")["first"] == "twilio"


def test_of_a_relay_that_died_later_what_tells_who_was_open_counts_for_what_came_before(stage: Stage) -> None:
    journal = stage.journal()
    over, cut = begun(journal, 1), begun(journal, 2)
    damaged(journal, over.end)
    told(journal, cut)
    journal.die()
    stage.recorder().finish()
    endings = [json.loads(stage.stored(one.id).connections[0].ending or "").get("cause") for one in (over, cut)]
    assert endings == [None, "relay_died"]


def test_a_relay_of_another_version_that_tells_nothing_that_can_be_read_ends_nobody(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    journal = stage.journal()
    call = begun(journal, 1)
    journal.entry(EntryKind.OPEN_CONNECTIONS, 0, b"\x01\0\0")
    journal.flush()
    stage.recorder().finish()
    assert [row.id for row in live(stage, journal)] == [call.id]
    assert "which connections are open cannot be read" in caplog.text
