"""The place of recordings: an object is written, read, listed and deleted, and what is in the way is explained."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import relayproxy.doctor.objects
from relayproxy.doctor.check import Result
from relayproxy.doctor.objects import objects
from relayproxy.settings.model import Settings
from tests.peers.seaweed import CREDENTIALS, Seaweed


def told(settings: Settings, *, network: bool = True) -> list[Result]:
    return list(objects(settings, network=network))


def test_without_a_place_recordings_stay_in_the_database() -> None:
    (one,) = told(Settings())
    assert (one.state, one.text) == ("ok", "recordings of calls that are over stay in the database")


def test_a_folder_takes_an_object_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    (one,) = told(Settings(recordings=str(tmp_path / "calls")), network=False)
    assert one.state == "ok"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (one,) = told(Settings(recordings=str(tmp_path / "file" / "calls")))
    assert one.state == "failed"
    assert "cannot be used: Not a directory" in one.text
    assert "stay in the database" in one.action


def test_a_bucket_is_not_asked_where_nobody_may_be() -> None:
    (one,) = told(Settings(recordings="s3://calls", recordings_endpoint="http://127.0.0.1:9"), network=False)
    assert one.state == "skipped"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("here", [True, False])
def test_a_bucket_without_encryption_is_warned_of_unless_it_is_on_this_machine(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    monkeypatch.setattr(relayproxy.doctor.objects, "is_loopback", lambda host: here and host == "127.0.0.1")
    place = seaweed.bucket()
    found = told(Settings(recordings=place.root, recordings_endpoint=place.endpoint))
    assert [one.state for one in found] == ["ok"] if here else ["ok", "warning"]


@pytest.mark.usefixtures("credentials")
async def test_a_bucket_that_may_not_be_listed_is_told() -> None:
    kept: dict[str, bytes] = {}

    async def put(request: web.Request) -> web.Response:
        kept[request.path] = await request.read()
        return web.Response(headers={"ETag": '"1"'})

    async def get(request: web.Request) -> web.Response:
        if request.path not in kept:
            return web.Response(status=403, text="<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")
        headers = {"ETag": '"1"', "Last-Modified": "Mon, 30 Nov 2026 10:00:00 GMT"}
        return web.Response(body=kept[request.path], headers=headers)

    app = web.Application()
    app.router.add_put("/{path:.*}", put)
    app.router.add_get("/{path:.*}", get)
    async with TestServer(app) as server:
        endpoint = str(server.make_url("")).rstrip("/")
        (one,) = await asyncio.to_thread(told, Settings(recordings="s3://calls", recordings_endpoint=endpoint))
    assert one.state == "failed"
    assert one.text.endswith("403 Forbidden (AccessDenied)")
    assert "may write, read, list and delete there" in one.action
