"""API documents of a session's totals: those of a list, and all of them.

Knows: which numbers lists have; of all numbers, only beside which other fields they stand.
Must not know: HTTP; pages.
"""

from typing import Annotated, Any

from msgspec import Meta

from relayproxy.console.calls.documents.number_fields import number_reader, with_numbers
from relayproxy.console.calls.documents.turn_documents import NullReasonCode
from relayproxy.console.http.documents import Count, Document
from relayproxy.conversation.measures.numbers import description
from relayproxy.conversation.measures.session_numbers import SESSION_NUMBERS
from relayproxy.conversation.model import Conversation
from relayproxy.store.schema.rows import SessionRow

_IN_ROWS = ("turns", "interruptions", "messages", "gaps", "unanswered", "asked_again", "longest_wait_ms")
"""Numbers that the rows of sessions have, by the same name."""
_TOTALS = tuple(number for number in SESSION_NUMBERS if number.name != "duration_ms")
"""The duration stands beside them."""


class SeveritiesDocument(Document, frozen=True):
    """How many findings there are of each severity."""

    error: Count
    warning: Count


class ListedLatencyDocument(Document, frozen=True):
    """Percentiles of the response latencies of a session."""

    p50: int | None
    p95: int | None
    n: Annotated[Count, Meta(description="Turns that have one.")]


@with_numbers([number for number in _TOTALS if number.name in _IN_ROWS], behind={"findings": _IN_ROWS[-1]})
class ListedTotalsDocument(Document, frozen=True):
    """The numbers of a session that lists have."""

    findings: SeveritiesDocument
    response_latency_ms: Annotated[ListedLatencyDocument, Meta(description=description("turn", "response_latency_ms"))]


@with_numbers(_TOTALS, behind={"findings": "longest_wait_ms", "greeting_null_reason": "greeting_latency_ms"})
class TotalsDocument(Document, frozen=True):
    """The numbers of a session that its turns and messages add up to."""

    findings: SeveritiesDocument
    greeting_null_reason: Annotated[NullReasonCode | None, Meta(description="Why there is no greeting_latency_ms.")]


_totals = number_reader(_TOTALS)


def listed_totals(row: SessionRow) -> ListedTotalsDocument:
    """The numbers that the row has."""
    latency = ListedLatencyDocument(p50=row.response_p50_ms, p95=row.response_p95_ms, n=row.response_n)
    return ListedTotalsDocument(findings=_severities(row), response_latency_ms=latency, **_of_row(row))


def totals_document(row: SessionRow, conversation: Conversation) -> TotalsDocument:
    """All numbers. What the row has is right even where what was derived cannot be read."""
    return TotalsDocument(
        findings=_severities(row),
        greeting_null_reason=conversation.totals.greeting_null_reason,
        **(_totals(conversation) | _of_row(row)),
    )


def _severities(row: SessionRow) -> SeveritiesDocument:
    return SeveritiesDocument(error=row.errors, warning=row.warnings)


def _of_row(row: SessionRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _IN_ROWS}
