"""A recorder that is killed around any commit and started again leaves what an uninterrupted one leaves."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from relayproxy.journal.format import EntryKind, GapCause
from relayproxy.journal.windows import Windows, write_windows
from relayproxy.recorder.database_retry import Stopped
from relayproxy.recorder.recorder import Recorder
from relayproxy.recordings.connections import facts_of
from relayproxy.redaction.rules import EVERYTHING, Rules
from relayproxy.store.engine import writing
from relayproxy.store.errors import AwayError
from relayproxy.store.schema.rows import Batch, ConnectionRow
from relayproxy.store.write.archive import Archive
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import CLOSE, CONTINUATION, DEFLATE, PING, TEXT, Journal, Stage, prompt, setup, token
from tests.wire import frame

REDACTED = Rules()
TWILIO, BACKEND = EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK


class Killed(BaseException):
    """Stands for kill -9: nothing in the recorder catches it."""


def dying(*, after: int, committed: bool) -> type[Archive]:
    """An archive whose `after`-th commit kills the process, before or after the database has it."""

    class Dying(Archive):
        left = after

        def commit(self, batch: Batch) -> None:
            Dying.left -= 1
            if Dying.left == 0 and not committed:
                raise Killed
            super().commit(batch)
            if Dying.left == 0:
                raise Killed

    return Dying


def calls(journal: Journal, sizes: list[int]) -> Iterator[None]:
    """Two calls and a reconnect with everything in them that must survive; stops between any two chunks. `sizes` is
    how many bytes the chunks of the first call have, in turn."""
    first = journal.call(response_headers=DEFLATE)
    second = journal.call()
    twilio, backend = Compressing(keeps=True, mask=True), Compressing(keeps=True)
    from_twilio = [
        twilio.send(setup().encode()),
        frame(TEXT, prompt("one, ").encode()[:20], mask=True, fin=False),
        frame(PING, b"ping", mask=True),
        frame(CONTINUATION, prompt("one, ").encode()[20:], mask=True),
        twilio.send(prompt("two, " * 20).encode(), pieces=2),
        frame(TEXT, b"\xff\xfe", mask=True),
        frame(CLOSE, b"\x03\xe8bye", mask=True),
    ]
    from_backend = [
        backend.send(token("agreed " * 9).encode()),
        backend.send(token("agreed " * 40).encode(), pieces=3),
        frame(TEXT, token("x" * 300).encode()),
        backend.send(token("agreed", last=True).encode()),
        b"\x83\x00 from here on nothing makes sense",
    ]
    streams = {TWILIO: b"".join(from_twilio), BACKEND: b"".join(from_backend)}
    yield
    second.twilio(setup("VX2", "CA2"))
    at = 0
    while any(streams.values()):
        side = TWILIO if (at % 2 == 0 and streams[TWILIO]) or not streams[BACKEND] else BACKEND
        size = sizes[at % len(sizes)]
        first.chunk(side, streams[side][:size])
        streams[side] = streams[side][size:]
        at += 1
        yield
        if at % 7 == 0:
            journal.rotate()
        if at % 5 == 0:
            second.backend(token(f"meanwhile {at}", last=True))
    second.chunk(BACKEND, frame(TEXT, b"never whole")[:5])
    yield
    second.gap(BACKEND, 100, GapCause.QUOTA)
    second.backend(token("behind the gap"))
    yield
    first.end()
    again = journal.call()
    again.twilio(setup("VX2", "CA2"))
    yield
    again.twilio(prompt("back again"))
    again.backend(token("welcome back", last=True))
    second.end()
    yield
    again.chunk(TWILIO, frame(TEXT, b"mid", mask=True)[:8])
    yield
    journal.die()


def everything(stage: Stage) -> dict[str, Any]:
    """All that the database holds, but for how often rows were written and how messages lie in chunks."""
    found: dict[str, Any] = {}
    with stage.engine.connect() as db:
        for (session,) in db.exec_driver_sql("select id from sessions").all():
            found[session] = stage.stored(session)
        found["connections"] = db.exec_driver_sql("select count(*) from connections").scalar()
        found["turns"] = db.exec_driver_sql("select count(*) from turns").scalar()
        found["journals"] = db.exec_driver_sql("select count(*) from journals").scalar()
        found["chunks"] = db.exec_driver_sql("select count(*) from chunks").scalar()
    return found


def alike(found: dict[str, Any]) -> dict[str, Any]:
    """Without the journal's own name, which differs from run to run."""
    for key, stored in found.items():
        if hasattr(stored, "connections"):
            rows = tuple(replace(row, journal="") for row in stored.connections)
            found[key] = replace(stored, connections=rows)
    return found


def uninterrupted(folder: Path, sizes: list[int], rules: Rules) -> dict[str, Any]:
    stage = Stage(folder)
    journal = stage.journal()
    recorder = stage.recorder(rules=rules)
    for _ in calls(journal, sizes):
        recorder.play()
        recorder.commit()
    recorder.finish()
    recorder.finish()
    found = alike(everything(stage))
    stage.close()
    return found


