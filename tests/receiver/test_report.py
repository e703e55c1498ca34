"""A receiver reports every few seconds, and once more that it has ended."""

import threading

import msgspec
import pytest

from relayproxy.receiver import report
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.passing_on import PassingOn
from relayproxy.receiver.report import Reporter
from relayproxy.receiver.requests import Requests
from relayproxy.receiver.span_writer import SpanWriter
from relayproxy.receiver.spans.trimming import Bounds
from relayproxy.receiver.unjoined import Unjoined
from relayproxy.redaction.rules import EVERYTHING
from relayproxy.store.engine import open_engine
from relayproxy.store.errors import StoreError
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.read.health.receiver_heartbeat import ReceiverHeartbeat
from relayproxy.store.write.backend_span_store import BackendSpanStore
from tests.patience import PATIENCE
from tests.receiver.test_unjoined import received


class Kept(HeartbeatWriter):
    """Keeps what is told, after a first time that fails."""

    def __init__(self) -> None:
        self.told: list[tuple[str, msgspec.Struct]] = []
        self.came = threading.Semaphore(0)
        self.closed = False

    def write(self, process: str, heartbeat: msgspec.Struct, at: int | None = None) -> None:
        self.told.append((process, heartbeat))
        self.came.release()
        if len(self.told) == 1:
            raise StoreError("database: disk I/O error")

    def close(self) -> None:
        self.closed = True


def test_it_goes_on_when_the_database_is_away_and_says_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(report, "EVERY", 0.01)
    intake, passing_on, kept = Intake(), PassingOn({}), Kept()
    store = BackendSpanStore(open_engine(f"sqlite:///{tmp_path}/none.db", create=False))
    writer = SpanWriter(intake, Unjoined(9, 9), store, lambda _: EVERYTHING, session_spans=9, guesses=True)
    intake.put([received(1)])
    requests = Requests(intake, passing_on, Bounds(9, 99))
    reporter = Reporter(kept, ("http://127.0.0.1:4318", None), requests, intake, writer, passing_on)
    reporter.start()
    for _ in range(3):
        assert kept.came.acquire(timeout=PATIENCE)
    reporter.stop(30)

    process, last = kept.told[-1]
    assert isinstance(last, ReceiverHeartbeat)
    assert process.startswith("receiver-")
    assert process.endswith("-4318")
    assert (last.receiver, last.ended, last.waiting, last.passed_on) == ("http://127.0.0.1:4318", True, 1, None)
    assert kept.closed
