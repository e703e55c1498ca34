"""The API gives the spans of a session's backend in the order of their tree, and says what is not among them."""

import msgspec

from relayproxy.conversation.backend_span import SpanDetail, SpanEvent, SpanLink
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_spans import Counted, JoinedSpan, SpanBatch, write_backend_spans
from relayproxy.store.write.deletion.deletion import Deletion
from tests.console import samples
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
    assert (found["total"], found["received_frames"], found["sent_frames"], found["limited"]) == (4, 30, 400, 1)


async def test_they_are_given_in_pages(client: Client, archive: Archive, writer: AnnotationWriter) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    kept(writer, call)

    for limit in (1, 2, 3, 4, 5):
        met = [item["place"] async for items in pages(client, "listSpans", "", limit, id=call.id) for item in items]
        assert met == [0, 1, 2, 3]


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
