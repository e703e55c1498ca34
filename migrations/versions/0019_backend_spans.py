"""Spans that backends sent, how many of them were erased, and by which trace a connection is found.

Knows: the tables and the columns that revision 0019 adds. Earlier ones have none: no more spans will come of
their calls.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column: sa.Column[str] = sa.Column("trace_id", sa.Text, nullable=False, server_default="")
    if op.get_bind().dialect.name == "sqlite":
        # In its place: what stands before long texts is read without them.
        with op.batch_alter_table("connections", recreate="always") as table:
            table.add_column(column, insert_after="ended_at")
    else:
        op.add_column("connections", column)
    op.create_index("ix_connections_trace", "connections", ["trace_id"])
    op.create_table(
        "backend_spans",
        sa.Column("trace_id", sa.Text, primary_key=True),
        sa.Column("span_id", sa.Text, primary_key=True),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("joined_by", sa.Text, nullable=False),
        sa.Column("parent_span_id", sa.Text),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("left_out", sa.Integer, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_backend_spans_session", "backend_spans", ["session", "started_at"])
    op.create_table(
        "backend_span_counts",
        sa.Column("session", sa.Text, primary_key=True),
        sa.Column("spans", sa.Integer, nullable=False),
        sa.Column("received_frames", sa.Integer, nullable=False),
        sa.Column("sent_frames", sa.Integer, nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.Column("limited", sa.Integer, nullable=False),
    )
    op.add_column("erasures", sa.Column("spans", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("erasures", "spans")
    op.drop_table("backend_span_counts")
    op.drop_table("backend_spans")
    op.drop_index("ix_connections_trace", "connections")
    op.drop_column("connections", "trace_id")