def interrupted(
    folder: Path, sizes: list[int], rules: Rules, life: Callable[[], tuple[int, bool]]
) -> tuple[dict[str, Any], int]:
    """The same, killed again and again; `life()` says after how many commits, and whether the last one counts."""
    stage = Stage(folder)
    journal = stage.journal()
    deaths = 0

    def born() -> Recorder:
        after, committed = life()
        return stage.recorder(dying(after=after, committed=committed), rules=rules)

    recorder = born()

    def live(step: Callable[[Recorder], object]) -> None:
        nonlocal recorder, deaths
        try:
            step(recorder)
        except Killed:
            deaths += 1
            recorder.close()
            recorder = born()

    for _ in calls(journal, sizes):
        live(lambda one: one.play())
        live(lambda one: one.commit())
    recorder.close()
    last = stage.recorder(rules=rules)
    last.finish()
    last.finish()
    found = alike(everything(stage))
    assert not journal.path.exists()
    stage.close()
    return found, deaths


SIZES = [1, 3, 17, 60]


@pytest.fixture(scope="module", params=[EVERYTHING, REDACTED], ids=["full", "redacted"])
def rules(request: pytest.FixtureRequest) -> Rules:
    rules: Rules = request.param
    return rules


@pytest.fixture(scope="module")
def in_one_life(tmp_path_factory: pytest.TempPathFactory, rules: Rules) -> dict[str, Any]:
    return uninterrupted(tmp_path_factory.mktemp("uninterrupted"), SIZES, rules)


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("after", [1, 2])
def test_killed_at_every_commit(
    tmp_path: Path, after: int, committed: bool, rules: Rules, in_one_life: dict[str, Any]
) -> None:
    # A life that never commits would never end.
    after = after if committed else after + 1
    found, deaths = interrupted(tmp_path, SIZES, rules, lambda: (after, committed))
    assert deaths > 10
    assert found == in_one_life


@pytest.mark.parametrize("rules", [REDACTED], indirect=True)
def test_killed_while_it_writes_deflate_windows(
    tmp_path: Path, rules: Rules, in_one_life: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = 0

    def half(journal: Path, connection: int, windows: Windows) -> None:
        nonlocal killed
        write_windows(journal, connection, windows)
        killed += 1
        if killed % 2:
            [file] = journal.glob(f"*{windows.id}*")
            os.truncate(file, file.stat().st_size // 2)
            raise Killed

    monkeypatch.setattr("relayproxy.recorder.decoding.window_files.write_windows", half)
    found, deaths = interrupted(tmp_path, SIZES, rules, lambda: (1 << 30, True))
    assert deaths > 2
    assert found == in_one_life


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(17, 200), min_size=1, max_size=5), st.data())
def test_killed_at_any_commit_with_any_chunks(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("restart")
    lives = st.tuples(st.integers(1, 9), st.booleans())
    found, _ = interrupted(folder / "interrupted", sizes, REDACTED, lambda: data.draw(lives))
    assert found == uninterrupted(folder / "uninterrupted", sizes, REDACTED)


def test_a_recorder_that_is_told_to_stop_while_it_restores_still_reports(stage: Stage) -> None:
    class Away(Archive):
        def session_connections(self, session_id: str) -> tuple[ConnectionRow, ...]:
            stop.set()
            raise AwayError("the database is away")

    stop = threading.Event()
    call = stage.journal().call()
    call.twilio(setup())
    stage.recorder().finish()
    again = stage.recorder(Away, stop=stop)
    with pytest.raises(Stopped):
        again.play()
    assert again.heartbeat().numbers


@pytest.mark.parametrize(
    "damage",
    ["opening = '{'", "opening = x'ff'", "resume = '[', ending = ''", "opening = '', resume = x'00', trace_id = ''"],
)
def test_a_live_call_whose_row_is_damaged_goes_on_after_a_gap_beside_the_others(
    stage: Stage, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    journal = stage.journal()
    hurt, sound = journal.call(route="bookings"), journal.call()
    for call, name in ((hurt, "VX1"), (sound, "VX2")):
        call.twilio(setup(name, f"CA{name}"))
    long = frame(TEXT, prompt("half of it is read").encode(), mask=True)
    hurt.chunk(TWILIO, long[:30])
    stage.recorder().finish()
    with writing(stage.engine).begin() as db:
        db.execute(text(f"UPDATE connections SET {damage} WHERE id = :id"), {"id": hurt.id})

    hurt.chunk(TWILIO, long[30:])
    for call in (hurt, sound):
        call.twilio(prompt("go on"))
        call.backend(token("gladly", last=True))
        call.end()
    stage.recorder().finish()

    lost = "resume" in damage
    assert [message.note for message in stage.stored(hurt.id).messages[hurt.id] if message.kind == "gap"] == (
        ["journal_damaged"] * 2 if lost else []
    )
    for call in (hurt, sound):
        found = stage.stored(call.id)
        assert found.texts()[-2:] == [prompt("go on"), token("gladly", last=True)]
        assert found.session.ended_at is not None
        assert found.session.route == call.opening.route
        assert facts_of(found.connections[0]).whole
    assert [one for one in caplog.messages if f"connection {hurt.id}" in one]
