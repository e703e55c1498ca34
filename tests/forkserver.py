"""A process that has imported relayproxy, and forks a process of it for every request. Run as `python -m
tests.forkserver FD` with a listening socket; ends with its standard input.

Knows: that starting Python and importing takes up to a second of a processor, and a fork a few milliseconds; that
`relayproxy serve` starts processes of its own.
Must not know: what the processes do.

Each connection gets a server of its own, a fork of this one, which ends with it. Its first message says that it is
there.

A request is JSON with `arguments`, `environment`, `folder` (where it runs) and `family`, and four descriptors: standard
input, output and error, and where the exit code goes as a decimal number once the process has ended. The answer is the
process's number. The arguments are those of `relayproxy`; or `-m` and the name of another module and its arguments.

A process of a `family` has a session of its own, and what it starts in its turn as `python … -m relayproxy …` is
forked as well. For that it has a second server, a fork of the first; what that one forks becomes the child of the
process that asked for it, so that it is waited for and sent signals as always.
"""

import asyncio
import atexit
import ctypes
import fcntl
import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy.__main__ import main
from relayproxy.console.app import build
from relayproxy.settings.model import Settings
from relayproxy.settings.retention import days_by_route
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deleter import Deleter
from relayproxy.store.write.deletion.retention import DAY, Keep, Retention
from tests.console.samples import ago, booking
from tests.databases import migrated, share_compiled_statements
from tests.recorder.stage import Stage, prompt, setup, token

_PR_SET_CHILD_SUBREAPER = 36
INHERITED = 8
"""Descriptors that a process of a family inherits at most."""


def _import_all() -> None:
    # Imported for the processes that are forked.
    import relayproxy.cli.demo
    import relayproxy.cli.main
    import relayproxy.console.process
    import relayproxy.receiver.process
    import relayproxy.recorder.process
    import relayproxy.relay.process
    import relayproxy.store.postgresql
    import relayproxy.store.schema.migrate
    import relayproxy.telemetry.export.otlp
    import relayproxy.telemetry.metrics.prometheus  # noqa: F401


def _compile_all() -> None:
    """Has templates and statements compiled, and Alembic imported, as the first use of each process would."""
    share_compiled_statements()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), backend="ws://127.0.0.1:9")
        migrated(settings.database)
        _record(settings)
        engine, reader = open_engine(settings.database), open_reader(settings.database)
        writer = AnnotationWriter(open_engine(settings.database, create=False))
        booking(Archive(engine), ago(60))
        asyncio.run(_look_at(build(settings, Queries(reader), writer)))
        writer.close()
        engine.dispose()
        reader.dispose()


def _record(settings: Settings) -> None:
    """Has a call recorded while it is live and after its end, and looks for what is to be deleted."""
    stage = Stage(settings.data_dir, migrated=False)
    journal, recorder = stage.journal(), stage.recorder()
    call = journal.call()
    call.twilio(setup())
    call.twilio(prompt("Is a table free?"))
    recorder.play()
    recorder.commit()
    call.backend(token("Yes.", last=True))
    call.end()
    journal.die()
    recorder.run(to_the_end=True)
    kept = {route: Keep(*(round(one * DAY) or None for one in days)) for route, days in days_by_route(settings).items()}
    retention, deleter = Retention(kept.pop(""), kept), Deleter(stage.engine, lambda _: True)
    deleter.check()
    deleter.erase()
    deleter.noted_journal_erasures()
    deleter.retain(retention)
    deleter.due_count(retention)
    stage.close()


async def _look_at(console: web.Application) -> None:
    templates = aiohttp_jinja2.get_env(console)
    for name in templates.list_templates():
        templates.get_template(name)
    async with TestClient(TestServer(console)) as client:
        for path in ("/sessions", "/api/sessions", "/api/health"):
            async with client.get(path) as answer:
                assert answer.status == 200, await answer.text()


