"""Erasure orders: what an erasure would mean, ordering it, and its receipt, for consoles and the command line.

Knows: that an order is for what was shown: for the same criterion, and for few sessions more.
Must not know: SQL; who may order; how an erasure is carried out.
"""

import hashlib
import time

from relayproxy.store.read.erasures import Erasure, Match, Sought, find, read_erasure, read_erasures
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.deletion.erasures import order

MORE, MORE_SHARE = 10, 0.1
"""Sessions by which an order may exceed what was shown, or that share of them, whichever is more: calls go on while
somebody reads."""


class ChangedError(Exception):
    """What is ordered is not what was shown, or many more sessions are meant by now."""


def confirmation(sought: Sought, shown: int) -> str:
    """What confirms an erasure of which so many sessions were shown."""
    digest = hashlib.sha256(repr((sought, shown)).encode()).hexdigest()[:32]
    return f"{shown}-{digest}"


def preview(queries: Queries, sought: Sought) -> Match:
    """What would be erased. Raises as queries do."""
    with queries.reading() as db:
        return find(db, sought, time.time_ns())


def order_erasure(
    queries: Queries, writer: AnnotationWriter, sought: Sought, confirm: str, actor: str, address: str
) -> str:
    """Orders what was shown and what has come of it since, by the `confirmation`; the id of the erasure. It is in the
    audit then. Raises `ChangedError`, and as queries and `AnnotationWriter.writing` do."""
    now = time.time_ns()
    # Not in the transaction that writes, which others would wait for.
    with queries.reading() as db:
        found = find(db, sought, now).sessions
    shown = _confirmed(sought, confirm)
    if found > shown + max(MORE, int(shown * MORE_SHARE)):
        raise ChangedError
    with writer.writing() as db:
        return order(db, sought, shown, actor, address, now)


def _confirmed(sought: Sought, confirm: str) -> int:
    """How many sessions were shown. Raises `ChangedError` for what does not confirm this criterion."""
    shown, _, _ = confirm.partition("-")
    if not (shown.isascii() and shown.isdigit() and len(shown) < 19) or confirmation(sought, int(shown)) != confirm:
        raise ChangedError
    return int(shown)


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
