"""Documents of the API: the base of their types, and the field types that many of them share.

Knows: how a type becomes a schema (JSON Schema 2020-12, as OpenAPI 3.1 takes it).
Must not know: any endpoint; what a document is about.

A document is a frozen Struct: a handler builds it, msgspec writes it and describes it. Fields are written in the order
in which they are declared; each is always there, and null where it is absent.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta

from relayproxy.console.http.times import rfc3339

T = TypeVar("T")
D = TypeVar("D", bound="Document")
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
End = Annotated[None, Meta(description="Null: this is all.")]
"""`next` of a list that is given whole."""


DEPRECATED = Meta(extra_json_schema={"deprecated": True})
"""For a field that another one has replaced; it stays for one more version."""


class CompleteList(Document, Generic[T], frozen=True):
    """A list without pages."""

    items: tuple[T, ...]
    next: End = None


class Page(Document, Generic[T], frozen=True):
    """One page of a list, and the cursor of the next."""

    items: tuple[T, ...]
    next: Annotated[str | None, Meta(description="What the next page is asked for with; null at the end.")]


def time_or_null(ns: int | None) -> str | None:
    """A wall time as a field of the API; None where there is none."""
    return None if ns is None else rfc3339(ns)


def one_of(values: Any, says: str | None = None, name: str | None = None) -> Meta:
    """Annotation of a `str` that is one of these texts, a `Literal` or several; with `name`, a schema of its own. For
    values that are not checked when a document is built; else a field's type is the `Literal` itself."""
    return Meta(description=says, title=name, extra_json_schema={"enum": list(get_args(values) or values)})


def with_fields(fields: Iterable[tuple[str, Any]], behind: Mapping[str, str]) -> Callable[[type[D]], type[D]]:
    """Makes fields of a table fields of a document, in the order of the table. A field that `behind` maps to one of
    them comes behind that one and those before it; those that are left over come last."""

    def made(document: type[D]) -> type[D]:
        declared = get_type_hints(document, include_extras=True)
        namespace = {"__doc__": document.__doc__, "__module__": document.__module__}
        return msgspec.defstruct(  # type: ignore[return-value]
            document.__name__,
            [*_interleaved(declared, fields, behind)],
            bases=(Document,),
            namespace=namespace,
            frozen=True,
            kw_only=True,
        )

    return made


def _interleaved(
    declared: Mapping[str, Any], fields: Iterable[tuple[str, Any]], behind: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    left = iter(fields)
    for name, type in declared.items():
        if name in behind:
            for field in left:
                yield field
                if field[0] == behind[name]:
                    break
        yield name, type
    yield from left


def schemas(types: Iterable[Any]) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The schema of each type, and by their names all schemas that these refer to. Objects have all of their fields
    and no others; what has a title and is no object has a schema of its own by that name."""
    found, structs = msgspec.json.schema_components(types, ref_template=f"{_REF}{{name}}")
    components: dict[str, dict[str, Any]] = {}
    told = [_told(schema, components) for schema in found]
    for name, schema in structs.items():
        schema.pop("title")
        if "description" in schema:
            # A docstring of several lines.
            schema["description"] = " ".join(schema["description"].split())
        components[_name(name)] = _told(schema, components)
    return told, components


def _name(component: str) -> str:
    # As msgspec names them: `TagDocument`, and `Page_TagDocument_` for `Page[TagDocument]`.
    generic = re.fullmatch(r"([A-Za-z]+)_(\w+?)(?:Document)?_", component)
    return f"{generic[2]}{generic[1]}" if generic else component.removesuffix("Document")


def _told(value: Any, components: dict[str, dict[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_told(one, components) for one in value]
    if not isinstance(value, dict):
        return value
    if "title" in value:
        components[value["title"]] = _told({name: one for name, one in value.items() if name != "title"}, components)
        return {"$ref": _REF + value["title"]}
    told = {name: _told(one, components) for name, one in value.items() if name not in ("default", "properties")}
    if "$ref" in told:
        told["$ref"] = _REF + _name(told["$ref"].removeprefix(_REF))
    if "properties" in value:
        fields = {name: _told(one, components) for name, one in value["properties"].items()}
        told |= {"properties": fields, "required": list(fields), "additionalProperties": False}
    if all(isinstance(one, str) for one in told.get("enum", (None,))):
        told = {"type": "string", **told}
    return told
