"""What every store of objects does, in a bucket of a real server and in a folder; how refusals are told."""

import asyncio
import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import MissingObjectError, ObjectsError, ObjectStore, Place
from tests.peers.seaweed import CREDENTIALS, Seaweed

NO_SUCH_KEY = "<Code>NoSuchKey</Code><Message>it is not there</Message>"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any the machine's own role is asked for, at an address that is not this machine's."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Place((tmp_path / "objects of calls").as_uri())
    seaweed: Seaweed = request.getfixturevalue("seaweed")
    return seaweed.bucket()


@pytest.fixture
def store(place: Place) -> ObjectStore:
    return open_objects(place)


def keys(store: ObjectStore, prefix: str) -> list[str]:
    return sorted(one.key for one in store.list(prefix))


def test_what_was_written_is_read_as_it_was(store: ObjectStore) -> None:
    content = bytes(range(256)) * 5000
    store.put("a/1-x.jsonl.gz", content)
    store.put("a/empty", b"")
    assert store.get("a/1-x.jsonl.gz") == content
    assert store.get("a/empty") == b""


def test_what_is_not_there_is_told_from_what_does_not_answer(store: ObjectStore) -> None:
    store.put("a/1", b"x")
    with pytest.raises(MissingObjectError, match="there is no such object"):
        store.get("a/2")


def test_what_was_deleted_is_gone_and_may_be_deleted_again(store: ObjectStore) -> None:
    store.put("a/1", b"x")
    for _ in range(2):
        store.delete(["a/1", "a/never"])
    with pytest.raises(MissingObjectError):
        store.get("a/1")
    assert keys(store, "a") == []


def test_a_list_has_everything_below_a_prefix_and_when_it_was_written(store: ObjectStore) -> None:
    for number in range(12):
        store.put(f"a/{number % 3}/{number}", b"x")
    store.put("ab/1", b"x")
    assert keys(store, "a") == sorted(f"a/{number % 3}/{number}" for number in range(12))
    assert keys(store, "nothing") == []
    times = {one.at for one in store.list("a")}
    store.put("a/later", b"x")
    (later,) = (one.at for one in store.list("a") if one.key == "a/later")
    assert later >= max(times)
    assert store.written_at("a/later") // 10**9 == later // 10**9
    with pytest.raises(MissingObjectError):
        store.written_at("a/never")


def test_there_is_one_store_of_a_place(place: Place, store: ObjectStore) -> None:
    assert open_objects(place) is store


def test_a_server_that_is_away_is_told_in_a_line() -> None:
    store = open_objects(Place("s3://recordings", "http://127.0.0.1:9"))
    with pytest.raises(
        ObjectsError,
        match=r"^s3://recordings at http://127.0.0.1:9 does not answer as expected: .+ error sending request$",
    ):
        store.get("a/1")


@pytest.mark.parametrize("at_once", [True, False])
async def test_of_several_that_are_deleted_one_that_is_gone_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """As servers of some clouds answer, by the S3 interface of theirs."""
    asked: list[str] = []
    """But for those that were asked for together, of which an answer may tell a part."""

    async def delete(request: web.Request) -> web.Response:
        key = request.path.removeprefix("/recordings/")
        asked.append(key)
        return (
            web.Response(status=404, text=f"<Error>{NO_SUCH_KEY}</Error>")
            if key.startswith("gone")
            else web.Response(status=204)
        )

    async def delete_several(request: web.Request) -> web.Response:
        keys = re.findall("<Key>(.+?)</Key>", await request.text())
        if len(keys) == 1:
            asked.extend(keys)
        told = [
            f"<Error><Key>{key}</Key>{NO_SUCH_KEY}</Error>"
            if key.startswith("gone")
            else f"<Deleted><Key>{key}</Key></Deleted>"
            for key in keys
        ]
        return web.Response(text=f"<DeleteResult>{''.join(told)}</DeleteResult>")

    if not at_once:
        monkeypatch.setenv("AWS_DISABLE_BULK_DELETE", "true")
    app = web.Application()
    app.router.add_post("/recordings", delete_several)
    app.router.add_delete("/recordings/{key}", delete)
    async with TestServer(app) as server:
        store = open_objects(Place("s3://recordings", str(server.make_url("")).rstrip("/")))
        several = [*(f"gone-{number}" for number in range(3)), *(f"there-{number}" for number in range(30))]
        await asyncio.to_thread(store.delete, several)
    assert {*asked} == {*several}


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_what_fails_in_the_same_way_is_told_in_the_same_words(status: int) -> None:
    """So that a log tells it once."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="<?xml version='1.0'?><Error><Code>NoSuchBucket</Code></Error>")

    app = web.Application()
    app.router.add_put("/recordings/{key}", refuse)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        store = open_objects(Place("s3://recordings", url))
        told = set()
        for key in ("one", "another"):
            with pytest.raises(ObjectsError) as problem:
                await asyncio.to_thread(store.put, key, b"x")
            told.add(str(problem.value))
    (words,) = told
    assert status == 404 or f" PUT {url}: Server returned non-2xx status code: {status}" in words


async def test_an_answer_about_something_else_is_no_end_of_the_process() -> None:
    async def delete_several(_request: web.Request) -> web.Response:
        return web.Response(text=f"<DeleteResult><Error><Key>another</Key>{NO_SUCH_KEY}</Error></DeleteResult>")

    app = web.Application()
    app.router.add_post("/recordings", delete_several)
    async with TestServer(app) as server:
        store = open_objects(Place("s3://recordings", str(server.make_url("")).rstrip("/")))
        with pytest.raises(ObjectsError, match="does not answer as expected"):
            await asyncio.to_thread(store.delete, ["one"])


def test_a_bucket_that_is_not_there_is_no_missing_object(seaweed: Seaweed) -> None:
    store = open_objects(seaweed.bucket())
    for act in (store.get, lambda key: store.delete([key])):
        with pytest.raises(ObjectsError, match="there is no such bucket") as told:
            act("a/1")
        assert not isinstance(told.value, MissingObjectError)


def test_wrong_credentials_are_told_without_them(seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    store = open_objects(seaweed.bucket())
    with pytest.raises(ObjectsError, match=r"refuses: .+ \(SignatureDoesNotMatch\)$") as told:
        store.put("a/1", b"x")
    assert "another-secret" not in str(told.value)


def test_credentials_that_are_not_there_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    store = open_objects(Place("s3://nobodys", "http://127.0.0.1:9"))
    for act in (store.get, lambda key: store.put(key, b"x")):
        with pytest.raises(ObjectsError, match=r"cannot be asked: AWS_ACCESS_KEY_ID and .+ are not set here"):
            act("a/1")


def test_a_bucket_can_be_asked_for_by_its_own_host() -> None:
    store = open_objects(Place("s3://recordings/calls", "http://localhost:9", path_style=False))
    with pytest.raises(ObjectsError, match=r"GET http://recordings.localhost:9: HTTP error"):
        store.get("a/1")
