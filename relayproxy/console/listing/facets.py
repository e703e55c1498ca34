"""Facets: the sidebar's values with their counts, each a link that changes the filter.

Knows: which values are chosen; which facets are of use.
Must not know: SQL, HTML.
"""

from dataclasses import dataclass

from relayproxy.console.filters.edits import Edits
from relayproxy.console.filters.fields import FACETS, FILTER_FIELDS
from relayproxy.console.filters.language import Query
from relayproxy.store.read import facets as store
from relayproxy.store.read.filters.criteria import PARAM
from relayproxy.store.read.queries import Queries

MAX_OPTIONS = 8
"""Values of a facet, and custom parameters."""
MAX_EXPANDED = 200
"""Values of an expanded facet."""


@dataclass(frozen=True, slots=True)
class Option:
    """One value. `q` is the filter with it added or taken away, `other` the filter that leaves it out. The count is
    None for a chosen value that is not among the most frequent."""

    value: str
    name: str
    count: int | None
    chosen: bool
    q: str
    other: str


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of one field."""

    field: str
    title: str
    options: tuple[Option, ...]
    more: int = 0
    """The number of further values that were counted."""
    sessions: int = 0
    """The sessions that they were counted in."""
    apart: str = ""
    """How many these are, for a field that the filter narrows: they are counted as if it did not."""

    @property
    def parameter(self) -> bool:
        """Whether it is a custom parameter of calls."""
        return self.field.startswith(PARAM)


@dataclass(frozen=True, slots=True)
class Sidebar:
    """All of them. `sessions` match the filter; when not `whole`, these are the newest of them alone."""

    facets: tuple[Facet, ...]
    sessions: int
    whole: bool

    @property
    def matching(self) -> str:
        """The number of calls that match, as far as they were counted."""
        return _many(self.sessions, self.whole)


def sidebar(queries: Queries, query: Query, more: str = "") -> Sidebar:
    """Counts and options under a filter, of the field `more` as many as there are. A facet without values or with
    nothing to choose between is left out."""
    found = store.facets(queries, query.criteria, (*FACETS, PARAM), MAX_OPTIONS, {more: MAX_EXPANDED})
    edits = Edits(query.text)
    listed = [_facet(field, found, edits) for field in found.values]
    order = {field: place for place, field in enumerate(FACETS)}
    listed.sort(key=lambda facet: order.get(facet.field, len(order)))
    return Sidebar(tuple(facet for facet in listed if _is_of_use(facet, found.sessions)), found.sessions, found.whole)


def _many(sessions: int, whole: bool) -> str:
    return f"{sessions:,}" if whole else f"{sessions:,}+"


def _is_of_use(facet: Facet, sessions: int) -> bool:
    options = facet.options
    return len(options) > 1 or any(one.chosen or (one.count or 0) < sessions for one in options)


def _facet(field: str, found: store.Facets, edits: Edits) -> Facet:
    counts = dict(found.values[field])
    picked = edits.chosen(field)
    listed = (*counts, *(value for value in dict.fromkeys(picked) if value not in counts))
    names = _names(field, listed)
    options = [
        Option(
            value,
            name,
            counts.get(value),
            value in picked,
            edits.toggled(field, value),
            edits.left_out(field, value),
        )
        for value, name in zip(listed, names, strict=True)
    ]
    title = FILTER_FIELDS[field].facet if field in FACETS else field.removeprefix(PARAM)
    sessions, apart = found.sessions, ""
    if field in found.apart:
        sessions, whole = found.apart[field]
        apart = _many(sessions, whole)
    return Facet(field, title, tuple(options), found.more[field], sessions, apart)


_LONG = 40
"""Characters of a URL that are shown; of a longer one the middle is left out, where that tells enough."""


def _names(field: str, listed: tuple[str, ...]) -> list[str]:
    """Names of values: of URLs the part that differs between them."""
    if field != "backend":
        return [_name(field, value) for value in listed]
    schemes = {value.partition("://")[0] for value in listed if value}
    whole = [value.partition("://")[2] or value if len(schemes) == 1 else value for value in listed]
    short = [f"{name[:14]}…{name[-20:]}" if len(name) > _LONG else name for name in whole]
    return short if len({*short}) == len(whole) else whole


def _name(field: str, value: str) -> str:
    known = FILTER_FIELDS.get(field)
    return (known.some or known.values.get(value) if known else None) or value
