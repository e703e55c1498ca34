"""A call and its shadow are compared up to the turn in which they part."""

import pytest

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


def pair(archive: Archive, *, apart: bool) -> tuple[str, str]:
    """A call that the backend ended, and its shadow, which was over with it."""
    began = samples.ago(100)
    call = samples.Call(archive, began).setup()
    shadow = samples.Call(
        archive, began, opening={"shadow_of": call.id, "backend": "wss://next.example.com/ws"}
    ).setup()
    for one, second in ((call, "For how many people?"), (shadow, "On which day?" if apart else "How many people?")):
        one.asks(1, "A table please.").answers(1.5, second).asks(5, "For two.").answers(5.5, f"Fine. {second}"[:5])
    call.backend(9, "end", handoffData="{}").over(9.1, first="backend", twilio="eof", backend="eof").commit()
    shadow.over(9.1, first="twilio", twilio="eof", backend="closed_by_proxy").commit()
    return call.id, shadow.id


@pytest.mark.parametrize("swapped", [False, True])
async def test_what_comes_after_the_turn_in_which_they_part_is_not_compared(
    swapped: bool, client: Client, archive: Archive
) -> None:
    a, b = pair(archive, apart=True)[:: -1 if swapped else 1]
    async with client.get(f"/api/compare?a={a}&b={b}") as response:
        told = await response.json()
    assert told["parted"]["turn"] == 1
    assert "asked" in told["parted"]["reason"]
    assert told["differences"] == []
    assert [turn["compared"] for turn in told["items"]] == [True, True, False]
    async with client.get(f"/compare?a={a}&b={b}") as response:
        page = await response.text()
    assert "They part in turn 1" in page
    assert "Turn 2: not compared, as the two have parted" in page


async def test_what_twilio_made_of_the_ending_is_no_difference(client: Client, archive: Archive) -> None:
    call, shadow = pair(archive, apart=False)
    async with client.get(f"/api/compare?a={call}&b={shadow}") as response:
        told = await response.json()
    assert told["parted"] is None
    assert not any("Studio" in one["text"] for one in told["differences"])


async def test_two_calls_that_are_none_of_each_other_do_not_part(client: Client, archive: Archive) -> None:
    call, _ = pair(archive, apart=True)
    _, other = pair(archive, apart=True)
    async with client.get(f"/api/compare?a={call}&b={other}") as response:
        assert (await response.json())["parted"] is None
