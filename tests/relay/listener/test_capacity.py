"""How many connections there may be: as values, and at a relay that refuses those beyond."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from relayproxy.relay.listener.capacity import Capacity
from relayproxy.settings.model import Settings
from tests import wire
from tests.relay.raw import ask, is_not_dialled
from tests.running import relay


def capacity(connections: int = 100, of_one: int = 2, handshakes: int = 3) -> Capacity:
    return Capacity(Settings(max_connections=connections, max_connections_per_peer=of_one, max_handshakes=handshakes))


def reason(of: Capacity, caller: str | None, handshakes: int = 0) -> str | None:
    full = of.exceeded(caller, handshakes)
    return full.reason if full else None


@pytest.mark.parametrize(
    ("others", "caller", "refused"),
    [
        (("203.0.113.9", "203.0.113.9"), "203.0.113.9", True),
        (("203.0.113.9", "203.0.113.9"), "203.0.113.8", False),
        (("203.0.113.9", "::ffff:203.0.113.9"), "203.0.113.9", True),
        (("2001:db8::1", "2001:db8::2"), "2001:db8::ffff:1", True),
        (("2001:db8::1", "2001:db8::2"), "2001:db8:0:1::1", False),
        (("fe80::1%eth0", "fe80::2"), "fe80::3", True),
        ((None, None, None), None, False),
        (("unknown", "unknown"), "unknown", True),
    ],
)
def test_an_address_may_have_so_many_and_a_trusted_proxy_any_number(
    others: tuple[str | None, ...], caller: str | None, refused: bool
) -> None:
    of = capacity()
    with ExitStack() as stack:
        for other in others:
            stack.callback(of.take(other))
        assert (reason(of, caller) == "peer_connections") is refused
    assert reason(of, caller) is None
    assert of.connections == 0


def test_all_together_are_limited_and_so_are_those_that_wait_for_a_backend() -> None:
    of = capacity(connections=2)
    assert reason(of, "203.0.113.9", handshakes=3) == "handshakes"
    releases = [of.take("203.0.113.1"), of.take(None)]
    assert of.full
    assert reason(of, None) == "connections"
    for release in releases:
        release()
    assert not of.full


@contextmanager
def call(port: int, server: socket.socket, headers: bytes = b"") -> Iterator[socket.socket]:
    """A call whose backend has answered; its own end."""
    with wire.connect(port) as twilio:
        twilio.sendall(wire.REQUEST.replace(b"\r\n\r\n", b"\r\n" + headers + b"\r\n") if headers else wire.REQUEST)
        with server.accept()[0] as backend:
            wire.receive_head(backend)
            backend.sendall(wire.ANSWER)
            wire.receive_head(twilio)
            twilio.sendall(b"hello")
            assert wire.receive(backend, 5) == b"hello"
            yield twilio


def from_(address: bytes) -> bytes:
    return b"X-Forwarded-For: " + address + b"\r\n"


def request_from(address: bytes) -> bytes:
    return wire.REQUEST.replace(b"\r\n\r\n", b"\r\n" + from_(address) + b"\r\n")


def test_beyond_its_limits_a_relay_answers_503_and_calls_go_on() -> None:
    with (
        wire.listening() as (server, port),
        relay(f"ws://127.0.0.1:{port}", max_connections=4, max_connections_per_peer=2, max_handshakes=1) as process,
        ExitStack() as calls,
    ):
        for _ in range(2):
            calls.enter_context(call(process.port, server, from_(b"203.0.113.9")))
        head, body = ask(process.port, request_from(b"198.51.100.7, 203.0.113.9"))
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"2 connections of one address are the limit" in body
        is_not_dialled(server)

        # Who connects from a trusted proxy's own address without another one before it is not limited.
        calls.enter_context(call(process.port, server))
        with wire.connect(process.port) as waiting:
            waiting.sendall(wire.REQUEST)
            with server.accept()[0] as backend:
                wire.receive_head(backend)
                ready = json.loads(ask(process.port, b"GET /.relayproxy/readyz HTTP/1.1\r\nHost: h\r\n\r\n")[1])
                assert (ready["status"], ready["limit"]) == ("full", "connections")
                assert b"4 connections, its limit" in ask(process.port, wire.REQUEST)[1]
        last = calls.enter_context(call(process.port, server, from_(b"203.0.113.10")))
        last.sendall(b"still here")


def test_of_requests_that_wait_for_a_backend_there_may_be_so_many() -> None:
    with (
        wire.listening() as (server, port),
        relay(f"ws://127.0.0.1:{port}", max_handshakes=1) as process,
        wire.connect(process.port) as waiting,
    ):
        waiting.sendall(wire.REQUEST)
        with server.accept()[0] as backend:
            wire.receive_head(backend)
            head, body = ask(process.port, wire.REQUEST)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"1 handshake waits for a backend" in body
            backend.sendall(wire.ANSWER)
            wire.receive_head(waiting)
        with call(process.port, server):
            pass
