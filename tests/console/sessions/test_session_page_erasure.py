"""A live call that is to be erased says so, on its page and in its document."""

import json
import time

import pytest
from sqlalchemy import Engine

from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.read.erasures import sought_number
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasures import order
from tests.console.conftest import Client
from tests.console.samples import CALLER, Call, ago

SAID = "This call is to be erased: when it ends, all that is kept of it goes."


@pytest.fixture
def engine(settings: Settings) -> Engine:
    return open_engine(settings.database)


def erase(engine: Engine, number: str) -> None:
    with writing(engine).begin() as db:
        order(db, sought_number(number), 1, "alice", "", time.time_ns())


async def test_an_order_is_told_to_whoever_looks_at_the_call(client: Client, archive: Archive, engine: Engine) -> None:
    call = Call(archive, ago(30)).setup().asks(1.0, "Hello?").commit()
    known = await (await client.get(f"/api/sessions/{call.id}")).json()
    assert known["to_be_erased"] is False
    assert SAID not in await (await client.get(f"/sessions/{call.id}")).text()

    async with client.get(f"/sessions/{call.id}/live") as stream:

        async def revision() -> int:
            while not (line := await stream.content.readline()).startswith(b"data:"):
                assert line
            return int(json.loads(line[5:])["revision"])

        assert await revision() == known["revision"]
        erase(engine, "+15550100099")
        erase(engine, CALLER)
        assert await revision() > known["revision"]

    assert SAID in await (await client.get(f"/sessions/{call.id}/parts?turn=1")).text()
    told = await (await client.get(f"/api/sessions/{call.id}")).json()
    assert told["to_be_erased"] is True
