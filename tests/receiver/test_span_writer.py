"""Spans find their session whenever they come: before it is recorded, after its end, parents late or never."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import Engine

from relayproxy.conversation.backend_span import BackendSpan, SpanDetail
from relayproxy.receiver import span_writer
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.span_writer import SpanWriter
from relayproxy.receiver.unjoined import ReceivedSpan, Unjoined
from relayproxy.redaction.rules import EVERYTHING, Rules
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.errors import StoreError
from relayproxy.store.read.backend_spans import SessionSpans, session_spans
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_span_store import BackendSpanStore
from relayproxy.store.write.deletion.deletion import Deletion
from tests.patience import PATIENCE
from tests.store.build import NOON, connection, session, span

SECOND = 1_000_000_000
HANDSHAKE = "cd" * 16


class Stage:
    """A writer that works when it is told to, on a clock of its own."""

    def __init__(self, engine: Engine, queries: Queries) -> None:
        self.now = 1000.0
        self.intake = Intake()
        self.queries = queries
        self._engine = engine
        self.writer = self.restarted()

    def restarted(self, rules: Callable[[str], Rules] = lambda _route: EVERYTHING, **known: Any) -> SpanWriter:
        """A new writer, which remembers nothing."""
        settings: dict[str, Any] = {"session_spans": 100, "guesses": True, "clock": lambda: self.now} | known
        unjoined = Unjoined(settings.pop("most", 100), 3600)
        self.writer = SpanWriter(self.intake, unjoined, BackendSpanStore(self._engine), rules, **settings)
        return self.writer

    def send(self, *spans: BackendSpan, peer: str = "10.0.0.7", frame: Any = None) -> None:
        self.intake.put([ReceivedSpan(one, 100, peer, frame) for one in spans])
        self.writer.work(0)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.writer.work(0)

    def spans(self, session: str = "a") -> SessionSpans:
        return session_spans(self.queries, session)

    def joined(self, session: str = "a") -> list[tuple[int, str]]:
        return sorted((int(one.span.span_id, 16), one.joined_by) for one in self.spans(session).spans)


@pytest.fixture
def stage(engine: Engine, queries: Queries) -> Stage:
    return Stage(engine, queries)


def call(archive: Archive, id: str = "a", trace: str = HANDSHAKE, **known: Any) -> None:
    archive.commit(
        Batch(
            sessions=(session(id, **{"started_at": NOON, "ended_at": NOON + 60 * SECOND} | known),),
            connections=(connection(id, trace_id=trace),),
        )
    )


def of_trace(number: int, trace: str = "ef" * 16, parent: int | None = None, **attributes: str) -> BackendSpan:
    known = {name.replace("_", "."): value for name, value in attributes.items()}
    return span(
        number,
        trace_id=trace,
        parent_span_id=None if parent is None else f"{parent:016x}",
        started_at=NOON + SECOND,
        ended_at=NOON + 2 * SECOND,
        detail=SpanDetail(attributes=known),
    )


def test_spans_come_before_their_session_is_recorded(stage: Stage, archive: Archive) -> None:
    stage.send(of_trace(1, HANDSHAKE), of_trace(2, call_sid="CA-a"))
    assert stage.writer.waiting == 2

    call(archive)
    stage.wait(1)

    assert (stage.joined(), stage.writer.waiting) == ([(1, "trace"), (2, "id")], 0)


def test_a_parent_that_comes_at_the_end_of_the_call_joins_all_that_waited(
    stage: Stage,
    archive: Archive,
) -> None:
    call(archive)
    stage.restarted(guesses=False)
    for number in range(2, 6):
        stage.send(of_trace(number, parent=1))
        stage.wait(60)
    assert stage.joined() == []

    stage.send(of_trace(1, call_sid="CA-a"))

    assert [number for number, _ in stage.joined()] == [1, 2, 3, 4, 5]
    assert [one.depth for one in stage.spans().spans] == [0, 1, 1, 1, 1]


def test_what_comes_later_in_a_joined_trace_joins_after_a_restart_too(
    stage: Stage,
    archive: Archive,
) -> None:
    call(archive)
    stage.send(of_trace(1, call_sid="CA-a"))
    stage.restarted()

    stage.send(of_trace(2, parent=1), of_trace(3, parent=99))

    assert stage.joined() == [(1, "id"), (2, "id"), (3, "id")]


def test_a_span_that_is_sent_again_is_kept_once_and_counted_once(stage: Stage, archive: Archive) -> None:
    call(archive)
    for _ in range(3):
        stage.send(of_trace(1, HANDSHAKE))
        stage.send(of_trace(2, HANDSHAKE), frame="send")
        stage.send(of_trace(3, HANDSHAKE), frame="receive")
    stage.restarted()
    stage.send(of_trace(1, HANDSHAKE))

    counts = stage.spans().counts
    assert (counts.spans, counts.sent_frames, counts.received_frames) == (1, 1, 1)
    assert stage.joined() == [(1, "trace")]


def test_a_guess_is_made_late_and_gives_way(stage: Stage, archive: Archive) -> None:
    call(archive)
    stage.send(of_trace(1), of_trace(2, parent=1))
    stage.wait(span_writer.GUESS_AFTER - 1)
    assert stage.joined() == []
    stage.wait(20)
    assert (stage.joined(), stage.writer.counts.guessed) == ([(1, "guess"), (2, "guess")], 2)

    call(archive, "b", "bb" * 16, started_at=NOON - 1000 * SECOND, ended_at=NOON - 900 * SECOND)
    stage.send(of_trace(3, parent=1, call_sid="CA-b"))

    assert (stage.joined("a"), stage.joined("b")) == ([], [(1, "id"), (2, "id"), (3, "id")])


def test_no_guess_is_made_where_two_fit_or_none_is_wanted(stage: Stage, archive: Archive) -> None:
    call(archive)
    stage.restarted(guesses=False)
    stage.send(of_trace(1))
    stage.wait(100)
    assert stage.joined() == []

    stage.restarted()
    call(archive, "b", "bb" * 16)
    stage.send(of_trace(2))
    stage.wait(100)
    assert stage.joined("a") == stage.joined("b") == []


def test_what_belongs_to_no_call_goes_after_its_time(stage: Stage) -> None:
    stage.send(of_trace(1))
    stage.wait(3599)
    assert (stage.writer.waiting, stage.writer.counts.unjoined) == (1, 0)

    stage.wait(2)
    assert (stage.writer.waiting, stage.writer.counts.unjoined) == (0, 1)


def test_of_more_than_may_wait_the_oldest_go(stage: Stage) -> None:
    stage.restarted(most=3)

    for number in range(1, 6):
        stage.send(of_trace(number, f"{number:032x}"))

    assert (stage.writer.waiting, stage.writer.counts.unjoined) == (3, 2)


def test_each_route_keeps_what_it_records(stage: Stage, archive: Archive) -> None:
    rules = {
        "full": EVERYTHING,
        "redacted": Rules(),
        "metadata": Rules(record="metadata"),
        "none": Rules(record="none"),
    }
    for number, route in enumerate(rules, 1):
        call(archive, route, f"{number:032x}", route=route)
    stage.restarted(lambda route: rules[route])

    for number, _ in enumerate(rules, 1):
        stage.send(of_trace(number, f"{number:032x}", input_value="my card is 4111 1111 1111 1111"))

    kept = [[one.span.detail.attributes for one in stage.spans(route).spans] for route in rules]
    assert kept == [
        [{"input.value": "my card is 4111 1111 1111 1111"}],
        [{"input.value": "my card is •••• •••• •••• 1111"}],
        [{}],
        [],
    ]
    assert stage.writer.waiting == 0


def test_spans_of_an_erased_session_are_not_kept(stage: Stage, archive: Archive, engine: Engine) -> None:
    call(archive)
    stage.send(of_trace(1, HANDSHAKE))
    with writing(engine).begin() as db:
        Deletion("a", whole=False).work(db, lambda: False)

    stage.send(of_trace(2, HANDSHAKE), of_trace(3, call_sid="CA-a"))

    assert stage.spans().total == 0


def test_while_the_database_is_away_nothing_is_lost(
    stage: Stage,
    archive: Archive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call(archive)
    store = stage.writer._store
    for name in ("known", "write"):

        def fail(*_: object) -> None:
            raise StoreError("database is locked")

        monkeypatch.setattr(store, name, fail)
        with pytest.raises(StoreError):
            stage.send(of_trace(1, HANDSHAKE))
        monkeypatch.undo()

    stage.writer.work(0)

    assert stage.joined() == [(1, "trace")]


@pytest.mark.parametrize("poison", ["masked", "join"])
def test_what_cannot_be_dealt_with_goes_and_nothing_else(
    stage: Stage, archive: Archive, poison: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call(archive)
    right = getattr(span_writer, poison)

    def wrong(found: Any, *rest: Any) -> Any:
        if any(one.name == "poison" for one in (found if isinstance(found, list) else [found])):
            raise ValueError("4111 1111 1111 1111")
        return right(found, *rest)

    monkeypatch.setattr(span_writer, poison, wrong)
    bad = [structs.replace(of_trace(n, f"{n:032x}", call_sid="CA-a"), name="poison") for n in (1, 2)]

    stage.send(*bad, *(of_trace(n, f"{n:032x}", call_sid="CA-a") for n in (3, 4)))

    assert [number for number, _ in stage.joined()] == [3, 4]
    assert (stage.writer.counts.failed, stage.writer.waiting) == (2, 0)
    assert len(caplog.records) == 1


def test_it_runs_until_it_is_stopped_and_says_what_is_wrong_once(
    tmp_path: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_writer, "BACKOFF", (0.01,))
    tried = threading.Semaphore(0)
    store = BackendSpanStore(open_engine(f"sqlite:///{tmp_path}/none.db", create=False))
    intake = Intake()
    writer = SpanWriter(intake, Unjoined(9, 9), store, lambda _: EVERYTHING, session_spans=9, guesses=True)
    work = writer.work

    def worked(patience: float) -> None:
        tried.release()
        work(patience)

    monkeypatch.setattr(writer, "work", worked)
    intake.put([ReceivedSpan(span(1), 100, "")])
    thread = threading.Thread(target=writer.run)
    began = time.time_ns()
    thread.start()
    for _ in range(3):
        assert tried.acquire(timeout=PATIENCE)
    assert writer.trouble is not None
    assert "no relayproxy database" in writer.trouble
    assert writer.trouble_at is not None
    assert writer.trouble_at >= began
    writer.stop()
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "1 spans were not written at the end" in caplog.text
