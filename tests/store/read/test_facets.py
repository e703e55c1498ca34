"""Counting values without counting everything."""

from typing import Any

import pytest

from relayproxy.store.read import facets as store
from relayproxy.store.read.facets import facets, parameters, values
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch, JournalRow, SessionLabels
from relayproxy.store.write.archive import Archive
from tests.store import build

S = 1_000_000_000


def record(archive: Archive, *made: tuple[dict[str, Any], list[tuple[str, str]]]) -> None:
    """Sessions with their labels, each a second after the one before."""
    rows = [
        build.session(
            f"s{place}", **{"started_at": build.NOON + place * S, "ended_at": build.NOON + place * S + 1, **known}
        )
        for place, (known, _) in enumerate(made)
    ]
    labels = tuple(
        SessionLabels(row.id, row.started_at, tuple(each)) for row, (_, each) in zip(rows, made, strict=True)
    )
    archive.commit(Batch(journals=(JournalRow("j1", 1, 1),), sessions=tuple(rows), labels=labels))


@pytest.fixture
def some(archive: Archive, queries: Queries) -> Queries:
    record(
        archive,
        ({"route": "a", "studio_transition": "failed"}, [("finding", "slow_turn"), ("param.plan", "gold")]),
        ({"route": "a", "studio_transition": "success"}, [("finding", "slow_turn"), ("finding", "gap")]),
        ({"route": "b", "studio_transition": "success"}, [("param.plan", "gold"), ("param.locale", "en")]),
        ({"route": "b", "studio_transition": None, "from_number": "+1415"}, [("param.plan", "silver")]),
    )
    return queries


def test_values_are_counted_most_frequent_first(some: Queries) -> None:
    found = facets(some, Criteria(), ["route", "transition", "finding", "tag", "param."])
    assert (found.sessions, found.whole) == (4, True)
    assert found.values == {
        "route": (("a", 2), ("b", 2)),
        "transition": (("success", 2), ("failed", 1)),
        "finding": (("slow_turn", 2), ("gap", 1)),
        "tag": (),
        "param.plan": (("gold", 2), ("silver", 1)),
        "param.locale": (("en", 1),),
    }


def test_a_narrowed_field_shows_what_else_there_is(some: Queries) -> None:
    failed = Criterion("transition", "=", ("failed",))
    gold = Criterion("param.plan", "=", ("gold",))
    found = facets(some, Criteria((failed, gold)), ["route", "transition", "param."])
    assert found.sessions == 1
    assert found.values["route"] == (("a", 1),)
    assert found.values["transition"] == (("failed", 1), ("success", 1))
    assert found.values["param.plan"] == (("gold", 1),)
    # Other parameters are those of the calls that match.
    silver = facets(some, Criteria((Criterion("param.plan", "=", ("silver",)),)), ["param."])
    assert silver.values == {"param.plan": (("gold", 2), ("silver", 1))}
    gold_only = facets(some, Criteria((gold,)), ["param."])
    assert gold_only.values == {"param.plan": (("gold", 2), ("silver", 1)), "param.locale": (("en", 1),)}
    both = facets(some, Criteria((gold, Criterion("param.locale", "=", ("en",)))), ["param."])
    assert both.sessions == 1
    assert both.values == {"param.plan": (("gold", 1),), "param.locale": (("en", 1),)}
    without = facets(some, Criteria((Criterion("route", "=", ("a",), negated=True),)), ["route"])
    assert without.values["route"] == (("b", 2),)


def test_only_the_newest_are_counted(some: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "NEWEST", 3)
    found = facets(some, Criteria(), ["route", "finding"])
    assert (found.sessions, found.whole) == (3, False)
    assert found.values == {"route": (("b", 2), ("a", 1)), "finding": (("gap", 1), ("slow_turn", 1))}


def test_only_so_many_are_looked_through(some: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SEEN", 1)
    all_of_them = (Criterion("turns", ">=", (0,)),)
    found = facets(some, Criteria(all_of_them), ["route"])
    assert (found.sessions, found.whole) == (2, False)
    early = facets(some, Criteria(all_of_them, until=build.NOON + 2 * S), ["route"])
    assert early.values["route"] == (("a", 2),)
    # Without a filter all that are looked through are counted.
    assert facets(some, Criteria(), ["route"]).whole


def test_values_contain_what_was_written(some: Queries, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dict(values(some, "from", "", Criteria())) == {"+15550100001": 3, "+1415": 1}
    assert values(some, "from", "415", Criteria()) == (("+1415", 1),)
    assert values(some, "finding", "SLOW", Criteria()) == (("slow_turn", 2),)
    assert values(some, "number", "+1", Criteria(), limit=1) == (("+15550100002", 4),)
    assert values(some, "route", "", Criteria((Criterion("transition", "=", ("failed",)),))) == (("a", 1),)
    assert values(some, "nonsense", "x", Criteria()) == ()
    # What is old is found by its beginning.
    monkeypatch.setattr(store, "NEWEST", 1)
    assert values(some, "finding", "s", Criteria()) == (("slow_turn", None),)
    assert values(some, "from", "+1", Criteria()) == (("+1415", 1), ("+15550100001", None))
    assert values(some, "call", "CA-", Criteria()) == (("CA-s3", 1), ("CA-s0", None), ("CA-s1", None), ("CA-s2", None))


def test_names_of_parameters(some: Queries) -> None:
    assert parameters(some) == ("param.locale", "param.plan")
    assert parameters(some, "p") == ("param.plan",)
    assert parameters(some, limit=1) == ("param.locale",)
