"""What is compared: nothing, nginx, a plain aiohttp message relay, relayproxy not recording, writing its journal, and
with the recorder at work beside it.

Knows: how each is started, in front of a backend port, on one processor.
Must not know: how they are measured.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import running

Pin = Callable[[int], None]


@dataclass
class Subject:
    """Where to connect, and the processes whose time is counted as the proxy's; `recorder` is counted apart."""

    port: int
    pids: list[int]
    recorder: int | None = None


def pin(pid: int, cores: set[int]) -> None:
    """Keeps all threads of a process on these processors."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), cores)


@contextmanager
def direct(backend: int, cores: set[int]) -> Iterator[Subject]:
    yield Subject(backend, [])


@contextmanager
def nginx(backend: int, cores: set[int]) -> Iterator[Subject]:
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 10000; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
      proxy_read_timeout 1h; proxy_send_timeout 1h;
    }}
  }}
}}
""")
        with subprocess.Popen(["nginx", "-p", folder, "-c", str(config)], stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(port)
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                pids = [int(child) for child in children]
                for pid in pids:
                    pin(pid, cores)
                yield Subject(port, pids)
            finally:
                process.terminate()


@contextmanager
def message_relay(backend: int, cores: set[int]) -> Iterator[Subject]:
    with _script("tests.bench.message_relay", str(backend)) as (process, port):
        pin(process.pid, cores)
        yield Subject(port, [process.pid])


@contextmanager
def relayproxy_untaped(backend: int, cores: set[int]) -> Iterator[Subject]:
    with _script("tests.bench.untaped", str(backend)) as (process, port):
        pin(process.pid, cores)
        yield Subject(port, [process.pid])


@contextmanager
def relayproxy_taping(backend: int, cores: set[int]) -> Iterator[Subject]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running("relay", data_dir=Path(folder), listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{backend}") as relay,
    ):
        pin(relay.process.pid, cores)
        yield Subject(relay.port, [relay.process.pid])


@contextmanager
def relayproxy(backend: int, cores: set[int]) -> Iterator[Subject]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with (
            running("migrate", data_dir=data),
            running("relay", data_dir=data, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{backend}") as relay,
            running("recorder", data_dir=data) as recorder,
        ):
            pin(relay.process.pid, cores)
            yield Subject(relay.port, [relay.process.pid], recorder.process.pid)


def available() -> dict[str, Callable[[int, set[int]], object]]:
    """The subjects that can run here, by the name they are reported under."""
    subjects: dict[str, Callable[[int, set[int]], object]] = {"direct": direct}
    if shutil.which("nginx"):
        subjects["nginx"] = nginx
    return subjects | {
        "aiohttp message relay": message_relay,
        "relayproxy, not recording": relayproxy_untaped,
        "relayproxy, journal alone": relayproxy_taping,
        "relayproxy": relayproxy,
    }


@contextmanager
def _script(module: str, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    with subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
