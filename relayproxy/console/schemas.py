"""A small vocabulary for saying what JSON looks like (JSON Schema 2020-12), and words that are already written.

Knows: how schemas are spelt; that an object has all of its fields and no others.
Must not know: any endpoint, or what an answer means.
"""

from collections.abc import Mapping
from typing import Any, get_args

from relayproxy.conversation.measures.numbers import Level, description

Schema = dict[str, Any]
Fields = dict[str, Schema]


def obj(fields: Mapping[str, Schema], says: str = "") -> Schema:
    """An object with these fields, each of which is always there, and no others."""
    return _told(
        {
            "type": "object",
            "properties": dict(fields),
            "required": list(fields),
            "additionalProperties": False,
        },
        says,
    )


def array(items: Schema, says: str = "") -> Schema:
    """A list of these."""
    return _told({"type": "array", "items": items}, says)


def row(*cells: Schema, says: str = "") -> Schema:
    """A list of exactly these cells, in this order."""
    fixed = {"prefixItems": list(cells), "items": False, "minItems": len(cells), "maxItems": len(cells)}
    return _told({"type": "array", **fixed}, says)


def mapping(values: Schema, says: str = "") -> Schema:
    """An object whose names are not known beforehand."""
    return _told({"type": "object", "additionalProperties": values}, says)


def text(says: str = "", **more: Any) -> Schema:
    """A string."""
    return _told({"type": "string", **more}, says)


def integer(says: str = "", **more: Any) -> Schema:
    """A whole number."""
    return _told({"type": "integer", **more}, says)


def count(says: str = "") -> Schema:
    """A whole number, 0 or more."""
    return integer(says, minimum=0)


def number(says: str = "", **more: Any) -> Schema:
    """A number."""
    return _told({"type": "number", **more}, says)


def boolean(says: str = "") -> Schema:
    """True or false."""
    return _told({"type": "boolean"}, says)


def anything(says: str = "") -> Schema:
    """Any JSON value."""
    return _told({}, says)


def null(says: str = "") -> Schema:
    """Always null."""
    return _told({"type": "null"}, says)


def one_of(values: Any, says: str = "") -> Schema:
    """One of these texts, given as a `Literal` or one by one."""
    return _told({"type": "string", "enum": list(get_args(values) or values)}, says)


def named(name: str) -> Schema:
    """The schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema, says: str = "") -> Schema:
    """The same, or null."""
    if "type" not in schema:
        return _told({"anyOf": [schema, {"type": "null"}]}, says)
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return _told({**schema, "type": [schema["type"], "null"], **more}, says)


def moment(name: str, says: str, *, absent: bool = False) -> Fields:
    """The two fields of a time; `absent`: both may be null."""
    time = text(says, format="date-time", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
    exact = integer("The same in nanoseconds since 1970.", format="int64")
    return {name: nullable(time) if absent else time, f"{name}_ns": nullable(exact) if absent else exact}


def page(items: Schema, next: Schema, **more: Schema) -> Schema:
    """A list, and the cursor of what follows."""
    return obj({"items": array(items), "next": next, **more})


def whole(items: Schema, **more: Schema) -> Schema:
    """A list that is given whole."""
    return page(items, null("Null: this is all."), **more)


def meaning(level: Level, name: str) -> str:
    """What the page of numbers says of one."""
    return description(level, name)


def _told(schema: Schema, says: str) -> Schema:
    return {**schema, "description": says} if says else schema
