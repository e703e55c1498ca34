"""What is answered when there is no call, held against raw sockets and `websockets`."""

import contextlib
import json
import socket
import urllib.request
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request

from relayproxy.connection import Ending, Opening
from relayproxy.journal.format import EntryKind
from relayproxy.journal.refused import read_refused
from relayproxy.journal.segments import journal_paths
from tests import wire
from tests.relay.raw import ask, echo, is_not_dialled, journal
from tests.running import Running, relay, running


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n", 426),
        (wire.REQUEST.replace(b"GET ", b"POST "), 426),
        (wire.REQUEST.replace(b"/relay/fixture", b"http://h/.relayproxy/other"), 404),
        (wire.REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"), 426),
        (wire.REQUEST.replace(b"Upgrade: websocket\r\n", b""), 426),
        (
            wire.REQUEST.replace(b"\r\n\r\n", b"\r\nVia: 1.1 relayproxy-1" + b", 1.1 relayproxy-1" * 7 + b"\r\n\r\n"),
            508,
        ),
        (wire.REQUEST.replace(b"/relay/fixture", b"/.relayproxy/other"), 404),
        (wire.REQUEST.replace(b"/relay/fixture", b"/\xff"), 400),
        (wire.REQUEST.replace(b"X-Accent: caf\xc3\xa9", b"Content-Length: 3") + b"abc", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (wire.REQUEST.replace(b"Host: phone.example.net", b"Host: a\r\nHost: b"), 400),
    ],
)
def test_what_is_no_call_is_answered_without_dialling(
    request_head: bytes, status: int, relayed: tuple[socket.socket, Running]
) -> None:
    server, process = relayed
    head, _ = ask(process.port, request_head)
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) or head.startswith(f"HTTP/1.0 {status} ".encode()), head
    is_not_dialled(server)


@pytest.mark.parametrize("target", [b"/x?", b"/?", b"//x", b"/a/../b/./c?d=%7e&e=+%20", b"/%2e%2e/%00"])
def test_targets_that_libraries_like_to_tidy_arrive_as_they_are(
    target: bytes, relayed: tuple[socket.socket, Running]
) -> None:
    server, process = relayed
    with wire.connect(process.port) as twilio:
        twilio.sendall(wire.REQUEST.replace(b"/relay/fixture?b=2&a=%7e1", target))
        with server.accept()[0] as backend:
            assert wire.receive_head(backend).startswith(b"GET " + target + b" HTTP/1.1\r\n")


def test_of_an_absolute_target_the_configured_backend_gets_path_and_query(
    relayed: tuple[socket.socket, Running],
) -> None:
    server, process = relayed
    with wire.connect(process.port) as twilio:
        twilio.sendall(wire.REQUEST.replace(b"/relay/fixture", b"http://169.254.169.254/latest"))
        with server.accept()[0] as backend:
            head = wire.receive_head(backend)
    assert head.startswith(b"GET /latest?b=2&a=%7e1 HTTP/1.1\r\nHost: phone.example.net\r\n")


def test_nothing_gets_out_of_a_backends_path() -> None:
    with relay("ws://127.0.0.1:1/agents/one") as process:
        head, body = ask(process.port, wire.REQUEST.replace(b"/relay/fixture", b"/%2e%2e/two"))
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"does not climb out of the backend's" in body


def test_the_session_tells_the_url_that_was_really_dialled(tmp_path: Path) -> None:
    with (
        wire.listening() as (server, port),
        running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{port}/ws") as process,
    ):
        with wire.connect(process.port) as twilio:
            twilio.sendall(wire.REQUEST.replace(b"/relay/fixture?b=2&a=%7e1", b"/?token=abc"))
            with server.accept()[0] as backend:
                assert wire.receive_head(backend).startswith(b"GET /ws?token=abc HTTP/1.1\r\n")
        process.stop()
    opening = msgspec.json.decode(journal(tmp_path)[0].body, type=Opening)
    assert opening.backend == f"ws://127.0.0.1:{port}/ws?token=<redacted>"
    assert opening.target == "/?token=<redacted>"


