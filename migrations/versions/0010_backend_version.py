"""The backend's version. What was stored before gets it by a rebuild, once the settings say where calls tell it.

Knows: the column that revision 0010 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"
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


def upgrade() -> None:
    op.drop_index("ix_sessions_numbers", "sessions")
    column: sa.Column[str] = sa.Column("backend_version", sa.Text)
    if op.get_bind().dialect.name == "sqlite":
        # In its place: what stands before long texts is read without them.
        with op.batch_alter_table("sessions", recreate="always") as table:
            table.add_column(column, insert_after="backend")
            # Defaults that are an empty text come back from SQLite as an expression.
            for emptied in ("backend", "strip"):
                table.alter_column(emptied, server_default="")
    else:
        op.add_column("sessions", column)
    op.create_index("ix_sessions_numbers", "sessions", NUMBERS)


def downgrade() -> None:
    op.drop_index("ix_sessions_numbers", "sessions")
    op.drop_column("sessions", "backend_version")
    op.create_index("ix_sessions_numbers", "sessions", [name for name in NUMBERS if name != "backend_version"])
