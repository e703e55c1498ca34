"""Rollups of days: numbers of all calls that began in the same day.

Knows: the table and the column that revision 0029 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None
additive = True


def upgrade() -> None:
    op.add_column("rollups", sa.Column("day_read", sa.BigInteger))
    op.create_table(
        "rollup_days",
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True),
        sa.Column("versions", sa.Text, nullable=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
        sa.Column("steps", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("rollup_days")
    op.drop_column("rollups", "day_read")
