"""The relay's listener: what becomes of heads that never end."""

import asyncio
import socket

import pytest

from relayproxy.relay.answers import Answer, page
from relayproxy.relay.listener import server
from relayproxy.relay.listener.protocol import Request, Unreadable
from tests.patience import PATIENCE


async def _never(request: Request) -> Answer:
    raise AssertionError(request)


@pytest.mark.parametrize("head", [b"GET /ws?token=Bearer-aaa HTTP/1.1\r\nX-Twilio-Signature: abc\r\n", b"GET /w", b""])
async def test_a_head_that_does_not_end_is_answered_408_and_counted(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT", 0.1)
    told: list[Unreadable] = []
    listener = server.Listener(_never, lambda _, found: told.append(found), "127.0.0.1:0", None, 1000)
    await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listener.url.rpartition(":")[2]))
    writer.write(head)
    try:
        answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    writer.close()
    await listener.close()
    if not head:
        # A health check's or a browser's connection ahead of need: no request, so nothing to answer or to count.
        assert (answer, told) == (b"", [])
        return
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"the head of the request had not ended after 0.1 s" in answer
    assert b"aaa" not in answer
    (one,) = told
    assert (one.reason, one.status, one.signed) == ("timeout", 408, b"Signature" in head)
    assert "aaa" not in one.target


async def test_many_that_come_at_once_with_whole_heads_are_all_answered() -> None:
    async def answer(_: Request) -> Answer:
        return page(200, "here")

    listener = server.Listener(answer, lambda *_: None, "127.0.0.1:0", None, 3)
    await listener.start()
    callers = []
    for _ in range(6):
        # Connected by the kernel, and sent, before the listener looks: it takes them all in one go.
        callers.append(socket.create_connection(("127.0.0.1", int(listener.url.rpartition(":")[2]))))
        callers[-1].sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    for caller in callers:
        caller.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=caller)
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readline())[:12] == b"HTTP/1.1 200"
        writer.close()
    await listener.close()


async def test_of_requests_that_come_at_once_one_is_handled_in_a_round_of_the_event_loop() -> None:
    """So that a message of a call waits for one handshake, and not for all of them."""
    rounds = 0
    handled: list[int] = []
    loop = asyncio.get_running_loop()

    def count() -> None:
        nonlocal rounds
        rounds += 1
        counting[0] = loop.call_soon(count)

    async def answer(_: Request) -> Answer:
        handled.append(rounds)
        return page(200, "here")

    counting = [loop.call_soon(count)]
    listener = server.Listener(answer, lambda *_: None, "127.0.0.1:0", None, 20)
    await listener.start()
    callers = [socket.create_connection(("127.0.0.1", int(listener.url.rpartition(":")[2]))) for _ in range(20)]
    for caller in callers:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    callers.pop(10).close()
    async with asyncio.timeout(PATIENCE):
        while len(handled) < 19:  # noqa: ASYNC110 (every turn of the loop is looked at)
            await asyncio.sleep(0)
    counting[0].cancel()
    assert len(set(handled)) == len(handled)
    for caller in callers:
        caller.close()
    await listener.close()


async def test_who_has_connected_is_pending_until_the_request_is_handled() -> None:
    handled = asyncio.Event()

    async def answer(_: Request) -> Answer:
        handled.set()
        return page(200, "here")

    listener = server.Listener(answer, lambda *_: None, "127.0.0.1:0", None, 3)
    await listener.start()

    def pending() -> bool:
        return listener.pending

    caller = socket.create_connection(("127.0.0.1", int(listener.url.rpartition(":")[2])))
    while not pending():  # noqa: ASYNC110 (every turn of the loop is looked at)
        await asyncio.sleep(0)
    caller.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    while not handled.is_set():
        assert pending()
        await asyncio.sleep(0)
    assert not pending()
    caller.close()
    await listener.close()


async def test_heads_that_do_not_end_make_room_for_those_that_do() -> None:
    async def answer(_: Request) -> Answer:
        return page(200, "here")

    told: list[Unreadable] = []
    listener = server.Listener(answer, lambda _, found: told.append(found), "127.0.0.1:0", None, 3)
    await listener.start()
    port = int(listener.url.rpartition(":")[2])
    halves = []
    for number in range(5):
        halves.append(await asyncio.open_connection("127.0.0.1", port))
        halves[-1][1].write(b"GET /%d" % number)
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        assert [(await reader.readline())[:12] for reader, _ in halves[:2]] == [b"HTTP/1.1 503"] * 2
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        assert (await reader.readline())[:12] == b"HTTP/1.1 200"
        assert len(told) == 2, "a whole head takes nobody's place"
        halves.append(await asyncio.open_connection("127.0.0.1", port))
        assert (await halves[2][0].readline())[:12] == b"HTTP/1.1 503"
    assert [(one.reason, one.status) for one in told] == [("timeout", 503)] * 3
    for _, open_one in (*halves, (reader, writer)):
        open_one.close()
    await listener.close()


async def test_heads_that_do_not_end_take_no_more_memory_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADS", 100_000)
    told: list[Unreadable] = []
    listener = server.Listener(_never, lambda _, found: told.append(found), "127.0.0.1:0", None, 1000)
    await listener.start()
    port = int(listener.url.rpartition(":")[2])
    halves = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    for _, half in halves:
        half.write(b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
    async with asyncio.timeout(PATIENCE):
        assert [(await reader.readline())[:12] for reader, _ in halves[:2]] == [b"HTTP/1.1 503"] * 2
    assert [(one.reason, one.status) for one in told] == [("timeout", 503)] * 2
    for _, half in halves:
        half.close()
    await listener.close()


async def test_a_request_that_fails_is_answered_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    listener = server.Listener(_never, lambda *_: None, "127.0.0.1:0", None, 3)
    await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listener.url.rpartition(":")[2]))
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")
    writer.close()
    await listener.close()
    assert "AssertionError" in caplog.text


async def test_a_caller_that_hangs_up_ends_what_is_done_for_it() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: Request) -> Answer:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    listener = server.Listener(wait, lambda *_: None, "127.0.0.1:0", None, 3)
    await listener.start()
    _, writer = await asyncio.open_connection("127.0.0.1", int(listener.url.rpartition(":")[2]))
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
        writer.close()
        await ended.wait()
    await listener.close()


@pytest.mark.parametrize(("host", "peer"), [("127.0.0.1", "127.0.0.1:{}"), ("::1", "[::1]:{}")])
async def test_a_socket_for_ipv6_and_ipv4_tells_callers_by_their_own_address(host: str, peer: str) -> None:
    seen: list[tuple[str, str]] = []

    async def look(request: Request) -> Answer:
        seen.append((request.connection.address, request.connection.peer))
        return page(200, "here")

    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    listener = server.Listener(look, lambda *_: None, "[::]:0", None, 3, [both])
    await listener.start()
    reader, writer = await asyncio.open_connection(host, both.getsockname()[1])
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        await reader.read()
    assert seen == [(host, peer.format(writer.get_extra_info("sockname")[1]))]
    writer.close()
    await listener.close()
