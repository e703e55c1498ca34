"""Sessions that are no ordinary calls: shadows, and calls into which faults were injected.

Knows: the table that revision 0023 adds.
Must not know: what later revisions make of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "treatments",
        sa.Column("session", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("shadow_of", sa.Text),
    )
    op.create_index("ix_treatments_shadow_of", "treatments", ["shadow_of"])


def downgrade() -> None:
    op.drop_table("treatments")
