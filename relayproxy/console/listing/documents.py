"""API documents of the list of sessions and of its facets.

Knows: every field of these.
Must not know: HTTP; pages.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from relayproxy.console.calls.documents.documents import (
    ImportedOrNull,
    SessionItemDocument,
    imported_document,
    item_fields,
)
from relayproxy.console.health.diagnosis.journal_gaps import JournalGapDocument
from relayproxy.console.http.documents import Count, Document, End
from relayproxy.console.listing.facets import Facet, Sidebar
from relayproxy.store.read.filters.search import Hit
from relayproxy.store.schema.rows import SessionRow, Treatment
from relayproxy.store.write.annotations import Marks


class HitPartDocument(Document, frozen=True):
    """A piece of a text, and whether the filter asks for it."""

    text: str
    match: bool


class HitDocument(Document, frozen=True):
    """Where words were said that the filter asks for."""

    turn: Annotated[Count, Meta(description="Number of the turn.")]
    who: Annotated[Literal["caller", "agent"], Meta(description="Whose words they are.")]
    text: Annotated[str, Meta(description="What was said around the words.")]
    parts: Annotated[tuple[HitPartDocument, ...], Meta(description="The same in pieces.")]


class ListedSessionDocument(SessionItemDocument, frozen=True):
    """A session as an item of the list."""

    strip: Annotated[
        str,
        Meta(description="The call in miniature: `<ms a character>:<one base64 character for each stretch>`."),
    ]
    tags: Annotated[tuple[str, ...], Meta(description="What people have tagged it with.")]
    notes: Annotated[Count, Meta(description="Notes that people have written.")]
    imported: ImportedOrNull
    treatment: Annotated[
        Treatment | None,
        Meta(
            description="What sets it apart from ordinary calls: `shadow` (its backend is a second one, which nobody "
            "hears) or `faults` (were injected). Neither counts in figures and alerts."
        ),
    ]
    hits: Annotated[
        tuple[HitDocument, ...], Meta(description="At most three turns; none unless the filter asks for words.")
    ]


class SessionsDocument(Document, frozen=True):
    """A part of the list of sessions."""

    items: tuple[ListedSessionDocument, ...]
    next: Annotated[str | None, Meta(description="`before` of the next page; null at the end.")]
    journal_gaps: Annotated[
        tuple[JournalGapDocument, ...],
        Meta(description="Parts of journals from the time of this page that cannot be read: calls may be missing."),
    ]


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


def listed_session(row: SessionRow, marks: Marks | None, hits: Iterable[Hit]) -> ListedSessionDocument:
    """A session with what people have added to it, and where it has the words that were asked for."""
    return ListedSessionDocument(
        **item_fields(row),
        strip=row.strip,
        tags=marks.tags if marks else (),
        notes=marks.notes if marks else 0,
        imported=imported_document(marks.imported if marks else None),
        treatment=marks.treatment if marks else None,
        hits=tuple(map(_hit, hits)),
    )


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


def _hit(hit: Hit) -> HitDocument:
    return HitDocument(
        turn=hit.turn,
        who=hit.who,
        text="".join(text for text, _ in hit.parts),
        parts=tuple(HitPartDocument(text=text, match=match) for text, match in hit.parts),
    )
