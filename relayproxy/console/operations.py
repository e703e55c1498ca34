"""Operations of the API: the parameters, the answer and the page of each endpoint.

Knows: all paths under `/api/`, their parameters and schemas.
Must not know: handlers; how the document is laid out.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from relayproxy.console.access.audit_page import ACTIONS, ENTRIES, MOST_ENTRIES, AuditEntryDocument
from relayproxy.console.calls.requested import MOST_TEXT
from relayproxy.console.calls.timeline import TimelineDocument
from relayproxy.console.connect.documents import ConnectDocument
from relayproxy.console.filters.completion import Completion
from relayproxy.console.filters.language import TIMES
from relayproxy.console.health.documents import HealthDocument
from relayproxy.console.http.documents import Document, Page
from relayproxy.console.insight.documents import ComparisonDocument, InsightDocument
from relayproxy.console.insight.insight_page import BY
from relayproxy.console.listing.documents import FacetsDocument
from relayproxy.console.listing.list_page import MOST_SESSIONS, SESSIONS
from relayproxy.console.listing.overview import OverviewDocument
from relayproxy.console.listing.sorting import NAMES, NEWEST
from relayproxy.console.schemas import (
    Schema,
    array,
    boolean,
    count,
    integer,
    named,
    null,
    nullable,
    one_of,
    page,
    text,
    whole,
)
from relayproxy.console.sessions.annotations import (
    NewNoteDocument,
    NewTagDocument,
    NoteDocument,
    NoteListDocument,
    TagDocument,
    TagListDocument,
)
from relayproxy.console.sessions.api import MOST_MESSAGES, MOST_OF_CALL, MOST_TURNS
from relayproxy.console.sessions.export_content import FORMS
from relayproxy.console.sessions.message_documents import MessagesDocument
from relayproxy.store.read.criteria import FIELDS, PARAM

Parameter = dict[str, Any]
JSON = "application/json"
OpenAPI = Annotated[dict[str, Any], Meta(title="OpenAPI", description="This document.")]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `answers` has a schema or the type of a document for each media type, and is empty for
    an answer without a body; `page` is the console's page that shows the same."""

    method: Literal["get", "post", "delete"]
    path: str
    id: str
    says: str
    answers: dict[str, Any]
    parameters: tuple[Parameter, ...] = ()
    body: type[Document] | None = None
    status: int = 200
    page: str | None = None
    admin: bool = False


def query(name: str, schema: Schema, says: str, *, many: bool = False) -> Parameter:
    """A parameter of the query; `many`: it may be given as often as wanted."""
    return {
        "name": name,
        "in": "query",
        "description": says,
        "schema": array(schema) if many else schema,
        **({"style": "form", "explode": True} if many else {}),
    }


def place(name: str, says: str, schema: Schema | None = None) -> Parameter:
    """A part of the path."""
    return {"name": name, "in": "path", "required": True, "description": says, "schema": schema or text()}


def limit(default: int, most: int) -> Parameter:
    """How long a page is."""
    return query("limit", integer(minimum=1, maximum=most, default=default), "At most so many items.")


_FIELDS = "".join(f"\n* `{name}`: {field.help}, as in `{name}:{field.example}`" for name, field in FIELDS.items())
_TIMES = "".join(f"\n* `{name}`: {help}" for name, help in TIMES.items())
FILTER = (
    "The filter, as the console's list takes it: words that were said, and `field:value` conditions, all of which must "
    "hold; values with commas between them are alternatives, `-` in front turns a condition round. For "
    'example `transition:failed -route:test latency:>2 since:24h "refund"`. Fields:'
    f"{_FIELDS}\n* `{PARAM}<name>`: a custom parameter{_TIMES}"
)
Q = query("q", text(), FILTER)
ZONE = query(
    "zone", text(), "The time zone whose days and times the filter names, such as Europe/Berlin; UTC without it."
)
ID = place("id", "The recording's own id, or Twilio's VX id.")
BEFORE = query("before", text(), "`next` of the page before.")


def _get(path: str, id: str, says: str, answer: Any, *parameters: Parameter, **more: Any) -> Operation:
    return Operation("get", path, id, says, {JSON: answer}, parameters, **more)


SESSION = "/api/sessions/{id}"
_LIST = page(
    named("ListedSession"),
    nullable(text(), "`before` of the next page; null at the end."),
    journal_gaps=array(
        named("JournalGap"), "Parts of journals from the time of this page that cannot be read: calls may be missing."
    ),
)
_TURNS = page(
    named("Turn"),
    nullable(text(), "`after` of the next page; null once all have been given."),
    unreadable=count("Turns of this page whose stored form cannot be read; they are left out."),
)
_CALL = whole(
    named("SessionItem"),
    call_sid=text(),
    complete=boolean(f"False when the call has more sessions than these, its first {MOST_OF_CALL}."),
)
_LIVE = page(
    named("LiveCall"),
    null("Null: there are no further pages."),
    live=count("How many calls are live; more than `items` when there are very many."),
)
_RECORDING: dict[str, Schema] = {
    FORMS["jsonl"][0]: {"description": "The recording: JSON Lines, gzipped."},
    FORMS["json"][0]: named("SessionFile"),
    FORMS["text"][0].partition(";")[0]: text("A transcript."),
}

