"""Leases: which of several processes on one database does what only one of them should do.

Knows: that one at a time does, for as long as it renews its lease; whose it was may take it again.
Must not know: what is done; how long a lease is.

Clocks of machines may differ. What is done under a lease does no harm when two think that they have it: of an alert's
rule one firing is open, and an attempt to tell is made once; a part of a recording is moved once.
"""

from typing import Any, Literal, cast

from sqlalchemy import Connection, or_, update

from relayproxy.store.schema.mapping import insert_once
from relayproxy.store.schema.tables import leases

Name = Literal["alerts", "recordings"]
_l = leases.c


def take_lease(db: Connection, name: Name, owner: str, now: int, until: int) -> bool:
    """Takes or renews a lease, in a transaction that writes; False while another one has it. Times are wall
    nanoseconds."""
    mine = update(leases).where(_l.name == name, or_(_l.owner == owner, _l.until <= now))
    if db.execute(mine.values(owner=owner, until=until)).rowcount:
        return True
    first = cast(Any, insert_once(db.dialect.name, leases)).values(name=name, owner=owner, until=until)
    return db.execute(first.returning(_l.name)).first() is not None


def give_up_lease(db: Connection, name: Name, owner: str) -> None:
    """Gives it up, so that another one need not wait for its end."""
    db.execute(update(leases).where(_l.name == name, _l.owner == owner).values(until=0))
