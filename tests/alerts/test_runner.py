"""Alerts as a whole, on either kind of database: they fire once, are told once, and are over, whatever the endpoint
does and however often consoles are started."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from sqlalchemy import Engine

from relayproxy.alerts import measuring, runner, webhooks
from relayproxy.alerts.runner import AlertRunner, Plan, plan_of, send_test
from relayproxy.alerts.webhooks import new_client
from relayproxy.settings.alerts import Alert, Endpoint
from relayproxy.settings.model import Settings
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.alert_store import Silence, alerts_before, deliveries_of, put_silence
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console.health.known import heartbeat
from tests.patience import PATIENCE
from tests.store.build import session, turn

SECRET, WORDS, NUMBER = "nightingale-secret", "nightingale-words", "+15550100001"
SLOW = {"slow": Alert(kind="p95_latency", above=2.0, min_samples=1, resolve_after=0)}


class Hook:
    """The other end of a webhook: answers as it is told to, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(json.loads(await request.read()))
        self.arrived.set()
        await self.gate.wait()
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return web.Response(status=status, headers=headers, text=WORDS)

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(one["alert"], one["event"]) for one in self.got]

    def endpoint(self, name: str = "ops") -> Endpoint:
        return Endpoint(name, "generic", self.url, SECRET)


@pytest.fixture
async def hook(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hook]:
    # However busy the machine is, no thread is left that uses the database of a test that is over.
    monkeypatch.setattr(runner, "STOPPING", 60.0)
    hook = Hook()
    app = web.Application()
    app.router.add_post(f"/{SECRET}", hook.take)
    async with TestServer(app) as server:
        hook.url = str(server.make_url(f"/{SECRET}"))
        yield hook
        hook.gate.set()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_client() as client:
        yield client


Calls = Callable[..., None]


@pytest.fixture
def calls(engine: Engine, archive: Archive) -> Calls:
    """Records a call with answers of so many milliseconds, in which much was said, and a recorder that works."""
    beats = HeartbeatWriter(engine)

    def record(id: str, *latencies: int) -> None:
        now = time.time_ns()
        beats.write("recorder:here", heartbeat(), now)
        said = {"caller_text": WORDS, "agent_text": WORDS}
        turns = [turn(id, at, started_at=now, response_latency_ms=ms, **said) for at, ms in enumerate(latencies)]
        call = session(id, started_at=now, from_number=NUMBER)
        archive.commit(Batch(sessions=(call,), turns=tuple(turns), turn_counts=((id, len(turns)),)))

    return record


def runner_on(queries: Queries, writer: AnnotationWriter, *endpoints: Endpoint, **alerts: Alert) -> AlertRunner:
    plan = Plan(alerts or SLOW, {one.name: one for one in endpoints}, "https://console.example.com")
    return AlertRunner(plan, queries, writer)


async def test_it_fires_once_is_told_once_and_is_over(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, client: aiohttp.ClientSession
) -> None:
    one = runner_on(queries, writer, hook.endpoint())
    calls("s1", 3100)
    for _ in range(3):
        await one.evaluate()
        await one.deliver(client)
    assert hook.events == [("slow", "trigger")]
    assert hook.got[0]["summary"] == "p95 response latency: 3.1 s, above 2 s (10 min, 1 answer)"
    assert hook.got[0]["session_url"] == "https://console.example.com/sessions/s1"

    calls("s2", *[100] * 30)
    for _ in range(2):
        await one.evaluate()
        await one.deliver(client)
    assert hook.events == [("slow", "trigger"), ("slow", "resolve")]
    assert hook.got[0]["dedup_key"] == hook.got[1]["dedup_key"]
    assert hook.got[1]["resolved_because"] == "all is well again"


async def test_a_console_that_is_started_anew_neither_loses_nor_repeats_it(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, client: aiohttp.ClientSession
) -> None:
    calls("s1", 3100)
    first = runner_on(queries, writer, hook.endpoint())
    await first.evaluate()
    await first.give_up()
    for _ in range(3):
        another = runner_on(queries, writer, hook.endpoint())
        await another.evaluate()
        await another.deliver(client)
        await another.give_up()
    assert hook.events == [("slow", "trigger")]

    calls("s2", *[100] * 30)
    another = runner_on(queries, writer, hook.endpoint())
    await another.evaluate()
    await another.deliver(client)
    assert hook.events == [("slow", "trigger"), ("slow", "resolve")]


