"""Operations of the API: the parameters, the answer and the page of each endpoint.

Knows: all paths under `/api/`, their parameters and documents.
Must not know: handlers; how the document is laid out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from relayproxy.console.access.audit_page import ACTIONS, ENTRIES, MAX_ENTRIES, AuditEntryDocument
from relayproxy.console.access.erasures import (
    MAX_RECEIPTS,
    RECEIPTS,
    ErasureDocument,
    ErasurePreviewDocument,
    NewErasureDocument,
    SoughtDocument,
)
from relayproxy.console.alerts.alerts_page import ALERTS, MAX_ALERTS
from relayproxy.console.alerts.documents import (
    AlertDocument,
    AlertRuleDocument,
    AlertSilenceDocument,
    NewAlertSilenceDocument,
)
from relayproxy.console.calls.documents.documents import CallDocument
from relayproxy.console.calls.drawing.timeline import TimelineDocument
from relayproxy.console.calls.requested import MAX_SEARCH_TEXT
from relayproxy.console.compare.compare_page import MAX_COMPARED
from relayproxy.console.compare.documents import CallComparisonDocument
from relayproxy.console.connect.documents import ConnectDocument
from relayproxy.console.filters.completion import Completion
from relayproxy.console.filters.fields import FILTER_FIELDS, TIMES
from relayproxy.console.health.documents import HealthDocument
from relayproxy.console.http.documents import CompleteList, Count, Document, Page, one_of, schemas
from relayproxy.console.insight.documents import ComparisonDocument, InsightDocument
from relayproxy.console.insight.insight_page import BY
from relayproxy.console.listing.documents import FacetsDocument, SessionsDocument
from relayproxy.console.listing.imports import ImportDocument
from relayproxy.console.listing.list_page import MAX_SESSIONS, SESSIONS
from relayproxy.console.listing.overview import OverviewDocument
from relayproxy.console.listing.sorting import NAMES, NEWEST
from relayproxy.console.live.call_tile import LiveCallsDocument
from relayproxy.console.replays.documents import NewReplayDocument, ReplayDocument
from relayproxy.console.sessions.annotations import (
    NewNoteDocument,
    NewTagDocument,
    NoteDocument,
    NoteListDocument,
    TagDocument,
    TagListDocument,
)
from relayproxy.console.sessions.api import MAX_MESSAGES, MAX_TURNS
from relayproxy.console.sessions.backend_spans import MAX_SPANS, BackendSpansDocument
from relayproxy.console.sessions.documents import SessionDocument, SessionFileDocument, TurnsDocument
from relayproxy.console.sessions.export_content import FORMS
from relayproxy.console.sessions.message_documents import MessagesDocument
from relayproxy.store.read.filters.criteria import PARAM

Parameter = dict[str, Any]
JSON = "application/json"
OpenAPI = Annotated[dict[str, Any], Meta(title="OpenAPI", description="This document.")]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `answers` has the type of what is answered for each media type, and is empty for an
    answer without a body; `page` is the console's page that shows the same."""

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
    errors: tuple[int, ...] = ()
    """Statuses of its own, beside those that follow from its parameters."""
    file: bool = False
    """Its body is a file, as it is."""


def query(name: str, type: Any, says: str, *, many: bool = False, default: Any = None) -> Parameter:
    """A parameter of the query; `many`: it may be given as often as wanted."""
    schema = _schema(list[type] if many else type)
    return {
        "name": name,
        "in": "query",
        "description": says,
        "schema": schema if default is None else schema | {"default": default},
        **({"style": "form", "explode": True} if many else {}),
    }


def place(name: str, says: str, type: Any = str) -> Parameter:
    """A parameter of the path."""
    return {"name": name, "in": "path", "required": True, "description": says, "schema": _schema(type)}


def limit(default: int, most: int) -> Parameter:
    """The `limit` parameter: the most items of one page."""
    return query("limit", Annotated[int, Meta(ge=1, le=most)], "At most so many items.", default=default)


def choice(values: Iterable[str]) -> Any:
    """The type of a text that is one of these values."""
    return Annotated[str, one_of(tuple(values))]


def _schema(type: Any) -> dict[str, Any]:
    (schema,), _ = schemas([type])
    return schema


