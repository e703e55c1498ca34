"""Requests to real endpoints that take them, refuse, hang, break off or are not there."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from relayproxy.alerts import webhooks
from relayproxy.alerts.payloads import SIGNATURE
from relayproxy.alerts.webhooks import LONGEST_PAUSE, PAUSES, Answer, new_client, pause_after, post, retry_after
from relayproxy.settings.alerts import Endpoint
from tests.alerts.test_payloads import NOTICE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def endpoint(handler: Handler) -> AsyncIterator[Endpoint]:
    app = web.Application()
    app.router.add_post("/services/nightingale", handler)
    async with TestServer(app) as server:
        yield Endpoint("ops", "generic", str(server.make_url("/services/nightingale")), "s3cret")


async def answer_of(handler: Handler) -> Answer:
    async with endpoint(handler) as one, new_client() as client:
        return await post(client, one, NOTICE)


async def test_what_is_sent_arrives_signed() -> None:
    seen: list[tuple[bytes, str]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((await request.read(), request.headers[SIGNATURE]))
        return web.Response(status=202)

    assert await answer_of(take) == Answer(True, "answered 202")
    ((body, signature),) = seen
    assert b'"alert":"slow"' in body
    assert signature.startswith("v1=")


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500, 503])
async def test_another_answer_is_none(status: int) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status, text="nightingale", headers={"Location": "/elsewhere"})

    assert await answer_of(refuse) == Answer(False, f"answered {status}")


async def test_an_endpoint_may_ask_for_a_pause() -> None:
    async def later(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "120"})

    assert await answer_of(later) == Answer(False, "answered 429", 120.0)


async def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.2)
    left = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await left.wait()
        return web.Response()

    async with endpoint(hang) as one, new_client() as client:
        assert await post(client, one, NOTICE) == Answer(False, "no answer within 0.2 s")
        left.set()


async def test_one_that_breaks_off_or_is_not_there_is_told_without_its_url() -> None:
    async def drop(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    broken = await answer_of(drop)
    async with new_client() as client:
        nobody = Endpoint("ops", "generic", f"http://127.0.0.1:{unused_port()}/services/nightingale", None)
        refused = await post(client, nobody, NOTICE)
    for answer in (broken, refused):
        assert not answer.ok
        assert "nightingale" not in answer.words
    assert broken.words.startswith("the connection failed (")
    assert refused.words == "cannot be reached (Connection refused)"


async def test_one_that_speaks_no_tls_is_told_as_that() -> None:
    async def take(_: web.Request) -> web.Response:
        return web.Response()

    async with endpoint(take) as one, new_client() as client:
        https = dataclasses.replace(one, url=one.url.replace("http://", "https://"))
        words = (await post(client, https, NOTICE)).words
    assert words.startswith("cannot be reached (no TLS: ")
    assert "permitted" not in words


def test_pauses_grow_and_end() -> None:
    bad = Answer(False, "answered 503")

    assert [pause_after(attempts, bad) for attempts in range(1, len(PAUSES) + 2)] == [*PAUSES, None]
    assert pause_after(1, Answer(False, "", 120.0)) == 120.0
    assert pause_after(4, Answer(False, "", 1.0)) == PAUSES[3]
    assert pause_after(1, Answer(False, "", 1e9)) == LONGEST_PAUSE


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("30", 30.0),
        ("soon", None),
        ("-5", None),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
    ],
)
def test_a_pause_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 1_800_000_000) == seconds
