"""Alerts, what was told of them, and silences.

Knows: the tables that revision 0020 adds.
Must not know: what later revisions make of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_BIG_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_OPEN = sa.text("resolved_at IS NULL")
_PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _BIG_KEY, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("route", sa.Text),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("resolved_because", sa.Text),
        sa.Column("well_since", sa.BigInteger),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("worst", sa.Double, nullable=False),
        sa.Column("above", sa.Double, nullable=False),
        sa.Column("window_s", sa.Double),
        sa.Column("samples", sa.Integer),
        sa.Column("example", sa.Text),
        sa.Column("summary", sa.Text, nullable=False),
    )
    op.create_index("ix_alerts_open", "alerts", ["rule"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_alerts_example", "alerts", ["example"])
    op.create_table(
        "alert_deliveries",
        sa.Column("alert", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("webhook", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index(
        "ix_alert_deliveries_pending",
        "alert_deliveries",
        ["next_at"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    op.create_table(
        "alert_silences",
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("alert_silences")
    op.drop_table("alert_deliveries")
    op.drop_table("alerts")
