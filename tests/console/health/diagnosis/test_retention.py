"""What is said of retention: for how long calls are kept, and whether what is due has gone."""

from typing import Any

import msgspec
import pytest

from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthFacts
from relayproxy.console.health.reachability import CheckState
from tests.console.health.known import NOW, RETENTION, check, expect, facts, report


def told(**changes: Any) -> HealthFacts:
    return facts(report(retention=msgspec.structs.replace(RETENTION, **changes)))


@pytest.mark.parametrize(
    ("found", "state", "title", "action"),
    [
        (told(), "ok", "What was said is kept for 30 days after a call, and its numbers for 400 days", ""),
        (told(by_route={"": (0, 0)}), "ok", "What is recorded of a call is kept for ever", ""),
        (
            told(problem="database: is locked", problem_at=NOW - 60 * SECOND),
            "bad",
            "Nothing has been deleted for 60 s",
            "See to what it names",
        ),
        (told(ran_at=NOW - 5 * 3600 * SECOND), "warn", "What is due has not been deleted for 5 h", "If this stays"),
        (facts(report(retention=None)), "unknown", "For how long calls are kept is not known", ""),
    ],
)
def test_retention_is_said(found: HealthFacts, state: CheckState, title: str, action: str) -> None:
    expect("retention", found, state, title, action)


def test_what_it_did_and_each_route_are_told() -> None:
    by_route = {"": (30.0, 400.0), "sales": (7.0, 0.0)}
    met = check("retention", told(by_route=by_route, content=12, sessions=1, due=3, erasures=2))

    assert met.detail == (
        "On route sales, what was said is kept for 7 days after a call, and its numbers for ever. Last through 2 min "
        "ago; 3 calls are due. Since the recorder started, 12 calls lost what was said, 1 call went altogether. "
        "2 erasures are being carried out."
    )
