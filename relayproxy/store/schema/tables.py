"""Table definitions.

Knows: columns, keys and indexes, alike on SQLite and PostgreSQL.
Must not know: how values are derived or shown.

Times are wall nanoseconds since the epoch (BigInteger). JSON is kept as text: it is written and read whole, and
text holds what PostgreSQL's jsonb refuses. Long texts come last in a row, so that SQLite reads the columns before
them without following overflow pages.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from relayproxy.store.schema.word_indexes import WORDS

metadata = MetaData()
_big_key = BigInteger().with_variant(Integer, "sqlite")

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),  # id of its first connection
    Column("session_id", Text),  # Twilio's VX id
    Column("call_sid", Text),
    Column("account_sid", Text),
    Column("route", Text, nullable=False),
    Column("revision", Integer, nullable=False),  # counts the commits that touched the session
    Column("from_number", Text),
    Column("to_number", Text),
    Column("direction", Text),
    Column("trace_id", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),  # null while live
    Column("content_deleted_at", BigInteger),  # null while it is kept
    Column("outcome", Text),
    Column("ended_by", Text),
    Column("end_reason", Text),
    Column("studio_transition", Text),
    Column("twilio_error_code", Integer),
    Column("turns", Integer, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("gaps", Integer, nullable=False),
    Column("unanswered", Integer, nullable=False, server_default="0"),
    Column("asked_again", Integer, nullable=False, server_default="0"),  # of those
    Column("errors", Integer, nullable=False, server_default="0"),  # findings of that severity
    Column("warnings", Integer, nullable=False, server_default="0"),
    Column("confidence", Text),
    Column("responses", Integer, nullable=False, server_default="0"),
    Column("interrupted_responses", Integer, nullable=False, server_default="0"),
    Column("false_interruptions", Integer, nullable=False, server_default="0"),
    Column("stale_chunks", Integer, nullable=False, server_default="0"),
    Column("unheard_chars", Integer, nullable=False, server_default="0"),
    Column("sent_chars", Integer, nullable=False, server_default="0"),
    Column("response_max_ms", Integer),
    Column("longest_wait_ms", Integer),
    Column("handoff_reason", Text),  # empty for a handoff without one
    Column("backend", Text, nullable=False, server_default=""),  # URL without its query
    Column("backend_version", Text),
    Column("signature", Text),
    Column("strip", Text, nullable=False, server_default=""),  # as conversation.strip writes it
    Column("response_p50_ms", Integer),
    Column("response_p95_ms", Integer),
    Column("response_n", Integer, nullable=False),
    Column("custom_parameters", Text, nullable=False),  # JSON object
    Column("handoff", Text),  # JSON object
    Column("detail", Text, nullable=False),  # JSON: the conversation without its turns; empty where it is packed
    # The detail as store.schema.packing has it; null where an earlier version stored it. Added to the table.
    Column("packed", LargeBinary, system=True),
)
# Newest first, and wide enough that what lists are narrowed and charts are drawn by is found in it alone.
Index(
    "ix_sessions_numbers",
    *(
        sessions.c[name]
        for name in (
            "started_at",
            "id",
            "ended_at",
            "studio_transition",
            "outcome",
            "route",
            "turns",
            "interruptions",
            "messages",
            "gaps",
            "unanswered",
            "errors",
            "warnings",
            "responses",
            "interrupted_responses",
            "stale_chunks",
            "response_max_ms",
            "longest_wait_ms",
            "response_p50_ms",
            "response_p95_ms",
            "response_n",
            "backend",
            "backend_version",
            "handoff_reason",
            "confidence",
            "ended_by",
            "signature",
        )
    ),
)
Index("ix_sessions_from", sessions.c.from_number, sessions.c.started_at)
Index("ix_sessions_to", sessions.c.to_number, sessions.c.started_at)
for _name, _column in (("transition", sessions.c.studio_transition), ("outcome", sessions.c.outcome)):
    Index(f"ix_sessions_{_name}", _column, sessions.c.started_at, sessions.c.id, sessions.c.ended_at)
# What lists are sorted by, with what they are mostly narrowed by: many are gone through to find those of a page.
for _name, _column in (
    ("turns", sessions.c.turns),
    ("interruptions", sessions.c.interruptions),
    ("latency", sessions.c.response_max_ms),
    ("wait", sessions.c.longest_wait_ms),
):
    Index(
        f"ix_sessions_{_name}",
        _column,
        sessions.c.started_at,
        sessions.c.id,
        sessions.c.ended_at,
        sessions.c.studio_transition,
        sessions.c.outcome,
        sessions.c.route,
    )
_failed = sessions.c.twilio_error_code.is_not(None)
Index(
    "ix_sessions_code",
    sessions.c.twilio_error_code,
    sessions.c.started_at,
    sqlite_where=_failed,
    postgresql_where=_failed,
)
Index("ix_sessions_session_id", sessions.c.session_id)
Index("ix_sessions_call_sid", sessions.c.call_sid)
Index(
    "ix_sessions_live",
    sessions.c.started_at,
    sessions.c.id,
    sqlite_where=sessions.c.ended_at.is_(None),
    postgresql_where=sessions.c.ended_at.is_(None),
)
_with_content = sessions.c.content_deleted_at.is_(None)
Index(
    "ix_sessions_content",
    sessions.c.route,
    sessions.c.started_at,
    sqlite_where=_with_content,
    postgresql_where=_with_content,
)

connections = Table(
    "connections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("session", Text, nullable=False),  # sessions.id
    Column("journal", Text, nullable=False),
    Column("number", BigInteger, nullable=False),  # the connection's number in that journal
    Column("opened_at", BigInteger, nullable=False),
    Column("opened_mono", BigInteger, nullable=False),  # the same moment on the relay's monotonic clock
    Column("ended_at", BigInteger),
    Column("trace_id", Text, nullable=False, server_default=""),  # of the traceparent that the backend got
    Column("opening", Text, nullable=False),  # JSON of connection.Opening
    Column("ending", Text),  # JSON of connection.Ending
    Column("next_seq", BigInteger, nullable=False),  # messages committed so far
    Column("resume", Text),  # JSON: where and how decoding goes on after a restart; null when nothing is pending
)
Index("ix_connections_session", connections.c.session)
Index("ix_connections_trace", connections.c.trace_id)
Index(
    "ix_connections_live",
    connections.c.journal,
    sqlite_where=connections.c.ended_at.is_(None),
    postgresql_where=connections.c.ended_at.is_(None),
)

turns = Table(
    "turns",
    metadata,
    Column("id", _big_key, primary_key=True),  # what the index of words knows a turn by
    Column("session", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("response_latency_ms", Integer),
    Column("backend_latency_ms", Integer),
    Column("user_bot_latency_ms", Integer),
    Column("longest_wait_ms", Integer),
    Column("null_reason", Text),
    Column("interrupted", Boolean, nullable=False),
    Column("unanswered", Boolean, nullable=False),
    Column("caller_text", Text, nullable=False),
    Column("agent_text", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON: the turn without its texts; empty where it is packed
    # Of texts in scripts without spaces between words, else nothing. Added to the table like what follows below.
    Column("bigrams", Text, nullable=False, server_default="", system=True),
    Column("packed", LargeBinary, system=True),
    UniqueConstraint("session", "number", name="uq_turns_place"),
)

# On PostgreSQL, where the key of a turn is its place: a key holds what the table may be distributed by.
Index("ix_turns_id", turns.c.id).ddl_if(dialect="postgresql")
# What many turns are counted by, without their texts.
Index("ix_turns_numbers", turns.c.session, turns.c.response_latency_ms, turns.c.null_reason, turns.c.started_at)

labels = Table(
    "labels",
    metadata,
    Column("name", Text, primary_key=True),  # param.<name>, finding, lang; given by people: tag
    Column("value", Text, primary_key=True),
    Column("started_at", BigInteger, primary_key=True),  # of the session, so that the newest are found first
    Column("session", Text, primary_key=True),
)
Index("ix_labels_session", labels.c.session)

notes = Table(
    "notes",
    metadata,
    Column("id", _big_key, primary_key=True),
    Column("session", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
)
Index("ix_notes_session", notes.c.session)

audit = Table(
    "audit",
    metadata,
    Column("id", _big_key, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),  # a session's id, or nothing; never content
    Column("address", Text, nullable=False),
)

revocations = Table(
    "revocations",
    metadata,
    Column("id", Text, primary_key=True),  # of a cookie that was ended by signing out
    Column("until", BigInteger, nullable=False),  # when it would have run out
)

# What was erased, and what is still to be: of one that is done, only numbers are left.
erasures = Table(
    "erasures",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("scope", Text, nullable=False),  # session, number, before; age: of one day of retention
    Column("route", Text),  # null: all
    Column("until", BigInteger, nullable=False),  # sessions that began later are not meant
    Column("follows", Text),  # the erasure whose sessions might be gone on with
    Column("sessions", Integer, nullable=False),  # that are gone so far
    Column("messages", BigInteger, nullable=False),
    Column("notes", Integer, nullable=False),
    Column("done_at", BigInteger),  # null while it is carried out
    Column("sought", Text, nullable=False),  # JSON: ids or numbers; empty once done
    Column("shown", Integer),  # sessions that were found when it was confirmed
    Column("without", Text),  # JSON: data folders that were given up as lost before it was done
    Column("spans", Integer, nullable=False, server_default="0"),  # of backends
)
_open = erasures.c.done_at.is_(None)
Index("ix_erasures_open", erasures.c.at, sqlite_where=_open, postgresql_where=_open)

# Connections whose bytes are to be overwritten in a journal that is still there.
journal_erasures = Table(
    "journal_erasures",
    metadata,
    Column("journal", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("erasure", Text),  # which waits for it; null: none
)

heartbeats = Table(
    "vitals",
    metadata,
    Column("process", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),  # JSON
)

# Spans that backends sent of their own work, each once.
backend_spans = Table(
    "backend_spans",
    metadata,
    Column("trace_id", Text, primary_key=True),
    Column("span_id", Text, primary_key=True),
    Column("session", Text, nullable=False),  # sessions.id
    Column("joined_by", Text, nullable=False),  # store.schema.rows.JoinedBy
    Column("parent_span_id", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("left_out", Integer, nullable=False),  # attributes, events and links that were not kept
    Column("service", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON of conversation.backend_span.SpanDetail
)
Index("ix_backend_spans_session", backend_spans.c.session, backend_spans.c.started_at)

backend_span_counts = Table(
    "backend_span_counts",
    metadata,
    Column("session", Text, primary_key=True),
    Column("spans", Integer, nullable=False),  # that are kept
    Column("received_frames", Integer, nullable=False),  # spans of single events of the WebSocket, only counted
    Column("sent_frames", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),  # spans beyond what is kept of a session
    Column("limited", Integer, nullable=False),  # spans without their content: more came than is searched for secrets
)

# Firings of alerts: of a rule at most one is open.
alerts = Table(
    "alerts",
    metadata,
    Column("id", _big_key, primary_key=True),
    Column("key", Text, nullable=False),  # what those who are told know it by
    Column("rule", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("route", Text),
    Column("opened_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),  # null while it is open
    Column("resolved_because", Text),
    Column("well_since", BigInteger),
    Column("value", Double, nullable=False),
    Column("worst", Double, nullable=False),
    Column("above", Double, nullable=False),
    Column("window_s", Double),
    Column("samples", Integer),
    Column("example", Text),  # sessions.id of one to look at
    Column("summary", Text, nullable=False),
)
_firing = alerts.c.resolved_at.is_(None)
Index("ix_alerts_example", alerts.c.example)
Index("ix_alerts_open", alerts.c.rule, unique=True, sqlite_where=_firing, postgresql_where=_firing)

# What is told of an alert, once to each webhook: whoever counts an attempt up makes it.
alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("alert", BigInteger, primary_key=True, autoincrement=False),  # alerts.id
    Column("event", Text, primary_key=True),  # trigger, resolve
    Column("webhook", Text, primary_key=True),
    Column("state", Text, nullable=False),  # pending, sent, failed
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),  # of the last answer
    Column("answer", Text, nullable=False),  # in words
)
_pending = alert_deliveries.c.state == "pending"
Index("ix_alert_deliveries_pending", alert_deliveries.c.next_at, sqlite_where=_pending, postgresql_where=_pending)

alert_silences = Table(
    "alert_silences",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
)

# Which console decides on alerts and tells them, and which recorder moves recordings.
leases = Table(
    "alert_lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

chunks = Table(
    "chunks",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("first_seq", BigInteger, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("lines", LargeBinary, nullable=False),  # JSON Lines, one message a line
)

recordings = Table(
    "recordings",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("first_seq", BigInteger, nullable=False),
    Column("n", Integer, nullable=False),
    Column("lines", LargeBinary, nullable=False),  # gzip of the joined chunks; empty once they lie in an object
    # Read past `lines` only where these are empty, or in an index.
    Column("sealed_at", BigInteger),  # when it became a part; null: earlier than is known
    Column("object", Text),  # where the lines are instead: recording_places.id, a slash, and the rest of the key
    Column("sha256", Text),  # of what is in the object
)
_here, _moved = recordings.c.object.is_(None), recordings.c.object.is_not(None)
Index("ix_recordings_here", recordings.c.sealed_at, sqlite_where=_here, postgresql_where=_here)
Index("ix_recordings_object", recordings.c.object, sqlite_where=_moved, postgresql_where=_moved)

# Buckets and folders to which recordings were moved: how each is reached, and under which first part of its keys.
recording_places = Table(
    "recording_places",
    metadata,
    Column("id", Text, primary_key=True),
    Column("root", Text, nullable=False, unique=True),  # objects.place.Place
    Column("endpoint", Text),
    Column("path_style", Boolean, nullable=False),
)

# Objects that no row names any more, and that are to be deleted.
object_deletions = Table(
    "object_deletions",
    metadata,
    Column("object", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("erasure", Text),  # which waits for it; null: none
)
Index("ix_object_deletions_erasure", object_deletions.c.erasure)

# Sessions that were not recorded here, but came as files.
imports = Table(
    "imports",
    metadata,
    Column("session", Text, primary_key=True),  # sessions.id
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("produced_by", Text, nullable=False),  # program and version that wrote the file
)
# Sessions that are no ordinary calls.
treatments = Table(
    "treatments",
    metadata,
    Column("session", Text, primary_key=True),  # sessions.id
    Column("kind", Text, nullable=False),  # store.schema.rows.Treatment
    Column("shadow_of", Text),  # of a shadow: connections.id of its call
)
Index("ix_treatments_shadow_of", treatments.c.shadow_of)

# Numbers of all calls that began in the same half hour, made once all of these have ended. Who changes one of them
# deletes its rollups.
rollups = Table(
    "rollups",
    metadata,
    Column("route", Text, primary_key=True),  # store.schema.rollup.key_of; empty: of all calls
    Column("start", BigInteger, primary_key=True),
    # JSON: versions of the backend, and when the first call of each began; of the listing: keys and their calls.
    Column("versions", Text, nullable=False),
    Column("detail", LargeBinary, nullable=False),  # of store.schema.rollup.Rollup
    # Of the listing: a random number, while the half hour is as it was when its day was last added up.
    Column("day_read", BigInteger),
)
Index("ix_rollups_start", rollups.c.start)

# The same of whole days in UTC, made once all of their half hours are. One is right while all of these have `day_read`.
rollup_days = Table(
    "rollup_days",
    metadata,
    Column("route", Text, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("versions", Text, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("steps", LargeBinary, nullable=False),  # of store.schema.day_rollup.Step
)
Index("ix_rollup_days_start", rollup_days.c.start)

journals = Table(
    "journals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("recorder", Text, nullable=False, server_default=""),  # which recorder plays it; empty: any
)

journal_gaps = Table(
    "journal_gaps",
    metadata,
    Column("journal", Text, primary_key=True),
    Column("segment", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
Index("ix_journal_gaps_until", journal_gaps.c.until)

# At most one row: the revision whose version, and all after it, can use the database as it is now.
schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("least_revision", Text, primary_key=True),
)

# SQLite adds such a column only where it takes no room, PostgreSQL only where it does.
_DURATION = "ALTER TABLE sessions ADD COLUMN duration BIGINT GENERATED ALWAYS AS (ended_at - started_at)"
_DURATION_INDEX = "CREATE INDEX ix_sessions_duration ON sessions (duration, started_at, id)"
_LATER = {
    "sqlite": (
        *WORDS["sqlite"],
        f"{_DURATION} VIRTUAL",
        _DURATION_INDEX,
        *(f"ALTER TABLE {table} ADD COLUMN packed BLOB" for table in ("sessions", "turns")),
    ),
    "postgresql": (
        *WORDS["postgresql"],
        f"{_DURATION} STORED",
        _DURATION_INDEX,
        *(f"ALTER TABLE {table} ADD COLUMN packed BYTEA" for table in ("sessions", "turns")),
        # Processes of versions that know nothing of it may write the same rows.
        *(
            f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_packed CHECK (packed IS NULL OR detail = '') NOT VALID"
            for table in ("sessions", "turns")
        ),
    ),
}
for _dialect, _statements in _LATER.items():
    for _statement in _statements:
        event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
