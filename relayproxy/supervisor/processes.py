"""Process group: relay, recorder, console and, where one is set, receiver started and stopped in order.

Knows: in which order they start and stop, which of them needs what, what to print when all are ready.
Must not know: how they work.

The relay starts last, so that whatever stops the start does so before a call is taken. Trouble with the database does
not stop it: calls work without one. They stop in the order of the data: the relay first, which lets live calls end;
then the recorder, which reads what is left of the journal; then the receiver and the console.
"""

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from relayproxy.errors import RelayproxyError, SettingError, cannot_listen
from relayproxy.settings.alerts import alert_variables
from relayproxy.settings.loading import as_environment
from relayproxy.settings.model import Settings, relay_urls
from relayproxy.settings.otlp import header_variables
from relayproxy.settings.receiver import token_variables
from relayproxy.settings.recording import recorded_summary
from relayproxy.settings.replay_targets import target_variables
from relayproxy.settings.retention import days_by_route, sentences
from relayproxy.settings.signatures import secret_variables
from relayproxy.settings.sources import ENV_PREFIX, table_prefix
from relayproxy.settings.treatment import treatment_warnings
from relayproxy.settings.validators import split_address
from relayproxy.signals import signals_to
from relayproxy.supervisor.child import Child, say
from relayproxy.supervisor.migration import Migration

LOCK = "serve.lock"
START_TIMEOUT = 60.0
DATABASE_PATIENCE = 3.0
"""Seconds to wait for the database before recorder and relay start without it: calls must not wait long."""
RECORDER_PATIENCE = 60.0
"""Seconds to play the rest of the journal. What is left then stays there for the next start."""
CONSOLE_PATIENCE = 10.0
RECEIVER_PATIENCE = 3.0
FAILED = 2
"""The exit code of a process that has said why it cannot go on."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses on which relay, console and receiver listen: this machine's http(s) URLs, without a trailing
    slash."""

    relay: str
    console: str
    receiver: str | None = None

    @property
    def caller(self) -> str:
        """The relay's address for a WebSocket client on this machine."""
        return "ws" + _reachable(self.relay).removeprefix("http")

    @property
    def page(self) -> str:
        """The console's address to open."""
        return _reachable(self.console) + "/"


Companion = Callable[[Addresses], AbstractAsyncContextManager[None]]


def serve(settings: Settings) -> None:
    """Runs the processes until SIGTERM or SIGINT and all have ended. Raises RelayproxyError when one of them
    cannot start; one that dies later is started again."""
    asyncio.run(supervise(settings))


