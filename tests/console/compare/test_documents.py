"""The document of a comparison."""

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.compare.calls import rebooking
from tests.console.conftest import Client
from tests.console.contract import ask


async def test_what_differs_is_told_of_its_turn(client: Client, archive: Archive) -> None:
    before, after = samples.booking(archive, samples.ago(900)).commit(), rebooking(archive, samples.ago(100))
    found = await ask(client, "compareSessions", f"a={before.id}&b={after.id}")
    assert (found["text"], found["exceeded"], found["next"]) == ("15 differences in 4 of 7 turns.", 3, None)
    assert [one["field"] for one in found["differences"]] == ["reasonCode", "reason"]
    first = found["items"][1]
    assert first["caller_a"] == first["caller_b"] == "I'd like to book a table for tonight, please."
    assert [(one["kind"], one["field"], one["exceeds"]) for one in first["differences"]] == [
        ("text", "", False),
        ("findings", "slow_turn", True),
        ("latency", "response_latency_ms", True),
    ]
    assert {one["name"]: one["shift_ms"] for one in first["durations"]}["response_latency_ms"] == 2100
    assert [(turn["turn_a"], turn["turn_b"]) for turn in found["items"]][-1] == (None, 6)


async def test_durations_of_the_whole_call_have_their_interval(client: Client, archive: Archive) -> None:
    pair = []
    for later in (0.0, 0.5):
        call = samples.Call(archive, samples.ago(900)).setup()
        for n in range(20):
            call.asks(2 + 8 * n, f"Question {n}?").answers(3 + later + 8 * n, "An answer.")
        pair.append(call.hang_up(170).commit())
    found = (await ask(client, "compareSessions", f"a={pair[0].id}&b={pair[1].id}"))["response_latency"]
    assert (found["a"]["n"], found["a"]["p95_ms"], found["b"]["p95_ms"]) == (20, 1000, 1500)
    assert (found["shift_ms"], found["shift_low_ms"], found["shift_high_ms"]) == (500, 500, 500)
    assert found["confidence"] == 0.99
