"""The API gives the spans of a session's backend in the order of their tree, and says what is not among them."""

import msgspec
import pytest

from relayproxy.conversation.backend_span import SpanDetail, SpanEvent, SpanLink
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_spans import Counted, JoinedSpan, SpanBatch, write_backend_spans
from relayproxy.store.write.deletion.deletion import Deletion
from tests.console import samples
from tests.console.backend_spans import BOOKING, keep
from tests.console.conftest import Client
from tests.console.contract import ask, pages, refused
from tests.store.build import span


def kept(writer: AnnotationWriter, call: samples.Call) -> None:
    """The spans of a turn: a model call and a tool, within the backend's own; one more was guessed."""
    own = {"trace_id": call.opened.trace_id}
    whole = SpanDetail(
        "no answer",
        {"gen_ai.request.model": "gpt", "list": [1, None]},
        {"service.name": "agent"},
        (SpanEvent(5, "exception", {"exception.type": "TimeoutError"}),),
        (SpanLink("ab" * 16, "cd" * 8, {"why": "x"}),),
    )
    top = span(1, **own, parent_span_id=call.opened.span_id, name="/ws", kind="server")
    model = span(3, **own, parent_span_id=top.span_id, detail=whole, status="error", left_out=2)
    tool = span(2, **own, parent_span_id=top.span_id, name="execute_tool", ended_at=0)
    guessed = span(4, parent_span_id="ee" * 8, name="query", started_at=2**63 - 1, ended_at=2**63 - 1)
    joined = [JoinedSpan(one, call.id, "trace") for one in (model, top, tool)]
    batch = SpanBatch([*joined, JoinedSpan(guessed, call.id, "guess")], {call.id: Counted(30, 400, 1)})
    with writer.writing() as db:
        write_backend_spans(db, batch, 100)


async def test_spans_are_given_as_a_tree_with_all_that_is_known(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    kept(writer, call)

    found = await ask(client, "listSpans", id=call.vx)

    assert [(one["name"], one["depth"], one["parent"]) for one in found["items"]] == [
        ("/ws", 0, None),
        ("execute_tool", 1, 0),
        ("chat gpt", 1, 0),
        ("query", 0, None),
    ]
    assert [one["joined_by"] for one in found["items"]] == ["trace"] * 3 + ["guess"]
    assert [(one["child_of_call"], one["orphan"]) for one in found["items"]] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]
    model = found["items"][2]
    assert (model["status"], model["status_message"], model["duration_ms"]) == ("error", "no answer", 500.0)
    assert model["attributes"] == {"gen_ai.request.model": "gpt", "list": [1, None]}
    assert model["events"][0]["attributes"] == {"exception.type": "TimeoutError"}
    assert (model["work"], model["model"], found["items"][0]["turn"]) == ("model", "gpt", None)
    assert (found["total"], found["received_frames"], found["sent_frames"], found["limited"]) == (4, 30, 400, 1)


async def test_they_are_given_in_pages(client: Client, archive: Archive, writer: AnnotationWriter) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    kept(writer, call)

    for limit in (1, 2, 3, 4, 5):
        met = [item["place"] async for items in pages(client, "listSpans", "", limit, id=call.id) for item in items]
        assert met == [0, 1, 2, 3]


async def test_each_is_in_its_turn_by_the_clock_of_relayproxy(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, BOOKING, clock_ahead=5)

    found = await ask(client, "listSpans", id=call.id)

    assert found["clocks"] == [
        {
            "connection": call.id,
            "connection_index": 0,
            "state": "moved",
            "shift_ms": -4999.5,
            "uncertainty_ms": 20.5,
        }
    ]
    turns = [(one["name"], one["turn"]) for one in found["items"]]
    assert turns[:3] == [("HTTP /ws", None), ("answer", 1), ("chat m-large", 1)]
    assert [name for name, turn in turns if turn == 2] == [
        *("answer", "chat m-large", "POST", "execute_tool find_table", "SELECT tables", "chat m-large")
    ]
    for one in found["items"]:
        assert one["aligned_at_ns"] == one["started_at_ns"] - 4_999_500_000
    tool = next(one for one in found["items"] if one["name"].startswith("execute_tool"))
    assert (tool["work"], tool["turn_offset_ms"]) == ("tool", pytest.approx(1100.4, abs=0.05))
    model = next(one for one in found["items"] if one["turn"] == 2 and one["work"] == "model")
    assert (model["model"], model["input_tokens"], model["output_tokens"]) == ("m-large", 812, 41)


async def test_a_turn_is_asked_for_alone_with_what_its_wait_went_into(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    keep(writer, call, BOOKING)

    found = await ask(client, "listSpans", "turn=2", id=call.id)

    assert (found["total"], found["clocks"][0]["state"]) == (6, "agrees")
    wait = found["wait"]
    parts = ("model", "tool", "database", "http", "other", "outside")
    assert {name: round(wait[f"{name}_ns"] / 1e6) for name in parts} == {
        **{"model": 1820, "tool": 560, "database": 240},
        **{"http": 0, "other": 10, "outside": 10},
    }
    turn = (await ask(client, "listTurns", id=call.id))["items"][2]
    assert wait["total_ns"] == sum(wait[f"{name}_ns"] for name in parts) == turn["budget"]["backend_ns"]
    assert (wait["turn"], wait["answered"]) == (2, True)

    none = await ask(client, "listSpans", "turn=none", id=call.id)
    assert ([one["name"] for one in none["items"]], none["wait"]) == (["HTTP /ws"], None)
    for number in (0, 99):
        nothing = await ask(client, "listSpans", f"turn={number}", id=call.id)
        assert (nothing["items"], nothing["total"], nothing["wait"]) == ([], 0, None)
    for wrong in ("-1", "x", "1.5", ""):
        assert await refused(client, "get", f"/api/sessions/{call.id}/spans?turn={wrong}", 400) == "bad_request"
    met = [item["place"] async for items in pages(client, "listSpans", "turn=2", 4, id=call.id) for item in items]
    assert met == [one["place"] for one in found["items"]]


async def test_a_turn_that_was_not_answered_waited_until_it_was_over(
    client: Client, archive: Archive, writer: AnnotationWriter
) -> None:
    call = samples.failing(archive, samples.ago(100)).commit()
    keep(writer, call, "chat 14.1 30 model")

    wait = (await ask(client, "listSpans", "turn=2", id=call.id))["wait"]

    assert wait["answered"] is False
    assert wait["outside_ns"] == pytest.approx(100_000_000, abs=5_000_000)
    assert wait["model_ns"] == wait["total_ns"] - wait["outside_ns"]


async def test_a_session_without_spans_has_none(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()

    found = await ask(client, "listSpans", id=call.id)

    assert (found["items"], found["next"], found["total"]) == ([], None, 0)


async def test_they_go_with_what_was_said(client: Client, archive: Archive, writer: AnnotationWriter) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    kept(writer, call)
    with writer.writing() as db:
        Deletion(call.id, whole=False).work(db, lambda: False)

    problem = await refused(client, "get", f"/api/sessions/{call.id}/spans", 410)

    assert msgspec.json.encode(problem).count(b"deleted")
