"""Ending explanation: the ending of a session and its causes, in short sentences.

Knows: which findings explain which ending.
Must not know: HTML; how endings and findings were derived.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from relayproxy.console import words
from relayproxy.console.calls.findings import ORDER, FindingView
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.words import Tone
from relayproxy.conversation.words import CONFIDENCES, TWILIO_ERRORS

NEAR = 30_000_000_000
"""Nanoseconds before the end within which a finding may be its cause."""
MAX_LEADS = 4

_EXPLAINS: dict[str, tuple[str, tuple[str, ...]]] = {
    "protocol_error": (
        "What led to it",
        ("too_many_invalid", "invalid_message", "leaked_error", "interrupt_sent", "rejected_message"),
    ),
    "ended_by_backend": (
        "What went wrong with it",
        (
            "handoff_card_number",
            "handoff_misplaced",
            "handoff_not_string",
            "handoff_too_large",
            "goodbye_clipped",
            "handoff_not_json",
        ),
    ),
}
"""Findings that explain an outcome, at any distance from the end, by outcome: a heading, and codes, the most telling
first."""
_WRONG = (
    "too_many_invalid", "rejected_message", "invalid_message", "leaked_error", "interrupt_sent", "twilio_error"
)  # fmt: skip
"""Findings that are listed with any ending, at any distance: Twilio or the backend did not understand the other."""
_HURTS = ("unanswered", "asked_again", "slow_turn", "starved_speech", "stall")
"""Findings that are listed with all other outcomes when they are near the end."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A finding that led to the ending; `count`: how many of its kind the session has."""

    view: FindingView
    count: int


@dataclass(frozen=True, slots=True)
class EndingExplanation:
    """`tone` says how bad it is; `studio` is the transition's words and tone, `meaning` what it means for the flow.
    `code` is the error that Twilio logs."""

    sentence: str
    tone: Tone
    studio: tuple[str, Tone] | None
    meaning: str
    sure: str | None
    """Set when the ending could be read in another way: how sure this reading is."""
    doubt: str
    code: int | None
    code_meaning: str
    leads_title: str
    leads: tuple[Lead, ...]


def explain_ending(session: StoredSession, findings: Iterable[FindingView]) -> EndingExplanation | None:
    """The explanation of a session's ending; None while it lives. `findings` are those that are listed of it."""
    row = session.row
    if row.ended_at is None:
        return None
    outcome = row.outcome or "unknown"
    transition = row.studio_transition
    doubtful = row.confidence in ("likely", "guess")
    title, leads = _leads(session, findings, row.ended_at)
    return EndingExplanation(
        sentence=_sentence(session, outcome),
        tone="bad" if transition == "failed" else words.outcome(outcome)[1],
        studio=words.transition(transition) if transition else None,
        meaning=words.transition_meaning(transition),
        sure=row.confidence if doubtful else None,
        doubt=words.phrase(CONFIDENCES, row.confidence) if doubtful else "",
        code=row.twilio_error_code,
        code_meaning=TWILIO_ERRORS.get(row.twilio_error_code or 0, ""),
        leads_title=title,
        leads=leads,
    )


def _sentence(session: StoredSession, outcome: str) -> str:
    handoff = session.conversation.handoff
    if outcome == "ended_by_backend" and handoff is not None and handoff.raw is not None:
        return f"The agent ended the session and handed off{f': {handoff.reason_code}' if handoff.reason_code else ''}."
    return session.row.end_reason or words.outcome(outcome)[0]


def _leads(session: StoredSession, findings: Iterable[FindingView], ended_at: int) -> tuple[str, tuple[Lead, ...]]:
    """Findings that led to the end, and their heading."""
    title, explaining = _EXPLAINS.get(session.row.outcome or "", ("", ()))
    codes = tuple(dict.fromkeys((*explaining, *_WRONG, *(() if title else _HURTS))))
    last: dict[str, FindingView] = {}
    for view in findings:
        code = view.finding.code
        if code in codes and (code not in _HURTS or view.finding.at >= ended_at - NEAR):
            last[code] = view
    counts = session.conversation.totals.findings
    found = [Lead(view, counts.get(code, 1)) for code, view in last.items()]
    found.sort(key=lambda lead: (ORDER[lead.view.entry.severity], codes.index(lead.view.finding.code)))
    near = all(lead.view.finding.at >= ended_at - NEAR for lead in found)
    return title or ("Shortly before it" if near else "What went wrong"), tuple(found[:MAX_LEADS])
