"""Journal gaps: lost parts of journals, in words and as API documents.

Knows: what each cause means; that nobody can tell which calls it were.
Must not know: SQL, HTML, where it is shown.
"""

from typing import Any

from relayproxy.console.http.times import moment, size, utc
from relayproxy.store.schema.rows import JournalGapRow

CAUSES = {
    "checksum": "its checksum does not hold",
    "format": "it is damaged",
    "torn": "it ends in the middle, as after a crash of the machine or on a full disk",
    "missing": "files of it are gone",
}


def sentence(gap: JournalGapRow) -> str:
    """What is missing, from when to when, and why."""
    what = size(gap.size) if gap.size else "Something"
    when = f"at {utc(gap.since)}" if utc(gap.since) == utc(gap.until) else f"{utc(gap.since)} to {utc(gap.until)}"
    return f"{what} of journal {gap.journal} cannot be read ({CAUSES.get(gap.cause, gap.cause)}): {when}"


def journal_gap(gap: JournalGapRow) -> dict[str, Any]:
    """One as an item of the API."""
    return {
        "journal": gap.journal,
        "segment": gap.segment,
        "offset": gap.offset,
        "bytes": gap.size,
        "cause": gap.cause,
        **moment("since", gap.since),
        **moment("until", gap.until),
    }
