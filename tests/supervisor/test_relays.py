"""Several relays on one port, and relays that are replaced while calls go on and others come."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.patience import PATIENCE
from tests.supervisor.serving import Serving, call, said_back, serving, until

Call = ClientWebSocketResponse[Any]


async def call_often(serve: Serving, calls: int) -> None:
    """Short calls, some at a time; one that fails fails the test."""

    async def one_after_the_other() -> None:
        for _ in range(calls // 4):
            async with call(serve):
                pass

    await asyncio.gather(*(one_after_the_other() for _ in range(4)))


@asynccontextmanager
async def listening_to(serve: Serving) -> AsyncIterator[None]:
    """Reads what is said as long as the block lasts, in which nobody waits for it."""

    async def listen() -> None:
        while line := await serve.output.readline():
            serve.said.append(line.decode().rstrip("\n"))

    task = asyncio.create_task(listen())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def sockets(pid: int) -> set[str]:
    """The sockets that a process holds, as the kernel numbers them; what it closes meanwhile is passed over."""
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            held.add(descriptor.readlink().name.removeprefix("socket:[").removesuffix("]"))
    return held


def socket_to(port: int, listener: int) -> str:
    """The socket that was accepted at the port `listener` and whose other end has this port, as the kernel numbers it.
    That port may be another connection's to another listener, too."""
    connections = (line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:])
    ends = [f":{listener:04X}", f":{port:04X}"]
    (number,) = {fields[9] for fields in connections if [one[-5:] for one in fields[1:3]] == ends and fields[9] != "0"}
    return number


async def a_call_of_each(serve: Serving, stack: AsyncExitStack) -> dict[int, Call]:
    """A live call of each relay, by its process."""
    found: dict[int, Call] = {}
    relays = serve.children("relay")
    while len(found) < len(relays):
        ws = await stack.enter_async_context(call(serve))
        accepted = socket_to(ws.get_extra_info("sockname")[1], int(serve.relay.rpartition(":")[2]))
        (pid,) = [one for one in relays if accepted in sockets(one)]
        found.setdefault(pid, ws)
    return found


async def test_of_several_relays_one_dies_with_its_own_calls_alone_and_who_calls_meanwhile_is_served(
    echo: str, tmp_path: Path
) -> None:
    async with serving(echo, tmp_path, "--relays", "2") as serve, AsyncExitStack() as stack:
        await serve.has_said("2 relays take its calls, relay-1 to relay-2")
        (dead, lost), (alive, kept) = (await a_call_of_each(serve, stack)).items()

        os.kill(dead, signal.SIGKILL)
        await call_often(serve, 20)
        assert (await asyncio.wait_for(lost.receive(), PATIENCE)).type is not WSMsgType.TEXT
        assert await said_back(kept, "still here")
        await serve.has_said(r"the relay-[12] ended \(signal SIGKILL\); starting it again in 0\.2 s")
        assert alive in serve.children("relay")
        assert len(serve.children("relay")) == 2

        async def gone() -> bool:
            return [one["outcome"] for one in await serve.sessions() if one["live"] is False].count("unknown") >= 1

        assert await until(gone)


async def test_a_relay_that_somebody_tells_to_end_has_a_successor_while_its_calls_go_on(
    echo: str, tmp_path: Path
) -> None:
    async with serving(echo, tmp_path) as serve, call(serve) as first:
        told = serve.child("relay")
        assert told is not None
        os.kill(told, signal.SIGTERM)
        await serve.says(r" ERROR somebody has told relay to end; another one takes its calls from now on$")
        await serve.says(r"^relay listening on ")
        async with call(serve) as second:
            assert await said_back(first, "are you there?")
            await first.close()
            await until(lambda: told not in serve.children("relay"))
            assert await said_back(second, "are you?")
        assert len(serve.children("relay")) == 1
        assert "draining" not in [line.rpartition(" ")[2] for line in serve.said]
        assert "starting it again" not in serve.text


async def test_health_names_each_relay_with_its_calls_also_one_that_was_replaced(echo: str, tmp_path: Path) -> None:
    async def relays() -> set[tuple[str, str, int]]:
        async with aiohttp.ClientSession() as http, http.get(serve.console + "/api/health") as answer:
            (recorder,) = (await answer.json())["recorders"]
        told = [one["relay"] for one in recorder["journals"] if one["relay_alive"] and one["relay"]]
        return {(one["name"], one["status"], one["live_calls"]) for one in told}

    async def are(*wanted: tuple[str, str, int]) -> bool:
        return await relays() == set(wanted)

    async with serving(echo, tmp_path, "--relays", "2") as serve, AsyncExitStack() as stack:
        await until(lambda: are(("relay-1", "ready", 0), ("relay-2", "ready", 0)))
        ws, _ = (await a_call_of_each(serve, stack)).values()
        serve.process.send_signal(signal.SIGHUP)
        await serve.says("^replaced: calls that were live")
        assert await said_back(ws, "still here")

        async def left() -> bool:
            return {(name, status) for name, status, _ in await relays()} == {
                ("relay-1", "draining"), ("relay-1", "ready"), ("relay-2", "draining"), ("relay-2", "ready"),
            }  # fmt: skip

        await until(left)
        assert {calls for _, status, calls in await relays() if status == "ready"} == {0}