_FIELDS = "".join(
    f"\n* `{name}`: {field.help}, as in `{name}:{field.example}`" for name, field in FILTER_FIELDS.items()
)
_TIMES = "".join(f"\n* `{name}`: {field.help}" for name, field in TIMES.items())
FILTER = (
    "The filter, as the console's list takes it: words that were said, and `field:value` conditions, all of which must "
    "hold; values with commas between them are alternatives, `-` in front turns a condition round. For "
    'example `transition:failed -route:test latency:>2 since:24h "refund"`. Fields:'
    f"{_FIELDS}\n* `{PARAM}<name>`: a custom parameter{_TIMES}"
)
Q = query("q", str, FILTER)
ZONE = query("zone", str, "The time zone whose days and times the filter names, such as Europe/Berlin; UTC without it.")
ID = place("id", "The recording's own id, or Twilio's VX id.")
BEFORE = query("before", str, "`next` of the page before.")


def _get(path: str, id: str, says: str, answer: Any, *parameters: Parameter, **more: Any) -> Operation:
    return Operation("get", path, id, says, {JSON: answer}, parameters, **more)


SESSION = "/api/sessions/{id}"
_RECORDING: dict[str, Any] = {
    FORMS["jsonl"][0]: Annotated[Any, Meta(description="The recording: JSON Lines, gzipped.")],
    FORMS["json"][0]: SessionFileDocument,
    FORMS["text"][0].partition(";")[0]: Annotated[str, Meta(description="A transcript.")],
    FORMS["scenario"][0]: Annotated[Any, Meta(description="The caller's side, for `relayproxy simulate`.")],
}

_RUN = place("run", "Id of the replay.")
_ALERT = place("alert", "The name of its rule.")

