"""Stopping: calls that live may end; new ones are refused."""

import asyncio
import json
import socket
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGSTOP, SIGTERM

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError

from relayproxy.journal.segments import journal_paths, life_shown_at, writer_is_alive
from relayproxy.relay.process import LIFE, SAME_SIGNAL
from relayproxy.signals import REPLACED
from tests.patience import PATIENCE
from tests.relay.test_process_websockets import call, echo, relayed
from tests.relay.tls import Tls
from tests.running import Running, relay, running
from tests.wire import REQUEST, listening


async def refuses(process: Running) -> None:
    """Until the listening socket is gone."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection(process.host, process.port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue  # it was still in the queue when the listening socket went
            writer.close()
            await asyncio.sleep(0.01)


async def test_sigterm_lets_a_live_call_end_by_itself_and_refuses_new_ones() -> None:
    async with relayed() as process, call(process) as connection:
        process.signal(SIGTERM)
        await refuses(process)
        await connection.send("the call goes on")
        assert await connection.recv() == "the call goes on"
        await connection.close()
        assert await asyncio.to_thread(process.wait) == 0


async def test_a_draining_relay_takes_no_call_on_a_connection_that_was_open_before() -> None:
    async with relayed() as process, call(process) as connection:
        reader, writer = await asyncio.open_connection(process.host, process.port)
        writer.write(REQUEST[:40])
        await writer.drain()
        await connection.send("so that the relay has seen both")
        await connection.recv()
        process.signal(SIGTERM)
        await refuses(process)
        writer.write(REQUEST[40:])
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        writer.close()
        await connection.close()
        assert await asyncio.to_thread(process.wait) == 0


async def test_one_that_is_replaced_takes_the_calls_of_connections_that_it_has_accepted() -> None:
    async with relayed() as process, call(process) as connection:
        reader, writer = await asyncio.open_connection(process.host, process.port)
        writer.write(REQUEST[:40])
        await writer.drain()
        await connection.send("so that the relay has seen both")
        await connection.recv()
        process.signal(REPLACED)
        await refuses(process)
        writer.write(REQUEST[40:])
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 101 ")
        process.signal(SIGTERM)  # of a supervisor that stops, which is no second signal
        await connection.send("the call goes on")
        assert await connection.recv() == "the call goes on"
        writer.close()
        await connection.close()
        assert await asyncio.to_thread(process.wait) == 0


async def test_one_that_is_replaced_waits_for_tls_handshakes_that_have_begun(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    files = {"tls_cert": str(tls.cert), "tls_key": str(tls.key)}
    async with serve(echo, "127.0.0.1", 0) as server:
        with relay(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", **files) as process:
            with socket.create_connection((process.host, process.port)) as begun:
                url = f"wss://127.0.0.1:{process.port}"
                async with connect(url, ssl=tls.client, proxy=None):
                    pass  # what has come before it was accepted before it
                process.signal(REPLACED)
                await refuses(process)
                async with connect(url, ssl=tls.client, proxy=None, sock=begun) as connection:
                    await connection.send("in time")
                    assert await connection.recv() == "in time"
            process.signal(SIGINT)
            assert await asyncio.to_thread(process.wait) == 0


async def test_one_that_is_replaced_closes_its_calls_at_sigint() -> None:
    async with relayed() as process, call(process) as connection:
        process.signal(REPLACED)
        await refuses(process)
        process.signal(SIGINT)
        with pytest.raises(ConnectionClosedError):
            await connection.recv()
        assert await asyncio.to_thread(process.wait) == 0


async def test_a_second_sigterm_does_not_wait_for_a_backend_that_says_nothing() -> None:
    with listening() as (server, port), relay(f"ws://127.0.0.1:{port}", connect_timeout=300) as process:
        reader, writer = await asyncio.open_connection(process.host, process.port)
        writer.write(REQUEST)
        backend = (await asyncio.to_thread(server.accept))[0]
        process.signal(SIGTERM)
        await refuses(process)
        await asyncio.sleep(SAME_SIGNAL)
        process.signal(SIGTERM)
        assert await reader.read() == b""
        assert await asyncio.to_thread(process.wait) == 0
        writer.close()
        backend.close()


async def test_after_the_drain_timeout_calls_are_closed_without_an_invented_frame() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        with relay(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", drain_timeout=0.2) as process:
            async with connect(f"ws://127.0.0.1:{process.port}", proxy=None) as connection:
                process.signal(SIGTERM)
                with pytest.raises(ConnectionClosedError) as closed:
                    await connection.recv()
                assert closed.value.rcvd is None
            assert await asyncio.to_thread(process.wait) == 0


async def test_a_second_sigterm_closes_at_once() -> None:
    async with relayed() as process, call(process) as connection:
        process.signal(SIGTERM)
        await refuses(process)
        process.signal(SIGTERM)  # the same again, as systemd and a supervisor do
        await connection.send("the call goes on")
        assert await connection.recv() == "the call goes on"
        await asyncio.sleep(SAME_SIGNAL)
        process.signal(SIGTERM)
        with pytest.raises(ConnectionClosedError):
            await connection.recv()
        assert await asyncio.to_thread(process.wait) == 0


async def test_calls_pass_while_the_data_folder_cannot_be_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("data")
    (folder / "journal").write_text("a file where the folder should be")
    async with serve(echo, "127.0.0.1", 0) as server:
        backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with running("relay", data_dir=folder, listen="127.0.0.1:0", backend=backend) as process:
            async with connect(f"ws://127.0.0.1:{process.port}", proxy=None) as connection:
                await connection.send("hello")
                assert await connection.recv() == "hello"
            assert "the journal cannot be written" in process.log.read_text()


async def test_a_relay_that_is_stopped_shows_no_life_until_it_goes_on() -> None:
    async def shows_life(patience: float) -> bool:
        before = life_shown_at(path)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while life_shown_at(path) == before:  # noqa: ASYNC110 (a file tells nobody that it changes)
                    await asyncio.sleep(0.02)
        return life_shown_at(path) != before

    async with relayed() as process:
        [path] = journal_paths(process.data_dir / "journal")
        assert await shows_life(30)
        process.signal(SIGSTOP)
        try:
            assert writer_is_alive(path)
            assert not await shows_life(2 * LIFE)
        finally:
            process.signal(SIGCONT)
        assert await shows_life(30)


def readyz(process: Running) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{process.url}/.relayproxy/readyz", timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)["status"]
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, json.load(answer)["status"]


async def test_for_the_drain_delay_a_load_balancer_is_told_and_calls_are_still_taken() -> None:
    async with serve(echo, "127.0.0.1", 0) as server:
        with relay(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", drain_delay=600) as process:
            assert await asyncio.to_thread(readyz, process) == (200, "ready")
            process.signal(SIGTERM)
            async with asyncio.timeout(PATIENCE):
                while await asyncio.to_thread(readyz, process) != (503, "draining"):
                    pass
            async with call(process) as connection:
                await connection.send("still taken")
                assert await connection.recv() == "still taken"
            await asyncio.sleep(SAME_SIGNAL)
            process.signal(SIGTERM)
            assert await asyncio.to_thread(process.wait) == 0