async def test_of_several_consoles_one_tells(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, client: aiohttp.ClientSession
) -> None:
    calls("s1", 3100)
    several = [runner_on(queries, writer, hook.endpoint()) for _ in range(4)]
    await asyncio.gather(*(one.evaluate() for one in several))
    await asyncio.gather(*(one.deliver(client) for one in several))

    assert hook.events == [("slow", "trigger")]
    assert sum(one.attempts["ops", "sent"] for one in several) == 1
    assert all(one.measured["slow"].value == 3.1 for one in several)


async def test_consoles_that_are_set_otherwise_do_not_take_back_what_another_one_tells(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, client: aiohttp.ClientSession
) -> None:
    calls("s1", 3100)
    first = runner_on(queries, writer, hook.endpoint())
    higher = {"slow": SLOW["slow"].model_copy(update={"above": 9.0})}
    others = [runner_on(queries, writer, **higher), runner_on(queries, writer, full=Alert(kind="disk", above=0.9999))]
    for _ in range(2):
        for one in (first, *others):
            await one.evaluate()
            await one.deliver(client)
    assert hook.events == [("slow", "trigger")]

    await first.give_up()
    for one in (*others, first):
        await one.evaluate()
    assert [row.resolved_because for row in alerts_before(queries, 10)[0]] == ["well"]


