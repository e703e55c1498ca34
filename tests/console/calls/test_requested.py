"""What a request names: a session, a turn, a place among messages, and which messages are wanted."""

import asyncio
from collections import Counter
from urllib.parse import quote

import pytest
from aiohttp.test_utils import make_mocked_request

from relayproxy.console.calls.messages.message_reading import Filter, write_cursor
from relayproxy.console.calls.requested import MAX_SEARCH_TEXT, SharedCounts, message_filter, requested_place
from relayproxy.console.http.middleware import Problem
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", Filter(frozenset(), frozenset(), "")),
        ("from=twilio&type=prompt&type=dtmf", Filter(frozenset({"twilio"}), frozenset({"prompt", "dtmf"}), "")),
        ("from=twilio&from=backend&text=a+b", Filter(frozenset({"twilio", "backend"}), frozenset(), "a b")),
        ("type=&text=" + "x" * MAX_SEARCH_TEXT, Filter(frozenset(), frozenset(), "x" * MAX_SEARCH_TEXT)),
    ],
)
def test_messages_are_asked_for_by_side_type_and_text(query: str, wanted: Filter) -> None:
    assert message_filter(make_mocked_request("GET", f"/?{query}")) == wanted


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=caller", "from: twilio or backend is expected."),
        ("from=twilio&from=", "from: twilio or backend is expected."),
        ("text=" + "x" * (MAX_SEARCH_TEXT + 1), f"text: at most {MAX_SEARCH_TEXT} characters are searched for."),
    ],
)
def test_messages_that_nobody_can_have_sent_are_refused(query: str, said: str) -> None:
    with pytest.raises(Problem) as refused:
        message_filter(make_mocked_request("GET", f"/?{query}"))

    assert (refused.value.status, refused.value.message) == (400, said)


def test_a_place_is_a_cursor_of_an_earlier_page() -> None:
    cursor = write_cursor((2, 17))

    assert requested_place(make_mocked_request("GET", f"/?after={quote(cursor)}")) == (2, 17)
    assert requested_place(make_mocked_request("GET", "/?after=")) is None
    with pytest.raises(Problem) as refused:
        requested_place(make_mocked_request("GET", "/?after=" + "nowhere" * 10))
    assert refused.value.message == f"after={('nowhere' * 10)[:32]}: a cursor as an earlier page gave it is expected."


@pytest.mark.parametrize("number", ["99", "9999999999", "-1", "1.0", "\u00b2", "last"])
async def test_a_turn_that_is_not_there_is_not_found(client: Client, archive: Archive, number: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()

    async with client.get(f"/sessions/{call.id}/turns/{quote(number)}/waterfall") as response:
        assert response.status == 404
    async with client.get(f"/sessions/{call.id}/turns/0/waterfall") as response:
        assert response.status == 200


@pytest.mark.parametrize("path", ["/api/sessions/{}", "/api/calls/{}"])
async def test_who_asks_for_something_long_is_told_a_part_of_it(client: Client, archive: Archive, path: str) -> None:
    async with client.get(path.format("x" * 500)) as response:
        assert response.status == 404
        message = (await response.json())["error"]["message"]
    assert "x" * 64 + " here." in message
    assert "x" * 65 not in message


async def test_messages_are_counted_once_for_all_who_ask_and_each_may_change_the_answer(
    archive: Archive, queries: Queries
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    counts = SharedCounts(queries)

    one, other = await asyncio.gather(counts.of(call.id), counts.of(call.id))
    assert one is not None
    assert one == other
    assert one["twilio", "setup"] == 1
    before = Counter(one)
    one.clear()
    assert await counts.of(call.id) == before


async def test_more_messages_than_may_be_looked_at_are_not_counted(archive: Archive, queries: Queries) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()

    assert await SharedCounts(queries).of(call.id, at_most=3) is None
