"""Report: what a receiver tells of itself every few seconds, in the database.

Knows: where each number comes from; that nobody waits for a report.
Must not know: what is healthy.
"""

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict

from relayproxy import __version__
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.passing_on import PassingOn
from relayproxy.receiver.requests import Requests
from relayproxy.receiver.span_writer import SpanWriter
from relayproxy.store.errors import StoreError
from relayproxy.store.read.health.heartbeat import EVERY, HeartbeatWriter
from relayproxy.store.read.health.receiver_heartbeat import PREFIX, PassedOn, ReceiverHeartbeat

log = logging.getLogger(__name__)


class Reporter:
    """Reports from a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        heartbeats: HeartbeatWriter,
        places: tuple[str, str | None],
        requests: Requests,
        intake: Intake,
        writer: SpanWriter,
        passing_on: PassingOn,
    ) -> None:
        self._heartbeats = heartbeats
        self._places = places
        self._requests = requests
        self._intake = intake
        self._writer = writer
        self._passing_on = passing_on
        self._started_at = time.time_ns()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="report", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience: float) -> None:
        """Reports once more, that it has ended; waits for so many seconds at most."""
        self._ended.set()
        self._thread.join(patience)

    def report(self) -> ReceiverHeartbeat:
        """The report of now."""
        listen, grpc = self._places
        counts, requests, passing_on = asdict(self._writer.counts), asdict(self._requests.counts), self._passing_on
        counts.pop("gone")
        return ReceiverHeartbeat(
            receiver=listen,
            grpc=grpc,
            version=__version__,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            ended=self._ended.is_set(),
            waiting=len(self._intake) + self._writer.waiting,
            trouble=self._writer.trouble,
            trouble_at=self._writer.trouble_at,
            passed_on=PassedOn(
                passing_on.places, passing_on.sent, passing_on.failed, passing_on.dropped, passing_on.trouble
            )
            if passing_on.places
            else None,
            **counts,
            **requests,
        )

    def _run(self) -> None:
        process = f"{PREFIX}{socket.gethostname()}-{self._places[0].rpartition(':')[2]}"
        while True:
            ended = self._ended.wait(EVERY)
            with suppress(StoreError):  # which is said where spans are written
                self._heartbeats.write(process, self.report())
            if ended:
                self._heartbeats.close()
                return
