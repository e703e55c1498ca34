"""How many sessions an erasure was confirmed for.

Knows: the column that revision 0018 adds.
Must not know: what later revisions make of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("erasures", sa.Column("shown", sa.Integer))


def downgrade() -> None:
    op.drop_column("erasures", "shown")
