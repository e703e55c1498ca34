"""A number that is put into a table is a field of the API's document, in its place, with its words."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from relayproxy.console.calls.documents.number_fields import number_reader, with_numbers
from relayproxy.console.http.documents import Document, schemas
from relayproxy.conversation.measures.number import Number, Share
from relayproxy.conversation.model import ChunkGaps
from relayproxy.conversation.totals import Spread

TABLE: tuple[Number[int], ...] = (
    Number("wait_ms", "Wait", "A", lambda at: at * 1_000_000, "How long.", nanoseconds=True, replaced_by="wait_ns"),
    Number(
        "rate", "Rate", "A", lambda at: at / 4 if at else None, "How often.", "Absent of nothing.", type=float | None
    ),
    Number("spread_ms", "Spread", "A", lambda at: Spread(at, 1, 2, 3), "How it is spread.", type=Spread),
)


@with_numbers(TABLE, behind={"reason": "wait_ms", "said": "rate"})
class SampleDocument(Document, frozen=True):
    """A sample."""

    at: int
    reason: Annotated[str, Meta(description="Why there is no wait.")]
    said: str


def told(at: int) -> dict[str, Any]:
    document = SampleDocument(at=at, reason="", said="yes", **number_reader(TABLE)(at))
    return dict(msgspec.json.decode(msgspec.json.encode(document)))


def test_numbers_stand_in_the_order_of_the_table_and_other_fields_behind_theirs() -> None:
    assert list(told(8)) == ["at", "wait_ms", "reason", "rate", "said", "spread_ms"]


def test_values_are_those_of_the_api() -> None:
    assert told(8) | {"at": 8, "wait_ms": 8, "rate": 2.0} == told(8)
    assert told(8)["spread_ms"] == {"p50": 1, "p95": 2, "max": 3, "n": 8, "excluded": {}}
    assert told(0)["rate"] is None


def test_the_schema_has_the_words_of_the_table() -> None:
    fields = schemas([SampleDocument])[1]["Sample"]["properties"]

    assert fields["rate"]["description"] == "How often. Absent of nothing."
    assert fields["wait_ms"]["description"] == "How long. Deprecated: `wait_ns` has it to the nanosecond."
    assert [name for name, field in fields.items() if field.get("deprecated")] == ["wait_ms"]
    assert fields["reason"]["description"] == "Why there is no wait."


def test_what_the_conversation_has_as_the_api_tells_it_is_told_as_it_is() -> None:
    table: tuple[Number[int], ...] = (
        Number("gaps", "Gaps", "A", lambda at: ChunkGaps(at, at, at), "How far.", type=ChunkGaps | None),
        Number("rate", "Rate", "A", lambda at: 1 / at, "How much.", type=Share | None),
    )
    fields = schemas([with_numbers(table, {})(SampleDocument)])[1]["Sample"]["properties"]

    assert number_reader(table)(2) == {"gaps": ChunkGaps(2, 2, 2), "rate": 0.5}
    assert fields["gaps"]["anyOf"][0] == {"$ref": "#/components/schemas/ChunkGaps"}
    assert fields["rate"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 1}
