"""When the content of a session was deleted, what has been erased, and what is to be erased in journals.

Knows: the column and the tables that revision 0017 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None

DURATION = "ALTER TABLE sessions ADD COLUMN duration BIGINT GENERATED ALWAYS AS (ended_at - started_at) VIRTUAL"
DURATION_INDEX = "CREATE INDEX ix_sessions_duration ON sessions (duration, started_at, id)"


def upgrade() -> None:
    column: sa.Column[int] = sa.Column("content_deleted_at", sa.BigInteger)
    if op.get_bind().dialect.name == "sqlite":
        # In its place: what stands before long texts is read without them. A computed column cannot be copied.
        op.execute("DROP INDEX ix_sessions_duration")
        op.execute("ALTER TABLE sessions DROP COLUMN duration")
        with op.batch_alter_table("sessions", recreate="always") as table:
            table.add_column(column, insert_after="ended_at")
            # Defaults that are an empty text come back from SQLite as an expression.
            for emptied in ("backend", "strip"):
                table.alter_column(emptied, server_default="")
        op.execute(DURATION)
        op.execute(DURATION_INDEX)
    else:
        op.add_column("sessions", column)
    kept = sa.text("content_deleted_at IS NULL")
    op.create_index(
        "ix_sessions_content", "sessions", ["route", "started_at"], sqlite_where=kept, postgresql_where=kept
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("route", sa.Text),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("follows", sa.Text),
        sa.Column("sessions", sa.Integer, nullable=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("notes", sa.Integer, nullable=False),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("sought", sa.Text, nullable=False),
    )
    op.create_table(
        "journal_erasures",
        sa.Column("journal", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("journal_erasures")
    op.drop_table("erasures")
    op.drop_index("ix_sessions_content", "sessions")
    op.drop_column("sessions", "content_deleted_at")
