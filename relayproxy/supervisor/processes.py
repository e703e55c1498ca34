"""Process group: relays, recorder, console and, where one is set, receiver started, replaced and stopped in order.

Knows: in which order they start, are replaced and stop, what to print when all are ready.
Must not know: how they work.

The relays start last, so that whatever stops the start does so before a call is taken. Trouble with the database does
not stop it: calls work without one. They stop in the order of the data: the relays first, which let live calls end;
then the recorder, which reads what is left of the journal; then the receiver and the console.

On SIGHUP the settings are read again and all are replaced, with whatever version is installed by then: the recorder
first, as it understands what relays of earlier versions have written, and the relays last, without a call noticing.
"""

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from relayproxy.errors import RelayproxyError, SettingError
from relayproxy.settings.model import Settings, relay_urls
from relayproxy.settings.recording import recorded_summary
from relayproxy.settings.retention import days_by_route, sentences
from relayproxy.settings.treatment import treatment_warnings
from relayproxy.signals import signals_to
from relayproxy.supervisor.child import Child, say
from relayproxy.supervisor.environments import environments
from relayproxy.supervisor.listening import taken
from relayproxy.supervisor.migration import Migration
from relayproxy.supervisor.relays import Relays

log = logging.getLogger(__name__)

LOCK = "serve.lock"
START_TIMEOUT = 60.0
DATABASE_PATIENCE = 3.0
"""Seconds to wait for the database before recorder and relay start without it: calls must not wait long."""
RECORDER_PATIENCE = 60.0
"""Seconds to play the rest of the journal. What is left then stays there for the next start."""
CONSOLE_PATIENCE = 10.0
RECEIVER_PATIENCE = 3.0
STAY = ("listen", "console", "relays", "data_dir", "database_url", "journal_dir", "receiver")
"""Settings that change only with a new start."""
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


def serve(settings: Settings, read: Callable[[], Settings]) -> None:
    """Runs the processes until SIGTERM or SIGINT and all have ended. Raises RelayproxyError when one of them
    cannot start; one that dies later is started again. On SIGHUP all are replaced, with the settings that `read` gives;
    when it raises RelayproxyError they are left as they are."""
    asyncio.run(supervise(settings, read))


