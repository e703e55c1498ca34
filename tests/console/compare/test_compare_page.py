"""Two sessions side by side, as readers get them, and the choice of the second."""

import json
import re
from html import unescape

import pytest

from relayproxy.console.compare import compare_page, compared
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.calls.test_deleted_content import with_deleted_content
from tests.console.compare.calls import shown
from tests.console.conftest import Client
from tests.console.contract import ask, refused


async def test_a_session_beside_itself(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    page = await shown(client, f"/compare?a={call.id}&b={call.id}")
    assert "Nothing differs." in page
    assert "Turns 0–5: the same" in page


async def test_the_second_one_is_chosen_among_the_newest_of_the_route(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_page, "RECENT", 2)
    calls = [samples.booking(archive, samples.ago(500 - n)).commit() for n in range(4)]
    other = samples.failing(archive, samples.ago(100)).commit()
    page = await shown(client, f"/sessions/{calls[3].id}")
    assert f'href="/compare?a={calls[3].id}">Compare with …' in page
    page = await shown(client, f"/compare?a={calls[3].id}")
    offered = re.findall(rf'href="/compare\?a={calls[3].id}&amp;b=(\w+)"', page)
    assert offered == [calls[2].id, calls[1].id]
    assert "no other call of this route" in await shown(client, f"/compare?a={other.id}")
    assert 'name="a" required' in await shown(client, "/compare")


async def test_a_session_that_is_not_there(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    assert "There is no session nobody here." in await shown(client, f"/compare?a={call.id}&b=nobody", 404)
    await refused(client, "get", f"/api/compare?a=nobody&b={call.id}", 404)


async def test_what_was_deleted_is_no_text(client: Client, archive: Archive) -> None:
    deleted = with_deleted_content(archive, str(archive._engine.url))
    page = await shown(client, f"/compare?a={deleted.id}&b={samples.booking(archive, samples.ago(100)).commit().id}")
    assert "What was said in this call was deleted on" in page
    assert "Call whose content was deleted" in page
    assert page.count("Of course. For how many people") == 1


async def test_both_sessions_are_in_the_audit(client: Client, archive: Archive) -> None:
    calls = [samples.booking(archive, samples.ago(100 + n)).commit() for n in range(2)]
    await shown(client, f"/compare?a={calls[0].id}&b={calls[1].id}")
    entries = (await ask(client, "listAudit", "action=view"))["items"]
    assert {entry["subject"] for entry in entries} == {calls[0].id, calls[1].id}


async def test_long_calls_are_paged_and_their_ends_left_out(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_page, "SEGMENTS", 2)
    monkeypatch.setattr(compare_page, "MAX_TURNS", 6)
    monkeypatch.setattr(compared, "MAX_TURNS", 6)
    pair = []
    for word in ("first", "second"):
        call = samples.Call(archive, samples.ago(900)).setup()
        for n in range(9):
            call.asks(2 + 8 * n, f"Question {n}?").answers(3 + 8 * n, f"The {word if n % 2 else 'same'} answer {n}.")
        pair.append(call.hang_up(90).commit())
    address = f"/compare?a={pair[0].id}&b={pair[1].id}"
    first = await shown(client, address)
    assert "The first 6 turns of each are compared; 4 turns behind them are not." in first
    assert re.findall(r'id="turn-(\d+)"', first) == ["2"]
    assert "Later turns" in first
    assert "Earlier turns" not in first
    second = await shown(client, unescape(re.findall(r'href="([^"]+)">Later', first)[0]))
    assert re.findall(r'id="turn-(\d+)"', second) == ["4"]
    assert "Earlier turns" in second
    found = await ask(client, "compareSessions", address.partition("?")[2])
    assert found["left_out"] == 4


async def test_of_much_that_differs_the_page_shows_the_beginning(client: Client, archive: Archive) -> None:
    calls = [long_call(archive, samples.ago(500 - 100 * n), f"{word} ", n) for n, word in enumerate(("old", "new"))]
    both = await shown(client, f"/compare?a={calls[0].id}&b={calls[1].id}")
    one = await shown(client, f"/sessions/{calls[0].id}")
    for page in (both, one):
        assert len(page) < 300_000
        assert "more characters; the recording has all" in page
    assert re.search(r"… and 1\d\d more: ", both)
    assert "The first 200 fields of the handoff are compared; 9,800 fields behind them are not." in both
    found = await ask(client, "compareSessions", f"a={calls[0].id}&b={calls[1].id}&limit=1")
    assert found["handoff_fields_left_out"] == 9800
    assert f'<a href="/api/compare?a={calls[0].id}&amp;b={calls[1].id}">all of them as JSON</a>' in both
    assert f'<a href="/sessions/{calls[0].id}/recording?format=json">Download all of it (.json)</a>' in one
    assert "… and 400 more: " in one


def long_call(archive: Archive, began: int, said: str, value: int) -> samples.Call:
    """A call of long texts with many fields."""
    call = samples.Call(archive, began).setup(parameters={f"parameter{n}": "x" for n in range(500)})
    call.asks(1, said * 100_000).backend(2, "text", token=said * 100_000, last=True)
    call.backend(3, "end", handoffData=json.dumps({f"field{n}": value for n in range(10_000)}))
    return call.hang_up(4).commit()
