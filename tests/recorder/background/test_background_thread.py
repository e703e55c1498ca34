"""What works beside recording tells a failure once, and once that it is over."""

import logging
from pathlib import Path

import pytest

from relayproxy.errors import RelayproxyError
from relayproxy.recorder.background import background_thread
from relayproxy.recorder.background.background_thread import BackgroundThread
from relayproxy.store.errors import AwayError
from tests.faults.harness import until


class Scripted(BackgroundThread):
    """A thread whose work fails by turns with these problems, and then does not."""

    def __init__(self, folder: Path, *problems: Exception | None) -> None:
        url = f"sqlite:///{folder}/relayproxy.db"
        super().__init__("scripted", url, look=0.001, again=0.001, waits="nothing is done", goes_on="it goes on")
        self._problems = [*problems]
        self.told: list[tuple[str | None, bool]] = []
        self.done = 0
        self.left = False
        self.start()

    def _work(self) -> bool:
        if self._problems and (problem := self._problems.pop(0)) is not None:
            raise problem
        self.done += 1
        return False

    def _tell(self, problem: str | None, since: int | None) -> None:
        self.told.append((problem, since is not None))

    def _leave(self) -> None:
        self.left = True


def run(thread: Scripted) -> Scripted:
    try:
        until(lambda: thread.done > 2)
    finally:
        thread.close()
    return thread


def test_a_failure_is_told_once_with_its_reason_and_that_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    full = RelayproxyError("the disk is full")
    thread = run(Scripted(tmp_path, None, full, full, ValueError("4111 1111 1111 1111")))

    assert [(one.levelno, one.message) for one in caplog.records] == [
        (logging.ERROR, "nothing is done (the disk is full)"),
        (logging.ERROR, "nothing is done (ValueError)"),
        (logging.WARNING, "it goes on"),
    ]
    assert thread.told == [("the disk is full", True)] * 2 + [("ValueError", True), (None, False)]
    assert thread.left


@pytest.mark.parametrize("brief", [0.0, 60.0])
def test_a_database_that_is_away_for_a_moment_is_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, brief: float
) -> None:
    monkeypatch.setattr(background_thread, "BRIEF", brief)
    run(Scripted(tmp_path, *[AwayError("the database is locked")] * 3))

    assert bool(caplog.records) == (brief == 0)