def test_the_session_tells_senders_apart_and_holds_no_signature(tmp_path: Path) -> None:
    forged = wire.REQUEST.replace(b"c2lnbmF0dXJl", b"Zm9yZ2VkLi4u")
    bare = wire.REQUEST.replace(b"X-Twilio-Signature: c2lnbmF0dXJl", b"X-Forwarded-For: 198.51.100.1, 203.0.113.9")
    with running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend="ws://127.0.0.1:1") as process:
        for request in (wire.REQUEST, wire.REQUEST, forged, bare):
            assert ask(process.port, request)[0].startswith(b"HTTP/1.1 502 ")
        process.stop()
    entries = [entry for entry in journal(tmp_path) if entry.kind is EntryKind.OPENING]
    openings = [msgspec.json.decode(entry.body, type=Opening) for entry in entries]
    digests = [one.signature_digest for one in openings]
    assert digests[0] == digests[1] != digests[2]
    assert digests[3] is None
    assert [one.caller for one in openings] == ["127.0.0.1"] * 3 + ["203.0.113.9"]
    assert not any(b"c2lnbmF0" in entry.body or b"Zm9yZ2Vk" in entry.body for entry in entries)


def test_a_request_that_comes_back_is_refused_the_first_time(tmp_path: Path) -> None:
    with wire.listening() as (first, one), wire.listening() as (second, other):
        first.close()
        second.close()
        with (
            running("relay", data_dir=tmp_path / "a", listen=f"127.0.0.1:{one}", backend=f"ws://127.0.0.1:{other}"),
            running("relay", data_dir=tmp_path / "b", listen=f"127.0.0.1:{other}", backend=f"ws://127.0.0.1:{one}"),
        ):
            head, body = ask(one, wire.REQUEST)
    assert head.startswith(b"HTTP/1.1 508 Loop Detected\r\n")
    assert b"has come back to the relay that sent it" in body
    for folder in (tmp_path / "a", tmp_path / "b"):
        assert [entry.kind for entry in journal(folder)] == [EntryKind.OPENING, EntryKind.ENDING]


def test_a_list_of_protocols_with_websocket_in_it_is_an_upgrade_and_nothing_behind_it_is_lost() -> None:
    with (
        wire.listening() as (server, port),
        relay(f"ws://127.0.0.1:{port}") as process,
        wire.connect(process.port) as twilio,
    ):
        request = wire.REQUEST.replace(b"Upgrade: websocket", b"Upgrade: websocket, h2c")
        early = wire.frame(1, b"early", mask=True)
        twilio.sendall(request + early[:4])
        with server.accept()[0] as backend:
            assert b"\r\nUpgrade: websocket\r\n" in wire.receive_head(backend)
            twilio.sendall(early[4:])
            backend.sendall(wire.ANSWER)
            assert wire.receive_head(twilio) == wire.ANSWER
            assert wire.receive(backend, len(early)) == early


async def test_a_strangers_trace_is_not_joined() -> None:
    given = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "a=b"}
    async with backend_headers() as (port, heard):
        with relay(f"ws://127.0.0.1:{port}", trusted_proxies="10.0.0.0/8") as process:
            for _ in range(2):
                async with connect(f"ws://127.0.0.1:{process.port}/", proxy=None, additional_headers=given):
                    pass
    first, second = (one["traceparent"].split("-")[1] for one in heard)
    assert len({first, second, given["traceparent"].split("-")[1]}) == 3
    assert "tracestate" not in heard[0]


def test_an_attempt_that_the_caller_gives_up_is_recorded(tmp_path: Path) -> None:
    with (
        wire.listening() as (server, port),
        running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{port}") as process,
    ):
        twilio = wire.connect(process.port)
        twilio.sendall(wire.REQUEST)
        with server.accept()[0] as backend:
            wire.receive_head(backend)
            twilio.close()
            assert wire.how_it_ends(backend) in ("eof", "reset")
        process.stop()
    opening, ending = journal(tmp_path)
    assert b"the caller was gone before the backend had answered" in opening.body
    assert msgspec.json.decode(ending.body, type=Ending).first == "twilio"


def test_health_tells_the_truth() -> None:
    with relay("ws://127.0.0.1:1") as process:
        with urllib.request.urlopen(f"{process.url}/.relayproxy/healthz") as page:
            assert (page.status, page.read()) == (HTTPStatus.OK, b"ok\n")
        with urllib.request.urlopen(f"{process.url}/.relayproxy/readyz") as page:
            assert json.load(page) == {"status": "ready", "journal": "ok", "live_calls": 0}


