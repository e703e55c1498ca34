"""API documents of the list of sessions.

Knows: every field of these.
Must not know: HTTP; pages.
"""

from typing import Annotated

from msgspec import Meta

from relayproxy.console.http.documents import Count, Document, End
from relayproxy.console.listing.facets import Facet, Sidebar


class FacetValueDocument(Document, frozen=True):
    """A value of a field."""

    value: str
    name: Annotated[str, Meta(description="The value in words.")]
    count: Annotated[Count | None, Meta(description="Null for a chosen one that is not among the most frequent.")]
    chosen: Annotated[bool, Meta(description="The filter asks for it.")]
    q: Annotated[str, Meta(description="The filter with it added, or taken away when chosen.")]


class FacetDocument(Document, frozen=True):
    """The values of a field."""

    field: Annotated[str, Meta(description="As a filter names it.")]
    title: str
    sessions: Annotated[
        Count,
        Meta(
            description="That the values were counted in: those that match the filter, but for its condition on this "
            "field."
        ),
    ]
    more: Annotated[
        Count,
        Meta(description="Further values; all that were counted are given for the field that `more` names."),
    ]
    values: tuple[FacetValueDocument, ...]


class FacetsDocument(Document, frozen=True):
    """Which values the sessions under a filter have."""

    items: tuple[FacetDocument, ...]
    next: End
    sessions: Annotated[Count, Meta(description="That match the filter, as far as they were counted.")]
    complete: Annotated[bool, Meta(description="False when only the newest were counted.")]


def facets_document(sidebar: Sidebar) -> FacetsDocument:
    """All facets of a sidebar."""
    return FacetsDocument(
        items=tuple(map(_facet, sidebar.facets)), next=None, sessions=sidebar.sessions, complete=sidebar.whole
    )


def _facet(facet: Facet) -> FacetDocument:
    return FacetDocument(
        field=facet.field,
        title=facet.title,
        sessions=facet.sessions,
        more=facet.more,
        values=tuple(
            FacetValueDocument(value=one.value, name=one.name, count=one.count, chosen=one.chosen, q=one.q)
            for one in facet.options
        ),
    )
