"""What Health says of the receiver of backends' spans: nothing of it concerns calls."""

from typing import Any

import pytest

from relayproxy.console.health.diagnosis.diagnosis import verdict
from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthFacts
from relayproxy.console.health.diagnosis.receiver import receiver_document
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.read.health.receiver_heartbeat import PassedOn, ReceiverHeartbeat, ReceiverReport
from relayproxy.store.write.archive import Archive
from tests.console.conftest import Client
from tests.console.contract import ask
from tests.console.health.known import NOW, check, expect, facts

URL = "http://127.0.0.1:4318"
LISTEN = "127.0.0.1:4318"


def told(ago: float = 1, **known: Any) -> ReceiverReport:
    heartbeat = ReceiverHeartbeat(URL, "1.0", "here", 4711, NOW - 3600 * SECOND, **known)
    return ReceiverReport("receiver-here-4318", NOW - round(ago * SECOND), heartbeat)


def wanted(*reports: ReceiverReport, **known: Any) -> HealthFacts:
    return facts(receivers=reports, receives=LISTEN, **known)


@pytest.mark.parametrize(
    ("found", "state", "title", "action"),
    [
        (facts(), "ok", "Spans of backends are not received", ""),
        (facts(receivers=(told(9000, ended=True),)), "ok", "Spans of backends are not received", ""),
        (wanted(), "warn", "The receiver has never reported", "Start it: `relayproxy receiver`"),
        (wanted(told(95)), "warn", "The receiver has not reported for 95 s", "Start it"),
        (wanted(told(ended=True)), "warn", "The receiver has not reported for 1 s", "Start it"),
        (wanted(told()), "ok", f"No span of a backend has come to {URL} yet", ""),
        (wanted(told(spans=9, kept=5)), "ok", f"Spans of backends are received on {URL}", ""),
        (
            wanted(told(trouble="database is locked", trouble_at=NOW - 90 * SECOND)),
            "warn",
            "Spans of backends have not been written for 90 s",
            "See to the database",
        ),
        (
            wanted(told(passed_on=PassedOn(("http://c:4318",), trouble="HTTP 503"))),
            "warn",
            "Spans of backends are not passed on to http://c:4318",
            "See whether the collector runs",
        ),
        (facts(database=None, database_problem="away"), "unknown", "Whether spans of backends are received", ""),
    ],
)
def test_what_is_wrong_has_a_remedy(found: HealthFacts, state: Any, title: str, action: str) -> None:
    expect("receiver", found, state, title, action)


def test_a_clock_that_was_set_does_not_silence_it() -> None:
    assert check("receiver", wanted(told(3600, spans=1), step=3600.0)).state == "ok"


def test_numbers_are_told() -> None:
    detail = check("receiver", wanted(told(spans=9000, kept=5000, frames=40, unjoined=2, over_limit=1))).detail

    assert detail == "5,000 of 9,000 kept, 40 counted, 3 without a call or beyond its limit."


def test_it_never_makes_the_whole_bad() -> None:
    assert verdict((check("receiver", wanted()),)).state == "warn"


def test_its_document_holds_what_it_told() -> None:
    report = told(spans=9, passed_on=PassedOn(("http://c:4318",), sent=3, trouble="HTTP 503"))

    document = receiver_document(wanted(report), report)

    assert (document.url, document.working, document.spans) == (URL, True, 9)
    assert document.passed_on is not None
    assert (document.passed_on.sent, document.passed_on.problem) == (3, "HTTP 503")


async def test_the_page_and_the_api_show_it(client: Client, archive: Archive) -> None:
    engine = archive._engine
    HeartbeatWriter(engine).write("receiver-here-4318", told(spans=9, passed_on=PassedOn(("http://c:4318",))).heartbeat)

    found = await ask(client, "getHealth")
    assert [(one["url"], one["working"], one["spans"]) for one in found["receivers"]] == [(URL, True, 9)]
    assert [one["title"] for one in found["checks"] if one["name"] == "receiver"] == [
        f"Spans of backends are received on {URL}"
    ]
    answer = await client.get("/health")
    assert f"Spans of backends are received on {URL}" in await answer.text()
