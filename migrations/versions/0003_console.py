"""What the console lists, searches and lets people add: more numbers of sessions and turns, labels, notes, audit,
vitals, and an index of what was said. Sessions that were stored before get the new numbers by a rebuild.

Knows: the tables and columns that revision 0003 adds; how each database indexes words.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COUNTS = (
    "responses",
    "interrupted_responses",
    "false_interruptions",
    "stale_chunks",
    "unheard_chars",
    "sent_chars",
)
NUMBERS = [
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
    "response_p50_ms",
    "response_p95_ms",
    "response_n",
    "backend",
    "handoff_reason",
    "confidence",
    "ended_by",
]
FAILED = sa.text("twilio_error_code IS NOT NULL")
BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")

FTS = (
    "CREATE VIRTUAL TABLE turns_fts USING fts5(caller_text, agent_text, content='turns', content_rowid='id', "
    "prefix='2 3', "
    "tokenize='unicode61 remove_diacritics 2')",
    "INSERT INTO turns_fts(turns_fts) VALUES('rebuild')",
    "CREATE TRIGGER turns_fts_insert AFTER INSERT ON turns BEGIN "
    "INSERT INTO turns_fts(rowid, caller_text, agent_text) VALUES (new.id, new.caller_text, new.agent_text); END",
    "CREATE TRIGGER turns_fts_delete AFTER DELETE ON turns BEGIN "
    "INSERT INTO turns_fts(turns_fts, rowid, caller_text, agent_text) "
    "VALUES ('delete', old.id, old.caller_text, old.agent_text); END",
    "CREATE TRIGGER turns_fts_update AFTER UPDATE OF caller_text, agent_text ON turns "
    "WHEN old.caller_text IS NOT new.caller_text OR old.agent_text IS NOT new.agent_text BEGIN "
    "INSERT INTO turns_fts(turns_fts, rowid, caller_text, agent_text) "
    "VALUES ('delete', old.id, old.caller_text, old.agent_text); "
    "INSERT INTO turns_fts(rowid, caller_text, agent_text) VALUES (new.id, new.caller_text, new.agent_text); END",
)
# A tsvector holds 1 MB at most; of a text that long the beginning is searched. Punctuation goes: PostgreSQL would look
# for URLs, addresses and tags, which takes minutes in a text that is made for it.
SAID = (
    "to_tsvector('simple', translate(left(caller_text, 50000) || ' ' || left(agent_text, 50000), "
    "'!\"#$&''()*+,-./:;<=>?@[\\]^_`{|}~', repeat(' ', 32)))"
)


def upgrade() -> None:
    with op.batch_alter_table("sessions", recreate="always") as table:
        before = "confidence"
        for name in COUNTS:
            table.add_column(sa.Column(name, sa.Integer, nullable=False, server_default="0"), insert_after=before)
            before = name
        table.add_column(sa.Column("response_max_ms", sa.Integer), insert_after=before)
        table.add_column(sa.Column("handoff_reason", sa.Text), insert_after="response_max_ms")
        table.add_column(
            sa.Column("backend", sa.Text, nullable=False, server_default=""), insert_after="handoff_reason"
        )
        table.add_column(sa.Column("strip", sa.Text, nullable=False, server_default=""), insert_after="backend")
    op.drop_index("ix_sessions_started", "sessions")
    op.create_index("ix_sessions_numbers", "sessions", NUMBERS)
    op.create_index("ix_sessions_from", "sessions", ["from_number", "started_at"])
    op.create_index("ix_sessions_to", "sessions", ["to_number", "started_at"])
    op.create_index("ix_sessions_transition", "sessions", ["studio_transition", "started_at", "id", "ended_at"])
    op.create_index("ix_sessions_outcome", "sessions", ["outcome", "started_at", "id", "ended_at"])
    code = ["twilio_error_code", "started_at"]
    op.create_index("ix_sessions_code", "sessions", code, sqlite_where=FAILED, postgresql_where=FAILED)
    with op.batch_alter_table("journals", recreate="always") as table:
        table.add_column(sa.Column("recorder", sa.Text, nullable=False, server_default=""), insert_after="updated_at")
    _new_turns()
    op.create_table(
        "labels",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("started_at", sa.BigInteger, primary_key=True),
        sa.Column("session", sa.Text, primary_key=True),
    )
    op.create_index("ix_labels_session", "labels", ["session"])
    op.create_table(
        "notes",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_notes_session", "notes", ["session"])
    op.create_table(
        "audit",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
    )
    op.create_table(
        "vitals",
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in FTS:
            op.execute(statement)
    else:
        op.execute(f"ALTER TABLE turns ADD COLUMN said tsvector GENERATED ALWAYS AS ({SAID}) STORED")
        op.execute("CREATE INDEX ix_turns_said ON turns USING gin (said)")


def _new_turns() -> None:
    # The index of words names a turn by one number, which stays the same whatever is done to the file.
    op.rename_table("turns", "turns_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX turns_pkey RENAME TO turns_before_pkey")
    op.create_table(
        "turns",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("opened_by", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("response_latency_ms", sa.Integer),
        sa.Column("backend_latency_ms", sa.Integer),
        sa.Column("user_bot_latency_ms", sa.Integer),
        sa.Column("null_reason", sa.Text),
        sa.Column("interrupted", sa.Boolean, nullable=False),
        sa.Column("unanswered", sa.Boolean, nullable=False),
        sa.Column("caller_text", sa.Text, nullable=False),
        sa.Column("agent_text", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint("session", "number", name="uq_turns_place"),
    )
    numbers = ["session", "response_latency_ms", "null_reason", "started_at"]
    op.create_index("ix_turns_numbers", "turns", numbers)
    names = (
        "session, number, opened_by, started_at, ended_at, response_latency_ms, null_reason, interrupted, unanswered, "
        "caller_text, agent_text, detail"
    )
    copied = f"INSERT INTO turns ({names}) SELECT {names} FROM turns_before ORDER BY started_at, session, number"  # noqa: S608
    op.execute(copied)
    op.drop_table("turns_before")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER turns_fts_{name}")
        op.execute("DROP TABLE turns_fts")
    else:
        op.execute("DROP INDEX ix_turns_said")
        op.execute("ALTER TABLE turns DROP COLUMN said")
    for name in ("vitals", "audit", "notes", "labels"):
        op.drop_table(name)
    _old_turns()
    with op.batch_alter_table("journals") as table:
        table.drop_column("recorder")
    for name in ("numbers", "from", "to", "transition", "outcome", "code"):
        op.drop_index(f"ix_sessions_{name}", "sessions")
    op.create_index("ix_sessions_started", "sessions", ["started_at", "id"])
    with op.batch_alter_table("sessions") as table:
        for name in (*COUNTS, "response_max_ms", "handoff_reason", "backend", "strip"):
            table.drop_column(name)


def _old_turns() -> None:
    op.drop_index("ix_turns_numbers", "turns")
    with op.batch_alter_table("turns", recreate="always") as table:
        table.drop_constraint("uq_turns_place", type_="unique")
        for name in ("id", "backend_latency_ms", "user_bot_latency_ms"):
            table.drop_column(name)
        table.create_primary_key("pk_turns", ["session", "number"])
