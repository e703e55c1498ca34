"""The first tables: sessions, connections, turns, chunks, recordings, journals.

Knows: the tables as they are from revision 0001 on.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LIVE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text),
        sa.Column("call_sid", sa.Text),
        sa.Column("account_sid", sa.Text),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("from_number", sa.Text),
        sa.Column("to_number", sa.Text),
        sa.Column("direction", sa.Text),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("ended_by", sa.Text),
        sa.Column("end_reason", sa.Text),
        sa.Column("studio_transition", sa.Text),
        sa.Column("twilio_error_code", sa.Integer),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("interruptions", sa.Integer, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("gaps", sa.Integer, nullable=False),
        sa.Column("response_p50_ms", sa.Integer),
        sa.Column("response_p95_ms", sa.Integer),
        sa.Column("response_n", sa.Integer, nullable=False),
        sa.Column("custom_parameters", sa.Text, nullable=False),
        sa.Column("handoff", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_sessions_started", "sessions", ["started_at", "id"])
    op.create_index("ix_sessions_session_id", "sessions", ["session_id"])
    op.create_index("ix_sessions_call_sid", "sessions", ["call_sid"])
    op.create_index("ix_sessions_live", "sessions", ["started_at", "id"], sqlite_where=LIVE, postgresql_where=LIVE)
    op.create_table(
        "connections",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("journal", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("opened_mono", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("opening", sa.Text, nullable=False),
        sa.Column("ending", sa.Text),
        sa.Column("next_seq", sa.BigInteger, nullable=False),
        sa.Column("resume", sa.Text),
    )
    op.create_index("ix_connections_session", "connections", ["session"])
    op.create_index("ix_connections_live", "connections", ["journal"], sqlite_where=LIVE, postgresql_where=LIVE)
    op.create_table(
        "turns",
        sa.Column("session", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("opened_by", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("caller_text", sa.Text, nullable=False),
        sa.Column("agent_text", sa.Text, nullable=False),
        sa.Column("response_latency_ms", sa.Integer),
        sa.Column("null_reason", sa.Text),
        sa.Column("interrupted", sa.Boolean, nullable=False),
        sa.Column("unanswered", sa.Boolean, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_table(
        "chunks",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("first_seq", sa.BigInteger, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("lines", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "recordings",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("lines", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "journals",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("segment", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("journals", "recordings", "chunks", "turns", "connections", "sessions"):
        op.drop_table(table)
