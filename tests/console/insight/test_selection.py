"""Which calls a summary covers, and for how long it is given again."""

import asyncio
import threading
import time

import pytest

from relayproxy.console.insight import selection as module
from relayproxy.console.insight.selection import SummaryCache, selection, summary_cache_of, together, without_times
from relayproxy.store.read.insight.figures import Reach
from relayproxy.store.read.insight.numbers import Numbers
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.annotations import add_note, add_tag, delete_note, remove_tag
from relayproxy.store.write.archive import Archive
from tests.console.insight.conftest import Ask
from tests.console.insight.recorded import call
from tests.patience import PATIENCE


async def test_without_a_time_it_is_the_last_week_else_all_there_is(archive: Archive, ask: Ask) -> None:
    call(archive, "old", 24 * 30, [500])
    found = await ask()
    assert (found["range"]["span"], found["calls"]["matching"]) == ("all", 1)

    call(archive, "new", 1, [700])
    # A summary is given again for some seconds, so another question shows it.
    found = await ask(by="route")
    assert (found["range"]["span"], found["calls"]["matching"]) == ("week", 1)
    found = await ask(q="since:90d")
    assert (found["range"]["span"], found["calls"]["matching"]) == ("given", 2)


async def test_who_begins_sees_the_time_since_the_first_call(archive: Archive, ask: Ask) -> None:
    call(archive, "first", 0.02, [500])
    call(archive, "second", 0.01, [700])

    found = await ask()

    assert (found["range"]["span"], found["calls"]["matching"], found["step_s"]) == ("first", 2, 15)
    assert 60 <= len(found["over_time"]) <= 62
    assert sum(step["response_latency_ms"]["n"] for step in found["over_time"]) == 2

    call(archive, "earlier", 20, [700])
    found = await ask(by="route")
    assert (found["range"]["span"], found["step_s"]) == ("first", 1800)
    assert 40 <= len(found["over_time"]) <= 42


async def test_values_are_compared_over_the_same_time(archive: Archive, ask: Ask) -> None:
    call(archive, "early", 20, [500], route="bookings")
    call(archive, "late", 2, [700])

    found = await ask(a="route:bookings", b="-route:bookings")

    assert found["a"]["range"] == found["b"]["range"]
    assert found["a"]["over_time"][0]["at"] == found["b"]["over_time"][0]["at"]


async def test_tags_and_notes_show_although_no_call_comes(
    archive: Archive, ask: Ask, queries: Queries, writer: AnnotationWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FRESH", 0.0)
    an_hour_ago = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600))
    for id in ("a", "b"):
        call(archive, id, 2, [100])

    async def matching(q: str) -> int:
        # A range that does not move with the clock: nothing but what people write changes the answer.
        return int((await ask(q=f"{q} since:2020-01-01 until:{an_hour_ago}"))["calls"]["matching"])

    assert [await matching("tag:urgent"), await matching("is:noted")] == [0, 0]
    add_tag(writer, "a", "urgent")
    note = add_note(writer, "a", "kim", "Called back.")
    assert [await matching("tag:urgent"), await matching("is:noted")] == [1, 1]
    remove_tag(writer, "a", "urgent")
    add_tag(writer, "b", "later")
    assert [await matching("tag:urgent"), await matching("tag:later")] == [0, 1]
    assert note
    delete_note(writer, "a", note.id)
    assert await matching("is:noted") == 0


async def test_one_summary_is_made_for_all_who_ask(archive: Archive, ask: Ask, queries: Queries) -> None:
    call(archive, "a", 30 * 24, [100])
    range_of_old = "since:2020-01-01 until:2026-01-01"
    first = await ask(q=range_of_old)
    call(archive, "b", 1, [100])
    assert await ask(q=range_of_old) == first


def test_the_other_filter_s_time_replaces_that_of_the_first() -> None:
    now = 20_000 * 86_400 * 10**9
    chosen = selection("route:a since:2h", "until:7d", now)
    assert chosen.criteria.since is None
    assert chosen.criteria.until == now - 7 * 86_400 * 10**9
    assert without_times('route:a since:2h "since we spoke" on:today -tag:"to do"') == (
        'route:a "since we spoke" -tag:"to do"'
    )


def test_the_same_question_a_moment_later_is_the_same_question() -> None:
    one, other, later = (selection("route:a", now=now) for now in (10**18 + 1, 10**18 + 10**9, 10**18 + 11 * 10**9))

    assert one.key == other.key
    assert one.key != later.key
    assert one.until >= 10**18 + 1


def test_a_range_ends_now_at_the_latest() -> None:
    chosen = selection("until:2096-01-01", now=10**18)

    assert (chosen.until, chosen.timed) == (10**18, True)
    assert not selection("route:a", now=10**18).timed


def test_what_is_wrong_on_either_side_is_told() -> None:
    chosen = selection("rout:a route:b", "turns:many", now=10**18)

    assert [one.token for one in chosen.problems] == ["rout:a", "turns:many"]
    assert [one.field for one in chosen.criteria.every] == ["route"]


def test_ranges_that_begin_with_the_first_call_begin_together(queries: Queries) -> None:
    numbers = Numbers(queries, selection("").criteria)
    reaches = [Reach(1, 1, since, 100, 1, since) for since in (30, 10, 5)]

    found = together([(numbers, reaches[0], "first"), (numbers, reaches[1], "first"), (numbers, reaches[2], "given")])

    assert [reach.since for _, reach, _ in found] == [10, 10, 5]


async def test_who_asks_while_an_answer_is_made_gets_that_one(archive: Archive, queries: Queries) -> None:
    made, go = [], threading.Event()

    def make() -> int:
        go.wait(PATIENCE)
        made.append(1)
        return len(made)

    cache = SummaryCache()
    asked = [asyncio.create_task(cache.of("key", queries, make)) for _ in range(3)]
    await asyncio.sleep(0)
    go.set()

    assert await asyncio.gather(*asked) == [1, 1, 1]
    assert await cache.of("other", queries, make) == 2


async def test_an_answer_that_failed_is_made_again(archive: Archive, queries: Queries) -> None:
    def fail() -> int:
        raise ZeroDivisionError

    cache = SummaryCache()
    with pytest.raises(ZeroDivisionError):
        await cache.of("key", queries, fail)

    assert await cache.of("key", queries, lambda: 1) == 1


def test_a_database_has_one_memory(queries: Queries) -> None:
    assert summary_cache_of(queries) is summary_cache_of(queries)
