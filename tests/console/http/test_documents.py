"""A document's type says what its JSON looks like: names, order, words, what is closed and what may be null."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from relayproxy.console.http.documents import CompleteList, Document, Page, one_of, schemas, with_fields

Colour = Annotated[str, one_of(("red", "green"), "Of a light.", "Colour")]


class LampDocument(Document, frozen=True):
    """A lamp."""

    colour: Annotated[Colour | None, Meta(description="Null while it is out.")]
    default: Literal["on", "off"] = "on"
    title: str = ""
    number: int = msgspec.field(name="from", default=0)


@with_fields([("b", int), ("c", int), ("d", int)], behind={"z": "c"})
class RowDocument(Document, frozen=True):
    """A row."""

    a: int
    z: int


def test_a_field_that_has_a_default_is_told_as_always_there() -> None:
    _, components = schemas([LampDocument])
    lamp = components["Lamp"]
    assert lamp["description"] == "A lamp."
    assert list(lamp["properties"]) == lamp["required"] == ["colour", "default", "title", "from"]
    assert lamp["additionalProperties"] is False
    assert lamp["properties"]["title"] == {"type": "string"}
    assert lamp["properties"]["from"] == {"type": "integer"}
    assert lamp["properties"]["default"] == {"type": "string", "enum": ["off", "on"]}
    assert msgspec.json.encode(LampDocument(None)) == b'{"colour":null,"default":"on","title":"","from":0}'


def test_values_with_a_name_have_a_schema_of_their_own() -> None:
    _, components = schemas([LampDocument])
    assert components["Colour"] == {"type": "string", "description": "Of a light.", "enum": ["red", "green"]}
    assert components["Lamp"]["properties"]["colour"] == {
        "description": "Null while it is out.",
        "anyOf": [{"$ref": "#/components/schemas/Colour"}, {"type": "null"}],
    }


def test_fields_of_a_table_stand_where_the_document_wants_them() -> None:
    assert RowDocument.__struct_fields__ == ("a", "b", "c", "z", "d")
    assert RowDocument.__doc__ == "A row."


def test_lists_are_named_for_what_they_hold() -> None:
    (page, whole), components = schemas([Page[LampDocument], CompleteList[LampDocument]])
    assert page == {"$ref": "#/components/schemas/LampPage"}
    assert whole == {"$ref": "#/components/schemas/LampCompleteList"}
    assert components["LampCompleteList"]["properties"]["next"] == {"description": "Null: this is all.", "type": "null"}
    assert msgspec.json.encode(CompleteList(items=(1,))) == b'{"items":[1],"next":null}'
