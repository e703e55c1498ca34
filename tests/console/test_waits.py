"""How long callers waited, wherever the console says it."""

from typing import Any

import pytest

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


@pytest.fixture
def waited(archive: Archive) -> dict[str, str]:
    """Names of calls by their ids."""
    again = samples.Call(archive, samples.ago(300)).setup()
    again.asks(1.0, "Please cancel").asks(5.6, "Hello, you?").answers(5.801, "Yes.").hang_up(9.0).commit()
    never = samples.Call(archive, samples.ago(200)).setup().asks(1.0, "Hello?").hang_up(13.0).commit()
    fine = (
        samples.Call(archive, samples.ago(100)).setup().asks(1.0, "Hello?").answers(1.3, "Yes.").hang_up(9.0).commit()
    )
    return {again.id: "again", never.id: "never", fine.id: "fine"}


async def got(client: Client, path: str, **params: str) -> Any:
    async with client.get(path, params=params) as response:
        assert response.status == 200
        return await response.json() if path.startswith("/api/") else await response.text()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("unanswered:>0", {"again", "never"}),
        ("-unanswered:>0", {"fine"}),
        ("wait:>4.5", {"again", "never"}),
        ("wait:>10", {"never"}),
        ("latency:>1", set()),
    ],
)
async def test_one_filter_finds_every_kind_of_unanswered_prompt(
    client: Client, waited: dict[str, str], text: str, found: set[str]
) -> None:
    listed = await got(client, "/api/sessions", q=text)

    assert {waited[item["id"]] for item in listed["items"]} == found


async def test_the_longest_wait_is_told_wherever_a_call_is(client: Client, waited: dict[str, str]) -> None:
    ids = {name: id for id, name in waited.items()}
    items = {waited[item["id"]]: item["totals"] for item in (await got(client, "/api/sessions"))["items"]}
    told = {
        name: (one["longest_wait_ms"], one["unanswered"], one["asked_again"], one["response_latency_ms"]["p50"])
        for name, one in items.items()
    }
    assert told == {"again": (4801, 1, 1, 201), "never": (12_000, 1, 0, None), "fine": (300, 0, 0, 300)}

    document = await got(client, f"/api/sessions/{ids['again']}")
    turn = document["turns"][1]
    assert (turn["longest_wait_ms"], turn["response_latency_ms"]) == (4801, 201)
    assert (turn["unanswered"], turn["asked_again"]) == (False, True)

    rows = await got(client, "/sessions")
    assert "4,801 ms" in rows
    assert "12,000 ms" in rows
    page = await got(client, f"/sessions/{ids['again']}")
    assert "Longest wait</dt>" in page
    assert "waited 4,801 ms, 201 ms from the last prompt" in page
    async with client.get(f"/sessions/{ids['again']}/longest-wait", allow_redirects=False) as response:
        assert response.headers["Location"] == f"/sessions/{ids['again']}?turn=1#turn-1"

    drawn = await got(client, f"/api/sessions/{ids['again']}/timeline")
    assert dict(zip(drawn["columns"], drawn["turns"][1], strict=True))["waited"] == 4801
    insight = await got(client, "/api/insight")
    assert [(waited[one["id"]], one["longest_wait_ms"]) for one in insight["slowest_turns"]] == [
        ("never", 12_000),
        ("again", 4801),
        ("fine", 300),
    ]
    assert (insight["sums"]["unanswered"], insight["sums"]["asked_again"]) == (2, 1)
    assert "12.0 s" in await got(client, "/insight")


async def test_what_goes_wrong_in_a_turn_is_still_drawn_at_its_moment(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup().asks(1.0, "Hello?").text(1.5, "backend", "bad").hang_up(9.0)
    call.commit()

    document = await got(client, f"/api/sessions/{call.id}")
    drawn = await got(client, f"/api/sessions/{call.id}/timeline")

    assert [(one["code"], one["turn"]) for one in document["findings"] if one["code"] == "invalid_message"] == [
        ("invalid_message", 1)
    ]
    assert [1500, "error", "Invalid message"] in drawn["events"]


async def test_unanswered_is_a_facet(client: Client, waited: dict[str, str]) -> None:
    facets = {one["field"]: one for one in (await got(client, "/api/facets"))["items"]}
    assert facets["unanswered"]["values"] == [
        {"value": ">0", "name": "A prompt or key", "count": 2, "chosen": False, "q": "unanswered:>0"}
    ]

    chosen = {one["field"]: one for one in (await got(client, "/api/facets", q="unanswered:>0"))["items"]}
    (option,) = chosen["unanswered"]["values"]
    assert (option["count"], option["chosen"], option["q"]) == (2, True, "")


async def test_an_answer_that_the_end_of_the_call_cut_off_says_so_and_the_call_leads_the_worst(
    client: Client, archive: Archive, waited: dict[str, str]
) -> None:
    dead = samples.Call(archive, samples.ago(50)).setup().asks(1.0, "Hello?").answers(1.201, "I have", last=False)
    dead.over(1.5, first="backend", twilio="eof", backend="reset").commit()

    page = await got(client, f"/sessions/{dead.id}")
    worst = (await got(client, "/api/insight"))["worst_calls"]

    assert "201 ms, cut off" in page
    assert (worst[0]["id"], worst[0]["failed"]) == (dead.id, True)
