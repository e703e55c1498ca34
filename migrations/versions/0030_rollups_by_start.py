"""Rollups by time: those that a call which is changed or deleted may be in are found without going through all.

Knows: the indexes that revision 0030 adds.
Must not know: what later revisions make of them.
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None
additive = True


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in ("rollups", "rollup_days"):
            op.create_index(f"ix_{table}_start", table, ["start"])


def downgrade() -> None:
    for table in ("rollups", "rollup_days"):
        op.execute(f"DROP INDEX IF EXISTS ix_{table}_start")
