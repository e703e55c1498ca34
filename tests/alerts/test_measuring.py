"""What each kind of rule measures, and when it says that it does not know."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from relayproxy.alerts.measuring import FRESH, disk, is_current, measure, recorder_behind, waiting
from relayproxy.alerts.rules import SECOND, UNKNOWN, Measured, Rule
from relayproxy.settings.alerts import Alert
from relayproxy.store.read.health.heartbeat import HeartbeatWriter, JournalHeartbeat
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.telemetry.metrics.metrics import WAITING
from tests.console.health.known import DATABASE, GIB, NOW, heartbeat, report
from tests.store.build import session, turn
from tests.store.kinds import SQLITE

ALIVE = (JournalHeartbeat("j1", True, 1, 10, 0),)
GONE = (JournalHeartbeat("j1", False, 1, 10, 0),)


def waits(*points: tuple[str, float]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({WAITING.name: [[[route], value, []] for route, value in points]}))


def test_numbers_over_calls_are_known_while_recorders_keep_up() -> None:
    assert is_current([report()], NOW)
    assert is_current([report(), report(ended=True, ago=9000)], NOW)
    assert not is_current([], NOW)
    assert not is_current([report(ago=FRESH + 1)], NOW)
    assert not is_current([report(lag_ms=61_000)], NOW)


@pytest.mark.parametrize(
    ("reports", "behind"),
    [
        ([report(ago=1, lag_ms=40)], Measured(1.0)),
        ([report(ago=1, lag_ms=90_000)], Measured(90.0)),
        ([report(ago=1), report(ago=700)], Measured(700.0)),
        ([report(ago=1), report(ago=700, ended=True, journals=GONE)], Measured(1.0)),
        ([report(ago=1), report(ago=700, ended=True, journals=ALIVE)], Measured(700.0)),
        ([report(ago=90_000)], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_a_recorder_is_behind_by_its_lag_or_its_silence(reports: Any, behind: Measured) -> None:
    assert recorder_behind(reports, NOW) == behind


def test_the_fullest_disk_counts() -> None:
    full = replace(DATABASE, free=5 * GIB)

    assert disk([report(disk_free=25, disk_total=100)], DATABASE, NOW) == Measured(0.75)
    assert disk([report(disk_free=25, disk_total=100)], full, NOW) == Measured(0.95)
    assert disk([report(ago=99)], None, NOW) == UNKNOWN


def test_who_waits_longest_counts_on_a_route_or_anywhere() -> None:
    told = [report(metrics=waits(("default", 3.0), ("sales", 12.5))), report(metrics=waits(("default", 4.0)))]

    assert waiting(told, None, NOW) == Measured(12.5)
    assert waiting(told, "default", NOW) == Measured(4.0)
    assert waiting(told, "none", NOW) == Measured(0.0)
    assert waiting([report(metrics=msgspec.Raw(b'"other"'))], None, NOW) == UNKNOWN


def rules(**alerts: dict[str, Any]) -> list[Rule]:
    return [Rule(name, Alert(**{"above": 0.5, **known})) for name, known in alerts.items()]


def test_all_kinds_are_measured_together(engine: Engine, archive: Archive, queries: Queries) -> None:
    every = rules(
        slow={"kind": "p95_latency"},
        failing={"kind": "failure_rate"},
        gaps={"kind": "gaps"},
        quiet={"kind": "no_calls"},
        idle={"kind": "no_calls", "route": "sales"},
        behind={"kind": "recorder_behind"},
        waiting={"kind": "waiting"},
    )
    assert {name: one.absent for name, one in measure(queries, every, NOW).items()} == dict.fromkeys(
        ("slow", "failing", "gaps", "quiet", "idle", "behind", "waiting"), "unknown"
    )

    beat = HeartbeatWriter(engine)
    beat.write("recorder:here", heartbeat(lag_ms=2000, metrics=waits(("default", 7.0))), NOW)
    begun = NOW - 60 * SECOND
    call = session("s1", started_at=begun, ended_at=NOW - SECOND, studio_transition="failed", gaps=2)
    archive.commit(Batch(sessions=(call,), turns=(turn("s1", 0, started_at=begun),), turn_counts=(("s1", 1),)))

    assert measure(queries, every, NOW) == {
        "slow": Measured(0.75, 1, session="s1"),
        "failing": Measured(1.0, 1, session="s1"),
        "gaps": Measured(2, 1, session="s1"),
        "quiet": Measured(60.0),
        "idle": UNKNOWN,
        "behind": Measured(2.0),
        "waiting": Measured(7.0),
    }
    later = measure(queries, every, NOW + 2 * 3600 * SECOND)
    assert later["slow"] == later["quiet"] == UNKNOWN
    assert later["behind"] == Measured(7200.0)


def test_of_callers_who_wait_the_one_who_waits_longest_is_shown(
    engine: Engine, archive: Archive, queries: Queries
) -> None:
    HeartbeatWriter(engine).write("recorder:here", heartbeat(metrics=waits(("default", 7.0), ("sales", 3.0))), NOW)
    since = {"s1": NOW - 3 * SECOND, "s2": NOW - 7 * SECOND, "s3": None, "s4": NOW - 9 * SECOND}
    routes = {"s1": "sales"}
    archive.commit(
        Batch(
            sessions=(
                session("damaged", route="sales", ended_at=None, detail="cannot be read"),
                *(
                    session(
                        id,
                        route=routes.get(id, "default"),
                        ended_at=NOW if id == "s4" else None,
                        detail=json.dumps({"waiting": {"since": at, "turn": 1}} if at else {}),
                    )
                    for id, at in since.items()
                ),
            )
        )
    )
    waiting = {"kind": "waiting", "above": 2.0}
    found = measure(queries, rules(all=waiting, sales={**waiting, "route": "sales"}, calm={**waiting, "above": 7}), NOW)

    assert found == {
        "all": Measured(7.0, session="s2"),
        "sales": Measured(3.0, session="s1"),
        "calm": Measured(7.0),
    }


@SQLITE
def test_the_disk_of_the_database_counts_too(engine: Engine, queries: Queries) -> None:
    (found,) = measure(queries, rules(disk={"kind": "disk"})).values()

    assert found.value is not None
    assert 0 < found.value < 1
