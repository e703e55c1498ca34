"""Documents of the API: the base of their types, and the field types that many of them share.

Knows: how a type becomes a schema (JSON Schema 2020-12, as OpenAPI 3.1 takes it).
Must not know: any endpoint; what a document is about.

A document is a frozen Struct: a handler builds it, msgspec writes it and describes it. Fields are written in the order
in which they are declared; each is always there, and null where it is absent.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from relayproxy.console.http.times import rfc3339

T = TypeVar("T")
_REF = "#/components/schemas/"


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An object of the API. Its class name, without `Document`, names its schema; its docstring describes it.
    The collector of cycles need not look at it, as a document is a tree."""


Time = Annotated[
    str,
    Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", extra_json_schema={"format": "date-time"}),
]
"""RFC 3339 in UTC, microseconds; see `rfc3339`. The field of the same name with `_ns` is a `Nanoseconds`."""
Nanoseconds = Annotated[
    int, Meta(description="The same in nanoseconds since 1970.", extra_json_schema={"format": "int64"})
]
Count = Annotated[int, Meta(ge=0)]


DEPRECATED = Meta(extra_json_schema={"deprecated": True})
"""For a field that another one has replaced; it stays for one more version."""


class Whole(Document, Generic[T], frozen=True):
    """A list that is given whole."""

    items: tuple[T, ...]
    next: Annotated[None, Meta(description="Null: this is all.")]


class Page(Document, Generic[T], frozen=True):
    """A part of a list, and the cursor of what follows."""

    items: tuple[T, ...]
    next: Annotated[str | None, Meta(description="What the next page is asked for with; null at the end.")]


def time_or_null(ns: int | None) -> str | None:
    """A wall time as a field of the API; None where there is none."""
    return None if ns is None else rfc3339(ns)


def schemas(types: Iterable[Any]) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The schema of each type, and by their names all schemas that these refer to."""
    found, components = msgspec.json.schema_components(types, ref_template=f"{_REF}{{name}}")
    return [_renamed(schema) for schema in found], {
        _name(name): _renamed(schema) for name, schema in components.items()
    }


def _name(component: str) -> str:
    # As msgspec names them: `TagDocument`, and `Page_TagDocument_` for `Page[TagDocument]`.
    generic = re.fullmatch(r"([A-Za-z]+)_(\w+?)(?:Document)?_", component)
    return f"{generic[2]}{generic[1]}" if generic else component.removesuffix("Document")


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {name: _renamed(one) for name, one in value.items() if name != "title" or not isinstance(one, str)}
    if isinstance(told.get("$ref"), str):
        told["$ref"] = _REF + _name(told["$ref"].removeprefix(_REF))
    return told
