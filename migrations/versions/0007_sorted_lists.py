"""Lists of sessions sorted by more than their beginning, of a million without reading them all.

Knows: the indexes that revision 0007 adds.
Must not know: what later revisions make of them.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {"turns": "turns", "interruptions": "interruptions", "latency": "response_max_ms", "wait": "longest_wait_ms"}


def upgrade() -> None:
    for name, column in INDEXES.items():
        op.create_index(f"ix_sessions_{name}", "sessions", [column, "started_at", "id"])


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(f"ix_sessions_{name}", "sessions")
