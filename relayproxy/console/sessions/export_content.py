"""Export content: compressed lines, the API's document, or a transcript, as pieces of bytes.

Knows: how each begins, goes on and ends, so that no long call has to be held at once.
Must not know: HTTP, the database.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from relayproxy.console import words
from relayproxy.console.calls.documents.turn_documents import TurnDocument
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.calls.transcript import TranscriptLine, TurnView
from relayproxy.console.http import times
from relayproxy.console.http.display_text import visible
from relayproxy.console.sessions.documents import SessionFileDocument
from relayproxy.conversation.recording import SUFFIX

ExportFormat = Literal["jsonl", "json", "text", "scenario"]
FORMS: dict[str, tuple[str, str]] = {
    "jsonl": ("application/gzip", SUFFIX),
    "json": ("application/json", ".json"),
    "text": ("text/plain; charset=utf-8", ".txt"),
    "scenario": ("application/yaml", ".scenario.yaml"),
}
"""By form the media type and the end of the file's name."""

_SPEAKERS: dict[str, str] = {
    "greeting": "Greeting",
    "caller": "Caller",
    "keys": "Keys",
    "agent": "Agent",
    "play": "Plays",
    "digits": "Sends keys",
    "language": "Language",
    "interruption": "",
    "unanswered": "",
    "waiting": "",
}
_INDENT = " " * 24


def file_name(session: StoredSession, form: str) -> str:
    """A name that every system takes."""
    known = session.row.session_id or session.row.id
    return (re.sub(r"[^A-Za-z0-9_-]", "", known)[:64] or session.row.id) + FORMS[form][1]


class Gzip:
    """Compresses pieces as they come."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 31)

    def piece(self, data: bytes) -> bytes:
        """The compressed bytes that are ready, perhaps none."""
        return self._packer.compress(data)

    def end(self) -> bytes:
        """The rest."""
        return self._packer.flush()


DOCUMENT_END = b"]}\n"


def document_head(document: SessionFileDocument) -> bytes:
    """A session's document, which has no turns, up to the first one; these and `DOCUMENT_END` follow."""
    return msgspec.json.encode(document).removesuffix(b"]}")


def joined(turns: Iterable[TurnDocument], *, first: bool) -> bytes:
    """Some turns of the document; `first`: none came before."""
    items = b",".join(map(msgspec.json.encode, turns))
    return items if first or not items else b"," + items


def text_head(session: StoredSession) -> str:
    """The heading of the transcript: facts about the call."""
    row, conversation = session.row, session.conversation
    facts = [
        ("Call", f"{row.from_number or 'unknown'} -> {row.to_number or 'unknown'}"),
        ("Started", times.rfc3339(row.started_at)),
        ("Duration", "live" if row.ended_at is None else times.duration((row.ended_at - row.started_at) // 1_000_000)),
        ("Route", f"{row.route}, to {row.backend}" if row.backend else row.route),
        ("Session", row.session_id),
        ("Call id", row.call_sid),
        ("Recording", row.id),
        ("Ending", row.end_reason),
        ("Studio", row.studio_transition and words.transition(row.studio_transition)[0]),
        ("Twilio error", row.twilio_error_code and str(row.twilio_error_code)),
        ("Handoff", conversation.handoff.raw if conversation.handoff else None),
    ]
    told = [f"{name:<14}{_flat(value)}\n" for name, value in facts if value]
    return "".join(told) + "\n"


def text_turns(session: StoredSession, turns: Iterable[TurnView]) -> str:
    """Some turns of the transcript."""
    return "".join(line for turn in turns for line in (*_text_lines(session, turn), *_text_findings(turn)))


def _text_lines(session: StoredSession, turn: TurnView) -> Iterator[str]:
    for line in turn.lines:
        at = "" if line.at is None else times.offset(line.at - session.row.started_at)
        badge = f"  [{line.badge.text}]" if line.badge and line.badge.level != "waiting" else ""
        yield f"{at:>12}  {_SPEAKERS.get(line.kind, ''):<10}{_told(line)}{badge}\n"


def _told(line: TranscriptLine) -> str:
    if line.kind == "interruption" and line.interruption:
        how = words.interruption(line.interruption.kind)
        return f"(interrupted {how}" + (f", heard: {_flat(line.text)})" if line.text else ")")
    if line.finding is not None:
        return f"! {line.finding.entry.title}: {_flat(line.finding.finding.detail)}"
    if line.kind == "unanswered":
        return "(no answer)"
    if line.kind == "waiting":
        return "(the caller waits for an answer)"
    if line.late:
        return f"(too late: {_flat(line.text)})"
    if line.parts and not all(heard for _, heard in line.parts):
        return "".join(_flat(text) if heard else f" (unheard: {_flat(text)})" for text, heard in line.parts)
    return _flat(line.text)


def _text_findings(turn: TurnView) -> Iterator[str]:
    for view in turn.findings:
        yield f"{_INDENT}! {view.entry.title}: {_flat(view.finding.detail)}\n"


def _flat(text: str) -> str:
    return visible(re.sub(r"\s+", " ", text).strip())