async def test_at_a_signal_every_relay_lets_its_calls_end(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path, "--relays", "2") as serve, AsyncExitStack() as stack:
        calls = await a_call_of_each(serve, stack)
        serve.process.send_signal(signal.SIGTERM)
        for _ in calls:
            await serve.says(r"relay-[12] INFO draining: \d+ calls? may end")
        for ws in calls.values():
            assert await said_back(ws, "the last words")
        await stack.aclose()
        assert await serve.ends() == 0


async def test_everything_is_replaced_at_sighup_and_no_call_notices(echo: str, tmp_path: Path) -> None:
    (tmp_path / "relayproxy.toml").write_text("relays = 2\n")
    async with serving(echo, tmp_path / "data", "--config", str(tmp_path / "relayproxy.toml")) as serve:
        processes = {name: serve.children(name) for name in ("relay", "recorder", "console")}
        async with AsyncExitStack() as stack:
            calls = await a_call_of_each(serve, stack)
            (tmp_path / "relayproxy.toml").write_text(f'relays = 3\n[routes.sales]\nbackend = "{echo}"\n')

            serve.process.send_signal(signal.SIGHUP)
            async with listening_to(serve):
                while "replaced: calls that were live" not in serve.text:
                    await call_often(serve, 8)
            await serve.has_said("a change of relays takes effect once relayproxy is stopped and started again")
            for ws in calls.values():
                assert await said_back(ws, "still here")
            assert len(serve.children("relay")) == 4, "those of before have calls"
            async with aiohttp.ClientSession() as http, http.ws_connect(serve.relay + "/r/sales") as ws:
                assert await said_back(ws, "over the new route")

        async def settled() -> bool:
            """The relays of before have ended with their calls."""
            return len(serve.children("relay")) == 2 and not any(one["live"] for one in await serve.sessions())

        assert await until(settled)
        assert not [pid for name, before in processes.items() for pid in serve.children(name) if pid in before]
        assert {one["totals"]["gaps"] for one in await serve.sessions()} == {0}
        assert "ERROR" not in serve.text
        serve.process.send_signal(signal.SIGTERM)
        assert await serve.ends() == 0


async def test_settings_that_are_wrong_replace_nothing(echo: str, tmp_path: Path) -> None:
    (tmp_path / "relayproxy.toml").write_text("")
    async with serving(echo, tmp_path / "data", "--config", str(tmp_path / "relayproxy.toml")) as serve:
        (relay,) = serve.children("relay")
        (tmp_path / "relayproxy.toml").write_text("drain_timeout = -1\n")
        serve.process.send_signal(signal.SIGHUP)
        await serve.says(r"ERROR drain_timeout=-1 \(.*\(nothing is replaced, and the settings of before stay\)$")
        async with call(serve):
            assert serve.children("relay") == [relay]


async def test_relays_whose_successors_do_not_start_go_on(echo: str, tmp_path: Path) -> None:
    config, key = tmp_path / "relayproxy.toml", tmp_path / "key.pem"
    config.write_text("")
    key.write_text("no key")
    async with serving(echo, tmp_path / "data", "--config", str(config)) as serve:
        (relay,) = serve.children("relay")
        async with call(serve) as ws:
            config.write_text(f'tls_cert = "{key}"\ntls_key = "{key}"\n')
            serve.process.send_signal(signal.SIGHUP)
            await serve.says("ERROR the relay did not start: exit code 2; 1 relay of before and their settings stay$")
            assert await said_back(ws, "still here")
        async with call(serve):
            assert serve.children("relay") == [relay]


async def test_serve_stops_while_relays_that_were_replaced_have_calls(echo: str, tmp_path: Path) -> None:
    async with serving(echo, tmp_path) as serve:
        async with call(serve) as ws:
            serve.process.send_signal(signal.SIGHUP)
            await serve.says("^replaced: calls that were live end with the relays of before")
            serve.process.send_signal(signal.SIGTERM)
            await serve.says("stopping: no new calls")
            assert await said_back(ws, "still here")
        assert await serve.ends() == 0
