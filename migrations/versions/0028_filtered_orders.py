"""Sorted lists under a filter: the indexes of their orders have what lists are mostly narrowed by, so that what is gone
through for a page is the index alone.

Knows: the indexes that revision 0028 makes anew.
Must not know: what later revisions make of them.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
additive = True

INDEXES = {"turns": "turns", "interruptions": "interruptions", "latency": "response_max_ms", "wait": "longest_wait_ms"}
NARROWED_BY = ["ended_at", "studio_transition", "outcome", "route"]


def upgrade() -> None:
    for name, column in INDEXES.items():
        op.drop_index(f"ix_sessions_{name}", "sessions")
        if op.get_bind().dialect.name == "sqlite":
            op.create_index(f"ix_sessions_{name}", "sessions", [column, "started_at", "id", *NARROWED_BY])


def downgrade() -> None:
    for name, column in INDEXES.items():
        op.execute(f"DROP INDEX IF EXISTS ix_sessions_{name}")
        op.create_index(f"ix_sessions_{name}", "sessions", [column, "started_at", "id"])
