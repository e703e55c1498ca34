"""Bytes of journals that could not be read: what is missing whose calls nobody can tell.

Knows: the table that revision 0005 adds.
Must not know: what later revisions make of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journal_gaps",
        sa.Column("journal", sa.Text, primary_key=True),
        sa.Column("segment", sa.Integer, primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_journal_gaps_until", "journal_gaps", ["until"])


def downgrade() -> None:
    op.drop_table("journal_gaps")
