"""Sessions that need a rebuild: stored by an earlier version, without the newer columns.

Knows: since which revision these are stored, and how a session without their columns is recognised.
Must not know: how they are derived.
"""

from sqlalchemy import Connection, and_, case, func, or_, select

from relayproxy.store.schema.tables import sessions

DERIVES = frozenset({"0003", "0006"})
"""Revisions that add what is derived from a recording: a session that was stored before gets it by a rebuild."""
LOOKED_AT = 1000
"""The oldest sessions, which are checked; those of an earlier version are among them."""


def outdated(db: Connection) -> int:
    """The number of the oldest sessions that an earlier version stored and that have not been rebuilt since."""
    c = sessions.c
    looked_at = select(c.turns, c.backend, c.strip, c.ended_at, c.response_n, c.longest_wait_ms)
    oldest = looked_at.order_by(c.started_at, c.id).limit(LOOKED_AT).subquery().c
    # A session of this version has the URL of its backend, and where there was an answer there was a wait for it.
    bare = or_(
        and_(oldest.turns > 0, oldest.backend == "", oldest.strip == ""),
        and_(oldest.response_n > 0, oldest.longest_wait_ms.is_(None)),
    )
    bare = and_(bare, oldest.ended_at.is_not(None))
    return int(db.execute(select(func.coalesce(func.sum(case((bare, 1), else_=0)), 0))).scalar_one())


def any_session(db: Connection) -> bool:
    """True when anything has been recorded."""
    return db.execute(select(sessions.c.id).limit(1)).first() is not None
