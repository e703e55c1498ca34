"""Recorders with data folders of their own on one database, between which a call moves."""

from collections.abc import Callable, Iterator
from threading import Thread

import pytest
from sqlalchemy import func, select, text

from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.recorder.rebuild import rebuild
from relayproxy.recorder.recorder import Recorder
from relayproxy.store.engine import open_engine
from relayproxy.store.errors import AwayError
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.schema.rows import Batch
from relayproxy.store.schema.tables import labels
from relayproxy.store.write import writer_state
from relayproxy.store.write.archive import Archive
from tests.faults.harness import until
from tests.peers.postgres import Server
from tests.recorder.stage import Call, Journal, Stage, prompt, setup, token


class Machine:
    """A data folder with its recorder."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.engine = open_engine(stage.url)
        self.archive = Archive(self.engine, name)
        folder = stage.folder / name
        self.journal = Journal(folder)
        self.recorder = Recorder(
            self.archive,
            folder,
            message_limit=65536,
            size_limit=1 << 30,
            patience=1 << 30,
            check=lambda: check_schema(self.engine),
        )

    def step(self) -> None:
        """Plays and commits what has come."""
        self.recorder.play()
        self.recorder.commit()

    def close(self) -> None:
        self.recorder.close()
        self.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Stage]:
    if request.param == "postgresql":
        postgres: Server = request.getfixturevalue("postgres")
        stage.engine.dispose()
        stage.url = postgres.migrated()
        stage.engine = open_engine(stage.url)
        stage.archive = Archive(stage.engine)
        yield stage
        postgres.give_back(stage.url)
    else:
        yield stage


@pytest.fixture
def machines(shared: Stage) -> Iterator[tuple[Machine, Machine]]:
    found = Machine(shared, "here"), Machine(shared, "there")
    yield found
    for machine in found:
        machine.close()


def begun(machine: Machine, id: str, at: int) -> Call:
    machine.journal.now = at
    call = machine.journal.call(connection_id=id)
    call.twilio(setup())
    return call


def test_a_call_that_comes_back_elsewhere_is_one_session_whose_ends_all_count(
    shared: Stage, machines: tuple[Machine, Machine]
) -> None:
    here, there = machines
    first = begun(here, "a", 0)
    first.twilio(prompt("Hello?"))
    first.backend(token("Good evening.", last=True))
    here.step()

    second = begun(there, "b", 5000)
    there.step()
    second.twilio(prompt("Here I am again."))
    second.backend(token("Welcome back.", last=True))
    there.step()
    first.backend(token("Are you there?", last=True))
    first.end()
    here.step()
    second.twilio(prompt("Bye."), after=1000)
    there.step()
    second.end()
    there.step()

    stored = shared.stored("a")
    assert shared.archive.sessions() == 1
    assert [one.id for one in stored.connections] == ["a", "b"]
    assert stored.session.ended_at is not None
    assert stored.session.messages == sum(map(len, stored.messages.values())) == 8
    assert [turn.caller_text for turn in stored.turns if turn.caller_text] == ["Hello?", "Here I am again.", "Bye."]


def test_the_end_of_the_first_may_come_last(shared: Stage, machines: tuple[Machine, Machine]) -> None:
    here, there = machines
    first = begun(here, "a", 0)
    here.step()
    second = begun(there, "b", 5000)
    second.twilio(prompt("Here I am again."))
    second.end()
    there.step()
    assert shared.stored("a").session.ended_at is None
    first.end()
    here.step()

    stored = shared.stored("a")
    assert stored.session.ended_at is not None
    assert [turn.caller_text for turn in stored.turns if turn.caller_text] == ["Here I am again."]


ORDERS: dict[str, str] = {
    "as it came": "A0 A1 A2 A3 step-here B0 B1 B2 step-there",
    "the second first": "B0 B1 B2 step-there A0 A1 A2 A3 step-here",
    "the second first, piece by piece": (
        "B0 step-there B1 step-there B2 step-there A0 step-here A1 step-here A2 step-here A3 step-here"
    ),
    "the second while the first begins": "A0 step-here B0 B1 B2 step-there A1 A2 step-here A3 step-here",
    "the first while the second goes on": (
        "B0 step-there A0 step-here A1 step-here B1 step-there A2 A3 step-here B2 step-there"
    ),
    "the end of the first last": "B0 step-there A0 A1 A2 step-here B1 step-there B2 step-there A3 step-here",
    "the first between setup and words": "B0 step-there A0 A1 A2 A3 step-here B1 B2 step-there",
    "by turns": "A0 step-here B0 step-there A1 step-here B1 step-there A2 step-here B2 step-there A3 step-here",
}
"""Orders in which two journals may come and be read: the parts of the first and of the second connection."""


def moved(here: Machine, there: Machine, order: str) -> None:
    """A call whose relay is killed, and that goes on at another one, read in this order."""
    calls: dict[str, Call] = {}

    def dial(name: str, machine: Machine) -> Call:
        machine.journal.now = 0 if name == "a" else 20_000
        calls[name] = machine.journal.call(connection_id=name)
        calls[name].twilio(setup())
        return calls[name]

    def ask() -> None:
        calls["b"].twilio(prompt("A table for two.", "fr"), after=3000)
        calls["b"].backend(token("Done.", last=True), after=700)

    parts: dict[str, Callable[[], None]] = {
        "A0": lambda: dial("a", here).backend(token("Good evening.", last=True)),
        "A1": lambda: calls["a"].twilio(prompt("I want a table."), after=3000),
        "A2": lambda: calls["a"].twilio(prompt("Are you there?"), after=4000),
        "A3": here.journal.die,
        "B0": lambda: dial("b", there).backend(token("Here I am again.", last=True), after=500),
        "B1": ask,
        "B2": lambda: calls["b"].end(),
        "step-here": here.step,
        "step-there": there.step,
    }
    for part in order.split():
        parts[part]()


@pytest.mark.parametrize("order", ORDERS)
def test_in_whatever_order_two_journals_are_read_a_session_is_the_same(
    shared: Stage, machines: tuple[Machine, Machine], order: str
) -> None:
    moved(*machines, ORDERS[order])
    (session,) = shared.archive.session_ids()
    stored = shared.stored(session)
    assert [one.id for one in stored.connections] == ["a", "b"]
    for _ in rebuild(shared.archive, (), lambda _route: Thresholds()):
        pass
    assert stored == shared.stored(session)
    said = [(turn.caller_text, turn.agent_text) for turn in stored.turns if turn.caller_text]
    assert said == [("I want a table. Are you there?", "Here I am again."), ("A table for two.", "Done.")]
    assert stored.session.longest_wait_ms == 17_491


@pytest.mark.parametrize("first", [0, 1])
def test_two_recorders_that_come_to_know_of_a_call_at_once_make_one_session_of_it(
    shared: Stage, machines: tuple[Machine, Machine], first: int
) -> None:
    calls = [begun(machine, id, at) for machine, id, at in zip(machines, "ab", (0, 5000), strict=True)]
    for machine in machines:
        machine.recorder.play()
    for machine in (machines[first], machines[1 - first]):
        machine.recorder.commit()
    machines[0].journal.die()
    calls[1].end()
    for machine in machines:
        machine.step()

    (session,) = shared.archive.session_ids()
    assert session == "ab"[first]
    assert [one.id for one in shared.stored(session).connections] == ["a", "b"]
    assert shared.stored(session).session.ended_at is not None


def test_of_two_commits_at_the_same_time_one_knows_of_the_other(stage: Stage, postgres: Server) -> None:
    stage.engine.dispose()
    stage.url = postgres.migrated()
    stage.engine = open_engine(stage.url)
    stage.archive = Archive(stage.engine)
    machines = Machine(stage, "here"), Machine(stage, "there")
    for machine, id, at in zip(machines, "ab", (0, 5000), strict=True):
        begun(machine, id, at)
        machine.recorder.play()
    with stage.engine.connect() as db:
        db.execute(select(func.pg_advisory_xact_lock(writer_state._LOCK)))
        threads = [Thread(target=machine.recorder.commit) for machine in machines]
        for thread in threads:
            thread.start()
        waiting = text("SELECT count(*) FROM pg_locks WHERE objid = :lock AND NOT granted")
        until(lambda: db.execute(waiting, {"lock": writer_state._LOCK}).scalar_one() == len(threads))
    for thread in threads:
        thread.join()
    for machine in machines:
        machine.close()

    (session,) = stage.archive.session_ids()
    assert [one.id for one in stage.stored(session).connections] == ["a", "b"]
    postgres.give_back(stage.url)


def test_what_else_a_commit_had_when_another_recorder_was_first_is_written(
    shared: Stage, machines: tuple[Machine, Machine]
) -> None:
    here, there = machines
    first = begun(here, "a", 0)
    other = here.journal.call(connection_id="o")
    other.twilio(setup("VX2", "CA2"))
    here.step()
    begun(there, "b", 5000)
    there.step()

    first.twilio(prompt("Are you there?"))
    other.twilio(prompt("What is it?", lang="fr"))
    here.step()
    assert [turn.caller_text for turn in shared.stored("o").turns if turn.caller_text] == ["What is it?"]
    with shared.engine.connect() as db:
        languages = select(labels.c.session, labels.c.value).where(labels.c.name == "lang").order_by(labels.c.session)
        assert [tuple(row) for row in db.execute(languages)] == [("a", "en-US"), ("o", "fr")]


class Lossy(Archive):
    """The database commits, and its answer does not come."""

    lose = False

    def commit(self, batch: Batch) -> None:
        memory = self._memory.committed
        if self.lose and batch.sessions:
            self.lose = False

            def lost(_: Batch) -> None:
                raise AwayError("the answer got lost")

            self._memory.committed = lost  # type: ignore[method-assign,assignment]
        try:
            super().commit(batch)
        finally:
            self._memory.committed = memory  # type: ignore[method-assign]


def test_a_commit_whose_answer_got_lost_counts_once(stage: Stage) -> None:
    journal = stage.journal()
    recorder = stage.recorder(Lossy)
    call = journal.call(connection_id="a")
    call.twilio(setup())
    recorder.play()
    recorder.commit()
    call.twilio(prompt("Hello?"))
    recorder.play()
    Lossy.lose = True
    recorder.commit()
    assert not recorder._archive.lose  # type: ignore[attr-defined]
    call.end()
    recorder.play()
    recorder.commit()

    stored = stage.stored("a")
    assert (stored.session.messages, len(stored.turns), len(stored.messages["a"])) == (2, 2, 2)
