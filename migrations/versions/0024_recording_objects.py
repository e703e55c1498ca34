"""Recordings in objects: where a part lies, places, and objects that are to be deleted.

Knows: the columns, indexes and tables that revision 0024 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

HERE, MOVED = sa.text("object IS NULL"), sa.text("object IS NOT NULL")


def upgrade() -> None:
    op.add_column("recordings", sa.Column("sealed_at", sa.BigInteger))
    op.add_column("recordings", sa.Column("object", sa.Text))
    op.add_column("recordings", sa.Column("sha256", sa.Text))
    op.create_index("ix_recordings_here", "recordings", ["sealed_at"], sqlite_where=HERE, postgresql_where=HERE)
    op.create_index("ix_recordings_object", "recordings", ["object"], sqlite_where=MOVED, postgresql_where=MOVED)
    op.create_table(
        "recording_places",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("root", sa.Text, nullable=False, unique=True),
        sa.Column("endpoint", sa.Text),
        sa.Column("path_style", sa.Boolean, nullable=False),
    )
    op.create_table(
        "object_deletions",
        sa.Column("object", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("erasure", sa.Text),
    )
    op.create_index("ix_object_deletions_erasure", "object_deletions", ["erasure"])


def downgrade() -> None:
    op.drop_table("object_deletions")
    op.drop_table("recording_places")
    op.drop_index("ix_recordings_object", "recordings")
    op.drop_index("ix_recordings_here", "recordings")
    op.drop_column("recordings", "sha256")
    op.drop_column("recordings", "object")
    op.drop_column("recordings", "sealed_at")
