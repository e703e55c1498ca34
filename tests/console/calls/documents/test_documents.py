"""What the API says of the sessions of a call."""

import asyncio
from typing import Any, cast

import msgspec

from relayproxy.console.calls.documents.documents import call_document
from relayproxy.console.calls.reading import read_call
from relayproxy.console.openapi import document
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples


def told(queries: Queries, call_sid: str, *, complete: bool = True) -> dict[str, Any]:
    rows = asyncio.run(read_call(queries, call_sid, 50))
    answer = msgspec.json.encode(call_document(call_sid, rows, complete=complete))
    return cast(dict[str, Any], msgspec.json.decode(answer))


def test_a_session_says_who_called_whom_and_how_it_went(archive: Archive, queries: Queries) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    sid = call.fold.conversation().call_sid
    assert sid is not None
    answer = told(queries, sid, complete=False)

    assert (answer["call_sid"], answer["complete"], answer["next"]) == (sid, False, None)
    (item,) = answer["items"]
    assert (item["id"], item["from"], item["to"]) == (call.id, samples.CALLER, samples.CALLEE)
    assert (item["outcome"], item["live"], item["started_at_ns"]) == ("ended_by_backend", False, call.began)
    assert item["totals"]["turns"] == len(call.fold.conversation().turns)


def test_a_live_session_has_no_end_yet(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive).setup().commit()
    sid = call.fold.conversation().call_sid
    assert sid is not None
    (item,) = told(queries, sid)["items"]

    fields = ("ended_at", "ended_at_ns", "duration_ms", "outcome", "handoff")
    assert (item["live"], [item[name] for name in fields]) == (True, [None] * len(fields))


def test_every_field_that_is_told_is_described(archive: Archive, queries: Queries) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    (item,) = told(queries, call.fold.conversation().call_sid or "")["items"]
    schemas = document()["components"]["schemas"]

    assert list(item) == list(schemas["SessionItem"]["properties"])
    assert list(item["totals"]) == list(schemas["ListedTotals"]["properties"])
    assert schemas["Call"]["properties"]["complete"]["description"].endswith("its first 50.")
