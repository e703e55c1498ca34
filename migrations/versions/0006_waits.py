"""How long callers waited, and how often they had to ask again. What was stored before gets these by a rebuild.

Knows: the columns that revision 0006 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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
    "handoff_reason",
    "confidence",
    "ended_by",
]
EMPTY = {"sessions": ("backend", "strip"), "turns": ()}


def upgrade() -> None:
    op.drop_index("ix_sessions_numbers", "sessions")
    _add("sessions", sa.Column("asked_again", sa.Integer, nullable=False, server_default="0"), after="unanswered")
    _add("sessions", sa.Column("longest_wait_ms", sa.Integer), after="response_max_ms")
    _add("turns", sa.Column("longest_wait_ms", sa.Integer), after="user_bot_latency_ms")
    op.create_index("ix_sessions_numbers", "sessions", NUMBERS)


def downgrade() -> None:
    op.drop_index("ix_sessions_numbers", "sessions")
    for name in ("asked_again", "longest_wait_ms"):
        op.drop_column("sessions", name)
    op.drop_column("turns", "longest_wait_ms")
    op.create_index("ix_sessions_numbers", "sessions", [name for name in NUMBERS if name != "longest_wait_ms"])


def _add(name: str, column: sa.Column[int], after: str) -> None:
    """The column in its place on SQLite, where what stands before long texts is read without them."""
    if op.get_bind().dialect.name != "sqlite":
        op.add_column(name, column)
        return
    triggers = sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name")
    kept = list(op.get_bind().execute(triggers, {"name": name}).scalars())
    with op.batch_alter_table(name, recreate="always") as table:
        table.add_column(column, insert_after=after)
        # Defaults that are an empty text come back from SQLite as an expression.
        for emptied in EMPTY[name]:
            table.alter_column(emptied, server_default="")
    # They go with the table that was there before.
    for statement in kept:
        op.execute(sa.text(statement.replace(":", "\\:")))
