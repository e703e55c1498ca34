"""What stands side by side on the page, and where it leads to."""

import re
from html import unescape

from markupsafe import Markup

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.compare.calls import rebooking, shown
from tests.console.conftest import Client


def words(html: str) -> str:
    return Markup(html).striptags()


def block(page: str, turn: str) -> str:
    """What the page shows of a turn that differs."""
    found = re.search(rf'<li class="apart" id="turn-{turn}">(.*?)\n  </li>', page, re.DOTALL)
    assert found is not None
    return found[1]


async def test_words_that_differ_are_marked_in_their_column(client: Client, archive: Archive) -> None:
    before, after = samples.booking(archive, samples.ago(900)).commit(), rebooking(archive, samples.ago(100))
    first = block(await shown(client, f"/compare?a={before.id}&b={after.vx}"), "1")
    assert "Of course. For how many <del>people</del>, and at what time" in first
    assert "Of course. For how many <ins>guests</ins>, and at what time" in first
    assert "The answer began after 2,820 ms instead of 720 ms (+292%)." in words(first)


async def test_equal_turns_are_folded_and_the_rest_is_in_order(client: Client, archive: Archive) -> None:
    before, after = samples.booking(archive, samples.ago(900)).commit(), rebooking(archive, samples.ago(100))
    page = await shown(client, f"/compare?a={before.id}&b={after.id}")
    order = re.findall(r'<summary>(Turns? [0-9–]+): the same</summary>|id="turn-(b?\d+)"', page)
    assert [one or other for one, other in order] == ["Turn 0", "1", "2", "Turns 3–4", "5", "b6"]
    assert "no such turn" in block(page, "b6")
    assert "15 differences in 4 of 7 turns." in page
    assert f'href="/compare?a={after.id}&amp;b={before.id}">Swap A and B' in page


async def test_differences_lead_to_the_turn_and_the_message(client: Client, archive: Archive) -> None:
    before, after = samples.booking(archive, samples.ago(900)).commit(), rebooking(archive, samples.ago(100))
    page = await shown(client, f"/compare?a={before.id}&b={after.id}")
    links = [unescape(link) for link in re.findall(r'href="(/sessions/[^"]+)"', block(page, "2"))]
    assert f"/sessions/{before.id}?turn=2#turn-2" in links
    assert f"/sessions/{after.id}?turn=2#turn-2" in links
    messages = [link for link in links if "#message-" in link]
    assert len(messages) == 2
    for link in messages:
        path, _, place = link.partition("#")
        assert f'id="{place}"' in await shown(client, path)


async def test_a_turn_without_words_says_what_was_sent(client: Client, archive: Archive) -> None:
    silent = samples.Call(archive, samples.ago(90)).setup().asks(2, "Hello?")
    silent.backend(3, "play", source="https://example.com/hold.mp3").hang_up(9).commit()
    spoken = (
        samples.Call(archive, samples.ago(90)).setup().asks(2, "Hello?").answers(3, "Good morning.").hang_up(9).commit()
    )
    assert "says nothing, sends play" in block(await shown(client, f"/compare?a={silent.id}&b={spoken.id}"), "1")