def _client(listener: socket.socket) -> socket.socket | None:
    """A connection, in a process that is there for it alone; None once the standard input of this one ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
            return None
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            client.send(b"here")
            return client
        client.close()


def _run() -> None:
    """What this process was forked for."""
    if sys.argv[1] == "-m":
        module, sys.argv[1:] = sys.argv[2], sys.argv[3:]
        runpy.run_module(module, run_name="__main__")
    else:
        main()


class _End:
    """The end of a process after everything that is called at its exit. To take apart all that was imported, as Python
    does then, takes longer than most processes live, as each has to copy it first; those whose environment has
    `WHOLE_END` do."""

    code = 1

    @classmethod
    def at_exit(cls) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        if "WHOLE_END" not in os.environ:
            os._exit(cls.code)


def _serve(requests: socket.socket) -> bool:
    """Forks until nothing more is asked for. True in a forked process."""
    told: dict[int, int] = {}

    def reap(*_: object) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pipe = told.pop(found[0])
                with suppress(BrokenPipeError):
                    os.write(pipe, str(os.waitstatus_to_exitcode(found[1])).encode())
                os.close(pipe)

    signal.signal(signal.SIGCHLD, reap)
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 4)
        if not data:
            return False
        code = descriptors.pop()
        # Else the process may have ended before it is known where to tell it.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            requests.close()
            asked = json.loads(data)
            _become(asked, descriptors, (code, *told.values()))
            if asked["family"]:
                return _found_family()
            return True
        told[pid] = code
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        for descriptor in descriptors:
            os.close(descriptor)
        requests.sendall(str(pid).encode())


def _become(asked: Mapping[str, Any], streams: Sequence[int], close: Iterable[int] = ()) -> None:
    """Makes this process the one that was asked for, but for its running."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for descriptor in (*streams, *close):
        os.close(descriptor)
    sys.argv[1:] = asked["arguments"]
    os.environ.clear()
    os.environ.update(asked["environment"])
    tempfile.tempdir = None  # found anew, where this environment says
    os.chdir(asked["folder"])
    # So that it can be found among its parent's children.
    Path("/proc/self/comm").write_text(asked["arguments"][0])


def _found_family() -> bool:
    """Gives this process a server that forks its children. True in it and in each of them, False in the server once
    the process is gone."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        os.setsid()
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.close(nothing)
        return _serve_family(theirs)
    theirs.close()
    os.setsid()
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")

    class Process(_Process):
        server = ours

    subprocess.Popen = Process  # type: ignore[misc, assignment]
    return True


def _serve_family(requests: socket.socket) -> bool:
    """As `_serve`, but what it forks is left to the nearest ancestor that cares for orphans."""
    while True:
        data, received, _, _ = socket.recv_fds(requests, 1 << 20, 3 + INHERITED)
        if not data:
            return False
        streams, inherited = received[:3], received[3:]
        told, tell = os.pipe()
        between = os.fork()
        if between == 0:
            if (pid := os.fork()) == 0:
                os.setsid()
                requests.close()
                asked = json.loads(data)
                _become(asked, streams, (told, tell))
                _inherit(inherited, asked["inherited"])
                return True
            os.write(tell, str(pid).encode())
            os._exit(0)
        for descriptor in (*received, tell):
            os.close(descriptor)
        os.waitpid(between, 0)
        with io.FileIO(told) as pipe:
            requests.sendall(pipe.read())


def _inherit(received: Sequence[int], wanted: Sequence[int]) -> None:
    """Gives descriptors the numbers that they have in the process that passes them on."""
    away = [fcntl.fcntl(one, fcntl.F_DUPFD, 1000) for one in received]
    for descriptor in received:
        os.close(descriptor)
    for descriptor, number in zip(away, wanted, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)


class _Process:
    """A process that is forked for one of a family: as much of subprocess.Popen as asyncio uses."""

    server: socket.socket

    def __init__(self, args: Sequence[str], *, stderr: int | None, env: Mapping[str, str], **how: Any) -> None:
        at = args.index("relayproxy")
        assert (args[at - 1], how["stdin"], how["stdout"]) == ("-m", subprocess.PIPE, subprocess.PIPE)
        assert how["start_new_session"]
        self.args = args
        self.returncode: int | None = None
        (read, stdin), (stdout, write) = os.pipe(), os.pipe()
        self.stdin, self.stdout, self.stderr = io.FileIO(stdin, "w"), io.FileIO(stdout), None
        streams = [read, write, os.dup(2)]
        if stderr == subprocess.PIPE:
            errors, streams[2] = os.pipe()
            self.stderr = io.FileIO(errors)
        inherited = how.get("pass_fds", ())
        asked = {
            "arguments": args[at + 1 :],
            "environment": dict(env),
            "folder": str(Path.cwd()),
            "inherited": inherited,
        }
        socket.send_fds(self.server, [json.dumps(asked).encode()], [*streams, *inherited])
        for stream in streams:
            os.close(stream)
        self.pid = int(self.server.recv(64))

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # as `subprocess.Popen`: it has ended, and the loop is still to be told
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    atexit.register(_End.at_exit)  # the last one, as the first registered
    gc.disable()  # what is imported stays
    _import_all()
    _compile_all()
    assert threading.active_count() == 1, "a fork would lose these threads"
    gc.collect()
    gc.freeze()
    gc.enable()
    with suppress(KeyboardInterrupt):
        client = _client(socket.socket(fileno=int(sys.argv[1])))
        if client is None or not _serve(client):
            _End.code = 0
            sys.exit()
    try:
        _run()
        _End.code = 0
    except SystemExit as end:
        _End.code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
