"""The pages of all numbers: each number of the tables, with its value or the reason why there is none."""

import re

from markupsafe import Markup

from relayproxy.conversation.measures.numbers import INTERRUPTION_NUMBERS, TABLES, TURN_NUMBERS
from relayproxy.conversation.measures.session_numbers import SESSION_NUMBERS
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client

_ROW = re.compile(r'<th scope="row"><a href="/numbers#([\w-]+)"[^>]*>([^<]+)</a></th><td[^>]*>(.*?)</td>')


async def told(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as response:
        assert response.status == status
        return await response.text()


async def values(client: Client, path: str) -> dict[str, str]:
    """By the id of its definition, what a page says of each number, first of the things that have one."""
    found: dict[str, str] = {}
    for id, _, value in _ROW.findall(await told(client, path)):
        found.setdefault(id, Markup(value).striptags())
    return found


async def test_every_number_of_a_turn_is_on_its_page(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    (cut,) = [turn for turn in call.fold.conversation().turns if turn.interruptions][:1]
    found = await values(client, f"/sessions/{call.id}/turns/{cut.number}/numbers")
    assert list(found) == [
        *(f"turn-{number.name}" for number in TURN_NUMBERS),
        *(f"interruption-{number.name}" for number in INTERRUPTION_NUMBERS),
    ]
    assert all(found.values())


async def test_a_number_has_its_unit_or_the_reason_why_it_is_absent(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup().asks(1, "Hello?").answers(1.5, "Good morning to you.")
    call.hang_up(9).commit()
    found = await values(client, f"/sessions/{call.id}/turns/1/numbers")
    assert found["turn-response_latency_ms"] == "500 ms"
    assert found["turn-chunks"] == "4 chunks"
    assert found["turn-coalesced_prompts"] == "0 prompts"
    assert found["turn-chunk_gaps"] == "p50 30 ms p95 30 ms max 30 ms"
    assert found["turn-chunk_rate"] == "33.3 chunks/s"
    assert found["turn-input_delay_ms"] == "needs speaker events"
    assert found["turn-lead_time_ms"] == "no answer began before its final prompt"
    assert found["turn-reply_complete_ms"].startswith("estimated ")
    greeting = await values(client, f"/sessions/{call.id}/turns/0/numbers")
    assert greeting["turn-response_latency_ms"] == greeting["turn-proxy_in_ms"] == "unprompted"


async def test_every_number_of_a_session_is_on_its_page(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    found = await values(client, f"/sessions/{call.id}/numbers")
    assert list(found) == [f"session-{number.name}" for number in SESSION_NUMBERS]
    assert all(found.values())


async def test_every_number_leads_to_what_it_means(client: Client, archive: Archive) -> None:
    text = await told(client, "/numbers")
    for level, numbers in TABLES.items():
        for number in numbers:
            assert f'id="{level}-{number.name}"' in text
            if number.attribute:
                assert f"<code>{number.attribute}</code>" in text
    assert "`" not in Markup(text).striptags()


async def test_the_page_of_a_session_leads_to_them(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    text = await told(client, f"/sessions/{call.id}")
    assert f'href="/sessions/{call.id}/numbers"' in text
    for turn in call.fold.conversation().turns:
        assert f'href="/sessions/{call.id}/turns/{turn.number}/numbers"' in text
    await told(client, f"/sessions/{call.id}/turns/99/numbers", 404)
    await told(client, f"/sessions/{call.id}/turns/x/numbers", 404)
