"""Facets: the sidebar's lists of values, each a link that changes the filter by that value.

Knows: which fields are listed, what they are called, which values are chosen.
Must not know: SQL, HTML.
"""

from dataclasses import dataclass

from relayproxy.console import words
from relayproxy.console.edits import Edits
from relayproxy.console.query import Query
from relayproxy.conversation.findings import CATALOGUE
from relayproxy.store import facets as store
from relayproxy.store.criteria import PARAM
from relayproxy.store.queries import Queries

TITLES = {
    "transition": "Studio",
    "outcome": "Outcome",
    "unanswered": "Unanswered",
    "finding": "Findings",
    "route": "Route",
    "tag": "Tags",
    "direction": "Direction",
    "backend": "Backend",
}
FIELDS = (*TITLES, PARAM)
MOST = 8
"""Values of a facet, and custom parameters."""


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


@dataclass(frozen=True, slots=True)
class Sidebar:
    """All of them. `sessions` match the filter; when not `whole`, these are the newest of them alone."""

    facets: tuple[Facet, ...]
    sessions: int
    whole: bool

    @property
    def matching(self) -> str:
        """How many calls match, as far as they were counted."""
        return f"{self.sessions:,}" if self.whole else f"{self.sessions:,}+"


def sidebar(queries: Queries, query: Query) -> Sidebar:
    """Counts and options under a filter. A facet without values or with nothing to choose between is left out."""
    found = store.facets(queries, query.criteria, FIELDS, MOST)
    edits = Edits(query.text)
    listed = [_facet(field, counted, edits) for field, counted in found.values.items()]
    order = {field: place for place, field in enumerate(TITLES)}
    listed.sort(key=lambda facet: order.get(facet.field, len(order)))
    return Sidebar(tuple(facet for facet in listed if _is_of_use(facet, found.sessions)), found.sessions, found.whole)


def _is_of_use(facet: Facet, sessions: int) -> bool:
    options = facet.options
    return len(options) > 1 or any(one.chosen or (one.count or 0) < sessions for one in options)


def _facet(field: str, counted: store.Values, edits: Edits) -> Facet:
    counts = dict(counted)
    picked = edits.chosen(field)
    options = [
        Option(
            value,
            _name(field, value),
            counts.get(value),
            value in picked,
            edits.toggled(field, value),
            edits.left_out(field, value),
        )
        for value in (*counts, *(value for value in dict.fromkeys(picked) if value not in counts))
    ]
    return Facet(field, TITLES.get(field, field.removeprefix(PARAM)), tuple(options))


def _name(field: str, value: str) -> str:
    if field == "transition":
        return words.transition(value)[0]
    if field == "outcome":
        return words.outcome(value)[0]
    if field == "unanswered":
        return "A prompt or key"
    if field == "finding" and value in CATALOGUE:
        return CATALOGUE[value].title
    return value
