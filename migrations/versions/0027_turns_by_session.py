"""On PostgreSQL a turn is known by its session and number alone: every unique key of what can be distributed over
several servers holds what it is distributed by.

Knows: the key that revision 0027 takes away.
Must not know: what later revisions make of it.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
additive = True


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute("ALTER TABLE turns DROP CONSTRAINT turns_pkey")
    op.execute("ALTER TABLE turns REPLICA IDENTITY USING INDEX uq_turns_place")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute("ALTER TABLE turns REPLICA IDENTITY DEFAULT")
    op.execute("DROP INDEX IF EXISTS ix_turns_id")
    op.execute("ALTER TABLE turns ADD PRIMARY KEY (id)")
