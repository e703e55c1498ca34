"""Recordings in a bucket of a real server, through the processes: they go there, are read there, and are erased there;
while it is away, calls are shown all the same."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import Place
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.read.erasures import Erasure, read_erasure, sought_session
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasures import order
from tests.databases import migrated
from tests.peers.seaweed import Door, Seaweed
from tests.running import Running, running
from tests.store.write.deleting import WORD, days_ago, spoken
from tests.system.stack import until


async def get(console: Running, path: str) -> tuple[int, Any]:
    return await asyncio.to_thread(_get, console, path)


def _get(console: Running, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(console.url + path, timeout=60) as page:
            status, body, kind = page.status, page.read(), page.headers.get_content_type()
    except urllib.error.HTTPError as refusal:
        with refusal:
            status, body, kind = refusal.code, refusal.read(), refusal.headers.get_content_type()
    return status, json.loads(body) if kind == "application/json" else body


def recordings(engine: Engine) -> tuple[int, int]:
    """How many there are, and how many of them lie in the bucket."""
    with engine.connect() as db:
        return tuple(db.execute(text("SELECT count(*), count(object) FROM recordings")).one())


def receipt(engine: Engine, id: str) -> Erasure:
    with engine.connect() as db:
        found = read_erasure(db, id)
    assert found is not None
    return found


def keys(place: Place) -> list[str]:
    return [one.key for one in open_objects(place).list("") if one.key.endswith(".gz")]


async def test_calls_go_to_the_bucket_and_are_read_and_erased_there(seaweed: Seaweed, tmp_path: Path) -> None:
    data, place = tmp_path / "data", seaweed.bucket()
    url = f"sqlite:///{data}/relayproxy.db"
    migrated(url)
    engine = open_engine(url)
    kept, erased = (spoken(Archive(engine), days_ago(days)) for days in (2, 1))
    with engine.begin() as db:
        db.execute(text("UPDATE recordings SET sealed_at = NULL"))
    door = Door(seaweed)
    await door.open()
    there = {"recordings": place.root, "recordings_endpoint": door.endpoint}
    shown = {"console": "127.0.0.1:0", "backend": "ws://127.0.0.1:9/"}
    with (
        running("recorder", data_dir=data, **there),
        running("console", data_dir=data, **shown) as console,
    ):
        await until(lambda: recordings(engine) == (2, 2))
        assert len(keys(place)) == 2
        status, read = await get(console, f"/api/sessions/{kept.vx}/messages")
        assert (status, WORD in str(read["items"])) == (200, True)
        _, health = await get(console, "/api/health")
        assert health["recorders"][0]["recordings"]["place"] == f"{place.root} at {door.endpoint}"

        await door.close()
        status, answer = await get(console, f"/api/sessions/{erased.vx}/messages")
        assert (status, answer["error"]["code"]) == (503, "recording_unavailable")
        assert answer["error"]["message"].startswith(f"The recording lies in {place.root}/")
        assert (await get(console, f"/api/sessions/{kept.vx}/messages"))[0] == 200, "it is kept in memory"
        status, page = await get(console, f"/sessions/{erased.vx}")
        assert status == 200
        assert f"Your {WORD}".encode() in page, "the conversation is in the database"
        assert f"The recording lies in {place.root}/".encode() in page
        with writing(engine).begin() as db:
            id = order(db, sought_session(erased.vx), 1, "alice", "", time.time_ns())
        await until(lambda: receipt(engine, id).sessions == 1)
        assert (receipt(engine, id).objects, receipt(engine, id).done_at) == (1, None)
        await door.open()
        await until(lambda: len(keys(place)) == 1)
        assert kept.id in keys(place)[0]
        assert recordings(engine) == (1, 1)
        await until(lambda: receipt(engine, id).done_at)
    await door.close()
    engine.dispose()
