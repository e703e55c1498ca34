"""Journal gaps: lost parts of journals, in words and as API documents.

Knows: what each cause means; that nobody can tell which calls it were.
Must not know: SQL, HTML, where it is shown.
"""

from typing import Annotated

from msgspec import Meta

from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, one_of
from relayproxy.console.http.times import rfc3339, size, utc
from relayproxy.store.schema.rows import JournalGapRow

CAUSES = {
    "checksum": "its checksum does not hold",
    "format": "it is damaged",
    "torn": "it ends in the middle, as after a crash of the machine or on a full disk",
    "missing": "files of it are gone",
}


class JournalGapDocument(Document, frozen=True):
    """A part of a journal that cannot be read. Which calls it held is not known."""

    journal: Annotated[str, Meta(description="The journal's id.")]
    segment: Annotated[Count, Meta(description="Which of its files.")]
    offset: Annotated[Count, Meta(description="From which byte on.")]
    bytes: Annotated[Count, Meta(description="How many cannot be read; 0 when files are gone.")]
    cause: Annotated[str, one_of(CAUSES, "; ".join(f"`{name}`: {words}" for name, words in CAUSES.items()) + ".")]
    since: Annotated[Time, Meta(description="They came at that time or later.")]
    since_ns: Nanoseconds
    until: Annotated[Time, Meta(description="They came before that time.")]
    until_ns: Nanoseconds


def sentence(gap: JournalGapRow) -> str:
    """A sentence on a gap: its size, its time and its cause."""
    what = size(gap.size) if gap.size else "Something"
    when = f"at {utc(gap.since)}" if utc(gap.since) == utc(gap.until) else f"{utc(gap.since)} to {utc(gap.until)}"
    return f"{what} of journal {gap.journal} cannot be read ({CAUSES.get(gap.cause, gap.cause)}): {when}"


def calls_meanwhile(gap: JournalGapRow) -> str:
    """A sentence on the calls that it held, as far as its cause tells."""
    if gap.cause == "torn":
        return "A full disk ends no call, a crash of the relay or its machine does: which one it was is not known."
    return "Calls do not depend on their journal."


def journal_gap_document(gap: JournalGapRow) -> JournalGapDocument:
    """One as an item of the API."""
    return JournalGapDocument(
        journal=gap.journal,
        segment=gap.segment,
        offset=gap.offset,
        bytes=gap.size,
        cause=gap.cause,
        since=rfc3339(gap.since),
        since_ns=gap.since,
        until=rfc3339(gap.until),
        until_ns=gap.until,
    )
