"""How many sessions an erasure was confirmed for, which are open, and which journals they wait for or went without.

Knows: the columns and the index that revision 0018 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("erasures", sa.Column("shown", sa.Integer))
    op.add_column("erasures", sa.Column("without", sa.Text))
    op.add_column("journal_erasures", sa.Column("erasure", sa.Text))
    is_open = sa.text("done_at IS NULL")
    op.create_index("ix_erasures_open", "erasures", ["at"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    op.drop_index("ix_erasures_open", "erasures")
    op.drop_column("journal_erasures", "erasure")
    op.drop_column("erasures", "without")
    op.drop_column("erasures", "shown")