OPERATIONS: tuple[Operation, ...] = (
    _get(
        "/api/sessions",
        "listSessions",
        "Sessions, live ones first, then the newest, or in another order.",
        _LIST,
        Q,
        ZONE,
        query(
            "sort",
            one_of(tuple(NAMES)),
            "What to sort by, with `-` in front for the largest first. Sessions without it come last. "
            f"`{NEWEST}`, which is also the order without this parameter, has live ones first.",
        ),
        limit(SESSIONS, MOST_SESSIONS),
        BEFORE,
        page="/sessions",
    ),
    _get(
        SESSION, "getSession", "One session: how it went, its numbers, findings and first turns.", named("Session"), ID,
        page="/sessions/{id}",
    ),
    _get(
        f"{SESSION}/turns", "listTurns", "Turns of a session, in order.", _TURNS, ID, limit(MOST_TURNS, MOST_TURNS),
        query("after", text(), "`next` of the page before, or the number of the last turn that is known."),
    ),
    _get(
        f"{SESSION}/messages", "listMessages", "Recorded messages of a session, in order.", MessagesDocument, ID,
        limit(1000, MOST_MESSAGES),
        query("after", text(), "`next` of the page before; of a live call, `seen`."),
        query("from", one_of(("twilio", "backend")), "Only what this end sent.", many=True),
        query("type", text(), "Only messages of this type.", many=True),
        query("text", text(maxLength=MOST_TEXT), "Only messages with this in their payload, in whatever case."),
    ),
    _get(
        f"{SESSION}/timeline", "getTimeline", "What happened when, compact.", TimelineDocument, ID,
        query("first", count(), "Only turns from this number on; `settled` of an earlier answer."),
    ),
    Operation(
        "get", f"{SESSION}/recording", "downloadSession", "The session as a file; of a live one what there is.",
        _RECORDING, (ID, query("format", one_of(tuple(FORMS)) | {"default": "jsonl"}, "Which file.")),
    ),
    _get(f"{SESSION}/tags", "listSessionTags", "Tags of a session.", TagListDocument, ID),
    Operation(
        "post", f"{SESSION}/tags", "addTag", "Tags a session; answers the tag as it is kept.", {JSON: TagDocument},
        (ID,), NewTagDocument, 201,
    ),
    Operation(
        "delete", f"{SESSION}/tags/{{tag}}", "removeTag", "Takes a tag away.", {}, (ID, place("tag", "The tag.")),
        status=204,
    ),
    _get(f"{SESSION}/notes", "listNotes", "Notes on a session, first first.", NoteListDocument, ID),
    Operation(
        "post", f"{SESSION}/notes", "addNote", "Adds a note to a session.", {JSON: NoteDocument}, (ID,),
        NewNoteDocument, 201,
    ),
    Operation(
        "delete", f"{SESSION}/notes/{{note}}", "deleteNote", "Deletes a note; for its author and admins.", {},
        (ID, place("note", "Its id.", integer())), status=204,
    ),
    _get(
        "/api/calls/{call_sid}", "getCall", "The sessions of a call.", _CALL, place("call_sid", "Twilio's CA id."),
        page="/calls/{call_sid}",
    ),
    _get("/api/live", "listLive", "Live calls, the longest-lived first.", _LIVE, page="/live"),
    _get("/api/overview", "getOverview", "Calls and response latencies over time.", OverviewDocument, Q, ZONE),
    _get(
        "/api/insight", "getInsight", "Numbers over many calls; with `a` and `b`, of two selections compared.",
        InsightDocument | ComparisonDocument, Q, ZONE,
        query("by", text(), f"Tells calls apart by {', '.join(f'`{name}`' for name in BY)} or `{PARAM}<name>`."),
        query("a", text(), "A filter beside `q`: one side of a comparison."),
        query("b", text(), "A filter beside `q`: the other side."),
        page="/insight",
    ),
    _get(
        "/api/facets",
        "getFacets",
        "Which values the sessions under a filter have.",
        FacetsDocument,
        Q,
        ZONE,
        query("more", text(), "A field of which all values are wanted, not only the most frequent ones."),
    ),
    _get(
        "/api/complete", "completeFilter", "What can be written next in a filter.", Completion, Q, ZONE,
        query("at", count(), "Where the cursor stands, in characters; the end unless given."),
    ),
    _get("/api/tags", "listTags", "All tags that any session has.", TagListDocument),
    _get(
        "/api/connect", "getConnect", "URLs to give to Twilio, and what is known of each.", ConnectDocument,
        query("check", one_of(("0", "1")), "`1`: checks all ways first, which takes an admin."),
        page="/connect",
    ),
    _get("/api/health", "getHealth", "What works, what does not, and what to do.", HealthDocument, page="/health"),
    _get(
        "/api/audit", "listAudit", "Who did what, the newest first; for admins.", Page[AuditEntryDocument],
        limit(ENTRIES, MOST_ENTRIES), BEFORE,
        query("actor", text(), "Only of this one."),
        query("action", one_of(tuple(ACTIONS)), "Only this."),
        query("subject", text(), "Only about the session with this id."),
        page="/audit",
        admin=True,
    ),
    _get("/api/openapi.json", "getOpenAPI", "This document.", OpenAPI),
)  # fmt: skip
"""In the order in which they are told."""