async def supervise(settings: Settings, companion: Companion | None = None) -> None:
    """As `serve`, with a context that lives between the processes' being ready and their being stopped."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    with signals_to(signals.put_nowait), _data_dir(settings):
        await _Processes(settings, signals).run(companion)


class _Processes:
    def __init__(self, settings: Settings, signals: "asyncio.Queue[int]") -> None:
        self._settings = settings
        self._signals = signals
        self._hurry = asyncio.Event()
        # Only the relay needs to know the auth tokens, only who sends to the collector the headers for it, only the
        # receiver its token, and only the console the webhooks' URLs and secrets and the tokens of replay targets.
        of_calls, of_export = secret_variables(settings), header_variables(settings.otel)
        of_receiver = token_variables(settings.receiver)
        of_alerts = alert_variables(settings.webhooks)
        of_targets = target_variables(settings.replay_targets)
        secret = of_calls | of_export | of_receiver | of_alerts | of_targets
        tokens = {name: value for name, value in os.environ.items() if name in of_calls}
        headers = {name: value for name, value in os.environ.items() if name in of_export}
        token = {name: value for name, value in os.environ.items() if name in of_receiver}
        of_console = {name: value for name, value in os.environ.items() if name in of_alerts | of_targets}
        other = {
            name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX) and name not in secret
        }
        everything = other | as_environment(settings)
        # Only the console needs to know who may come in, who is told of alerts, and where calls are replayed.
        unknowing = settings.model_copy(
            update={
                "users": {},
                "tokens": {},
                "console_key": None,
                "console_user_header": None,
                "alerts": {},
                "webhooks": {},
                "replay_targets": {},
            }
        )
        without = self._without = other | as_environment(unknowing)
        self._relay = Child("relay", without | tokens, lambda: _taken("listen", settings.listen))
        self._recorder = Child("recorder", without | headers, mend=self._mend_database)
        self._console = Child("console", everything | of_console, lambda: _taken("console", settings.console))
        listen = settings.receiver.listen
        self._receiver = (
            Child("receiver", without | headers | token, lambda: _taken("receiver.listen", listen)) if listen else None
        )
        self._lives: dict[Child, asyncio.Task[None]] = {}
        self._migration = Migration(without, self._renew_recorder)
        self._migrating: asyncio.Task[None] | None = None

    async def run(self, companion: Companion | None) -> None:
        try:
            if not await self._start():
                return
            async with AsyncExitStack() as stack:
                addresses = self._addresses()
                say(_summary(self._settings, addresses))
                if companion is not None:
                    await stack.enter_async_context(companion(addresses))
                await self._signals.get()
            say("stopping: no new calls, live ones may end; once more closes them now")
        except BaseException:
            self._hurry.set()
            raise
        finally:
            await self._stop()

    async def _start(self) -> bool:
        """Starts all processes; True when all are ready, False when told to stop before."""
        if self._settings.embedded:
            self._migrating = asyncio.create_task(self._migration.run())
        self._begin(self._console)
        if not await self._reach(self._database_tried()):
            return False
        self._begin(self._recorder)
        others = {self._recorder.ready, self._console.ready}
        if self._receiver is not None:
            self._begin(self._receiver)
            others.add(self._receiver.ready)
        if not await self._reach(asyncio.wait(others)):
            return False
        self._begin(self._relay)
        return await self._reach(asyncio.wait({self._relay.ready}))

    async def _reach(self, milestone: Coroutine[Any, Any, object]) -> bool:
        """Awaits a milestone; True once it is reached, False when told to stop before. Raises RelayproxyError when a
        process ends, or `START_TIMEOUT` seconds have passed."""
        reached = asyncio.create_task(milestone)
        told = asyncio.create_task(self._signals.get())
        first: set[asyncio.Future[Any]] = {reached, told, *self._lives.values()}
        try:
            done, _ = await asyncio.wait(first, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            reached.cancel()
        for life in self._lives.values():
            if life in done:
                life.result()
        if not done:
            late = ", ".join(child.name for child in self._lives if not child.ready.done())
            raise RelayproxyError(f"not ready after {START_TIMEOUT:g} s: {late}")
        return told not in done

    def _begin(self, child: Child) -> None:
        self._lives[child] = asyncio.create_task(child.run())

    async def _database_tried(self) -> None:
        if self._migrating is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._migration.tried.wait(), DATABASE_PATIENCE)

    async def _mend_database(self, code: int) -> None:
        """Migrates or replaces the embedded database as at the start, once the recorder has given it up."""
        if code != FAILED or self._migrating is None or not self._migrating.done():
            return
        self._migration = Migration(self._without, self._renew_recorder, thorough=True)
        self._migrating = asyncio.create_task(self._migration.run())
        # However long it takes to read a large one through: nobody waits for the recorder.
        tried = asyncio.create_task(self._migration.tried.wait())
        await asyncio.wait({tried, self._migrating}, return_when=asyncio.FIRST_COMPLETED)
        tried.cancel()

    async def _renew_recorder(self) -> None:
        if self._recorder in self._lives:
            # Before it is ready it would not stop in an orderly way, and count as one that cannot start.
            await asyncio.wait({self._recorder.ready})
            self._recorder.renew()

    def _addresses(self) -> Addresses:
        relay, console = self._relay.ready.result(), self._console.ready.result()
        # Should one of them die, its successor takes the same port, even where the system had chosen it.
        self._relay.environment[ENV_PREFIX + "LISTEN"] = _with_port(self._settings.listen, relay)
        self._console.environment[ENV_PREFIX + "CONSOLE"] = _with_port(self._settings.console, console)
        receiver = None
        if self._receiver is not None and self._settings.receiver.listen is not None:
            receiver = self._receiver.ready.result()
            listen = _with_port(self._settings.receiver.listen, receiver)
            self._receiver.environment[f"{table_prefix('receiver')}LISTEN"] = listen
        return Addresses(relay, console, receiver)

    async def _stop(self) -> None:
        if self._migrating is not None:
            self._migrating.cancel()
            await asyncio.wait({self._migrating})
        impatient = asyncio.create_task(self._second_signal())
        for child, patience in (
            (self._relay, None),
            (self._recorder, RECORDER_PATIENCE),
            (self._receiver, RECEIVER_PATIENCE),
            (self._console, CONSOLE_PATIENCE),
        ):
            if child is not None and child in self._lives:
                await child.stop(self._hurry, patience)
        impatient.cancel()
        await asyncio.gather(impatient, *self._lives.values(), return_exceptions=True)

    async def _second_signal(self) -> None:
        await self._signals.get()
        self._hurry.set()


@contextmanager
def _data_dir(settings: Settings) -> Iterator[None]:
    """Makes the data folder where it is missing, readable by its owner alone, and locks it. Raises SettingError when
    that fails or another relayproxy has locked it."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(settings.data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise SettingError(
            f"data_dir={settings.data_dir}: a folder that can be made and written is expected ({problem.strerror})"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise SettingError(
            f"data_dir={settings.data_dir}: a folder of its own is expected; another relayproxy is running on this one"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def _taken(setting: str, address: str) -> str:
    """The reason why the address cannot be listened on and the remedy; empty when it can."""
    host, port = split_address(address)
    try:
        for family, kind, _, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
    except OSError as problem:
        variable = "" if "." in setting else f" (make run {setting.upper()}=HOST:PORT)"
        return f"{cannot_listen(setting, address, problem)}{variable}"
    return ""


def _with_port(address: str, url: str) -> str:
    return f"{address.rpartition(':')[0]}:{urlsplit(url).port}"


def _summary(settings: Settings, addresses: Addresses) -> str:
    urls = relay_urls(settings, addresses.caller)
    width = max(map(len, urls)) if len(urls) > 1 else 0
    lines = ["", "relayproxy is ready.", "", "  relay URL, for Twilio Studio or TwiML:"]
    lines += [f"    {route:<{width}}  {url}" if width else f"    {url}" for route, url in urls.items()]
    if settings.backend is not None and urlsplit(settings.backend).path in ("", "/"):
        lines.append("    Put your server's own path at its end, such as ws: the server gets it as it is.")
    if settings.public_url is None:
        port = urlsplit(addresses.relay).port
        lines += [
            f"    Twilio needs a public wss:// address: put a tunnel or a TLS front end before port {port},",
            "    give Twilio that one's URL, and set --public-url to it to have it shown here.",
        ]
    lines += ["", f"  console: {addresses.page}"]
    if addresses.receiver is not None:
        lines.append(f"  spans of backends are received on {addresses.receiver}")
    lines += ["", f"  {recorded_summary(settings)}"]
    lines += [f"  {sentence}" for sentence in sentences(days_by_route(settings))] + [""]
    if warnings := list(treatment_warnings(settings)):
        lines += [*(f"  WARNING: {one}" for one in warnings), ""]
    return "\n".join([*lines, "  Ctrl-C stops it once live calls have ended; a second one ends them.", ""])


def _reachable(url: str) -> str:
    """An address to open, for one that stands for all of a machine's."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
