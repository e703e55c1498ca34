"""Which versions can use a database that a newer one has migrated.

Knows: the table that revision 0026 adds.
Must not know: what later revisions make of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
additive = True


def upgrade() -> None:
    op.create_table("schema_compatibility", sa.Column("least_revision", sa.Text, primary_key=True))


def downgrade() -> None:
    op.drop_table("schema_compatibility")