OPERATIONS: tuple[Operation, ...] = (
    _get(
        "/api/sessions",
        "listSessions",
        "Sessions, live ones first, then the newest, or in another order.",
        SessionsDocument,
        Q,
        ZONE,
        query(
            "sort",
            choice(NAMES),
            "What to sort by, with `-` in front for the largest first. Sessions without it come last. "
            f"`{NEWEST}`, which is also the order without this parameter, has live ones first.",
        ),
        limit(SESSIONS, MAX_SESSIONS),
        BEFORE,
        page="/sessions",
    ),
    _get(
        SESSION, "getSession", "One session: how it went, its numbers, findings and first turns.", SessionDocument, ID,
        page="/sessions/{id}",
    ),
    _get(
        f"{SESSION}/turns", "listTurns", "Turns of a session, in order.", TurnsDocument, ID,
        limit(MAX_TURNS, MAX_TURNS),
        query("after", str, "`next` of the page before, or the number of the last turn that is known."),
    ),
    _get(
        f"{SESSION}/messages", "listMessages", "Recorded messages of a session, in order.", MessagesDocument, ID,
        limit(1000, MAX_MESSAGES),
        query("after", str, "`next` of the page before; of a live call, `seen`."),
        query("from", choice(("twilio", "backend")), "Only what this end sent.", many=True),
        query("type", str, "Only messages of this type.", many=True),
        query(
            "text", Annotated[str, Meta(max_length=MAX_SEARCH_TEXT)],
            "Only messages with this in their payload, ignoring case.",
        ),
        errors=(410,),
    ),
    _get(
        f"{SESSION}/spans", "listSpans", "Spans that the session's backend made of its own work, as a tree.",
        BackendSpansDocument, ID,
        limit(MAX_SPANS, MAX_SPANS),
        query("after", str, "`next` of the page before, or the place of the last span that is known."),
        query("turn", str, "Only spans of the turn with this number, and what its wait went into; `none`: of no turn."),
        page="/sessions/{id}/spans",
        errors=(410,),
    ),
    _get(
        f"{SESSION}/timeline", "getTimeline", "What happened when, compact.", TimelineDocument, ID,
        query("first", Count, "Only turns from this number on; `settled` of an earlier answer."),
    ),
    Operation(
        "get", f"{SESSION}/recording", "downloadSession", "The session as a file; of a live one what there is.",
        _RECORDING, (ID, query("format", choice(FORMS), "Which file.", default="jsonl")), errors=(410,),
    ),
    Operation(
        "post", "/api/recordings", "importRecording",
        "Imports the recording in the body, which is compressed or not; for admins.", {JSON: ImportDocument},
        (query("name", str, "The file's name, for what is said of it."),), file=True, page="/import", admin=True,
    ),
    Operation(
        "post", f"{SESSION}/replay", "startReplay", "Makes the call again to a backend of the settings; for admins.",
        {JSON: ReplayDocument}, (ID,), NewReplayDocument, 202, page="/sessions/{id}/replay", admin=True, errors=(429,),
    ),
    Operation(
        "get", "/api/replays/{run}", "getReplay", "How a replay goes, and the session that came of it; for admins.",
        {JSON: ReplayDocument}, (_RUN,), page="/replays/{run}", admin=True,
    ),
    Operation(
        "delete", "/api/replays/{run}", "stopReplay", "Hangs up on a replay; nothing of it is kept; for admins.", {},
        (_RUN,), status=204, page="/replays/{run}", admin=True, errors=(409,),
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
        (ID, place("note", "Its id.", int)), status=204,
    ),
    _get(
        "/api/calls/{call_sid}", "getCall", "The sessions of a call.", CallDocument,
        place("call_sid", "Twilio's CA id."), page="/calls/{call_sid}",
    ),
    _get("/api/live", "listLive", "Live calls, the longest-lived first.", LiveCallsDocument, page="/live"),
    _get("/api/overview", "getOverview", "Calls and response latencies over time.", OverviewDocument, Q, ZONE),
    _get(
        "/api/insight", "getInsight", "Numbers over many calls; with `a` and `b`, of two selections compared.",
        InsightDocument | ComparisonDocument, Q, ZONE,
        query("by", str, f"Tells calls apart by {', '.join(f'`{name}`' for name in BY)} or `{PARAM}<name>`."),
        query("a", str, "A filter beside `q`: one side of a comparison."),
        query("b", str, "A filter beside `q`: the other side."),
        page="/insight",
    ),
    _get(
        "/api/compare", "compareSessions", "Two sessions side by side, turn by turn.", CallComparisonDocument,
        query("a", str, "Id of a session, the recording's own or Twilio's VX id."),
        query("b", str, "Id of the session that it is compared with."),
        limit(MAX_COMPARED, MAX_COMPARED),
        query("after", str, "`next` of the page before."),
        page="/compare",
    ),
    _get(
        "/api/facets",
        "getFacets",
        "Which values the sessions under a filter have.",
        FacetsDocument,
        Q,
        ZONE,
        query("more", str, "A field of which all values are wanted, not only the most frequent ones."),
    ),
    _get(
        "/api/complete", "completeFilter", "What can be written next in a filter.", Completion, Q, ZONE,
        query("at", Count, "Where the cursor stands, in characters; the end unless given."),
    ),
    _get("/api/tags", "listTags", "All tags that any session has.", TagListDocument),
    _get(
        "/api/connect", "getConnect", "URLs to give to Twilio, and what is known of each.", ConnectDocument,
        query("check", choice(("0", "1")), "`1`: checks all ways first, which takes an admin."),
        page="/connect",
    ),
    _get("/api/health", "getHealth", "What works, what does not, and what to do.", HealthDocument, page="/health"),
    _get(
        "/api/audit", "listAudit", "Who did what, the newest first; for admins.", Page[AuditEntryDocument],
        limit(ENTRIES, MAX_ENTRIES), BEFORE,
        query("actor", str, "Only of this one."),
        query("action", choice(ACTIONS), "Only this."),
        query("subject", str, "Only about the session with this id."),
        page="/audit",
        admin=True,
    ),
    Operation(
        "post", "/api/erasures/preview", "previewErasure", "What an erasure would mean; for admins.",
        {JSON: ErasurePreviewDocument}, body=SoughtDocument, page="/erase", admin=True,
    ),
    Operation(
        "post", "/api/erasures", "orderErasure", "Erases what was previewed; for admins.", {JSON: ErasureDocument},
        body=NewErasureDocument, status=202, page="/erase", admin=True, errors=(409,),
    ),
    _get(
        "/api/erasures", "listErasures", "Erasures and what retention deleted, the newest first; for admins.",
        Page[ErasureDocument], limit(RECEIPTS, MAX_RECEIPTS), BEFORE, page="/erase", admin=True,
    ),
    _get(
        "/api/erasures/{erasure}", "getErasure", "An erasure, and once it is done its receipt; for admins.",
        ErasureDocument, place("erasure", "Its id."), page="/erasures/{erasure}", admin=True,
    ),
    _get(
        "/api/alerts", "listAlerts", "Alerts that fire and have fired, the newest first.", Page[AlertDocument],
        limit(ALERTS, MAX_ALERTS), BEFORE, page="/alerts",
    ),
    _get(
        "/api/alerts/rules", "listAlertRules", "The rules of alerts, and what was measured last.",
        CompleteList[AlertRuleDocument], page="/alerts",
    ),
    Operation(
        "post", "/api/alerts/{alert}/silence", "silenceAlert", "Silences an alert: webhooks are not told of it.",
        {JSON: AlertSilenceDocument}, (_ALERT,), body=NewAlertSilenceDocument, status=201, page="/alerts",
    ),
    Operation(
        "delete", "/api/alerts/{alert}/silence", "endSilence", "Ends the silence of an alert.", {}, (_ALERT,),
        status=204, page="/alerts",
    ),
    _get("/api/openapi.json", "getOpenAPI", "This document.", OpenAPI),
)  # fmt: skip
"""All operations, in the order of the document."""
