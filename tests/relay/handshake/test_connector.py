"""Names of backends: when they are looked up, and which of their addresses is taken."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from relayproxy.relay.handshake.connector import Connector, Unresolved, place_of
from relayproxy.relay.handshake.stopwatch import Stopwatch
from tests import wire
from tests.patience import PATIENCE


class Names:
    """Stands for DNS: the addresses of any name, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._look_up)

    async def _look_up(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.addresses]


class Connected(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.address = transport.get_extra_info("peername")[0]
        transport.close()


async def connect(connector: Connector, port: int) -> str:
    """The address that was connected with."""
    made = Connected()
    async with asyncio.timeout(PATIENCE):
        await connector.connect(place_of(f"ws://agent.example.com:{port}"), made, Stopwatch())
    address: str = made.address
    return address


@contextmanager
def silent(address: str, port: int) -> Iterator[None]:
    """A listener there whose queue is full, so that it answers nobody."""
    with ExitStack() as held, socket.socket() as server:
        server.bind((address, port))
        server.listen(0)
        while True:
            one = held.enter_context(socket.socket())
            one.settimeout(0.2)
            try:
                one.connect((address, port))
            except TimeoutError:
                break
        yield


async def test_of_several_addresses_one_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire.listening() as (_, port), silent("127.0.0.3", port):
        Names(monkeypatch, "127.0.0.1", "127.0.0.2", "127.0.0.3")  # nobody listens at the second one
        connector = Connector(tls=False)
        assert [await connect(connector, port) for _ in range(3)] == ["127.0.0.1"] * 3


async def test_calls_are_spread_over_the_addresses_and_look_them_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire.listening() as (_, port), socket.create_server(("127.0.0.2", port)):
        names = Names(monkeypatch, "127.0.0.1", "127.0.0.2")
        connector = Connector(tls=False)
        found = await asyncio.gather(*(connect(connector, port) for _ in range(6)))
    assert sorted(found) == ["127.0.0.1"] * 3 + ["127.0.0.2"] * 3
    assert names.asked == 1


async def test_a_name_that_could_not_be_looked_up_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire.listening() as (_, port):
        names = Names(monkeypatch)
        connector = Connector(tls=False)
        with pytest.raises(Unresolved):
            await connect(connector, port)
        names.addresses = ("127.0.0.1",)
        await asyncio.sleep(0)
        assert await connect(connector, port) == "127.0.0.1"


async def test_who_gives_up_does_not_end_the_lookup_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire.listening() as (_, port):
        names = Names(monkeypatch, "127.0.0.1")
        connector = Connector(tls=False)
        first, second = (asyncio.create_task(connect(connector, port)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == "127.0.0.1"
        assert names.asked == 1
