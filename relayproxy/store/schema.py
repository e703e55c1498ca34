"""The tables.

Knows: columns, keys and indexes, alike on SQLite and PostgreSQL.
Must not know: how values are derived or shown.

Times are wall nanoseconds since the epoch (BigInteger). JSON is kept as text: it is written and read whole, and
text holds what PostgreSQL's jsonb refuses. Long texts come last in a row, so that SQLite reads the columns before
them without following overflow pages.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

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
    Column("errors", Integer, nullable=False, server_default="0"),  # findings of that severity
    Column("warnings", Integer, nullable=False, server_default="0"),
    Column("confidence", Text),
    Column("response_p50_ms", Integer),
    Column("response_p95_ms", Integer),
    Column("response_n", Integer, nullable=False),
    Column("custom_parameters", Text, nullable=False),  # JSON object
    Column("handoff", Text),  # JSON object
    Column("detail", Text, nullable=False),  # JSON: the conversation without its turns
)
Index("ix_sessions_started", sessions.c.started_at, sessions.c.id)
Index("ix_sessions_session_id", sessions.c.session_id)
Index("ix_sessions_call_sid", sessions.c.call_sid)
Index(
    "ix_sessions_live",
    sessions.c.started_at,
    sessions.c.id,
    sqlite_where=sessions.c.ended_at.is_(None),
    postgresql_where=sessions.c.ended_at.is_(None),
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
    Column("opening", Text, nullable=False),  # JSON of connection.Opening
    Column("ending", Text),  # JSON of connection.Ending
    Column("next_seq", BigInteger, nullable=False),  # messages committed so far
    Column("resume", Text),  # JSON: where and how decoding goes on after a restart; null when nothing is pending
)
Index("ix_connections_session", connections.c.session)
Index(
    "ix_connections_live",
    connections.c.journal,
    sqlite_where=connections.c.ended_at.is_(None),
    postgresql_where=connections.c.ended_at.is_(None),
)

turns = Table(
    "turns",
    metadata,
    Column("session", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("opened_by", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("caller_text", Text, nullable=False),
    Column("agent_text", Text, nullable=False),
    Column("response_latency_ms", Integer),
    Column("null_reason", Text),
    Column("interrupted", Boolean, nullable=False),
    Column("unanswered", Boolean, nullable=False),
    Column("detail", Text, nullable=False),  # JSON: the whole turn
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
    Column("lines", LargeBinary, nullable=False),  # gzip of the joined chunks
)

journals = Table(
    "journals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
