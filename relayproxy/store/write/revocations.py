"""Revocations: sign-ins that were ended before they ran out, for every console on the database.

Knows: their table; that an entry is of no use once the sign-in would have run out.
Must not know: what a sign-in gives access to.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select

from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.mapping import insert_once, parameters
from relayproxy.store.schema.tables import revocations
from relayproxy.store.write.annotation_writer import AnnotationWriter

GRACE = 3600 * 1_000_000_000
"""Nanoseconds for which an entry is kept after it has run out: clocks of several machines differ."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revoked sign-in. `until` is when it would have run out, wall nanoseconds."""

    id: str
    until: int


def add_revocations(writer: AnnotationWriter, added: Iterable[Revocation]) -> None:
    """Adds what is not there yet and takes away what has run out, in one transaction. Raises as
    `AnnotationWriter.writing` does."""
    rows = parameters({one.id: one for one in added}.values())
    with writer.writing() as db:
        if rows:
            db.execute(insert_once(db.dialect.name, revocations), rows)
        db.execute(delete(revocations).where(revocations.c.until < time.time_ns() - GRACE))


def revoked(queries: Queries, ids: Iterable[str]) -> frozenset[str]:
    """Those of the ids that are revoked. Raises `StoreError`."""
    with queries.reading() as db:
        return frozenset(db.execute(select(revocations.c.id).where(revocations.c.id.in_(list(ids)))).scalars())
