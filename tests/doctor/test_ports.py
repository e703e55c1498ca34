"""Ports: free, ours, or somebody else's."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from relayproxy.doctor.check import Result
from relayproxy.doctor.ports import console_port, receiver_ports, relay_port
from relayproxy.settings.model import Settings
from relayproxy.settings.receiver import Receiver
from tests.databases import migrated
from tests.relay.tls import Tls
from tests.running import Running, running

BACKEND = "ws://127.0.0.1:9"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def stranger() -> Iterator[str]:
    """A web server that is nothing of ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "fine"}')

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_each_of_several_relays_on_one_journal(tmp_path: Path) -> None:
    def relay(name: str) -> AbstractContextManager[Running]:
        return running("relay", "--name", name, data_dir=tmp_path, listen="127.0.0.1:0", backend=BACKEND)

    with relay("relay-1") as first, relay("relay-2"):
        settings = Settings(listen=f"127.0.0.1:{first.port}", data_dir=tmp_path)
        async with asyncio.timeout(60):
            while len(found := await relay_port(settings)) < 3:  # noqa: ASYNC110 (a file tells nobody that it is there)
                await asyncio.sleep(0.05)
    assert [(one.name, one.state, one.text) for one in found[1:]] == [
        ("relay-1", "ok", "ready, 0 live calls"),
        ("relay-2", "ok", "ready, 0 live calls"),
    ]


def told(results: list[Result]) -> list[tuple[str, str, str]]:
    return [(one.name, one.state, one.text.partition(": ")[2]) for one in results]


async def test_what_is_free() -> None:
    listen = f"127.0.0.1:{free_port()}"
    settings = Settings(listen=listen, console="[::1]:0", receiver=Receiver(listen=listen, grpc="127.0.0.1:0"))

    assert told(await relay_port(settings)) == [("relay", "ok", "free")]
    assert told(await console_port(settings)) == [("console", "ok", "any free port is taken")]
    assert told(await receiver_ports(settings)) == [
        ("receiver", "ok", "free"),
        ("receiver grpc", "ok", "any free port is taken"),
    ]
    assert await receiver_ports(Settings()) == []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(listen.rpartition(":")[2])))
        taken.listen()  # nobody has held it meanwhile


async def test_somebody_else_is_there(stranger: str) -> None:
    settings = Settings(listen=stranger, console=stranger, receiver=Receiver(listen=stranger))
    for (one,) in (await relay_port(settings), await console_port(settings), await receiver_ports(settings)):
        assert one.state == "failed"
        assert f"={stranger}: something listens there that is not relayproxy's {one.name}" in one.text
        assert "choose another" in one.action


async def test_what_stands_still_may_be_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relayproxy.doctor.ports.TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        listen = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(listen=listen, console=listen)
        for (one,) in (await relay_port(settings), await console_port(settings)):
            assert one.state == "failed"
            assert f"={listen}: what listens there does not answer" in one.text
            assert f"see the {one.name}'s log" in one.action


async def test_an_address_that_this_machine_has_not() -> None:
    (one,) = await relay_port(Settings(listen="192.0.2.1:8080"))

    assert one.state == "failed"
    assert "this machine has no such address" in one.text


async def test_our_own_processes_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    monkeypatch.setenv("TOKEN_HERE", "canary")
    tls = Tls(tmp_path)
    certificate = {"tls_cert": str(tls.cert), "tls_key": str(tls.key)}
    receiver = {"receiver__listen": "127.0.0.1:0", "receiver__token": "env:TOKEN_HERE"}
    with (
        running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=BACKEND, **certificate) as relay,
        running("console", data_dir=tmp_path, console="127.0.0.1:0", backend=BACKEND) as console,
        running("receiver", data_dir=tmp_path, **receiver) as receiving,
    ):
        settings = Settings(
            listen=f"127.0.0.1:{relay.port}",
            console=f"127.0.0.1:{console.port}",
            receiver=Receiver(listen=f"127.0.0.1:{receiving.port}", token="env:TOKEN_HERE"),
            tls_cert=tls.cert,
            tls_key=tls.key,
        )
        assert told(await relay_port(settings)) == [("relay", "ok", "a relay answers and takes calls; 0 live calls")]
        assert told(await console_port(settings)) == [("console", "ok", "relayproxy's console answers")]
        assert told(await receiver_ports(settings)) == [
            ("receiver", "ok", "spans are taken there (it was sent a request without any)")
        ]
        monkeypatch.setenv("TOKEN_HERE", "another")
        (one,) = await receiver_ports(settings)
        assert one.state == "failed"
        assert "(HTTP 401)" in one.text
