"""Everything goes on as it came, to an endpoint that may refuse, hang or be away; and never in a circle."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from aiohttp import web

from relayproxy.receiver import passing_on as module
from relayproxy.receiver.passing_on import VIA, Parcel, PassingOn
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import Signal, otlp_export
from tests.patience import PATIENCE
from tests.telemetry.spans import json, json_span, proto_span, protobuf

BODY = gzip.compress(json(json_span(1)), mtime=0)
PARCEL = Parcel("traces", BODY, "application/json; charset=utf-8", "gzip", inflated=json(json_span(1)))
Answer = Callable[[int], Awaitable[web.Response]]


async def _ok(_: int) -> web.Response:
    return web.Response()


class Endpoint:
    """Takes requests, and keeps them."""

    def __init__(self, answer: Answer) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.came = asyncio.Semaphore(0)
        self.answer = answer
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.taken.append(
            (request.path, {name.title(): value for name, value in request.headers.items()}, await request.read())
        )
        self.came.release()
        return await self.answer(len(self.taken))


@asynccontextmanager
async def endpoint(answer: Answer = _ok) -> AsyncIterator[Endpoint]:
    found, app = Endpoint(answer), web.Application()
    app.router.add_post("/{path:.*}", found.handle)
    runner = web.AppRunner(app, auto_decompress=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


def to(
    url: str, signals: tuple[Signal, ...] = ("traces",), environ: dict[str, str] | None = None, **otel: Any
) -> PassingOn:
    ways = {signal: otlp_export(Otel(endpoint=url, **otel), signal, environ or {}) for signal in signals}
    return PassingOn({signal: way for signal, way in ways.items() if way is not None})


@asynccontextmanager
async def started(passing_on: PassingOn) -> AsyncIterator[PassingOn]:
    await passing_on.start()
    yield passing_on
    await passing_on.stop()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.01, 0.02))


async def test_every_byte_and_the_headers_that_matter_arrive() -> None:
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20key"}
    async with endpoint() as one, started(to(one.url, ("traces", "metrics", "logs"), headers)) as passing_on:
        passing_on.put(PARCEL)
        passing_on.put(Parcel("logs", b"\0\xff", "application/x-protobuf"))
        await until(lambda: passing_on.sent == 2)

    traces, logs = sorted(one.taken, key=lambda taken: taken[0], reverse=True)
    assert (traces[0], traces[2]) == ("/v1/traces", BODY)
    assert (traces[1]["Content-Type"], traces[1]["Content-Encoding"]) == ("application/json; charset=utf-8", "gzip")
    assert (logs[0], logs[2], logs[1]["Content-Type"]) == ("/v1/logs", b"\0\xff", "application/x-protobuf")
    assert "Content-Encoding" not in logs[1]
    assert {taken[1]["Authorization"] for taken in one.taken} == {"Bearer key"}


async def test_a_proxy_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with started(to("http://collector.example.com:4318")) as passing_on:
            passing_on.put(PARCEL)
            await until(lambda: passing_on.sent or passing_on.failed)

    (taken,) = proxy.taken
    assert (taken[1]["Host"], taken[2]) == ("collector.example.com:4318", BODY)


async def test_without_an_endpoint_for_it_nothing_is_taken() -> None:
    assert not PassingOn({}).put(PARCEL)
    assert not to("http://127.0.0.1:9").put(Parcel("logs", b"", "application/json"))


@pytest.mark.parametrize(("status", "pause"), [(429, "0"), (502, "0"), (503, "²"), (504, "soon")])
async def test_what_may_pass_is_tried_again(status: int, pause: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def second(count: int) -> web.Response:
        return web.Response(status=status if count < 3 else 200, headers={"Retry-After": pause})

    async with endpoint(second) as one, started(to(one.url)) as passing_on:
        passing_on.put(PARCEL)
        await until(lambda: passing_on.sent)

    assert len(one.taken) == 3
    assert (passing_on.failed, passing_on.trouble) == (0, None)
    said = [record.levelname for record in caplog.records if record.name == module.__name__]
    assert said == ["WARNING", "INFO"]


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (400, 1), (401, 1), (413, 1), (301, 1)])
async def test_what_does_not_pass_is_counted_and_said_once(
    status: int, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(_: int) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with endpoint(refuse) as one, started(to(f"{one.url}/?key=nightingale")) as passing_on:
        for _ in range(3):
            passing_on.put(PARCEL)
        await until(lambda: passing_on.failed == 3)

    assert (len(one.taken), passing_on.sent, passing_on.trouble) == (3 * tries, 0, f"HTTP {status}")
    assert len([record for record in caplog.records if record.name == module.__name__]) == 1
    assert "nightingale" not in caplog.text


async def test_a_header_that_cannot_be_sent_holds_nothing_up() -> None:
    async with endpoint() as one, started(to(one.url)) as passing_on:
        for _ in range(module.WORKERS + 1):
            passing_on.put(Parcel("traces", BODY, "application/json\r\nX: y"))
        passing_on.put(PARCEL)
        await until(lambda: passing_on.sent)

    assert passing_on.failed == module.WORKERS + 1


async def test_an_endpoint_that_is_away_is_tried_again() -> None:
    async with started(to("http://127.0.0.1:1")) as passing_on:
        passing_on.put(PARCEL)
        await until(lambda: passing_on.failed)

    assert passing_on.trouble == "ClientConnectorError"


async def test_one_that_hangs_does_not_hold_up_who_puts_or_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SHUTDOWN", 0.1)
    monkeypatch.setattr(module, "MAX_PARCELS", 10)
    hanging = asyncio.Event()

    async def hang(_: int) -> web.Response:
        await hanging.wait()
        return web.Response()

    async with endpoint(hang) as one:
        async with started(to(one.url)) as passing_on:
            for _ in range(module.WORKERS):
                passing_on.put(PARCEL)
            for _ in range(module.WORKERS):
                await one.came.acquire()
            for _ in range(20):
                assert passing_on.put(PARCEL)
            assert passing_on.dropped == 10
        hanging.set()

    assert "14 requests had not been passed on at the end" in caplog.text


async def test_what_comes_back_is_not_passed_on_again() -> None:
    async with endpoint() as one, started(to(one.url)) as passing_on:
        passing_on.put(Parcel("traces", BODY, "application/json", via="abc"))
        await until(lambda: passing_on.sent)
        via = one.taken[0][1][VIA.title()]
        assert via.startswith("abc,")

        assert passing_on.put(Parcel("traces", BODY, "application/json", via=via))
        assert (passing_on.dropped, passing_on._next()) == (1, None)


async def test_over_grpc_the_message_is_the_same_and_json_is_counted() -> None:
    taken: list[bytes] = []

    def export(body: bytes, context: Any) -> bytes:
        taken.append(body)
        assert dict(context.invocation_metadata())["authorization"] == "Bearer key"
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    handler = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handler),))
    url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20key"}
    body = protobuf(proto_span(1))
    async with started(to(url, environ=headers, protocol="grpc")) as passing_on:
        passing_on.put(Parcel("traces", gzip.compress(body), "application/x-protobuf", "gzip", inflated=body))
        passing_on.put(PARCEL)
        await until(lambda: passing_on.sent and passing_on.failed)
        server.stop(None).wait()
        passing_on.put(Parcel("traces", body, "application/x-protobuf", inflated=body))
        await until(lambda: passing_on.failed == 2)

    assert taken == [body]
    assert passing_on.trouble == "gRPC UNAVAILABLE"