async def supervise(
    settings: Settings, read: Callable[[], Settings] | None = None, companion: Companion | None = None
) -> None:
    """As `serve`, with a context that lives between the processes' being ready and their being stopped. Without `read`
    the settings stay as they are."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    hangup = asyncio.Event()

    def note(number: int) -> None:
        if number == signal.SIGHUP:
            hangup.set()
        else:
            signals.put_nowait(number)

    with signals_to(note, signal.SIGHUP), _data_dir(settings):
        await _Processes(settings, read or (lambda: settings), signals, hangup).run(companion)


class _Processes:
    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        signals: "asyncio.Queue[int]",
        hangup: asyncio.Event,
    ) -> None:
        self._given = self._settings = settings
        self._read = read
        self._signals = signals
        self._hangup = hangup
        self._hurry = asyncio.Event()
        found = self._environments = environments(settings, os.environ)
        self._relays = Relays(settings.listen, settings.relays, found.relay, self._hurry, START_TIMEOUT)
        self._recorder = Child("recorder", found.recorder, mend=self._mend_database)
        self._console = Child("console", found.console, lambda: taken("console", settings.console))
        listen = settings.receiver.listen
        self._receiver = Child("receiver", found.receiver, lambda: taken("receiver.listen", listen)) if listen else None
        self._lives: dict[Child, asyncio.Task[None]] = {}
        self._migration = Migration(found.migration, self._renew_recorder)
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
                await self._until_told()
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
        self._relays.begin()
        return await self._reach(self._relays.ready())

    async def _reach(self, milestone: Coroutine[Any, Any, object]) -> bool:
        """Awaits a milestone; True once it is reached, False when told to stop before. Raises RelayproxyError when a
        process ends, or `START_TIMEOUT` seconds have passed."""
        reached = asyncio.create_task(milestone)
        told = asyncio.create_task(self._signals.get())
        lives = self._lives | self._relays.lives
        first: set[asyncio.Future[Any]] = {reached, told, *lives.values()}
        try:
            done, _ = await asyncio.wait(first, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
            reached.cancel()
        for life in lives.values():
            if life in done:
                life.result()
        if not done:
            late = ", ".join(child.name for child in lives if not child.ready.done())
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
        self._migration = Migration(self._environments.migration, self._renew_recorder, thorough=True)
        self._migrating = asyncio.create_task(self._migration.run())
        # However long it takes to read a large one through: nobody waits for the recorder.
        tried = asyncio.create_task(self._migration.tried.wait())
        await asyncio.wait({tried, self._migrating}, return_when=asyncio.FIRST_COMPLETED)
        tried.cancel()

    async def _renew_recorder(self) -> None:
        if self._recorder in self._lives:
            # Before it is ready it would not stop in an orderly way, and count as one that cannot start.
            await asyncio.wait({self._recorder.ready})
            await self._recorder.renew(RECORDER_PATIENCE)

    async def _until_told(self) -> None:
        """Returns when told to stop. Until then all processes are replaced as often as that is asked for."""
        replacing = asyncio.create_task(self._keep_replacing())
        try:
            await self._signals.get()
        finally:
            replacing.cancel()
            await asyncio.wait({replacing})

    async def _keep_replacing(self) -> None:
        while True:
            await self._hangup.wait()
            self._hangup.clear()
            try:
                wanted = await asyncio.to_thread(self._read)
            except RelayproxyError as problem:
                log.error("%s (nothing is replaced, and the settings of before stay)", problem)  # noqa: TRY400
            else:
                await self._replace(wanted)

    async def _replace(self, wanted: Settings) -> None:
        """Replaces all processes, with these settings as far as they can change."""
        if other := [name for name in STAY if getattr(wanted, name) != getattr(self._given, name)]:
            log.warning("a change of %s takes effect once relayproxy is stopped and started again", ", ".join(other))
        say("replacing recorder, console and relays: calls go on")
        self._settings = wanted.model_copy(update={name: getattr(self._settings, name) for name in STAY})
        self._use(self._settings)
        if self._migrating is not None and self._migrating.done():
            self._migration = Migration(self._environments.migration, self._renew_recorder)
            self._migrating = asyncio.create_task(self._migration.run())
            await self._database_tried()
        await self._recorder.renew(RECORDER_PATIENCE)
        if self._receiver is not None:
            await self._receiver.renew(RECEIVER_PATIENCE)
        await self._console.renew(CONSOLE_PATIENCE)
        if await self._relays.replace():
            say("replaced: calls that were live end with the relays of before")

    def _use(self, settings: Settings) -> None:
        """Gives every process that is started from now on these settings."""
        found = self._environments = environments(settings, os.environ)
        self._relays.environment = found.relay
        self._recorder.environment, self._console.environment = found.recorder, found.console
        if self._receiver is not None:
            self._receiver.environment = found.receiver

    def _addresses(self) -> Addresses:
        relay, console = self._relays.url, self._console.ready.result()
        settings, receiver = self._settings, None
        places: dict[str, Any] = {
            "listen": _with_port(settings.listen, relay),
            "console": _with_port(settings.console, console),
        }
        if self._receiver is not None and settings.receiver.listen is not None:
            receiver = self._receiver.ready.result()
            listen = _with_port(settings.receiver.listen, receiver)
            places["receiver"] = settings.receiver.model_copy(update={"listen": listen})
        # Should one of them die, its successor takes the same port, even where the system had chosen it.
        self._settings = settings.model_copy(update=places)
        self._use(self._settings)
        return Addresses(relay, console, receiver)

    async def _stop(self) -> None:
        if self._migrating is not None:
            self._migrating.cancel()
            await asyncio.wait({self._migrating})
        impatient = asyncio.create_task(self._second_signal())
        await self._relays.stop()
        for child, patience in (
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
    if settings.relays > 1:
        lines.append(f"    {settings.relays} relays take its calls, relay-1 to relay-{settings.relays}.")
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
