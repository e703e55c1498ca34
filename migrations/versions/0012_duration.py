"""Lists of sessions sorted by how long these took, of a million without reading them all.

Knows: the column that revision 0012 adds, which the database itself fills, and its index.
Must not know: what later revisions make of them.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# SQLite can add such a column to a table only where it takes no room, PostgreSQL only where it does.
KINDS = {"sqlite": "VIRTUAL", "postgresql": "STORED"}


def upgrade() -> None:
    kind = KINDS[op.get_bind().dialect.name]
    op.execute(f"ALTER TABLE sessions ADD COLUMN duration BIGINT GENERATED ALWAYS AS (ended_at - started_at) {kind}")
    op.execute("CREATE INDEX ix_sessions_duration ON sessions (duration, started_at, id)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_sessions_duration")
    op.execute("ALTER TABLE sessions DROP COLUMN duration")
