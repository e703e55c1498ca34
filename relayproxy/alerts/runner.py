"""Alert runner: measures every rule again and again, keeps what changes, and tells webhooks.

Knows: the rhythm; that pages must not wait for it, nor a webhook for another one; which log line a change makes.
Must not know: SQL; what numbers mean; pages.

Several consoles on one database may run it: all measure, and the one with the lease decides and tells, by its own
settings. The database also says which of them keeps a change or makes an attempt, as clocks may differ.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import aiohttp

from relayproxy.alerts.measuring import measure
from relayproxy.alerts.payloads import Notice, moment
from relayproxy.alerts.rules import Measured, OpenAlert, Rule, step, summary
from relayproxy.alerts.webhooks import TIMEOUT, Answer, new_client, pause_after, post
from relayproxy.settings.alerts import Alert, Endpoint, endpoints, told_webhooks
from relayproxy.settings.model import Settings
from relayproxy.store.errors import NotReady, StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.store.write import alert_store
from relayproxy.store.write.alert_store import AlertRow, Delivery, Firing
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.leases import give_up_lease, take_lease

T = TypeVar("T")
Result = Literal["sent", "failed", "dropped"]
"""Of an attempt; `failed`: it is made again, `dropped`: it was the last one."""

_log = logging.getLogger(__name__)

EVERY, SOON = 15.0, 1.0
"""Seconds between measurements; between looks for what is to be told."""
LEASE = 45.0
"""Seconds without a measurement after which another console takes over."""
AT_ONCE = 100
"""Deliveries that are looked at together."""
_CLAIMED = round((TIMEOUT + 20) * 1e9)
"""Nanoseconds after which an attempt whose maker has died is made anew."""
STOPPING = 1.5
"""Seconds that what is under way gets when the console stops."""
BECAUSE = {"well": "all is well again", "few": "there is nothing to measure any more", "removed": "the rule is gone"}


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules and endpoints of the settings; `base` is the console's own URL, without a trailing slash."""

    alerts: Mapping[str, Alert]
    endpoints: Mapping[str, Endpoint]
    base: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules."""
        return tuple(Rule(name, alert) for name, alert in self.alerts.items())


def plan_of(settings: Settings) -> Plan:
    """The plan of the settings. Raises SettingError."""
    base = settings.console_url or f"http://{settings.console}"
    return Plan(settings.alerts, endpoints(settings.webhooks), base)


class AlertRunner:
    """Measures and tells, on the event loop; the database is asked in threads."""

    def __init__(self, plan: Plan, queries: Queries, writer: AnnotationWriter) -> None:
        self._plan = plan
        self._queries = queries
        self._writer = writer
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._leased_until = 0
        self._failing: set[str] = set()
        self._attempting: dict[str, asyncio.Task[None]] = {}
        """By webhook."""
        self._attempts = Counter({(name, result): 0 for name in plan.endpoints for result in get_args(Result)})
        self.measured: dict[str, Measured] = {}
        """What was measured last, by the rule's name."""

    @property
    def attempts(self) -> Mapping[tuple[str, Result], int]:
        """Attempts since the start, by webhook and result."""
        return self._attempts

    @asynccontextmanager
    async def running(self, every: float = EVERY, soon: float = SOON) -> AsyncIterator[None]:
        """Runs while the context lives; its end takes `STOPPING` seconds at most."""
        async with new_client() as client:
            tasks = (
                asyncio.create_task(self._again(every, self.evaluate)),
                asyncio.create_task(self._again(soon, lambda: self._begin(client))),
            )
            try:
                yield
            finally:
                await asyncio.wait((asyncio.create_task(self._end(tasks)),), timeout=STOPPING)

    async def _end(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        tasks = [*tasks, *self._attempting.values()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        with suppress(StoreError):
            await self.give_up()

    async def evaluate(self) -> None:
        """Measures every rule once. Raises `StoreError`."""
        await _in_thread(self._evaluate, time.time_ns())

    async def give_up(self) -> None:
        """Lets another console decide. Raises `StoreError`."""
        if self._leased_until > time.time_ns():
            self._leased_until = 0
            await _in_thread(self._give_up)

    async def deliver(self, client: aiohttp.ClientSession) -> None:
        """Makes the attempts that are due, of each webhook one after the other, when it is for this console to make
        them. Raises `StoreError`."""
        await self._begin(client)
        if self._attempting:
            await asyncio.wait(self._attempting.values())
        self._look_after()

    async def _begin(self, client: aiohttp.ClientSession) -> None:
        """Begins with what is due, to webhooks that no attempt waits for: a slow one holds up no other."""
        self._look_after()
        if self._leased_until <= time.time_ns():
            return
        found = await _in_thread(alert_store.due, self._queries, time.time_ns(), AT_ONCE, {*self._attempting})
        queues: dict[str, list[tuple[Delivery, AlertRow]]] = {}
        for delivery, alert in found:
            queues.setdefault(delivery.webhook, []).append((delivery, alert))
        for name, queue in queues.items():
            self._attempting[name] = asyncio.create_task(self._deliver_to(client, name, queue))

    def _look_after(self) -> None:
        for name, task in [*self._attempting.items()]:
            if task.done():
                del self._attempting[name]
                task.result()

    async def _again(self, pause: float, action: Callable[[], Awaitable[None]]) -> None:
        trouble = False
        while True:
            try:
                await action()
            except NotReady:
                # There is nothing yet to measure.
                pass
            except Exception as problem:
                # Whatever it is, it must not end the task.
                if not trouble:
                    _log.warning("alerts stand still: %s", problem, exc_info=not isinstance(problem, StoreError))
                trouble = True
            else:
                if trouble:
                    _log.warning("alerts go on")
                trouble = False
            await asyncio.sleep(pause)

    def _give_up(self) -> None:
        with self._writer.writing() as db:
            give_up_lease(db, "alerts", self._owner)

    def _evaluate(self, now: int) -> None:
        rules = self._plan.rules
        measured = self.measured = measure(self._queries, rules, now)
        until = now + round(LEASE * 1e9)
        with self._writer.writing() as db:
            self._leased_until = until if take_lease(db, "alerts", self._owner, now, until) else 0
        if not self._leased_until:
            return
        found = alert_store.open_alerts(self._queries)
        silent = alert_store.silences(self._queries, now)
        for rule in rules:
            row = found.get(rule.name)
            before = None if row is None else OpenAlert(row.id, row.rule, row.opened_at, row.worst, row.well_since)
            after, one = step(rule, measured[rule.name], before, now), measured[rule.name]
            told = () if rule.name in silent else told_webhooks(rule.alert, self._plan.endpoints)
            if after.change == "open":
                firing = Firing(
                    rule.name, rule.alert.kind, rule.alert.severity, rule.alert.route, now, after.worst,
                    rule.alert.above, rule.alert.window, one.samples, one.session,
                    summary(rule, after.worst, one.samples),
                )  # fmt: skip
                if alert_store.open_alert(self._writer, firing, told):
                    _log.warning("alert %s fires: %s%s", rule.name, firing.summary, "" if told else " (nobody is told)")
            elif row is None:
                continue
            elif after.change == "resolve":
                self._resolve(row, now, after.why)
            elif after.change == "keep":
                if (after.worst, after.well_since) != (row.worst, row.well_since):
                    alert_store.keep_alert(self._writer, row.id, after.worst, after.well_since)
                if told:
                    self._tell(row, told, now)
        for name, row in found.items():
            if name not in self._plan.alerts:
                self._resolve(row, now, "removed")

    def _tell(self, row: AlertRow, told: tuple[str, ...], now: int) -> None:
        """Has those told that were not while it was silenced."""
        there = {one.webhook for one in alert_store.deliveries_of(self._queries, [row.id]).get(row.id, ())}
        missing = [name for name in told if name not in there]
        if missing:
            alert_store.tell_now(self._writer, row.id, missing, now)

    def _resolve(self, row: AlertRow, now: int, why: alert_store.Because) -> None:
        if alert_store.resolve_alert(self._writer, row.id, now, why):
            _log.warning("alert %s is over: %s", row.rule, BECAUSE[why])

    async def _deliver_to(
        self, client: aiohttp.ClientSession, name: str, queue: list[tuple[Delivery, AlertRow]]
    ) -> None:
        endpoint = self._plan.endpoints.get(name)
        for delivery, alert in queue:
            now = time.time_ns()
            if not await _in_thread(alert_store.claim, self._writer, delivery, now + _CLAIMED):
                continue
            if endpoint is None:
                answer, pause = Answer(False, "the webhook is gone from the settings"), None
            else:
                answer = await post(client, endpoint, notice_of(delivery, alert, self._plan.base))
                pause = pause_after(delivery.attempts + 1, answer)
            now = time.time_ns()
            state: alert_store.DeliveryState = "sent" if answer.ok else "failed" if pause is None else "pending"
            again = now + round((pause or 0) * 1e9)
            await _in_thread(alert_store.settle, self._writer, delivery, state, answer.words, now, again)
            if endpoint is not None:
                self._attempts[name, "sent" if answer.ok else "dropped" if pause is None else "failed"] += 1
            self._note(name, answer)
            if not answer.ok:
                # The others would only meet the same.
                break

    def _note(self, name: str, answer: Answer) -> None:
        if answer.ok and name in self._failing:
            self._failing.discard(name)
            _log.warning("webhook %s takes alerts again", name)
        elif not answer.ok and name not in self._failing:
            self._failing.add(name)
            _log.warning("webhook %s does not take alerts: %s", name, answer.words)


async def _in_thread(action: Callable[..., T], *arguments: object) -> T:
    """As `asyncio.to_thread`; one that is cancelled waits for the thread, which would otherwise use a database that is
    being closed."""
    work = asyncio.ensure_future(asyncio.to_thread(action, *arguments))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait((work,))
        raise


def notice_of(delivery: Delivery, alert: AlertRow, base: str) -> Notice:
    """What is told."""
    over = delivery.event == "resolve"
    because = BECAUSE.get(alert.resolved_because or "", "") if over else None
    return Notice(
        id=f"{alert.key}-{delivery.event}",
        event=delivery.event,
        dedup_key=f"relayproxy-{alert.key}",
        alert=alert.rule,
        kind=alert.kind,  # type: ignore[arg-type]
        severity=alert.severity,  # type: ignore[arg-type]
        route=alert.route,
        summary=f"{alert.summary}{f'; {because}' if because else ''}",
        value=alert.value,
        worst=alert.worst,
        limit=alert.above,
        samples=alert.samples,
        window_s=alert.window_s,
        opened_at=moment(alert.opened_at),
        resolved_at=moment(alert.resolved_at) if over and alert.resolved_at is not None else None,
        resolved_because=because,
        url=f"{base}/alerts",
        session_url=f"{base}/sessions/{alert.example}" if alert.example else None,
    )


async def send_test(endpoint: Endpoint, base: str) -> Answer:
    """Sends one test alert."""
    now = time.time_ns()
    notice = Notice(
        id=f"test-{now:x}",
        event="test",
        dedup_key="relayproxy-test",
        alert="test",
        kind="p95_latency",
        severity="info",
        route=None,
        summary="This is a test: relayproxy reaches this webhook",
        value=None,
        worst=None,
        limit=None,
        samples=None,
        window_s=None,
        opened_at=moment(now),
        resolved_at=None,
        resolved_because=None,
        url=f"{base}/alerts",
        session_url=None,
    )
    async with new_client() as client:
        return await post(client, endpoint, notice)
