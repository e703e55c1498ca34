"""The JSON twins."""

import json
from typing import Any

import pytest

from relayproxy.console.http.times import rfc3339
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


async def get(client: Client, path: str, status: int = 200) -> Any:
    async with client.get(path) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/json"
        assert response.headers["Cache-Control"] == "no-store"
        return await response.json()


async def test_the_list_is_paged_by_cursor(client: Client, archive: Archive) -> None:
    ended = [samples.booking(archive, samples.ago(900 - 100 * n)).commit() for n in range(3)]
    live = samples.Call(archive, samples.ago(2000)).setup().commit()
    expected = [live.id, ended[2].id, ended[1].id, ended[0].id]

    first = await get(client, "/api/sessions?limit=3")
    second = await get(client, f"/api/sessions?limit=3&before={first['next']}")
    assert [item["id"] for item in first["items"] + second["items"]] == expected
    assert second["next"] is None
    assert (first["items"][0]["live"], first["items"][0]["ended_at"]) == (True, None)


async def test_an_item_says_what_the_row_of_the_page_says(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    (item,) = (await get(client, "/api/sessions"))["items"]
    assert item["session_id"] == call.vx
    assert (item["from"], item["to"], item["route"]) == (samples.CALLER, samples.CALLEE, "bookings")
    assert (item["started_at"], item["started_at_ns"]) == (rfc3339(call.began), call.began)
    assert (item["outcome"], item["studio_transition"]) == ("ended_by_backend", "success")
    assert item["handoff"] == {"reason_code": "live-agent"}
    assert item["totals"]["response_latency_ms"] == {"p50": 710, "p95": 2640, "n": 5}


@pytest.mark.parametrize("by", ["id", "vx"])
async def test_a_session_is_found_by_our_id_and_by_twilios(client: Client, archive: Archive, by: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    found = await get(client, f"/api/sessions/{getattr(call, by)}")

    assert found["id"] == call.id
    assert found["ended_at_ns"] == call.began + round(36.32 * samples.S)
    assert found["duration_ms"] == 36_320
    assert (found["ended_by"], found["twilio_error_code"]) == ("backend", None)
    assert found["end_reason"]
    assert found["custom_parameters"] == {"plan": "gold", "locale": "en-US", "campaign": "autumn"}
    handoff = found["handoff"]
    assert json.loads(handoff["raw"]) == handoff["json"]
    assert (handoff["is_string"], handoff["bytes"], handoff["reason_code"]) == (True, len(handoff["raw"]), "live-agent")
    (connection,) = found["connections"]
    assert (connection["status"], connection["connect_ms"], connection["messages"]) == (101, 41.0, 104)
    assert connection["ending"]["first"] == "twilio"

    turns = found["turns"]
    assert [turn["number"] for turn in turns] == list(range(6))
    assert [turn["opened_by"] for turn in turns] == ["setup", "prompt", "prompt", "prompt", "dtmf", "prompt"]
    assert [turn["response_latency_ms"] for turn in turns] == [None, 720, 2640, 610, 520, 710]
    assert turns[0]["null_reason"]
    assert turns[0]["greeting"] == "Hello, this is the Harbour Restaurant. How can I help?"
    assert turns[1]["caller_text"] == "I'd like to book a table for tonight, please."
    assert turns[2]["interrupted"]
    assert turns[2]["interruptions"][0]["heard_text"] == "We have a table by the window at half"
    assert (turns[2]["interruptions"][0]["heard_ms"], turns[2]["interruptions"][0]["stale_chunks"]) == (2140, 2)
    assert turns[4]["dtmf"] == "471#"
    assert turns[5]["agent_at_ns"] == call.began + 34_610_120_000
    assert (found["totals"]["turns"], found["totals"]["interruptions"], found["totals"]["unanswered"]) == (6, 1, 0)


async def test_a_live_and_a_refused_session(client: Client, archive: Archive) -> None:
    live = samples.Call(archive).setup().commit()
    refused = samples.refused(archive, samples.ago(9)).commit()
    found = await get(client, f"/api/sessions/{live.id}")
    assert (found["live"], found["outcome"], found["handoff"], found["duration_ms"]) == (True, None, None, None)
    found = await get(client, f"/api/sessions/{refused.id}")
    assert (found["outcome"], found["twilio_error_code"]) == ("backend_connect_failed", 64102)
    assert (found["connections"][0]["status"], found["session_id"]) == (403, None)


async def test_messages_come_as_they_were_recorded(client: Client, archive: Archive) -> None:
    call = samples.odd(archive, samples.ago(50)).commit()
    found = await get(client, f"/api/sessions/{call.id}/messages")
    items = found["items"]
    assert (found["next"], found["total"]) == (None, 7)
    assert [item["type"] for item in items] == ["setup", "not JSON", "binary", "text", "gap", "text", "undecodable"]
    first = items[0]
    assert (first["connection"], first["seq"], first["from"], first["kind"]) == (call.id, 0, "twilio", "text")
    assert (first["t_ms"], first["out_ms"]) == (50.0, 50.12)
    assert (first["at"], first["at_ns"]) == (rfc3339(call.began + 50_000_000), call.began + 50_000_000)
    assert json.loads(first["text"])["sessionId"] == call.vx
    assert items[2]["data"].startswith("AAECAwQ")
    assert (items[3]["cut"], items[3]["size"], items[3]["sha256"]) == (True, 900_000, "ab" * 32)
    assert (items[4]["note"], items[4]["size"]) == ("buffer", 12_345)


async def test_messages_are_paged_and_filtered(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    path = f"/api/sessions/{call.vx}/messages"
    everything = (await get(client, path))["items"]
    paged: list[Any] = []
    after = ""
    for _ in range(3):
        page = await get(client, f"{path}?limit=40{after}")
        paged += page["items"]
        after = f"&after={page['next']}"
    assert page["next"] is None
    assert paged == everything
    assert [item["seq"] for item in everything] == list(range(104))
    some = await get(client, f"{path}?from=twilio&type=dtmf&type=interrupt&limit=3")
    assert [item["type"] for item in some["items"]] == ["interrupt", "dtmf", "dtmf"]
    assert len((await get(client, f"{path}?from=backend"))["items"]) == 79


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/sessions/nobody", 404, "not_found"),
        ("/api/sessions/nobody/messages", 404, "not_found"),
        ("/api/nothing", 404, "not_found"),
        ("/api/sessions?limit=0", 400, "bad_request"),
        ("/api/sessions?limit=many", 400, "bad_request"),
        ("/api/sessions?limit=1000000", 400, "bad_request"),
        ("/api/sessions?before=yesterday", 400, "bad_request"),
        ("/api/sessions/x/messages?after=yesterday", 400, "bad_request"),
        ("/api/sessions/x/messages?from=mars", 400, "bad_request"),
    ],
)
async def test_errors_have_one_shape(client: Client, archive: Archive, path: str, status: int, code: str) -> None:
    answer = await get(client, path, status)
    assert set(answer) == {"error"}
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]


