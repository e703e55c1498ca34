"""What the API says of the sessions of the list."""

from typing import Any, cast

import msgspec

from relayproxy.console.listing.documents import listed_session
from relayproxy.console.openapi import document
from relayproxy.store.read.filters.search import Hit
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotations import Marks
from relayproxy.store.write.archive import Archive
from tests.console import samples


def told(
    queries: Queries, call: samples.Call, marks: Marks | None = None, hits: tuple[Hit, ...] = ()
) -> dict[str, Any]:
    found = queries.session(call.commit().id, limit=0)
    assert found is not None
    answer = msgspec.json.encode(listed_session(found.session, marks, hits))
    return cast(dict[str, Any], msgspec.json.decode(answer))


def test_a_session_that_nobody_has_marked_has_no_tags_and_no_notes(archive: Archive, queries: Queries) -> None:
    item = told(queries, samples.booking(archive, samples.ago(100)))

    assert (item["tags"], item["notes"], item["hits"]) == ([], 0, [])
    assert list(item) == list(document()["components"]["schemas"]["ListedSession"]["properties"])


def test_what_people_added_and_where_words_were_said_is_told(archive: Archive, queries: Queries) -> None:
    hit = Hit(2, "caller", (("a ", False), ("table", True)))
    item = told(queries, samples.booking(archive, samples.ago(100)), Marks(("urgent",), 3), (hit,))

    assert (item["tags"], item["notes"]) == (["urgent"], 3)
    (found,) = item["hits"]
    assert (found["turn"], found["who"], found["text"]) == (2, "caller", "a table")
    assert found["parts"] == [{"text": "a ", "match": False}, {"text": "table", "match": True}]
