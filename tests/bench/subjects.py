"""What is compared: nothing, nginx, HAProxy, a plain aiohttp message relay, relayproxy, and relayproxy with its
recorder at work beside it.

Knows: how each is started, in front of a backend port, on one processor, with TLS on both sides or without.
Must not know: how they are measured.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.patience import PATIENCE
from tests.running import running


@dataclass(frozen=True)
class Tls:
    """Files: a key with its certificate for 127.0.0.1, and the authority that vouches for it."""

    chain: Path
    authority: Path

    @classmethod
    def make(cls, folder: Path) -> "Tls":
        """Makes both files in the folder."""
        authority, made = trustme.CA(), cls(folder / "chain.pem", folder / "authority.pem")
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(made.chain))
        authority.cert_pem.write_to_path(str(made.authority))
        return made


@dataclass(frozen=True)
class Subject:
    """Where to connect, and the processes whose time is told; the first is the proxy, a second one its recorder."""

    name: str
    port: int
    pids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a subject stands: the port of the backend, its processors, those of what works beside it, and TLS."""

    backend: int
    cores: set[int]
    others: set[int]
    tls: Tls | None = None


Start = Callable[[str, Place], AbstractContextManager[Subject]]


def pin(pid: int, cores: set[int]) -> None:
    """Keeps all threads of a process on these processors."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), cores)


@contextmanager
def direct(name: str, place: Place) -> Iterator[Subject]:
    yield Subject(name, place.backend)


@contextmanager
def nginx(name: str, place: Place) -> Iterator[Subject]:
    port, tls = free_port(), place.tls
    listen = f"ssl; ssl_certificate {tls.chain}; ssl_certificate_key {tls.chain}" if tls else ""
    verify = (
        f"proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_trusted_certificate {tls.authority};" if tls else ""
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; user root;
worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=4096 {listen};
    location / {{
      proxy_pass http{"s" if tls else ""}://127.0.0.1:{place.backend}; proxy_http_version 1.1; {verify}
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
      proxy_read_timeout 1h; proxy_send_timeout 1h;
    }}
  }}
}}
""")
        with subprocess.Popen(["nginx", "-p", folder, "-c", str(config)], stderr=subprocess.DEVNULL) as process:
            try:
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
                wait_for(port)
                until(lambda: bool(children.read_text()))
                worker = int(children.read_text())
                pin(worker, place.cores)
                yield Subject(name, port, (worker,))
            finally:
                process.terminate()


@contextmanager
def haproxy(name: str, place: Place) -> Iterator[Subject]:
    port, tls = free_port(), place.tls
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "haproxy.cfg"
        config.write_text(f"""
global
  nbthread 1
  maxconn 9500
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend calls
  bind 127.0.0.1:{port} backlog 4096 {f"ssl crt {tls.chain}" if tls else ""}
  default_backend agent
backend agent
  server agent 127.0.0.1:{place.backend} {f"ssl verify required ca-file {tls.authority}" if tls else ""}
""")
        with subprocess.Popen(["haproxy", "-f", str(config)], stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(port)
                pin(process.pid, place.cores)
                yield Subject(name, port, (process.pid,))
            finally:
                process.terminate()


@contextmanager
def message_relay(name: str, place: Place) -> Iterator[Subject]:
    command = [sys.executable, "-m", "tests.bench.message_relay", str(place.backend)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            pin(process.pid, place.cores)
            yield Subject(name, port, (process.pid,))
        finally:
            process.kill()


@contextmanager
def relay(name: str, place: Place) -> Iterator[Subject]:
    with tempfile.TemporaryDirectory() as folder, relay_in(name, Path(folder), place) as subject:
        yield subject


@contextmanager
def relay_with_recorder(name: str, place: Place) -> Iterator[Subject]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running("migrate", data_dir=Path(folder)),
        relay_in(name, Path(folder), place) as subject,
        running("recorder", data_dir=Path(folder)) as recorder,
    ):
        pin(recorder.process.pid, place.others)
        yield Subject(name, subject.port, (*subject.pids, recorder.process.pid))


@contextmanager
def relay_in(name: str, folder: Path, place: Place) -> Iterator[Subject]:
    tls = place.tls
    with running(
        "relay",
        data_dir=folder,
        listen="127.0.0.1:0",
        backend=f"ws{'s' if tls else ''}://127.0.0.1:{place.backend}",
        **({"tls_cert": str(tls.chain), "tls_key": str(tls.chain)} if tls else {}),
        env={"SSL_CERT_FILE": str(tls.authority)} if tls else None,
    ) as process:
        pin(process.process.pid, place.cores)
        yield Subject(name, process.port, (process.process.pid,))


SUBJECTS: dict[str, Start] = {
    "direct": direct,
    "nginx": nginx,
    "HAProxy": haproxy,
    "aiohttp message relay": message_relay,
    "relayproxy": relay,
    "relayproxy with recorder": relay_with_recorder,
}
"""All of them, by the name they are reported under."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    until(lambda: listens(port))


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