async def test_the_backend_learns_trace_and_public_address_from_headers() -> None:
    async with backend_headers() as (port, heard):
        with relay(f"ws://127.0.0.1:{port}", public_url="wss://relay.example.com/base") as process:
            async with connect(f"ws://127.0.0.1:{process.port}/", proxy=None):
                pass
        with relay(f"ws://127.0.0.1:{port}", traceparent=False) as process:
            async with connect(f"ws://127.0.0.1:{process.port}/", proxy=None):
                pass
            given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            async with connect(
                f"ws://127.0.0.1:{process.port}/", proxy=None, additional_headers={"traceparent": given}
            ):
                pass
    first, second, third = heard
    assert first["traceparent"].endswith("-01")
    assert (first["X-Forwarded-Host"], first["X-Forwarded-Proto"]) == ("relay.example.com", "https")
    assert first["traceparent"].startswith("00-")
    assert "traceparent" not in second
    assert second["X-Forwarded-Host"] == f"127.0.0.1:{process.port}"
    assert third["traceparent"] == given


async def test_the_backend_learns_whether_the_trace_is_sampled() -> None:
    async with backend_headers() as (port, heard):
        with relay(f"ws://127.0.0.1:{port}", otel__sampler="always_off") as process:
            async with connect(f"ws://127.0.0.1:{process.port}/", proxy=None):
                pass
    assert heard[0]["traceparent"].endswith("-00")


@contextlib.asynccontextmanager
async def backend_headers() -> AsyncIterator[tuple[int, list[dict[str, str]]]]:
    """A `websockets` server that remembers the headers of each handshake."""
    heard: list[dict[str, str]] = []

    def listen(connection: ServerConnection, request: Request) -> None:
        heard.append(
            {name.lower() if name == "traceparent" else name: value for name, value in request.headers.raw_items()}
        )

    async with serve(echo, "127.0.0.1", 0, process_request=listen) as server:
        yield server.sockets[0].getsockname()[1], heard


def test_of_a_route_without_recording_nothing_is_taped_and_its_calls_are_counted(tmp_path: Path) -> None:
    with (
        wire.listening() as (server, port),
        running(
            "relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=f"ws://127.0.0.1:{port}", record="none"
        ) as process,
    ):
        for _ in range(2):
            with wire.connect(process.port) as twilio:
                twilio.sendall(wire.REQUEST)
                with server.accept()[0] as backend:
                    wire.receive_head(backend)
                    backend.sendall(wire.ANSWER)
                    assert wire.receive_head(twilio) == wire.ANSWER
                    twilio.sendall(wire.frame(1, b"4111", mask=True))
                    assert len(wire.receive(backend, 10)) == 10
        with wire.connect(process.port) as stranger:
            stranger.sendall(b"GET /%2B15550100001/jane%40example.com HTTP/1.1\r\nHost: h\r\n\r\n")
            assert wire.receive_head(stranger).startswith(b"HTTP/1.1 426 ")
        with wire.connect(process.port) as twilio:
            twilio.sendall(wire.REQUEST.replace(b"GET /", b"GET /r/quagmire/jane?x=", 1))
            with server.accept()[0] as backend:
                wire.receive_head(backend)
                backend.sendall(wire.ANSWER)
                assert wire.receive_head(twilio) == wire.ANSWER
        [folder] = journal_paths(tmp_path / "journal")
        process.stop()
        counts = {one.last.reason: one for one in read_refused(folder)}
        unknown = counts["unknown_route"].last
        assert (unknown.peer, unknown.target) == ("-", "")
        assert "quagmire" not in unknown.words + process.log.read_text()
        assert counts["no_upgrade"].last.target == "/%2B…/…"
        counted = counts["not_recorded"]
        assert (counted.count, counted.last.reason, counted.last.target, counted.last.peer) == (
            3, "not_recorded", "", "-",
        )  # fmt: skip
        assert journal(tmp_path) == []
    assert "nothing is recorded of calls over default" in process.log.read_text()
