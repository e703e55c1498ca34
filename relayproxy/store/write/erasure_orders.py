"""Erasure orders: what an erasure would mean, ordering it, and its receipt, for consoles and the command line.

Knows: that what is shown and what is then ordered must be the same sessions.
Must not know: SQL; who may order; how an erasure is carried out.
"""

import time

from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.erasures import Erasure, Match, Sought, find, order, read_erasure, read_erasures


class ChangedError(Exception):
    """Other sessions are meant than were shown."""


def preview(queries: Queries, sought: Sought) -> Match:
    """What would be erased. Raises as queries do."""
    with queries.reading() as db:
        return find(db, sought, time.time_ns())


def order_erasure(
    queries: Queries, writer: AnnotationWriter, sought: Sought, digest: str, actor: str, address: str
) -> str:
    """Orders what was shown, by the `digest` of its `Match`; the id of the erasure. It is in the audit then. Raises
    `ChangedError` when other sessions are meant by now, and as queries and `AnnotationWriter.writing` do."""
    now = time.time_ns()
    # Not in the transaction that writes, which others would wait for.
    with queries.reading() as db:
        if find(db, sought, now).digest != digest:
            raise ChangedError
    with writer.writing() as db:
        return order(db, sought, actor, address, now)


def erasure(queries: Queries, id: str) -> Erasure | None:
    """An erasure, or its receipt; None when there is none of that id."""
    with queries.reading() as db:
        return read_erasure(db, id)


def erasures_before(queries: Queries, limit: int, before: tuple[int, str] | None) -> tuple[list[Erasure], bool]:
    """Erasures and receipts of retention, the newest first, from the place of another on; and whether there are
    more."""
    with queries.reading() as db:
        found = read_erasures(db, limit + 1, before)
    return found[:limit], len(found) > limit
