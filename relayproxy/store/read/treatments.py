"""Treatments: what sets sessions apart from ordinary calls, and which session is the shadow of which.

Knows: that a shadow names the connection of its call, which may have come to belong to a session of several.
Must not know: HTML, JSON, how calls are treated.

Raises what every method of `Queries` raises.
"""

from collections.abc import Iterable

from sqlalchemy import select

from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.mapping import columns, value
from relayproxy.store.schema.rows import SessionRow, TreatmentRow
from relayproxy.store.schema.tables import connections, sessions, treatments

MOST = 20
"""Shadows of one session that are listed."""


def treatments_of(queries: Queries, ids: Iterable[str]) -> dict[str, TreatmentRow]:
    """The treatments of these sessions (our ids) by id; ordinary calls are left out."""
    with queries.reading() as db:
        found = db.execute(columns(TreatmentRow, treatments).where(treatments.c.session.in_([*ids])))
        return {row.session: value(TreatmentRow, row) for row in found}


def shadows_of(queries: Queries, session: str) -> tuple[SessionRow, ...]:
    """The first shadows of this session (our id), first first; rows without their `detail`."""
    mine = select(connections.c.id).where(connections.c.session == session)
    ids = select(treatments.c.session).where(treatments.c.shadow_of.in_(mine))
    c = sessions.c
    query = columns(SessionRow, sessions, blank="detail").where(c.id.in_(ids)).order_by(c.started_at, c.id)
    with queries.reading() as db:
        return tuple(value(SessionRow, row) for row in db.execute(query.limit(MOST)))


def call_of(queries: Queries, shadow_of: str) -> str | None:
    """The session (our id) of a call's connection, which a shadow names; None when it is gone."""
    c = connections.c
    with queries.reading() as db:
        found: str | None = db.execute(select(c.session).where(c.id == shadow_of)).scalar_one_or_none()
        return found
