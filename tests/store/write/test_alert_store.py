"""Firings, what is told of them and silences, by several consoles at once, on either kind of database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import open_engine
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write import alert_store
from relayproxy.store.write.alert_store import (
    AlertRow,
    Delivery,
    DeliveryCounts,
    Firing,
    Silence,
    alerts_before,
    claim,
    deliveries_of,
    delivery_counts,
    due,
    end_silence,
    keep_alert,
    open_alert,
    open_alerts,
    put_silence,
    resolve_alert,
    settle,
    silences,
    tell_now,
)
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deletion import Deletion
from tests.store.build import NOON, session


def firing(rule: str = "slow", **known: Any) -> Firing:
    made = Firing(rule, "p95_latency", "warning", "sales", NOON, 3.1, 2.5, 600.0, 45, "s1", "p95 is 3.1 s")
    return replace(made, **known)


@pytest.fixture
def writers(engine: Engine, url: str) -> Iterator[tuple[AnnotationWriter, ...]]:
    """Those of four consoles."""
    made = tuple(AnnotationWriter(open_engine(url, create=False)) for _ in range(4))
    yield made
    for writer in made:
        writer.close()


@pytest.fixture
def writer(writers: tuple[AnnotationWriter, ...]) -> AnnotationWriter:
    return writers[0]


def opened(queries: Queries, rule: str = "slow") -> AlertRow:
    return open_alerts(queries)[rule]


def told(queries: Queries, now: int = NOON) -> list[tuple[str, str]]:
    return [(delivery.event, delivery.webhook) for delivery, _ in due(queries, now, 100)]


def test_of_consoles_that_see_the_same_one_opens_it(writers: tuple[AnnotationWriter, ...], queries: Queries) -> None:
    with ThreadPoolExecutor(len(writers)) as threads:
        found = list(threads.map(lambda writer: open_alert(writer, firing(), ["ops", "chat"]), writers))

    assert sorted(found) == [False, False, False, True]
    assert sorted(told(queries)) == [("trigger", "chat"), ("trigger", "ops")]
    assert (opened(queries).worst, opened(queries).resolved_at) == (3.1, None)


def test_of_consoles_that_see_it_end_one_ends_it(writers: tuple[AnnotationWriter, ...], queries: Queries) -> None:
    open_alert(writers[0], firing(), ["ops"])
    id = opened(queries).id
    with ThreadPoolExecutor(len(writers)) as threads:
        found = list(threads.map(lambda writer: resolve_alert(writer, id, NOON + 5, "well"), writers))

    assert sorted(found) == [False, False, False, True]
    assert open_alerts(queries) == {}
    assert open_alert(writers[0], firing(opened_at=NOON + 9), [])
    (newest, older), more = alerts_before(queries, 2)
    assert (newest.opened_at, older.resolved_at, older.resolved_because, more) == (NOON + 9, NOON + 5, "well", None)
    assert newest.key != older.key


def test_of_consoles_that_would_tell_one_makes_the_attempt(
    writers: tuple[AnnotationWriter, ...], queries: Queries
) -> None:
    open_alert(writers[0], firing(), ["ops"])
    ((delivery, _),) = due(queries, NOON, 10)
    with ThreadPoolExecutor(len(writers)) as threads:
        found = list(threads.map(lambda writer: claim(writer, delivery, NOON + 30), writers))

    assert sorted(found) == [False, False, False, True]
    assert told(queries, NOON + 29) == []
    # Its maker has died: another one makes it anew.
    assert told(queries, NOON + 30) == [("trigger", "ops")]


def test_that_it_is_over_is_told_after_that_it_began(writer: AnnotationWriter, queries: Queries) -> None:
    open_alert(writer, firing(), ["ops", "chat"])
    first = {delivery.webhook: delivery for delivery, _ in due(queries, NOON, 10)}
    settle(writer, first["ops"], "sent", "answered 200", NOON + 1, NOON + 1)
    settle(writer, first["chat"], "pending", "answered 503", NOON + 1, NOON + 60)
    resolve_alert(writer, opened(queries).id, NOON + 2, "well")

    assert told(queries, NOON + 2) == [("resolve", "ops")]
    settle(writer, first["chat"], "failed", "answered 503", NOON + 60, NOON + 60)
    assert sorted(told(queries, NOON + 60)) == [("resolve", "chat"), ("resolve", "ops")]
    assert delivery_counts(queries, NOON) == DeliveryCounts(1, 0, "answered 503", ("chat",))
    ops = next(delivery for delivery, _ in due(queries, NOON + 60, 10) if delivery.webhook == "ops")
    assert claim(writer, ops, NOON + 90)
    settle(writer, ops, "pending", "no answer within 10 s", NOON + 61, NOON + 90)
    assert delivery_counts(queries, NOON) == DeliveryCounts(1, 1, "no answer within 10 s", ("ops", "chat"))


def test_what_is_settled_stays_so(writer: AnnotationWriter, queries: Queries) -> None:
    open_alert(writer, firing(), ["ops"])
    ((delivery, alert),) = due(queries, NOON, 10)
    settle(writer, delivery, "sent", "answered 200", NOON + 1, NOON + 1)
    settle(writer, delivery, "failed", "late", NOON + 2, NOON + 2)

    assert not claim(writer, delivery, NOON + 30)
    assert deliveries_of(queries, [alert.id]) == {
        alert.id: (Delivery(alert.id, "trigger", "ops", "sent", 0, NOON + 1, NOON + 1, "answered 200"),)
    }
    assert delivery_counts(queries, NOON) == DeliveryCounts()


def test_what_it_has_come_to_is_kept_while_it_is_open(writer: AnnotationWriter, queries: Queries) -> None:
    open_alert(writer, firing(), [])
    id = opened(queries).id
    keep_alert(writer, id, 4.5, NOON + 3)
    assert (opened(queries).worst, opened(queries).well_since) == (4.5, NOON + 3)
    resolve_alert(writer, id, NOON + 9, "few")
    keep_alert(writer, id, 9.9, None)
    assert alerts_before(queries, 1)[0][0].worst == 4.5


def test_those_are_told_later_that_were_not_while_it_was_silenced(writer: AnnotationWriter, queries: Queries) -> None:
    open_alert(writer, firing(), ["ops"])
    id = opened(queries).id
    tell_now(writer, id, ["ops", "chat"], NOON + 1)

    assert sorted(told(queries, NOON + 1)) == [("trigger", "chat"), ("trigger", "ops")]
    resolve_alert(writer, id, NOON + 2, "well")
    tell_now(writer, id, ["late"], NOON + 3)
    assert ("trigger", "late") not in told(queries, NOON + 3)


def test_a_silence_ends_by_itself_or_by_hand(writer: AnnotationWriter, queries: Queries) -> None:
    put_silence(writer, Silence("slow", NOON, NOON + 10, "alice"))
    put_silence(writer, Silence("slow", NOON, NOON + 20, "bob"))

    assert silences(queries, NOON + 15) == {"slow": Silence("slow", NOON, NOON + 20, "bob")}
    assert silences(queries, NOON + 20) == {}
    assert end_silence(writer, "slow", NOON + 15)
    assert not end_silence(writer, "slow", NOON + 15)


def test_a_session_that_is_erased_is_no_example_any_more(
    writer: AnnotationWriter, archive: Archive, engine: Engine, queries: Queries
) -> None:
    archive.commit(Batch(sessions=(session("s1", ended_at=NOON + 1),)))
    open_alert(writer, firing(), [])
    with engine.begin() as db:
        Deletion("s1", whole=True, erasure=None).work(db, lambda: False)

    assert opened(queries).example is None


def test_old_firings_go_and_open_ones_stay(
    writer: AnnotationWriter, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_store, "KEPT", 3)
    open_alert(writer, firing("stays"), ["ops"])
    for at in range(6):
        open_alert(writer, firing("slow", opened_at=NOON + at), ["ops"])
        resolve_alert(writer, opened(queries).id, NOON + at, "well")
    open_alert(writer, firing("slow", opened_at=NOON + 6), ["ops"])

    found, cursor = alerts_before(queries, 100)
    assert [(row.rule, row.opened_at - NOON) for row in found] == [("slow", at) for at in (6, 5, 4)] + [("stays", 0)]
    assert cursor is None
    first, cursor = alerts_before(queries, 2)
    assert alerts_before(queries, 2, cursor)[0] == found[2:]
    assert {delivery.alert for delivery, _ in due(queries, NOON + 99, 100)} <= {row.id for row in found}
    assert len(first) == 2
