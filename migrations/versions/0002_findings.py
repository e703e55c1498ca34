"""Findings, unanswered turns and confidence of a session. They stay at nothing for sessions that were stored before,
until those are rebuilt.

Knows: the columns that revision 0002 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ("unanswered", "errors", "warnings")


def upgrade() -> None:
    with op.batch_alter_table("sessions", recreate="always") as table:
        before = "gaps"
        for name in COLUMNS:
            table.add_column(sa.Column(name, sa.Integer, nullable=False, server_default="0"), insert_after=before)
            before = name
        table.add_column(sa.Column("confidence", sa.Text), insert_after=before)


def downgrade() -> None:
    with op.batch_alter_table("sessions") as table:
        for name in (*COLUMNS, "confidence"):
            table.drop_column(name)
