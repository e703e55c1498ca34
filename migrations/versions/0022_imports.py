"""Imports: sessions that were not recorded here, but came as files.

Knows: the table that revision 0022 adds.
Must not know: what later revisions make of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("session", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("produced_by", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("imports")
