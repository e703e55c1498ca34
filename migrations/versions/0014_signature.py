"""The state of Twilio's signature. What was stored before gets it by a rebuild; until then filters do not find it.

Knows: the column that revision 0014 adds.
Must not know: what later revisions make of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

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
    "longest_wait_ms",
    "response_p50_ms",
    "response_p95_ms",
    "response_n",
    "backend",
    "backend_version",
    "handoff_reason",
    "confidence",
    "ended_by",
]


# SQLite can copy no table with such a column, and adds one only where it takes no room.
DURATION = "ALTER TABLE sessions ADD COLUMN duration BIGINT GENERATED ALWAYS AS (ended_at - started_at) VIRTUAL"
DURATION_INDEX = "CREATE INDEX ix_sessions_duration ON sessions (duration, started_at, id)"


def upgrade() -> None:
    column: sa.Column[str] = sa.Column("signature", sa.Text)
    op.drop_index("ix_sessions_numbers", "sessions")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP INDEX ix_sessions_duration")
        op.execute("ALTER TABLE sessions DROP COLUMN duration")
        # In its place: what stands before long texts is read without them.
        with op.batch_alter_table("sessions", recreate="always") as table:
            table.add_column(column, insert_after="backend_version")
            # Defaults that are an empty text come back from SQLite as an expression.
            for emptied in ("backend", "strip"):
                table.alter_column(emptied, server_default="")
        op.execute(DURATION)
        op.execute(DURATION_INDEX)
    else:
        op.add_column("sessions", column)
    op.create_index("ix_sessions_numbers", "sessions", [*NUMBERS, "signature"])


def downgrade() -> None:
    op.drop_index("ix_sessions_numbers", "sessions")
    op.drop_column("sessions", "signature")
    op.create_index("ix_sessions_numbers", "sessions", NUMBERS)
