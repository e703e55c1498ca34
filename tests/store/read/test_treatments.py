"""Shadows and calls with injected faults: where they are left out, and how they are found."""

import pytest

from relayproxy.store.read.alert_measures import failure_rate, gaps, last_call
from relayproxy.store.read.erasures import find, sought_number, sought_session
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.handoffs import handoffs_by_route
from relayproxy.store.read.insight.numbers import Numbers
from relayproxy.store.read.latest_by_route import arrivals
from relayproxy.store.read.live import live
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.span_owners import owners_by_id
from relayproxy.store.read.treatments import call_of, shadows_of, treatments_of
from relayproxy.store.schema.rows import Batch, TreatmentRow
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, connection, session

SHADOW, FAULTS = TreatmentRow("shadow", "shadow", "call"), TreatmentRow("faulted", "faults")


@pytest.fixture
def stored(archive: Archive, queries: Queries) -> Queries:
    """A call, its shadow, which began later, failed and has gaps, a shadow that was told nothing, and a call with
    faults."""
    same = {"session_id": "VX-call", "call_sid": "CA-call"}
    archive.commit(
        Batch(
            sessions=(
                session("call", started_at=NOON, ended_at=NOON + 9, handoff="{}", handoff_reason="x"),
                session("shadow", **same, started_at=NOON + 1, ended_at=NOON + 9, studio_transition="failed", gaps=3),
                session(
                    "silent", session_id=None, call_sid=None, from_number=None, to_number=None, started_at=NOON + 1
                ),
                session("faulted", started_at=NOON + 2, studio_transition="failed", gaps=1),
            ),
            connections=(connection("call", session="call"), connection("shadow", session="shadow")),
            treatments=(SHADOW, TreatmentRow("silent", "shadow", "call"), FAULTS),
        )
    )
    return queries


def listed(queries: Queries, *states: str) -> list[str]:
    every = (Criterion("is", "=", states),) if states else ()
    return [row.id for row in queries.sessions(criteria=Criteria(every)).sessions]


def test_lists_have_shadows_only_where_they_are_asked_for(stored: Queries) -> None:
    assert listed(stored) == ["faulted", "call"]
    assert sorted(listed(stored, "shadow")) == ["shadow", "silent"]
    assert listed(stored, "faulted") == ["faulted"]
    assert [row.id for row in stored.sessions_of_call("CA-call")] == ["call"]
    assert [row.id for row in stored.sessions_with_id("VX-call")] == ["call"]
    found = stored.session("VX-call")
    assert found is not None
    assert found.session.id == "call"


def test_figures_and_alerts_count_neither(stored: Queries) -> None:
    assert Numbers(stored, Criteria()).reach().matching == 1
    asked = Criteria((Criterion("is", "=", ("faulted",)),))
    assert Numbers(stored, asked).reach().matching == 1
    assert (failure_rate(stored, NOON, None).value, gaps(stored, NOON, None).value) == (0.0, 0.0)
    assert last_call(stored, None) == NOON


def test_a_route_was_called_by_its_calls_alone_and_a_shadow_is_no_live_call(stored: Queries) -> None:
    assert arrivals(stored)["default"].session.id == "faulted"
    assert live(stored, 10)[1] == 1
    assert handoffs_by_route(stored) == {"default": ("{}",)}
    with stored.reading() as db:
        assert [owner.session for owner in owners_by_id(db, ["CA-call"])["CA-call"]] == ["call"]


def test_each_finds_the_other(stored: Queries) -> None:
    assert treatments_of(stored, ["call", "shadow", "faulted"]) == {"shadow": SHADOW, "faulted": FAULTS}
    assert [row.id for row in shadows_of(stored, "call")] == ["shadow", "silent"]
    assert shadows_of(stored, "shadow") == ()
    assert (call_of(stored, "call"), call_of(stored, "gone")) == ("call", None)


def test_an_erasure_of_a_call_means_its_shadows_and_one_of_a_shadow_itself_alone(stored: Queries) -> None:
    with stored.reading() as db:
        for sought in (sought_session("call"), sought_session("VX-call"), sought_session("CA-call")):
            assert find(db, sought, NOON + 99).sessions == 3
        assert find(db, sought_session("shadow"), NOON + 99).sessions == 1
        assert find(db, sought_number("+15550100001"), NOON + 99).sessions == 4


def test_a_session_that_goes_takes_its_row_along(archive: Archive, stored: Queries) -> None:
    archive.commit(Batch(dropped_sessions=("shadow",)))
    assert treatments_of(stored, ["shadow"]) == {}
