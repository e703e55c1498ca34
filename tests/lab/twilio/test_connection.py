"""A connection of the simulated Twilio on a real wire, seen by another WebSocket implementation."""

import asyncio
import socket
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import web
from websockets.asyncio.server import serve

from relayproxy.lab.twilio.call import SimulatedCall
from relayproxy.signature import sign
from tests.lab.backend import Backend, backend
from tests.lab.twilio.dialling import answer_101, dial, listens, made_by
from tests.patience import PATIENCE


async def test_the_handshake() -> None:
    heads: list[list[tuple[str, str]]] = []
    paths: list[str] = []

    async def talk(peer: Backend) -> None:
        assert peer.connection.request is not None
        heads.append(list(peer.connection.request.headers.raw_items()))
        paths.append(peer.connection.request.path)
        await peer.closed()

    async with backend(talk) as peer:
        public = "wss://phone.example.net/relay/fixture?b=2&a=%7E1"
        result = await dial(
            peer.url + "/fixture?b=2&a=%7E1",
            public_url=public,
            auth_token="token",
            headers=(("X-Forwarded-Proto", "https"),),
        )
    assert result.status == 101
    assert paths == ["/fixture?b=2&a=%7E1"]
    [head] = heads
    assert [name for name, _ in head] == [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
        "User-Agent",
        "Cache-Control",
        "Pragma",
        "Accept-Encoding",
        "X-Twilio-Signature",
        "x-amzn-bedrock-agentcore-runtime-custom-twilio-signature",
        "X-Forwarded-Proto",
    ]
    values = dict(head)
    assert values["Host"] == "phone.example.net"
    assert values["User-Agent"] == "Jetty/11.0.24"
    assert values["X-Twilio-Signature"] == sign(public, "token")
    assert values["x-amzn-bedrock-agentcore-runtime-custom-twilio-signature"] == sign(public, "token")


async def test_setup_comes_first_and_frames_are_compact_text() -> None:
    async def talk(peer: Backend) -> None:
        await peer.closed()

    async with backend(talk) as peer:
        result = await dial(peer.url, lambda person: person.press("5"))
    caller = result.caller
    assert peer.frames == [
        f'{{"type":"setup","sessionId":"{caller.session_id}","callSid":"{caller.call_sid}","parentCallSid":"",'
        f'"from":"{caller.from_number}","to":"+15550100002","forwardedFrom":"","callerName":"",'
        f'"direction":"inbound","callType":"PSTN","callStatus":"RINGING","accountSid":"{caller.account_sid}",'
        '"customParameters":{"plan":"gold"}}',
        '{"type":"dtmf","digit":"5"}',
    ]
    assert [message.text for message in result.messages] == peer.frames


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1011, "out of order"), (4000, "ours")])
async def test_the_backend_closes(code: int, reason: str) -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        await peer.connection.close(code, reason)

    async with backend(talk) as peer:
        result = await dial(peer.url, listens)
    assert (result.ending, result.close_code, result.close_reason) == ("backend_closed", code, reason)
    assert (result.conversation.studio_transition, result.action["SessionStatus"]) == ("failed", "failed")


async def test_the_backend_is_gone_without_a_word() -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        peer.connection.transport.abort()

    async with backend(talk) as peer:
        result = await dial(peer.url, listens)
    assert (result.ending, result.close_code) == ("backend_dropped", 1006)
    assert result.conversation.outcome == "backend_disconnect"
    assert result.action["CallStatus"] == "in-progress"


async def test_a_line_that_vanishes_is_a_reset() -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer_101(reader, writer)
        try:
            while await reader.read(1000):
                pass
            seen.put_nowait("end of stream")
        except ConnectionResetError:
            seen.put_nowait("reset")
        writer.close()

    async def vanish(made: SimulatedCall) -> None:
        made.drop()

    async with await asyncio.start_server(raw, "127.0.0.1", 0) as server:
        result = await made_by(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", vanish)
        assert await asyncio.wait_for(seen.get(), PATIENCE) == "reset"
    assert (result.ending, result.close_code) == ("vanished", None)


async def test_a_refusal() -> None:
    async def refuse(connection: Any, request: Any) -> Any:
        return connection.respond(403, "no")

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as server:
        result = await dial(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")
    assert (result.ending, result.status, result.conversation.outcome) == ("refused", 403, "backend_connect_failed")
    assert result.problem == "handshake answered with 403"
    assert result.action["ErrorCode"] == "64102"


async def test_a_redirect_is_not_followed() -> None:
    visits: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        visits.append(request.path)
        raise web.HTTPFound("/elsewhere")

    app = web.Application()
    app.router.add_get("/{path:.*}", redirect)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    result = await dial(f"ws://127.0.0.1:{runner.addresses[0][1]}/here", auth_token="token")
    await runner.cleanup()
    assert (result.ending, result.status) == ("refused", 302)
    assert visits == ["/here"]


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    result = await dial(f"ws://127.0.0.1:{port}")
    assert (result.ending, result.status) == ("unreachable", None)
    assert result.problem


async def test_tls_is_verified() -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def talk(connection: Any) -> None:
        await connection.wait_closed()

    async with serve(talk, "127.0.0.1", 0, ssl=server_side) as server:
        url = f"wss://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        assert (await dial(url, ssl=trusting)).ending == "hung_up"
        assert (await dial(url)).ending == "unreachable"


async def test_pings_are_answered_and_big_messages_taken() -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("setup")
        await (await peer.connection.ping(b"are you there"))
        await peer.send(type="text", token="x" * 5_000_000, last=True, interruptible=True)
        await peer.send(type="end")
        await peer.closed()

    async with backend(talk) as peer:
        result = await dial(peer.url, listens, speed=1e6)
    assert result.ending == "ended"
    assert len(result.received("text")[0]["token"]) == 5_000_000