async def test_what_cannot_be_done_is_told_in_the_same_shape(client: Client, archive: Archive) -> None:
    async with client.delete("/api/sessions/x") as response:
        assert response.status == 405
        assert (await response.json())["error"]["code"] == "method_not_allowed"


async def test_without_a_database_it_says_what_to_do(client: Client) -> None:
    answer = await get(client, "/api/sessions", 503)
    assert answer["error"]["code"] == "not_ready"
    assert "relayproxy" in answer["error"]["message"]
    assert await get(client, "/healthz") == {"status": "ok"}


SESSION = {
    "session_id", "call_sid", "route", "started_at", "ended_at", "outcome", "ended_by", "end_reason",
    "studio_transition", "twilio_error_code", "confidence", "tier", "handoff", "connections", "turns", "findings",
    "totals", "waiting", "call",
}  # fmt: skip
TURN = {
    "number", "opened_by", "caller_text", "agent_text", "heard_text", "unheard_text", "heard_basis",
    "response_latency_ms", "null_reason", "null_reasons", "interrupted", "interruption", "dtmf", "unanswered", "tier",
    "time_to_first_token_ms", "time_to_first_sentence_ms", "time_to_last_token_ms", "user_bot_latency_ms",
}  # fmt: skip
INTERRUPTION = {"kind", "heard_ms", "stale_chunks", "stale_chars", "reaction_ms", "false_interruption"}
HANDOFF = {"raw", "json", "is_string", "bytes", "reason_code", "studio_path"}


