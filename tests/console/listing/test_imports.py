"""Recording files that are brought to the console: by admins, with a clear result each, and marked from then on."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import FormData

from relayproxy.console.listing import imports
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.door import OTHER, console_on, settings_in, sign_in
from tests.databases import migrated
from tests.recordings.test_files import FILES

BOOKING = (FILES / "booking.v1.relayproxy.jsonl.gz").read_bytes()
RECONNECTED = (FILES / "reconnected.v1.relayproxy.jsonl").read_bytes()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", keep_content=0, keep_numbers=0)


async def bring(client: Client, content: bytes, name: str = "call.gz", status: int = 200) -> dict[str, object]:
    async with client.post("/api/recordings", params={"name": name}, data=io.BytesIO(content)) as answer:
        assert answer.status == status, await answer.text()
        found = await answer.json()
    assert isinstance(found, dict)
    return found


async def shown(client: Client, path: str) -> str:
    async with client.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_a_file_becomes_a_session_that_says_so(client: Client, archive: Archive) -> None:
    here = samples.booking(archive, samples.ago(100)).commit()
    found = await bring(client, RECONNECTED)
    session = f"{1:032x}"

    assert found == {"session": session, "new": True, "messages": 8}
    assert (await bring(client, gzip.compress(RECONNECTED)))["new"] is False

    listed = {one["id"]: one["imported"] for one in json.loads(await shown(client, "/api/sessions"))["items"]}
    assert listed[here.id] is None
    assert (listed[session]["actor"], listed[session]["produced_by"]) == ("local", "relayproxy 0.1.0")
    assert json.loads(await shown(client, f"/api/sessions/{session}"))["imported"] == listed[session]
    assert "from a file of relayproxy 0.1.0" in await shown(client, "/sessions?q=is:imported")
    assert "from a file of <bdi>relayproxy 0.1.0</bdi>" in await shown(client, f"/sessions/{session}")
    assert "relayproxy 0.1.0" not in await shown(client, "/sessions?q=-is:imported")
    audit = json.loads(await shown(client, "/api/audit?action=import"))["items"]
    assert [(one["actor"], one["subject"]) for one in audit] == [("local", session)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (bytes, "call.gz: it is empty"),
        (lambda: b"hello", "call.gz: not a recording of relayproxy: its first line is no header"),
        (lambda: BOOKING[:-50], "call.gz: the recording is cut short, within its compressed data"),
        (
            lambda: gzip.compress(b"\n" * 40_000_000, 1),
            "call.gz: not a recording of relayproxy: its first line is no header",
        ),
        (
            lambda: gzip.compress(b" " * 40_000_000, 1),
            "call.gz: unpacked it has more than 32 MiB, and recordings of calls have",
        ),
    ],
    ids=range(5),
)
async def test_what_is_not_taken_is_told_in_one_sentence(
    client: Client, archive: Archive, queries: Queries, content: Callable[[], bytes], sentence: str
) -> None:
    found = await bring(client, content(), status=400)

    assert str(found["error"]["message"]).startswith(sentence)  # type: ignore[index]
    assert queries.empty()


async def test_a_form_tells_what_became_of_each_file(client: Client, archive: Archive, queries: Queries) -> None:
    form = FormData(quote_fields=False)
    for name, content in (("a.gz", BOOKING), ("b.gz", BOOKING), ("<b>c.gz", b"no"), ("d.jsonl", RECONNECTED)):
        form.add_field("files", content, filename=name)
    async with client.post("/import", data=form) as answer:
        assert answer.status == 200
        page = await answer.text()

    assert page.count(">imported, ") == 2
    assert page.count("is here already") == 2  # one of the hints says it too
    assert "&lt;b&gt;c.gz: not a recording of relayproxy" in page
    assert queries.count() == 2


async def test_a_file_that_does_not_arrive_holds_up_no_other(client: Client, archive: Archive) -> None:
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield RECONNECTED[:100]
        begun.set()
        await goes_on.wait()
        yield RECONNECTED[100:]

    async def bring_slowly() -> int:
        async with client.post("/api/recordings", data=slow()) as answer:
            return answer.status

    late = asyncio.create_task(bring_slowly())
    await begun.wait()
    assert (await bring(client, BOOKING))["new"] is True
    goes_on.set()
    assert await late == 200


async def test_a_form_without_a_file_says_so(client: Client, archive: Archive) -> None:
    async with client.post("/import", data=FormData({"files": "none"}, default_to_multipart=True)) as answer:
        assert answer.status == 400
        assert "No file was sent." in await answer.text()


async def test_a_file_that_is_too_long_is_refused_unread(
    client: Client, archive: Archive, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MAX_FILE", 1024 * 1024)
    content = bytes(1024 * 1024 + 1)
    assert (await bring(client, content, status=413))["error"]["code"] == "too_large"  # type: ignore[index]

    form = FormData()
    form.add_field("files", io.BytesIO(content), filename="large.gz")
    async with client.post("/import", data=form) as answer:
        assert "large.gz: it has more than 1 MiB" in await answer.text()
    assert queries.empty()


async def test_only_admins_may_and_only_from_our_own_pages(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, keep_content=0, keep_numbers=0)
    migrated(settings.database)
    Archive(open_engine(settings.database))
    async with console_on(settings) as client:
        await sign_in(client)
        await bring(client, RECONNECTED, status=403)
        assert (await client.get("/import")).status == 403
        assert 'href="/import"' not in await shown(client, "/sessions")
        await sign_in(client, "root", OTHER)
        assert 'href="/import"' in await shown(client, "/sessions")
        async with client.post("/api/recordings", data=RECONNECTED, headers={"Sec-Fetch-Site": "cross-site"}) as answer:
            assert answer.status == 403
        assert (await bring(client, RECONNECTED))["new"] is True


async def test_a_database_that_is_not_there_is_an_answer_of_its_own(client: Client) -> None:
    assert (await bring(client, RECONNECTED, status=503))["error"]["code"] == "not_ready"  # type: ignore[index]
