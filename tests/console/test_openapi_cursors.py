"""Cursors: lists can be paged to their end, nothing twice and nothing missed, whatever is recorded meanwhile."""

from typing import Any

import pytest

from relayproxy.console.operations import OPERATIONS
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.contract import BY_ID, ask, pages, refused


def test_the_lists_with_cursors_are_known() -> None:
    paged = {one.id for one in OPERATIONS if any(parameter["name"] == "limit" for parameter in one.parameters)}
    assert paged == {
        "listSessions",
        "listTurns",
        "listMessages",
        "listSpans",
        "listAudit",
        "listErasures",
        "listAlerts",
        "compareSessions",
    }


def over(archive: Archive, began: int) -> samples.Call:
    """A call of two turns, committed."""
    call = samples.Call(archive, began).setup().asks(1, "Hi").answers(1.5, "Hello.").asks(4, "Bye")
    return call.hang_up(5).commit()


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("filter", ["", "q=turns:>0"])
async def test_sessions_stay_in_their_place(client: Client, archive: Archive, limit: int, filter: str) -> None:
    began = samples.ago(500)
    # Some begin in the same nanosecond.
    ended = [over(archive, began + n // 3 * samples.S) for n in range(7)]
    live = [samples.Call(archive, began + n // 2 * samples.S).setup().asks(1, "Hi").commit() for n in range(4)]
    met: list[str] = []
    late: set[str] = set()
    async for items in pages(client, "listSessions", filter, limit):
        met += [item["id"] for item in items]
        late.add(samples.Call(archive).setup().asks(1, "Hi").commit().id)
        late.add(over(archive, samples.ago(60)).id)
    assert len(met) == len(set(met))
    newest = [sorted(some, key=lambda call: (call.began, call.id), reverse=True) for some in (live, ended)]
    assert [id for id in met if id not in late] == [call.id for some in newest for call in some]


async def test_a_call_that_ends_while_somebody_pages_is_not_missed(client: Client, archive: Archive) -> None:
    live = [samples.Call(archive, samples.ago(100 - n)).setup().commit() for n in range(4)]
    met: list[tuple[str, bool]] = []
    async for items in pages(client, "listSessions", "", 1):
        met += [(item["id"], item["live"]) for item in items]
        if len(met) == 2:
            # One that has been met, and one that has not.
            live[3].hang_up(50).commit()
            live[0].hang_up(50).commit()
    assert {id for id, _ in met} == {call.id for call in live}
    # The one that had been met comes a second time, now with its end.
    assert [alive for id, alive in met if id == live[3].id] == [True, False]
    assert len(met) == len(live) + 1


@pytest.mark.parametrize("limit", [1, 3, 500])
async def test_turns_stay_in_their_place(client: Client, archive: Archive, limit: int) -> None:
    call = samples.Call(archive, samples.ago(100)).setup()
    for number in range(6):
        call.asks(1 + number * 4, "Next?").answers(2 + number * 4, f"Answer {number}.")
    call.commit()
    numbers: list[int] = []
    at = 30.0
    async for items in pages(client, "listTurns", "", limit, id=call.id):
        numbers += [item["number"] for item in items]
        if at < 50:
            call.asks(at, "More?").answers(at + 1, "Yes.").commit()
            at += 5
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 7


@pytest.mark.parametrize("filter", ["", "from=backend", "type=prompt&type=setup"])
@pytest.mark.parametrize("limit", [1, 9])
async def test_messages_stay_in_their_place(client: Client, archive: Archive, limit: int, filter: str) -> None:
    call = samples.Call(archive, samples.ago(100)).setup()
    for number in range(4):
        call.asks(1 + number * 4, "Next?").answers(2 + number * 4, f"Answer {number}.")
    call.commit()
    met: list[int] = []
    at = 30.0
    async for items in pages(client, "listMessages", filter, limit, id=call.id):
        met += [item["seq"] for item in items]
        if at < 50:
            call.asks(at, "More?").commit()
            at += 5
    everything = [item["seq"] for item in (await ask(client, "listMessages", filter, id=call.id))["items"]]
    assert met == sorted(set(met))
    assert met == everything[: len(met)]
    assert len(met) >= 5


@pytest.mark.parametrize("limit", [1, 4])
async def test_the_audit_stays_in_its_place(client: Client, archive: Archive, limit: int) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    for number in range(9):
        await ask(client, "addTag", body={"tag": f"tag{number}"}, id=call.id)
    before = (await ask(client, "listAudit"))["items"]
    met: list[Any] = []
    async for items in pages(client, "listAudit", "", limit):
        met += items
        await ask(client, "addNote", body={"text": "Meanwhile."}, id=call.id)
    assert met == before


@pytest.mark.parametrize("name", ["listSessions", "listTurns", "listMessages", "listSpans", "listAudit"])
async def test_pages_are_as_long_as_it_says(client: Client, archive: Archive, name: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    one = BY_ID[name]
    (schema,) = (parameter["schema"] for parameter in one.parameters if parameter["name"] == "limit")
    for limit in (schema["minimum"], schema["default"], schema["maximum"]):
        await ask(client, name, f"limit={limit}", id=call.id)
    for limit in (schema["minimum"] - 1, schema["maximum"] + 1):
        await refused(client, "get", f"{one.path.format(id=call.id)}?limit={limit}", 400)