async def test_everything_that_the_contract_names_is_there(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    found = await get(client, f"/api/sessions/{call.vx}")

    assert set(found) >= SESSION
    assert all(set(turn) >= TURN for turn in found["turns"])
    assert set(found["turns"][2]["interruption"]) >= INTERRUPTION
    assert found["turns"][2]["interruption"] == found["turns"][2]["interruptions"][0]
    assert found["turns"][2]["interruption"]["at"] == rfc3339(call.began + round(18.9 * samples.S))
    assert found["turns"][1]["interruption"] is None
    assert set(found["handoff"]) >= HANDOFF
    assert found["handoff"]["studio_path"] == "{{widgets.<name>.HandoffData}}"
    assert (found["outcome"], found["confidence"]) == ("ended_by_backend", "certain")


async def test_every_duration_that_is_null_says_why(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    for turn in (await get(client, f"/api/sessions/{call.id}"))["turns"]:
        absent = {
            name
            for name, value in turn.items()
            if name.endswith("_ms") and value is None and not name.startswith(("proxy_", "lead_time"))
        }
        assert absent - {"response_latency_ms"} <= set(turn["null_reasons"]), turn["number"]
        assert ("response_latency_ms" in absent) == (turn["null_reason"] is not None)


async def test_the_parts_of_the_budget_sum_exactly(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    turns = (await get(client, f"/api/sessions/{call.id}"))["turns"]
    measured = [turn["budget"] for turn in turns if turn["response_latency_ms"] is not None]

    assert len(measured) == 5
    for budget in measured:
        parts = [budget[name] for name in ("proxy_in_ns", "backend_ns", "proxy_out_ns")]
        assert sum(parts) == budget["response_latency_ns"]


async def test_a_finding_leads_to_its_message(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup()
    call.twilio(1, "prompt", voicePrompt="Hello", lang="en", last=True).text(
        4.5, "backend", '{"type":"txt","token":"Hi"}'
    )
    call.backend(5, "text", token="Hi.", last=True).commit()
    found = await get(client, f"/api/sessions/{call.id}")

    invalid, slow = found["findings"]
    assert (invalid["code"], invalid["severity"], invalid["twilio_code"]) == ("invalid_message", "error", 64107)
    assert invalid["title"]
    assert invalid["meaning"]
    assert invalid["action"]
    (message,) = (await get(client, f"/api/sessions/{call.id}/messages?limit=1&after=0.1"))["items"]
    assert message["cursor"] == invalid["message"]["cursor"] == "0.2"
    assert message["text"] == '{"type":"txt","token":"Hi"}'
    assert (slow["code"], slow["turn"], slow["message"]["seq"]) == ("slow_turn", 1, 3)
    assert found["turns"][1]["findings"] == [slow]
    assert found["totals"]["findings"] == {"error": 1, "warning": 1}
    assert found["totals"]["findings_by_code"] == {"invalid_message": 1, "slow_turn": 1}


async def test_a_caller_who_waits_is_an_alarm(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(60)).setup()
    call.twilio(1, "prompt", voicePrompt="Hello", lang="en", last=True).commit()
    found = await get(client, f"/api/sessions/{call.id}")

    assert (found["waiting"]["turn"], found["waiting"]["since_ns"]) == (1, call.began + samples.S)
    assert found["waiting"]["waiting_ms"] >= 59_000
    assert [finding["code"] for finding in found["findings"]] == ["waiting"]
    call.backend(60.5, "text", token="Hi.", last=True).commit()
    found = await get(client, f"/api/sessions/{call.id}")
    assert (found["waiting"], [finding["code"] for finding in found["findings"]]) == (None, ["slow_turn"])


async def test_the_sessions_of_a_call_know_each_other(client: Client, archive: Archive) -> None:
    first = samples.Call(archive, samples.ago(200)).setup(call_sid="CA5").commit()
    second = samples.Call(archive, samples.ago(100)).setup(call_sid="CA5").commit()
    other = samples.Call(archive, samples.ago(50)).setup(call_sid="CA6").commit()

    call = await get(client, "/api/calls/CA5")
    assert call["call_sid"] == "CA5"
    assert [session["id"] for session in call["items"]] == [first.id, second.id]
    assert (call["next"], call["complete"]) == (None, True)
    found = await get(client, f"/api/sessions/{second.id}")
    assert [session["id"] for session in found["call"]] == [first.id, second.id]
    assert [session["id"] for session in (await get(client, f"/api/sessions/{other.id}"))["call"]] == [other.id]


async def test_a_call_that_is_not_there(client: Client, archive: Archive) -> None:
    assert archive.sessions() == 0
    problem = await get(client, "/api/calls/CA9", 404)
    assert problem["error"]["message"] == "There is no call CA9 here."


async def test_a_call_of_very_many_sessions_is_not_complete(client: Client, archive: Archive) -> None:
    made = [samples.Call(archive, samples.ago(200 - number)).setup(call_sid="CA7").commit() for number in range(51)]
    call = await get(client, "/api/calls/CA7")
    assert [session["id"] for session in call["items"]] == [one.id for one in made[:50]]
    assert (call["next"], call["complete"]) == (None, False)


async def test_turns_go_on_where_they_ended(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    path = f"/api/sessions/{call.id}/turns"
    first = await get(client, f"{path}?limit=2")
    assert ([turn["number"] for turn in first["items"]], first["next"]) == ([0, 1], "1")
    second = await get(client, f"{path}?limit=2&after={first['next']}")
    assert [turn["number"] for turn in second["items"]] == [2, 3]
    rest = await get(client, f"{path}?after=3")
    assert (rest["items"][0]["number"], rest["next"]) == (4, None)
