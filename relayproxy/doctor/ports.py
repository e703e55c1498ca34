"""Ports: whether what `serve` listens on is free, or relayproxy answers there already.

Knows: how each of its processes is recognised.
Must not know: backends, the public URL.

Nothing listens meanwhile: an address is bound for an instant, which fails when another listens on it.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress

import aiohttp
import msgspec

from relayproxy.console.health.reachability import RelayReadiness, ask_relay
from relayproxy.doctor.check import Result, in_thread
from relayproxy.errors import SettingError, cannot_listen
from relayproxy.journal.relay_report import read_relay_report
from relayproxy.journal.segments import journal_paths, writer_is_alive
from relayproxy.plural import plural
from relayproxy.settings.model import Settings
from relayproxy.settings.otlp import OtlpExport
from relayproxy.settings.receiver import receiver_token
from relayproxy.settings.validators import ANY_HOST, split_address
from relayproxy.telemetry.export.trial import send_nothing

TIMEOUT = 3.0
"""Seconds that what listens there gets to answer."""
_SILENCE = f"no answer within {TIMEOUT:g} s"
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, never bound


async def relay_port(settings: Settings) -> list[Result]:
    """The relay's listener."""
    if free := await _free("relay", "listen", settings.listen):
        return free
    answer = await ask_relay(settings)
    if answer.said is None:
        taken = _silent if answer.silent else _taken
        return [taken("relay", "listen", settings.listen, answer.problem or "")]
    return [*_readiness(answer.said, settings), *_each(settings)]


def _each(settings: Settings) -> Iterator[Result]:
    """Each of several relays that write into the journal, as it says itself."""
    with suppress(OSError):
        alive = [read_relay_report(one) for one in journal_paths(settings.journal) if writer_is_alive(one)]
        reports = sorted((one for one in alive if one is not None), key=lambda one: (one.name, one.pid))
        for one in reports if len(reports) > 1 else ():
            text = f"{one.status}, {plural(one.live_calls, 'live call')}"
            yield Result("ports", one.name, "ok" if one.status in ("ready", "draining") else "warning", text)


async def console_port(settings: Settings) -> list[Result]:
    """The console's listener."""
    if free := await _free("console", "console", settings.console):
        return free
    status = await _console_says(settings.console)
    if status == "ok":
        return [Result("ports", "console", "ok", f"{settings.console}: relayproxy's console answers")]
    if status == "stuck":
        action = "start the console again; see its log, and whether the database answers"
        return [Result("ports", "console", "failed", f"{settings.console}: the console is stuck", action)]
    taken = _silent if status == _SILENCE else _taken
    return [taken("console", "console", settings.console, status)]


async def receiver_ports(settings: Settings) -> list[Result]:
    """The receiver's listeners, where there are any."""
    found: list[Result] = []
    receiver = settings.receiver
    for name, listen in (("receiver", receiver.listen), ("receiver grpc", receiver.grpc)):
        if listen is not None:
            found += await _free(name, f"receiver.{'grpc' if name.endswith('grpc') else 'listen'}", listen) or [
                await in_thread(lambda name=name, listen=listen: _receiver_says(name, listen, settings))  # type: ignore[misc]
            ]
    return found


def _readiness(said: RelayReadiness, settings: Settings) -> Iterator[Result]:
    calls = plural(said.live_calls, "live call")
    where = f"{settings.listen}: a relay answers"
    if said.journal != "ok":
        text = f"{where}, and cannot write its journal ({said.journal}); {calls}"
        yield Result("ports", "relay", "failed", text, "make room on its disk, or let it write there")
    elif said.status == "ready":
        yield Result("ports", "relay", "ok", f"{where} and takes calls; {calls}")
    else:
        text = f"{where} and takes no calls ({said.status}); {calls}"
        action = {
            "draining": "it is stopping: start it again when it has ended",
            "full": "it has as many connections or file descriptors as it may have: raise max_connections or its limit",
        }.get(said.status, "see its log")
        yield Result("ports", "relay", "warning", text, action)


async def _free(name: str, setting: str, listen: str) -> list[Result]:
    """The result for an address that nothing listens on; empty when something does."""
    host, port = split_address(listen)
    if port == 0:
        return [Result("ports", name, "ok", f"{listen}: any free port is taken")]
    try:
        await in_thread(lambda: _bind(host, port))
    except OSError as problem:
        words = cannot_listen(setting, listen, problem)
        if "another program" in str(words):
            return []
        return [Result("ports", name, "failed", str(words), "`serve` does not start before")]
    return [Result("ports", name, "ok", f"{listen}: free")]


def _bind(host: str, port: int) -> None:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)


def _taken(name: str, setting: str, listen: str, problem: str) -> Result:
    text = f"{setting}={listen}: something listens there that is not relayproxy's {name} ({problem})"
    return Result("ports", name, "failed", text, f"end it, or choose another {setting}")


def _silent(name: str, setting: str, listen: str, problem: str) -> Result:
    text = f"{setting}={listen}: what listens there does not answer ({problem}): a {name} that stands still, or another"
    action = f"see the {name}'s log, and whether it was stopped (SIGCONT); of another program, choose another {setting}"
    return Result("ports", name, "failed", text, action)


async def _console_says(listen: str) -> str:
    """What the console says of itself; else what is wrong, in words."""
    limit = aiohttp.ClientTimeout(total=TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as client,
            client.get(f"http://{_here(listen)}/healthz", allow_redirects=False) as response,
        ):
            body = await response.content.read(1024)
        said = msgspec.json.decode(body)
    except TimeoutError:
        return _SILENCE
    except (aiohttp.ClientError, OSError, msgspec.DecodeError, UnicodeDecodeError):
        return "it does not answer as one"
    status = said.get("status") if isinstance(said, dict) else None
    return status if status in ("ok", "stuck") else "it does not answer as one"


def _receiver_says(name: str, listen: str, settings: Settings) -> Result:
    grpc = name.endswith("grpc")
    try:
        token = receiver_token(settings.receiver)
    except SettingError as problem:
        return Result("ports", name, "failed", str(problem), "`serve` does not start before it can be read")
    way = OtlpExport(
        f"http://{_here(listen)}{'' if grpc else '/v1/traces'}",
        "grpc" if grpc else "http/protobuf",
        (("authorization", f"Bearer {token}"),) if token else (),
        None,
        None,
        None,
        TIMEOUT,
        "none",
    )
    cause = send_nothing(way, "traces", TIMEOUT).cause
    if cause is None:
        return Result("ports", name, "ok", f"{listen}: spans are taken there (it was sent a request without any)")
    return _taken(name, f"receiver.{'grpc' if grpc else 'listen'}", listen, cause)


def _here(listen: str) -> str:
    host, port = split_address(listen)
    host = _HERE.get(host, host) if host in ANY_HOST else host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
