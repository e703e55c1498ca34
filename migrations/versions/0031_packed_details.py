"""Packed details of sessions and turns, which take a fifth of the room. What was stored before stays as it is.

Knows: the columns that revision 0031 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None
# Who does not know of them reads what is written from now on as empty.
additive = False

TABLES = ("sessions", "turns")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("packed", sa.LargeBinary))
        if op.get_bind().dialect.name == "postgresql":
            # Several machines write a server's database: a process of an earlier version that still runs may not change
            # or clear a detail beside what is read of it. What is there is not looked through.
            op.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_packed CHECK (packed IS NULL OR detail = '') NOT VALID"
            )


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "packed")
