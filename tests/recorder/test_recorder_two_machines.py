"""Recorders with data folders of their own on one database, between which a call moves."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from relayproxy.recorder.recorder import Recorder
from relayproxy.store.engine import open_engine
from relayproxy.store.errors import AwayError
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.schema.rows import Batch
from relayproxy.store.schema.tables import labels
from relayproxy.store.write.archive import Archive
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
