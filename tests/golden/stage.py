"""A console over the calls that never change.

Knows: which settings answers depend on.
Must not know: what is asked.
"""

from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from relayproxy.console.app import build
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.golden import Answer, answers, record


async def answered(folder: Path) -> list[Answer]:
    """What the console answers over a database that is made in `folder`."""
    settings = Settings(data_dir=folder, backend="wss://agent.example.com/ws")
    migrated(settings.database)
    engine, reader = open_engine(settings.database), open_reader(settings.database)
    made = record(Archive(engine))
    writer = AnnotationWriter(engine)
    async with TestClient(TestServer(build(settings, Queries(reader), writer))) as client:
        found = [answer async for answer in answers(client, made)]
    writer.close()
    reader.dispose()
    engine.dispose()
    return found
