"""Rollups: numbers of all calls that began in the same half hour.

Knows: the table that revision 0025 adds.
Must not know: what later revisions make of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollups",
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("versions", sa.Text, nullable=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("rollups")
