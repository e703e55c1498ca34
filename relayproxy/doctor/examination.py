"""Examination: all checks of one machine, run at once.

Knows: which checks there are for these settings, and which of them leave this machine.
Must not know: how any of them looks; how results are shown.
"""

import asyncio
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from relayproxy.connection import Opening
from relayproxy.doctor import backends, certificate, collector, configuration, objects, ports, public, storage
from relayproxy.doctor.check import Check, Result, by_group, in_thread, run_all
from relayproxy.doctor.clock import Clocks
from relayproxy.plural import plural
from relayproxy.relay.descriptors import ENOUGH, RESERVE
from relayproxy.settings.model import Settings
from relayproxy.settings.otlp import SIGNALS
from relayproxy.settings.signatures import DEFAULT_ROUTE, route_names
from relayproxy.settings.treatment import shadow_of
from relayproxy.store.backup import sqlite_file
from relayproxy.store.engine import open_reader
from relayproxy.store.errors import StoreError
from relayproxy.store.read.latest_by_route import arrivals
from relayproxy.store.read.queries import Queries

PATIENCE = 5.0
"""Seconds for which the paths of recorded calls are waited for."""
_ALONE = "not asked, as --no-network says"


async def examine(
    settings: Settings, *, source: str, config: Path | None = None, path: str | None = None, network: bool = True
) -> tuple[Result, ...]:
    """The results of all checks, by group. `source` and `config`: where the settings were read from. `path`: what
    Twilio is given behind the relay's URL of a route; without it, what the last recorded call of the route had. Without
    `network` nothing is asked but this machine."""
    clocks = Clocks()
    found = await run_all(
        [*_here(settings, clocks, source, config, network), *_elsewhere(settings, clocks, path, network)]
    )
    return by_group((*found, *clocks.results()))


def descriptors() -> Iterator[Result]:
    """The limit of open files; the relay raises its own to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        yield Result("limits", "open files", "ok", "without a limit")
        return
    text = f"{hard:,} here, enough for about {max(0, (hard - 2 * RESERVE) // 2):,} calls at once"
    if hard < ENOUGH:
        action = "raise it (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile of Docker)"
        yield Result("limits", "open files", "warning", text, action)
    else:
        yield Result("limits", "open files", "ok", text)


def processors(relays: int) -> Iterator[Result]:
    """Whether each of so many relays has a processor of those that this process may use."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    text = f"{plural(there, 'processor')} here for {plural(relays, 'relay')}"
    if relays > there:
        action = f"set relays to {there} at most: more share processors, and carry no more calls"
        yield Result("limits", "processors", "warning", text, action)
    else:
        yield Result("limits", "processors", "ok", text)


def _here(settings: Settings, clocks: Clocks, source: str, config: Path | None, network: bool) -> Iterator[Check]:
    yield _blocking("configuration", "settings", lambda: configuration.configuration(settings, source))
    yield Check("ports", "relay", partial(ports.relay_port, settings))
    yield Check("ports", "console", partial(ports.console_port, settings))
    yield Check("ports", "receiver", partial(ports.receiver_ports, settings))
    yield _blocking("certificate", "pair", lambda: certificate.certificate(settings))
    yield _blocking("signatures", "routes", lambda: configuration.signatures(settings))
    if network or sqlite_file(settings.database) is not None:
        yield _blocking("database", "database", lambda: storage.database(settings, clocks))
    else:
        yield _skipped("database", "database", _ALONE)
    yield _blocking("disk", "disk", lambda: storage.disk(settings))
    yield _blocking("files", "files", lambda: storage.files(settings, config))
    yield _blocking("recordings", "place", lambda: objects.objects(settings, network=network))
    yield _blocking("alerts", "webhooks", lambda: configuration.webhooks(settings))
    yield _blocking("limits", "open files", descriptors)
    yield _blocking("limits", "processors", lambda: processors(settings.relays))


def _elsewhere(settings: Settings, clocks: Clocks, path: str | None, network: bool) -> Iterator[Check]:
    if not network:
        yield _skipped("public URL", "public_url", _ALONE)
        for route in route_names(settings):
            yield _skipped("backends", route, _ALONE)
            if shadow_of(settings, route) is not None:
                yield _skipped("backends", f"shadow of {route}", _ALONE)
        yield _skipped("telemetry", "collector", _ALONE)
        return
    yield Check("public URL", "public_url", partial(public.public_url, settings))
    yield Check("backends", "backends", partial(_backends, settings, clocks, path))
    for signal in SIGNALS:
        yield Check("telemetry", signal, partial(collector.collector, settings, signal, clocks))


async def _backends(settings: Settings, clocks: Clocks, path: str | None) -> Iterable[Result]:
    last: dict[str, str] = {}
    if path is None:
        # A database that is away is told of by its own check.
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                last = await in_thread(lambda: _last_targets(settings))
    checks = []
    for route in route_names(settings):
        base = "" if route == DEFAULT_ROUTE else f"/r/{route}"
        target = last.get(route) or f"{base}{path or ''}" or "/"
        checks.append(Check("backends", route, partial(backends.backend, settings, route, target, clocks)))
        if shadow_of(settings, route) is not None:
            second = partial(backends.shadow, settings, route, target, clocks)
            checks.append(Check("backends", f"shadow of {route}", second))
    return await run_all(checks)


def _last_targets(settings: Settings) -> dict[str, str]:
    """By route, the path of the last recorded call."""
    reader = open_reader(settings.database)
    try:
        found = arrivals(Queries(reader))
    except StoreError:
        return {}
    finally:
        reader.dispose()
    targets: dict[str, str] = {}
    for route, one in found.items():
        with suppress(msgspec.DecodeError):  # it is damaged
            targets[route] = msgspec.json.decode(one.opening or "", type=Opening).target.partition("?")[0]
    return targets


def _blocking(group: str, name: str, work: Callable[[], Iterable[Result]]) -> Check:
    return Check(group, name, lambda: in_thread(lambda: list(work())))


def _skipped(group: str, name: str, why: str) -> Check:
    return _blocking(group, name, lambda: [Result(group, name, "skipped", why)])
