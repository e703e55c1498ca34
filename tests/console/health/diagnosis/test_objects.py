"""What is said of recordings in a bucket or a folder: where they go, and what is in the way."""

from typing import Any

import pytest

from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthFacts
from relayproxy.console.health.reachability import CheckState
from relayproxy.store.read.health.heartbeat import RecordingsHeartbeat
from tests.console.health.known import NOW, check, expect, facts, report

PLACE = "s3://calls/eu"


def told(**known: Any) -> HealthFacts:
    return facts(report(recordings=RecordingsHeartbeat(**known)))


def away(seconds: int, **known: Any) -> HealthFacts:
    return told(problem=f"{PLACE} does not answer", problem_at=NOW - seconds * SECOND, **known)


@pytest.mark.parametrize(
    ("found", "state", "title", "action"),
    [
        (told(), "ok", "Recordings of calls that are over stay in the database", ""),
        (told(place=PLACE), "ok", f"Recordings of calls that are over go to {PLACE}", ""),
        (told(deletions=3), "ok", "Recordings stay in the database", ""),
        (away(60, place=PLACE), "warn", "For 60 s no recording has been moved", "See to the place that it names"),
        (away(3600, place=PLACE), "bad", "For 60 min no recording has been moved", "goes on by itself"),
        (away(60), "warn", "For 60 s no recording has been deleted where it was moved to", "See to the place"),
        (facts(report(recordings=None)), "unknown", "Where recordings lie is not known", ""),
    ],
)
def test_where_recordings_go_is_said(found: HealthFacts, state: CheckState, title: str, action: str) -> None:
    expect("objects", found, state, title, action)


def test_what_waits_is_told() -> None:
    known = {"place": PLACE, "waiting": 3, "waiting_since": NOW - 7200 * SECOND, "deletions": 1}
    met = check("objects", away(7200, **known))

    assert met.detail == (
        "s3://calls/eu does not answer. Calls are recorded all the same and stay in the database; recordings that lie "
        "elsewhere cannot be read until it answers. 3 parts wait to be moved, the first for 2 h; 1 object is to be "
        "deleted there."
    )


def test_of_several_recorders_the_one_in_trouble_is_told_of() -> None:
    well = report(recordings=RecordingsHeartbeat(PLACE, moved=7))
    ill = report(process="recorder:there:1-1", recordings=RecordingsHeartbeat(PLACE, problem="x", problem_at=NOW))

    assert check("objects", facts(well, ill)).state == "warn"
    assert "7 parts were moved" in check("objects", facts(report(recordings=RecordingsHeartbeat(PLACE)), well)).detail


def test_recorders_that_disagree_where_recordings_go_are_told_of() -> None:
    one = report(recordings=RecordingsHeartbeat(PLACE))
    other = report(process="recorder:there:1-1", recordings=RecordingsHeartbeat(None))

    met = check("objects", facts(one, other))

    assert (met.state, met.title) == ("warn", "Recorders have different places for recordings")
    assert f"Their settings say {PLACE} and the database." in met.detail
    assert check("objects", facts(one, one)).state == check("objects", facts(other, other)).state == "ok"