async def test_when_the_console_that_tells_has_died_another_one_does(
    hook: Hook,
    calls: Calls,
    queries: Queries,
    writer: AnnotationWriter,
    client: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls("s1", 3100)
    dies, lives = (runner_on(queries, writer, hook.endpoint()) for _ in range(2))
    await dies.evaluate()
    await lives.evaluate()
    await lives.deliver(client)
    assert hook.events == []

    later = time.time_ns() + round(runner.LEASE * 1e9)
    monkeypatch.setattr(time, "time_ns", lambda: later)
    await lives.evaluate()
    await lives.deliver(client)
    await dies.deliver(client)
    assert hook.events == [("slow", "trigger")]


async def test_what_is_refused_is_tried_again_and_then_given_up(
    hook: Hook,
    calls: Calls,
    queries: Queries,
    writer: AnnotationWriter,
    client: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(webhooks, "PAUSES", (0.0, 0.0, 0.0))
    hook.answers = [(401, {}), (413, {}), (503, {}), (429, {})]
    calls("s1", 3100)
    one = runner_on(queries, writer, hook.endpoint())
    await one.evaluate()
    for _ in range(6):
        await one.deliver(client)

    assert len(hook.got) == 4
    assert len({got["id"] for got in hook.got}) == 1
    ((row,), _) = alerts_before(queries, 10)
    ((delivery,),) = deliveries_of(queries, [row.id]).values()
    assert (delivery.state, delivery.attempts, delivery.answer) == ("failed", 4, "answered 429")
    assert one.attempts == {("ops", "sent"): 0, ("ops", "failed"): 3, ("ops", "dropped"): 1}
    assert [record.message for record in caplog.records if "webhook" in record.message] == [
        "webhook ops does not take alerts: answered 401"
    ]


async def test_a_pause_that_was_asked_for_is_made(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, client: aiohttp.ClientSession
) -> None:
    hook.answers = [(429, {"Retry-After": "900"})]
    calls("s1", 3100)
    one = runner_on(queries, writer, hook.endpoint())
    await one.evaluate()
    await one.deliver(client)

    ((row,), _) = alerts_before(queries, 10)
    ((delivery,),) = deliveries_of(queries, [row.id]).values()
    assert (delivery.state, delivery.next_at - delivery.at) == ("pending", 900_000_000_000)


async def test_an_endpoint_that_hangs_holds_up_no_other_and_no_stop(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Hook()
    app = web.Application()
    app.router.add_post("/", other.take)
    calls("s1", 3100)
    monkeypatch.setattr(webhooks, "TIMEOUT", 2 * PATIENCE)
    hook.gate.clear()
    async with TestServer(app) as server:
        other.url = str(server.make_url("/"))
        one = runner_on(queries, writer, hook.endpoint("hangs"), other.endpoint("works"))
        async with asyncio.timeout(PATIENCE), one.running(0.05, 0.05):
            await asyncio.gather(hook.arrived.wait(), other.arrived.wait())

    assert hook.events == other.events == [("slow", "trigger")]
    ((row,), _) = alerts_before(queries, 10)
    states = {one.webhook: (one.state, one.attempts) for one in deliveries_of(queries, [row.id])[row.id]}
    assert states["hangs"] == ("pending", 1)


async def test_an_endpoint_that_hangs_holds_up_nothing_that_comes_later_either(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Hook()
    app = web.Application()
    app.router.add_post("/", other.take)
    monkeypatch.setattr(webhooks, "TIMEOUT", 2 * PATIENCE)
    hook.gate.clear()
    async with TestServer(app) as server:
        other.url = str(server.make_url("/"))
        one = runner_on(queries, writer, hook.endpoint("hangs"), other.endpoint("works"))
        async with asyncio.timeout(PATIENCE), one.running(0.05, 0.05):
            calls("s1", 3100)
            await asyncio.gather(hook.arrived.wait(), other.arrived.wait())
            other.arrived.clear()
            calls("s2", *[100] * 30)
            await other.arrived.wait()

    assert other.events == [("slow", "trigger"), ("slow", "resolve")]


async def test_one_that_is_silenced_is_kept_and_told_once_the_silence_is_over(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, client: aiohttp.ClientSession
) -> None:
    calls("s1", 3100)
    one, now = runner_on(queries, writer, hook.endpoint()), time.time_ns()
    put_silence(writer, Silence("slow", now, now + 3_600_000_000_000, "alice"))
    await one.evaluate()
    await one.evaluate()
    await one.deliver(client)
    assert hook.events == []
    assert [row.rule for row in alerts_before(queries, 10)[0]] == ["slow"]

    put_silence(writer, Silence("slow", now, now, "alice"))
    await one.evaluate()
    await one.deliver(client)
    assert hook.events == [("slow", "trigger")]


async def test_a_rule_that_is_gone_from_the_settings_is_over(
    hook: Hook, calls: Calls, queries: Queries, writer: AnnotationWriter, client: aiohttp.ClientSession
) -> None:
    calls("s1", 3100)
    first = runner_on(queries, writer, hook.endpoint())
    await first.evaluate()
    await first.give_up()
    other = runner_on(queries, writer, hook.endpoint(), other=Alert(kind="disk", above=0.9999))
    await other.evaluate()
    await other.deliver(client)
    await other.deliver(client)

    assert hook.events == [("slow", "trigger"), ("slow", "resolve")]
    assert hook.got[1]["resolved_because"] == "the rule is gone"


async def test_no_secret_no_word_and_no_number_of_anyone_is_told_or_logged(
    hook: Hook,
    calls: Calls,
    queries: Queries,
    writer: AnnotationWriter,
    client: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "relayproxy")
    calls("s1", 3100)
    hook.answers = [(503, {})]
    nobody = Endpoint("nobody", "generic", f"http://127.0.0.1:{unused_port()}/{SECRET}", SECRET)
    one = runner_on(queries, writer, hook.endpoint(), nobody)
    await one.evaluate()
    await one.deliver(client)

    ((row,), _) = alerts_before(queries, 10)
    everything = [json.dumps(hook.got), caplog.text, repr(row), repr(deliveries_of(queries, [row.id]))]
    assert len(hook.got) == 1
    assert "does not take alerts" in caplog.text
    for text in everything:
        for canary in (SECRET, WORDS, NUMBER, NUMBER.lstrip("+")):
            assert canary not in text


async def test_what_goes_wrong_is_logged_once_and_does_not_end_it(
    hook: Hook,
    calls: Calls,
    queries: Queries,
    writer: AnnotationWriter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls("s1", 3100)
    failures = [RuntimeError("odd")] * 3

    def sometimes(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return measuring.measure(*arguments)

    monkeypatch.setattr(runner, "measure", sometimes)
    async with asyncio.timeout(PATIENCE), runner_on(queries, writer, hook.endpoint()).running(0.01, 0.01):
        await hook.arrived.wait()

    told = [record.message for record in caplog.records if "alerts" in record.message]
    assert told[:2] == ["alerts stand still: odd", "alerts go on"]


async def test_a_test_alert_is_one_request(hook: Hook) -> None:
    hook.answers = [(403, {})]

    assert (await send_test(hook.endpoint(), "https://console.example.com")).words == "answered 403"
    assert hook.events == [("test", "test")]


def test_links_lead_to_where_the_console_is() -> None:
    assert plan_of(Settings(console_url="https://console.example.com")).base == "https://console.example.com"
    assert plan_of(Settings()).base == "http://127.0.0.1:8081"
