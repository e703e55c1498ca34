"""What the API says of one session: the same in an answer and in a file, and the same as lists say of it."""

import asyncio
from typing import Any, cast

import msgspec

from relayproxy.console.calls.documents.documents import call_document
from relayproxy.console.calls.reading import StoredSession, read_session
from relayproxy.console.openapi import document
from relayproxy.console.sessions.documents import SessionDocument, session_document, session_file
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples

S = samples.S


def stored(queries: Queries, call: samples.Call, first: int = 0, limit: int = 500) -> StoredSession:
    call.commit()
    found = asyncio.run(read_session(queries, call.id, first, limit))
    assert found is not None
    return found


def told(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], msgspec.json.decode(msgspec.json.encode(value)))


def of(session: StoredSession, now: int = 0) -> dict[str, Any]:
    return told(session_document(session, (), now))


def test_it_begins_with_what_lists_say_of_it(archive: Archive, queries: Queries) -> None:
    session = stored(queries, samples.booking(archive, samples.ago(100)))
    (item,) = told(call_document("CA1", [session.row], complete=True))["items"]

    whole = of(session)
    assert list(whole)[: len(item)] == list(item)
    assert {name for name in item if item[name] != whole[name]} == {"handoff", "totals"}
    assert item["handoff"] == {"reason_code": whole["handoff"]["reason_code"]}
    latency = item["totals"]["response_latency_ms"]
    assert (
        whole["totals"] | item["totals"] | {"response_latency_ms": whole["totals"]["response_latency_ms"]}
        == (whole["totals"])
    )
    assert latency.items() <= whole["totals"]["response_latency_ms"].items()


def test_every_field_that_is_told_is_described(archive: Archive, queries: Queries) -> None:
    schema = document()["components"]["schemas"]["Session"]
    whole = of(stored(queries, samples.booking(archive, samples.ago(100))))

    assert list(whole) == list(schema["properties"]) == schema["required"]
    assert list(SessionDocument.__struct_encode_fields__) == list(whole)


def test_a_file_ends_with_the_turns_and_knows_no_pages(archive: Archive, queries: Queries) -> None:
    session = stored(queries, samples.booking(archive, samples.ago(100)))

    file = told(session_file(session, (), 0))
    assert (list(file)[-1], file["turns"]) == ("turns", [])
    assert {**of(session), "turns": []} == file | {"turns_next": None, "unreadable_turns": 0}


def test_turns_say_where_they_go_on(archive: Archive, queries: Queries) -> None:
    session = stored(queries, samples.booking(archive, samples.ago(100)), limit=2)

    assert ([turn["number"] for turn in of(session)["turns"]], of(session)["turns_next"]) == ([0, 1], "1")


def test_a_caller_who_waits_is_told_of_while_the_call_lives(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive).setup().asks(4.0, "Is anybody there?")

    waiting = of(stored(queries, call), call.began + 9 * S)["waiting"]
    assert (waiting["turn"], waiting["since_ns"], waiting["waiting_ms"]) == (1, call.began + 4 * S, 5000)
    assert of(stored(queries, call.hang_up(10)), call.began + 11 * S)["waiting"] is None


def test_a_connection_says_how_it_came_about_and_how_it_ended(archive: Archive, queries: Queries) -> None:
    (relayed,) = of(stored(queries, samples.booking(archive, samples.ago(100))))["connections"]
    assert (relayed["status"], relayed["connect_ms"], relayed["dial"], relayed["error"]) == (101, 41.0, None, None)
    assert relayed["request_headers"] == [["Host", "relay.example.com"], ["X-Twilio-Signature", "<redacted>"]]
    assert relayed["ending"]["t_ms"] > 0

    (refused,) = of(stored(queries, samples.refused(archive, samples.ago(50))))["connections"]
    assert refused["status"] != 101
    assert refused["error"]
