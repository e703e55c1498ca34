"""What is known of a route: its last call, and what the last check found on the way."""

import asyncio
from dataclasses import replace
from pathlib import Path

from relayproxy.console.connect.routes import RouteChecker, last_call
from relayproxy.settings.model import Settings
from relayproxy.store.read.latest_by_route import Arrival
from relayproxy.store.write.archive import Archive
from tests.console.samples import ago, booking


def test_what_cannot_be_understood_tells_nothing(archive: Archive) -> None:
    call = booking(archive, ago(90)).commit()
    row = archive.session(call.id)
    assert row is not None
    found = last_call(Arrival(replace(row, detail='{"tier": 5}'), "no opening"))
    assert found is not None
    assert (found.signature, found.events) == (None, False)


def test_a_route_without_a_call_has_no_last_call() -> None:
    assert last_call(None) is None


async def test_a_check_goes_to_the_backend_of_every_route_and_is_kept(tmp_path: Path) -> None:
    met = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        if await reader.read(4096):
            met += 1
            writer.write(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings(
            data_dir=tmp_path,
            backend=f"ws://127.0.0.1:{port}/ws",
            routes={"nobody": {"backend": "ws://127.0.0.1:1/ws"}},  # type: ignore[dict-item]
        )
        checker = RouteChecker(settings)
        await asyncio.gather(checker.check(), checker.check())

    assert {route: one.backend.state for route, one in checker.found.items()} == {"default": "ok", "nobody": "bad"}
    assert checker.found["default"].backend.status == 426
    assert {one.public for one in checker.found.values()} == {None}, "without a public URL there is no way to check"
    assert met == 1, "a second check at the same time gives what the first one found"
