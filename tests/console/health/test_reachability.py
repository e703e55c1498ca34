"""Going to an address step by step: real sockets, real TLS."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relayproxy.console.health.reachability import Probe, ask_relay, probe, worst
from relayproxy.settings.model import Settings
from tests.relay.tls import Tls
from tests.running import relay


def steps(found: Probe) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in found.steps]


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


class Agent:
    """A backend that wants a WebSocket and notes what it was asked."""

    port = 0

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bool]] = []

    async def refuse(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs, "Upgrade" in request.headers))
        return web.Response(status=400, text='Can "Upgrade" only to "WebSocket".')


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    agent = Agent()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", agent.refuse)
    server = TestServer(app)
    async with server:
        agent.port = server.port or 0
        yield agent


async def test_whatever_answers_is_reached_by_a_plain_get_without_secrets(agent: Agent) -> None:
    found = await probe(f"ws://127.0.0.1:{agent.port}/ws?key=secret")
    assert steps(found) == [("DNS", "ok"), ("TCP", "ok"), ("HTTP", "ok")]
    assert (found.state, found.who, found.status) == ("ok", "other", 400)
    assert agent.asked == [("GET", "/ws", False)]


async def test_a_relay_is_recognised_and_records_nothing(tmp_path: Path) -> None:
    with relay("ws://127.0.0.1:1", data_dir=tmp_path, routes={"sales": {"backend": "ws://127.0.0.1:1"}}) as process:
        found = await probe(f"ws://127.0.0.1:{process.port}/r/sales")
        assert (found.who, found.status) == ("relay", 426)
        asked = await ask_relay(Settings(listen=f"127.0.0.1:{process.port}"))
        assert asked.said is not None
        assert (asked.said.status, asked.said.live_calls) == ("ready", 0)
        assert process.stop() == 0
        [line] = process.log.read_text().splitlines()
        assert "answered 426 to 127.0.0.1:" in line
    [journal] = [path for path in (tmp_path / "journal").iterdir() if not path.name.startswith(".")]
    assert sum(segment.stat().st_size for segment in journal.glob("*.seg")) < 100, "nothing but the head of a file"


async def test_nobody_there() -> None:
    port = closed_port()
    found = await probe(f"ws://127.0.0.1:{port}/")
    assert steps(found) == [("DNS", "ok"), ("TCP", "bad")]
    assert found.steps[-1].detail == f"port {port}: connection refused"
    assert (found.state, found.who) == ("bad", None)
    assert (await ask_relay(Settings(listen=f"0.0.0.0:{port}"))).problem == "connection refused"
    assert (await ask_relay(Settings(listen="127.0.0.1:0"))).url is None


async def test_no_such_name() -> None:
    found = await probe("wss://agent.example.invalid/ws")
    assert steps(found) == [("DNS", "bad")]
    assert found.steps[0].detail == "there is no host named agent.example.invalid"


async def test_something_that_is_no_web_server() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        plain = await probe(f"ws://127.0.0.1:{port}/")
        assert steps(plain)[-1] == ("HTTP", "bad")
        assert plain.steps[-1].detail in ("what comes back is not HTTP", "the connection was closed without an answer")
        secure = await probe(f"wss://127.0.0.1:{port}/")
        assert steps(secure)[-1] == ("TLS", "bad")
        assert "no TLS there" in secure.steps[-1].detail
        assert (await ask_relay(Settings(listen=f"127.0.0.1:{port}"))).said is None


async def test_certificates(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    with relay("ws://127.0.0.1:1", tls_cert=str(tls.cert), tls_key=str(tls.key)) as process:
        url = f"wss://localhost:{process.port}/"
        stranger = await probe(url)
        assert steps(stranger) == [("DNS", "ok"), ("TCP", "ok"), ("TLS", "bad")]
        assert stranger.steps[-1].detail.startswith("the certificate is not valid: ")
        known = await probe(url, tls.client)
        assert [name for name, _ in steps(known)] == ["DNS", "TCP", "TLS", "HTTP"]
        assert known.steps[2].detail.startswith("certificate valid, ")
        assert known.who == "relay"
        asked = await ask_relay(Settings(listen=f"0.0.0.0:{process.port}", tls_cert=tls.cert, tls_key=tls.key))
        assert asked.said is not None, "its certificate is for the public name, and does not matter here"


def test_the_worst_state_counts() -> None:
    assert worst(()) == "ok"
    assert worst(("ok", "unknown", "warn")) == "warn"
    assert worst(("warn", "bad")) == "bad"
