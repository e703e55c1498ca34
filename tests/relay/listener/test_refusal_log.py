import logging
from collections.abc import Callable

import pytest

from relayproxy.refusals import RefusalCount
from relayproxy.relay.listener.refusal_log import RefusalLog


def test_one_line_and_one_report_stand_for_many(caplog: pytest.LogCaptureFixture) -> None:
    due: list[Callable[[], None]] = []
    reports: list[tuple[RefusalCount, ...]] = []
    refusals = RefusalLog(lambda _, callback: due.append(callback), reports.append)
    with caplog.at_level(logging.INFO):
        for number in range(1000):
            refusals.note("no_route", 404, "no route takes this path", peer=f"203.0.113.9:{number}")
        refusals.note("no_upgrade", 426, "Upgrade: websocket is missing", peer="10.0.0.7:1", signed=True)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "answered 404 to 203.0.113.9:0: no route takes this path"),
        ("WARNING", "answered 426 to 10.0.0.7:1 with Twilio's signature: Upgrade: websocket is missing"),
    ]
    (report,) = due
    report()
    (told,) = reports
    assert [(one.count, one.last.reason, one.last.peer) for one in told] == [
        (1, "no_upgrade", "10.0.0.7:1"),
        (1000, "no_route", "203.0.113.9:999"),
    ]
    refusals.flush()
    assert len(reports) == 1
